//! Protocols. The ledger records whatever the quorum signed; the device insists on correctness before anybody signs.

use super::error::AuthorError;
use super::{Scribe, public_keys};
use ed25519_dalek::SigningKey;
use std::fmt;
use tamga_ledger::forms::{Sides, in_words, sides};
use tamga_ledger::ids::RecordId;
use tamga_ledger::judge::{Disclosure, broken_relations};
use tamga_ledger::kinds::{Form, LineValue, Protocol, Relation};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::submission::Submission;

/// A control relation that does not hold, with its figures.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BrokenRelation {
    /// Its number in the form, from 0.
    pub number: u64,
    /// Whether nobody may sign.
    pub hard: bool,
    /// As the form states it, for example `L7 + L8 = L9 + L10`.
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
        describe(relation, number, hard, &protocol.lines, &shown)
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

fn describe(
    relation: &Relation,
    number: u64,
    hard: bool,
    lines: &[LineValue],
    shown: &Disclosure,
) -> Option<BrokenRelation> {
    let Sides { left, right } = sides(relation, |operand| shown.figure(operand, lines))?;
    Some(BrokenRelation { number, hard, relation: in_words(relation), left, right })
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
