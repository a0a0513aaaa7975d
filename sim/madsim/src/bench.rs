//! What madsim's own network costs, to compare the world's loop with.
//!
//! In: a number of messages. Out: the wall time that one takes. Must never: read the wall clock inside the runtime,
//! where it shows virtual time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use madsim::Config;
use madsim::net::{TcpListener, TcpStream};
use madsim::runtime::Handle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::SandboxError;
use crate::host::isolate;

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 9092);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const MESSAGE: usize = 100;
const SEED: u64 = 1;

/// The wall time of one message of 100 bytes over madsim's TCP: two nodes bounce it, each writing and flushing it whole,
/// until it has crossed `count` times.
///
/// # Errors
/// The runtime panicked, or there was no thread for it.
pub fn stream_message_cost(count: u32) -> Result<Duration, SandboxError> {
    let count = count.max(2);
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark measures the wall, outside of the runtime"
    )]
    let began = Instant::now();
    isolate(SEED, Config::default(), async move || {
        let handle = Handle::current();
        let server = handle.create_node().ip(SERVER.ip()).build();
        let client = handle.create_node().ip(CLIENT).build();
        let echo = server.spawn(async move {
            let listener = TcpListener::bind(SERVER).await?;
            let (mut stream, _) = listener.accept().await?;
            bounce(&mut stream, count / 2, false).await
        });
        let serve = client.spawn(async move {
            let mut stream = connect().await?;
            bounce(&mut stream, count / 2, true).await
        });
        let outcomes = [echo.await, serve.await];
        for outcome in outcomes {
            outcome.expect("no node is killed").expect("no link is cut");
        }
    })?;
    Ok(began.elapsed() / count)
}

/// Until the listener is there.
async fn connect() -> std::io::Result<TcpStream> {
    for _ in 0..100 {
        if let Ok(stream) = TcpStream::connect(SERVER).await {
            return Ok(stream);
        }
        madsim::time::sleep(Duration::from_millis(10)).await;
    }
    TcpStream::connect(SERVER).await
}

async fn bounce(stream: &mut TcpStream, times: u32, first: bool) -> std::io::Result<()> {
    let mut message = [0x5a; MESSAGE];
    for _ in 0..times {
        if !first {
            stream.read_exact(&mut message).await?;
        }
        stream.write_all(&message).await?;
        stream.flush().await?;
        if first {
            stream.read_exact(&mut message).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_some_time_and_less_than_a_millisecond() {
        let cost = stream_message_cost(2000).expect("madsim is here");
        assert!(cost > Duration::from_nanos(50) && cost < Duration::from_millis(1), "{cost:?}");
    }
}
