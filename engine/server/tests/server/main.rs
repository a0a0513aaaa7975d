//! The server over real sockets and files, asked in raw frames.

mod client;

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use client::Client;
use klamm_protocol::{Compression, batches};
use klamm_server::{Options, Ready, ServeError, serve};

/// A server on a thread of its own.
struct Running {
    ready: Ready,
    thread: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    fn start(data: &Path) -> Self {
        let options = Options { port: 0, ..Options::new(data) };
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            serve(options, move |ready| tell.send(ready).expect("somebody waits"))
        });
        let ready = told.recv_timeout(Duration::from_secs(30)).expect("the server is ready");
        Self { ready, thread }
    }

    fn connect(&self) -> Client {
        Client::connect(self.ready.bootstrap.port)
    }

    fn stop(self) {
        self.ready.stop.stop();
        self.thread.join().expect("no panic").expect("an orderly end");
    }
}

fn values(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|i| format!("value {i}")).collect()
}

#[test]
fn what_was_produced_is_read_again_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let server = Running::start(data);
    let mut client = server.connect();
    assert!(client.api_versions() >= 7);
    client.create("orders");
    assert_eq!(client.produce("orders", &values(0..3)), 0);
    assert_eq!(client.produce("orders", &values(3..10)), 3);
    assert_eq!(client.read_all("orders"), values(0..10));
    server.stop();
    assert!(data.join(".kafka_cleanshutdown").exists(), "no marker of an orderly end");
    assert!(data.join("orders-0/00000000000000000000.log").exists(), "no log by Kafka's name");

    let server = Running::start(data);
    let mut client = server.connect();
    assert_eq!(client.read_all("orders"), values(0..10));
    assert_eq!(client.produce("orders", &values(10..11)), 10);
    assert_eq!(client.read_all("orders"), values(0..11));
    server.stop();
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Running::start(folder.path());
    let second =
        serve(Options { port: 0, ..Options::new(folder.path()) }, |_| panic!("it is ready"));
    assert!(
        matches!(&second, Err(ServeError::Locked(path)) if path == folder.path()),
        "{second:?}"
    );
    server.stop();
}

#[test]
fn a_taken_port_is_said_to_be_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let refused = serve(Options { port, ..Options::new(folder.path()) }, |_| panic!("it is ready"));
    assert!(
        matches!(&refused, Err(ServeError::Bind { port: said, .. }) if *said == port),
        "{refused:?}"
    );
}

#[test]
fn malformed_bytes_end_their_connection_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Running::start(folder.path());
    let mut good = server.connect();
    good.create("orders");
    let hostile: [&[u8]; 5] = [
        // A length that is negative, one that is beyond every limit, an API that does not exist, a body of nonsense, and
        // the greeting of another protocol.
        &[0xff; 64],
        &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 12],
        &[0, 0, 0, 10, 0x70, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 14, 0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0, 0xff, 0xff, 0xff],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    for bytes in hostile {
        let mut bad = server.connect();
        bad.write(bytes);
        assert!(bad.ends(), "the connection outlived {bytes:?}");
        assert!(good.api_versions() > 0);
    }
    assert_eq!(good.produce("orders", &values(0..1)), 0);
    server.stop();
}

#[test]
fn a_client_that_asks_and_never_listens_harms_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Running::start(folder.path());
    let mut good = server.connect();
    good.create("orders");
    let big = vec!["x".repeat(900 * 1024)];
    good.produce("orders", &big);
    let mut deaf = server.connect();
    for _ in 0..300 {
        deaf.send(11, &Client::fetch_request("orders", 0));
    }
    assert_eq!(good.read_all("orders"), big);
    drop(deaf);
    assert_eq!(good.produce("orders", &values(0..1)), 1);
    server.stop();
}

/// kcat sends no lz4 to a broker without FindCoordinator, so this is where lz4 is seen to come back.
#[test]
fn every_compression_comes_back_as_it_was_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Running::start(folder.path());
    let mut client = server.connect();
    client.create("packed");
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for (first, codec) in (0..).step_by(100).zip(codecs) {
        let base = client.produce_packed("packed", &values(first..first + 100), codec);
        assert_eq!(base, i64::from(first), "{codec:?}");
    }
    assert_eq!(client.read_all("packed"), values(0..500));
    let log = folder.path().join("packed-0/00000000000000000000.log");
    let kept = batches(&std::fs::read(log).expect("a log").into());
    let kept =
        kept.map(|batch| batch.expect("a good batch").header().compression().expect("a codec"));
    assert_eq!(kept.collect::<Vec<_>>(), codecs, "a batch was packed anew");
    server.stop();
}

#[test]
fn a_hundred_thousand_records_take_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Running::start(folder.path());
    let mut client = server.connect();
    client.create("many");
    let all = values(0..100_000);
    let began = Instant::now();
    for batch in all.chunks(1000) {
        client.produce("many", batch);
    }
    assert!(client.read_all("many") == all, "what came back is not what went in");
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    server.stop();
}

/// While a long poll waits, what its client sends behind it stays in the client's buffers.
#[test]
fn a_flood_behind_a_long_poll_is_left_unread() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Running::start(folder.path());
    let mut flood = server.connect();
    flood.create("quiet");
    flood.send(11, &Client::patient_fetch_request("quiet", Duration::from_secs(20)));
    let taken = flood.write_until_stuck(200 * 1024 * 1024, Duration::from_secs(2));
    assert!(taken < 100 * 1024 * 1024, "the server took {taken} bytes in behind one request");
    let mut good = server.connect();
    // The record answers the poll; then the flood is read, and turns out to be no request.
    assert_eq!(good.produce("quiet", &values(0..1)), 0);
    assert!(flood.ends_after_answers(), "the connection was never read again");
    assert_eq!(good.read_all("quiet"), values(0..1));
    server.stop();
}
