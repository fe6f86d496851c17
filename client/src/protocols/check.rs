//! The whole table: each row's cells become figures, each relation is tested in each row whose figures could be read.

use super::columns::{Columns, plain};
use super::encoding::Encoding;
use super::finding::{Broken, Finding, Place, RelationReport, Report, RowFault};
use super::malformed::Malformed;
use super::mapping::{EmptyCells, Mapping};
use super::rows::{ROW_BYTES_MAX, Row, Rows};
use crate::document::Problems;
use crate::election::FormFile;
use std::collections::HashMap;
use std::io::{self, Read};
use tamga_ledger::forms::{Operand, holds, sides};

/// Most protocols in one table: a duplicate is found by 24 bytes kept of each.
const ROWS_MAX: u64 = 50_000_000;
/// Faults told of one row.
const ROW_FAULTS_MAX: usize = 16;
/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 1_024;

/// Why a table could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// It cannot be read.
    #[error("the table cannot be read after line {line}: {error}")]
    Read {
        /// The last line read.
        line: u64,
        /// Cause.
        error: io::Error,
    },
    /// A finding cannot be written.
    #[error("findings cannot be written: {0}")]
    Write(io::Error),
    /// Columns that the mapping names and the table does not have.
    #[error(transparent)]
    Columns(Problems),
    /// Something that makes all rows unreadable.
    #[error("{0}")]
    Table(String),
}

/// Checks a table. Each finding goes to `sink` in the order of the file; `progress` gets bytes read and rows.
///
/// # Errors
/// [`CheckError`]; findings so far have gone to the sink.
pub fn check(
    table: impl Read,
    form: &FormFile,
    mapping: &Mapping,
    mut sink: impl FnMut(Finding) -> io::Result<()>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, CheckError> {
    let mut rows = Rows::new(table, mapping);
    let mut line = 0;
    let failed = |line: u64| move |error| CheckError::Read { line, error };
    let head = rows.head().map_err(failed(0))?;
    let mark = recognise(head, mapping.encoding)?;
    rows.skip(mark);
    let mut names = None;
    for number in 1..=mapping.header_rows {
        let row = rows.next().map_err(failed(line))?;
        let Some(row) = row else { return Err(CheckError::Table("the table ends inside its header".to_owned())) };
        line = row.line;
        if number == mapping.names_row {
            names = Some(header(&row, mapping.encoding)?);
        }
    }
    let mut checker: Option<Checker<'_>> = None;
    if let Some(names) = names {
        checker = Some(Checker::new(form, mapping, names)?);
    }
    loop {
        let read_bytes = rows.read_bytes;
        let Some(row) = rows.next().map_err(failed(line))? else { break };
        line = row.line;
        let current = match checker.as_mut() {
            Some(checker) => checker,
            // Without a header the first row says how many columns there are.
            None => checker.insert(Checker::new(form, mapping, vec![String::new(); row.width()])?),
        };
        current.row(&row, &mut sink).map_err(CheckError::Write)?;
        let done = current.report.rows + current.report.skipped;
        if done > ROWS_MAX {
            return Err(CheckError::Table(format!("the table has more than {ROWS_MAX} rows: cut it")));
        }
        if done % PROGRESS_ROWS == 0 {
            progress(read_bytes, done);
        }
    }
    let checker = checker.ok_or_else(|| CheckError::Table("the table is empty".to_owned()))?;
    progress(rows.read_bytes, checker.report.rows + checker.report.skipped);
    Ok(checker.report)
}

/// How many bytes of the file's start are a mark; refuses what is surely another encoding.
fn recognise(head: &[u8], encoding: Encoding) -> Result<usize, CheckError> {
    let wrong = |what: &str| Err(CheckError::Table(what.to_owned()));
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return wrong("the file is UTF-16: save it as UTF-8");
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return wrong("the file is a spreadsheet or an archive: save the sheet as CSV");
    }
    match (head.starts_with(&[0xef, 0xbb, 0xbf]), encoding) {
        (true, Encoding::Utf8) => Ok(3),
        (true, Encoding::Windows1251) => wrong(
            "the file begins with the mark of UTF-8, and the mapping says windows-1251: write encoding = \"utf-8\"",
        ),
        (false, _) => Ok(0),
    }
}

fn header(row: &Row<'_>, encoding: Encoding) -> Result<Vec<String>, CheckError> {
    if row.too_long {
        let what =
            format!("line {}: the header is longer than {ROW_BYTES_MAX} bytes: is the separator right?", row.line);
        return Err(CheckError::Table(what));
    }
    if encoding.first_undecodable(row.bytes()).is_some() {
        let hint = match encoding {
            Encoding::Utf8 => "; tables of older Windows programs are \"windows-1251\"",
            Encoding::Windows1251 => "",
        };
        let what = format!("line {}: the header is not {}{hint}", row.line, encoding.name());
        return Err(CheckError::Table(what));
    }
    let cell = |place| plain(&encoding.decode(row.cell(place).unwrap_or_default()));
    Ok((0..row.width()).map(cell).collect())
}

/// What a relation needs, found once.
struct Rule {
    /// Whether all its operands have columns.
    testable: bool,
}

struct Checker<'a> {
    form: &'a FormFile,
    mapping: &'a Mapping,
    columns: Columns,
    rules: Vec<Rule>,
    report: Report,
    /// First 16 bytes of a hash of who a row is of → its line.
    seen: HashMap<[u8; 16], u64>,
    figures: Figures,
}

/// The figures of one row.
#[derive(Default)]
struct Figures {
    lines: Vec<u64>,
    candidates: u64,
    against_all: u64,
    invalid: u64,
}

impl<'a> Checker<'a> {
    fn new(form: &'a FormFile, mapping: &'a Mapping, names: Vec<String>) -> Result<Self, CheckError> {
        let columns = Columns::resolve(mapping, names).map_err(CheckError::Columns)?;
        let mut rules = Vec::new();
        let mut relations = Vec::new();
        for (relation, named) in form.form.relations.iter().zip(&form.relations) {
            let operands = relation.left.iter().chain(&relation.right).filter_map(|term| Operand::of(&term.line));
            let lacks = operands.filter_map(|operand| columns.lacks(&form.form, operand)).next();
            rules.push(Rule { testable: lacks.is_none() });
            relations.push(RelationReport {
                code: named.code.clone(),
                expression: named.expression.clone(),
                hard: named.hard,
                not_tested: lacks,
                tested: 0,
                broken: 0,
            });
        }
        let report = Report { relations, unused_columns: columns.unused(), ..Report::default() };
        Ok(Self { form, mapping, columns, rules, report, seen: HashMap::new(), figures: Figures::default() })
    }

    fn row(&mut self, row: &Row<'_>, sink: &mut impl FnMut(Finding) -> io::Result<()>) -> io::Result<()> {
        if self.is_skipped(row) {
            self.report.skipped += 1;
            return Ok(());
        }
        self.report.rows += 1;
        let faults = self.read(row);
        if faults.is_empty() {
            self.report.accepted += 1;
            return self.relations(row, sink);
        }
        self.report.malformed += 1;
        for fault in faults {
            *self.report.faults.entry(fault.kind.code()).or_default() += 1;
            sink(Finding::Fault(fault))?;
        }
        Ok(())
    }

    fn is_skipped(&self, row: &Row<'_>) -> bool {
        self.columns.skip.iter().any(|(column, equals)| {
            let cell = row.cell(*column).map(|bytes| plain(&self.mapping.encoding.decode(bytes)));
            cell.is_some_and(|cell| equals.iter().any(|pattern| super::columns::fits(pattern, &cell)))
        })
    }

    fn place(&self, row: &Row<'_>) -> Place {
        let [region, constituency, commission, precinct] = self.columns.identity.map(|column| {
            let cell = plain(&self.mapping.encoding.decode(row.cell(column?)?));
            (!cell.is_empty()).then(|| excerpt(&cell))
        });
        Place { line: row.line, region, constituency, commission, precinct }
    }

    fn fault(&self, row: &Row<'_>, column: Option<usize>, what: Malformed) -> RowFault {
        let column = column.map(|column| self.columns.name(column));
        RowFault { place: self.place(row), kind: what.kind(), column, what }
    }

    /// Fills [`Self::figures`], or says why not.
    fn read(&mut self, row: &Row<'_>) -> Vec<RowFault> {
        if let Some(fault) = self.shape(row) {
            return vec![fault];
        }
        let mut faults = Vec::new();
        let mut figures = std::mem::take(&mut self.figures);
        figures.lines.clear();
        let mut read = |column: Option<usize>, empty: EmptyCells| {
            let Some(column) = column else { return 0 };
            match figure(row.cell(column).unwrap_or_default(), self.mapping, empty) {
                Ok(figure) => figure,
                Err(what) => {
                    if faults.len() < ROW_FAULTS_MAX {
                        faults.push(self.fault(row, Some(column), what));
                    }
                    0
                }
            }
        };
        figures.lines.extend(self.columns.lines.iter().map(|column| read(*column, EmptyCells::Malformed)));
        // Cannot overflow: at most 4,096 columns of 32 bits.
        let candidates = self.columns.candidates.iter().flatten();
        figures.candidates = candidates.map(|column| read(Some(*column), self.mapping.empty)).sum();
        figures.against_all = read(self.columns.against_all, EmptyCells::Malformed);
        figures.invalid = read(self.columns.invalid, EmptyCells::Malformed);
        self.figures = figures;
        faults.extend(self.identity(row));
        faults
    }

    /// What keeps the cells of a row from being read at all.
    fn shape(&self, row: &Row<'_>) -> Option<RowFault> {
        if row.too_long {
            return Some(self.fault(row, None, Malformed::TooLong { lines: row.lines }));
        }
        if row.width() != self.columns.width {
            let what = Malformed::Width { cells: row.width(), due: self.columns.width, lines: row.lines };
            return Some(self.fault(row, None, what));
        }
        let at = self
            .mapping
            .encoding
            .first_undecodable(row.bytes())
            .or_else(|| row.bytes().iter().position(|byte| *byte == 0))?;
        let byte = row.bytes().get(at).copied().unwrap_or_default();
        let what = Malformed::Undecodable { byte, encoding: self.mapping.encoding.name() };
        Some(self.fault(row, Some(row.cell_of(at)), what))
    }

    /// A row has to say whose it is, and nobody has two.
    fn identity(&mut self, row: &Row<'_>) -> Option<RowFault> {
        let precinct = self.columns.identity[3];
        let trimmed = |column: Option<usize>| row.cell(column?).map(<[u8]>::trim_ascii);
        if trimmed(precinct).is_none_or(<[u8]>::is_empty) {
            return Some(self.fault(row, precinct, Malformed::NoPrecinct));
        }
        let mut hasher = blake3::Hasher::new();
        for (column, unique) in self.columns.identity.iter().zip(self.mapping.unique) {
            let cell = if unique { trimmed(*column).unwrap_or_default() } else { &[] };
            hasher.update(&(cell.len() as u64).to_be_bytes()).update(cell);
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        match self.seen.entry(key) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(row.line);
                None
            }
            std::collections::hash_map::Entry::Occupied(first) => {
                let what = Malformed::DuplicatePrecinct { first: *first.get() };
                Some(self.fault(row, precinct, what))
            }
        }
    }

    fn relations(&mut self, row: &Row<'_>, sink: &mut impl FnMut(Finding) -> io::Result<()>) -> io::Result<()> {
        let (mut hard, mut soft) = (false, false);
        for (number, relation) in self.form.form.relations.iter().enumerate() {
            if !self.rules.get(number).is_some_and(|rule| rule.testable) {
                continue;
            }
            let figures = sides(relation, |operand| self.figures.of(self.form, operand));
            let Some(figures) = figures else { continue };
            let broken = !holds(relation, figures);
            if let Some(report) = self.report.relations.get_mut(number) {
                report.tested += 1;
                report.broken += u64::from(broken);
                hard |= broken && report.hard;
                soft |= broken && !report.hard;
            }
            if broken {
                let place = self.place(row);
                sink(Finding::Broken(Broken { place, relation: number, left: figures.left, right: figures.right }))?;
            }
        }
        self.report.broken_hard += u64::from(hard);
        self.report.broken_soft_only += u64::from(soft && !hard);
        Ok(())
    }
}

impl Figures {
    fn of(&self, form: &FormFile, operand: Operand<'_>) -> Option<u64> {
        match operand {
            Operand::Line(code) => {
                let place = form.form.lines.iter().position(|line| line.code == code)?;
                self.lines.get(place).copied()
            }
            Operand::Valid => Some(self.candidates + self.against_all),
            Operand::Candidates => Some(self.candidates),
            Operand::AgainstAll => Some(self.against_all),
            Operand::Invalid => Some(self.invalid),
        }
    }
}

/// A cell as a figure: decimal digits, blanks around them, and inside them only what the mapping says may stand there.
fn figure(cell: &[u8], mapping: &Mapping, empty: EmptyCells) -> Result<u64, Malformed> {
    let plain = cell.trim_ascii();
    let parsed = if !plain.is_empty() && plain.iter().all(u8::is_ascii_digit) {
        digits(plain)
    } else {
        let text = mapping.encoding.decode(plain);
        let text: String = text.trim().chars().filter(|letter| !mapping.thousands.contains(letter)).collect();
        match text.as_bytes() {
            [] if empty == EmptyCells::Zero => return Ok(0),
            [] => return Err(Malformed::Empty),
            [b'-', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) => {
                return Err(Malformed::Negative(excerpt(&text)));
            }
            bytes if bytes.iter().all(u8::is_ascii_digit) => digits(bytes),
            _ => return Err(Malformed::NotANumber(excerpt(&text))),
        }
    };
    parsed.ok_or(Malformed::TooLarge)
}

fn digits(digits: &[u8]) -> Option<u64> {
    let fold =
        |sum: u64, digit: &u8| Some(sum * 10 + u64::from(digit - b'0')).filter(|sum| *sum <= u64::from(u32::MAX));
    digits.iter().try_fold(0, fold)
}

/// The beginning of a text that somebody else wrote, without control characters.
fn excerpt(text: &str) -> String {
    const LETTERS: usize = 80;
    let clean = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    let mut short: String = clean.take(LETTERS).collect();
    if text.chars().count() > LETTERS {
        short.push('…');
    }
    short
}
