//! Why a device did not get an answer it can rely on.

use std::fmt;
use tamga_ledger::ids::RecordId;

/// One node's failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which node.
    pub node: u32,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: {}", self.node, self.what)
    }
}

/// Why a device did not get an answer it can rely on. The record may be in the ledger all the same: submitting the same
/// bytes again is always safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No nodes were configured.
    #[error("no node is configured")]
    NoNodes,
    /// A node that is not known, or was removed.
    #[error("node {0} is not one of the election's")]
    UnknownNode(u32),
    /// TLS cannot be set up.
    #[error("TLS for node {node}: {what}")]
    Tls {
        /// Which node.
        node: u32,
        /// Why.
        what: String,
    },
    /// An address that is none.
    #[error("the address {address:?} of node {node} is not host:port")]
    Address {
        /// Which node.
        node: u32,
        /// What was configured.
        address: String,
    },
    /// No node gave a usable answer in time.
    #[error("no node gave an answer that can be relied on within {waited_ms} ms; keep the record and submit it again; {}",
            listed(.attempts))]
    Deadline {
        /// How long it was tried.
        waited_ms: u64,
        /// The last failure of each node that was tried.
        attempts: Vec<Attempt>,
    },
    /// A node says that there is no such record.
    #[error("no node knows record {0}; submit it (again)")]
    UnknownRecord(RecordId),
    /// The submission is too long to be sent.
    #[error("the submission has {bytes} bytes, more than the {max} that nodes take")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The stream was closed.
    #[error("the submission stream was closed")]
    Closed,
}

fn listed(attempts: &[Attempt]) -> String {
    match attempts {
        [] => "no node was reached".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}
