//! The mapping: which column of a table is which line of a form. docs/PROTOCOLS.md is the manual.

use super::encoding::Encoding;
use crate::document::{At, Document, Item, Problems, Section};
use std::ops::Range;
use tamga_ledger::kinds::Form;

/// Most columns of a table.
pub const COLUMNS_MAX: usize = 4_096;
/// Most rows above the figures.
pub const HEADER_ROWS_MAX: u64 = 100;

/// A column by place or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnRef {
    /// Place, from 1.
    Number(usize),
    /// The text of its header cell; `*` stands for any text.
    Header(String),
}

/// A reference and where the mapping file has it, as `line:column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) column: ColumnRef,
    pub(super) span: Range<usize>,
}

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separator(pub u8);

/// What an empty cell of a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyCells {
    /// A fault of the row.
    Malformed,
    /// Zero: where tables of many constituencies have more columns than a constituency has candidates.
    Zero,
}

/// The columns of candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Candidates {
    /// One after the other.
    Listed(Vec<Named>),
    /// From one to another, both included; to the last one if none is named.
    Range { from: Named, to: Option<Named> },
    /// All whose header fits.
    Matching(Named),
}

/// Rows that are no protocols: sums, sub-headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skip {
    pub(super) column: Named,
    /// Texts, `*` for any.
    pub(super) equals: Vec<String>,
}

/// Names of the columns that say whose protocol a row is.
pub(super) const IDENTITY: [&str; 4] = ["region", "constituency", "commission", "precinct"];

/// What a mapping file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Name and text of the file, for problems that only show beside a table.
    pub(super) file: (String, String),
    pub(super) encoding: Encoding,
    pub(super) separator: Separator,
    pub(super) quote: Option<u8>,
    pub(super) header_rows: u64,
    pub(super) names_row: u64,
    pub(super) thousands: Vec<char>,
    /// As [`IDENTITY`].
    pub(super) identity: [Option<Named>; 4],
    /// Which of them are unique together.
    pub(super) unique: [bool; 4],
    /// By line of the form; none if absent.
    pub(super) lines: Vec<Option<Named>>,
    pub(super) candidates: Option<Candidates>,
    pub(super) empty: EmptyCells,
    pub(super) against_all: Option<Named>,
    pub(super) invalid: Option<Named>,
    pub(super) skip: Vec<Skip>,
}

impl Mapping {
    /// Reads a mapping for a form; `name` is how problems call the file.
    ///
    /// # Errors
    /// [`Problems`]: every fault by line and column, lines that the form does not have among them.
    pub fn parse(name: &str, text: &str, form: &Form) -> Result<Self, Problems> {
        let read = |file: &Section<'_, '_>| Self::read(name, text, file, form);
        let (mapping, problems) = Document::new(name, text).read(read);
        if problems.is_empty() { Ok(mapping) } else { Err(problems.sorted()) }
    }

    fn read(name: &str, text: &str, file: &Section<'_, '_>, form: &Form) -> Self {
        let mut mapping = Self {
            file: (name.to_owned(), text.to_owned()),
            encoding: Encoding::Utf8,
            separator: Separator(b','),
            quote: Some(b'"'),
            header_rows: 1,
            names_row: 1,
            thousands: Vec::new(),
            identity: [const { None }; 4],
            unique: [false; 4],
            lines: Vec::new(),
            candidates: None,
            empty: EmptyCells::Malformed,
            against_all: None,
            invalid: None,
            skip: Vec::new(),
        };
        if let Some(section) = file.section_due("file") {
            mapping.read_file(&section);
        }
        if let Some(section) = file.section_due("identify") {
            mapping.read_identity(&section);
        }
        if let Some(section) = file.section_due("lines") {
            mapping.read_lines(file, &section, form);
        }
        if let Some(section) = file.section("votes") {
            mapping.read_votes(&section);
        }
        for section in file.sections("skip") {
            mapping.read_skip(&section);
        }
        mapping
    }

    fn read_file(&mut self, file: &Section<'_, '_>) {
        let encodings = [("utf-8", Encoding::Utf8), ("windows-1251", Encoding::Windows1251)];
        if let Some(encoding) = file.word_due("encoding", &encodings) {
            self.encoding = encoding.value;
        }
        let separators = [(",", b','), (";", b';'), ("|", b'|'), ("\t", b'\t'), ("tab", b'\t')];
        if let Some(separator) = file.word_due("separator", &separators) {
            self.separator = Separator(separator.value);
        }
        if let Some(quote) = file.word("quote", &[("\"", Some(b'"')), ("'", Some(b'\'')), ("none", None)]) {
            self.quote = quote.value;
        }
        if let Some(rows) = file.number("header_rows", 0..=HEADER_ROWS_MAX) {
            self.header_rows = rows.value;
        }
        self.names_row = self.header_rows;
        if let Some(row) = file.number("names_row", 1..=HEADER_ROWS_MAX) {
            self.names_row = row.value;
            if row.value > self.header_rows {
                file.problem(&row.span, format!("names_row lies below the {} header rows", self.header_rows));
            }
        }
        if let Some(thousands) = file.text("thousands") {
            if thousands.value.chars().any(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
                file.problem(
                    &thousands.span,
                    "thousands are letters that may stand inside a figure, for example a blank",
                );
            }
            self.thousands = thousands.value.chars().collect();
        }
        file.finish();
    }

    fn read_identity(&mut self, identify: &Section<'_, '_>) {
        for (place, key) in IDENTITY.iter().enumerate() {
            self.identity[place] = self.column(identify, key);
            self.unique[place] = self.identity[place].is_some();
        }
        if !identify.has("precinct") {
            identify.problem(&identify.span(), "precinct is missing: which column names the polling station?");
        }
        if identify.has("unique") {
            self.unique = [false; 4];
        }
        for name in identify.texts("unique") {
            match IDENTITY.iter().position(|key| *key == name.value) {
                Some(place) if self.identity[place].is_some() => self.unique[place] = true,
                Some(_) => identify.problem(&name.span, format!("{} is mapped to no column above", name.value)),
                None => identify.problem(&name.span, format!("{:?} is none of {}", name.value, IDENTITY.join(", "))),
            }
        }
        identify.finish();
    }

    fn read_lines(&mut self, file: &Section<'_, '_>, lines: &Section<'_, '_>, form: &Form) {
        let absent = file.texts("absent");
        for line in &form.lines {
            let column = self.column(lines, &line.code);
            let is_absent = absent.iter().any(|code| code.value == line.code);
            if !lines.has(&line.code) && !is_absent {
                let what = format!(
                    "line {} of the form ({}) has no column: map it here, or list it in `absent` above if the table does \
                     not have it",
                    line.code, line.title.ru
                );
                lines.problem(&lines.span(), what);
            }
            if lines.has(&line.code) && is_absent {
                lines.problem(&lines.span(), format!("line {} is mapped and listed in `absent`", line.code));
            }
            self.lines.push(column);
        }
        let known = |code: &str| form.lines.iter().any(|line| line.code == code);
        let unknown = |code: &str| format!("form {} version {} has no line {code}", form.code, form.version);
        for key in lines.keys().into_iter().chain(absent).filter(|key| !known(&key.value)) {
            lines.problem(&key.span, unknown(&key.value));
        }
    }

    fn read_votes(&mut self, votes: &Section<'_, '_>) {
        self.against_all = self.column(votes, "against_all");
        self.invalid = self.column(votes, "invalid");
        if let Some(empty) = votes.word("empty", &[("malformed", EmptyCells::Malformed), ("zero", EmptyCells::Zero)]) {
            self.empty = empty.value;
        }
        self.candidates = if votes.is_list("candidates") {
            let items = votes.items("candidates");
            Some(Candidates::Listed(items.into_iter().filter_map(|item| self.named(votes, item)).collect()))
        } else if votes.is_table("candidates") {
            votes.section("candidates").and_then(|range| self.read_range(&range))
        } else {
            let text = votes.item("candidates");
            text.and_then(|item| self.named(votes, item)).map(|column| Candidates::Listed(vec![column]))
        };
        votes.finish();
    }

    fn read_range(&self, range: &Section<'_, '_>) -> Option<Candidates> {
        let (from, to, matching) =
            (self.column(range, "from"), self.column(range, "to"), self.column(range, "matching"));
        range.finish();
        match (from, matching) {
            (Some(from), None) => Some(Candidates::Range { from, to }),
            (None, Some(matching)) if to.is_none() => Some(Candidates::Matching(matching)),
            _ => {
                range.problem(&range.span(), "candidates are { from = …, to = … }, { matching = \"…*\" } or a list");
                None
            }
        }
    }

    fn read_skip(&mut self, skip: &Section<'_, '_>) {
        let column = self.column(skip, "column");
        if column.is_none() && !skip.has("column") {
            skip.problem(&skip.span(), "column is missing");
        }
        let equals: Vec<String> = skip.texts("equals").into_iter().map(|text| text.value).collect();
        if equals.is_empty() {
            skip.problem(
                &skip.span(),
                "equals is missing: the texts by which such rows are known, \"*\" for any letters",
            );
        }
        skip.finish();
        self.skip.extend(column.map(|column| Skip { column, equals }));
    }

    fn column(&self, section: &Section<'_, '_>, key: &str) -> Option<Named> {
        let item = section.item(key)?;
        self.named(section, item)
    }

    fn named(&self, section: &Section<'_, '_>, item: At<Item>) -> Option<Named> {
        let span = item.span;
        let column = match item.value {
            Item::Number(number) => match usize::try_from(number) {
                Ok(number @ 1..=COLUMNS_MAX) => ColumnRef::Number(number),
                _ => {
                    section.problem(&span, format!("columns are numbered 1 to {COLUMNS_MAX}"));
                    return None;
                }
            },
            Item::Text(text) if text.trim().is_empty() => {
                section.problem(&span, "a column's name cannot be empty");
                return None;
            }
            Item::Text(_) if self.header_rows == 0 => {
                section.problem(&span, "without header rows columns have numbers, no names");
                return None;
            }
            Item::Text(text) => ColumnRef::Header(text.trim().to_owned()),
        };
        Some(Named { column, span })
    }
}
