//! Files that come with the program.

/// A file that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// What it is asked for by.
    pub code: &'static str,
    /// Its file name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// An election that comes with the program, with all its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedElection {
    /// What it is asked for by.
    pub code: &'static str,
    /// Names and bytes.
    pub files: &'static [(&'static str, &'static [u8])],
}

/// The main file of an election that comes with the program.
pub(super) const ELECTION_FILE: &str = "election.toml";

macro_rules! forms {
    ($($code:literal),* $(,)?) => {
        &[$(Shipped {
            code: $code,
            name: concat!($code, ".toml"),
            text: include_str!(concat!("../../data/forms/", $code, ".toml")),
        }),*]
    };
}

macro_rules! elections {
    ($($code:literal: [$($file:literal),* $(,)?]),* $(,)?) => {
        &[$(ShippedElection {
            code: $code,
            files: &[$(($file, include_bytes!(concat!("../../data/elections/", $code, "/", $file)))),*],
        }),*]
    };
}

const FORMS: &[Shipped] = forms!["ru-20fz-12", "kg-2025-rehearsal"];

const ELECTIONS: &[ShippedElection] = elections![
    "kg-2025-11-30": ["election.toml", "constituencies.toml", "stations.toml", "decree.txt"],
    "example-small": ["election.toml"],
    "example-president": ["election.toml"],
    "example-local": ["election.toml"],
];

/// Protocol forms, by code.
#[must_use]
pub const fn shipped_forms() -> &'static [Shipped] {
    FORMS
}

/// A protocol form by code.
#[must_use]
pub fn shipped_form(code: &str) -> Option<Shipped> {
    FORMS.iter().find(|form| form.code == code).copied()
}

/// Elections.
#[must_use]
pub const fn shipped_elections() -> &'static [ShippedElection] {
    ELECTIONS
}

/// An election by code.
#[must_use]
pub fn shipped_election(code: &str) -> Option<ShippedElection> {
    ELECTIONS.iter().find(|election| election.code == code).copied()
}
