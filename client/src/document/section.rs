//! Tables and values that know where they stand.

use super::problem::{Problem, Problems, Where};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use tamga_ledger::kinds::Title;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::{Date, Datetime, Offset, Time};

/// Most bytes of one file.
pub const DOCUMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A TOML file while it is read.
#[derive(Debug)]
pub struct Document<'t> {
    name: &'t str,
    text: &'t str,
    /// Byte at which each line starts.
    lines: Vec<usize>,
    problems: RefCell<Problems>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

impl<'t> Document<'t> {
    /// Starts reading; `name` is how problems call the file.
    #[must_use]
    pub fn new(name: &'t str, text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { name, text, lines: [0].into_iter().chain(starts).collect(), problems: RefCell::default() }
    }

    /// Reads the whole file with `read`; what was wrong meanwhile is in the second value.
    pub fn read<T>(self, read: impl FnOnce(&Section<'_, '_>) -> T) -> (T, Problems) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.problem(&error.span().unwrap_or_default(), error.message());
        }
        let root = Section::new(&self, table.get_ref(), 0..0, String::new());
        let read = read(&root);
        root.finish();
        drop(root);
        (read, self.into_problems())
    }

    /// Line and column of a byte, both from 1.
    fn place(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..byte.max(start)).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// What was noted.
    #[must_use]
    pub fn into_problems(self) -> Problems {
        self.problems.into_inner()
    }

    /// Notes a problem at a place of this file.
    pub fn problem(&self, span: &Range<usize>, what: impl Into<String>) {
        let (line, column) = self.place(span.start);
        let file = self.name.to_owned();
        self.problems.borrow_mut().add(Problem { file, line, column, what: what.into() });
    }
}

/// A table of the file.
#[derive(Debug)]
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    table: &'d DeTable<'d>,
    span: Range<usize>,
    /// How problems call it; empty for the file itself.
    path: String,
    taken: RefCell<Vec<String>>,
}

/// A text or a number: some values may be given as either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

impl<'d, 't> Section<'d, 't> {
    fn new(document: &'d Document<'t>, table: &'d DeTable<'d>, span: Range<usize>, path: String) -> Self {
        Self { document, table, span, path, taken: RefCell::default() }
    }

    /// Where the section begins.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes a problem at a place of this file.
    pub fn problem(&self, span: &Range<usize>, what: impl Into<String>) {
        self.document.problem(span, what);
    }

    /// A place of this file, to note problems later.
    #[must_use]
    pub fn at(&self, span: &Range<usize>) -> Where {
        let (line, column) = self.document.place(span.start);
        Where { file: self.document.name.to_owned(), line, column }
    }

    /// Notes a problem inside a text value: `character` is counted from 0 behind the opening quotation mark.
    pub fn problem_inside(&self, span: &Range<usize>, character: usize, what: impl Into<String>) {
        let inside = self.document.text.get(span.clone()).unwrap_or_default();
        // Only a plain one-line text has its characters where they are counted.
        let plain = inside.starts_with(['"', '\'']) && !inside.starts_with("\"\"\"") && !inside.contains('\\');
        let skipped = inside.char_indices().nth(character + 1).map_or(0, |(at, _)| at);
        let at = span.start + if plain { skipped } else { 0 };
        self.problem(&(at..at), what);
    }

    fn named(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn take(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.taken.borrow_mut().push(key.to_owned());
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn due<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.problem(&self.span, format!("{} is missing", self.named(key)));
        }
        value
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = value.get_ref().type_str();
        self.problem(&value.span(), format!("{} is {expected}, not a value of type {found}", self.named(key)));
    }

    /// Whether the key is there at all.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// All keys in the order of the file, each with its place.
    #[must_use]
    pub fn keys(&self) -> Vec<At<String>> {
        let mut keys: Vec<At<String>> =
            self.table.iter().map(|(name, _)| At { value: name.get_ref().to_string(), span: name.span() }).collect();
        keys.sort_by_key(|key| key.span.start);
        keys
    }

    /// A text, if it is there.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<At<String>> {
        let value = self.take(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(At { value: text.to_owned(), span: value.span() }),
            None => {
                self.wrong(key, value, "a text in quotation marks");
                None
            }
        }
    }

    /// A text that has to be there.
    #[must_use]
    pub fn text_due(&self, key: &str) -> Option<At<String>> {
        let text = self.due(key, self.text(key))?;
        if text.value.trim().is_empty() {
            self.problem(&text.span, format!("{} is empty", self.named(key)));
            return None;
        }
        Some(text)
    }

    /// A number in `range`, if it is there.
    #[must_use]
    pub fn number(&self, key: &str, range: RangeInclusive<u64>) -> Option<At<u64>> {
        let value = self.take(key)?;
        let Some(number) = value.get_ref().as_integer() else {
            self.wrong(key, value, "a whole number");
            return None;
        };
        match u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| range.contains(number)) {
            Some(number) => Some(At { value: number, span: value.span() }),
            None => {
                let what = format!("{} is {number}; it can be {} to {}", self.named(key), range.start(), range.end());
                self.problem(&value.span(), what);
                None
            }
        }
    }

    /// A number that has to be there.
    #[must_use]
    pub fn number_due(&self, key: &str, range: RangeInclusive<u64>) -> Option<At<u64>> {
        self.due(key, self.number(key, range))
    }

    /// `true` or `false`, if it is there.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<At<bool>> {
        let value = self.take(key)?;
        match value.get_ref().as_bool() {
            Some(flag) => Some(At { value: flag, span: value.span() }),
            None => {
                self.wrong(key, value, "true or false");
                None
            }
        }
    }

    fn datetime(&self, key: &str, expected: &str) -> Option<At<Datetime>> {
        let value = self.take(key)?;
        match value.get_ref().as_datetime() {
            Some(datetime) => Some(At { value: *datetime, span: value.span() }),
            None => {
                self.wrong(key, value, expected);
                None
            }
        }
    }

    /// A date like `2025-11-30`, if it is there.
    #[must_use]
    pub fn date(&self, key: &str) -> Option<At<Date>> {
        const EXPECTED: &str = "a date like 2025-11-30, without quotation marks";
        let found = self.datetime(key, EXPECTED)?;
        match found.value {
            Datetime { date: Some(date), time: None, offset: None } => Some(At { value: date, span: found.span }),
            _ => {
                self.problem(&found.span, format!("{} is {EXPECTED}", self.named(key)));
                None
            }
        }
    }

    /// Date, time of day and minutes east of Greenwich of an instant like `2025-12-01T10:00:00+06:00`, if it is there.
    #[must_use]
    pub fn instant(&self, key: &str) -> Option<At<(Date, Time, i64)>> {
        const EXPECTED: &str = "an instant like 2025-12-01T10:00:00+06:00, without quotation marks";
        let found = self.datetime(key, EXPECTED)?;
        let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = found.value else {
            self.problem(&found.span, format!("{} is {EXPECTED}", self.named(key)));
            return None;
        };
        let minutes = match offset {
            Offset::Z => 0,
            Offset::Custom { minutes } => i64::from(minutes),
        };
        Some(At { value: (date, time, minutes), span: found.span })
    }

    /// One of some words, if it is there.
    #[must_use]
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
        let text = self.text(key)?;
        match words.iter().find(|(word, _)| *word == text.value) {
            Some((_, value)) => Some(At { value: *value, span: text.span }),
            None => {
                let known = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(", ");
                self.problem(&text.span, format!("{} is {:?}; it can be {known}", self.named(key), text.value));
                None
            }
        }
    }

    /// One of some words, which has to be there.
    #[must_use]
    pub fn word_due<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
        self.due(key, self.word(key, words))
    }

    /// A text or a number, if it is there.
    #[must_use]
    pub fn item(&self, key: &str) -> Option<At<Item>> {
        let value = self.take(key)?;
        let item = item_of(value);
        if item.is_none() {
            self.wrong(key, value, "a text or a whole number");
        }
        item
    }

    /// Whether the value of this key is a list.
    #[must_use]
    pub fn is_list(&self, key: &str) -> bool {
        self.table.iter().any(|(name, value)| name.get_ref() == key && value.get_ref().is_array())
    }

    /// Whether the value of this key is a table.
    #[must_use]
    pub fn is_table(&self, key: &str) -> bool {
        self.table.iter().any(|(name, value)| name.get_ref() == key && value.get_ref().is_table())
    }

    /// A list of texts and numbers; empty if it is not there.
    #[must_use]
    pub fn items(&self, key: &str) -> Vec<At<Item>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list in square brackets");
            return Vec::new();
        };
        let read = list.iter().map(|value| {
            item_of(value).or_else(|| {
                self.wrong(key, value, "a list of texts or whole numbers");
                None
            })
        });
        read.flatten().collect()
    }

    /// A list of texts; empty if it is not there.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<At<String>> {
        let texts = self.items(key).into_iter().map(|item| match item.value {
            Item::Text(value) => Some(At { value, span: item.span }),
            Item::Number(number) => {
                self.problem(&item.span, format!("{}: write {number} in quotation marks", self.named(key)));
                None
            }
        });
        texts.flatten().collect()
    }

    /// A table, if it is there.
    #[must_use]
    pub fn section(&self, key: &str) -> Option<Self> {
        let value = self.take(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Self::new(self.document, table, value.span(), self.named(key))),
            None => {
                self.wrong(key, value, "a table");
                None
            }
        }
    }

    /// A table that has to be there.
    #[must_use]
    pub fn section_due(&self, key: &str) -> Option<Self> {
        self.due(key, self.section(key))
    }

    /// The tables under `[[key]]`; empty if there is none.
    #[must_use]
    pub fn sections(&self, key: &str) -> Vec<Self> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list of tables: write [[…]]");
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(list.len());
        for (value, place) in list.iter().zip(1..) {
            match value.get_ref().as_table() {
                Some(table) => {
                    let path = format!("{}[{place}]", self.named(key));
                    sections.push(Self::new(self.document, table, value.span(), path));
                }
                None => self.wrong(key, value, "a list of tables: write [[…]]"),
            }
        }
        sections
    }

    /// A title in three languages, which has to be there; at most `bytes_max` bytes each.
    #[must_use]
    pub fn title_due(&self, key: &str, bytes_max: usize) -> Option<Title> {
        let section = self.section_due(key)?;
        let text = |key: &str| {
            let text = section.text_due(key)?;
            if text.value.len() > bytes_max {
                section.problem(&text.span, format!("longer than {bytes_max} bytes"));
            }
            Some(text.value)
        };
        let (ky, ru, en) = (text("ky"), text("ru"), text("en"));
        section.finish();
        Some(Title { ky: ky?, ru: ru?, en: en? })
    }

    /// Notes every key that nobody asked for.
    pub fn finish(&self) {
        let taken = self.taken.borrow();
        for key in self.keys() {
            if !taken.contains(&key.value) {
                let mut known: Vec<&str> = taken.iter().map(String::as_str).collect();
                known.sort_unstable();
                known.dedup();
                let what = format!("{} is unknown here; known are {}", self.named(&key.value), known.join(", "));
                self.problem(&key.span, what);
            }
        }
    }
}

fn item_of(value: &Spanned<DeValue<'_>>) -> Option<At<Item>> {
    let item = match value.get_ref() {
        DeValue::String(text) => Item::Text(text.to_string()),
        DeValue::Integer(number) => Item::Number(u64::from_str_radix(number.as_str(), number.radix()).ok()?),
        _ => return None,
    };
    Some(At { value: item, span: value.span() })
}
