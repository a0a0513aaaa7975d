//! Requests to change the set of voters (KIP-853), as a quorum with `kraft.version` 0 answers them.
//!
//! The voters of such a quorum are configured, so that every request that is one is refused: UNSUPPORTED_VERSION. The checks
//! before that are Kafka's, in Kafka's order.
//!
//! Simplified: `kraft.version` is 0 for ever: there is no set of voters in the log, and no way to one (UpdateFeatures,
//! `kafka-storage format --standalone`); UpdateRaftVoter, by which followers of such a quorum tell each new leader where
//! they listen, is not spoken.

use klamm_node::DirectoryId;
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert::{directory_id, text};
use klamm_protocol::kafka::messages::{
    AddRaftVoterRequest, AddRaftVoterResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse,
};

use crate::messages::{self, LISTENER};
use crate::output::RaftOutput;
use crate::raft::Raft;

impl Raft {
    pub(crate) fn handle_add_voter(
        &self,
        token: RequestToken,
        request: &AddRaftVoterRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let named =
            request.voter_id >= 0 && directory_id(request.voter_directory_id) != DirectoryId::ZERO;
        let listens = request.listeners.iter().any(|listener| &*listener.name == LISTENER);
        let (error, why) = self.refused_change(request.cluster_id.as_ref(), "adding", || {
            if !named {
                Some("Add voter request didn't include a valid voter".to_owned())
            } else if !listens {
                let listener = format!("the default listener {LISTENER}");
                Some(format!("Add voter request didn't include the endpoint for {listener}"))
            } else {
                None
            }
        });
        let response = AddRaftVoterResponse::default()
            .with_error_code(error.0)
            .with_error_message(why.map(|why| text(&why)));
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    pub(crate) fn handle_remove_voter(
        &self,
        token: RequestToken,
        request: &RemoveRaftVoterRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let named =
            request.voter_id >= 0 && directory_id(request.voter_directory_id) != DirectoryId::ZERO;
        let (error, why) = self.refused_change(request.cluster_id.as_ref(), "removing", || {
            (!named).then(|| "Remove voter request didn't include a valid voter".to_owned())
        });
        let response = RemoveRaftVoterResponse::default()
            .with_error_code(error.0)
            .with_error_message(why.map(|why| text(&why)));
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    /// Why a change can't be made, and a sentence for people.
    fn refused_change(
        &self,
        cluster: Option<&klamm_protocol::kafka::protocol::StrBytes>,
        doing: &str,
        invalid: impl FnOnce() -> Option<String>,
    ) -> (ErrorCode, Option<String>) {
        let own = &self.config.cluster_id;
        if !messages::same_cluster(cluster, own) {
            let why = format!("The given cluster id doesn't match the cluster id \"{own}\"");
            return (ErrorCode::INCONSISTENT_CLUSTER_ID, Some(why));
        }
        if let Some(error) = self.not_leading(self.state.epoch) {
            return (error, None);
        }
        if let Some(why) = invalid() {
            return (ErrorCode::INVALID_REQUEST, Some(why));
        }
        if self.high_watermark.is_none() {
            let why = "Request timed out waiting for leader to establish HWM and fence previous voter changes";
            return (ErrorCode::REQUEST_TIMED_OUT, Some(why.to_owned()));
        }
        let why =
            format!("Cluster doesn't support {doing} voter because the kraft.version feature is 0");
        (ErrorCode::UNSUPPORTED_VERSION, Some(why))
    }
}
