//! The table of shapes is held against the codec, and the codec against hostile bytes.
//!
//! A shape can be turned round: it says how to *write* an arbitrary valid message. So every API of the table, in every
//! version, is written at random, read by the codec, written by the codec and read again, and then damaged.

use bytes::Bytes;
use klamm_node::{CorrelationId, Stream};
use proptest::prelude::*;

use super::{Kind, Shape, check_request, check_response, table};
use crate::api::{APIS, ApiInfo};
use crate::codec;
use crate::frame::FrameDecoder;
use crate::header::RequestHeader;
use crate::kafka::messages::{RequestKind, ResponseKind};

fn stream(seed: u64) -> Stream {
    Stream::new(seed, klamm_node::Purpose::Workload, 0, 0)
}

fn write_struct(shape: &Shape, version: i16, random: &mut Stream, out: &mut Vec<u8>) {
    let flexible = version >= shape.flexible_from;
    for field in shape.fields.iter().filter(|field| field.in_version(version)) {
        write(&field.kind, version, flexible, random, out);
    }
    if flexible {
        let tagged: Vec<_> = shape
            .tagged
            .iter()
            .filter(|tagged| tagged.field.in_version(version) && random.index(2) == 0)
            .collect();
        let unknown = random.index(8) == 0;
        write_varint(tagged.len() + usize::from(unknown), out);
        for known in tagged {
            let mut value = Vec::new();
            write(&known.field.kind, version, true, random, &mut value);
            write_varint(usize::try_from(known.tag).expect("small"), out);
            write_varint(value.len(), out);
            out.extend(value);
        }
        if unknown {
            write_varint(77, out);
            write_varint(3, out);
            out.extend([1, 2, 3]);
        }
    }
}

fn write(kind: &Kind, version: i16, flexible: bool, random: &mut Stream, out: &mut Vec<u8>) {
    match kind {
        // A boolean is kept as 0 or 1, and a number small, so that writing it again gives the same.
        Kind::Fixed(1) => out.push(u8::try_from(random.index(2)).expect("0 or 1")),
        Kind::Fixed(size) => {
            let start = out.len();
            out.extend((0..*size).map(|_| random.bits().to_le_bytes()[0]));
            if *size == 8 {
                // Eight bytes may be a float, and what is no number is not equal to itself: so no exponent is full.
                out[start] &= !0x40;
            }
        }
        Kind::Text | Kind::Blob => {
            let text = vec![b'a'; random.index(9)];
            match (kind, flexible) {
                (_, true) => write_varint(text.len() + 1, out),
                (Kind::Text, false) => {
                    out.extend(u16::try_from(text.len()).expect("short").to_be_bytes())
                }
                (_, false) => out.extend(u32::try_from(text.len()).expect("short").to_be_bytes()),
            }
            out.extend(text);
        }
        Kind::Array(element) => {
            let count = random.index(3);
            if flexible {
                write_varint(count + 1, out);
            } else {
                out.extend(u32::try_from(count).expect("short").to_be_bytes());
            }
            for _ in 0..count {
                write(element, version, flexible, random, out);
            }
        }
        Kind::Struct(shape) => write_struct(shape, version, random, out),
        Kind::Nullable(_) if random.index(2) == 0 => out.push(0xFF),
        Kind::Nullable(shape) => {
            out.push(1);
            write_struct(shape, version, random, out);
        }
    }
}

fn write_varint(value: usize, out: &mut Vec<u8>) {
    let mut value = value;
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

fn request_body(api: &ApiInfo, version: i16, random: &mut Stream) -> Bytes {
    let mut body = Vec::new();
    write_struct(table::request(api.api).expect("in the table"), version, random, &mut body);
    body.into()
}

fn response_body(api: &ApiInfo, version: i16, random: &mut Stream) -> Bytes {
    let mut body = Vec::new();
    write_struct(table::response(api.api).expect("in the table"), version, random, &mut body);
    body.into()
}

/// A random valid request.
pub(crate) fn some_request(api: &ApiInfo, version: i16, random: &mut Stream) -> RequestKind {
    codec::decode_request(request_frame(api, version, random)).expect("a valid request").body
}

fn request_frame(api: &ApiInfo, version: i16, random: &mut Stream) -> Bytes {
    let header = RequestHeader {
        api_key: api.key,
        api_version: version,
        correlation_id: CorrelationId(7),
        client_id: Some("test".to_owned()),
    };
    let mut frame = bytes::BytesMut::new();
    header.encode(api.api, &mut frame);
    frame.extend_from_slice(&request_body(api, version, random));
    frame.freeze()
}

fn response_frame(api: &ApiInfo, version: i16, random: &mut Stream) -> Bytes {
    let mut frame = bytes::BytesMut::new();
    crate::header::encode_response_header(api.api, version, CorrelationId(7), &mut frame);
    frame.extend_from_slice(&response_body(api, version, random));
    frame.freeze()
}

fn unframed(bytes: &[u8]) -> Bytes {
    let mut decoder = FrameDecoder::new(1 << 20);
    decoder.push(&Bytes::copy_from_slice(bytes));
    decoder.pop().expect("well formed").expect("whole")
}

fn every_version() -> impl Iterator<Item = (&'static ApiInfo, i16)> {
    APIS.iter().flat_map(|api| (api.min..=api.max).map(move |version| (api, version)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The walk and the codec must read the same bytes: neither leaves any, in any API and version.
    #[test]
    fn the_codec_reads_exactly_what_the_shape_says(seed in any::<u64>()) {
        let mut random = stream(seed);
        for (api, version) in every_version() {
            let mut body = request_body(api, version, &mut random);
            check_request(api.api, version, &body).expect("a valid request");
            RequestKind::decode(api.api, &mut body, version)
                .unwrap_or_else(|error| panic!("{} request {version}: {error}", api.name));
            prop_assert!(body.is_empty(), "{} request {version} leaves {}", api.name, body.len());

            let mut body = response_body(api, version, &mut random);
            check_response(api.api, version, &body).expect("a valid response");
            ResponseKind::decode(api.api, &mut body, version)
                .unwrap_or_else(|error| panic!("{} response {version}: {error}", api.name));
            prop_assert!(body.is_empty(), "{} response {version} leaves {}", api.name, body.len());
        }
    }

    #[test]
    fn requests_and_responses_come_back_as_they_were(seed in any::<u64>()) {
        let mut random = stream(seed);
        for (api, version) in every_version() {
            let request = codec::decode_request(request_frame(api, version, &mut random))
                .unwrap_or_else(|error| panic!("{} request {version}: {error}", api.name));
            let frame = codec::encode_request(version, CorrelationId(9), None, &request.body)
                .unwrap_or_else(|error| panic!("{} request {version}: {error}", api.name));
            let again = codec::decode_request(unframed(&frame)).expect("our own frame");
            prop_assert_eq!(&again.body, &request.body);
            prop_assert_eq!(again.header.correlation_id, CorrelationId(9));
            prop_assert_eq!(again.header.client_id, None);

            let frame = response_frame(api, version, &mut random);
            let (_, response) = codec::decode_response(api.api, version, frame).expect("valid");
            let frame = codec::encode_response(api.api, version, CorrelationId(9), &response)
                .unwrap_or_else(|error| panic!("{} response {version}: {error}", api.name));
            let again = codec::decode_response(api.api, version, unframed(&frame)).expect("ours");
            prop_assert_eq!(again, (CorrelationId(9), response));
        }
    }
}

/// Overwrites, cuts, doubles and inserts; varints and lengths are hit often because frames are short.
fn damaged(frame: &Bytes, random: &mut Stream) -> Bytes {
    let mut bytes = frame.to_vec();
    for _ in 0..=random.index(3) {
        let at = random.index(bytes.len());
        match random.index(5) {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, [0xff; 5]).for_each(drop),
            2 if at < bytes.len() => bytes[at] = random.bits().to_le_bytes()[0],
            3 if at + 4 <= bytes.len() => {
                bytes[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff])
            }
            _ if at < bytes.len() => bytes[at] = 0xff,
            _ => {}
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes.into()
}

/// A claimed array that is not there would end this process: the codec would ask for hundreds of gigabytes.
#[test]
fn no_damage_to_a_frame_makes_decoding_panic_or_allocate_what_is_claimed() {
    let mut random = stream(11);
    let (mut refused, mut accepted) = (0, 0);
    while refused + accepted < 40_000 {
        for (api, version) in every_version() {
            let frame = request_frame(api, version, &mut random);
            match codec::decode_request(damaged(&frame, &mut random)) {
                Ok(_) => accepted += 1,
                Err(error) => {
                    assert!(!error.expected.is_empty());
                    refused += 1;
                }
            }
            let frame = response_frame(api, version, &mut random);
            match codec::decode_response(api.api, version, damaged(&frame, &mut random)) {
                Ok(_) => accepted += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 10_000 && accepted > 1_000, "{refused} refused, {accepted} accepted");
}

#[test]
fn a_claimed_array_is_refused_where_it_stands() {
    // Metadata version 1: header, then an array of 2^31 - 1 topic names, then nothing.
    let mut frame = vec![0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff];
    frame.extend(i32::MAX.to_be_bytes());
    let error = codec::decode_request(frame.into()).expect_err("not there");
    assert_eq!(
        error.to_string(),
        "at byte 14: expected 2147483647 elements of topics, 0 bytes left"
    );
}
