//! `tamga day seed`, and the records of a machine's count: ballot batches, the opening of a unit's own count, the nation's sums.
//!
//! Counts are shown to whoever drafts an opening, so nothing is drafted that the ledger would refuse to show: the ledger is audited first,
//! and the judge's own rules are asked.

use crate::args::{BasisSide, SeedArguments};
use crate::failure::{Done, Failure, failed, no_constituency, said, unfit};
use crate::governance::{read, write};
use crate::output::Output;
use crate::report::audited;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_client::counting::{Aggregator, COUNTS_BYTES_MAX, Opening, PART_BYTES_MAX, Part, UnitSeed, read_counts};
use tamga_client::evidence::Language;
use tamga_client::verify::Opened;
use tamga_ledger::commitment::{Commitment, verify_opening};
use tamga_ledger::definition::Definition;
use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::{BallotBatch, Basis, TotalOpening};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::state::State;
use tamga_ledger::verdict::Refusal;
use tamga_platform::calendar::iso_utc;
use tamga_platform::clock::{Clock as _, SystemClock};
use tamga_platform::disk::Disk;
use tamga_platform::entropy::{OsEntropy, random_bytes};
use zeroize::{Zeroize as _, Zeroizing};

const NAME: &str = "day";

#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
}

/// Makes a unit's seed, in a file that only its owner can read; an existing one is never replaced.
pub(crate) fn new_seed(arguments: &SeedArguments, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let path = &arguments.out;
    if !matches!(disk.read(path, 80), Err(error) if error.kind() == std::io::ErrorKind::NotFound) {
        let path = path.display();
        return Err(said(
            format!("{path} буга чейин эле бар: бул үрөн менен бекитилгенди ушул үрөн менен гана ачууга болот"),
            format!("{path} уже есть: запечатанное под этим зерном открывается только им"),
            format!("{path} is there already: what was committed under a seed can be opened with this seed only"),
        ));
    }
    let mut bytes: [u8; 32] = random_bytes(&OsEntropy);
    let text = Zeroizing::new(hex::encode(bytes) + "\n");
    bytes.zeroize();
    write(disk, path, text.as_bytes())?;
    output.answer(NAME, &Written { file: path }, || format!("→ {}", path.display()));
    Ok(())
}

pub(crate) fn seed(path: &Path, disk: &Arc<dyn Disk>) -> Result<UnitSeed, Failure> {
    let text = Zeroizing::new(read(disk, path, 80)?);
    let mut bytes = Zeroizing::new([0; 32]);
    let decoded = hex::decode_to_slice(text.trim_ascii(), bytes.as_mut_slice());
    decoded.map_err(|_| {
        let path = path.display();
        said(
            format!("{path}: үрөндө он алтылык 64 белги болушу керек"),
            format!("{path}: в зерне должно быть 64 шестнадцатеричных знака"),
            format!("{path}: a seed has 64 hexadecimal digits"),
        )
    })?;
    Ok(UnitSeed::new(*bytes))
}

/// A part, out of a file of the right election.
fn part(path: &Path, opened: &Opened<'_>, disk: &Arc<dyn Disk>) -> Result<Part, Failure> {
    let bytes = Zeroizing::new(read(disk, path, PART_BYTES_MAX as u64)?);
    let part = Part::from_json(&bytes).map_err(|error| unfit(path, error))?;
    if part.election != *opened.trust.election_id() {
        let (path, election) = (path.display(), part.election);
        return Err(said(
            format!("{path}: бул башка шайлоонуку, {election}"),
            format!("{path}: это от других выборов, {election}"),
            format!("{path}: it is of another election, {election}"),
        ));
    }
    Ok(part)
}

/// Keeps what opens a unit's cells. Written before the draft: a draft without its part could never be opened.
pub(crate) fn keep(part: &Part, path: &Path, disk: &Arc<dyn Disk>) -> Done {
    write(disk, path, part.to_json().as_bytes())
}

/// What a batch is made of.
pub(crate) struct BatchFiles<'a> {
    pub(crate) seed: &'a Path,
    pub(crate) counts: &'a Path,
    pub(crate) part: &'a Path,
}

/// The next batch of a unit, and its part, kept.
pub(crate) fn batch(
    files: &BatchFiles<'_>,
    (number, last): (u32, bool),
    scope: Scope,
    opened: &Opened<'_>,
    known: &Definition,
    disk: &Arc<dyn Disk>,
) -> Result<BallotBatch, Failure> {
    let Scope::Unit(unit) = scope else {
        return Err(said(
            "бюллетендердин топтому бирдиктики: --station менен --unit бериңиз",
            "партия бюллетеней бывает у единицы: укажите --station и --unit",
            "a batch is a unit's: give --station and --unit",
        ));
    };
    let text = Zeroizing::new(read(disk, files.counts, COUNTS_BYTES_MAX as u64)?);
    let counts = read_counts(&text, known).map_err(|faults| {
        let path = files.counts.display();
        failed(faults.iter().map(|fault| format!("{path}: {fault}")).collect::<Vec<_>>().join("\n"))
    })?;
    if !counts.contains_key(&number) {
        eprintln!("tamga: WARNING: {}: batch {number} has no line, so no papers", files.counts.display());
    }
    if let Some(later) = counts.keys().next_back().filter(|later| last && **later > number) {
        let path = files.counts.display();
        return Err(said(
            format!("{path}: {later}-топтом акыркысынан, {number}-топтомдон кийин турат"),
            format!("{path}: партия {later} стоит за последней, {number}"),
            format!("{path}: batch {later} is behind the last one, {number}"),
        ));
    }
    // A folder in which the file is not there yet begins with batch 1.
    let earlier = match disk.read(files.part, PART_BYTES_MAX as u64) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        _ => Some(part(files.part, opened, disk)?),
    };
    let place = (*opened.trust.election_id(), unit);
    let made = Part::with_batch(place, earlier.as_ref(), seed(files.seed, disk)?, known, &counts, (number, last));
    let (part, batch) = made.map_err(|error| unfit(files.part, error))?;
    keep(&part, files.part, disk)?;
    Ok(batch)
}

fn no_cell(path: &Path, number: u32) -> Failure {
    let path = path.display();
    said(
        format!("{path}: {number}-уяча жок"),
        format!("{path}: нет ячейки {number}"),
        format!("{path}: no cell {number}"),
    )
}

/// The ledger as audited, after the embargo.
fn counted(opened: &Opened<'_>, output: &Output) -> Result<State, Failure> {
    let (_, state) = audited(NAME, opened, Language::En, output)?;
    let embargo_ms = state.election().map_or(u64::MAX, |election| election.embargo_ms);
    if SystemClock.now_ms() < embargo_ms {
        let ends = iso_utc(embargo_ms);
        return Err(said(
            format!("тыюу бүткүчө эсептер көрсөтүлбөйт: {ends}"),
            format!("до конца запрета подсчёты не показываются: {ends}"),
            format!("counts are not shown before the embargo ends: {ends}"),
        ));
    }
    Ok(state)
}

/// Opens a unit's own count.
pub(crate) fn own_opening(
    path: &Path,
    scope: Scope,
    opened: &Opened<'_>,
    disk: &Arc<dyn Disk>,
    output: &Output,
) -> Result<TotalOpening, Failure> {
    let Scope::Unit(unit) = scope else {
        return Err(said(
            "ачылыш бирдиктики: --station менен --unit бериңиз",
            "открытие бывает у единицы: укажите --station и --unit",
            "an opening is a unit's: give --station and --unit",
        ));
    };
    let part = part(path, opened, disk)?;
    if (part.unit, part.basis, part.complete) != (unit, Basis::Machine, true) {
        let path = path.display();
        return Err(said(
            format!("{path}: бул ушул бирдиктин акыркы топтому менен толук бөлүгү эмес: {part:?}"),
            format!("{path}: это не часть партий этой единицы с последней: {part:?}"),
            format!("{path}: it is not the part of this unit's batches with the last one: {part:?}"),
        ));
    }
    let state = counted(opened, output)?;
    let (papers, commitment) = state.own_cell_to_open(unit).map_err(|refusal| refused(refusal, None))?;
    let home = state.definition().station(unit.station).map_or(0, |station| station.constituency);
    let opening = part.opening(home).ok_or_else(|| no_cell(path, home))?;
    check(opening, papers, &commitment, path)?;
    Ok(body(opening))
}

/// Opens the nation's sum of a constituency's cells that are not shown by themselves.
pub(crate) fn total(
    paths: &[PathBuf],
    side: BasisSide,
    scope: Scope,
    opened: &Opened<'_>,
    disk: &Arc<dyn Disk>,
    output: &Output,
) -> Result<TotalOpening, Failure> {
    let Scope::Constituency(number) = scope else {
        return Err(said(
            "жыйынтык округдуку: --constituency бериңиз",
            "итог бывает у округа: укажите --constituency",
            "a total has a --constituency",
        ));
    };
    let basis = match side {
        BasisSide::Machine => Basis::Machine,
        BasisSide::Hand => Basis::Hand,
    };
    let state = counted(opened, output)?;
    let legal = state.legal();
    let known = state.definition().constituency(number);
    known.ok_or_else(|| no_constituency(number))?;
    // Which units lack a cell is the first thing that whoever sums has to know.
    let covered = state
        .remote_cells_to_open(basis, number, &legal)
        .map_err(|refusal| refused(refusal, Some(waiting(&state, basis, number))))?;
    let (mut sum, mut added): (Aggregator, Vec<UnitId>) = (Aggregator::new(basis, number), Vec::new());
    for path in paths {
        let part = part(path, opened, disk)?;
        let file = path.display();
        if part.basis != basis {
            return Err(said(
                format!("{file}: бул башка эсептики: машина менен кол эсеби өз-өзүнчө кошулат"),
                format!("{file}: это от другого подсчёта: машинный и ручной складываются отдельно"),
                format!("{file}: it is of the other count: machine and hand are summed apart"),
            ));
        }
        if added.contains(&part.unit) {
            return Err(said(
                format!("{file}: {} бирдиги мурда берилген", part.unit),
                format!("{file}: единица {} уже дана", part.unit),
                format!("{file}: unit {} was given before", part.unit),
            ));
        }
        added.push(part.unit);
        if legal.is_annulled(part.unit) {
            eprintln!("tamga: unit {} is annulled and not in the sum", part.unit);
            continue;
        }
        match state.hidden_cell(basis, part.unit, number) {
            None => {
                return Err(said(
                    format!("{file}: журналда {} бирдигинин уячасы жок", part.unit),
                    format!("{file}: в журнале нет ячейки единицы {}", part.unit),
                    format!("{file}: unit {} has no cell in the ledger", part.unit),
                ));
            }
            // Shown by itself: never summed, or the sum would open nothing.
            Some(None) => {}
            Some(Some((papers, commitment))) => {
                let opening = part.opening(number).ok_or_else(|| no_cell(path, number))?;
                check(opening, papers, &commitment, path)?;
                sum.add(opening).map_err(|error| unfit(path, error))?;
            }
        }
    }
    let missing: Vec<String> = state
        .definition()
        .units()
        .filter(|unit| !legal.is_annulled(*unit) && !added.contains(unit))
        .filter(|unit| matches!(state.hidden_cell(basis, *unit, number), Some(Some(_))))
        .map(|unit| unit.to_string())
        .collect();
    if !missing.is_empty() {
        let units = listed(&missing);
        return Err(said(
            format!("бул бирдиктердин бөлүктөрү жок: {units}"),
            format!("не хватает частей этих единиц: {units}"),
            format!("the parts of these units are missing: {units}"),
        ));
    }
    let opening = sum.opening().ok_or_else(|| {
        said(
            "бир да бирдикте кошула турган уяча жок",
            "ни у одной единицы нет ячейки для суммы",
            "no unit has a cell that is to be summed",
        )
    })?;
    let all = tamga_ledger::commitment::sum(&covered.commitments);
    check(&opening, covered.papers, &all, Path::new("the sum of the parts"))?;
    Ok(body(&opening))
}

/// Units whose cell is not in the ledger yet.
fn waiting(state: &State, basis: Basis, constituency: u32) -> Vec<String> {
    let legal = state.legal();
    let lacking = state.definition().units().filter(|unit| !legal.is_annulled(*unit));
    let lacking = lacking.filter(|unit| state.hidden_cell(basis, *unit, constituency).is_none());
    lacking.map(|unit| unit.to_string()).collect()
}

/// The first ten, and how many there are.
fn listed(units: &[String]) -> String {
    let shown = units[..units.len().min(10)].join(", ");
    if units.len() > 10 { format!("{shown}, … ({})", units.len()) } else { shown }
}

fn refused(refusal: Refusal, waiting: Option<Vec<String>>) -> Failure {
    let units = waiting.filter(|units| refusal == Refusal::CoverageIncomplete && !units.is_empty());
    let (slug, text) = (refusal.slug(), refusal.text());
    let (ky, ru, en) = units.map_or_else(Default::default, |units| {
        let units = listed(&units);
        (
            format!(" Күтүлгөн бирдиктер: {units}."),
            format!(" Ожидаются единицы {units}."),
            format!(" Waiting for units {units}."),
        )
    });
    said(
        format!("журнал муну кабыл албайт ({slug}): {text}{ky}"),
        format!("журнал это не примет ({slug}): {text}{ru}"),
        format!("the ledger would refuse it ({slug}): {text}{en}"),
    )
}

fn check(opening: &Opening, papers: u64, commitment: &Commitment, path: &Path) -> Done {
    let opens = verify_opening(commitment, &opening.counts, opening.blinding.reveal()).is_ok();
    if opens && opening.papers() == papers {
        return Ok(());
    }
    let (path, number, here) = (path.display(), opening.constituency, opening.papers());
    Err(said(
        format!("{path}: журналдагы {number}-округдун бекитилгенин ачпайт (журналда {papers} бюллетень, мында {here})"),
        format!(
            "{path}: не открывает того, что в журнале об округе {number} (бюллетеней в журнале {papers}, здесь {here})"
        ),
        format!(
            "{path}: it does not open what the ledger holds of constituency {number} ({papers} papers in the ledger, \
             {here} here)"
        ),
    ))
}

fn body(opening: &Opening) -> TotalOpening {
    TotalOpening {
        basis: opening.basis as u8,
        constituency: opening.constituency,
        counts: opening.counts.as_slice().to_vec(),
        blinding: Digest(opening.blinding.reveal()),
    }
}
