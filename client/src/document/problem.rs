//! What is wrong in a file, and where.

use serde::Serialize;
use std::fmt;

/// Problems that are kept; all are counted.
pub const PROBLEMS_LISTED_MAX: usize = 1_000;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Where {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Where {
    /// Something wrong here.
    #[must_use]
    pub fn problem(&self, what: &str) -> Problem {
        Problem { file: self.file.clone(), line: self.line, column: self.column, what: what.to_owned() }
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what the reader can do, for people.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)
    }
}

/// All problems of some files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", listed(.list, *.total))]
pub struct Problems {
    /// The first [`PROBLEMS_LISTED_MAX`], in the order in which they were found; sorted by [`Problems::sorted`].
    pub list: Vec<Problem>,
    /// All of them.
    pub total: u64,
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, problem: Problem) {
        self.total += 1;
        if self.list.len() < PROBLEMS_LISTED_MAX {
            self.list.push(problem);
        }
    }

    /// Adds those of another file.
    pub fn extend(&mut self, other: Self) {
        self.total += other.total;
        let room = PROBLEMS_LISTED_MAX.saturating_sub(self.list.len());
        self.list.extend(other.list.into_iter().take(room));
    }

    /// Nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// By file, line and column.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.list.sort();
        self
    }
}

fn listed(list: &[Problem], total: u64) -> String {
    let mut text = list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    if total > list.len() as u64 {
        text += &format!("\nand {} more", total - list.len() as u64);
    }
    text
}
