//! A roll from a CSV file: header `pin,station`, UTF-8, one voter a line.
//!
//! Lines are streamed. Faults are collected by line, duplicates across the whole file included; with a single fault nothing
//! is imported. Fault texts never repeat a personal number.

use super::number::PersonalNumber;
use super::tag::TagKeys;
use crate::evidence::Language;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead};
use tamga_ledger::ids::RollLeaf;

/// Longest line read; a correct one has 14 digits, a comma and a station number.
pub const LINE_BYTES_MAX: usize = 256;
/// Most voters in one file.
pub const VOTERS_MAX: usize = 50_000_000;
/// Faults that are listed; all are counted.
pub const FAULTS_LISTED_MAX: usize = 100;

const HEADER: &str = "pin,station";

/// One line of the file.
#[derive(Debug, Clone)]
pub struct RollLine {
    /// Its number in the file, from 1 (the header).
    pub line: u64,
    /// The voter.
    pub number: PersonalNumber,
    /// The voter's station.
    pub station: u32,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollFault {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What is wrong.
    pub what: RollFaultKind,
}

/// What is wrong with a line. Never repeats what stands there: it may be a voter's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollFaultKind {
    /// No line at all.
    Empty,
    /// The first line is not the header.
    NoHeader,
    /// More bytes than a line may have.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// No comma.
    OneField,
    /// More than one comma.
    MoreFields,
    /// The number is not 14 decimal digits.
    Number,
    /// The station is not a number above zero.
    Station,
    /// The station has no roll in the definition.
    UnknownStation(u32),
    /// The same voter as in another line.
    SameVoter {
        /// The first line.
        first: u32,
    },
}

impl RollFaultKind {
    /// For people.
    #[must_use]
    pub fn in_words(self, language: Language) -> String {
        let of = |ky: &str, ru: &str, en: &str| language.of(ky, ru, en).to_owned();
        match (self, language) {
            (Self::Empty, Language::Ky) => format!("файл бош; {HEADER} баш сабы жок"),
            (Self::Empty, Language::Ru) => format!("файл пуст; нет заголовка {HEADER}"),
            (Self::Empty, Language::En) => format!("the file is empty; the header {HEADER} is missing"),
            (Self::NoHeader, Language::Ky) => format!("биринчи сап {HEADER} баш сабы болушу керек"),
            (Self::NoHeader, Language::Ru) => format!("первой строкой должен быть заголовок {HEADER}"),
            (Self::NoHeader, Language::En) => format!("the first line must be the header {HEADER}"),
            (Self::TooLong, Language::Ky) => format!("сап {LINE_BYTES_MAX} байттан узун"),
            (Self::TooLong, Language::Ru) => format!("строка длиннее {LINE_BYTES_MAX} байт"),
            (Self::TooLong, Language::En) => format!("the line is longer than {LINE_BYTES_MAX} bytes"),
            (Self::NotUtf8, _) => of("UTF-8 эмес", "не UTF-8", "not UTF-8"),
            (Self::OneField, _) => of(
                "эки талаа керек: жеке номер, участок",
                "нужны два поля: персональный номер, участок",
                "expected two fields: personal number, station",
            ),
            (Self::MoreFields, _) => of("экиден көп талаа", "больше двух полей", "more than two fields"),
            (Self::Number, _) => of(
                "жеке номер 14 ондук цифра эмес",
                "персональный номер не 14 десятичных цифр",
                "the personal number is not 14 decimal digits",
            ),
            (Self::Station, _) => of(
                "участок нөлдөн чоң сан эмес",
                "участок не число больше нуля",
                "the station is not a number above zero",
            ),
            (Self::UnknownStation(station), Language::Ky) => {
                format!("{station}-участоктун аныктамада тизмеси жок")
            }
            (Self::UnknownStation(station), Language::Ru) => {
                format!("у участка {station} нет списка в определении")
            }
            (Self::UnknownStation(station), Language::En) => {
                format!("station {station} has no roll in the definition")
            }
            (Self::SameVoter { first }, Language::Ky) => format!("{first}-саптагы шайлоочунун өзү"),
            (Self::SameVoter { first }, Language::Ru) => format!("тот же избиратель, что в строке {first}"),
            (Self::SameVoter { first }, Language::En) => format!("the same voter as in line {first}"),
        }
    }
}

impl RollFault {
    /// For people.
    #[must_use]
    pub fn in_words(&self, language: Language) -> String {
        let (line, what) = (self.line, self.what.in_words(language));
        match language {
            Language::Ky => format!("{line}-сап: {what}"),
            Language::Ru => format!("строка {line}: {what}"),
            Language::En => format!("line {line}: {what}"),
        }
    }
}

impl fmt::Display for RollFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words(Language::En))
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RollFileError {
    /// The file cannot be read.
    #[error("the roll file cannot be read after line {line}: {error}")]
    Io {
        /// The last whole line.
        line: u64,
        /// Cause.
        error: io::Error,
    },
    /// Faults in lines.
    #[error("{total} lines of the roll file are wrong, nothing was imported; {}", listed(.faults))]
    Faults {
        /// The first [`FAULTS_LISTED_MAX`], by line.
        faults: Vec<RollFault>,
        /// All of them.
        total: u64,
    },
    /// More voters than one file may have.
    #[error("the roll file has more than {VOTERS_MAX} voters")]
    TooManyVoters,
}

fn listed(faults: &[RollFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The lines of a roll file, one at a time, in bounded memory.
#[derive(Debug)]
pub struct RollFile<R> {
    reader: R,
    line: u64,
    bytes: u64,
    failed: bool,
}

impl<R: BufRead> RollFile<R> {
    /// Starts reading; the header is the first line.
    pub const fn new(reader: R) -> Self {
        Self { reader, line: 0, bytes: 0, failed: false }
    }

    /// One line without its end; `None` at the end of the file.
    fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let mut limited = io::Read::take(&mut self.reader, limit);
        limited.read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.bytes += bytes.len() as u64;
        if bytes.last() != Some(&b'\n') && bytes.len() as u64 == limit {
            self.skip_line()?;
        }
        self.line += 1;
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Ok(Some(bytes))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(place) => (place + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.reader.consume(used);
            self.bytes += used as u64;
            if done {
                return Ok(());
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Result<RollLine, RollFault>>> {
        loop {
            let first = self.line == 0;
            let Some(bytes) = self.read_line()? else {
                // The fault is told once.
                self.line = self.line.max(1);
                return Ok(first.then_some(Err(RollFault { line: 1, what: RollFaultKind::Empty })));
            };
            let fault = |what| RollFault { line: self.line, what };
            let parsed = match std::str::from_utf8(&bytes) {
                _ if bytes.len() > LINE_BYTES_MAX => Err(fault(RollFaultKind::TooLong)),
                Err(_) => Err(fault(RollFaultKind::NotUtf8)),
                Ok(text) if first && text.trim_start_matches('\u{feff}') == HEADER => continue,
                Ok(_) if first => Err(fault(RollFaultKind::NoHeader)),
                Ok(text) => parse(text, self.line).map_err(fault),
            };
            return Ok(Some(parsed));
        }
    }
}

fn parse(text: &str, line: u64) -> Result<RollLine, RollFaultKind> {
    let (number, station) = text.split_once(',').ok_or(RollFaultKind::OneField)?;
    let number = number.parse().map_err(|_| RollFaultKind::Number)?;
    if station.contains(',') {
        return Err(RollFaultKind::MoreFields);
    }
    let plain = !station.is_empty() && station.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = station.parse().ok().filter(|number| plain && *number > 0);
    Ok(RollLine { line, number, station: parsed.ok_or(RollFaultKind::Station)? })
}

impl<R: BufRead> Iterator for RollFile<R> {
    type Item = Result<Result<RollLine, RollFault>, RollFileError>;

    /// The next line: read, or read but faulty, or unreadable (then nothing follows).
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.next_line() {
            Ok(line) => line.map(Ok),
            Err(error) => {
                self.failed = true;
                Some(Err(RollFileError::Io { line: self.line, error }))
            }
        }
    }
}

/// What a whole file gives: roll leaves ascending, each with its station. 20 bytes a voter.
pub(super) type SortedRoll = Vec<(RollLeaf, u32)>;

/// Reads a whole file into sorted roll leaves, or reports every fault.
///
/// # Errors
/// [`RollFileError`]; nothing is imported then.
pub fn read_roll(reader: impl BufRead, keys: &TagKeys) -> Result<Vec<(RollLeaf, u32)>, RollFileError> {
    read_roll_with(reader, keys, None, |_, _| {})
}

/// Lines between two reports of progress.
const PROGRESS_LINES: u64 = 4_096;

/// As [`read_roll`]; with `known` stations, a voter of another one is a fault. `progress` gets lines and bytes.
pub(super) fn read_roll_with(
    reader: impl BufRead,
    keys: &TagKeys,
    known: Option<&BTreeSet<u32>>,
    mut progress: impl FnMut(u64, u64),
) -> Result<SortedRoll, RollFileError> {
    let mut faults = Faults::default();
    let mut voters: Vec<(RollLeaf, u32, u32)> = Vec::new();
    let mut file = RollFile::new(reader);
    while let Some(line) = file.next() {
        if file.line.is_multiple_of(PROGRESS_LINES) {
            progress(file.line, file.bytes);
        }
        match line? {
            Ok(_) if voters.len() == VOTERS_MAX => return Err(RollFileError::TooManyVoters),
            Ok(voter) => {
                if known.is_some_and(|known| !known.contains(&voter.station)) {
                    let what = RollFaultKind::UnknownStation(voter.station);
                    faults.add(RollFault { line: voter.line, what });
                }
                // Fits: there are at most VOTERS_MAX good lines, and bad ones fail the import.
                voters.push((keys.tag(&voter.number).roll_leaf(), voter.station, voter.line as u32));
            }
            Err(fault) => faults.add(fault),
        }
    }
    progress(file.line, file.bytes);
    voters.sort_unstable_by_key(|(leaf, _, line)| (*leaf, *line));
    for pair in voters.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let what = RollFaultKind::SameVoter { first: pair[0].2 };
        faults.add(RollFault { line: u64::from(pair[1].2), what });
    }
    faults.into_result()?;
    Ok(voters.into_iter().map(|(leaf, station, _)| (leaf, station)).collect())
}

/// The first faults by line, and how many there are.
#[derive(Default)]
struct Faults {
    listed: BTreeMap<u64, RollFault>,
    total: u64,
}

impl Faults {
    fn add(&mut self, fault: RollFault) {
        self.total += 1;
        self.listed.insert(fault.line, fault);
        if self.listed.len() > FAULTS_LISTED_MAX {
            self.listed.pop_last();
        }
    }

    fn into_result(self) -> Result<(), RollFileError> {
        if self.total == 0 {
            return Ok(());
        }
        Err(RollFileError::Faults { faults: self.listed.into_values().collect(), total: self.total })
    }
}
