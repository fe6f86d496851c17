//! The election of 30 November 2025 as a rehearsal: constituencies, candidates, stations, the protocol form, the seat rule.

use crate::chance::Chance;
use crate::names;
use crate::scale::{CONSTITUENCIES, Size};
use crate::schedule::Schedule;
use tamga_client::author::DefinitionPlan;
use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::{Candidate, Constituency, Decree, Form, FormLine, Relation, SeatRule, Station, Term, Title};

/// Men among the candidates of 2025.
pub const MEN: usize = 271;
/// Women among them.
pub const WOMEN: usize = 189;
/// Seats of a constituency.
pub const SEATS: u32 = 3;
/// Most elected of one sex in a constituency.
pub const SAME_SEX_MAX: u32 = 2;
/// Code of the protocol form.
pub const FORM: &str = "kg-2025-rehearsal";
/// Its version.
pub const FORM_VERSION: u32 = 1;

/// The decree's text, byte for byte as published.
pub const DECREE: &[u8] = include_bytes!("../data/decree-2025.txt");
/// How the text calls the day of the election.
const DECREE_DAY: &str = "30 ноября 2025 года";

/// What identifies the decree. Its text states neither number nor date of signing: what stands in their place says so.
#[must_use]
pub fn decree() -> Decree {
    use sha2::Digest as _;
    let states_day = std::str::from_utf8(DECREE).is_ok_and(|text| text.contains(DECREE_DAY));
    let date = if states_day { "2025-11-30 (day of the elections; no date of signing stated)" } else { "not stated" };
    Decree {
        number: "not stated; Decree of the President of the Kyrgyz Republic appointing early elections of deputies \
                 of the Jogorku Kenesh"
            .to_owned(),
        date: date.to_owned(),
        blake3: Digest(*blake3::hash(DECREE).as_bytes()),
        sha256: Digest(sha2::Sha256::digest(DECREE).into()),
    }
}

/// The 30 constituencies with 460 candidates between them, 15 or 16 each.
#[must_use]
pub fn constituencies(chance: &Chance) -> Vec<Constituency> {
    let mut draws = chance.stream("candidates");
    let mut all: Vec<(u8, names::Name)> = Vec::with_capacity(MEN + WOMEN);
    for (sex, count) in [(0, MEN), (1, WOMEN)] {
        all.extend(names::candidates(&mut draws, sex, count).into_iter().map(|name| (sex, name)));
    }
    draws.shuffle(&mut all);
    let mut all = all.into_iter();
    let total = MEN + WOMEN;
    (1..=CONSTITUENCIES)
        .map(|number| {
            let share = |up_to: u32| total * up_to as usize / CONSTITUENCIES as usize;
            let here = all.by_ref().take(share(number) - share(number - 1));
            let candidates = here.zip(1..).map(|((sex, name), position)| Candidate {
                position,
                name_ky: name.ky,
                name_ru: name.ru,
                sex,
            });
            let candidates = candidates.collect();
            Constituency { number, title: names::constituency(number), seats: SEATS, candidates }
        })
        .collect()
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

/// Stations numbered from 1: ordinary ones, going round the constituencies; then remote ones; then those abroad.
#[must_use]
pub fn stations(size: &Size, schedule: &Schedule) -> Vec<Station> {
    (1..=size.stations())
        .map(|number| {
            let kind = kind_of(size, number);
            let (constituency, title) = match kind {
                StationKind::Ordinary => {
                    let constituency = constituency_of(size, number);
                    (constituency, format!("УИК № {number}"))
                }
                StationKind::Remote => (0, format!("Дистанттык / дистанционный № {number}")),
                StationKind::Abroad => (0, format!("Чет өлкө / за рубежом № {number}")),
            };
            let closes_ms = if kind == StationKind::Abroad { schedule.embargo_ms() } else { schedule.closes_ms() };
            Station {
                number,
                station_kind: kind as u8,
                constituency,
                title,
                opens_ms: schedule.opens_ms,
                closes_ms,
                units: vec![1],
            }
        })
        .collect()
}

/// What station `number` is for.
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

/// The lines of the form: code, ky, ru, en, whether it discloses.
const LINES: [(&str, &str, &str, &str, u8); 10] = [
    ("1", "Тизмедеги шайлоочулар", "Избиратели в списке", "Voters on the list", 0),
    (
        "2",
        "Өз округу боюнча идентификациядан өткөндөр",
        "Идентифицированы, свой округ",
        "Identified, own constituency",
        0,
    ),
    (
        "3",
        "Башка округдар боюнча идентификациядан өткөндөр",
        "Идентифицированы, другие округа",
        "Identified, other constituencies",
        0,
    ),
    (
        "4",
        "Басылган бюллетендер, өз округу",
        "Напечатано бюллетеней, свой округ",
        "Ballots printed, own constituency",
        0,
    ),
    (
        "5",
        "Басылган бюллетендер, башка округдар",
        "Напечатано бюллетеней, другие округа",
        "Ballots printed, other constituencies",
        0,
    ),
    ("6", "Бузулган бюллетендер", "Испорченные бюллетени", "Spoiled ballots", 0),
    (
        "7",
        "Урналардагы бюллетендер, өз округу",
        "Бюллетени в урнах, свой округ",
        "Papers in the boxes, own constituency",
        0,
    ),
    (
        "8",
        "Урналардагы бюллетендер, башка округдар",
        "Бюллетени в урнах, другие округа",
        "Papers in the boxes, other constituencies",
        0,
    ),
    ("9", "Жараксыз, өз округу", "Недействительные, свой округ", "Invalid, own constituency", 1),
    ("10", "Жарактуу, өз округу", "Действительные, свой округ", "Valid, own constituency", 1),
];

/// The precinct protocol's form. The official form of 2025 was not to be had; its lines are those that the device day of
/// 2025 produces, its relations those that can be tested exactly.
#[must_use]
pub fn form() -> Form {
    let lines = LINES.map(|(code, ky, ru, en, discloses)| FormLine {
        code: code.to_owned(),
        title: Title { ky: ky.to_owned(), ru: ru.to_owned(), en: en.to_owned() },
        discloses,
    });
    let relation = |left: &[&str], comparator, right: &[&str], hard| {
        let terms = |lines: &[&str]| {
            lines.iter().map(|line| Term { coefficient: 1, line: (*line).to_owned() }).collect::<Vec<_>>()
        };
        Relation { left: terms(left), comparator, right: terms(right), hard }
    };
    Form {
        code: FORM.to_owned(),
        version: FORM_VERSION,
        lines: lines.into(),
        relations: vec![
            relation(&["7"], 0, &["9", "10"], 1),
            relation(&["9"], 0, &["@invalid"], 1),
            relation(&["10"], 0, &["@valid"], 1),
            relation(&["4", "5"], 0, &["2", "3", "6"], 1),
            relation(&["7", "8"], 2, &["2", "3"], 0),
        ],
    }
}

/// The seat rule.
#[must_use]
pub fn seat_rule() -> SeatRule {
    let design = blake3::hash(b"rehearsal ballot, one design a constituency, candidates in the definition's order");
    SeatRule { same_sex_max: SAME_SEX_MAX, ballot_design: Digest(*design.as_bytes()) }
}

/// Everything the definition consists of.
#[must_use]
pub fn plan(chance: &Chance, size: &Size, schedule: &Schedule) -> DefinitionPlan {
    DefinitionPlan {
        constituencies: constituencies(chance),
        stations: stations(size, schedule),
        forms: vec![form()],
        seat_rule: seat_rule(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamga_ledger::definition::Definition;

    fn defined(scale: f64) -> (Size, Definition) {
        let size = Size::at(scale).unwrap();
        let schedule = Schedule::new(&size, 1_000, 500.0, 100);
        let (_, definition) = plan(&Chance::new(1), &size, &schedule).into_parts().unwrap();
        (size, definition)
    }

    #[test]
    fn the_candidates_are_those_of_2025_in_number_and_sex() {
        let (_, definition) = defined(0.01);
        let candidates: Vec<&Candidate> = definition.constituencies().iter().flat_map(|one| &one.candidates).collect();
        assert_eq!(candidates.len(), 460);
        assert_eq!(candidates.iter().filter(|one| one.sex == 0).count(), MEN);
        assert_eq!(candidates.iter().filter(|one| one.sex == 1).count(), WOMEN);
        assert_eq!(definition.constituencies().len(), 30);
        assert!(definition.constituencies().iter().all(|one| one.seats == 3));
        assert!(definition.constituencies().iter().all(|one| (15..=16).contains(&one.candidates.len())));
    }

    #[test]
    fn every_constituency_has_a_station_at_any_scale() {
        for scale in [0.0005, 0.01, 0.1, 1.0] {
            let (size, definition) = defined(scale);
            assert_eq!(definition.stations().len(), size.stations() as usize);
            for constituency in 1..=30 {
                assert!(definition.stations().values().any(|station| station.constituency == constituency));
            }
        }
    }

    #[test]
    fn the_genesis_names_the_decree_by_its_bytes() {
        let decree = decree();
        assert_eq!(DECREE.len(), 5_370);
        assert_eq!(decree.sha256.to_string(), "c3f328c7bcc03bf009fb9c3503e1b397e9611791d63d13811242acba6773b502");
        assert!(decree.date.starts_with("2025-11-30"));
    }
}
