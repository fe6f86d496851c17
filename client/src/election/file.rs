//! The definition as a whole: its head, its lists, its forms, and what has to hold between them.

use super::form::{FormFile, TITLE_BYTES_MAX};
use super::hours::Hours;
use super::instant::{instant_ms, time_of_day};
use super::lists::{Lists, NotOnBallot, Placed};
use super::shipped::{shipped_election, shipped_form};
use super::sources::Files;
use crate::author::{DefinitionPlan, GenesisPlan};
use crate::document::{Document, Problems, Section, Where};
use sha2::Digest as _;
use std::collections::BTreeMap;
use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::{Constituency, Decree, OfficialHour, Organisation, SeatRule, Station, Title};
use tamga_ledger::note::KeyName;
use tamga_ledger::record::SIGNERS_MAX;

/// How the titles of a rehearsal begin, in Kyrgyz, Russian and English; those of a real election do not.
pub const REHEARSAL_TITLES: [&str; 3] = ["Машыгуу:", "Учения:", "Rehearsal:"];
/// How the origin of a rehearsal begins.
const REHEARSAL_ORIGIN: &str = "rehearsal.";
/// Most files that a definition includes, and most forms.
const FILES_MAX: usize = 64;
/// Most definition parts of a genesis record.
const PARTS_MAX: usize = 256;
/// Most official hours.
const HOURS_MAX: usize = 64;

/// An election as a commission writes it down, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionFile {
    /// Not a real election.
    pub rehearsal: bool,
    /// Its name.
    pub title: Title,
    /// Start of the checkpoint origin.
    pub origin_prefix: String,
    /// The legal act that appoints it.
    pub decree: Decree,
    /// Until then no count may be shown, ms UTC.
    pub embargo_ms: u64,
    /// Times at which turnout is announced.
    pub official_hours: Vec<OfficialHour>,
    /// Parameters of the rules.
    pub rules: Rules,
    /// Constituencies, stations, forms and the seat rule, as the ledger takes them.
    pub definition: DefinitionPlan,
    /// The forms with what only people need, in the same order.
    pub forms: Vec<FormFile>,
    /// Who is named and not on the ballot.
    pub not_on_ballot: Vec<NotOnBallot>,
    /// How many units are mobile boxes.
    pub mobile_units: u64,
    /// How many records the definition takes.
    pub parts: usize,
}

/// Parameters of the rules; each is the one of the same name in [`tamga_ledger::kinds::Election`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[expect(missing_docs, reason = "named after the fields of `Election`")]
pub struct Rules {
    pub member_quorum: u32,
    pub cell_papers_min: u32,
    pub attestation_validity_ms: u64,
    pub offline_identifications_max: u32,
    pub checkpoint_interval_ms: u64,
    pub retention_months: u32,
}

/// What stands in the main file, as far as it could be read.
struct Head {
    rehearsal: Option<bool>,
    title: Option<Title>,
    origin_prefix: Option<String>,
    decree: Option<Decree>,
    embargo: Option<Placed<u64>>,
    official_hours: Vec<OfficialHour>,
    rules: Rules,
    seat_rule: Option<SeatRule>,
    same_sex_max: Option<Where>,
    forms: Vec<(String, Where)>,
    includes: Vec<(String, Where)>,
    start: Where,
}

impl ElectionFile {
    /// Reads a definition and everything it includes.
    ///
    /// # Errors
    /// [`Problems`]: every fault of every file, by line and column.
    pub fn read(files: &dyn Files, name: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let nowhere = Where { file: name.to_owned(), line: 1, column: 1 };
        let Some(text) = text_of(files, name, &nowhere, &mut problems) else { return Err(problems) };
        let mut lists = Lists::default();
        let read = |file: &Section<'_, '_>| {
            let hours = Hours::read(file);
            let head = Head::read(file, &hours, files);
            lists.read(file, &hours);
            (head, hours)
        };
        let ((head, hours), found) = Document::new(name, &text).read(read);
        problems.extend(found);
        for (include, at) in &head.includes {
            let Some(text) = text_of(files, include, at, &mut problems) else { continue };
            let (_, found) = Document::new(include, &text).read(|file| lists.read(file, &hours));
            problems.extend(found);
        }
        let forms = head.forms(files, &mut problems);
        check_constituencies(&mut lists.constituencies, &lists.stations, &mut problems);
        check_stations(&mut lists.stations, &lists.constituencies, head.embargo.as_ref(), &mut problems);
        let start = head.start.clone();
        if lists.constituencies.is_empty() {
            problems.add(start.problem("no constituency: write [[constituency]], or include a file that does"));
        }
        if lists.stations.is_empty() {
            problems.add(start.problem("no station: write [[stations]], or include a file that does"));
        }
        let seats = lists.constituencies.iter().map(|one| one.value.seats).max().unwrap_or(0);
        if let (Some(rule), Some(at)) = (&head.seat_rule, &head.same_sex_max)
            && rule.same_sex_max > seats
        {
            let what = format!(
                "same_sex_max is {} and no constituency has more than {seats} seats: 0 is no rule",
                rule.same_sex_max
            );
            problems.add(at.problem(&what));
        }
        head.finish(lists, forms, &start, problems)
    }

    /// Reads a definition that comes with the program, by code.
    ///
    /// # Errors
    /// [`Problems`]; also if there is none with this code.
    pub fn shipped(code: &str) -> Result<Self, Problems> {
        let Some(election) = shipped_election(code) else {
            let mut problems = Problems::default();
            let nowhere = Where { file: code.to_owned(), line: 1, column: 1 };
            problems.add(nowhere.problem("no election with this code comes with the program"));
            return Err(problems);
        };
        Self::read(&election, super::shipped::ELECTION_FILE)
    }

    /// What the genesis record is drafted from, once organisations have keys.
    #[must_use]
    pub fn genesis_plan(&self, organisations: Vec<Organisation>) -> GenesisPlan {
        GenesisPlan {
            real: !self.rehearsal,
            title: self.title.clone(),
            origin_prefix: self.origin_prefix.clone(),
            decree: self.decree.clone(),
            organisations,
            quorum: None,
            cluster_epoch: 1,
            embargo_ms: self.embargo_ms,
            official_hours: self.official_hours.clone(),
            checkpoint_interval_ms: self.rules.checkpoint_interval_ms,
            cell_papers_min: self.rules.cell_papers_min,
            attestation_validity_ms: self.rules.attestation_validity_ms,
            member_quorum: self.rules.member_quorum,
            offline_identifications_max: self.rules.offline_identifications_max,
            retention_months: self.rules.retention_months,
        }
    }
}

fn text_of(files: &dyn Files, name: &str, at: &Where, problems: &mut Problems) -> Option<String> {
    let read = files.read(name).and_then(|bytes| String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8")));
    read.map_err(|what| problems.add(at.problem(&what))).ok()
}

impl Head {
    fn read(file: &Section<'_, '_>, hours: &Hours, files: &dyn Files) -> Self {
        let rehearsal = file.flag("rehearsal");
        if rehearsal.is_none() && !file.has("rehearsal") {
            file.problem(&file.span(), "rehearsal is missing: true or false");
        }
        let rehearsal = rehearsal.map(|flag| flag.value);
        let (mut rules, mut seat_rule, mut same_sex_max) = (Rules::default(), None, None);
        if let Some(section) = file.section_due("rules") {
            (rules, seat_rule, same_sex_max) = read_rules(&section);
        }
        let named = |key: &str| {
            let texts = file.texts(key);
            if let Some(one) = texts.get(FILES_MAX) {
                file.problem(&one.span, format!("more than {FILES_MAX} files"));
            }
            texts.into_iter().take(FILES_MAX).map(|text| (text.value, file.at(&text.span))).collect::<Vec<_>>()
        };
        Self {
            title: read_title(file, rehearsal),
            origin_prefix: read_origin(file, rehearsal),
            decree: file.section_due("decree").and_then(|section| read_decree(&section, files)),
            embargo: read_embargo(file),
            official_hours: read_hours(file, hours),
            rules,
            seat_rule,
            same_sex_max,
            forms: named("forms"),
            includes: named("include"),
            start: file.at(&file.span()),
            rehearsal,
        }
    }

    fn forms(&self, files: &dyn Files, problems: &mut Problems) -> Vec<FormFile> {
        if self.forms.is_empty() {
            problems.add(self.start.problem("forms is missing: codes of forms that come with the program, or files"));
        }
        let mut forms: Vec<FormFile> = Vec::new();
        for (name, at) in &self.forms {
            let text = match shipped_form(name) {
                Some(shipped) => Some(shipped.text.to_owned()),
                None => text_of(files, name, at, problems),
            };
            let Some(text) = text else { continue };
            match FormFile::parse(name, &text) {
                Ok(form) if forms.iter().any(|one| same(one, &form)) => {
                    problems.add(
                        at.problem(&format!("form {} version {} is there twice", form.form.code, form.form.version)),
                    );
                }
                Ok(form) => forms.push(form),
                Err(found) => problems.extend(found),
            }
        }
        forms
    }

    /// Puts everything together, and lets the ledger's own rules look at it.
    fn finish(
        self,
        lists: Lists,
        forms: Vec<FormFile>,
        start: &Where,
        mut problems: Problems,
    ) -> Result<ElectionFile, Problems> {
        let values = |seat_rule: SeatRule| DefinitionPlan {
            constituencies: lists.constituencies.into_iter().map(|one| one.value).collect(),
            stations: lists.stations.into_iter().map(|one| one.value).collect(),
            forms: forms.iter().map(|form| form.form.clone()).collect(),
            seat_rule,
        };
        let Some(definition) = self.seat_rule.filter(|_| problems.is_empty()).map(values) else {
            return Err(problems.sorted());
        };
        let parts = match definition.clone().into_parts() {
            Ok((parts, _)) => parts.len(),
            Err(error) => {
                problems.add(start.problem(&error.to_string()));
                0
            }
        };
        if parts > PARTS_MAX {
            let what =
                format!("the definition takes {parts} records and a genesis record lists {PARTS_MAX}: shorten it");
            problems.add(start.problem(&what));
        }
        let whole = (self.rehearsal, self.title, self.origin_prefix, self.decree, self.embargo);
        let (Some(rehearsal), Some(title), Some(origin_prefix), Some(decree), Some(embargo)) = whole else {
            return Err(problems.sorted());
        };
        if !problems.is_empty() {
            return Err(problems.sorted());
        }
        Ok(ElectionFile {
            rehearsal,
            title,
            origin_prefix,
            decree,
            embargo_ms: embargo.value,
            official_hours: self.official_hours,
            rules: self.rules,
            definition,
            forms,
            not_on_ballot: lists.not_on_ballot,
            mobile_units: lists.mobile,
            parts,
        })
    }
}

fn same(one: &FormFile, other: &FormFile) -> bool {
    (&one.form.code, one.form.version) == (&other.form.code, other.form.version)
}

/// A rehearsal says so in every language; a real election does not.
fn read_title(file: &Section<'_, '_>, rehearsal: Option<bool>) -> Option<Title> {
    let title = file.title_due("title", TITLE_BYTES_MAX)?;
    let place = file.keys().into_iter().find(|key| key.value == "title").map_or_else(|| file.span(), |key| key.span);
    for (text, mark) in [&title.ky, &title.ru, &title.en].into_iter().zip(REHEARSAL_TITLES) {
        match rehearsal {
            Some(true) if !text.starts_with(mark) => {
                file.problem(&place, format!("the title of a rehearsal begins with {mark:?}: {text:?} does not"));
            }
            Some(false) if text.starts_with(mark) => {
                file.problem(&place, format!("a real election is not called {mark:?}"));
            }
            _ => {}
        }
    }
    Some(title)
}

fn read_origin(file: &Section<'_, '_>, rehearsal: Option<bool>) -> Option<String> {
    let origin = file.text_due("origin")?;
    if KeyName::new(&origin.value).is_err() {
        file.problem(&origin.span, "an origin is like \"elections.example/2025\": no blanks, no plus");
    }
    let marked = origin.value.starts_with(REHEARSAL_ORIGIN);
    if rehearsal.is_some_and(|rehearsal| rehearsal != marked) {
        let what =
            format!("the origin of a rehearsal begins with {REHEARSAL_ORIGIN:?} and that of a real election does not");
        file.problem(&origin.span, what);
    }
    Some(origin.value)
}

/// The act, with the digests of its text: from a file, from the definition itself, or stated.
fn read_decree(section: &Section<'_, '_>, files: &dyn Files) -> Option<Decree> {
    let (number, date) = (section.text_due("number"), section.text_due("date"));
    let text = match (section.text("file"), section.text("text")) {
        (Some(file), None) => match files.read(&file.value) {
            Ok(bytes) => Some(bytes),
            Err(what) => {
                section.problem(&file.span, what);
                None
            }
        },
        (None, Some(text)) => Some(text.value.into_bytes()),
        _ => {
            section
                .problem(&section.span(), "give either file or text: the act whose digests the genesis record carries");
            None
        }
    };
    section.finish();
    let text = text?;
    Some(Decree {
        number: number?.value,
        date: date?.value,
        blake3: Digest(*blake3::hash(&text).as_bytes()),
        sha256: Digest(sha2::Sha256::digest(&text).into()),
    })
}

fn read_embargo(file: &Section<'_, '_>) -> Option<Placed<u64>> {
    let embargo = file.instant("embargo");
    if embargo.is_none() && !file.has("embargo") {
        file.problem(
            &file.span(),
            "embargo is missing: when the last station abroad closes, like 2025-12-01T10:00:00+06:00",
        );
    }
    let (date, time, offset_minutes) = embargo.as_ref()?.value;
    let span = embargo.as_ref()?.span.clone();
    let value = instant_ms(date, time, offset_minutes);
    if value.is_none() {
        file.problem(&span, "before 1970");
    }
    Some(Placed { value: value?, at: file.at(&span) })
}

fn read_hours(file: &Section<'_, '_>, hours: &Hours) -> Vec<OfficialHour> {
    let mut official: Vec<OfficialHour> = Vec::new();
    for text in file.texts("official_hours") {
        let Some(time) = time_of_day(&text.value) else {
            file.problem(&text.span, format!("{:?} is no time of day like \"10:00\"", text.value));
            continue;
        };
        // Without a day there is a problem already.
        let Some(at_ms) = hours.at(time) else { continue };
        if official.last().is_some_and(|last| last.at_ms >= at_ms) {
            file.problem(&text.span, format!("{} does not come after the hour before it", text.value));
        }
        if official.len() == HOURS_MAX {
            file.problem(&text.span, format!("more than {HOURS_MAX} official hours"));
            break;
        }
        official.push(OfficialHour { label: text.value, at_ms });
    }
    official
}

fn read_rules(section: &Section<'_, '_>) -> (Rules, Option<SeatRule>, Option<Where>) {
    let number = |key: &str, range| section.number_due(key, range).map_or(0, |number| number.value);
    let max = u64::from(u32::MAX);
    let rules = Rules {
        member_quorum: number("member_quorum", 1..=SIGNERS_MAX as u64) as u32,
        cell_papers_min: number("cell_papers_min", 2..=max) as u32,
        attestation_validity_ms: number("attestation_validity_s", 1..=86_400) * 1_000,
        offline_identifications_max: number("offline_identifications_max", 0..=max) as u32,
        checkpoint_interval_ms: number("checkpoint_interval_ms", 1..=3_600_000),
        retention_months: number("retention_months", 1..=1_200) as u32,
    };
    let same_sex_max = section.number_due("same_sex_max", 0..=62);
    let design = section.text_due("ballot_design");
    section.finish();
    let place = same_sex_max.as_ref().map(|number| section.at(&number.span));
    let rule = same_sex_max.zip(design).map(|(number, design)| SeatRule {
        same_sex_max: number.value as u32,
        ballot_design: Digest(*blake3::hash(design.value.as_bytes()).as_bytes()),
    });
    (rules, rule, place)
}

/// Numbered from 1 without gaps, and each with a station in which its voters are at home.
fn check_constituencies(list: &mut [Placed<Constituency>], stations: &[Placed<Station>], problems: &mut Problems) {
    list.sort_by_key(|one| one.value.number);
    let mut due = 1;
    for one in list.iter() {
        let number = one.value.number;
        if number < due {
            problems.add(one.at.problem(&format!("constituency {number} is there twice")));
        } else if number > due {
            problems
                .add(one.at.problem(&format!("constituency {due} is missing: they are numbered from 1 without gaps")));
        }
        due = number.max(due - 1) + 1;
        if !stations.is_empty() && !stations.iter().any(|station| station.value.constituency == number) {
            problems.add(one.at.problem(&format!("no station belongs to constituency {number}")));
        }
    }
}

/// Each number once, each constituency there, and nobody votes after counts may be shown.
fn check_stations(
    list: &mut [Placed<Station>],
    constituencies: &[Placed<Constituency>],
    embargo: Option<&Placed<u64>>,
    problems: &mut Problems,
) {
    list.sort_by_key(|one| one.value.number);
    let mut first: BTreeMap<u32, &Where> = BTreeMap::new();
    let mut told_late: Vec<&Where> = Vec::new();
    let mut told_unknown: Vec<(&Where, u32)> = Vec::new();
    for one in list.iter() {
        let Station { number, constituency, closes_ms, .. } = one.value;
        if let Some(other) = first.insert(number, &one.at) {
            problems.add(one.at.problem(&format!("station {number} is there twice: also in {other}")));
        }
        // A group of stations is told once.
        if constituency != 0
            && !constituencies.iter().any(|one| one.value.number == constituency)
            && !told_unknown.contains(&(&one.at, constituency))
        {
            told_unknown.push((&one.at, constituency));
            problems.add(one.at.problem(&format!("constituency {constituency} of station {number} does not exist")));
        }
        if let Some(embargo) = embargo.filter(|embargo| embargo.value < closes_ms)
            && !told_late.contains(&&one.at)
        {
            told_late.push(&one.at);
            let what = format!(
                "station {number} closes after the embargo has ended ({}): counts would be shown while it votes",
                embargo.at
            );
            problems.add(one.at.problem(&what));
        }
    }
}
