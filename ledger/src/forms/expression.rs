//! A relation from its text.
//!
//! ```text
//! relation   = side ( "=" | ">=" | "<=" ) side
//! side       = "0" | [ "-" ] term { ( "+" | "-" ) term }
//! term       = [ coefficient "*" ] operand                 coefficient 1 to 1,000,000
//! operand    = "L" code | "@valid" | "@invalid" | "@candidates" | "@against_all"
//! code       = 1 to 16 bytes of Latin and Cyrillic letters, digits, full stops
//! ```
//! Blanks mean nothing. What is subtracted is moved to the other side, so that everything stays a sum of what is not
//! negative: `L2 = L6 - L12` is the relation `L2 + L12 = L6`.

use super::evaluate::Comparator;
use super::operand::{CODE_BYTES_MAX, Operand, in_code, is_code};
use crate::kinds::{Relation, Term};

/// Most bytes of a relation's text.
pub const RELATION_TEXT_BYTES_MAX: usize = 2_048;
/// Most terms of a relation, both sides together.
pub const RELATION_TERMS_MAX: usize = 128;
/// Largest coefficient.
const COEFFICIENT_MAX: u32 = 1_000_000;

/// What is wrong with a relation's text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {}: {what}", .at + 1)]
pub struct ExpressionError {
    /// Place in the text, in characters from 0.
    pub at: usize,
    /// What is wrong, for people.
    pub what: String,
}

/// Sides and comparator of a relation, each term positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRelation {
    /// Left side.
    pub left: Vec<Term>,
    /// How they compare.
    pub comparator: Comparator,
    /// Right side.
    pub right: Vec<Term>,
}

impl ParsedRelation {
    /// The relation of a form.
    #[must_use]
    pub fn into_relation(self, hard: bool) -> Relation {
        Relation { left: self.left, comparator: self.comparator as u8, right: self.right, hard: u8::from(hard) }
    }

    /// The lines it names, by code.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.left.iter().chain(&self.right).filter_map(|term| match Operand::of(&term.line) {
            Some(Operand::Line(code)) => Some(code),
            _ => None,
        })
    }
}

/// Reads a relation.
///
/// # Errors
/// [`ExpressionError`] with the place of the first fault.
pub fn parse_relation(text: &str) -> Result<ParsedRelation, ExpressionError> {
    if text.len() > RELATION_TEXT_BYTES_MAX {
        return Err(ExpressionError { at: 0, what: format!("longer than {RELATION_TEXT_BYTES_MAX} bytes") });
    }
    let letters: Vec<char> = text.chars().collect();
    let mut parser = Parser { letters: &letters, at: 0, terms: 0 };
    let (mut left, moved_right) = parser.side()?;
    let comparator = parser.comparator()?;
    let (mut right, moved_left) = parser.side()?;
    if parser.peek().is_some() {
        return parser.fault("expected +, - or the end: a relation has one comparator");
    }
    left.extend(moved_left);
    right.extend(moved_right);
    if left.is_empty() && right.is_empty() {
        return Err(ExpressionError { at: 0, what: "names no line".to_owned() });
    }
    Ok(ParsedRelation { left, comparator, right })
}

struct Parser<'a> {
    letters: &'a [char],
    at: usize,
    terms: usize,
}

type Parsed<T> = Result<T, ExpressionError>;

impl Parser<'_> {
    fn fault<T>(&self, what: impl Into<String>) -> Parsed<T> {
        Err(ExpressionError { at: self.at, what: what.into() })
    }

    /// The next letter that is no blank.
    fn peek(&mut self) -> Option<char> {
        while matches!(self.letters.get(self.at), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
        self.letters.get(self.at).copied()
    }

    fn take(&mut self, letter: char) -> bool {
        let found = self.peek() == Some(letter);
        self.at += usize::from(found);
        found
    }

    /// Letters from here for as long as they are `wanted`.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = self.letters.get(self.at..).unwrap_or_default();
        let word: String = rest.iter().copied().take_while(|letter| wanted(*letter)).collect();
        self.at += word.chars().count();
        word
    }

    /// What is added, and what is subtracted.
    fn side(&mut self) -> Parsed<(Vec<Term>, Vec<Term>)> {
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        if self.zero() {
            return Ok((plus, minus));
        }
        let mut subtracted = self.take('-');
        loop {
            let term = self.term()?;
            if subtracted {
                minus.push(term)
            } else {
                plus.push(term)
            }
            if self.take('+') {
                subtracted = false;
            } else if self.take('-') {
                subtracted = true;
            } else {
                return Ok((plus, minus));
            }
        }
    }

    /// A side that is nothing but `0`.
    fn zero(&mut self) -> bool {
        if self.peek() != Some('0') {
            return false;
        }
        let start = self.at;
        let word = self.take_while(|letter| letter.is_ascii_digit());
        let alone = word == "0" && matches!(self.peek(), None | Some('=' | '<' | '>'));
        if !alone {
            self.at = start;
        }
        alone
    }

    fn term(&mut self) -> Parsed<Term> {
        self.terms += 1;
        if self.terms > RELATION_TERMS_MAX {
            return self.fault(format!("more than {RELATION_TERMS_MAX} terms"));
        }
        let coefficient = match self.peek() {
            Some('0'..='9') => self.coefficient()?,
            _ => 1,
        };
        let line = self.operand()?;
        Ok(Term { coefficient, line })
    }

    fn coefficient(&mut self) -> Parsed<u32> {
        let start = self.at;
        let digits = self.take_while(|letter| letter.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| (1..=COEFFICIENT_MAX).contains(number));
        let Some(number) = number else {
            self.at = start;
            return self.fault(format!("a coefficient is 1 to {COEFFICIENT_MAX}"));
        };
        if !self.take('*') {
            self.at = start;
            return self.fault(format!(
                "{digits} alone is no line: write L{digits} for the line, or {digits}*L… for a multiple"
            ));
        }
        Ok(number)
    }

    fn operand(&mut self) -> Parsed<String> {
        match self.peek() {
            Some('L') => {
                self.at += 1;
                let start = self.at;
                let code = self.take_while(in_code);
                if is_code(&code) {
                    return Ok(code);
                }
                self.at = start;
                self.fault(format!("after L comes a line's code of 1 to {CODE_BYTES_MAX} bytes, for example L7"))
            }
            Some('@') => {
                let start = self.at;
                self.at += 1;
                let word = format!("@{}", self.take_while(|letter| letter.is_ascii_lowercase() || letter == '_'));
                if Operand::of(&word).is_some() {
                    return Ok(word);
                }
                self.at = start;
                self.fault(format!("{word} is unknown: there are @valid, @invalid, @candidates, @against_all"))
            }
            Some(other) => self.fault(format!("{other:?} where a line (L7) or a sum (@candidates) is due")),
            None => self.fault("ends where a line (L7) or a sum (@candidates) is due"),
        }
    }

    fn comparator(&mut self) -> Parsed<Comparator> {
        let found = match self.peek() {
            Some('=') => Comparator::Equal,
            Some(sign @ ('<' | '>')) => {
                self.at += 1;
                if self.letters.get(self.at) != Some(&'=') {
                    return self.fault(format!("{sign} alone is not possible: write {sign}="));
                }
                if sign == '<' { Comparator::AtMost } else { Comparator::AtLeast }
            }
            Some(other) => return self.fault(format!("{other:?} where +, -, =, >= or <= is due")),
            None => return self.fault("ends before =, >= or <="),
        };
        self.at += 1;
        Ok(found)
    }
}
