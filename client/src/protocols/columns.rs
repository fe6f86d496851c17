//! A mapping applied to a table: the place of every column, from 0.

use super::mapping::{Candidates, ColumnRef, Mapping, Named};
use crate::document::{Document, Problems};
use std::collections::BTreeSet;
use tamga_ledger::forms::Operand;
use tamga_ledger::kinds::Form;

/// Where everything stands in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// How many cells each row has.
    pub(super) width: usize,
    /// Names of the columns; empty texts without a header.
    pub(super) names: Vec<String>,
    pub(super) identity: [Option<usize>; 4],
    /// By line of the form.
    pub(super) lines: Vec<Option<usize>>,
    pub(super) candidates: Option<Vec<usize>>,
    pub(super) against_all: Option<usize>,
    pub(super) invalid: Option<usize>,
    /// Columns and texts.
    pub(super) skip: Vec<(usize, Vec<String>)>,
}

impl Columns {
    /// Finds all columns in a header, or in the width of the first row where there is no header.
    pub(super) fn resolve(mapping: &Mapping, names: Vec<String>) -> Result<Self, Problems> {
        let (name, text) = &mapping.file;
        let finder = Finder { document: Document::new(name, text), names: &names };
        let columns = finder.columns(mapping);
        let problems = finder.document.into_problems();
        if problems.is_empty() { Ok(Self { names, ..columns }) } else { Err(problems.sorted()) }
    }

    /// How a column is called in messages.
    pub(super) fn name(&self, place: usize) -> String {
        match self.names.get(place) {
            Some(name) if !name.is_empty() => format!("{} ({})", place + 1, shortened(name)),
            _ => (place + 1).to_string(),
        }
    }

    /// Columns that nothing refers to.
    pub(super) fn unused(&self) -> Vec<String> {
        let mut used: BTreeSet<usize> = self.identity.iter().chain(&self.lines).flatten().copied().collect();
        used.extend(self.candidates.iter().flatten().copied());
        used.extend(self.against_all.iter().chain(&self.invalid).copied());
        used.extend(self.skip.iter().map(|(column, _)| *column));
        (0..self.width).filter(|place| !used.contains(place)).map(|place| self.name(place)).collect()
    }

    /// Why an operand of the form has no figure in this table; none if it has one.
    pub(super) fn lacks(&self, form: &Form, operand: Operand<'_>) -> Option<String> {
        let lacking = |there: bool, what: &str| (!there).then(|| what.to_owned());
        match operand {
            Operand::Line(code) => {
                let place = form.lines.iter().position(|line| line.code == code);
                let column = place.and_then(|place| self.lines.get(place).copied().flatten());
                lacking(column.is_some(), &format!("line {code} is absent"))
            }
            Operand::Valid | Operand::Candidates => {
                lacking(self.candidates.is_some(), "votes.candidates is not mapped")
            }
            Operand::AgainstAll => lacking(self.against_all.is_some(), "votes.against_all is not mapped"),
            Operand::Invalid => lacking(self.invalid.is_some(), "votes.invalid is not mapped"),
        }
    }
}

fn shortened(name: &str) -> String {
    const LETTERS: usize = 40;
    if name.chars().count() <= LETTERS { name.to_owned() } else { name.chars().take(LETTERS).chain(['…']).collect() }
}

struct Finder<'a> {
    /// The mapping's text, to say where a reference stands.
    document: Document<'a>,
    names: &'a [String],
}

impl Finder<'_> {
    fn columns(&self, mapping: &Mapping) -> Columns {
        let one = |named: &Option<Named>| named.as_ref().and_then(|named| self.find(named));
        let columns = Columns {
            width: self.names.len(),
            names: Vec::new(),
            identity: [0, 1, 2, 3].map(|place| one(&mapping.identity[place])),
            lines: mapping.lines.iter().map(one).collect(),
            candidates: mapping.candidates.as_ref().map(|candidates| self.candidates(candidates)),
            against_all: one(&mapping.against_all),
            invalid: one(&mapping.invalid),
            skip: mapping
                .skip
                .iter()
                .filter_map(|skip| Some((self.find(&skip.column)?, skip.equals.clone())))
                .collect(),
        };
        self.check_twice(mapping, &columns);
        columns
    }

    /// A figure that counts twice makes sums that nobody meant.
    fn check_twice(&self, mapping: &Mapping, columns: &Columns) {
        let mut seen = BTreeSet::new();
        let lines =
            columns.lines.iter().zip(&mapping.lines).filter_map(|(place, named)| Some(((*place)?, named.as_ref()?)));
        for (place, named) in lines {
            if !seen.insert(place) {
                self.document.problem(&named.span, format!("column {} is mapped to two lines", place + 1));
            }
        }
        let candidates = columns.candidates.iter().flatten().chain(&columns.against_all);
        for place in candidates.filter(|place| !seen.insert(**place)) {
            let what = format!("column {} is mapped twice among lines, candidates and against all", place + 1);
            self.document.problem(&(0..0), what);
        }
    }

    fn candidates(&self, candidates: &Candidates) -> Vec<usize> {
        match candidates {
            Candidates::Listed(list) => list.iter().filter_map(|named| self.find(named)).collect(),
            Candidates::Range { from, to } => {
                let last = to.as_ref().map_or(self.names.len().checked_sub(1), |to| self.find(to));
                let (Some(first), Some(last)) = (self.find(from), last) else { return Vec::new() };
                if first > last {
                    self.document.problem(&from.span, format!("column {} lies behind column {}", first + 1, last + 1));
                }
                (first..=last).collect()
            }
            Candidates::Matching(named) => {
                let ColumnRef::Header(pattern) = &named.column else {
                    self.document.problem(&named.span, "matching is a text with *");
                    return Vec::new();
                };
                let found = self.matching(pattern);
                if found.is_empty() {
                    self.document.problem(&named.span, format!("no column of the table is called {pattern:?}"));
                }
                found
            }
        }
    }

    fn matching(&self, pattern: &str) -> Vec<usize> {
        let pattern = plain(pattern);
        self.names.iter().enumerate().filter(|(_, name)| fits(&pattern, name)).map(|(place, _)| place).collect()
    }

    fn find(&self, named: &Named) -> Option<usize> {
        match &named.column {
            ColumnRef::Number(number) if *number <= self.names.len() => Some(number - 1),
            ColumnRef::Number(number) => {
                let what = format!("there is no column {number}: the table has {}", self.names.len());
                self.document.problem(&named.span, what);
                None
            }
            ColumnRef::Header(pattern) => match self.matching(pattern)[..] {
                [place] => Some(place),
                [] => {
                    self.document.problem(&named.span, format!("no column of the table is called {pattern:?}"));
                    None
                }
                [first, second, ..] => {
                    let what =
                        format!("columns {} and {} are both called {pattern:?}: use a number", first + 1, second + 1);
                    self.document.problem(&named.span, what);
                    None
                }
            },
        }
    }
}

/// A text with single blanks: header cells have line breaks, narrow blanks and more.
pub(super) fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `text` fits `pattern`, in which `*` stands for any letters, also none. Time is linear in both for each `*`.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(at) = str::find(rest, middle) else { return false };
            rest = rest.get(at + middle.len()..).unwrap_or_default();
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => rest.ends_with(last),
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, text, fit) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*b", "ab", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*b", "ab", false),
            ("*", "", true),
            ("Кандидат*", "Кандидат Иванов", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }
}
