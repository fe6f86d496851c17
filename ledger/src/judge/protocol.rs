//! Protocols: the form's lines, its control relations, and how they compare with what the ledger holds.
//!
//! A protocol is a fact. It is recorded as it was signed; a broken hard relation keeps it out of every sum. The one thing
//! refused is what must not become public: counts before the embargo's end, or of too few papers.

use super::Decision;
use super::authority::unit_of;
use super::effect::Effect;
use crate::forms::{self, Operand};
use crate::kinds::{Basis, Form, LineValue, Protocol};
use crate::record::Record;
use crate::state::{ProtocolInForce, State, UnitState};
use crate::submission::Authentic;
use crate::verdict::{Flag, FlagCode, Refusal};

/// Most text of seals and similar in one protocol.
const SEALS_MAX: usize = 64;

impl State {
    pub(super) fn decide_protocol(&self, body: &Protocol, authentic: &Authentic, time_ms: u64) -> Decision {
        let record = authentic.record();
        self.check_member_quorum(record)?;
        let unit_id = unit_of(record)?;
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let basis = Basis::from_number(body.basis).ok_or(Refusal::ContentInvalid)?;
        let form = self.definition.form(&body.form, body.form_version).ok_or(Refusal::FormUnknown)?;
        if !body.lines.iter().map(|line| &line.code).eq(form.lines.iter().map(|line| &line.code)) {
            return Err(Refusal::LinesMissing);
        }
        if time_ms < election.embargo_ms && discloses(form, body) {
            return Err(Refusal::Embargo);
        }
        let home = self.definition.station(unit_id.station).map_or(0, |station| station.constituency);
        self.check_counts(body, form, home)?;
        self.check_cells(body, basis, home)?;
        let default = UnitState::default();
        let unit = self.units.get(&unit_id).unwrap_or(&default);
        let replaced = check_supersedes(record, unit.protocol(basis))?;

        let mut flags = Vec::new();
        let mut blocked = false;
        for (number, hard) in broken_relations(form, &body.lines, &Disclosure::of(&body.counts)) {
            blocked |= hard;
            let code = if hard { FlagCode::HardRelationBroken } else { FlagCode::SoftRelationBroken };
            flags.push(Flag::with(code, number));
        }
        if let Some(leaf) = replaced {
            flags.push(Flag::with(FlagCode::Correction, leaf));
        }
        if !body.dissenting.is_empty() {
            flags.push(Flag::with(FlagCode::Dissent, body.dissenting.len() as u64));
        }
        if basis == Basis::Machine {
            machine_flags(body, unit, &mut flags);
        } else if papers_of(body) != unit.papers() {
            flags.push(Flag::with(FlagCode::PapersDiffer, unit.papers()));
        }
        let protocol = ProtocolInForce {
            leaf: 0,
            id: *authentic.id(),
            blocked,
            lines: body.lines.clone(),
            counts: body.counts.clone(),
            cells: body.cells.iter().map(|cell| (cell.constituency, (cell.papers, cell.commitment))).collect(),
        };
        Ok((flags, Effect::Protocol { unit: unit_id, basis, protocol: Box::new(protocol) }))
    }

    /// Counts are absent, or one per position of the own constituency and of enough papers.
    fn check_counts(&self, body: &Protocol, form: &Form, home: u32) -> Result<(), Refusal> {
        let too_long =
            body.seals.len() > SEALS_MAX || body.present.len() > SEALS_MAX || body.dissenting.len() > SEALS_MAX;
        if too_long || body.lines.iter().any(|line| line.value > u64::from(u32::MAX)) {
            return Err(Refusal::ContentInvalid);
        }
        if body.counts.is_empty() {
            let shown = form.lines.iter().zip(&body.lines).any(|(line, value)| line.discloses == 1 && value.value != 0);
            return if shown { Err(Refusal::SmallCell) } else { Ok(()) };
        }
        let positions = self.definition.constituency(home).map_or(0, crate::kinds::Constituency::positions);
        if body.counts.len() != positions || body.counts.iter().any(|count| *count > u64::from(u32::MAX)) {
            return Err(Refusal::ContentInvalid);
        }
        if self.may_show(body.counts.iter().sum()) { Ok(()) } else { Err(Refusal::SmallCell) }
    }

    /// By hand: a cell for each constituency whose counts are not shown. By machine: none, the batches have them.
    fn check_cells(&self, body: &Protocol, basis: Basis, home: u32) -> Result<(), Refusal> {
        let own_shown = !body.counts.is_empty();
        let due = self.definition.constituencies().iter().map(|constituency| constituency.number);
        let due = due.filter(|number| basis == Basis::Hand && !(own_shown && *number == home));
        if body.cells.iter().map(|cell| cell.constituency).eq(due) { Ok(()) } else { Err(Refusal::CellsInvalid) }
    }
}

/// A second protocol on one basis has to name the one it corrects; returns that one's leaf.
fn check_supersedes(record: &Record, in_force: Option<&ProtocolInForce>) -> Result<Option<u64>, Refusal> {
    match (record.supersedes.0, in_force) {
        (None, None) => Ok(None),
        (Some(named), Some(protocol)) if named == protocol.id => Ok(Some(protocol.leaf)),
        _ => Err(Refusal::SupersedesInvalid),
    }
}

/// Whether the protocol says anything about how papers were filled in.
fn discloses(form: &Form, body: &Protocol) -> bool {
    !body.counts.is_empty()
        || form.lines.iter().zip(&body.lines).any(|(line, value)| line.discloses == 1 && value.value != 0)
}

fn machine_flags(body: &Protocol, unit: &UnitState, flags: &mut Vec<Flag>) {
    if unit.closing_digest.is_some_and(|digest| digest != body.closing_digest()) {
        flags.push(Flag::new(FlagCode::ClosingDigestMismatch));
    }
    if unit.own_opening.as_ref().is_some_and(|opened| !body.counts.is_empty() && *opened != body.counts) {
        flags.push(Flag::new(FlagCode::OpeningDiffers));
    }
}

fn papers_of(body: &Protocol) -> u64 {
    body.counts.iter().sum::<u64>() + body.cells.iter().map(|cell| u64::from(cell.papers)).sum::<u64>()
}

/// What a protocol shows of its own cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Votes for candidates and against all together, and invalid papers.
    Shown {
        /// Valid papers.
        valid: u64,
        /// Those of them that are against all.
        against_all: u64,
        /// Invalid papers.
        invalid: u64,
    },
    /// Nothing: relations that need it are not tested.
    Hidden,
}

impl Disclosure {
    /// From counts by position, the last of which are against all and invalid papers.
    #[must_use]
    pub fn of(counts: &[u64]) -> Self {
        match counts.split_last() {
            Some((invalid, valid)) => Self::Shown {
                valid: valid.iter().fold(0, |sum, count| sum.saturating_add(*count)),
                against_all: valid.last().copied().unwrap_or(0),
                invalid: *invalid,
            },
            None => Self::Hidden,
        }
    }

    /// The figure of an operand in a protocol with these lines; none if it is not shown.
    #[must_use]
    pub fn figure(&self, operand: Operand<'_>, lines: &[LineValue]) -> Option<u64> {
        if let Operand::Line(code) = operand {
            return Some(lines.iter().find(|line| line.code == code).map_or(0, |line| line.value));
        }
        let Self::Shown { valid, against_all, invalid } = *self else { return None };
        match operand {
            Operand::Line(_) => None,
            Operand::Valid => Some(valid),
            Operand::Invalid => Some(invalid),
            Operand::Candidates => Some(valid.saturating_sub(against_all)),
            Operand::AgainstAll => Some(against_all),
        }
    }
}

/// The relations of `form` that do not hold, by number, with whether each is hard. A device calls this before signing, the
/// ledger at judging, an auditor afterwards.
#[must_use]
pub fn broken_relations(form: &Form, lines: &[LineValue], shown: &Disclosure) -> Vec<(u64, bool)> {
    let discloses =
        |code: &str| code.starts_with('@') || form.lines.iter().any(|line| line.code == code && line.discloses == 1);
    let mut broken = Vec::new();
    for (number, relation) in form.relations.iter().enumerate() {
        if *shown == Disclosure::Hidden && relation.left.iter().chain(&relation.right).any(|one| discloses(&one.line)) {
            continue;
        }
        // What the definition let in has operands that are known here.
        let sides = forms::sides(relation, |operand| shown.figure(operand, lines));
        if !sides.is_some_and(|sides| forms::holds(relation, sides)) {
            broken.push((number as u64, relation.hard == 1));
        }
    }
    broken
}
