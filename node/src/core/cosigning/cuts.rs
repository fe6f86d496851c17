//! The cuts in hand: notes being assembled, and notes of peers that came before this node had cut there.

use std::collections::BTreeMap;
use std::sync::Arc;

use tamga_ledger::note::UnverifiedCheckpoint;

use crate::view::View;

/// Cuts kept; of older ones nothing is expected any more.
const CUTS_MAX: usize = 64;
/// Sizes ahead of this node for which notes are kept, and notes a size.
const EARLY_SIZES_MAX: usize = 16;
const EARLY_NOTES_MAX: usize = 16;

/// Whether this node may sign a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Permission {
    /// Clocks disagree too much.
    Withheld,
    /// Found at the end of the ledger after a start: once a peer shows that it is a cut.
    WhenShown,
    /// Apply made it.
    Granted,
}

/// A cut and the note over it.
#[derive(Debug)]
pub(super) struct CutState {
    pub(super) note: UnverifiedCheckpoint,
    /// Until it is published.
    pub(super) view: Option<Arc<View>>,
    pub(super) permission: Permission,
    pub(super) signed: bool,
    pub(super) published: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    by_size: BTreeMap<u64, CutState>,
    early: BTreeMap<u64, Vec<UnverifiedCheckpoint>>,
}

impl Cuts {
    pub(super) fn get(&self, size: u64) -> Option<&CutState> {
        self.by_size.get(&size)
    }

    pub(super) fn get_mut(&mut self, size: u64) -> Option<&mut CutState> {
        self.by_size.get_mut(&size)
    }

    /// The newest cut.
    pub(super) fn newest(&self) -> Option<u64> {
        self.by_size.last_key_value().map(|(size, _)| *size)
    }

    /// The largest note that fits, of cuts in hand and of sizes not cut here yet.
    pub(super) fn newest_of(&self, fits: impl Fn(&UnverifiedCheckpoint) -> bool) -> Option<&UnverifiedCheckpoint> {
        let early = self.early.values().rev().flatten().find(|note| fits(note));
        early.or_else(|| self.by_size.values().rev().map(|cut| &cut.note).find(|note| fits(note)))
    }

    /// The newest cut that this node has signed and nobody has published.
    pub(super) fn newest_unpublished(&self) -> Option<(u64, &CutState)> {
        let newest = self.by_size.iter().rev().find(|(_, cut)| cut.signed);
        newest.map(|(size, cut)| (*size, cut)).filter(|(_, cut)| !cut.published)
    }

    /// Adds a cut; returns the notes that came early. Of a cut known already only the permission to sign is taken over.
    pub(super) fn add(&mut self, size: u64, cut: CutState) -> Vec<UnverifiedCheckpoint> {
        if let Some(known) = self.by_size.get_mut(&size) {
            if known.permission != Permission::Withheld {
                known.permission = known.permission.max(cut.permission);
            }
            known.view = known.view.take().or(cut.view);
            return Vec::new();
        }
        self.by_size.insert(size, cut);
        while self.by_size.len() > CUTS_MAX {
            self.by_size.pop_first();
        }
        let notes = self.early.remove(&size).unwrap_or_default();
        // What lies below will not be cut any more.
        self.early = self.early.split_off(&size);
        notes
    }

    /// Keeps a note for a size not cut yet.
    pub(super) fn add_early(&mut self, note: UnverifiedCheckpoint) {
        let size = note.claimed().size.get();
        if self.early.len() >= EARLY_SIZES_MAX && !self.early.contains_key(&size) {
            // Far ahead of this node; the nearest will be cut first.
            match self.early.last_key_value() {
                Some((last, _)) if *last > size => self.early.pop_last(),
                _ => return,
            };
        }
        let notes = self.early.entry(size).or_default();
        if notes.len() < EARLY_NOTES_MAX && !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// After publishing: views and notes of what lies below are of no use any more.
    pub(super) fn published(&mut self, size: u64) {
        for (_, cut) in self.by_size.range_mut(..=size) {
            cut.view = None;
        }
        if let Some(cut) = self.by_size.get_mut(&size) {
            cut.published = true;
        }
    }
}
