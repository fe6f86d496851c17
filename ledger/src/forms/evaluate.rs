//! Whether a relation holds, and with which figures.

use super::operand::Operand;
use crate::kinds::{Relation, Term};
use std::fmt;

/// How the sides of a relation compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Comparator {
    /// `=`
    Equal = 0,
    /// `>=`
    AtLeast = 1,
    /// `<=`
    AtMost = 2,
}

impl Comparator {
    /// By its number in a [`Relation`].
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Equal),
            1 => Some(Self::AtLeast),
            2 => Some(Self::AtMost),
            _ => None,
        }
    }

    /// Whether `left` and `right` compare so.
    #[must_use]
    pub const fn holds(self, sides: Sides) -> bool {
        match self {
            Self::Equal => sides.left == sides.right,
            Self::AtLeast => sides.left >= sides.right,
            Self::AtMost => sides.left <= sides.right,
        }
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
        })
    }
}

/// What both sides of a relation give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    /// The left one.
    pub left: u128,
    /// The right one.
    pub right: u128,
}

/// Both sides of a relation; none if `value` does not know one of its operands: it cannot be tested then.
///
/// Cannot overflow: a coefficient has 32 bits and a value 64, so 2³² terms would be needed; a record has room for a few
/// thousand. Sums saturate nevertheless.
pub fn sides<'a>(relation: &'a Relation, mut value: impl FnMut(Operand<'a>) -> Option<u64>) -> Option<Sides> {
    let mut sum = |terms: &'a [Term]| {
        terms.iter().try_fold(0_u128, |sum, term| {
            let value = value(Operand::of(&term.line)?)?;
            Some(sum.saturating_add(u128::from(term.coefficient) * u128::from(value)))
        })
    };
    Some(Sides { left: sum(&relation.left)?, right: sum(&relation.right)? })
}

/// Whether the relation holds for these sides. A comparator that no definition can have never holds.
#[must_use]
pub fn holds(relation: &Relation, sides: Sides) -> bool {
    Comparator::from_number(relation.comparator).is_some_and(|comparator| comparator.holds(sides))
}

/// The relation as people read it, for example `L7 + L8 = L9 + L10`; [`super::parse_relation`] reads it back.
#[must_use]
pub fn in_words(relation: &Relation) -> String {
    let sign = Comparator::from_number(relation.comparator).map_or_else(|| "?".to_owned(), |sign| sign.to_string());
    format!("{} {sign} {}", side(&relation.left), side(&relation.right))
}

fn side(terms: &[Term]) -> String {
    if terms.is_empty() {
        return "0".to_owned();
    }
    terms.iter().map(term).collect::<Vec<_>>().join(" + ")
}

fn term(term: &Term) -> String {
    let operand = match Operand::of(&term.line) {
        Some(Operand::Line(code)) => format!("L{code}"),
        _ => term.line.clone(),
    };
    if term.coefficient == 1 { operand } else { format!("{}*{operand}", term.coefficient) }
}
