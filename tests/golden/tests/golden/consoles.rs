//! What consoles ask besides: how much room logs take, who produces, what has settings, and who may do what. The questions
//! of [`super::versions`] that one broker answers by itself.

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::{
    ApiKey, CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest, DescribeLogDirsRequest,
    DescribeProducersRequest, ListConfigResourcesRequest, RequestKind, ResponseKind,
    SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::StrBytes;
use klamm_protocol::convert;

const NONE: i16 = 0;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const ILLEGAL_SASL_STATE: i16 = 34;
const UNSUPPORTED_VERSION: i16 = 35;
const SECURITY_DISABLED: i16 = 54;

fn log_dirs(topic: &str) -> RequestKind {
    let topic = DescribableLogDirTopic::default()
        .with_topic(convert::topic(topic))
        .with_partitions(vec![0]);
    RequestKind::DescribeLogDirs(DescribeLogDirsRequest::default().with_topics(Some(vec![topic])))
}

fn producers(topic: &str) -> RequestKind {
    let topic =
        TopicRequest::default().with_name(convert::topic(topic)).with_partition_indexes(vec![0]);
    RequestKind::DescribeProducers(DescribeProducersRequest::default().with_topics(vec![topic]))
}

fn resources(types: &[i8]) -> RequestKind {
    let request = ListConfigResourcesRequest::default();
    RequestKind::ListConfigResources(request.with_resource_types(types.to_vec()))
}

/// The questions of an API in a version, each with the error that its answer must carry; none if it is not one of these.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn questions(key: ApiKey, version: i16, topic: &str) -> Option<Vec<(RequestKind, i16)>> {
    Some(match key {
        ApiKey::SaslHandshake => {
            let request = SaslHandshakeRequest::default();
            let request = request.with_mechanism(StrBytes::from_static_str("PLAIN"));
            vec![(RequestKind::SaslHandshake(request), ILLEGAL_SASL_STATE)]
        }
        ApiKey::SaslAuthenticate => {
            let request = SaslAuthenticateRequest::default().with_auth_bytes("\0u\0p".into());
            vec![(RequestKind::SaslAuthenticate(request), ILLEGAL_SASL_STATE)]
        }
        // Resource types, pattern types, operations and permissions count from 1, "any".
        ApiKey::DescribeAcls => {
            let request = DescribeAclsRequest::default()
                .with_resource_type_filter(1)
                .with_pattern_type_filter(1)
                .with_operation(1)
                .with_permission_type(1);
            vec![(RequestKind::DescribeAcls(request), SECURITY_DISABLED)]
        }
        ApiKey::CreateAcls => {
            let request = CreateAclsRequest::default().with_creations(vec![AclCreation::default()]);
            vec![(RequestKind::CreateAcls(request), SECURITY_DISABLED)]
        }
        ApiKey::DeleteAcls => {
            let filters = vec![DeleteAclsFilter::default()];
            let request = DeleteAclsRequest::default().with_filters(filters);
            vec![(RequestKind::DeleteAcls(request), SECURITY_DISABLED)]
        }
        ApiKey::DescribeLogDirs => {
            let everything = DescribeLogDirsRequest::default().with_topics(None);
            vec![(RequestKind::DescribeLogDirs(everything), NONE), (log_dirs(topic), NONE)]
        }
        ApiKey::DescribeProducers => vec![
            (producers(topic), NONE),
            (producers("nothing-of-this-name"), UNKNOWN_TOPIC_OR_PARTITION),
        ],
        // Version 0 asks for client metrics, and can say nothing else.
        ApiKey::ListConfigResources if version == 0 => vec![(resources(&[]), NONE)],
        ApiKey::ListConfigResources => vec![
            (resources(&[]), NONE),
            (resources(&[2, 4]), NONE),
            (resources(&[3]), UNSUPPORTED_VERSION),
        ],
        _ => return None,
    })
}

/// The error of an answer to one of these questions, with a look at the rest.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn error_of(version: i16, response: &ResponseKind) -> Option<i16> {
    Some(match response {
        ResponseKind::SaslHandshake(response) => {
            assert!(response.mechanisms.is_empty(), "{response:?}");
            response.error_code
        }
        ResponseKind::SaslAuthenticate(response) => {
            assert!(response.error_message.is_some(), "{response:?}");
            response.error_code
        }
        ResponseKind::DescribeAcls(response) => {
            assert!(response.resources.is_empty(), "{response:?}");
            response.error_code
        }
        ResponseKind::CreateAcls(response) => response.results[0].error_code,
        ResponseKind::DeleteAcls(response) => {
            assert!(response.filter_results[0].matching_acls.is_empty(), "{response:?}");
            response.filter_results[0].error_code
        }
        ResponseKind::DescribeLogDirs(response) => {
            assert_eq!(response.error_code, NONE);
            let [dir] = &response.results[..] else { panic!("one directory: {response:?}") };
            let partitions = dir.topics.iter().flat_map(|topic| &topic.partitions);
            assert!(partitions.into_iter().any(|told| told.partition_size > 0), "{dir:?}");
            dir.error_code
        }
        ResponseKind::DescribeProducers(response) => response.topics[0].partitions[0].error_code,
        ResponseKind::ListConfigResources(response) => {
            let some = version >= 1 && response.error_code == NONE;
            assert_eq!(!response.config_resources.is_empty(), some, "{response:?}");
            response.error_code
        }
        _ => return None,
    })
}
