//! Constituencies with candidates, and stations: the long lists of a definition, which may stand in files of their own.

use super::form::TITLE_BYTES_MAX;
use super::hours::Hours;
use super::numbers::numbers;
use crate::document::{Section, Where};
use tamga_ledger::definition::{CANDIDATES_MAX, CONSTITUENCIES_MAX};
use tamga_ledger::kinds::{Candidate, Constituency, Station};

/// Most stations of an election.
pub const STATIONS_MAX: usize = 50_000;
/// Highest number of a station.
const STATION_NUMBER_MAX: u64 = 999_999;
/// Most units of one kind in a station.
const UNITS_MAX: u64 = 16;
/// Most bytes of a name.
const NAME_BYTES_MAX: usize = 200;

/// Something read, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: Where,
}

/// Somebody who was on the way to the ballot and is not on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NotOnBallot {
    /// In which constituency.
    pub constituency: u32,
    /// Name in Russian.
    pub name_ru: String,
    /// `withdrawn`, `refused` or `struck-out`.
    pub status: &'static str,
}

/// What the files list.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) constituencies: Vec<Placed<Constituency>>,
    pub(super) stations: Vec<Placed<Station>>,
    /// By station of the same place: how many of its units are mobile boxes.
    pub(super) mobile: u64,
    pub(super) not_on_ballot: Vec<NotOnBallot>,
}

impl Lists {
    /// Takes both lists from a file.
    pub(super) fn read(&mut self, file: &Section<'_, '_>, hours: &Hours) {
        for section in file.sections("constituency") {
            self.constituency(&section);
            section.finish();
        }
        for section in file.sections("stations") {
            self.group(&section, hours);
            section.finish();
        }
    }

    fn constituency(&mut self, section: &Section<'_, '_>) {
        let number = section.number_due("number", 1..=CONSTITUENCIES_MAX as u64);
        let title = section.title_due("title", TITLE_BYTES_MAX);
        let seats = section.number_due("seats", 1..=CANDIDATES_MAX as u64);
        let number = number.map(|number| number.value as u32);
        let mut candidates: Vec<Candidate> = Vec::new();
        for one in section.sections("candidate") {
            self.candidate(&one, number.unwrap_or(0), &mut candidates);
            one.finish();
        }
        if candidates.len() > CANDIDATES_MAX || candidates.is_empty() {
            let what = format!("{} candidates on the ballot; 1 to {CANDIDATES_MAX} are possible", candidates.len());
            section.problem(&section.span(), what);
        } else if let Some(seats) = seats.as_ref().filter(|seats| seats.value > candidates.len() as u64) {
            section.problem(&seats.span, format!("{} seats for {} candidates", seats.value, candidates.len()));
        }
        if let (Some(number), Some(title), Some(seats)) = (number, title, seats) {
            let value = Constituency { number, title, seats: seats.value as u32, candidates };
            self.constituencies.push(Placed { value, at: section.at(&section.span()) });
        }
    }

    fn candidate(&mut self, section: &Section<'_, '_>, constituency: u32, candidates: &mut Vec<Candidate>) {
        let sex = section.word_due("sex", &[("man", 0_u8), ("woman", 1)]);
        let statuses = [
            ("registered", None),
            ("withdrawn", Some("withdrawn")),
            ("refused", Some("refused")),
            ("struck-out", Some("struck-out")),
        ];
        let status = section.word("status", &statuses).and_then(|status| status.value);
        let name = section.section_due("name").and_then(|name| {
            let text = |key| {
                let text = name.text_due(key)?;
                if text.value.len() > NAME_BYTES_MAX {
                    name.problem(&text.span, format!("longer than {NAME_BYTES_MAX} bytes"));
                }
                Some(text.value)
            };
            let (ky, ru) = (text("ky"), text("ru"));
            name.finish();
            Some((ky?, ru?))
        });
        if let Some(status) = status {
            if let Some(position) = section.number("position", 0..=u64::MAX) {
                let what =
                    "only who is registered has a position; a withdrawal after the ballots are printed is a legal act";
                section.problem(&position.span, what);
            }
            let name_ru = name.map_or_else(String::new, |(_, ru)| ru);
            self.not_on_ballot.push(NotOnBallot { constituency, name_ru, status });
            return;
        }
        let Some(position) = section.number_due("position", 1..=CANDIDATES_MAX as u64) else { return };
        let due = candidates.len() as u64 + 1;
        if position.value != due {
            let what =
                format!("position {} where {due} is due: candidates stand in the order of the ballot", position.value);
            section.problem(&position.span, what);
        }
        // A faulty candidate keeps the place, so that the next one is not told for it.
        let (name_ky, name_ru) = name.unwrap_or_default();
        let sex = sex.map_or(0, |sex| sex.value);
        candidates.push(Candidate { position: due as u32, name_ky, name_ru, sex });
    }

    /// Stations that differ in number and constituency only.
    fn group(&mut self, section: &Section<'_, '_>, hours: &Hours) {
        let kind = section.word_due("kind", &[("ordinary", 0_u8), ("remote", 1), ("abroad", 2)]);
        let title = section.text_due("title");
        let units = section.number("units", 1..=UNITS_MAX).map_or(1, |units| units.value);
        let mobile = section.number("mobile_units", 0..=UNITS_MAX).map_or(0, |units| units.value);
        let here = self.station_numbers(section);
        let constituencies = constituencies_of(section, kind.as_ref().map(|kind| kind.value));
        let voting = hours.of(section);
        let Some(title) = title else { return };
        if here.len() > 1 && !title.value.contains("{number}") {
            section.problem(
                &title.span,
                "stations of one group need {number} in their title, or they are all called the same",
            );
        }
        let (Some(kind), Some((opens_ms, closes_ms))) = (kind, voting) else { return };
        self.mobile += mobile * here.len() as u64;
        let at = section.at(&section.span());
        for (place, number) in here.into_iter().enumerate() {
            let turn = place.checked_rem(constituencies.len()).unwrap_or(0);
            let value = Station {
                number,
                station_kind: kind.value,
                constituency: constituencies.get(turn).copied().unwrap_or(0),
                title: title.value.replace("{number}", &number.to_string()),
                opens_ms,
                closes_ms,
                units: (1..=(units + mobile) as u32).collect(),
            };
            self.stations.push(Placed { value, at: at.clone() });
        }
    }

    fn station_numbers(&self, section: &Section<'_, '_>) -> Vec<u32> {
        if section.has("number") == section.has("numbers") {
            section.problem(&section.span(), "give number = 5 for one station or numbers = \"1-30\" for many");
        }
        let one = section.number("number", 1..=STATION_NUMBER_MAX).map(|number| vec![number.value as u32]);
        let room = STATIONS_MAX.saturating_sub(self.stations.len());
        let many = section.text("numbers").and_then(|text| {
            let read = numbers(&text.value, STATION_NUMBER_MAX as u32, room + 1);
            read.map_err(|what| section.problem(&text.span, what)).ok()
        });
        one.or(many).unwrap_or_default()
    }
}

/// The constituency of each station in turn; empty for stations that have none.
fn constituencies_of(section: &Section<'_, '_>, kind: Option<u8>) -> Vec<u32> {
    let one = section.number("constituency", 1..=CONSTITUENCIES_MAX as u64);
    let many = section.text("constituencies");
    let span = one.as_ref().map(|one| one.span.clone()).or_else(|| many.as_ref().map(|many| many.span.clone()));
    match (kind, &span) {
        (Some(0), None) => {
            section.problem(
                &section.span(),
                "ordinary stations need constituency = 5, or constituencies = \"1-30\" to take in turn",
            );
        }
        (Some(1 | 2), Some(span)) => {
            section.problem(span, "remote stations and stations abroad have no constituency of their own");
            return Vec::new();
        }
        _ => {}
    }
    if one.is_some() && many.is_some() {
        section.problem(&section.span(), "give either constituency or constituencies");
    }
    let one = one.map(|one| vec![one.value as u32]);
    let many = many.and_then(|text| {
        let read = numbers(&text.value, CONSTITUENCIES_MAX as u32, CONSTITUENCIES_MAX + 1);
        read.map_err(|what| section.problem(&text.span, what)).ok()
    });
    one.or(many).unwrap_or_default()
}
