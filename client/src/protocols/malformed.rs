//! Why a row of a table is no protocol, with the particulars: for people in three languages, for programs by [`FaultKind`].

use super::finding::FaultKind;
use super::rows::ROW_BYTES_MAX;
use crate::evidence::Language;
use serde::Serialize;
use std::fmt;

/// Why a row cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// Another number of cells than the header.
    Width {
        /// Cells of the row.
        cells: usize,
        /// Cells of the header.
        due: usize,
        /// Lines that the row takes; more than one where a quotation mark is open.
        lines: u64,
    },
    /// More bytes or cells than a row may have.
    TooLong {
        /// Lines that the row takes.
        lines: u64,
    },
    /// A byte that is no letter of the encoding.
    Undecodable {
        /// The byte.
        byte: u8,
        /// The encoding's name.
        encoding: &'static str,
    },
    /// A figure is missing.
    Empty,
    /// A figure below zero, as it stands there.
    Negative(String),
    /// Not a whole number in decimal digits: what stands there instead, cut short.
    NotANumber(String),
    /// More than 4,294,967,295.
    TooLarge,
    /// A row that does not say of which polling station it is.
    NoPrecinct,
    /// The second row of one polling station.
    DuplicatePrecinct {
        /// Line of the first.
        first: u64,
    },
}

impl Malformed {
    /// As programs read it.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Width { .. } => FaultKind::Width,
            Self::TooLong { .. } => FaultKind::TooLong,
            Self::Undecodable { .. } => FaultKind::Undecodable,
            Self::Empty => FaultKind::Empty,
            Self::Negative(_) => FaultKind::Negative,
            Self::NotANumber(_) => FaultKind::NotANumber,
            Self::TooLarge => FaultKind::TooLarge,
            Self::NoPrecinct => FaultKind::NoPrecinct,
            Self::DuplicatePrecinct { .. } => FaultKind::DuplicatePrecinct,
        }
    }

    /// For people.
    #[must_use]
    pub fn in_words(&self, language: Language) -> String {
        match language {
            Language::Ky => self.kyrgyz(),
            Language::Ru => self.russian(),
            Language::En => self.english(),
        }
    }

    fn kyrgyz(&self) -> String {
        match self {
            Self::Width { cells, due, lines } => {
                let open = match lines {
                    0 | 1 => String::new(),
                    _ => format!("; катар {lines} сапты ээлейт: тырмакча жабылган эмеспи?"),
                };
                format!("уячалар {cells}, ал эми баш сапта {due}{open}")
            }
            Self::TooLong { lines } => format!(
                "{ROW_BYTES_MAX} байттан узун же таблицага жол берилгенден кең; {lines} сапты ээлейт: тырмакча жабылган \
                 эмеспи? (quote = \"none\" тырмакчаны өчүрөт)"
            ),
            Self::Undecodable { byte, encoding } => format!("{byte:#04x} байты {encoding} коддоосунда тамга эмес"),
            Self::Empty => "сан жок".to_owned(),
            Self::Negative(text) => format!("{text} нөлдөн кичине"),
            Self::NotANumber(text) => format!("{text:?} бүтүн сан эмес"),
            Self::TooLarge => format!("{} деген чектен чоң", u32::MAX),
            Self::NoPrecinct => "шайлоо участогу аталган эмес".to_owned(),
            Self::DuplicatePrecinct { first } => format!("{first}-саптагы шайлоо участогунун өзү"),
        }
    }

    fn russian(&self) -> String {
        match self {
            Self::Width { cells, due, lines } => {
                let open = match lines {
                    0 | 1 => String::new(),
                    _ => format!("; ряд занимает строк: {lines}; не забыта ли закрывающая кавычка?"),
                };
                format!("ячеек {cells}, а в заголовке {due}{open}")
            }
            Self::TooLong { lines } => format!(
                "длиннее {ROW_BYTES_MAX} байт или шире, чем может быть таблица; занимает строк: {lines}; не забыта ли \
                 закрывающая кавычка? (quote = \"none\" отключает кавычки)"
            ),
            Self::Undecodable { byte, encoding } => format!("байт {byte:#04x} не буква в кодировке {encoding}"),
            Self::Empty => "числа нет".to_owned(),
            Self::Negative(text) => format!("{text} меньше нуля"),
            Self::NotANumber(text) => format!("{text:?} не целое число"),
            Self::TooLarge => format!("больше {}, наибольшего числа в строке", u32::MAX),
            Self::NoPrecinct => "избирательный участок не назван".to_owned(),
            Self::DuplicatePrecinct { first } => format!("тот же избирательный участок, что в строке {first}"),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Width { cells, due, lines } => {
                let open = match lines {
                    0 | 1 => String::new(),
                    _ => format!("; the row takes {lines} lines: is a quotation mark never closed?"),
                };
                format!("{cells} cells where the header has {due}{open}")
            }
            Self::TooLong { lines } => format!(
                "longer than {ROW_BYTES_MAX} bytes or wider than a table may be; it takes {lines} lines: is a quotation \
                 mark never closed? (quote = \"none\" turns them off)"
            ),
            Self::Undecodable { byte, encoding } => format!("byte {byte:#04x} is no letter in {encoding}"),
            Self::Empty => "a figure is missing".to_owned(),
            Self::Negative(text) => format!("{text} is below zero"),
            Self::NotANumber(text) => format!("{text:?} is not a whole number"),
            Self::TooLarge => format!("larger than {}, the largest figure of a line", u32::MAX),
            Self::NoPrecinct => "the polling station is not named".to_owned(),
            Self::DuplicatePrecinct { first } => format!("the same polling station as in line {first}"),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}

/// As its English sentence, whatever the language people read.
impl Serialize for Malformed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
