//! The configuration file of a node: TOML, read once at start-up, every field named in what is said about it.
//!
//! Relative paths are meant from the folder of the file itself, so that a node's folder can be moved as a whole. Unknown
//! fields are refused: a misspelt limit must not silently be the default.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tamga_platform::disk::Disk;

use crate::core::Tuning;

/// Longest configuration file.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Most nodes of a cluster that a file may name.
const PEERS_MAX: usize = 64;

/// Everything an operator decides about one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Id of this node in the genesis record, or in the organisations' decision that adds it.
    pub node: u32,
    /// Folder of the ledger, the Raft log, the outbox and the cosigning memory. One process at a time.
    pub data_dir: PathBuf,
    /// The signed genesis record (canonical bytes of a submission). Whoever configures it vouches for it.
    pub genesis: PathBuf,
    /// Folder of the node's secret keys and its TLS certificate, as `tamga-node keygen` writes it.
    pub keys_dir: PathBuf,
    /// Where the node listens.
    pub listen: Listen,
    /// What the public listener does.
    #[serde(default)]
    pub public: Public,
    /// Bounds on what others may cost.
    #[serde(default)]
    pub limits: Limits,
    /// Times and sizes of the core; what is not stated keeps its default.
    #[serde(default)]
    pub tuning: CoreTuning,
    /// The cluster epoch, for a node that joins a cluster that the organisations have recovered (docs/OPERATIONS.md); nodes that
    /// were there know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_epoch: Option<u32>,
    /// How the node logs.
    #[serde(default)]
    pub log: Log,
    /// Outside witnesses that are asked to cosign what is published; nobody if this is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<Witnesses>,
    /// Where other nodes are reached, and this one if others reach it under another address than `listen.peer`. A node of
    /// the genesis record that starts a cluster needs all others of it; a node that joins later needs one that is there.
    /// Nodes that join later need not be listed: they say where they are.
    #[serde(default)]
    pub peers: Vec<Peer>,
}

/// The three listeners. Port 0 lets the system choose; `data_dir/addresses.json` tells which it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// For the other nodes: mutual TLS, pinned by the genesis record.
    pub peer: SocketAddr,
    /// For everybody: gRPC and HTTP on one port.
    pub public: SocketAddr,
    /// For the operator: health and metrics. A loopback address.
    pub admin: SocketAddr,
}

/// What the public listener does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Public {
    /// Also answer without TLS: for tests, and behind a proxy that speaks TLS. What is served is verifiable either way,
    /// but confidential bodies on their way in are then readable on the wire.
    pub plaintext: bool,
    /// PEM file of the certificate that readers see, with the intermediate ones after it; without it the node's own. Read
    /// again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file of its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// How often the files are looked at, in milliseconds; 60,000 if not stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_check_ms: Option<u64>,
}

/// Bounds on what others may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most connections of the public listener at once; further ones are closed unanswered.
    pub public_connections_max: u32,
    /// Most public connections from one address.
    pub public_connections_per_address_max: u32,
    /// Most connections of the peer listener at once.
    pub peer_connections_max: u32,
    /// Most requests at once on one HTTP/2 connection.
    pub concurrent_streams_max: u32,
    /// Most submissions of one stream that are being answered at once.
    pub stream_submissions_max: u32,
    /// How long a connection may take for its TLS handshake, and for the head of each request, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a connection may refuse to take our bytes, in milliseconds.
    pub write_stall_ms_max: u64,
    /// How long one request may take until its answer begins, in milliseconds.
    pub request_timeout_ms: u64,
    /// Longest wait for a verdict or a receipt that a caller may ask for, in milliseconds.
    pub wait_ms_max: u32,
    /// How long requests in flight may go on when the node shuts down, in milliseconds.
    pub drain_ms: u64,
    /// What one address (of IPv6, one /64) may cost the public HTTP side in a second: 1 for a tile or a checkpoint, 5 for a proof,
    /// 10 for a page. 0 switches the limit off, for a node behind a proxy, whose address is everybody's.
    pub cost_per_second: u32,
    /// How much of it one address may save up.
    pub cost_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            public_connections_max: 4_096,
            public_connections_per_address_max: 1_024,
            peer_connections_max: 256,
            concurrent_streams_max: 256,
            stream_submissions_max: 256,
            header_timeout_ms: 10_000,
            write_stall_ms_max: 30_000,
            request_timeout_ms: 60_000,
            wait_ms_max: 30_000,
            drain_ms: 5_000,
            cost_per_second: 5_000,
            cost_burst: 50_000,
        }
    }
}

/// Times and sizes of the core; what is not stated keeps the default of [`Tuning`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoreTuning {
    /// A promise says that a published checkpoint covers the record within this time, in milliseconds.
    pub promise_deadline_ms: Option<u64>,
    /// How long a submission waits for its verdict if the caller does not say, in milliseconds.
    pub wait_default_ms: Option<u64>,
    /// How often refusals at admission are summarised in the ledger, if there were any, in milliseconds; an hour if not stated.
    pub refusals_every_ms: Option<u64>,
    /// Most bytes of records in the outbox.
    pub outbox_bytes_max: Option<u64>,
    /// Raft: how often the leader shows that it lives, in milliseconds.
    pub heartbeat_ms: Option<u64>,
    /// Raft: shortest silence of the leader after which a follower stands for election, in milliseconds.
    pub election_ms_min: Option<u64>,
    /// Raft: longest such silence, in milliseconds.
    pub election_ms_max: Option<u64>,
    /// Raft: size of a log segment, in bytes.
    pub raft_segment_bytes: Option<u64>,
    /// Raft: free disk space below which proposals are refused, in bytes.
    pub disk_reserve_bytes: Option<u64>,
    /// The judging state is saved whenever the ledger has grown by so many entries: what a start has to judge again at most.
    pub save_entries: Option<u64>,
    /// Raft: the log is compacted below a published checkpoint once it has grown by so many entries since the last time.
    pub compact_entries: Option<u64>,
    /// Raft: the same in bytes; whichever comes first.
    pub compact_bytes: Option<u64>,
    /// Raft: entries that a compacted log keeps, so that a node that was away for a short time needs no catch-up.
    pub log_entries_kept: Option<u64>,
    /// Raft: the same in bytes; whichever is reached first.
    pub log_bytes_kept: Option<u64>,
    /// Free disk space of ledger and outbox below which no submissions are taken, in bytes; at half of it no entries.
    pub ledger_reserve_bytes: Option<u64>,
    /// The version that the node says it runs, for rehearsals of an upgrade; its real one if not stated.
    pub announced_software: Option<String>,
}

impl CoreTuning {
    /// The defaults with what is stated here.
    #[must_use]
    pub fn apply(&self) -> Tuning {
        let default = Tuning::default();
        let ms = |stated: Option<u64>, default| stated.map_or(default, Duration::from_millis);
        Tuning {
            promise_deadline: ms(self.promise_deadline_ms, default.promise_deadline),
            wait_default: ms(self.wait_default_ms, default.wait_default),
            refusals_every: ms(self.refusals_every_ms, default.refusals_every),
            outbox_bytes_max: self.outbox_bytes_max.unwrap_or(default.outbox_bytes_max),
            heartbeat_ms: self.heartbeat_ms.unwrap_or(default.heartbeat_ms),
            election_ms_min: self.election_ms_min.unwrap_or(default.election_ms_min),
            election_ms_max: self.election_ms_max.unwrap_or(default.election_ms_max),
            raft_segment_bytes: self.raft_segment_bytes.unwrap_or(default.raft_segment_bytes),
            disk_reserve_bytes: self.disk_reserve_bytes.unwrap_or(default.disk_reserve_bytes),
            save_entries: self.save_entries.unwrap_or(default.save_entries),
            compact_entries: self.compact_entries.unwrap_or(default.compact_entries),
            compact_bytes: self.compact_bytes.unwrap_or(default.compact_bytes),
            log_entries_kept: self.log_entries_kept.unwrap_or(default.log_entries_kept),
            log_bytes_kept: self.log_bytes_kept.unwrap_or(default.log_bytes_kept),
            ledger_reserve_bytes: self.ledger_reserve_bytes.unwrap_or(default.ledger_reserve_bytes),
            software: self.announced_software.clone().unwrap_or(default.software),
            ..default
        }
    }
}

/// Outside witnesses (C2SP tlog-witness), under a policy of their own: publication never waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// C2SP tlog-policy text: `witness NAME VKEY URL` lines, groups, `quorum`. The quorum is only reported on.
    pub policy: PathBuf,
    /// How often each witness is asked at least, in seconds; besides, at seals, official hours and when all units are closed.
    #[serde(default = "witness_interval_s")]
    pub interval_s: u64,
    /// How long one request may take, in milliseconds.
    #[serde(default = "witness_timeout_ms")]
    pub timeout_ms: u64,
    /// Certificate authorities (PEM) for witnesses under https, for example `/etc/ssl/certs/ca-certificates.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

const fn witness_interval_s() -> u64 {
    600
}

const fn witness_timeout_ms() -> u64 {
    10_000
}

/// How the node logs, to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// What is logged, in the notation of `tracing`; the environment variable `TAMGA_LOG` comes first.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        // openraft tells each of its steps at level info.
        Self { format: LogFormat::Text, filter: "info,openraft=warn".to_owned() }
    }
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line an event, for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where a node is reached by the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its id.
    pub id: u32,
    /// `host:port` of its peer listener.
    pub address: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not TOML, or not of this shape; the text names line and field.
    #[error("{path}: {what}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Line, column, field.
        what: String,
    },
    /// A value that cannot be.
    #[error("{path}: {field}: {what}")]
    Field {
        /// Which file.
        path: PathBuf,
        /// The field's full name.
        field: String,
        /// What is wrong and what would be right.
        what: String,
    },
}

impl Config {
    /// Reads, completes and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], naming the field.
    pub fn load(disk: &dyn Disk, path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let bytes = disk.read(path, CONFIG_BYTES_MAX).map_err(read)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| ConfigError::Parse { path: path.to_owned(), what: "the file is not UTF-8 text".to_owned() })?;
        Self::from_toml(&text, path)
    }

    /// As [`Config::load`], for a text that was read from `path` (or would be).
    ///
    /// # Errors
    /// [`ConfigError`], naming the field.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let parse = |error: toml::de::Error| ConfigError::Parse { path: path.to_owned(), what: error.to_string() };
        let mut config: Self = toml::from_str(text).map_err(parse)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        for place in [&mut config.data_dir, &mut config.genesis, &mut config.keys_dir] {
            *place = folder.join(&*place);
        }
        if let Some(witnesses) = &mut config.witnesses {
            witnesses.policy = folder.join(&witnesses.policy);
            witnesses.ca_file = witnesses.ca_file.as_ref().map(|path| folder.join(path));
        }
        config.check().map_err(|(field, what)| ConfigError::Field { path: path.to_owned(), field, what })?;
        Ok(config)
    }

    /// The file's text.
    ///
    /// # Errors
    /// If a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    fn check(&self) -> Result<(), (String, String)> {
        let refuse = |field: &str, what: &str| Err((field.to_owned(), what.to_owned()));
        if self.node == 0 {
            return refuse("node", "node ids start at 1; use the id under which the genesis record lists this node");
        }
        if !self.listen.admin.ip().is_loopback() {
            return refuse(
                "listen.admin",
                "must be a loopback address (127.0.0.1 or [::1]): it answers without asking who is there",
            );
        }
        if let Some(witnesses) = &self.witnesses
            && (witnesses.interval_s == 0 || !(100..=60_000).contains(&witnesses.timeout_ms))
        {
            return refuse("witnesses", "interval_s is at least 1, timeout_ms 100 to 60000");
        }
        self.check_limits()?;
        self.check_peers()
    }

    fn check_limits(&self) -> Result<(), (String, String)> {
        let Limits { public_connections_max, public_connections_per_address_max, peer_connections_max, .. } =
            self.limits;
        let limits = [
            ("public_connections_max", u64::from(public_connections_max)),
            ("public_connections_per_address_max", u64::from(public_connections_per_address_max)),
            ("peer_connections_max", u64::from(peer_connections_max)),
            ("concurrent_streams_max", u64::from(self.limits.concurrent_streams_max)),
            ("stream_submissions_max", u64::from(self.limits.stream_submissions_max)),
            ("header_timeout_ms", self.limits.header_timeout_ms),
            ("write_stall_ms_max", self.limits.write_stall_ms_max),
            ("request_timeout_ms", self.limits.request_timeout_ms),
        ];
        match limits.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err((format!("limits.{name}"), "0 would refuse everybody; use at least 1".to_owned())),
            None => Ok(()),
        }
    }

    fn check_peers(&self) -> Result<(), (String, String)> {
        if self.peers.len() > PEERS_MAX {
            return Err(("peers".to_owned(), format!("more than {PEERS_MAX} nodes")));
        }
        let mut seen = BTreeMap::new();
        for (place, peer) in self.peers.iter().enumerate() {
            let field = |name: &str| format!("peers[{place}].{name}");
            if peer.id == 0 {
                return Err((field("id"), "node ids start at 1".to_owned()));
            }
            if let Some(first) = seen.insert(peer.id, place) {
                return Err((field("id"), format!("node {} is already peers[{first}]", peer.id)));
            }
            let port = peer.address.rsplit_once(':').and_then(|(host, port)| {
                let port: u16 = port.parse().ok()?;
                (!host.is_empty() && port != 0).then_some(port)
            });
            if port.is_none() || peer.address.len() > 255 {
                let what = format!("{:?} is not host:port with a port above 0", peer.address);
                return Err((field("address"), what));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        node = 2
        data_dir = "data"
        genesis = "../genesis.cbor"
        keys_dir = "/etc/tamga/keys"
        [listen]
        peer = "127.0.0.1:0"
        public = "0.0.0.0:8443"
        admin = "[::1]:9000"
        [[peers]]
        id = 1
        address = "node-1.example:7000"
    "#;

    fn load(text: &str) -> Result<Config, ConfigError> {
        Config::from_toml(text, Path::new("/nodes/2/node.toml"))
    }

    fn refused(text: &str) -> String {
        load(text).unwrap_err().to_string()
    }

    #[test]
    fn paths_are_meant_from_the_file_and_the_text_reads_back() {
        let config = load(GOOD).unwrap();
        assert_eq!(config.data_dir, Path::new("/nodes/2/data"));
        assert_eq!(config.keys_dir, Path::new("/etc/tamga/keys"));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(load(&config.to_toml().unwrap()).unwrap(), config);
    }

    #[test]
    fn errors_name_the_field() {
        let with = |old: &str, new: &str| refused(&GOOD.replace(old, new));
        assert!(with("node = 2", "node = 0").contains(": node: node ids start at 1"));
        assert!(with("node = 2", "node = 2\nnoed = 3").contains("unknown field `noed`"));
        assert!(with("node = 2", "").contains("missing field `node`"));
        assert!(with("[::1]:9000", "0.0.0.0:9000").contains("listen.admin"));
        assert!(with("node-1.example:7000", "node-1.example").contains("peers[0].address"));
        assert!(with("[listen]", "[limits]\nheader_timeout_ms = 0\n[listen]").contains("limits.header_timeout_ms"));
        assert!(with("[listen]", "[limits]\nheadertimeout = 1\n[listen]").contains("unknown field `headertimeout`"));
        let twice = GOOD.to_owned() + "[[peers]]\nid = 1\naddress = \"b:1\"\n";
        assert!(refused(&twice).contains("peers[1].id: node 1 is already peers[0]"));
    }
}
