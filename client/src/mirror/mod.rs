//! A verified static copy that any web server can publish: everything is judged before anybody sees it, and the checkpoint comes last.
//!
//! | file | what |
//! |---|---|
//! | `mod` | an update, step by step |
//! | `layered` | the copy as it will be: verified files first, then those that just came |
//! | `publish` | moving files into place; clearing up |
//! | `pages` | pages for people in three languages, out of the audited state |
//!
//! ```text
//! fetched into WORK/incoming ─► genesis, decisions, checkpoint verified ─► extends what is published ─► audited ─► files into place ─► checkpoint
//!       crash, or refused, anywhere before the last arrow: what is published is the earlier copy, whole
//! ```
//! Files in the published folder were all verified, also those that an interrupted update left; each address of a tile or bundle is
//! written once and never again. What a source showed that does not hold is thrown away, but for its checkpoint.

mod layered;
mod pages;
mod publish;

pub use pages::{About, pages};

use crate::report::{Stamp, tables};
use crate::source::{Base, DirectorySource, Resource, Source, SourceError, download_beside};
use crate::verify::{Memory, Opened, VerifyError, Weight, audit_remembering, check_extends, results};
use layered::Layered;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_ledger::audit::Report;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::tree::{TILE_WIDTH, TileKind, TilePath, TreeSize};
use tamga_ledger::trust::Trust;
use tamga_platform::disk::Disk;

/// What an update is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Fetching files.
    Fetching,
    /// Judging entries.
    Auditing,
    /// Moving files into place.
    Publishing,
}

/// Why a mirror was not updated. What is published stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// The source, or what it shows.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The audit found something; the source is not published.
    #[error("the audit found {} things that do not hold; the mirror stays as it was. The first: {}", .0.findings_total, first(.0))]
    Refuted(Box<Report>),
    /// A file of the source does not continue the one that is published.
    #[error("{0} of the source does not begin with what is published; the mirror stays as it was")]
    Rewritten(String),
    /// The source has less than the mirror: it lags.
    #[error("the source has {there} entries, the mirror {here}: the source lags, nothing was changed")]
    Behind {
        /// Entries published by the mirror.
        here: TreeSize,
        /// Entries at the source.
        there: TreeSize,
    },
    /// Another process updates the same mirror.
    #[error("another process is updating this mirror ({0} is locked)")]
    Busy(PathBuf),
    /// A folder cannot be read or written.
    #[error("{path}: {error}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// Tables cannot be made.
    #[error("the tables cannot be written: {0}")]
    Tables(String),
}

fn first(report: &Report) -> &str {
    report.findings.first().map_or("", |finding| finding.text.as_str())
}

impl MirrorError {
    /// What this says about the source.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        match self {
            Self::Verify(error) => error.weight(),
            Self::Refuted(_) | Self::Rewritten(_) => Weight::Refuted,
            Self::Behind { .. } | Self::Busy(_) | Self::Disk { .. } | Self::Tables(_) => Weight::Unchecked,
        }
    }
}

impl From<SourceError> for MirrorError {
    fn from(error: SourceError) -> Self {
        Self::Verify(error.into())
    }
}

/// What an update did.
#[derive(Debug)]
pub struct Update {
    /// The checkpoint that the mirror shows now.
    pub checkpoint: VerifiedCheckpoint,
    /// What is trusted at that size.
    pub trust: Trust,
    /// Entries that the mirror had before; none if there was no mirror.
    pub before: Option<TreeSize>,
    /// Whether anything was written: false if the source had nothing new.
    pub changed: bool,
    /// Files fetched, and their bytes.
    pub fetched: (u64, u64),
    /// Whether confidential bodies are in it (only after the Voting seal).
    pub confidential: bool,
    /// Pages for people and tables, in all.
    pub pages: u64,
    /// Why the audit read everything again, in a sentence; none if it did not have to.
    pub memory_unused: Option<String>,
}

/// A mirror in a folder, with a folder of its own for what is under way. The second must not be published, and must be nobody
/// else's: the audit's memory lies in it.
#[derive(Debug)]
pub struct Mirror {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    work: PathBuf,
    pinned: ElectionId,
}

impl Mirror {
    /// The mirror of the pinned election in `folder`; neither folder need exist yet.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, work: &Path, pinned: ElectionId) -> Self {
        Self { disk, folder: folder.to_owned(), work: work.to_owned(), pinned }
    }

    /// Brings the mirror to the source's checkpoint. `progress` hears the step, how much of it is done, and how much there is.
    ///
    /// # Errors
    /// [`MirrorError`]; the mirror then shows what it showed before.
    pub fn update(
        &self,
        source: &dyn Source,
        mut progress: impl FnMut(Step, u64, u64) + Send,
    ) -> Result<Update, MirrorError> {
        self.make(&self.folder)?;
        self.make(&self.work)?;
        let lock = self.work.join("lock");
        let _lock = match self.disk.lock(&lock) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(MirrorError::Busy(lock)),
            // A disk in memory has nothing to lock.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                return Err(MirrorError::Disk { path: lock, error });
            }
            held => held.ok(),
        };
        let published = DirectorySource::new(Arc::clone(&self.disk), &self.folder);
        let there = self.folder.join(Resource::Checkpoint.to_string());
        let before = match self.disk.read(&there, Resource::Checkpoint.bytes_max() as u64) {
            Ok(_) => Some(Opened::open(&published, &self.pinned)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(MirrorError::Disk { path: there, error }),
        };
        let before = before.map(|opened| (opened.checkpoint, opened.trust));
        match self.bring(source, &published, before, &mut progress) {
            Err(error) if error.weight() == Weight::Refuted => {
                self.refuse()?;
                Err(error)
            }
            done => done,
        }
    }

    fn bring(
        &self,
        source: &dyn Source,
        published: &DirectorySource,
        before: Option<(VerifiedCheckpoint, Trust)>,
        progress: &mut (impl FnMut(Step, u64, u64) + Send),
    ) -> Result<Update, MirrorError> {
        let opened = Opened::open(source, &self.pinned)?;
        let here = before.as_ref().map(|(checkpoint, _)| checkpoint.checkpoint().size);
        if let Some(here) = here.filter(|here| *here > opened.size()) {
            return Err(MirrorError::Behind { here, there: opened.size() });
        }
        if let Some((checkpoint, trust)) = before
            .as_ref()
            .filter(|(checkpoint, _)| checkpoint.note().to_string() == opened.checkpoint.note().to_string())
        {
            return Ok(Update {
                checkpoint: checkpoint.clone(),
                trust: trust.clone(),
                before: here,
                changed: false,
                fetched: (0, 0),
                confidential: false,
                pages: 0,
                memory_unused: None,
            });
        }
        let mut memory = Memory::new(Arc::clone(&self.disk), &self.work.join("memory"));
        // Entries that were judged and never published are not on this disk for sure: what came in their place has to be judged.
        if memory.entries() > here.map(TreeSize::get) {
            memory.discard().map_err(self.fault(&self.work.join("memory")))?;
        }
        let incoming = self.work.join("incoming");
        let base = here.map(|size| Base { folder: &self.folder, size });
        let told = |done, all| progress(Step::Fetching, done, all);
        let downloaded =
            download_beside(source, &opened.trust, &*self.disk, &incoming, base, told).map_err(VerifyError::from)?;
        let came = DirectorySource::new(Arc::clone(&self.disk), &incoming);
        let layered = Layered { verified: published, came: &came };
        let opened = Opened::open(&layered, &self.pinned)?;
        if let Some((earlier, _)) = &before {
            check_extends(&opened, earlier)?;
            self.continues(&opened, earlier.checkpoint().size)?;
        }
        let told = |done, all| progress(Step::Auditing, done, all);
        let audited = audit_remembering(&opened, &mut memory, told)?;
        if !audited.report.ok {
            return Err(MirrorError::Refuted(Box::new(audited.report)));
        }
        let pages = self.pages(&opened, &audited.state)?;
        self.publish(&opened, here, &pages, &mut |done, all| progress(Step::Publishing, done, all))?;
        Ok(Update {
            checkpoint: opened.checkpoint.clone(),
            trust: opened.trust.clone(),
            before: here,
            changed: true,
            fetched: (downloaded.files, downloaded.bytes),
            confidential: downloaded.confidential,
            pages: pages.len() as u64,
            memory_unused: audited.memory_unused,
        })
    }

    /// The audit goes on behind the entries that it knows. Where they end within a bundle, the bundle that takes its place has to
    /// begin with the same bytes; and the checkpoint of that size may come again with more cosignatures, but not another one.
    fn continues(&self, opened: &Opened<'_>, here: TreeSize) -> Result<(), MirrorError> {
        let last = here.get() / TILE_WIDTH;
        if let Some(path) = TilePath::in_tree(TileKind::Entries, last, here) {
            for of in [Resource::Entries, Resource::Confidential] {
                let Ok(old) = self.disk.read(&self.folder.join(of(path).to_string()), of(path).bytes_max() as u64)
                else {
                    continue;
                };
                let Some(wider) = TilePath::in_tree(TileKind::Entries, last, opened.size()) else { continue };
                let new = opened.files.required(of(wider))?;
                if !new.starts_with(&old) {
                    return Err(MirrorError::Rewritten(of(wider).to_string()));
                }
            }
        }
        let again = self.work.join("incoming").join(Resource::Archived(here).to_string());
        let Ok(note) = self.disk.read(&again, Resource::Archived(here).bytes_max() as u64) else { return Ok(()) };
        let verified = opened.trust.verify_checkpoint(&note).map_err(VerifyError::from)?;
        check_extends(opened, &verified)?;
        if verified.checkpoint().size != here {
            return Err(MirrorError::Rewritten(Resource::Archived(here).to_string()));
        }
        Ok(())
    }

    /// Pages and tables: addresses and bytes.
    fn pages(
        &self,
        opened: &Opened<'_>,
        state: &tamga_ledger::state::State,
    ) -> Result<Vec<(String, Vec<u8>)>, MirrorError> {
        let (shown, head) = (results(state), opened.checkpoint.checkpoint());
        let election = self.pinned.to_string();
        let about = About {
            election: opened.trust.election(),
            id: &election,
            checkpoint: &opened.checkpoint,
            organisations_of: opened.trust.policy_at(head.size).organisations().len(),
            sequenced_ms: state.time_ms(),
        };
        let mut files = pages(&about, &shown, state.definition());
        let stamp = Stamp {
            election: election.clone(),
            size: head.size.get(),
            sha256: head.roots.sha256.to_base64(),
            rehearsal: opened.trust.election().real == 0,
        };
        let tables =
            tables(&shown, state.definition(), &stamp).map_err(|error| MirrorError::Tables(error.to_string()))?;
        files.extend(tables.into_iter().map(|table| (format!("data/{}", table.name), table.csv)));
        Ok(files)
    }

    fn make(&self, folder: &Path) -> Result<(), MirrorError> {
        self.disk.create_dir_all(folder).map_err(self.fault(folder))
    }

    #[allow(clippy::unused_self, reason = "reads as a sentence where it is used")]
    fn fault(&self, path: &Path) -> impl FnOnce(io::Error) -> MirrorError + use<> {
        let path = path.to_owned();
        move |error| MirrorError::Disk { path, error }
    }
}
