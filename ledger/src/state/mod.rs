//! The state that judges: everything a verdict depends on, as one value at one tree size.
//!
//! It is a pure function of the entries before it. Nothing in it is iterated in an order that hashing decides.
//!
//! | file | what |
//! |---|---|
//! | `records`, `aside` | which record is at which leaf; its ids in a file, where memory is short |
//! | `rolls` | each station's roll, and who is on two |
//! | `acts` | legal acts and cases, and which acts are in force |
//! | `pieces` | equipment: where each piece is, who answers for it |
//! | `sequence`, `attestations` | numbers and attestations that are used once |
//!
//! Invariants:
//! - `ids.len() = frontier.size()`, and every id in `ids` names a leaf below that size;
//! - a roll leaf is admitted at most once (`admitted[i] ≠ 0` is set once and never changed);
//! - `time_ms` never decreases.

use crate::commitment::Commitment;
use crate::definition::Definition;
use crate::ids::{Digest, ElectionId, KeyId, PublicKey, RecordId, RollLeaf};
use crate::kinds::{
    Basis, Counters, Election, Finding, HolderClass, Kind, LineValue, ProtocolBasis, Stage, VoidedBallot,
};
use crate::nodes::Nodes;
use crate::record::{Scope, UnitId};
use crate::sign::VerificationKey;
use crate::submission::KeySource;
use crate::summary::TableInForce;
use crate::tree::{Blake3Tree, Frontier, TreeHash as _, TreeHead, TreeSize, TwinFrontier};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tamga_platform::disk::DiskFile;

mod acts;
mod aside;
mod attestations;
mod pieces;
mod records;
mod rolls;
mod sequence;

pub use acts::{Legal, RecordedAct, RecordedCase, in_force};
pub(crate) use attestations::UsedAttestations;
pub use pieces::{Piece, Stand};
pub(crate) use records::RecordIndex;
pub use rolls::{OnTwoRolls, StationRoll};
pub(crate) use sequence::{SequenceUse, SequenceWindow};

/// The judging state. Every field is saved by [`crate::saved`], which takes it apart field by field.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(crate) election_id: Option<ElectionId>,
    pub(crate) election: Option<Arc<Election>>,
    pub(crate) definition: Arc<Definition>,
    pub(crate) parts: usize,
    pub(crate) keys: BTreeMap<KeyId, KeyEntry>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) ids: RecordIndex,
    pub(crate) rolls: BTreeMap<u32, StationRoll>,
    pub(crate) units: BTreeMap<UnitId, UnitState>,
    /// Openings by basis and constituency, in the order of recording; the last is in force.
    pub(crate) remote_openings: BTreeMap<(Basis, u32), Vec<RemoteOpening>>,
    /// In the order of recording.
    pub(crate) acts: Vec<RecordedAct>,
    pub(crate) cases: BTreeMap<RecordId, RecordedCase>,
    /// Summary tables in force, by record.
    pub(crate) tables: BTreeMap<RecordId, TableInForce>,
    /// Equipment, by the digest of the serial number.
    pub(crate) pieces: BTreeMap<Digest, Piece>,
    pub(crate) seals: BTreeMap<Stage, u64>,
    pub(crate) attestations: UsedAttestations,
    pub(crate) turnout: Vec<Vec<HourCount>>,
    pub(crate) counts: Counts,
    pub(crate) time_ms: u64,
    pub(crate) frontier: TwinFrontier,
    pub(crate) cuts: VecDeque<TreeHead>,
    pub(crate) last_cut_size: u64,
    /// Admissions whose roll line is not known, because an auditor was not given the confidential body; 0 in a node.
    pub(crate) admitted_unseen: u64,
}

/// How many cuts a seal may look back.
pub(crate) const CUTS_KEPT: usize = 4_096;

/// A registered key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The key.
    pub key: PublicKey,
    /// Who holds it.
    pub class: HolderClass,
    /// Where it may sign.
    pub scope: Scope,
    /// What it may sign, ascending kind numbers.
    pub kinds: Vec<u16>,
    /// First valid sequenced time, ms.
    pub valid_from_ms: u64,
    /// Last valid sequenced time, ms.
    pub valid_until_ms: u64,
    /// Leaf that registered it.
    pub leaf: u64,
    /// Leaf from which on it signs nothing any more.
    pub revoked: Option<u64>,
    pub(crate) sequences: SequenceWindow,
    pub(crate) device_counter: u64,
}

/// Where a unit stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitStatus {
    /// No zero report yet.
    #[default]
    NotOpened,
    /// Voting.
    Open,
    /// Paused.
    Suspended,
    /// The final report is in.
    Closed,
}

/// What the ledger holds of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// Where it stands.
    pub status: UnitStatus,
    /// In a declared offline phase.
    pub offline: bool,
    /// Voters admitted here with the own constituency's ballot.
    pub identified_local: u32,
    /// Voters admitted here with another constituency's ballot.
    pub identified_remote: u32,
    /// Identifications refused here.
    pub refused: u32,
    /// Offline identifications of voters admitted before.
    pub conflicts: u32,
    /// Identifications recorded as offline.
    pub identified_offline: u32,
    /// Number of the last batch; 0 for none.
    pub last_batch: u32,
    /// Whether the batch marked last is in.
    pub batches_complete: bool,
    /// Cells by constituency, in the definition's order.
    pub cells: Vec<CellSum>,
    /// Leaves of the identifications that admitted somebody here, ascending.
    pub admissions: Vec<u32>,
    /// Of those, by leaf: who got no ballot.
    pub voided: BTreeMap<u32, VoidedBallot>,
    /// Counters of the last balance or final report.
    pub reported: Option<Counters>,
    /// The mobile box is out, under seals with this digest.
    pub box_seals: Option<Digest>,
    /// Voting is suspended, under seals with this digest.
    pub pause_seals: Option<Digest>,
    /// Digests of the serial numbers in use.
    pub equipment: BTreeSet<Digest>,
    /// Counters of the final report.
    pub closing: Option<Counters>,
    /// Digest of the machine protocol in the closing record.
    pub closing_digest: Option<Digest>,
    /// Protocols in force by basis (machine, hand).
    pub protocols: [Option<ProtocolInForce>; 2],
    /// The machine's own-constituency counts, opened.
    pub own_opening: Option<Vec<u64>>,
    /// What others said of its protocols, in the order of recording.
    pub countersigned: Vec<Countersigned>,
}

/// What somebody said of a unit's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countersigned {
    /// Its leaf.
    pub leaf: u64,
    /// Leaf of the protocol in force then that it was about.
    pub protocol: Option<u64>,
    /// Who said it.
    pub class: HolderClass,
    /// What was said.
    pub finding: Finding,
    /// There was a protocol to compare the copy with.
    pub compared: bool,
    /// Figures of the copy that were not the protocol's.
    pub differing: u64,
}

impl UnitState {
    /// Papers in all batches.
    #[must_use]
    pub fn papers(&self) -> u64 {
        self.cells.iter().map(|cell| u64::from(cell.papers)).sum()
    }

    /// Voters admitted here.
    #[must_use]
    pub fn identified(&self) -> u64 {
        u64::from(self.identified_local) + u64::from(self.identified_remote)
    }

    /// Voters admitted here who got a ballot.
    #[must_use]
    pub fn with_ballot(&self) -> u64 {
        self.identified().saturating_sub(self.voided.len() as u64)
    }

    /// Whether the identification at this leaf admitted somebody here.
    #[must_use]
    pub fn has_admitted(&self, leaf: u32) -> bool {
        self.admissions.binary_search(&leaf).is_ok()
    }

    /// The protocol in force on one basis.
    #[must_use]
    pub fn protocol(&self, basis: Basis) -> Option<&ProtocolInForce> {
        self.protocols[basis as usize].as_ref()
    }
}

/// One constituency's papers of a unit across its batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSum {
    /// Papers.
    pub papers: u32,
    /// The sum of the batches' commitments.
    pub commitment: Commitment,
}

impl CellSum {
    /// No batch yet.
    #[must_use]
    pub fn empty() -> Self {
        Self { papers: 0, commitment: crate::commitment::sum(&[]) }
    }
}

/// A protocol that counts unless something replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolInForce {
    /// Its leaf.
    pub leaf: u64,
    /// Its id.
    pub id: RecordId,
    /// A hard relation is broken: shown, but kept out of every sum.
    pub blocked: bool,
    /// What it rests on.
    pub basis: ProtocolBasis,
    /// What it takes to replace it: 1 any protocol, 2 a recount that was ordered, 3 a recount that a court ordered.
    pub rank: u8,
    /// Code of the reason given; 0 for none.
    pub explanation: u32,
    /// Who signed.
    pub signers: Vec<KeyId>,
    /// Members present, as the protocol names them.
    pub present: Vec<KeyId>,
    /// Members who hold another opinion.
    pub dissenting: Vec<KeyId>,
    /// Members registered for the unit when it was recorded.
    pub members: u32,
    /// Of them, those who neither signed nor are named as present.
    pub absent: u32,
    /// Its lines.
    pub lines: Vec<LineValue>,
    /// Own counts by position; empty where not shown.
    pub counts: Vec<u64>,
    /// Cells that are not shown, by constituency.
    pub cells: BTreeMap<u32, (u32, Commitment)>,
}

/// A nationwide total of a constituency's papers that are not shown by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteOpening {
    /// Its leaf.
    pub leaf: u64,
    /// Counts by position.
    pub counts: Vec<u64>,
    /// Units that were annulled then, ascending: their cells are not in it.
    pub without: Vec<UnitId>,
}

/// Identifications within one interval between official hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HourCount {
    /// Own constituency's voters.
    pub local: u32,
    /// Other constituencies' voters.
    pub remote: u32,
}

/// Counters over the whole ledger, for people who want to see at once what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Entries by kind and verdict (`accepted`, `flagged`, `refused`).
    pub by_kind: BTreeMap<Kind, [u64; 3]>,
    /// Identifications refused because the voter was admitted before.
    pub second_attempts: u64,
    /// Identifications refused at a wrong station.
    pub wrong_station: u64,
    /// Offline identifications that collide.
    pub conflicts: u64,
    /// Voters on the roll.
    pub roll: u64,
    /// Papers in ballot batches.
    pub papers: u64,
}

impl State {
    /// The state before leaf 0.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The election's id; [`ElectionId::ZERO`] before leaf 0.
    #[must_use]
    pub fn election_id(&self) -> ElectionId {
        self.election_id.unwrap_or(ElectionId::ZERO)
    }

    /// The genesis body, once there.
    #[must_use]
    pub fn election(&self) -> Option<&Arc<Election>> {
        self.election.as_ref()
    }

    /// The definition as far as its parts are in.
    #[must_use]
    pub const fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// Whether all definition parts are in.
    #[must_use]
    pub fn is_defined(&self) -> bool {
        self.election.as_ref().is_some_and(|election| self.parts == election.parts.len())
    }

    /// Size now; cheaper than [`head`](Self::head), which computes the roots.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// Size and roots now.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.frontier.head()
    }

    /// The right edge of both trees now: from it, entries to come are proven before they are judged.
    #[must_use]
    pub const fn frontier(&self) -> &TwinFrontier {
        &self.frontier
    }

    /// Size of the last cut; 0 before the first.
    #[must_use]
    pub const fn last_cut_size(&self) -> u64 {
        self.last_cut_size
    }

    /// Sequenced time of the last leaf, ms.
    #[must_use]
    pub const fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// The leaf of a record, if it is in the ledger.
    #[must_use]
    pub fn leaf_of(&self, id: &RecordId) -> Option<u64> {
        self.ids.leaf_of(&id.short()).map(u64::from)
    }

    /// Keeps half of what the state needs for each entry, the ids of records, in `file` from now on: 10 bytes an entry stay in
    /// memory instead of 26. The file is written over and must be nobody else's; it is of no use to anybody later.
    ///
    /// A file that cannot be written costs memory only. One that cannot be read again is told by
    /// [`ids_failure`](Self::ids_failure).
    pub fn keep_ids_aside(&mut self, file: Box<dyn DiskFile>) {
        self.ids.keep_aside(file);
    }

    /// Why nothing judged since [`keep_ids_aside`](Self::keep_ids_aside) may be relied on.
    #[must_use]
    pub fn ids_failure(&self) -> Option<&str> {
        self.ids.failure()
    }

    /// A registered key.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&KeyEntry> {
        self.keys.get(id)
    }

    /// A record number that this author has not used; none for a key that is not registered.
    #[must_use]
    pub fn next_number(&self, author: &KeyId) -> Option<u64> {
        self.keys.get(author).map(|key| key.sequences.next())
    }

    /// Registered keys, by ascending id.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyId, &PublicKey)> {
        self.keys.iter().map(|(id, entry)| (id, &entry.key))
    }

    /// How many keys are registered.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The nodes there are and ever were, the organisations' keys, and the policy epochs. The `Arc` is another one only after
    /// a Governance record changed them.
    #[must_use]
    pub const fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// A station's roll.
    #[must_use]
    pub fn roll(&self, station: u32) -> Option<&StationRoll> {
        self.rolls.get(&station)
    }

    /// What the ledger holds of a unit; nothing before its first record.
    #[must_use]
    pub fn unit(&self, unit: UnitId) -> Option<&UnitState> {
        self.units.get(&unit)
    }

    /// The inventory, ascending by a digest of the serial numbers.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.values()
    }

    /// The piece whose serial number has this digest, as units name their equipment ([`UnitState::equipment`]).
    #[must_use]
    pub fn piece(&self, serial: &Digest) -> Option<&Piece> {
        self.pieces.get(serial)
    }

    /// Summary tables in force, by record.
    #[must_use]
    pub const fn tables(&self) -> &BTreeMap<RecordId, TableInForce> {
        &self.tables
    }

    /// Who is registered for a unit as a member of its commission and not revoked, by ascending key id.
    #[must_use]
    pub fn members_of(&self, unit: UnitId) -> Vec<KeyId> {
        crate::summary::members_of(self, unit)
    }

    /// Units with records.
    #[must_use]
    pub const fn units(&self) -> &BTreeMap<UnitId, UnitState> {
        &self.units
    }

    /// The leaf of a stage's seal.
    #[must_use]
    pub fn seal(&self, stage: Stage) -> Option<u64> {
        self.seals.get(&stage).copied()
    }

    /// Counters over the whole ledger.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Identifications by constituency of the station (index 0: stations without one) and by official hour; the last
    /// column is after the last hour.
    #[must_use]
    pub fn turnout(&self) -> &[Vec<HourCount>] {
        &self.turnout
    }

    /// The counts of the opened nationwide total of papers cast elsewhere that is in force.
    #[must_use]
    pub fn remote_opening(&self, basis: Basis, constituency: u32) -> Option<&Vec<u64>> {
        self.remote_openings(basis, constituency).last().map(|opening| &opening.counts)
    }

    /// All openings of that total, in the order of recording.
    #[must_use]
    pub fn remote_openings(&self, basis: Basis, constituency: u32) -> &[RemoteOpening] {
        self.remote_openings.get(&(basis, constituency)).map_or(&[], Vec::as_slice)
    }

    /// Roll leaves of admitted voters, ascending, each with the leaf index of the admission.
    #[must_use]
    pub fn admitted(&self) -> Vec<(RollLeaf, u64)> {
        let mut admitted = Vec::new();
        for roll in self.rolls.values() {
            let marked = roll.leaves.iter().zip(&roll.admitted);
            admitted.extend(marked.filter_map(|(leaf, mark)| Some((*leaf, u64::from(mark.checked_sub(1)?)))));
        }
        admitted.sort_unstable();
        admitted
    }

    /// Root of the BLAKE3 tree over the roll leaves of admitted voters, ascending: with it anybody who knows a tag can be
    /// shown that it was used, or that it was not.
    #[must_use]
    pub fn admitted_root(&self) -> Digest {
        let mut tree = Frontier::<Blake3Tree>::new();
        for (leaf, _) in self.admitted() {
            // A frontier is full at 2⁵³ leaves; a roll cannot get there.
            let _ = tree.push(Blake3Tree::leaf(leaf.as_ref()));
        }
        Digest(tree.root().to_bytes())
    }
}

impl KeySource for State {
    fn find(&self, id: &KeyId) -> Option<VerificationKey> {
        self.keys.get(id).map(|entry| VerificationKey::new(&entry.key))
    }
}
