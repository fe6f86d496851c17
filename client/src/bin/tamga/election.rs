//! `tamga election`: the definition of an election as files; only `submit` needs a ledger.

use crate::args::{ElectionCommand, ElectionPlace, ElectionSubmit};
use crate::failure::{Done, Failure, failed, said, unread};
use crate::governance::{read as read_file, write};
use crate::output::{Output, open_source};
use crate::submit::submit_all;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::Scribe;
use tamga_client::document::DOCUMENT_BYTES_MAX;
use tamga_client::document::Problems;
use tamga_client::election::{ElectionFile, Folder, NotOnBallot, Rules, shipped_election, shipped_elections};
use tamga_client::evidence::Language;
use tamga_client::verify::{Opened, Weight};
use tamga_ledger::definition::part_digest;
use tamga_ledger::forms::in_words;
use tamga_ledger::ids::{Digest, PublicKey};
use tamga_ledger::kinds::{Body as _, Candidate, Decree, DefinitionPart, OfficialHour, Title};
use tamga_ledger::record::{RECORD_BYTES_MAX, Scope};
use tamga_platform::calendar::iso_utc;
use tamga_platform::disk::Disk;

const NAME: &str = "election";

pub(crate) fn run(arguments: &ElectionCommand, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        ElectionCommand::Check(place) => {
            let election = read(place, &**disk, output)?;
            let content = Summary::of(&election);
            output.print(NAME, "clean", &content, || content.text(output.language()));
            Ok(())
        }
        ElectionCommand::Show(place) => {
            let election = read(place, &**disk, output)?;
            let content = Shown::of(&election);
            output.print(NAME, "shown", &content, || content.text(output.language()));
            Ok(())
        }
        ElectionCommand::Parts { place, out } => parts(place, out, disk, output),
        ElectionCommand::Submit(arguments) => submit(arguments, disk, output),
        ElectionCommand::List => {
            let codes: Vec<&str> = shipped_elections().iter().map(|election| election.code).collect();
            #[derive(Serialize)]
            struct Codes<'a> {
                elections: &'a [&'a str],
            }
            output.print(NAME, "shown", &Codes { elections: &codes }, || codes.join("\n"));
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct Parts {
    /// In their order, each with its digest in the genesis record.
    parts: Vec<(String, Digest)>,
}

fn parts(place: &ElectionPlace, out: &Path, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let (made, _) = read(place, &**disk, output)?.definition.into_parts().map_err(failed)?;
    disk.create_dir_all(out).map_err(failed)?;
    let mut content = Parts { parts: Vec::new() };
    for (number, part) in made.iter().enumerate() {
        let (path, bytes) = (out.join(format!("part-{number}.cbor")), part.to_bytes());
        write(disk, &path, &bytes)?;
        content.parts.push((path.display().to_string(), part_digest(&bytes)));
    }
    output.print(NAME, "written", &content, || {
        content.parts.iter().map(|(path, digest)| format!("{digest}  {path}")).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// Only what the genesis record lists, in its order, is signed: nodes would refuse the rest.
fn submit(arguments: &ElectionSubmit, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let due = &opened.trust.election().parts;
    let mut parts = Vec::with_capacity(arguments.parts.len());
    for (position, path) in arguments.parts.iter().enumerate() {
        let bytes = read_file(disk, path, RECORD_BYTES_MAX as u64)?;
        if due.get(position) != Some(&part_digest(&bytes)) {
            let what = "is not the part that the genesis record lists at this place";
            return Err(failed(format!("{} {what} ({position}, from 0)", path.display())));
        }
        parts.push(DefinitionPart::from_bytes(&bytes).map_err(failed)?);
    }
    if parts.len() != due.len() {
        return Err(said(
            format!("негиздөөчү жазууда {} бөлүк саналган: баарын атаңыз", due.len()),
            format!("в учредительной записи частей {}: назовите все", due.len()),
            format!("the genesis record lists {} parts: name all of them", due.len()),
        ));
    }
    let draft = |scribe: &Scribe, commission: PublicKey| {
        parts.iter().map(|part| scribe.draft(Scope::Election, &[commission], part)).collect()
    };
    submit_all(NAME, &opened, &arguments.submit, draft, disk, output)
}

/// Faults of a definition.
#[derive(Serialize)]
struct Faults<'a> {
    definition: String,
    #[serde(flatten)]
    problems: &'a Problems,
}

fn read(place: &ElectionPlace, disk: &dyn Disk, output: &Output) -> Result<ElectionFile, Failure> {
    let path = &place.definition;
    let result = match path.to_str().and_then(shipped_election) {
        Some(shipped) => ElectionFile::shipped(shipped.code),
        None => from_disk(path, disk)?,
    };
    result.map_err(|problems| {
        let content = Faults { definition: path.display().to_string(), problems: &problems };
        let total = problems.total;
        output.print(NAME, "faults", &content, || match output.language() {
            Language::Ky => format!("{problems}\nКата: {total}"),
            Language::Ru => format!("{problems}\nОшибок: {total}"),
            Language::En => format!("{problems}\n{total} faults"),
        });
        Failure::Shown(Weight::Refuted)
    })
}

/// A main file that cannot be read is no fault of the definition.
fn from_disk(path: &Path, disk: &dyn Disk) -> Result<Result<ElectionFile, Problems>, Failure> {
    let (folder, name) = Folder::of(disk, path);
    if let Err(error) = disk.read(path, DOCUMENT_BYTES_MAX) {
        let known = shipped_elections().iter().map(|election| election.code).collect::<Vec<_>>().join(", ");
        return Err(unread(path, error).and(&known));
    }
    Ok(ElectionFile::read(&folder, &name))
}

/// The definition in numbers.
#[derive(Serialize)]
struct Summary {
    rehearsal: bool,
    title: Title,
    origin: String,
    constituencies: usize,
    seats: u64,
    candidates: usize,
    women: usize,
    stations: usize,
    stations_ordinary: usize,
    stations_remote: usize,
    stations_abroad: usize,
    units: usize,
    mobile_units: u64,
    forms: usize,
    /// Records that the definition takes.
    parts: usize,
}

impl Summary {
    fn of(election: &ElectionFile) -> Self {
        let definition = &election.definition;
        let of_kind = |kind: u8| definition.stations.iter().filter(|station| station.station_kind == kind).count();
        let candidates = || definition.constituencies.iter().flat_map(|one| &one.candidates);
        Self {
            rehearsal: election.rehearsal,
            title: election.title.clone(),
            origin: election.origin_prefix.clone(),
            constituencies: definition.constituencies.len(),
            seats: definition.constituencies.iter().map(|one| u64::from(one.seats)).sum(),
            candidates: candidates().count(),
            women: candidates().filter(|candidate| candidate.sex == 1).count(),
            stations: definition.stations.len(),
            stations_ordinary: of_kind(0),
            stations_remote: of_kind(1),
            stations_abroad: of_kind(2),
            units: definition.stations.iter().map(|station| station.units.len()).sum(),
            mobile_units: election.mobile_units,
            forms: definition.forms.len(),
            parts: election.parts,
        }
    }

    fn text(&self, language: Language) -> String {
        let standing = if self.rehearsal {
            language.of("МАШЫГУУ, чыныгы шайлоо эмес", "РЕПЕТИЦИЯ, не настоящие выборы", "REHEARSAL, no real election")
        } else {
            language.of("ЧЫНЫГЫ ШАЙЛОО", "НАСТОЯЩИЕ ВЫБОРЫ", "A REAL ELECTION")
        };
        let Self { title, origin, constituencies, seats, candidates, women, stations, .. } = self;
        let Self { stations_ordinary: ordinary, stations_remote: remote, stations_abroad: abroad, .. } = self;
        let Self { units, mobile_units: mobile, forms, parts, .. } = self;
        let numbers = match language {
            Language::Ky => format!(
                "  журнал {origin}\n  {constituencies} округ, {seats} мандат, {candidates} талапкер (аялдар: {women})\n  {stations} участка: \
                 кадимки {ordinary}, аралыктан {remote}, чет өлкөдө {abroad}; {units} бирдик, алардын көчмөсү {mobile}\n  {forms} \
                 форма; аныктоонун жазуулары: {parts}"
            ),
            Language::Ru => format!(
                "  журнал {origin}\n  округов {constituencies}, мандатов {seats}, кандидатов {candidates} (женщин {women})\n  участков \
                 {stations}: обычных {ordinary}, дистанционных {remote}, за рубежом {abroad}; единиц {units}, из них выездных \
                 {mobile}\n  форм {forms}; записей определения {parts}"
            ),
            Language::En => format!(
                "  origin {origin}\n  {constituencies} constituencies, {seats} seats, {candidates} candidates ({women} women)\n  \
                 {stations} stations: {ordinary} ordinary, {remote} remote, {abroad} abroad; {units} units, {mobile} of them \
                 mobile\n  {forms} forms; {parts} definition records"
            ),
        };
        format!("{standing}\n{}\n{}\n{}\n{numbers}", title.ky, title.ru, title.en)
    }
}

/// Everything but the lists of stations, of which there are thousands.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    summary: Summary,
    decree: &'a Decree,
    embargo_ms: u64,
    official_hours: &'a [OfficialHour],
    rules: Rules,
    same_sex_max: u32,
    constituency_list: &'a [tamga_ledger::kinds::Constituency],
    not_on_ballot: &'a [NotOnBallot],
    form_list: Vec<FormShown<'a>>,
}

#[derive(Serialize)]
struct FormShown<'a> {
    code: &'a str,
    version: u32,
    source: &'a str,
    lines: usize,
    /// Code, hard or soft, and what the ledger will compute.
    relations: Vec<(&'a str, &'static str, String)>,
}

impl<'a> Shown<'a> {
    fn of(election: &'a ElectionFile) -> Self {
        let forms = election.forms.iter().map(|file| FormShown {
            code: &file.form.code,
            version: file.form.version,
            source: &file.source,
            lines: file.form.lines.len(),
            relations: file
                .relations
                .iter()
                .zip(&file.form.relations)
                .map(|(named, relation)| {
                    (named.code.as_str(), if named.hard { "hard" } else { "soft" }, in_words(relation))
                })
                .collect(),
        });
        Self {
            summary: Summary::of(election),
            decree: &election.decree,
            embargo_ms: election.embargo_ms,
            official_hours: &election.official_hours,
            rules: election.rules,
            same_sex_max: election.definition.seat_rule.same_sex_max,
            constituency_list: &election.definition.constituencies,
            not_on_ballot: &election.not_on_ballot,
            form_list: forms.collect(),
        }
    }

    fn text(&self, language: Language) -> String {
        let of = |ky, ru, en| language.of(ky, ru, en);
        let mut text = self.summary.text(language);
        let hours = self.official_hours.iter().map(|hour| hour.label.as_str()).collect::<Vec<_>>().join(", ");
        let (number, date) = (&self.decree.number, &self.decree.date);
        let (embargo, members) = (iso_utc(self.embargo_ms), self.rules.member_quorum);
        let (same_sex, cell) = (self.same_sex_max, self.rules.cell_papers_min);
        let _ = write!(text, "\n\n");
        let _ = match language {
            Language::Ky => write!(text, "{date} № {number} акты"),
            Language::Ru => write!(text, "Акт № {number} от {date}"),
            Language::En => write!(text, "Act {number}, {date}"),
        };
        let _ = writeln!(text, "\n  SHA-256 {}", self.decree.sha256);
        let _ = match language {
            Language::Ky => writeln!(
                text,
                "Жыйынтыкка тыюу {embargo} чейин; катышуу: {hours}\nКол коюуга керектүү мүчөлөр: {members}; бир жыныстан эң көп \
                 шайланат: {same_sex}; эң кичине уяча: {cell} бюллетень"
            ),
            Language::Ru => writeln!(
                text,
                "Запрет на подсчёты до {embargo}; явка: {hours}\nПодписей членов нужно {members}; одного пола избирается не более \
                 {same_sex}; наименьшая ячейка {cell} бюллетеней"
            ),
            Language::En => writeln!(
                text,
                "Embargo until {embargo}; turnout at {hours}\nMember quorum {members}; at most {same_sex} of one sex elected; \
                 smallest cell {cell} papers"
            ),
        };
        for one in self.constituency_list {
            let title = match language {
                Language::Ky => &one.title.ky,
                Language::Ru => &one.title.ru,
                Language::En => &one.title.en,
            };
            let _ = writeln!(text, "\n{title} ({}: {})", of("мандат", "мандатов", "seats"), one.seats);
            for candidate in &one.candidates {
                let sex = if candidate.sex == 1 { of("а", "ж", "w") } else { of("э", "м", "m") };
                let _ = writeln!(text, "  {:>3} {sex}  {}", candidate.position, name(candidate, language));
            }
            for other in self.not_on_ballot.iter().filter(|other| other.constituency == one.number) {
                let _ = writeln!(text, "    –    {} ({})", other.name_ru, other.status);
            }
        }
        for FormShown { code, version, source, lines, relations } in &self.form_list {
            let _ = match language {
                Language::Ky => writeln!(text, "\n{code} формасы, версиясы {version}, сап: {lines}. {source}"),
                Language::Ru => writeln!(text, "\nФорма {code} версии {version}, строк: {lines}. {source}"),
                Language::En => writeln!(text, "\nForm {code} version {version}: {lines} lines. {source}"),
            };
            for (code, weight, relation) in relations {
                let weight = if *weight == "hard" {
                    of("катуу", "жёсткое", "hard")
                } else {
                    of("жумшак", "мягкое", "soft")
                };
                let _ = writeln!(text, "  {code:<4} {weight}  {relation}");
            }
        }
        text
    }
}

fn name(candidate: &Candidate, language: Language) -> &str {
    if language == Language::Ky { &candidate.name_ky } else { &candidate.name_ru }
}
