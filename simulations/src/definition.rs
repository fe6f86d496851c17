//! The election of 30 November 2025 as a rehearsal, read from the definition that ships with `tamga`
//! (`client/data/elections/kg-2025-11-30`), cut down to a run's size and laid over its hours.

use crate::scale::{CONSTITUENCIES, Size};
use crate::schedule::Schedule;
use std::sync::LazyLock;
use tamga_client::author::{DefinitionPlan, GenesisPlan};
use tamga_client::election::ElectionFile;
use tamga_ledger::kinds::{Constituency, Decree, Form, OfficialHour, Organisation, Station};

/// Code of the definition.
pub const ELECTION: &str = "kg-2025-11-30";
/// Code of the protocol form.
pub const FORM: &str = "kg-2025-rehearsal";
/// Its version.
pub const FORM_VERSION: u32 = 1;

static FILE: LazyLock<ElectionFile> = LazyLock::new(|| {
    // It is part of the program, and client/tests/definition.rs reads it.
    ElectionFile::shipped(ELECTION).unwrap_or_else(|problems| panic!("the shipped definition is sound: {problems}"))
});

/// The definition as it ships.
#[must_use]
pub fn election() -> &'static ElectionFile {
    &FILE
}

/// What identifies the decree. Its text states neither number nor date of signing: what stands in their place says so.
#[must_use]
pub fn decree() -> &'static Decree {
    &election().decree
}

/// The 30 constituencies with 460 candidates between them, 15 or 16 each.
#[must_use]
pub fn constituencies() -> &'static [Constituency] {
    &election().definition.constituencies
}

/// Most elected of one sex in a constituency.
#[must_use]
pub fn same_sex_max() -> u32 {
    election().definition.seat_rule.same_sex_max
}

/// What a station is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum StationKind {
    /// Serves the voters of its roll, and others as remote voters.
    Ordinary = 0,
    /// Remote voters only.
    Remote = 1,
    /// Remote voters abroad.
    Abroad = 2,
}

/// The first stations of each kind, as many as the size has, numbered from 1: ordinary ones, remote ones, those abroad. They are
/// open for the hours of the run.
#[must_use]
pub fn stations(size: &Size, schedule: &Schedule) -> Vec<Station> {
    let of_kind = |kind: StationKind, count: u32| {
        let all = election().definition.stations.iter().filter(move |station| station.station_kind == kind as u8);
        all.take(count as usize)
    };
    let ordinary = of_kind(StationKind::Ordinary, size.ordinary);
    let remote = of_kind(StationKind::Remote, size.remote);
    let abroad = of_kind(StationKind::Abroad, size.abroad);
    let all = ordinary.chain(remote).chain(abroad).zip(1..);
    let here = |(station, number): (&Station, u32)| {
        let abroad = station.station_kind == StationKind::Abroad as u8;
        let closes_ms = if abroad { schedule.embargo_ms() } else { schedule.closes_ms() };
        Station { number, opens_ms: schedule.opens_ms, closes_ms, ..station.clone() }
    };
    all.map(here).collect()
}

/// What station `number` of a run is for.
#[must_use]
pub const fn kind_of(size: &Size, number: u32) -> StationKind {
    if number <= size.ordinary {
        StationKind::Ordinary
    } else if number <= size.ordinary + size.remote {
        StationKind::Remote
    } else {
        StationKind::Abroad
    }
}

/// The constituency of station `number`; 0 for none.
#[must_use]
pub const fn constituency_of(size: &Size, number: u32) -> u32 {
    match kind_of(size, number) {
        StationKind::Ordinary => (number - 1) % CONSTITUENCIES + 1,
        StationKind::Remote | StationKind::Abroad => 0,
    }
}

/// The precinct protocol's form.
#[must_use]
pub fn form() -> Form {
    let found = election().definition.forms.iter().find(|form| form.code == FORM && form.version == FORM_VERSION);
    found.cloned().unwrap_or_else(|| panic!("the shipped definition has form {FORM} version {FORM_VERSION}"))
}

/// Everything the definition of a run consists of.
#[must_use]
pub fn plan(size: &Size, schedule: &Schedule) -> DefinitionPlan {
    DefinitionPlan { stations: stations(size, schedule), ..election().definition.clone() }
}

/// What the genesis record of a run is drafted from: the shipped definition with the hours of the run.
#[must_use]
pub fn genesis_plan(schedule: &Schedule, organisations: Vec<Organisation>) -> GenesisPlan {
    let hour = |(label, at_ms): (&str, u64)| OfficialHour { label: label.to_owned(), at_ms };
    GenesisPlan {
        embargo_ms: schedule.embargo_ms(),
        official_hours: schedule.hours().map(hour).collect(),
        ..election().genesis_plan(organisations)
    }
}
