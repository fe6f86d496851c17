//! Equipment: the inventory against what units say they use, the readiness of each unit, the history of one serial number.

use crate::author::place_in_words;
use crate::evidence::Language;
use serde::Serialize;
use std::collections::BTreeMap;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::KeyId;
use tamga_ledger::kinds::{Body as _, CHECKS, Custody, CustodyEvent, Item, Kind, Phase, StationPhase};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::state::{Piece, Stand, State};

/// A piece of the inventory.
#[derive(Debug, Clone, Serialize)]
pub struct PieceLine {
    /// Serial number.
    pub serial: String,
    /// What it is.
    pub item: Item,
    /// Where it stands in its life.
    pub stand: Stand,
    /// Where it is.
    #[serde(serialize_with = "in_words")]
    pub scope: Scope,
    /// Which store, in words.
    pub place: String,
    /// Who answers for it.
    pub holder: KeyId,
    /// There are seals on it.
    pub sealed: bool,
    /// The key in it, and whether it can still sign.
    pub key: Option<(KeyId, bool)>,
    /// Points of the checklist that do not hold, or were not checked since it was last deployed.
    pub missing: Vec<&'static str>,
    /// Leaf of its last event.
    pub leaf: u64,
}

/// All equipment at one size.
#[derive(Debug, Clone, Serialize)]
pub struct Inventory {
    /// How many pieces stand where.
    pub counts: BTreeMap<String, u64>,
    /// Ascending by serial number.
    pub pieces: Vec<PieceLine>,
    /// Lost pieces whose key can still sign: to be revoked.
    pub lost_and_valid: Vec<String>,
    /// Deployed in a unit which does not say that it uses them.
    pub unused: Vec<String>,
    /// Used by a unit, and not deployed there: unit and serial number.
    pub unknown: Vec<(UnitId, String)>,
}

/// One event of a piece.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Its leaf.
    pub leaf: u64,
    /// Sequenced time, ms UTC.
    pub time_ms: u64,
    /// What happened; none for a unit that opened with the piece, or replaced it.
    pub event: Option<CustodyEvent>,
    /// The unit's phase that names it.
    pub phase: Option<Phase>,
    /// Where.
    #[serde(serialize_with = "in_words")]
    pub scope: Scope,
    /// Which store.
    pub place: String,
    /// Who gave it, who took it.
    pub handed: Option<(KeyId, KeyId)>,
    /// Seals put on, or found.
    pub seals: Vec<String>,
    /// Who signed.
    pub signers: Vec<KeyId>,
    /// What the ledger objected to; names of flags.
    pub flags: Vec<u16>,
}

fn in_words<S: serde::Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&place_in_words(*scope, Language::En))
}

fn line(state: &State, piece: &Piece) -> PieceLine {
    let held = piece.checks.unwrap_or(0);
    let valid = |id: KeyId| state.key(&id).is_some_and(|key| key.revoked.is_none());
    PieceLine {
        serial: piece.serial.clone(),
        item: piece.item(),
        stand: piece.stand(),
        scope: piece.scope,
        place: piece.place.clone(),
        holder: piece.holder,
        sealed: piece.seals.is_some(),
        key: piece.key.map(|id| (id, valid(id))),
        missing: CHECKS.iter().enumerate().filter(|(bit, _)| held & (1 << bit) == 0).map(|(_, name)| *name).collect(),
        leaf: piece.leaf,
    }
}

fn accepted(bytes: &[u8]) -> Option<(Entry, tamga_ledger::record::Record)> {
    let entry = Entry::from_bytes(bytes).ok().filter(|entry| entry.verdict.is_accepted())?;
    let Payload::Full(signed) = &entry.payload else { return None };
    let record = signed.parse().ok()?;
    Some((entry, record))
}

/// The inventory, compared with what units report. Out of all entries, in order.
pub fn inventory<E: AsRef<[u8]>>(state: &State, entries: impl IntoIterator<Item = (u64, E)>) -> Inventory {
    let mut used: BTreeMap<UnitId, Vec<String>> = BTreeMap::new();
    for (_, bytes) in entries {
        let Some((_, record)) = accepted(bytes.as_ref()) else { continue };
        let Scope::Unit(unit) = record.scope else { continue };
        if record.kind != Kind::StationPhase as u16 {
            continue;
        }
        let Ok(body) = StationPhase::from_bytes(&record.body) else { continue };
        match (Phase::from_number(body.phase), body.equipment.as_slice()) {
            (Some(Phase::Open), named) => drop(used.insert(unit, named.to_vec())),
            (Some(Phase::Replace), [old, new]) => {
                let now = used.entry(unit).or_default();
                now.retain(|serial| serial != old);
                now.push(new.clone());
            }
            _ => {}
        }
    }
    let mut pieces: Vec<PieceLine> = state.pieces().map(|piece| line(state, piece)).collect();
    pieces.sort_by(|a, b| a.serial.cmp(&b.serial));
    let mut counts = BTreeMap::new();
    for piece in &pieces {
        let name = serde_json::to_value(piece.stand).ok().and_then(|name| name.as_str().map(str::to_owned));
        *counts.entry(name.unwrap_or_default()).or_default() += 1;
    }
    let deployed = |piece: &&PieceLine| piece.stand == Stand::Deployed;
    let here = |unit: UnitId, serial: &String| {
        pieces.iter().filter(deployed).any(|piece| piece.serial == *serial && piece.scope == Scope::Unit(unit))
    };
    let in_use = |piece: &&PieceLine| match piece.scope {
        Scope::Unit(unit) => used.get(&unit).is_some_and(|serials| serials.contains(&piece.serial)),
        _ => false,
    };
    let unknown = used.iter().flat_map(|(unit, serials)| serials.iter().map(|serial| (*unit, serial.clone())));
    Inventory {
        lost_and_valid: pieces
            .iter()
            .filter(|piece| piece.stand == Stand::Lost && piece.key.is_some_and(|(_, valid)| valid))
            .map(|piece| piece.serial.clone())
            .collect(),
        unused: pieces
            .iter()
            .filter(deployed)
            .filter(|piece| !in_use(piece))
            .map(|piece| piece.serial.clone())
            .collect(),
        unknown: unknown.filter(|(unit, serial)| !here(*unit, serial)).collect(),
        counts,
        pieces,
    }
}

/// Everything that the ledger has about one serial number: custody, and phases of units that name it.
pub fn history<E: AsRef<[u8]>>(serial: &str, entries: impl IntoIterator<Item = (u64, E)>) -> Vec<Event> {
    let mut events = Vec::new();
    for (leaf, bytes) in entries {
        let Some((entry, record)) = accepted(bytes.as_ref()) else { continue };
        let flags = entry.verdict.flags().iter().map(|flag| flag.code).collect();
        let event = Event {
            leaf,
            time_ms: entry.time_ms,
            event: None,
            phase: None,
            scope: record.scope,
            place: String::new(),
            handed: None,
            seals: Vec::new(),
            signers: record.signers.clone(),
            flags,
        };
        match Kind::from_number(record.kind) {
            Some(Kind::Custody) => {
                let Ok(body) = Custody::from_bytes(&record.body) else { continue };
                if body.serial == serial {
                    events.push(Event {
                        event: CustodyEvent::from_number(body.event),
                        place: body.place,
                        handed: body.from.0.zip(body.to.0),
                        seals: body.seals,
                        ..event
                    });
                }
            }
            Some(Kind::StationPhase) => {
                let Ok(body) = StationPhase::from_bytes(&record.body) else { continue };
                if body.equipment.iter().any(|named| named == serial) {
                    events.push(Event { phase: Phase::from_number(body.phase), ..event });
                }
            }
            _ => {}
        }
    }
    events
}
