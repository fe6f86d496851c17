//! Where reading stands, and the next bundles.

use crate::source::{Bundle, Files, SourceError, bundle_count, leaf_hashes};
use crate::verify::open::Opened;
use crate::verify::tiles::TileSide;
use serde::{Deserialize, Serialize};
use std::vec::IntoIter;
use tamga_ledger::audit::{Check, Chunk, Finding};
use tamga_ledger::tree::{Blake3Tree, LeafHashes, Sha256Tree, TILE_WIDTH, TreeSize};

/// Bundles checked together: enough to keep all cores busy.
const BUNDLES_AT_ONCE: u64 = 16;
/// Bytes checked together, so that large entries do not need more memory than small ones. Each byte is there some eight times while two
/// chunks are under way, and a bundle of a roll's chunks has 14 MB.
const BYTES_AT_ONCE: usize = 4 << 20;

/// Where reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    /// The next entry.
    pub(super) next: u64,
    /// Confidential bodies were at hand so far.
    pub(super) confidential: bool,
    /// A bundle without sound tiles was seen; from there on entries are not compared with tiles.
    pub(super) unsound: bool,
}

/// What is left of a bundle.
#[derive(Debug)]
pub(super) struct Held {
    index: u64,
    entries: IntoIter<Vec<u8>>,
    bodies: IntoIter<Vec<u8>>,
    /// Fewer where tiles are not sound.
    hashes: IntoIter<LeafHashes>,
}

impl Reading {
    pub(super) const fn new() -> Self {
        Self { next: 0, confidential: true, unsound: false }
    }

    /// The next entries; `None` after the last. `held` is what a call left of a bundle for the next one. What is wrong with files and
    /// does not show in what they give goes to `found`.
    pub(super) fn chunk(
        &mut self,
        held: &mut Option<Held>,
        opened: &Opened<'_>,
        sides: (&mut TileSide<'_, Sha256Tree>, &mut TileSide<'_, Blake3Tree>),
        found: &mut Vec<Finding>,
    ) -> Result<Option<Chunk>, SourceError> {
        let size = opened.size();
        if self.next >= size.get() {
            return Ok(None);
        }
        let (sha256, blake3) = sides;
        let (first, bundles) = (self.next / TILE_WIDTH, bundle_count(size));
        let (mut chunk, mut bytes) = (Chunk::default(), 0);
        for index in first..(first + BUNDLES_AT_ONCE).min(bundles) {
            let mut bundle = match held.take().filter(|held| held.index == index) {
                Some(held) => held,
                None => self.bundle(index, opened, (&mut *sha256, &mut *blake3), found)?,
            };
            while bytes < BYTES_AT_ONCE
                && let Some(entry) = bundle.entries.next()
            {
                let body = bundle.bodies.next().unwrap_or_default();
                bytes += entry.len() + body.len();
                chunk.entries.push(entry);
                chunk.confidential.push(body);
                chunk.hashes.extend(bundle.hashes.next());
            }
            if bytes >= BYTES_AT_ONCE {
                *held = Some(bundle);
                break;
            }
        }
        self.next += chunk.entries.len() as u64;
        Ok(Some(chunk))
    }

    fn bundle(
        &mut self,
        index: u64,
        opened: &Opened<'_>,
        (sha256, blake3): (&mut TileSide<'_, Sha256Tree>, &mut TileSide<'_, Blake3Tree>),
        found: &mut Vec<Finding>,
    ) -> Result<Held, SourceError> {
        let size = opened.size();
        // An earlier run may have ended within a bundle.
        let skip = self.next.saturating_sub(index * TILE_WIDTH) as usize;
        let hashes = sha256.leaves(index)?.zip(blake3.leaves(index)?);
        let Bundle { entries, fault, .. } = opened.files.entries(index, size)?;
        if let Some(fault @ SourceError::BundleLong { .. }) = &fault {
            found.push(beyond(index, entries.len(), fault));
        }
        let bodies = self.bodies(opened.files, index, size, entries.len(), found)?;
        if index == 0 && entries.first().is_some_and(|entry| *entry != opened.genesis) {
            // The record in it is the pinned one, or nothing would have been opened; its time or its verdict is not.
            let text = "the file of the genesis record is not entry 0".to_owned();
            found.push(Finding::new(Check::LeafDiffers, Some(0), text));
        }
        let hashes = hashes.filter(|_| !self.unsound).map(|(sha256, blake3)| leaf_hashes(&sha256, &blake3));
        self.unsound |= hashes.is_none();
        // A damaged bundle gives empty entries from the damage on, which the auditor names.
        let (mut entries, mut bodies) = (entries.into_iter(), bodies.into_iter());
        let mut hashes = hashes.unwrap_or_default().into_iter();
        if skip > 0 {
            let _ = (entries.nth(skip - 1), bodies.nth(skip - 1), hashes.nth(skip - 1));
        }
        Ok(Held { index, entries, bodies, hashes })
    }

    /// The confidential bodies beside a bundle, as many as it has entries, if those before were at hand.
    fn bodies(
        &mut self,
        files: Files<'_>,
        index: u64,
        size: TreeSize,
        due: usize,
        found: &mut Vec<Finding>,
    ) -> Result<Vec<Vec<u8>>, SourceError> {
        let bodies = if self.confidential { files.confidential(index, size)? } else { None };
        self.confidential = bodies.is_some();
        // A body that cannot be read is not one that is withheld.
        match bodies.as_ref().and_then(|bundle| Some((bundle.whole, bundle.fault.as_ref()?))) {
            Some((_, fault @ SourceError::BundleLong { .. })) => found.push(beyond(index, due, fault)),
            Some((whole, fault)) => {
                let leaf = index * TILE_WIDTH + whole.min(due.saturating_sub(1)) as u64;
                found.push(Finding::new(Check::RecordUnauthentic, Some(leaf), fault.to_string()));
            }
            None => {}
        }
        let mut bodies = bodies.map(|bundle| bundle.entries).unwrap_or_default();
        bodies.resize(due, Vec::new());
        Ok(bodies)
    }
}

/// Something stands behind what is due of a bundle.
fn beyond(index: u64, due: usize, fault: &SourceError) -> Finding {
    Finding::new(Check::BundleLong, Some(index * TILE_WIDTH + due as u64), fault.to_string())
}
