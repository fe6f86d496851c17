//! Repair: damaged files of a ledger, made again from what can be proven.
//!
//! | file | what |
//! |---|---|
//! | `peers` | asking peers in turn; whoever forges is named and asked no more |
//! | `proven` | leaf hashes that hash up to a published checkpoint |
//! | `pieces` | what is left of a damaged segment, and which leaves are lost |
//! | `header` | a damaged frame header, found again from what surrounds it |
//! | `segment`, `bodies` | files of entries and of confidential bodies, written anew |
//! | `trees`, `archive` | tiles, indexes and the checkpoint archive |
//! | `swap` | new files take the place of damaged ones, all or none |
//!
//! # What is proven by what
//! - **Entries** below the newest published checkpoint N (of this node's archive or of a peer, verified by the trust policy):
//!   each leaf must have both leaf hashes that hash up to both roots at N. Tiles on the way, this node's own as well as
//!   peers', count only when they hash to the tile above them. *No byte from a peer is written before that.*
//! - **Confidential bodies**: by the digest that stands in the proven entry.
//! - **Tiles, indexes, segment headers**: computed from the entries.
//! - **Archived checkpoints**: by their own cosignatures.
//! - **Entries beyond N** are proven by nothing but this node's own checksums. Where those fail the ledger is cut, and the
//!   replicated log applies the rest again; the caller says whether it still can ([`Job::can_apply_again`]). If it cannot,
//!   this node has to be built again under a new id. (Purging keeps the log above N, so it can.)
//! - **Log positions and the word `synced` in a frame** are this node's own and stand in no tree. They are restored exactly
//!   where the frame's header or either of its checksums still tells them; otherwise `synced` becomes the frame's own
//!   offset (everything before it is durable once the repair is) and the position that of the frame before, which nothing
//!   reads but the last frame's. A lost *last* position is never made up: the ledger is cut there.
//!
//! Damage is repaired byte for byte, except where that last sentence applies.
//!
//! # Crashes
//! New files are written beside the damaged ones and synced; one small journal then names them all, and from that moment the
//! repair will be finished, by whoever runs it next; a ledger with a journal does not open. Damaged originals are moved
//! aside, never deleted. Tiles and indexes are derived, so they are overwritten in place (a copy aside first): torn again,
//! they are found and repaired again.
//!
//! Memory: one segment (at most 256 MiB) and what was lost of it.

mod archive;
mod bodies;
mod header;
mod peers;
mod pieces;
mod proven;
mod segment;
mod swap;
mod trees;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamga_platform::disk::Disk;

use crate::entry::{Entry, Payload};
use crate::ids::Digest;
use crate::kinds::Kind;
use crate::submission::confidential_digest;
use crate::tree::{LeafIndex, TilePath, TreeHead, TreeSize};
use crate::trust::Trust;

use super::error::StoreError;
use super::fsck::fsck;
use super::layout::Folders;
use super::types::{LogPosition, Report};

use self::peers::Asked;
use self::segment::Entries;

pub(super) use self::swap::refuse_unfinished;

/// What one peer sent for one leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerEntry {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its confidential body; empty for none, or where the peer has erased it.
    pub body: Vec<u8>,
}

/// Which of the two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeName {
    /// RFC 6962's.
    Sha256,
    /// The keyed BLAKE3 one.
    Blake3,
}

/// Where lost bytes may come from. Nothing of what these give is believed.
pub trait Peers {
    /// Names, in the order in which they are asked.
    fn names(&self) -> Vec<String>;

    /// A tile of the tree of that size.
    ///
    /// # Errors
    /// Why not, in words.
    fn tile(&self, peer: usize, tree: TreeName, path: &TilePath) -> Result<Vec<u8>, String>;

    /// Entries from `first` on, at least one and at most `count`.
    ///
    /// # Errors
    /// Why not, in words.
    fn entries(&self, peer: usize, first: LeafIndex, count: u64) -> Result<Vec<PeerEntry>, String>;

    /// Published checkpoints whose sizes are in the range, as many as the peer gives at once, from its start.
    ///
    /// # Errors
    /// Why not, in words.
    fn checkpoints(&self, peer: usize, sizes: Range<TreeSize>) -> Result<Vec<String>, String>;

    /// The newest published checkpoint.
    ///
    /// # Errors
    /// Why not, in words.
    fn newest(&self, peer: usize) -> Result<String, String>;
}

/// A published checkpoint that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenHead {
    /// Its size and roots.
    pub head: TreeHead,
    /// When its last cosignature was made, in milliseconds of Unix time.
    pub time_ms: u64,
}

/// What an entry says of its confidential body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyClaim {
    /// Class of the body.
    pub class: u8,
    /// Its digest.
    pub digest: Digest,
}

/// What makes bytes believable. [`Trust`] does for a real ledger.
pub trait Proofs {
    /// Verifies a published checkpoint.
    ///
    /// # Errors
    /// Why it is none, in words.
    fn checkpoint(&self, note: &str) -> Result<ProvenHead, String>;

    /// What a proven entry says of its confidential body.
    fn body_claim(&self, entry: &[u8]) -> Option<BodyClaim>;

    /// Whether these bytes are the body that was claimed.
    fn is_body(&self, claim: &BodyClaim, body: &[u8]) -> bool {
        confidential_digest(body) == claim.digest
    }
}

impl Proofs for Trust {
    fn checkpoint(&self, note: &str) -> Result<ProvenHead, String> {
        let verified = self.verify_checkpoint(note.as_bytes()).map_err(|error| error.to_string())?;
        let newest = verified.cosignatures().iter().map(|cosignature| cosignature.time_s).max();
        let time_ms = newest.unwrap_or_default().saturating_mul(1000);
        Ok(ProvenHead { head: verified.checkpoint().head(), time_ms })
    }

    fn body_claim(&self, entry: &[u8]) -> Option<BodyClaim> {
        let Payload::Full(signed) = Entry::from_bytes(entry).ok()?.payload else { return None };
        let record = signed.parse().ok()?;
        let class = Kind::from_number(record.kind)?.confidential_class()?;
        Some(BodyClaim { class: class as u8, digest: record.confidential.0? })
    }
}

/// A step of a repair, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Every byte is read and checked.
    Checking,
    /// Segment n of m is looked at and, where damaged, made again.
    Segment(u32, u32),
    /// Leaves asked of peers so far.
    Fetched(u64),
    /// Both trees are computed again: so many leaves so far.
    Trees(u64),
    /// Every byte is read and checked once more.
    CheckingAgain,
}

/// What to repair, with what.
pub struct Job<'a> {
    /// The disk.
    pub disk: &'a Arc<dyn Disk>,
    /// The ledger's folder. The caller holds the lock on it.
    pub folder: &'a Path,
    /// An own folder on the same file system, for the damaged originals of this repair.
    pub quarantine: &'a Path,
    /// Whom to ask.
    pub peers: &'a dyn Peers,
    /// What to believe.
    pub proofs: &'a dyn Proofs,
    /// Whether the replicated log still holds, undamaged, everything after a position (`None`: everything there ever was).
    /// The error says why not.
    pub can_apply_again: &'a dyn Fn(Option<LogPosition>) -> Result<(), String>,
    /// Told of each step.
    pub progress: &'a dyn Fn(Step),
}

impl fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Why an answer of a peer was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The peer.
    pub peer: String,
    /// What was asked of it.
    pub asked: String,
    /// Whether the answer was false, rather than missing.
    pub forged: bool,
    /// What was wrong.
    pub what: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.forged { "answered falsely" } else { "did not help" };
        write!(f, "{} {verdict} when asked for {}: {}", self.peer, self.asked, self.what)
    }
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The checkpoint everything was proven against, if one was needed.
    pub proven_by: Option<TreeHead>,
    /// Files that were made again, and how, in words.
    pub files: Vec<(PathBuf, String)>,
    /// Leaves that came from peers.
    pub leaves_fetched: u64,
    /// Confidential bodies that came from peers.
    pub bodies_fetched: u64,
    /// Tiles that were computed again.
    pub tiles: u64,
    /// The ledger was cut to this size; the replicated log applies the rest again.
    pub cut_to: Option<u64>,
    /// Answers of peers that were not used.
    pub refusals: Vec<Refusal>,
    /// The check at the end: without faults.
    pub report: Report,
}

/// Why a ledger was not repaired. Nothing has been changed unless said otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No peer gave what is needed.
    #[error("{asked} cannot be had from any peer: {}", reasons(.refusals))]
    NoPeer {
        /// What is needed.
        asked: String,
        /// What became of each.
        refusals: Vec<Refusal>,
    },
    /// Entries are damaged and nobody has published anything.
    #[error(
        "entries are damaged, and neither this node's archive nor a peer has a published checkpoint to prove them against"
    )]
    NothingPublished,
    /// Damage behind the newest published checkpoint that the log does not make good.
    #[error(
        "the ledger is damaged at leaf {leaf}, behind the newest published checkpoint (size {proven}), and cannot be \
         cut there: {why}. This node has to be built again under a new node id"
    )]
    BeyondProof {
        /// First damaged leaf.
        leaf: u64,
        /// Size of the newest published checkpoint.
        proven: u64,
        /// Why the log cannot apply the rest again.
        why: String,
    },
    /// A file that holds a decision of this node alone.
    #[error("{path} is damaged, and nobody else knows what stood in it: {what}")]
    OwnDecision {
        /// Which file.
        path: PathBuf,
        /// What to do.
        what: String,
    },
    /// The check at the end found faults. What was repaired stays.
    #[error("after the repair {} faults are left, the first: {}", .0.faults_total, first(.0))]
    FaultsLeft(Box<Report>),
}

fn reasons(refusals: &[Refusal]) -> String {
    if refusals.is_empty() {
        return "there is none to ask".to_owned();
    }
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn first(report: &Report) -> String {
    report.faults.first().map(ToString::to_string).unwrap_or_default()
}

/// The newest published checkpoint that this node's own archive or any peer shows, verified; and who answered falsely.
///
/// # Errors
/// [`RepairError::Store`] when the archive cannot be read.
pub fn newest_proof(job: &Job<'_>) -> Result<(Option<ProvenHead>, Vec<Refusal>), RepairError> {
    let mut asked = Asked::new(job);
    let found = published(job, &mut asked)?;
    Ok((newest(&found), asked.into_refusals()))
}

/// The newest verified checkpoint of this node and of each peer.
fn published(job: &Job<'_>, asked: &mut Asked<'_>) -> Result<Vec<ProvenHead>, RepairError> {
    let own = archive::newest_own(job)?;
    Ok(own.into_iter().chain(asked.newest(job.proofs)).collect())
}

fn newest(found: &[ProvenHead]) -> Option<ProvenHead> {
    found.iter().copied().max_by_key(|proven| proven.head.size)
}

/// Repairs a ledger in place. Finishes an earlier repair that was interrupted.
///
/// # Errors
/// [`RepairError`].
pub fn repair(job: &Job<'_>) -> Result<Repaired, RepairError> {
    let folders = Folders::new(job.folder);
    swap::finish(job.disk, &folders)?;
    swap::sweep(job.disk, &folders)?;
    (job.progress)(Step::Checking);
    let before = fsck(job.disk, job.folder)?;
    let mut asked = Asked::new(job);
    let published = published(job, &mut asked)?;
    let mut work =
        Work { job, folders, asked, published, files: Vec::new(), bodies_fetched: 0, tiles: 0, cut_to: None };
    if work.concerns_entries(&before) {
        work.entries(false)?;
    }
    // A ledger whose checksums all hold and whose roots are not the published ones holds entries that were exchanged.
    if !work.trees()? {
        work.entries(true)?;
        if !work.trees()? {
            let what = "the entries do not hash to the published roots, although each was proven".to_owned();
            return Err(StoreError::damaged(job.folder, 0, None, what).into());
        }
    }
    work.archive()?;
    (job.progress)(Step::CheckingAgain);
    let report = fsck(job.disk, job.folder)?;
    if !report.is_clean() {
        return Err(RepairError::FaultsLeft(Box::new(report)));
    }
    Ok(work.done(report))
}

/// A repair under way.
struct Work<'a> {
    job: &'a Job<'a>,
    folders: Folders,
    asked: Asked<'a>,
    published: Vec<ProvenHead>,
    files: Vec<(PathBuf, String)>,
    bodies_fetched: u64,
    tiles: u64,
    cut_to: Option<u64>,
}

impl Work<'_> {
    /// Whether a fault lies in what is not derived. A report that lists not all faults may hide one.
    fn concerns_entries(&self, report: &Report) -> bool {
        let derived = [self.folders.tiles(), self.folders.checkpoints()];
        let index = |path: &Path| path.extension().is_some_and(|extension| extension == "idx");
        let concerns = |path: &Path| !derived.iter().any(|folder| path.starts_with(folder)) && !index(path);
        report.faults_total > report.faults.len() as u64 || report.faults.iter().any(|fault| concerns(&fault.path))
    }

    fn entries(&mut self, all: bool) -> Result<(), RepairError> {
        let Some(proven) = newest(&self.published) else { return Err(RepairError::NothingPublished) };
        let changed = Entries::new(self.job, &self.folders, &mut self.asked, proven.head, all)?.run()?;
        self.bodies_fetched += changed.bodies_fetched;
        self.cut_to = changed.cut_to.or(self.cut_to);
        self.files.extend(changed.files);
        Ok(())
    }

    /// Computes both trees again; false when they do not have the published roots.
    fn trees(&mut self) -> Result<bool, RepairError> {
        let done = {
            let heads: Vec<TreeHead> = self.published.iter().map(|proven| proven.head).collect();
            trees::rebuild(self.job, &self.folders, &heads)?
        };
        self.tiles += done.tiles;
        self.files.extend(done.files);
        Ok(done.roots_agree)
    }

    fn archive(&mut self) -> Result<(), RepairError> {
        self.files.extend(archive::repair(self.job, &self.folders, &mut self.asked)?);
        Ok(())
    }

    fn done(self, report: Report) -> Repaired {
        Repaired {
            proven_by: newest(&self.published).map(|proven| proven.head),
            files: self.files,
            leaves_fetched: self.asked.leaves,
            bodies_fetched: self.bodies_fetched,
            tiles: self.tiles,
            cut_to: self.cut_to,
            refusals: self.asked.into_refusals(),
            report,
        }
    }
}
