//! Protocols. The ledger records whatever the quorum signed; the device insists on correctness before anybody signs.

use super::error::AuthorError;
use super::{Scribe, public_keys};
use ed25519_dalek::SigningKey;
use std::fmt;
use tamga_ledger::ids::RecordId;
use tamga_ledger::judge::{Disclosure, broken_relations};
use tamga_ledger::kinds::{Form, LineValue, Protocol, Relation, Term};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::submission::Submission;

/// A control relation that does not hold, with its figures.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BrokenRelation {
    /// Its number in the form, from 0.
    pub number: u64,
    /// Whether nobody may sign.
    pub hard: bool,
    /// As the form states it, for example `7 + 8 = 9 + 10`.
    pub relation: String,
    /// What the left side gives.
    pub left: u128,
    /// What the right side gives.
    pub right: u128,
}

impl fmt::Display for BrokenRelation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, relation, left, right, .. } = self;
        write!(f, "relation {number} ({relation}) does not hold: {left} against {right}")
    }
}

/// The form's lines in order, with the figures that `value` gives by code.
#[must_use]
pub fn lines_of(form: &Form, mut value: impl FnMut(&str) -> u64) -> Vec<LineValue> {
    form.lines.iter().map(|line| LineValue { code: line.code.clone(), value: value(&line.code) }).collect()
}

/// Checks a protocol against its form: all lines in order, and every relation. Soft relations that do not hold are
/// returned: to be shown to the members before they sign.
///
/// # Errors
/// [`AuthorError::OtherForm`], [`AuthorError::Line`], [`AuthorError::RelationsBroken`] for hard ones.
pub fn check_protocol(form: &Form, protocol: &Protocol) -> Result<Vec<BrokenRelation>, AuthorError> {
    if (&form.code, form.version) != (&protocol.form, protocol.form_version) {
        return Err(AuthorError::OtherForm {
            named: format!("{} version {}", protocol.form, protocol.form_version),
            form: format!("{} version {}", form.code, form.version),
        });
    }
    check_lines(form, &protocol.lines)?;
    let shown = Disclosure::of(&protocol.counts);
    let broken = broken_relations(form, &protocol.lines, &shown).into_iter().filter_map(|(number, hard)| {
        let relation = form.relations.get(usize::try_from(number).ok()?)?;
        Some(describe(relation, number, hard, &protocol.lines, &shown))
    });
    let (hard, soft): (Vec<_>, Vec<_>) = broken.partition(|broken| broken.hard);
    if hard.is_empty() { Ok(soft) } else { Err(AuthorError::RelationsBroken(hard)) }
}

fn check_lines(form: &Form, lines: &[LineValue]) -> Result<(), AuthorError> {
    for place in 0..form.lines.len().max(lines.len()) {
        let due = form.lines.get(place).map_or("", |line| &line.code);
        let found = lines.get(place).map_or("", |line| &line.code);
        if due != found {
            return Err(AuthorError::Line { place: place + 1, found: found.to_owned(), due: due.to_owned() });
        }
    }
    Ok(())
}

fn describe(relation: &Relation, number: u64, hard: bool, lines: &[LineValue], shown: &Disclosure) -> BrokenRelation {
    let sign = match relation.comparator {
        0 => "=",
        1 => ">=",
        _ => "<=",
    };
    BrokenRelation {
        number,
        hard,
        relation: format!("{} {sign} {}", side(&relation.left), side(&relation.right)),
        left: sum(&relation.left, lines, shown),
        right: sum(&relation.right, lines, shown),
    }
}

fn side(terms: &[Term]) -> String {
    let term = |term: &Term| match term.coefficient {
        1 => term.line.clone(),
        coefficient => format!("{coefficient}·{}", term.line),
    };
    if terms.is_empty() { "0".to_owned() } else { terms.iter().map(term).collect::<Vec<_>>().join(" + ") }
}

fn sum(terms: &[Term], lines: &[LineValue], shown: &Disclosure) -> u128 {
    let value = |code: &str| match (code, shown) {
        ("@valid", Disclosure::Shown { valid, .. }) => *valid,
        ("@invalid", Disclosure::Shown { invalid, .. }) => *invalid,
        _ => lines.iter().find(|line| line.code == code).map_or(0, |line| line.value),
    };
    terms.iter().map(|term| u128::from(term.coefficient) * u128::from(value(&term.line))).sum()
}

impl Scribe {
    /// A protocol, signed by the members; the first is the author. `corrects` names the one in force that it replaces.
    ///
    /// # Errors
    /// As [`check_protocol`] and [`Scribe::draft`].
    pub fn protocol(
        &self,
        members: &[&SigningKey],
        unit: UnitId,
        form: &Form,
        protocol: &Protocol,
        corrects: Option<RecordId>,
    ) -> Result<Submission, AuthorError> {
        check_protocol(form, protocol)?;
        self.protocol_unchecked(members, unit, protocol, corrects)
    }

    /// A protocol as it is, errors included: for transcribing a paper protocol that was signed with an error. The ledger
    /// flags it and keeps it out of the summary.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn protocol_unchecked(
        &self,
        members: &[&SigningKey],
        unit: UnitId,
        protocol: &Protocol,
        corrects: Option<RecordId>,
    ) -> Result<Submission, AuthorError> {
        let draft = self.draft(Scope::Unit(unit), &public_keys(members), protocol)?;
        let draft = match corrects {
            Some(earlier) => draft.superseding(earlier)?,
            None => draft,
        };
        draft.sign(members)
    }
}
