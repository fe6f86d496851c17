//! Summary tables against what they sum: at judging, and again at any later moment, since a protocol may be corrected after the
//! table was signed.

use crate::ids::{Digest, KeyId, RecordId};
use crate::kinds::{Basis, LineValue, SummaryTable};
use crate::record::{Scope, UnitId};
use crate::state::{Legal, ProtocolInForce, State};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// A table in force.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TableInForce {
    /// Its leaf.
    #[n(0)]
    pub leaf: u64,
    /// A constituency or the election.
    #[n(1)]
    pub scope: Scope,
    /// What it says.
    #[n(2)]
    pub table: SummaryTable,
}

/// How a table compares with what it sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct TableCheck {
    /// Sources that are no protocol or table in force that this table can sum, or that are there twice.
    pub void_sources: Vec<RecordId>,
    /// Lines that are not the sums: code, what the table says, what its sources give.
    pub lines: Vec<(String, u64, u64)>,
    /// Counts that are not the sums: position, what the table says, what its sources give.
    pub counts: Vec<(usize, u64, u64)>,
    /// Units that the table should cover and does not.
    pub uncovered: Vec<UnitId>,
    /// Some source shows no counts: figures that tell how papers were filled in must be the sums, or they would show it.
    #[serde(skip)]
    pub hides: bool,
}

impl TableCheck {
    /// How many figures are not the sums.
    #[must_use]
    pub fn differing(&self) -> usize {
        self.lines.len() + self.counts.len()
    }

    /// Nothing to object to.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.void_sources.is_empty() && self.differing() == 0 && self.uncovered.is_empty()
    }
}

/// What one source brings.
struct Part<'a> {
    lines: &'a [LineValue],
    counts: &'a [u64],
    hides: bool,
    units: BTreeSet<UnitId>,
}

/// Compares a table of this scope with the protocols and tables in force now.
#[must_use]
pub fn check_table(state: &State, scope: Scope, table: &SummaryTable, legal: &Legal) -> TableCheck {
    let protocols = protocols_by_id(state, legal);
    let mut check = TableCheck::default();
    let mut lines: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut counts, mut covered, mut seen) = (vec![0_u64; table.counts.len()], BTreeSet::new(), BTreeSet::new());
    for source in &table.sources {
        let part = seen.insert(source).then(|| part_of(state, scope, table, source, &protocols)).flatten();
        let Some(part) = part.filter(|part| part.units.is_disjoint(&covered)) else {
            check.void_sources.push(*source);
            continue;
        };
        for line in part.lines {
            let sum = lines.entry(line.code.as_str()).or_default();
            *sum = sum.saturating_add(line.value);
        }
        for (sum, count) in counts.iter_mut().zip(part.counts) {
            *sum = sum.saturating_add(*count);
        }
        check.hides |= part.hides;
        covered.extend(part.units);
    }
    for line in &table.lines {
        let due = lines.get(line.code.as_str()).copied().unwrap_or(0);
        if line.value != due {
            check.lines.push((line.code.clone(), line.value, due));
        }
    }
    let counts = (1..).zip(table.counts.iter().zip(counts)).filter(|(_, (said, due))| **said != *due);
    check.counts = counts.map(|(position, (said, due))| (position, *said, due)).collect();
    let due = state.definition().units().filter(|id| !legal.is_annulled(*id) && in_scope(state, scope, *id));
    check.uncovered = due.filter(|id| !covered.contains(id)).collect();
    check
}

fn in_scope(state: &State, scope: Scope, unit: UnitId) -> bool {
    match scope {
        Scope::Constituency(number) => {
            state.definition().station(unit.station).is_some_and(|station| station.constituency == number)
        }
        _ => true,
    }
}

/// Hand protocols in force that count.
fn protocols_by_id<'a>(state: &'a State, legal: &Legal) -> BTreeMap<RecordId, (UnitId, &'a ProtocolInForce)> {
    let units = state.units().iter().filter(|(id, _)| !legal.is_annulled(**id));
    let protocol = |(id, unit): (&UnitId, &'a crate::state::UnitState)| {
        let protocol = unit.protocol(Basis::Hand).filter(|protocol| !protocol.blocked)?;
        Some((protocol.id, (*id, protocol)))
    };
    units.filter_map(protocol).collect()
}

fn part_of<'a>(
    state: &'a State,
    scope: Scope,
    table: &SummaryTable,
    source: &RecordId,
    protocols: &BTreeMap<RecordId, (UnitId, &'a ProtocolInForce)>,
) -> Option<Part<'a>> {
    let same_form =
        |lines: &[LineValue]| lines.iter().map(|line| &line.code).eq(table.lines.iter().map(|line| &line.code));
    if let Some((unit, protocol)) = protocols.get(source) {
        let fits = in_scope(state, scope, *unit) && same_form(&protocol.lines);
        return fits.then(|| Part {
            lines: &protocol.lines,
            counts: &protocol.counts,
            hides: protocol.counts.is_empty(),
            units: BTreeSet::from([*unit]),
        });
    }
    let other = state.tables().get(source).filter(|_| scope == Scope::Election)?;
    if other.scope == Scope::Election || !same_form(&other.table.lines) {
        return None;
    }
    // A protocol that was corrected since is found by checking that table itself; here it still says which units it was for.
    let units = other.table.sources.iter().filter_map(|id| protocols.get(id)).map(|(unit, _)| *unit).collect();
    Some(Part { lines: &other.table.lines, counts: &[], hides: true, units })
}

/// Who is registered for a unit as a member of its commission, in order of their key ids.
pub(crate) fn members_of(state: &State, unit: UnitId) -> Vec<KeyId> {
    let member = |(id, key): (&KeyId, &crate::state::KeyEntry)| {
        let own = key.class == crate::kinds::HolderClass::Member && key.scope.covers(&Scope::Unit(unit));
        (own && key.revoked.is_none()).then_some(*id)
    };
    state.keys.iter().filter_map(member).collect()
}

/// The short code of a protocol, for the paper: 50 bits of BLAKE3 (context `tamga 2025 paper code v1`) of the record's id in
/// Crockford's base 32, as two groups of five. People read it aloud; whoever can, scans the whole id.
#[must_use]
pub fn paper_code(id: &RecordId) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digest =
        Digest(*blake3::Hasher::new_derive_key("tamga 2025 paper code v1").update(&id.0).finalize().as_bytes());
    let mut bits = digest.0.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let mut code = String::with_capacity(11);
    for place in 0..10 {
        if place == 5 {
            code.push('-');
        }
        code.push(char::from(DIGITS[(bits >> 59) as usize]));
        bits <<= 5;
    }
    code
}

/// What the QR code on a paper protocol says: `TAMGA1`, the first 16 digits of the election id, station and unit, the record's id
/// and the short code, in capitals and signs of QR's alphanumeric mode.
#[must_use]
pub fn paper_qr(election: &crate::ids::ElectionId, unit: UnitId, id: &RecordId) -> String {
    let election = election.to_string().to_uppercase();
    let election = election.get(..16).unwrap_or_default();
    format!("TAMGA1:{election}:{}/{}:{}:{}", unit.station, unit.unit, id.to_string().to_uppercase(), paper_code(id))
}
