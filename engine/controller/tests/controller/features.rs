//! kraft.version, which is the quorum's own feature (KIP-853): who asks for it is answered once the quorum's records are
//! committed, like of every other update.

use klamm_controller::ControllerOutput;
use klamm_protocol::kafka::messages::update_features_request::FeatureUpdateKey;
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind, UpdateFeaturesRequest};
use klamm_protocol::{ErrorCode, MetadataRecord, convert};

use crate::bench::Bench;

fn upgrade(bench: &mut Bench) {
    let update = FeatureUpdateKey::default()
        .with_feature(convert::text("kraft.version"))
        .with_max_version_level(1)
        .with_upgrade_type(1);
    let request = UpdateFeaturesRequest::default().with_feature_updates(vec![update]);
    bench.request(RequestKind::UpdateFeatures(request), 1);
}

/// The errors of the answers that the last call gave.
fn answers(bench: &Bench) -> Vec<ErrorCode> {
    let error = |reply: &ResponseKind| {
        let ResponseKind::UpdateFeatures(response) = reply else { panic!("{reply:?}") };
        ErrorCode(response.error_code)
    };
    bench.replies.iter().map(error).collect()
}

#[test]
fn an_upgrade_is_answered_once_what_the_quorum_wrote_is_committed() {
    let mut bench = Bench::new(&[]);
    bench.quorum_thinks(0, Ok(true));
    bench.hold = true;
    upgrade(&mut bench);
    assert_eq!(bench.wanted, [ControllerOutput::UpgradeKRaftVersion { level: 1 }]);
    assert_eq!(answers(&bench), []);
    bench.quorum_says(Ok(true));
    assert_eq!(answers(&bench), []);
    let before = bench.log_end;
    bench.quorum_writes(2);
    assert_eq!(answers(&bench), [], "the level and the voters are not committed yet");
    let behind = bench.uncommitted.back().expect("a record to wait for");
    assert_eq!(behind.0, before.plus(2), "behind the quorum's own");
    assert!(matches!(behind.1, MetadataRecord::NoOp(_)));
    bench.hold = false;
    bench.commit();
    assert_eq!(answers(&bench), [ErrorCode::NONE]);
}

#[test]
fn an_upgrade_that_is_lost_with_its_leader_was_not_promised() {
    for written in [false, true] {
        let mut bench = Bench::new(&[]);
        bench.quorum_thinks(0, Ok(true));
        bench.hold = true;
        upgrade(&mut bench);
        bench.quorum_says(Ok(true));
        if written {
            bench.quorum_writes(2);
        }
        bench.lose_leadership();
        assert_eq!(answers(&bench), [ErrorCode::NOT_CONTROLLER], "written: {written}");
    }
}

#[test]
fn another_change_of_voters_writes_no_answer_and_a_refusal_is_one() {
    let mut bench = Bench::new(&[]);
    bench.quorum_thinks(0, Ok(true));
    upgrade(&mut bench);
    bench.quorum_writes(1);
    assert_eq!(answers(&bench), [], "that was of something else");
    bench.quorum_says(Err("Another one was first.".to_owned()));
    assert_eq!(answers(&bench), [ErrorCode::INVALID_UPDATE_VERSION]);
}

#[test]
fn what_is_no_change_is_answered_when_a_record_is_committed() {
    let mut bench = Bench::new(&[]);
    bench.quorum_thinks(1, Ok(false));
    bench.hold = true;
    upgrade(&mut bench);
    assert_eq!(bench.wanted, []);
    assert_eq!((answers(&bench), bench.uncommitted.len()), (vec![], 1), "as Kafka: a NoOp");
    bench.hold = false;
    bench.commit();
    assert_eq!(answers(&bench), [ErrorCode::NONE]);
}
