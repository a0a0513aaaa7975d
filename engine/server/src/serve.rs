//! `klamm serve`: one process, one node in both roles, on one machine.

use std::fs::{File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use klamm_broker::process::{Process, ProcessConfig, Roles};
use klamm_node::config::ServerConfig;
use klamm_node::{BrokerId, Endpoint};
use thiserror::Error;
use tokio::net::TcpSocket;
use tracing::info;

use crate::file_disk::FileDisk;
use crate::host::{Host, Listening, Stop};

/// The `node.id` of the only node.
const NODE: BrokerId = BrokerId(1);

/// Of each half of the descriptors, those for what is neither client nor log: listeners, the event queue, the quorum's
/// connections, directories while they are synced.
const DESCRIPTORS_APART: usize = 16;

/// What a server is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port for clients; 0 takes a free one.
    pub port: u16,
    /// Where the data lives; created if there is nothing.
    pub data: PathBuf,
    /// The host name that clients are told to connect to.
    pub advertise: String,
    /// Kafka's settings.
    pub settings: ServerConfig,
}

impl Options {
    /// Kafka's port and defaults, on this machine only.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 9092,
            data: data.into(),
            advertise: "localhost".to_owned(),
            // There is one broker, so that is how many replicas there can be: Kafka's own file for one node says the same.
            settings: ServerConfig {
                offsets_topic_replication_factor: 1,
                ..ServerConfig::default()
            },
        }
    }
}

/// A server that listens.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where clients connect.
    pub bootstrap: Endpoint,
    /// Stops it, as SIGTERM does.
    pub stop: Stop,
}

/// Why a server could not run, or stopped by itself.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Another server uses the directory.
    #[error("{} is in use by another server", .0.display())]
    Locked(PathBuf),
    /// The data directory can't be used.
    #[error("{}: {error}", path.display())]
    Data {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The port can't be had.
    #[error("can't listen on {address}:{port}: {error}")]
    Bind {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// The system refused something that every host needs.
    #[error("{0}")]
    System(String),
    /// The node could not go on.
    #[error("the node stopped: {0}")]
    Halted(String),
}

/// Serves until a signal stops it. Opens its port and calls `on_ready` once its broker runs; clients that connect before that
/// are refused, as by Kafka.
///
/// A second signal stops it at once, as if it had been killed.
///
/// # Errors
/// The directory or the port can't be had, or the node stops by itself.
pub fn serve(options: Options, on_ready: impl FnOnce(Ready)) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ServeError::System(format!("no runtime: {error}")))?;
    runtime.block_on(run(options, on_ready))
}

async fn run(options: Options, on_ready: impl FnOnce(Ready)) -> Result<(), ServeError> {
    let data = options.data.clone();
    let in_data = |error| ServeError::Data { path: data.clone(), error };
    // Half of the descriptors for files, half for clients, so that no crowd of clients keeps the node from its disk.
    let half = descriptors() / 2 - DESCRIPTORS_APART;
    let disk = FileDisk::new(&data, half).map_err(in_data)?;
    let _lock = lock(&data)?;
    let seed =
        getrandom::u64().map_err(|error| ServeError::System(format!("no entropy: {error}")))?;
    let cluster_id = match stored_cluster_id(&data)? {
        Some(id) => id,
        None => klamm_node::TopicId(u128::from(seed) << 64 | u128::from(seed.rotate_left(31)))
            .to_string(),
    };

    let clients = bind(options.address, options.port)?;
    // Nobody but this process talks to its controller listener, so it is on the loopback, at any port.
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let quorum = bind(loopback, 0)?;

    let host = loopback.to_string();
    let voters = [(NODE, Endpoint::new(host.as_str(), quorum.1))].into();
    let bootstrap = Endpoint::new(options.advertise.as_str(), clients.1);
    let mut config = ProcessConfig::new(NODE, Roles::COMBINED, host.as_str(), voters);
    config.broker_port = clients.1;
    config.controller_port = quorum.1;
    config.advertised = Some(bootstrap.clone());
    config.log_dir = std::path::absolute(&data).map_err(in_data)?.display().to_string();
    config.cluster_id = cluster_id;
    config.settings = options.settings;

    info!(%bootstrap, data = %data.display(), "listening");
    let ready = |stop| on_ready(Ready { bootstrap, stop });
    let node = Box::new(Process::new(config));
    let listeners = vec![
        Listening { socket: clients.0, port: clients.1, when_running: true, most: Some(half) },
        Listening { socket: quorum.0, port: quorum.1, when_running: false, most: None },
    ];
    let halted = Host::run(node, disk, seed, listeners, ready)
        .await
        .map_err(|error| ServeError::System(format!("no signals, or no port: {error}")))?;
    if halted.orderly { Ok(()) } else { Err(ServeError::Halted(halted.reason)) }
}

/// How many descriptors the process may hold open.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = soft.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    // Where there is no such file, the least that systems give; more than a million helps nobody.
    soft.unwrap_or(256).clamp(4 * DESCRIPTORS_APART, 1 << 20)
}

/// Takes a port without opening it.
fn bind(address: IpAddr, port: u16) -> Result<(TcpSocket, u16), ServeError> {
    let failed = |error| ServeError::Bind { address, port, error };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(failed)?;
    // So that a server can start again while connections of the last one linger. (On Windows it would mean something else.)
    #[cfg(unix)]
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind((address, port).into()).map_err(failed)?;
    let port = socket.local_addr().map_err(failed)?.port();
    Ok((socket, port))
}

/// Takes the directory for this process; the lock ends with it, however it ends.
fn lock(data: &Path) -> Result<File, ServeError> {
    let path = data.join(".lock");
    let failed = |error| ServeError::Data { path: path.clone(), error };
    let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::Locked(data.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The cluster that the directory belongs to, if it was used before. The node itself checks the whole file.
fn stored_cluster_id(data: &Path) -> Result<Option<String>, ServeError> {
    let path = data.join("meta.properties");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            Ok(text.lines().find_map(|line| line.strip_prefix("cluster.id=").map(str::to_owned)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ServeError::Data { path, error }),
    }
}
