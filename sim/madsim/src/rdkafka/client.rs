//! What every client has: its context, and its number in the process.

use std::sync::Arc;

use klamm_node::{ApplicationCall, NewClient, NewClientKind};

use super::config::Settings;
use super::error::{KafkaError, KafkaResult};
use crate::app::{Process, current};

/// Callbacks of a client. Logs, statistics and tokens do not exist in the lab.
pub trait ClientContext: Send + Sync {
    /// Something went wrong that no call returns.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::error!("librdkafka: {error}: {reason}");
    }
}

/// A context without callbacks.
#[derive(Clone, Debug, Default)]
pub struct DefaultClientContext;

impl ClientContext for DefaultClientContext {}

/// The client underneath a producer, consumer or admin client.
#[derive(Debug)]
pub struct Client<C: ClientContext = DefaultClientContext> {
    number: u32,
    context: Arc<C>,
}

/// What is wrong where there is no process of the lab.
const NOWHERE: &str = "there is no lab here: clients exist in the programs that klamm_madsim::app runs, on their own thread";

impl<C: ClientContext> Client<C> {
    pub(crate) fn create(
        settings: &Settings,
        kind: NewClientKind,
        context: C,
    ) -> KafkaResult<Self> {
        let process = current().ok_or_else(|| KafkaError::ClientCreation(NOWHERE.to_owned()))?;
        let number = u32::try_from(process.number())
            .map_err(|_| KafkaError::ClientCreation("too many clients".to_owned()))?;
        let new = NewClient {
            client_id: settings.client_id.clone(),
            bootstrap: settings.bootstrap.clone(),
            kind,
        };
        process.call(number, ApplicationCall::Open(Box::new(new)));
        Ok(Self { number, context: Arc::new(context) })
    }

    /// The context that it was created with.
    pub fn context(&self) -> &Arc<C> {
        &self.context
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Has the process do something with this client; an error if this thread is none of the lab's.
    pub(crate) fn with<T>(&self, does: impl FnOnce(&Process, u32) -> T) -> KafkaResult<T> {
        let process = current().ok_or_else(|| KafkaError::ClientCreation(NOWHERE.to_owned()))?;
        Ok(does(&process, self.number))
    }
}
