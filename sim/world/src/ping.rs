//! A process that bounces frames: the load under which the lab measures itself, without any engine.

use bytes::Bytes;
use klamm_node::{Context, CorrelationId, Endpoint, FrameNote, FrameRole, Input, Node, Span, Time};

/// Connects to a peer when it starts, if it has one, and sends back whatever it receives.
#[derive(Clone, Debug)]
pub struct Ping {
    peer: Option<Endpoint>,
    serves: u32,
    payload: Bytes,
    tick: Time,
    correlation: i32,
}

/// How often a ping node wakes up, so that timers are part of what is measured.
const TICK: Span = Span::millis(100);

impl Ping {
    /// Sends `serves` frames of `size` bytes to `peer` and returns every frame it gets.
    pub fn new(peer: Option<Endpoint>, serves: u32, size: usize) -> Self {
        let payload = Bytes::from(vec![0x5a; size]);
        Self { peer, serves, payload, tick: Time::ZERO + TICK, correlation: 0 }
    }

    fn note(&mut self) -> FrameNote {
        self.correlation = self.correlation.wrapping_add(1);
        FrameNote {
            role: FrameRole::Request,
            api_key: 18,
            api_version: 0,
            correlation_id: CorrelationId(self.correlation),
        }
    }
}

impl Node for Ping {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        match input {
            Input::Start { .. } => {
                if let Some(peer) = self.peer.clone() {
                    cx.out.connect(peer);
                }
            }
            Input::Wake => self.tick = cx.now + TICK,
            Input::Opened { connection } => {
                for _ in 0..self.serves {
                    let note = self.note();
                    cx.out.send(connection, self.payload.clone(), note);
                }
            }
            Input::Received { connection, bytes } => {
                let note = self.note();
                cx.out.send(connection, bytes, note);
            }
            Input::Accepted { .. } | Input::Closed { .. } | Input::Command(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        Some((self.tick, "tick"))
    }
}
