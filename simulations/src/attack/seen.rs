//! Reading bytes as an attacker does: no signatures are checked, whatever can be read is taken.

use std::collections::{BTreeMap, BTreeSet};
use tamga_ledger::codec;
use tamga_ledger::commitment::Commitment;
use tamga_ledger::definition::Definition;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{ElectionId, RecordId, RollLeaf, Tag};
use tamga_ledger::kinds::{
    ActEffect, BallotBatch, Basis, Body as _, CONFIDENTIAL_BYTES_MAX, Countersign, Identification,
    IdentificationSecret, Kind, LegalAct, Protocol, ProtocolBasis, RollAmendment, RollChunk, SummaryTable,
    TotalOpening,
};
use tamga_ledger::record::{Record, Scope, UnitId};

/// A published distribution: these papers, of these units, for this constituency, were filled in like this.
#[derive(Debug, Clone)]
pub struct Statement {
    /// By machine or by hand.
    pub basis: Basis,
    /// Whose ballots.
    pub constituency: u32,
    /// Of which units.
    pub units: BTreeSet<UnitId>,
    /// By position.
    pub counts: Vec<u64>,
    /// Sum of the blinding factors, where it was an opening.
    pub blinding: Option<[u8; 32]>,
}

/// An identification that admitted somebody.
#[derive(Debug, Clone)]
pub struct Identified {
    /// Its leaf.
    pub leaf: u64,
    /// Where.
    pub unit: UnitId,
    /// With another constituency's ballot.
    pub remote: bool,
    /// The voter and the home station, where the body was at hand.
    pub voter: Option<(Tag, u32)>,
}

/// A committed cell of a unit.
#[derive(Debug, Clone)]
pub(super) struct SeenCell {
    pub(super) basis: Basis,
    pub(super) number: u64,
    pub(super) constituency: u32,
    pub(super) papers: u64,
    pub(super) commitment: Commitment,
}

/// Everything that the attacker has read.
#[derive(Debug)]
pub struct Seen {
    /// The election.
    pub election: ElectionId,
    /// What is on the ballots.
    pub definition: Definition,
    /// Fewest papers whose distribution may be shown.
    pub minimum: u64,
    /// Published distributions, in the order of recording.
    pub statements: Vec<Statement>,
    /// Admissions, in the order of recording.
    pub identified: Vec<Identified>,
    /// Leaves of every roll, by station.
    pub rolls: BTreeMap<u32, Vec<RollLeaf>>,
    pub(super) cells: BTreeMap<UnitId, Vec<SeenCell>>,
    /// Strings of 32 bytes in records and bodies of a unit: what might be a secret that slipped out.
    pub(super) strings: BTreeMap<UnitId, BTreeSet<[u8; 32]>>,
    /// Protocols that show no counts, and a line that says how papers were filled in.
    pub(super) telling_lines: Vec<(UnitId, u64)>,
    annulled: BTreeMap<RecordId, Vec<UnitId>>,
    tables: BTreeMap<RecordId, UnitId>,
}

impl Seen {
    /// Nothing has been read. The definition and the minimum stand in the first entries, in the clear.
    #[must_use]
    pub fn new(election: ElectionId, definition: Definition, minimum: u64) -> Self {
        Self {
            election,
            definition,
            minimum,
            statements: Vec::new(),
            identified: Vec::new(),
            rolls: BTreeMap::new(),
            cells: BTreeMap::new(),
            strings: BTreeMap::new(),
            telling_lines: Vec::new(),
            annulled: BTreeMap::new(),
            tables: BTreeMap::new(),
        }
    }

    /// Reads one entry, with its confidential body where the attacker has it.
    pub fn read(&mut self, leaf: u64, entry: &[u8], confidential: &[u8]) {
        let Ok(entry) = Entry::from_bytes(entry) else { return };
        let Payload::Full(signed) = &entry.payload else { return };
        let Ok(record) = signed.parse() else { return };
        if let Scope::Unit(unit) = record.scope {
            let strings = self.strings.entry(unit).or_default();
            strings_of(&signed.record, strings);
            strings_of(&record.body, strings);
            strings_of(confidential, strings);
        }
        if entry.verdict.is_accepted() {
            let collided = entry.verdict.flags().iter().any(|flag| flag.code == 10);
            self.take(leaf, entry.record_id(), &record, confidential, collided);
        }
    }

    fn take(&mut self, leaf: u64, id: RecordId, record: &Record, confidential: &[u8], collided: bool) {
        let body = &record.body;
        match (Kind::from_number(record.kind), record.scope) {
            (Some(Kind::RollChunk), Scope::Station(station)) => {
                let leaves = RollChunk::from_bytes(body).ok().and_then(|chunk| chunk.roll_leaves());
                self.rolls.entry(station).or_default().extend(leaves.unwrap_or_default());
            }
            (Some(Kind::RollAmendment), Scope::Station(station)) => {
                let leaves = RollAmendment::from_bytes(body).ok().and_then(|amendment| amendment.roll_leaves());
                let (removed, added) = leaves.unwrap_or_default();
                let roll = self.rolls.entry(station).or_default();
                roll.retain(|leaf| !removed.contains(leaf));
                roll.extend(added);
            }
            (Some(Kind::Identification), Scope::Unit(unit)) if !collided => {
                let remote = Identification::from_bytes(body).is_ok_and(|public| public.mode == 1);
                let secret = codec::decode::<IdentificationSecret>(confidential, CONFIDENTIAL_BYTES_MAX).ok();
                let voter = secret.map(|secret| (secret.tag, secret.home_station));
                self.identified.push(Identified { leaf, unit, remote, voter });
            }
            (Some(Kind::BallotBatch), Scope::Unit(unit)) => {
                let Ok(batch) = BallotBatch::from_bytes(body) else { return };
                let number = u64::from(batch.number);
                self.add_cells(unit, Basis::Machine, number, &batch.cells);
            }
            (Some(Kind::TotalOpening), scope) => {
                if let Ok(opening) = TotalOpening::from_bytes(body) {
                    self.opening(scope, &opening);
                }
            }
            (Some(Kind::Protocol), Scope::Unit(unit)) => {
                if let Ok(protocol) = Protocol::from_bytes(body) {
                    self.tables.insert(id, unit);
                    self.protocol(unit, &protocol);
                }
            }
            (Some(Kind::Countersign), Scope::Unit(unit)) => {
                if let Ok(copy) = Countersign::from_bytes(body) {
                    self.state(Basis::Hand, self.home(unit), BTreeSet::from([unit]), &copy.counts, None);
                }
            }
            (Some(Kind::SummaryTable), Scope::Constituency(number)) => {
                if let Ok(table) = SummaryTable::from_bytes(body) {
                    let units = table.sources.iter().filter_map(|source| self.tables.get(source)).copied().collect();
                    self.state(Basis::Hand, number, units, &table.counts, None);
                }
            }
            (Some(Kind::LegalAct), scope) => self.act(id, scope, body),
            _ => {}
        }
    }

    pub(super) fn home(&self, unit: UnitId) -> u32 {
        self.definition.station(unit.station).map_or(0, |station| station.constituency)
    }

    fn state(
        &mut self,
        basis: Basis,
        constituency: u32,
        units: BTreeSet<UnitId>,
        counts: &[u64],
        blinding: Option<[u8; 32]>,
    ) {
        if !counts.is_empty() {
            self.statements.push(Statement { basis, constituency, units, counts: counts.to_vec(), blinding });
        }
    }

    fn add_cells(&mut self, unit: UnitId, basis: Basis, number: u64, cells: &[tamga_ledger::kinds::Cell]) {
        let seen = cells.iter().map(|cell| SeenCell {
            basis,
            number,
            constituency: cell.constituency,
            papers: u64::from(cell.papers),
            commitment: cell.commitment,
        });
        self.cells.entry(unit).or_default().extend(seen);
    }

    fn protocol(&mut self, unit: UnitId, protocol: &Protocol) {
        let Some(basis) = ProtocolBasis::from_number(protocol.basis).map(ProtocolBasis::side) else { return };
        self.state(basis, self.home(unit), BTreeSet::from([unit]), &protocol.counts, None);
        if basis == Basis::Hand {
            // A corrected protocol has other cells: the newest count.
            self.cells.entry(unit).or_default().retain(|cell| cell.basis != Basis::Hand);
            self.add_cells(unit, basis, 1, &protocol.cells);
        }
        let form = self.definition.form(&protocol.form, protocol.form_version);
        let telling = form.map(|form| form.lines.iter().filter(|line| line.discloses == 1)).into_iter().flatten();
        let told = telling.filter_map(|line| protocol.lines.iter().find(|one| one.code == line.code));
        let told: u64 = told.map(|line| line.value).sum();
        if protocol.counts.is_empty() && told > 0 {
            self.telling_lines.push((unit, told));
        }
    }

    fn opening(&mut self, scope: Scope, opening: &TotalOpening) {
        let Some(basis) = Basis::from_number(opening.basis) else { return };
        let units = match scope {
            Scope::Unit(unit) => BTreeSet::from([unit]),
            _ => self.covered(basis, opening.constituency),
        };
        self.state(basis, opening.constituency, units, &opening.counts, Some(opening.blinding.0));
    }

    /// Papers of a unit for a constituency.
    pub(super) fn papers(&self, unit: UnitId, basis: Basis, constituency: u32) -> u64 {
        let own = self.cells.get(&unit).into_iter().flatten();
        own.filter(|cell| cell.basis == basis && cell.constituency == constituency).map(|cell| cell.papers).sum()
    }

    /// Units that a nationwide total of now covers.
    fn covered(&self, basis: Basis, constituency: u32) -> BTreeSet<UnitId> {
        let annulled: BTreeSet<&UnitId> = self.annulled.values().flatten().collect();
        let hidden = |unit: &UnitId| {
            let papers = self.papers(*unit, basis, constituency);
            let shown = basis == Basis::Machine && self.home(*unit) == constituency && papers >= self.minimum;
            papers > 0 && !shown && !annulled.contains(unit)
        };
        self.cells.keys().copied().filter(hidden).collect()
    }

    fn act(&mut self, id: RecordId, scope: Scope, body: &[u8]) {
        let Ok(act) = LegalAct::from_bytes(body) else { return };
        match (&act.effect, scope) {
            (ActEffect::Annul, Scope::Unit(unit)) => drop(self.annulled.insert(id, vec![unit])),
            (ActEffect::Annul, Scope::Station(number)) => {
                let units = self.definition.units().filter(|unit| unit.station == number).collect();
                self.annulled.insert(id, units);
            }
            (ActEffect::Cancel { act } | ActEffect::Suspend { act }, _) => drop(self.annulled.remove(act)),
            _ => {}
        }
    }
}

/// Byte strings of 32 bytes in canonical CBOR: a head of `58 20` and what follows, wherever it stands.
fn strings_of(bytes: &[u8], found: &mut BTreeSet<[u8; 32]>) {
    for (at, head) in bytes.windows(2).enumerate() {
        if head == [0x58, 0x20]
            && let Some(string) = bytes.get(at + 2..at + 34).and_then(|string| <[u8; 32]>::try_from(string).ok())
        {
            found.insert(string);
        }
    }
}
