//! Equipment in custody: where each piece is, and what each unit has of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tamga_ledger::kinds::{CHECKS, CHECKS_ALL, Item, Kind};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::state::{Piece, Stand, State, UnitState, UnitStatus};

use super::About;

/// A piece of the inventory at one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceView {
    /// Leaf that entered it into the inventory.
    pub entered: u64,
    /// Leaf of its last event.
    pub leaf: u64,
    /// Serial number.
    pub serial: String,
    /// What it is.
    pub item: Item,
    /// Where it stands in its life.
    pub stand: Stand,
    /// Where it is.
    pub about: About,
    /// Which store, in words; may be empty.
    pub place: String,
    /// Id of the key that answers for it, hexadecimal.
    pub holder: String,
    /// There are seals on it.
    pub sealed: bool,
    /// Id of the key in it, hexadecimal.
    pub key: Option<String>,
    /// Whether that key can still sign.
    pub key_valid: Option<bool>,
    /// Points of the readiness checklist that do not hold, or were not checked since it was last deployed. None while it is in use and
    /// was not checked anew: deploying asks for all of them, and the record that deployed without is flagged.
    pub missing: Vec<String>,
    /// Neither lost nor retired, every point holds, and its key, if it has one, can sign.
    pub ready: bool,
}

/// What a unit has, and what it says that it uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitEquipment {
    /// Pieces deployed in it.
    pub deployed: u32,
    /// Of those, ready.
    pub ready: u32,
    /// Serial numbers of those that are not.
    pub unready: Vec<String>,
    /// Serial numbers of pieces deployed here that the unit, once opened, does not name.
    pub unused: Vec<String>,
    /// Serial numbers that the unit names and the inventory has elsewhere, or not in use.
    pub elsewhere: Vec<String>,
    /// How many serial numbers it names that the inventory does not have.
    pub unknown: u32,
}

/// All pieces, in the order of entering; made again only when custody or a key has changed.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    counted: [u64; 3],
    all: Arc<Vec<Arc<PieceView>>>,
    deployed: BTreeMap<UnitId, Vec<Arc<PieceView>>>,
}

impl Pieces {
    pub(super) fn follow(&mut self, state: &State) -> Arc<Vec<Arc<PieceView>>> {
        let entries = |kind| state.counts().by_kind.get(&kind).map_or(0, |counts| counts.iter().sum());
        let counted = [Kind::Custody, Kind::Key, Kind::KeyRevocation].map(entries);
        if counted != self.counted {
            let before: BTreeMap<u64, &Arc<PieceView>> = self.all.iter().map(|piece| (piece.entered, piece)).collect();
            let mut all: Vec<Arc<PieceView>> = state
                .pieces()
                .map(|piece| match before.get(&piece.entered) {
                    Some(same) if same.leaf == piece.leaf && same.key_valid == key_valid(state, piece) => {
                        Arc::clone(same)
                    }
                    _ => Arc::new(piece_view(state, piece)),
                })
                .collect();
            all.sort_by_key(|piece| piece.entered);
            self.deployed.clear();
            for piece in all.iter().filter(|piece| piece.stand == Stand::Deployed) {
                if let Some(unit) = piece.about.whole_unit() {
                    self.deployed.entry(unit).or_default().push(Arc::clone(piece));
                }
            }
            (self.counted, self.all) = (counted, Arc::new(all));
        }
        Arc::clone(&self.all)
    }

    /// What a unit has, by the pieces that were last followed.
    pub(super) fn of(&self, state: &State, id: UnitId, unit: &UnitState) -> UnitEquipment {
        let deployed = self.deployed.get(&id).map_or(&[][..], Vec::as_slice);
        let named: Vec<Option<&Piece>> = unit.equipment.iter().map(|serial| state.piece(serial)).collect();
        let here = |piece: &&Piece| piece.scope == Scope::Unit(id) && piece.stand() == Stand::Deployed;
        let is_named = |serial: &str| named.iter().flatten().any(|piece| piece.serial == serial);
        let serials = |of: &dyn Fn(&PieceView) -> bool| -> Vec<String> {
            deployed.iter().filter(|piece| of(piece)).map(|piece| piece.serial.clone()).collect()
        };
        let opened = unit.status != UnitStatus::NotOpened;
        let mut elsewhere: Vec<String> =
            named.iter().flatten().filter(|piece| !here(piece)).map(|piece| piece.serial.clone()).collect();
        elsewhere.sort();
        UnitEquipment {
            deployed: many(deployed.len()),
            ready: many(deployed.iter().filter(|piece| piece.ready).count()),
            unready: serials(&|piece| !piece.ready),
            unused: serials(&|piece| opened && !is_named(&piece.serial)),
            elsewhere,
            unknown: many(named.iter().filter(|piece| piece.is_none()).count()),
        }
    }
}

fn many(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn key_valid(state: &State, piece: &Piece) -> Option<bool> {
    piece.key.map(|id| state.key(&id).is_some_and(|key| key.revoked.is_none()))
}

fn piece_view(state: &State, piece: &Piece) -> PieceView {
    let in_use = piece.stand() == Stand::Deployed;
    let held = piece.checks.unwrap_or(if in_use { CHECKS_ALL } else { 0 });
    let points = CHECKS.iter().enumerate();
    let missing: Vec<String> =
        points.filter(|(bit, _)| held & (1 << bit) == 0).map(|(_, name)| (*name).to_owned()).collect();
    let (stand, key_valid) = (piece.stand(), key_valid(state, piece));
    PieceView {
        entered: piece.entered,
        leaf: piece.leaf,
        serial: piece.serial.clone(),
        item: piece.item(),
        stand,
        about: piece.scope.into(),
        place: piece.place.clone(),
        holder: piece.holder.to_string(),
        sealed: piece.seals.is_some(),
        key: piece.key.map(|key| key.to_string()),
        ready: missing.is_empty() && key_valid != Some(false) && !matches!(stand, Stand::Lost | Stand::Retired),
        key_valid,
        missing,
    }
}
