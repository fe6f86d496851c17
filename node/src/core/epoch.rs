//! Cluster epochs: when so many nodes are lost, or contradict each other, that no majority can go on, the organisations decide
//! that some of them begin anew from the last published size (DESIGN §9).
//!
//! ```text
//! decision, signed outside ─► `tamga-node recover` on each node that goes on: ledger cut to the size, log begun behind
//!      `position`, the decision kept in `data_dir/cluster-epoch` ─► first leader proposes the decision, alone ─► leaf `size`
//! ```
//! Until the decision is in the ledger nothing else is sequenced. Batches are signed for the epoch in force; consensus of
//! another epoch has another cluster id, so nodes of before and after never hear one another's entries.

use std::io;
use std::path::Path;

use bytes::Bytes;
use tamga_consensus::ClusterId;
use tamga_ledger::ids::{Digest, RecordId};
use tamga_ledger::kinds::{Body as _, Governance, Kind};
use tamga_ledger::nodes::Nodes;
use tamga_ledger::store::LogPosition;
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission};
use tamga_ledger::tree::{Hash, Roots};
use tamga_ledger::trust::Trust;
use tamga_platform::disk::Disk;

use super::CoreError;
use super::roster::Governed;

/// The decision that this node goes on by, in its data folder.
pub(crate) const EPOCH_FILE: &str = "cluster-epoch";
/// Domain of the cluster ids of later epochs.
const CLUSTER_CONTEXT: &str = "tamga 2025 cluster id of an epoch v1";

/// A decision to begin anew, as somebody shows it. Its signatures are checked apart ([`NewEpoch::check`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewEpoch {
    /// The number of the epoch.
    pub(crate) number: u32,
    /// The published size from which it goes on.
    pub(crate) size: u64,
    /// Both roots of that size.
    pub(crate) roots: Roots,
    /// Nodes that go on as voters,
    pub(crate) voters: Vec<u32>,
    /// and as learners.
    pub(crate) learners: Vec<u32>,
    /// The record's id, and
    pub(crate) id: RecordId,
    /// the signed record.
    pub(crate) bytes: Bytes,
}

/// Why bytes are no decision to begin anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnEpoch {
    #[error("it is no signed record")]
    Unreadable,
    #[error("it is a record of another election")]
    OtherElection,
    #[error("it is a record, but no decision about a cluster epoch")]
    OtherRecord,
    #[error(
        "the organisations that signed it do not satisfy the trust policy in force, or a signature does not verify"
    )]
    NotSigned,
}

impl NewEpoch {
    pub(crate) fn from_bytes(bytes: &[u8], trust: &Trust) -> Result<Self, NotAnEpoch> {
        let submission = Submission::from_bytes(bytes).map_err(|_| NotAnEpoch::Unreadable)?;
        let record = submission.signed.parse().map_err(|_| NotAnEpoch::Unreadable)?;
        if record.election != *trust.election_id() {
            return Err(NotAnEpoch::OtherElection);
        }
        if record.kind != Kind::Governance as u16 {
            return Err(NotAnEpoch::OtherRecord);
        }
        match Governance::from_bytes(&record.body) {
            Ok(Governance::ClusterEpoch { number, size, sha256, blake3, voters, learners }) => {
                let hash = |digest: Digest| Hash::new(digest.0);
                Ok(Self {
                    number,
                    size,
                    roots: Roots { sha256: hash(sha256), blake3: hash(blake3) },
                    voters,
                    learners,
                    id: submission.signed.id(),
                    bytes: Bytes::copy_from_slice(bytes),
                })
            }
            _ => Err(NotAnEpoch::OtherRecord),
        }
    }

    /// The organisations have signed it, by the registry and the policy that `trust` knows.
    pub(crate) fn check(&self, trust: &Trust) -> Result<(), NotAnEpoch> {
        Governed::verify(&self.bytes, trust).map(drop).ok_or(NotAnEpoch::NotSigned)
    }

    /// What a node's data folder holds; none in a cluster that was never recovered.
    pub(crate) fn read(disk: &dyn Disk, data_dir: &Path, trust: &Trust) -> Result<Option<Self>, CoreError> {
        let path = data_dir.join(EPOCH_FILE);
        let bytes = match disk.read(&path, SUBMISSION_BYTES_MAX as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CoreError::Io { action: "read", path, source }),
        };
        match Self::from_bytes(&bytes, trust) {
            Ok(epoch) => Ok(Some(epoch)),
            Err(why) => {
                let what = format!("{why}: put the organisations' decision there again, byte for byte");
                Err(CoreError::Damaged { path, what })
            }
        }
    }
}

/// Behind which position the log of an epoch begins: above everything that any log of an earlier one can hold, and the same
/// for every node without asking another.
pub(crate) const fn begins_behind(number: u32) -> LogPosition {
    LogPosition { term: (number as u64) << 32, leader: 0, index: (number as u64) << 40 }
}

/// The cluster id of consensus: the election's own in the genesis record's epoch, another one in each later epoch.
pub(crate) fn cluster_id(trust: &Trust, number: u32) -> ClusterId {
    if number <= trust.election().cluster_epoch {
        return ClusterId(trust.election_id().0);
    }
    let mut hasher = blake3::Hasher::new_derive_key(CLUSTER_CONTEXT);
    hasher.update(&trust.election_id().0);
    hasher.update(&number.to_le_bytes());
    ClusterId(*hasher.finalize().as_bytes())
}

/// The epoch that this node takes part in.
#[derive(Debug)]
pub(crate) struct Epoch {
    number: u32,
    /// What the ledger has to have before anything else of this epoch.
    decision: Option<(RecordId, Bytes)>,
}

impl Epoch {
    /// From what the ledger says, the node's own file, and its operator: for a node that joins later, to which no ledger says
    /// anything yet.
    pub(crate) fn settle(ledger: &Nodes, first: u32, kept: Option<NewEpoch>, stated: Option<u32>) -> Self {
        let known = if ledger.is_empty() { first } else { ledger.cluster_epoch() };
        let kept = kept.filter(|kept| kept.number > known);
        let number = kept.as_ref().map_or(known, |kept| kept.number).max(stated.unwrap_or(0));
        Self { number, decision: kept.map(|kept| (kept.id, kept.bytes)) }
    }

    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// The decision that has to be sequenced before anything else.
    pub(crate) fn due(&self, ledger: &Nodes) -> Option<(RecordId, Bytes)> {
        self.decision.clone().filter(|_| ledger.cluster_epoch() < self.number)
    }

    /// Whether the ledger has not got to this epoch yet.
    pub(crate) fn is_ahead_of(&self, ledger: &Nodes) -> bool {
        ledger.cluster_epoch() < self.number
    }
}
