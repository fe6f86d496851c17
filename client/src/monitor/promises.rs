//! Promises that people handed to the monitor: each is looked for in the published ledger, and its absence proven.

use super::{AlarmKind, Event, Monitor, happened};
use crate::source::{Files, Source};
use crate::verify::{Opened, find_record, prove};
use std::path::{Path, PathBuf};
use tamga_ledger::evidence::{Claim, Entries, INLINE_BYTES_MAX};
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::promise::{PROMISE_BYTES_MAX, Promise};
use tamga_ledger::tree::{TILE_WIDTH, TwinFrontier};
use tamga_ledger::trust::Trust;

/// Most files looked at in a folder.
const FILES_MAX: usize = 100_000;

/// What became of a promise.
pub(crate) enum Fate {
    /// Nothing can be said yet.
    Open,
    /// The ledger has what was promised.
    Kept,
    /// It has not.
    Broken(Claim),
}

/// Looks for what was promised in a ledger that was opened; `bytes` are the signed promise, verified as `promise`.
///
/// A promise that names a leaf is compared with it at once. Otherwise absence counts once a quorum, the promising organisation in it,
/// has cosigned after the deadline; then all entries are read.
///
/// # Errors
/// What cannot be read, in a sentence.
pub(crate) fn fate(opened: &Opened<'_>, promise: &Promise, bytes: &[u8]) -> Result<Fate, String> {
    let size = opened.size();
    if let Some(judged) = &promise.judged
        && judged.leaf.within(size).is_ok()
    {
        let (receipt, verified) = prove(opened, judged.leaf).map_err(|error| error.to_string())?;
        let entry = verified.entry();
        let same = entry.record_id() == promise.record && entry.verdict == judged.verdict;
        if same && entry.time_ms == judged.time_ms {
            return Ok(Fate::Kept);
        }
        return Ok(Fate::Broken(Claim::PromisedLeaf { promise: bytes.to_vec(), receipt: receipt.to_bytes() }));
    }
    // Where the source says that it is, a proof decides; that it says nothing proves nothing.
    if let Ok(Some(leaf)) = opened.files.source().find(&promise.record)
        && leaf.within(size).is_ok()
        && let Ok((_, verified)) = prove(opened, leaf)
        && verified.record_id() == promise.record
    {
        return Ok(Fate::Kept);
    }
    if !is_due(opened, promise) {
        return Ok(Fate::Open);
    }
    if find_record(opened, &promise.record, |_, _| {})
        .is_ok_and(|leaf| prove(opened, leaf).is_ok_and(|(_, verified)| verified.record_id() == promise.record))
    {
        return Ok(Fate::Kept);
    }
    let entries = all_entries(opened)?;
    let checkpoint = opened.checkpoint.note().to_string();
    Ok(Fate::Broken(Claim::Promise { promise: bytes.to_vec(), checkpoint, entries }))
}

/// As the verifier of such a file decides it.
fn is_due(opened: &Opened<'_>, promise: &Promise) -> bool {
    let trust = &opened.trust;
    let late =
        opened.checkpoint.cosignatures().iter().filter(|one| one.time_s.saturating_mul(1_000) > promise.deadline_ms);
    let late = trust.policy_at(opened.size()).evaluate(late.map(|one| &one.key));
    let organisation = trust.registry().get(promise.node).map(|node| node.organisation.as_str());
    late.satisfied && late.organisations.iter().any(|name| Some(name.as_str()) == organisation)
}

/// All entries, hashed up to the checkpoint: none may be missing or altered, or the claim would not hold.
fn all_entries(opened: &Opened<'_>) -> Result<Entries, String> {
    let (size, mut frontier) = (opened.size(), TwinFrontier::default());
    let (mut here, mut bytes) = (Some(Vec::new()), 0);
    while frontier.size() < size {
        let bundle =
            opened.files.entries(frontier.size().get() / TILE_WIDTH, size).map_err(|error| error.to_string())?;
        if bundle.entries.is_empty() {
            return Err("the source ends too early".to_owned());
        }
        for entry in bundle.entries {
            frontier.push_entry(&entry).map_err(|error| error.to_string())?;
            bytes += entry.len();
            here = here.filter(|_| bytes <= INLINE_BYTES_MAX);
            if let Some(here) = &mut here {
                here.push(entry);
            }
        }
    }
    if frontier.roots() != opened.checkpoint.checkpoint().roots {
        return Err("the source's entries are not those of its checkpoint".to_owned());
    }
    Ok(here.map_or(Entries::Copy, Entries::Here))
}

impl Monitor {
    /// Looks at every promise in the folder that is not settled.
    pub(super) fn look_for_promises(
        &mut self,
        checkpoint: &VerifiedCheckpoint,
        source: &dyn Source,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        let Some(folder) = self.options.promises.clone() else { return };
        let names = match self.disk.list(&folder) {
            Ok(names) => names,
            Err(error) => {
                let text = format!("the folder of promises cannot be read: {error}");
                return self.set(AlarmKind::Unreachable, &folder.display().to_string(), Some(text), now_ms, events);
            }
        };
        for name in names.into_iter().take(FILES_MAX) {
            self.look_for(&folder.join(name), checkpoint, source, now_ms, events);
        }
    }

    fn look_for(
        &mut self,
        path: &Path,
        checkpoint: &VerifiedCheckpoint,
        source: &dyn Source,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        let Ok(bytes) = self.disk.read(path, PROMISE_BYTES_MAX as u64) else { return };
        let digest = blake3::hash(&bytes).to_hex().to_string();
        if self.saved.settled.contains_key(&digest) {
            return;
        }
        let about = path.display().to_string();
        let read = |trust: &Trust| Promise::verify(&bytes, |id| trust.registry().promise_keys(id));
        let mut promise = read(&self.trust);
        if promise.is_err() && self.learn(source, now_ms, events) {
            promise = read(&self.trust);
        }
        let promise = match promise {
            Ok(promise) if promise.election == *self.trust.election_id() => promise,
            // Receipts, or promises of another election: not ours to watch.
            _ => return,
        };
        let opened = Opened {
            files: Files::new(source),
            trust: self.trust.clone(),
            history: self.history.clone(),
            genesis: Vec::new(),
            checkpoint: checkpoint.clone(),
            scratch: None,
        };
        match fate(&opened, &promise, &bytes) {
            Ok(Fate::Open) => {}
            Ok(Fate::Kept) => {
                self.saved.settled.insert(digest, "kept".to_owned());
            }
            Ok(Fate::Broken(claim)) => {
                let organisation = self.trust.registry().get(promise.node).map(|node| node.organisation.clone());
                let (text, evidence) = self.written(
                    &format!(
                        "node {} of {} has not kept its promise about record {}",
                        promise.node,
                        organisation.unwrap_or_default(),
                        promise.record
                    ),
                    claim,
                    now_ms,
                );
                self.saved.settled.insert(digest, "broken".to_owned());
                events.push(happened(AlarmKind::BrokenPromise, &about, text, evidence, now_ms));
            }
            Err(what) => {
                // Another source, another round.
                self.set(AlarmKind::FalseFiles, source.name(), Some(what), now_ms, events);
            }
        }
    }

    /// Writes evidence, and says so or why not.
    pub(super) fn written(&mut self, text: &str, claim: Claim, now_ms: u64) -> (String, Option<PathBuf>) {
        match self.write(claim, Vec::new(), now_ms) {
            Ok(path) => (format!("{text}; evidence: {}", path.display()), Some(path)),
            Err(error) => (format!("{text}; no evidence file: {error}"), None),
        }
    }
}
