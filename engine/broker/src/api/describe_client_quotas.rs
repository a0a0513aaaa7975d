//! DescribeClientQuotas (key 48, versions 0 and 1), on the broker listener. Reads the image.
//!
//! Errors: INVALID_REQUEST for a filter that makes no sense, UNSUPPORTED_VERSION for a type of entity that there is not.

use klamm_controller::image::{MetadataImage, QuotaEntity, QuotaName};
use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::describe_client_quotas_request::ComponentData;
use klamm_protocol::kafka::messages::describe_client_quotas_response::{
    EntityData, EntryData, ValueData,
};
use klamm_protocol::kafka::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};

/// What a part of an entity must be.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Match {
    This(QuotaName),
    /// Any name, and the default too.
    Any,
}

/// Answers with every entity that passes the filter.
pub fn answer(
    request: &DescribeClientQuotasRequest,
    image: &MetadataImage,
) -> DescribeClientQuotasResponse {
    let filter = match filter(&request.components) {
        Ok(filter) => filter,
        Err((error, why)) => {
            return DescribeClientQuotasResponse::default()
                .with_error_code(error.0)
                .with_error_message(Some(text(&why)))
                .with_entries(None);
        }
    };
    let found = image.quotas().filter(|(entity, _)| passes(entity, &filter, request.strict));
    let entries = found.map(|(entity, values)| {
        let part = |(kind, name): (&str, &QuotaName)| {
            EntityData::default()
                .with_entity_type(text(kind))
                .with_entity_name(name.name().map(text))
        };
        let value = |(key, value): (&String, &klamm_protocol::metadata::Double)| {
            ValueData::default().with_key(text(key)).with_value(value.0)
        };
        EntryData::default()
            .with_entity(entity.parts().map(part).collect())
            .with_values(values.iter().map(value).collect())
    });
    DescribeClientQuotasResponse::default().with_entries(Some(entries.collect()))
}

fn filter(components: &[ComponentData]) -> Result<Vec<(String, Match)>, (ErrorCode, String)> {
    let refuse = |why: &str| Err((ErrorCode::INVALID_REQUEST, why.to_owned()));
    let mut filter: Vec<(String, Match)> = Vec::new();
    for component in components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return refuse("Invalid empty entity type.");
        }
        if filter.iter().any(|(known, _)| known == kind) {
            return refuse(&format!(
                "Entity type {kind} cannot appear more than once in the filter."
            ));
        }
        if !["user", "client-id", "ip"].contains(&kind) {
            return Err((
                ErrorCode::UNSUPPORTED_VERSION,
                format!("Unsupported entity type {kind}"),
            ));
        }
        let wanted = match (component.match_type, &component._match) {
            (0, Some(name)) => Match::This(QuotaName::Named(name.to_string())),
            (0, None) => {
                return refuse("Request specified MATCH_TYPE_EXACT, but set match string to null.");
            }
            (1, None) => Match::This(QuotaName::Default),
            (1, Some(_)) => {
                return refuse(
                    "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.",
                );
            }
            (2, None) => Match::Any,
            (2, Some(_)) => {
                return refuse(
                    "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.",
                );
            }
            (other, _) => return refuse(&format!("Unknown match type {other}")),
        };
        filter.push((kind.to_owned(), wanted));
    }
    if filter.len() > 1 && filter.iter().any(|(kind, _)| kind == "ip") {
        return refuse(
            "Invalid entity filter component combination. IP filter component should not be used with user or \
             clientId filter component.",
        );
    }
    Ok(filter)
}

fn passes(entity: &QuotaEntity, filter: &[(String, Match)], strict: bool) -> bool {
    let part = |kind: &str| entity.parts().find(|(known, _)| *known == kind).map(|(_, name)| name);
    let all = filter.iter().all(|(kind, wanted)| match (part(kind), wanted) {
        (None, _) => false,
        (Some(_), Match::Any) => true,
        (Some(name), Match::This(wanted)) => name == wanted,
    });
    all && (!strict || entity.parts().count() == filter.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_node::Offset;
    use klamm_protocol::metadata::{ClientQuota, Double, QuotaEntityPart};

    const ALL: [&str; 5] = [
        "user=alice",
        "user=alice,client-id=app",
        "user=<default>",
        "client-id=app",
        "ip=10.0.0.7",
    ];

    fn image() -> MetadataImage {
        let mut image = MetadataImage::new();
        for (offset, entity) in (0..).zip(ALL) {
            let part = |part: &str| {
                let (kind, name) = part.split_once('=').expect("a part");
                let entity_name = (name != "<default>").then(|| name.to_owned());
                QuotaEntityPart { entity_type: kind.to_owned(), entity_name }
            };
            let record = ClientQuota {
                entity: entity.split(',').map(part).collect(),
                key: "producer_byte_rate".to_owned(),
                value: Double(5.0),
                remove: false,
            };
            image.apply(Offset(offset), &record.into());
        }
        image
    }

    fn ask(filter: &[(&str, i8, Option<&str>)], strict: bool) -> Result<Vec<String>, ErrorCode> {
        let component = |(kind, how, name): &(&str, i8, Option<&str>)| {
            ComponentData::default()
                .with_entity_type(text(kind))
                .with_match_type(*how)
                .with_match(name.map(text))
        };
        let request = DescribeClientQuotasRequest::default()
            .with_components(filter.iter().map(component).collect())
            .with_strict(strict);
        let answer = answer(&request, &image());
        let Some(entries) = answer.entries else { return Err(ErrorCode(answer.error_code)) };
        let shown = entries.iter().map(|entry| {
            assert_eq!(entry.values.len(), 1);
            let part = |part: &EntityData| {
                let name = part.entity_name.as_ref().map_or("<default>", |name| name.as_str());
                format!("{}={name}", part.entity_type.as_str())
            };
            entry.entity.iter().map(part).collect::<Vec<_>>().join(",")
        });
        Ok(shown.collect())
    }

    #[test]
    fn a_filter_finds_names_defaults_and_anything_of_a_type() {
        let found = |filter: &[(&str, i8, Option<&str>)], strict| {
            ask(filter, strict).expect("a good filter")
        };
        assert_eq!(found(&[], false).len(), ALL.len());
        assert_eq!(found(&[], true), Vec::<String>::new());
        assert_eq!(
            found(&[("user", 0, Some("alice"))], false),
            ["user=alice", "user=alice,client-id=app"]
        );
        assert_eq!(found(&[("user", 0, Some("alice"))], true), ["user=alice"]);
        assert_eq!(found(&[("user", 1, None)], false), ["user=<default>"]);
        assert_eq!(found(&[("user", 2, None)], true), ["user=<default>", "user=alice"]);
        assert_eq!(
            found(&[("user", 2, None), ("client-id", 0, Some("app"))], true),
            ["user=alice,client-id=app"]
        );
        assert_eq!(found(&[("ip", 2, None)], false), ["ip=10.0.0.7"]);
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        for filter in [
            [("", 0, Some("a"))].as_slice(),
            &[("user", 0, None)],
            &[("user", 1, Some("a"))],
            &[("user", 2, Some("a"))],
            &[("user", 3, None)],
            &[("user", 2, None), ("user", 1, None)],
            &[("user", 2, None), ("ip", 2, None)],
        ] {
            assert_eq!(ask(filter, false), Err(ErrorCode::INVALID_REQUEST), "{filter:?}");
        }
        assert_eq!(ask(&[("group", 2, None)], false), Err(ErrorCode::UNSUPPORTED_VERSION));
    }
}
