//! Protocols: the form's lines, its control relations, and how they compare with what the ledger holds.
//!
//! A protocol is a fact. It is recorded as it was signed; a broken hard relation keeps it out of every sum. The one thing
//! refused is what must not become public: counts before the embargo's end, or of too few papers.

use super::Decision;
use super::authority::unit_of;
use super::effect::Effect;
use crate::forms::{self, Operand};
use crate::ids::KeyId;
use crate::kinds::{ActEffect, Basis, EXPLANATION_MAX, Form, Issuer, LineValue, Protocol, ProtocolBasis};
use crate::record::{Record, UnitId};
use crate::state::{ProtocolInForce, State, UnitState, in_force};
use crate::submission::Authentic;
use crate::verdict::{Flag, FlagCode, Refusal};

/// Most text of seals and similar in one protocol.
const SEALS_MAX: usize = 64;

/// Ranks of protocols: none replaces one of a higher rank.
const RANK_PLAIN: u8 = 1;
const RANK_RECOUNT: u8 = 2;
const RANK_COURT: u8 = 3;

impl State {
    pub(super) fn decide_protocol(&self, body: &Protocol, authentic: &Authentic, time_ms: u64) -> Decision {
        let record = authentic.record();
        let stated = ProtocolBasis::from_number(body.basis).ok_or(Refusal::ContentInvalid)?;
        // Whoever types in a paper that came without its commission is the commission above it.
        if stated != ProtocolBasis::Transcribed || self.check_commission(record).is_err() {
            self.check_member_quorum(record)?;
        }
        let unit_id = unit_of(record)?;
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let basis = stated.side();
        let scan_due = stated == ProtocolBasis::Transcribed && body.scan.0.is_none();
        if scan_due || body.explanation > EXPLANATION_MAX {
            return Err(Refusal::ContentInvalid);
        }
        let form = self.definition.form(&body.form, body.form_version).ok_or(Refusal::FormUnknown)?;
        if !body.lines.iter().map(|line| &line.code).eq(form.lines.iter().map(|line| &line.code)) {
            return Err(Refusal::LinesMissing);
        }
        if time_ms < election.embargo_ms && discloses(form, &body.lines, &body.counts) {
            return Err(Refusal::Embargo);
        }
        let home = self.definition.station(unit_id.station).map_or(0, |station| station.constituency);
        let named = body.seals.len().max(body.present.len()).max(body.dissenting.len());
        if named > SEALS_MAX {
            return Err(Refusal::ContentInvalid);
        }
        self.check_shown(&body.lines, &body.counts, form, home)?;
        self.check_cells(body, basis, home)?;
        let default = UnitState::default();
        let unit = self.units.get(&unit_id).unwrap_or(&default);
        let rank = self.rank(stated, unit_id, time_ms);
        let replaced = check_supersedes(record, unit.protocol(basis), rank)?;

        let mut flags = Vec::new();
        let mut blocked = false;
        for (number, hard) in broken_relations(form, &body.lines, &Disclosure::of(&body.counts)) {
            blocked |= hard;
            let code = if hard { FlagCode::HardRelationBroken } else { FlagCode::SoftRelationBroken };
            flags.push(Flag::with(code, number));
        }
        if let Some(leaf) = replaced {
            flags.push(Flag::with(FlagCode::Correction, leaf));
            if body.explanation == 0 {
                flags.push(Flag::new(FlagCode::CorrectionUnexplained));
            }
        }
        if stated == ProtocolBasis::Transcribed {
            flags.push(Flag::new(FlagCode::Transcribed));
        }
        if stated == ProtocolBasis::Recount && rank == RANK_PLAIN {
            flags.push(Flag::new(FlagCode::RecountNotOrdered));
        }
        if !body.dissenting.is_empty() {
            flags.push(Flag::with(FlagCode::Dissent, body.dissenting.len() as u64));
        }
        if basis == Basis::Machine {
            machine_flags(body, unit, &mut flags);
        } else if papers_of(body) != unit.papers() {
            flags.push(Flag::with(FlagCode::PapersDiffer, unit.papers()));
        }
        let members = self.members_of(unit_id);
        let there = |member: &KeyId| record.signers.contains(member) || body.present.contains(member);
        let protocol = ProtocolInForce {
            leaf: 0,
            id: *authentic.id(),
            blocked,
            basis: stated,
            rank,
            explanation: body.explanation,
            signers: record.signers.clone(),
            present: body.present.clone(),
            dissenting: body.dissenting.clone(),
            members: members.len() as u32,
            absent: members.iter().filter(|member| !there(member)).count() as u32,
            lines: body.lines.clone(),
            counts: body.counts.clone(),
            cells: body.cells.iter().map(|cell| (cell.constituency, (cell.papers, cell.commitment))).collect(),
        };
        Ok((flags, Effect::Protocol { unit: unit_id, basis, protocol: Box::new(protocol) }))
    }

    /// Lines fit; counts are absent, or one per position of the own constituency and of enough papers.
    pub(super) fn check_shown(
        &self,
        lines: &[LineValue],
        counts: &[u64],
        form: &Form,
        home: u32,
    ) -> Result<(), Refusal> {
        if lines.iter().any(|line| line.value > u64::from(u32::MAX)) {
            return Err(Refusal::ContentInvalid);
        }
        if counts.is_empty() {
            return if discloses(form, lines, counts) { Err(Refusal::SmallCell) } else { Ok(()) };
        }
        let positions = self.definition.constituency(home).map_or(0, crate::kinds::Constituency::positions);
        if counts.len() != positions || counts.iter().any(|count| *count > u64::from(u32::MAX)) {
            return Err(Refusal::ContentInvalid);
        }
        if self.may_show(counts.iter().sum()) { Ok(()) } else { Err(Refusal::SmallCell) }
    }

    /// What may replace what: a recount what was counted before, one that a court ordered also a recount.
    fn rank(&self, stated: ProtocolBasis, unit: UnitId, time_ms: u64) -> u8 {
        if stated != ProtocolBasis::Recount {
            return RANK_PLAIN;
        }
        let ordered = in_force(&self.acts, time_ms).into_iter().filter(|act| act.act.effect == ActEffect::Recount);
        let own = ordered.filter(|act| self.units_of(act.scope).contains(&unit)).map(|act| act.act.issuer);
        match own.max() {
            Some(issuer) if issuer >= Issuer::Court as u8 => RANK_COURT,
            Some(_) => RANK_RECOUNT,
            None => RANK_PLAIN,
        }
    }

    /// By hand: a cell for each constituency whose counts are not shown. By machine: none, the batches have them.
    fn check_cells(&self, body: &Protocol, basis: Basis, home: u32) -> Result<(), Refusal> {
        let own_shown = !body.counts.is_empty();
        let due = self.definition.constituencies().iter().map(|constituency| constituency.number);
        let due = due.filter(|number| basis == Basis::Hand && !(own_shown && *number == home));
        if body.cells.iter().map(|cell| cell.constituency).eq(due) { Ok(()) } else { Err(Refusal::CellsInvalid) }
    }
}

/// A second protocol on one basis has to name the one it corrects, of no higher rank; returns that one's leaf.
fn check_supersedes(record: &Record, in_force: Option<&ProtocolInForce>, rank: u8) -> Result<Option<u64>, Refusal> {
    match (record.supersedes.0, in_force) {
        (None, None) => Ok(None),
        (Some(named), Some(protocol)) if named == protocol.id && rank >= protocol.rank => Ok(Some(protocol.leaf)),
        _ => Err(Refusal::SupersedesInvalid),
    }
}

/// Whether figures say anything about how papers were filled in.
pub(super) fn discloses(form: &Form, lines: &[LineValue], counts: &[u64]) -> bool {
    let disclosing = |code: &str| form.lines.iter().any(|line| line.code == code && line.discloses == 1);
    !counts.is_empty() || lines.iter().any(|line| line.value != 0 && disclosing(&line.code))
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
