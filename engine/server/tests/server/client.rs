//! A client as plain as can be: one blocking socket, frames made and read by `klamm-protocol`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use klamm_node::{CorrelationId, Timestamp};
use klamm_protocol::codec::{decode_response, encode_request};
use klamm_protocol::convert::{text, topic};
use klamm_protocol::kafka::messages::fetch_request::{FetchPartition, FetchTopic};
use klamm_protocol::kafka::messages::metadata_request::MetadataRequestTopic;
use klamm_protocol::kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use klamm_protocol::kafka::messages::{
    ApiKey, ApiVersionsRequest, BrokerId, FetchRequest, MetadataRequest, ProduceRequest,
    RequestKind, ResponseKind,
};
use klamm_protocol::{BatchBuilder, Compression, ErrorCode, batches};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    correlation: i32,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, correlation: 0 }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    /// Whether the server ends the connection.
    pub(crate) fn ends(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
            || self
                .stream
                .peek(&mut [0])
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    }

    pub(crate) fn ask(&mut self, api: ApiKey, version: i16, request: &RequestKind) -> ResponseKind {
        self.send(version, request);
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("an answer");
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).expect("a length")];
        self.stream.read_exact(&mut frame).expect("the whole answer");
        let (correlation, response) =
            decode_response(api, version, frame.into()).expect("a good answer");
        assert_eq!(correlation, CorrelationId(self.correlation), "the answer to another request");
        response
    }

    /// Sends, and leaves the answer unread.
    pub(crate) fn send(&mut self, version: i16, request: &RequestKind) {
        self.correlation += 1;
        let correlation = CorrelationId(self.correlation);
        let frame =
            encode_request(version, correlation, Some("plain"), request).expect("a good request");
        self.write(&frame);
    }

    /// How many APIs the server names.
    pub(crate) fn api_versions(&mut self) -> usize {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(text("plain"))
            .with_client_software_version(text("1"));
        let request = RequestKind::ApiVersions(request);
        let ResponseKind::ApiVersions(response) = self.ask(ApiKey::ApiVersions, 3, &request) else {
            panic!("not the answer to ApiVersions");
        };
        assert_eq!(response.error_code, 0);
        response.api_keys.len()
    }

    /// Asks for a topic until its first partition has a leader; the first time creates it.
    pub(crate) fn create(&mut self, name: &str) {
        let wanted = MetadataRequestTopic::default().with_name(Some(topic(name)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![wanted]))
            .with_allow_auto_topic_creation(true);
        let request = RequestKind::Metadata(request);
        let began = Instant::now();
        loop {
            let ResponseKind::Metadata(response) = self.ask(ApiKey::Metadata, 12, &request) else {
                panic!("not the answer to Metadata");
            };
            let first = response.topics.first().and_then(|topic| topic.partitions.first());
            if first.is_some_and(|first| first.error_code == 0 && first.leader_id == BrokerId(1)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{name} has no leader: {response:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Produces one plain batch with acks=all and returns its base offset.
    pub(crate) fn produce(&mut self, name: &str, values: &[String]) -> i64 {
        self.produce_packed(name, values, Compression::None)
    }

    pub(crate) fn produce_packed(
        &mut self,
        name: &str,
        values: &[String],
        compression: Compression,
    ) -> i64 {
        let mut batch = BatchBuilder::new(compression);
        for value in values {
            batch.append(Timestamp(1), None, Some(value.as_bytes()), &[]);
        }
        let partition = PartitionProduceData::default().with_records(Some(batch.build()));
        let data =
            TopicProduceData::default().with_name(topic(name)).with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![data]);
        let ResponseKind::Produce(response) =
            self.ask(ApiKey::Produce, 9, &RequestKind::Produce(request))
        else {
            panic!("not the answer to Produce");
        };
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(ErrorCode(answer.error_code), ErrorCode::NONE);
        answer.base_offset
    }

    /// Sends zeros until the server takes no more for a while; returns how many it took.
    pub(crate) fn write_until_stuck(&mut self, most: usize, patience: Duration) -> usize {
        self.stream.set_write_timeout(Some(patience)).expect("a timeout");
        let mut taken = 0;
        while taken < most {
            match self.stream.write(&[0; 64 * 1024]) {
                Ok(more) => taken += more,
                Err(_) => break,
            }
        }
        taken
    }

    /// Whether the server ends the connection, whatever it says before.
    pub(crate) fn ends_after_answers(&mut self) -> bool {
        let mut heard = Vec::new();
        match self.stream.read_to_end(&mut heard) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// A fetch from the beginning that may wait.
    pub(crate) fn patient_fetch_request(name: &str, patience: Duration) -> RequestKind {
        let RequestKind::Fetch(request) = Self::fetch_request(name, 0) else {
            unreachable!("a fetch request is one")
        };
        let wait = i32::try_from(patience.as_millis()).expect("a short time");
        RequestKind::Fetch(request.with_max_wait_ms(wait))
    }

    pub(crate) fn fetch_request(name: &str, from: i64) -> RequestKind {
        let partition =
            FetchPartition::default().with_fetch_offset(from).with_partition_max_bytes(1024 * 1024);
        let wanted = FetchTopic::default().with_topic(topic(name)).with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(100)
            .with_min_bytes(1)
            .with_max_bytes(1024 * 1024)
            .with_session_epoch(-1)
            .with_topics(vec![wanted]);
        RequestKind::Fetch(request)
    }

    /// Every value from offset 0 on, in order.
    pub(crate) fn read_all(&mut self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        loop {
            let from = i64::try_from(values.len()).expect("few");
            let request = Self::fetch_request(name, from);
            let ResponseKind::Fetch(response) = self.ask(ApiKey::Fetch, 11, &request) else {
                panic!("not the answer to Fetch");
            };
            let answer = &response.responses[0].partitions[0];
            assert_eq!(ErrorCode(answer.error_code), ErrorCode::NONE);
            for batch in batches(&answer.records.clone().unwrap_or_default()) {
                let batch = batch.expect("a good batch");
                batch.verify_crc().expect("a good checksum");
                for record in batch
                    .records()
                    .expect("good records")
                    .into_iter()
                    .filter(|record| record.offset.0 >= from)
                {
                    assert_eq!(
                        record.offset.0,
                        i64::try_from(values.len()).expect("few"),
                        "an offset is missing"
                    );
                    let value = record.value.expect("a value").to_vec();
                    values.push(String::from_utf8(value).expect("text"));
                }
            }
            if i64::try_from(values.len()).expect("few") >= answer.high_watermark {
                return values;
            }
        }
    }
}
