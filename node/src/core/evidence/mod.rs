//! Evidence files: what somebody signed and should not have, kept for people to judge.
//!
//! | file | what |
//! |---|---|
//! | `mod` | writing them: only what verifies as a stranger would verify it is called evidence |
//! | `accuse` | notes with other roots, as soon as something signed contradicts them |
//! | `compare` | batches compared between nodes: who sent whom something else |
//!
//! Evidence never stops a node: what cannot be written is reported.

mod accuse;
mod compare;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tamga_ledger::codec;
use tamga_ledger::evidence::{Claim, Evidence as File, VerifiedEvidence};
use tamga_ledger::history::History;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::submission::Submission;
use tamga_platform::disk::Disk;

pub(crate) use self::accuse::Suspects;
pub(crate) use self::compare::Batches;
use super::shared::Shared;

/// Most files one process writes: a flood must not fill the disk.
const FILES_MAX: u32 = 256;

/// Writes evidence files into one folder.
#[derive(Debug)]
pub(crate) struct Evidence {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    written: AtomicU32,
    election: ElectionId,
    /// The signed genesis record, which every file carries.
    genesis: Vec<u8>,
}

impl Evidence {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, election: ElectionId, genesis: &Submission) -> Self {
        Self { disk, folder, written: AtomicU32::new(0), election, genesis: codec::encode(&genesis.signed) }
    }

    /// A file with this claim, if it convinces whoever has the genesis digest alone.
    fn file(&self, claim: Claim, receipts: Vec<Vec<u8>>) -> Result<(File, VerifiedEvidence), String> {
        let mut file = File::new(self.election, self.genesis.clone(), claim);
        file.receipts = receipts;
        let verified = file.trust(&self.election).and_then(|trust| file.verify(&trust));
        verified.map(|verified| (file, verified)).map_err(|error| error.to_string())
    }

    /// Keeps `bytes` that look wrong and convict nobody by themselves; blocks.
    pub(crate) fn keep_raw(&self, what: &str, time_ms: u64, bytes: &[u8]) -> Option<PathBuf> {
        self.write(what, &format!("{what}.raw"), time_ms, bytes)
    }

    /// Durably, or reported and otherwise lost.
    fn write(&self, what: &str, name: &str, time_ms: u64, bytes: &[u8]) -> Option<PathBuf> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("tamga_evidence_total", "what" => what.to_owned()).increment(1);
        if number >= FILES_MAX {
            tracing::warn!(what, "evidence is not kept: {FILES_MAX} files were written since the start");
            return None;
        }
        let path = self.folder.join(format!("{time_ms}-{number:03}-{name}"));
        let written = (|| {
            self.disk.create_dir_all(&self.folder)?;
            // Under its name it is whole: people copy this folder while the node runs.
            self.disk.replace(&path, bytes)
        })();
        match written {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::error!(what, path = %path.display(), %error, "evidence could not be written");
                None
            }
        }
    }
}

impl Shared {
    /// Writes a claim as evidence if it verifies; otherwise `raw`, which then convicts nobody. Blocks.
    pub(crate) fn keep_evidence(&self, claim: Claim, raw: &[u8]) -> Option<PathBuf> {
        let (what, now_ms) = (claim.slug(), self.seams.clock.now_ms());
        match self.evidence.file(claim, self.receipts_of_decisions()) {
            Ok((file, verified)) => {
                for holder in verified.convicted() {
                    let organisation = holder.organisation.as_deref().unwrap_or("unknown");
                    tracing::error!(what, organisation, node = holder.node, key = %holder.key, "EVIDENCE against a key");
                }
                self.evidence.write(what, &format!("{what}.evidence"), now_ms, &file.to_bytes())
            }
            Err(error) => {
                tracing::warn!(what, error, "what was seen convicts nobody by itself; its bytes are kept");
                self.evidence.keep_raw(what, now_ms, raw)
            }
        }
    }

    /// Receipts of the organisations' decisions: without them a stranger does not know later nodes, keys and policies.
    fn receipts_of_decisions(&self) -> Vec<Vec<u8>> {
        let history = match self.history() {
            Ok(bytes) => History::from_bytes(&bytes).unwrap_or_default(),
            Err(error) => {
                tracing::error!(%error, "no receipts for evidence");
                return Vec::new();
            }
        };
        let some = history.steps.iter().take(tamga_ledger::evidence::RECEIPTS_MAX);
        some.map(Receipt::to_bytes).collect()
    }

    /// An unauthentic item was found in a committed batch. Blocks.
    pub(crate) fn accuse_proposer(
        &self,
        state: &tamga_ledger::state::State,
        batch: &[u8],
        item: usize,
        bytes: &[u8],
    ) -> Option<PathBuf> {
        // Nodes are asked for under the state's lock elsewhere; apply holds it here.
        let claim = Claim::of_item(batch.to_vec(), item as u64, bytes, |id| state.key(id).map(|entry| entry.key));
        let now_ms = self.seams.clock.now_ms();
        match self.evidence.file(claim, Vec::new()) {
            Ok((file, _)) => {
                self.evidence.write("unauthentic-item", "unauthentic-item.evidence", now_ms, &file.to_bytes())
            }
            Err(error) => {
                tracing::warn!(error, "the item convicts nobody by itself; the batch is kept");
                self.evidence.keep_raw("unauthentic-item", now_ms, batch)
            }
        }
    }
}
