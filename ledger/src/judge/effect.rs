//! What an accepted record changes. Deciding and changing are apart, so that a decision can be asked for without one.

use crate::codec::INTEGER_MAX;
use crate::commitment::{self, Commitment};
use crate::definition::Definition;
use crate::ids::{Digest, ElectionId, KeyId, PublicKey, RecordId, RollLeaf};
use crate::kinds::{Basis, Counters, Election, Governance, HolderClass, Phase, Stage, VoidedBallot};
use crate::nodes::Nodes;
use crate::record::{Scope, UnitId};
use crate::state::{
    CellSum, Countersigned, HourCount, KeyEntry, Piece, ProtocolInForce, RecordedAct, RecordedCase, RemoteOpening,
    SequenceWindow, State, StationRoll, UnitState, UnitStatus,
};
use crate::submission::Authentic;
use crate::summary::TableInForce;
use std::sync::Arc;

/// Most pieces of equipment that are remembered of a unit.
const EQUIPMENT_MAX: usize = 64;

#[derive(Debug)]
pub(crate) enum Effect {
    Nothing,
    Genesis(Box<Election>, Vec<(KeyId, KeyEntry)>),
    Definition(Box<Definition>),
    Keys(Vec<(KeyId, KeyEntry)>),
    Revoke(Vec<KeyId>),
    Roll { station: u32, chunk: Box<StationRoll> },
    AmendRoll { station: u32, removed: Vec<RollLeaf>, added: Vec<RollLeaf> },
    Phase(Box<PhaseEffect>),
    Identify(Identify),
    Void { unit: UnitId, leaf: u32, ballot: VoidedBallot },
    Batch { unit: UnitId, number: u32, last: bool, cells: Vec<(u32, Commitment)> },
    OpenOwn { unit: UnitId, counts: Vec<u64> },
    OpenRemote { basis: Basis, constituency: u32, opening: RemoteOpening },
    Protocol { unit: UnitId, basis: Basis, protocol: Box<ProtocolInForce> },
    Countersign { unit: UnitId, countersigned: Countersigned },
    Table { replaces: Option<RecordId>, table: Box<TableInForce> },
    Custody { piece: Box<Piece>, revoke: Option<KeyId> },
    Act(Box<RecordedAct>),
    Case(RecordId, Box<RecordedCase>),
    Nodes(Box<Governance>),
    Seal(Stage),
}

/// A unit's report.
#[derive(Debug)]
pub(crate) struct PhaseEffect {
    pub(crate) unit: UnitId,
    pub(crate) phase: Phase,
    pub(crate) status: UnitStatus,
    pub(crate) offline: bool,
    pub(crate) counters: Counters,
    pub(crate) closing_digest: Option<Digest>,
    /// Digest of the seals named.
    pub(crate) seals: Digest,
    /// Digests of the serial numbers named, in order.
    pub(crate) equipment: Vec<Digest>,
}

/// An identification that counts, or one that collides.
#[derive(Debug)]
pub(crate) struct Identify {
    pub(crate) unit: UnitId,
    pub(crate) remote: bool,
    pub(crate) online: bool,
    /// Which roll line to mark: home station and position. None for a collision, or when it is not known.
    pub(crate) mark: Option<(u32, usize)>,
    pub(crate) collision: bool,
    /// Attestation nonce and until when it must be remembered.
    pub(crate) attestation: Option<([u8; 16], u64)>,
}

impl Effect {
    pub(crate) fn apply(self, state: &mut State, leaf: u64, time_ms: u64, authentic: Authentic) {
        match self {
            Self::Nothing => {}
            Self::Genesis(election, keys) => {
                state.election_id = Some(ElectionId::of_genesis(&authentic.signed().record));
                state.turnout = vec![Vec::new(); 1];
                state.nodes = Arc::new(Nodes::of_genesis(&election));
                state.election = Some(Arc::new(*election));
                insert_keys(state, keys, leaf);
                settle_node_keys(state, leaf);
            }
            Self::Definition(definition) => {
                let hours = state.election.as_ref().map_or(0, |election| election.official_hours.len());
                let rows = definition.constituencies().len() + 1;
                state.turnout = vec![vec![HourCount::default(); hours + 1]; rows];
                state.definition = Arc::new(*definition);
                state.parts += 1;
            }
            Self::Keys(keys) => insert_keys(state, keys, leaf),
            Self::Revoke(keys) => keys.iter().for_each(|id| revoke(state, id, leaf)),
            Self::Roll { station, chunk } => {
                let roll = state.rolls.entry(station).or_default();
                state.counts.roll += chunk.leaves.len() as u64;
                roll.list_version = chunk.list_version;
                roll.chunks = chunk.chunks;
                roll.total = chunk.total;
                roll.received += 1;
                roll.leaves.extend(chunk.leaves);
                roll.admitted.resize(roll.leaves.len(), 0);
            }
            Self::AmendRoll { station, removed, added } => {
                state.counts.roll += added.len() as u64;
                state.counts.roll -= removed.len() as u64;
                state.rolls.entry(station).or_default().amend(&removed, &added);
            }
            Self::Phase(phase) => phase.apply(state),
            Self::Void { unit, leaf, ballot } => {
                unit_entry(state, unit).voided.insert(leaf, ballot);
            }
            Self::Identify(identify) => identify.apply(state, leaf, time_ms),
            Self::Batch { unit, number, last, cells } => {
                let unit = unit_entry(state, unit);
                unit.last_batch = number;
                unit.batches_complete = last;
                let mut papers_total = 0;
                for (sum, (papers, commitment)) in unit.cells.iter_mut().zip(cells) {
                    sum.papers = sum.papers.saturating_add(papers);
                    sum.commitment = commitment::sum(&[sum.commitment, commitment]);
                    papers_total += u64::from(papers);
                }
                state.counts.papers += papers_total;
            }
            Self::OpenOwn { unit, counts } => unit_entry(state, unit).own_opening = Some(counts),
            Self::OpenRemote { basis, constituency, opening } => {
                let opening = RemoteOpening { leaf, ..opening };
                state.remote_openings.entry((basis, constituency)).or_default().push(opening);
            }
            Self::Countersign { unit, countersigned } => {
                unit_entry(state, unit).countersigned.push(Countersigned { leaf, ..countersigned });
            }
            Self::Table { replaces, table } => {
                if let Some(id) = replaces {
                    state.tables.remove(&id);
                }
                state.tables.insert(*authentic.id(), TableInForce { leaf, ..*table });
            }
            Self::Custody { piece, revoke: lost } => {
                lost.iter().for_each(|id| revoke(state, id, leaf));
                let serial = super::phases::serial_digest(&piece.serial);
                let entered = state.pieces.get(&serial).map_or(leaf, |known| known.entered);
                state.pieces.insert(serial, Piece { entered, leaf, ..*piece });
            }
            Self::Act(act) => state.acts.push(RecordedAct { leaf, ..*act }),
            Self::Case(id, case) => {
                // The record that opens a case names no earlier one.
                let opened = state.cases.get(&id).map_or(leaf, |open| open.leaf);
                state.cases.insert(id, RecordedCase { leaf: opened, last_leaf: leaf, ..*case });
            }
            Self::Protocol { unit, basis, mut protocol } => {
                protocol.leaf = leaf;
                unit_entry(state, unit).protocols[basis as usize] = Some(*protocol);
            }
            Self::Nodes(change) => {
                if let Governance::OrganisationKeys { organisation, record_key, .. } = &*change {
                    replace_record_key(state, organisation, *record_key, leaf);
                }
                // Whoever published the registry keeps the one it has.
                let _decided_to_change = Arc::make_mut(&mut state.nodes).apply(&change, leaf);
                settle_node_keys(state, leaf);
            }
            Self::Seal(stage) => {
                state.seals.insert(stage, leaf);
            }
        }
    }
}

impl PhaseEffect {
    fn apply(self, state: &mut State) {
        let unit = unit_entry(state, self.unit);
        unit.status = self.status;
        unit.offline = self.offline;
        match self.phase {
            Phase::Open => unit.equipment = self.equipment.into_iter().collect(),
            Phase::Suspend => unit.pause_seals = Some(self.seals),
            Phase::Resume => unit.pause_seals = None,
            Phase::BoxOut => unit.box_seals = Some(self.seals),
            Phase::BoxIn => unit.box_seals = None,
            Phase::Balance => unit.reported = Some(self.counters),
            Phase::Close => {
                unit.reported = Some(self.counters);
                unit.closing = Some(self.counters);
                unit.closing_digest = self.closing_digest;
            }
            Phase::Replace => {
                let mut named = self.equipment.into_iter();
                if let (Some(old), Some(new)) = (named.next(), named.next()) {
                    let _was_known = unit.equipment.remove(&old);
                    if unit.equipment.len() < EQUIPMENT_MAX {
                        unit.equipment.insert(new);
                    }
                }
            }
            Phase::OfflineStart | Phase::OfflineEnd => {}
        }
    }
}

impl Identify {
    fn apply(self, state: &mut State, leaf: u64, time_ms: u64) {
        if let Some((nonce, until_ms)) = self.attestation {
            state.attestations.insert(nonce, time_ms, until_ms);
        }
        if let Some((station, position)) = self.mark
            && let Some(admitted) = state.rolls.get_mut(&station).and_then(|roll| roll.admitted.get_mut(position))
        {
            *admitted = u32::try_from(leaf + 1).unwrap_or(u32::MAX);
        }
        state.admitted_unseen += u64::from(self.mark.is_none() && !self.collision);
        let unit_id = self.unit;
        let unit = unit_entry(state, unit_id);
        unit.identified_offline += u32::from(!self.online);
        if self.collision {
            unit.conflicts += 1;
            state.counts.conflicts += 1;
            return;
        }
        if self.remote {
            unit.identified_remote += 1;
        } else {
            unit.identified_local += 1;
        }
        unit.admissions.push(u32::try_from(leaf).unwrap_or(u32::MAX));
        let row = state.definition.station(unit_id.station).map_or(0, |station| station.constituency as usize);
        let hours = state.election.as_ref().map_or(&[][..], |election| &election.official_hours);
        let column = hours.partition_point(|hour| hour.at_ms < time_ms);
        if let Some(count) = state.turnout.get_mut(row).and_then(|row| row.get_mut(column)) {
            if self.remote {
                count.remote += 1;
            } else {
                count.local += 1;
            }
        }
    }
}

fn insert_keys(state: &mut State, keys: Vec<(KeyId, KeyEntry)>, leaf: u64) {
    state.keys.extend(keys.into_iter().map(|(id, entry)| (id, KeyEntry { leaf, ..entry })));
}

fn revoke(state: &mut State, id: &KeyId, leaf: u64) {
    if let Some(key) = state.keys.get_mut(id) {
        key.revoked.get_or_insert(leaf);
    }
}

/// The promise keys of the nodes in force may sign records, all others of nodes no more. After the registry changed.
fn settle_node_keys(state: &mut State, leaf: u64) {
    let nodes = Arc::clone(&state.nodes);
    for (_, node) in nodes.iter() {
        let in_force = node.removed.is_none().then_some(node.keys.promise_key);
        for key in node.all_keys().map(|keys| keys.promise_key).filter(|key| Some(*key) != in_force) {
            revoke(state, &key.id(), leaf);
        }
        if let Some(key) = in_force {
            state.keys.entry(key.id()).or_insert_with(|| node_key(key, leaf));
        }
    }
}

fn node_key(key: PublicKey, leaf: u64) -> KeyEntry {
    KeyEntry {
        key,
        class: HolderClass::Node,
        scope: Scope::Election,
        kinds: super::registration::kinds_of(HolderClass::Node).iter().map(|kind| *kind as u16).collect(),
        valid_from_ms: 0,
        valid_until_ms: INTEGER_MAX,
        leaf,
        revoked: None,
        sequences: SequenceWindow::default(),
        device_counter: 0,
    }
}

/// The new key may sign what the old one could, with numbers of its own. Before the registry changes.
fn replace_record_key(state: &mut State, organisation: &str, new: PublicKey, leaf: u64) {
    let Some(old) = state.record_key(organisation).filter(|old| *old != new) else { return };
    let Some(entry) = state.keys.get(&old.id()).cloned() else { return };
    revoke(state, &old.id(), leaf);
    let entry = KeyEntry { key: new, leaf, revoked: None, sequences: SequenceWindow::default(), ..entry };
    state.keys.insert(new.id(), entry);
}

/// The unit's state, made on first use with one cell a constituency.
fn unit_entry(state: &mut State, unit: UnitId) -> &mut UnitState {
    let constituencies = state.definition.constituencies().len();
    let unit = state.units.entry(unit).or_default();
    if unit.cells.is_empty() {
        unit.cells = vec![CellSum::empty(); constituencies];
    }
    unit
}
