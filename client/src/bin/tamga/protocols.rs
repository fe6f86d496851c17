//! `tamga protocols`: tables of protocols held against a form's control relations. Needs no ledger and no network.

mod text;

use crate::args::{Protocols, ProtocolsCheck, ProtocolsDraft};
use crate::failure::{Done, Failure, failed, said, unread};
use crate::output::{Output, advance};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use tamga_client::election::{FormFile, shipped_form, shipped_forms};
use tamga_client::protocols::{Broken, CheckError, Finding, Mapping, RelationReport, Report, RowFault, check, draft};
use tamga_client::streams::{FileReader, StagedFile};
use tamga_client::verify::Weight;
use tamga_platform::disk::Disk;

const NAME: &str = "protocols";
/// Most bytes of a form or a mapping.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How much of a table is looked at to draft a mapping.
const HEAD_BYTES: usize = 1 << 20;
/// Buffer of the table and of the findings.
const BUFFER_BYTES: usize = 1 << 18;

pub(crate) fn run(arguments: &Protocols, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Protocols::Check(arguments) => check_table(arguments, &**disk, output),
        Protocols::Draft(arguments) => draft_mapping(arguments, &**disk),
        Protocols::Form { form } => print_form(form.as_deref(), &**disk),
    }
}

fn read_text(disk: &dyn Disk, path: &Path) -> Result<String, Failure> {
    let bytes = disk.read(path, FILE_BYTES_MAX).map_err(|error| unread(path, error))?;
    let text = String::from_utf8(bytes).map_err(|error| unread(path, error))?;
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}

/// A form by its code, or from a file.
fn form_text(disk: &dyn Disk, form: &str) -> Result<(String, String), Failure> {
    if let Some(shipped) = shipped_form(form) {
        return Ok((shipped.name.to_owned(), shipped.text.to_owned()));
    }
    let known = shipped_forms().iter().map(|form| form.code).collect::<Vec<_>>().join(", ");
    let text = read_text(disk, Path::new(form)).map_err(|failure| failure.and(&known))?;
    Ok((form.to_owned(), text))
}

fn read_form(disk: &dyn Disk, form: &str) -> Result<FormFile, Failure> {
    let (name, text) = form_text(disk, form)?;
    FormFile::parse(&name, &text).map_err(|problems| {
        said(
            format!("форма жараксыз\n{problems}"),
            format!("форма не годится\n{problems}"),
            format!("the form cannot be used\n{problems}"),
        )
    })
}

fn print_form(form: Option<&str>, disk: &dyn Disk) -> Done {
    let text = match form {
        Some(form) => form_text(disk, form)?.1,
        None => shipped_forms().iter().map(|form| format!("{}\n", form.code)).collect(),
    };
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn draft_mapping(arguments: &ProtocolsDraft, disk: &dyn Disk) -> Done {
    let form = read_form(disk, &arguments.form)?;
    let unread = |error: io::Error| unread(&arguments.file, error);
    let table = FileReader::open(disk, &arguments.file).map_err(unread)?;
    let mut head = Vec::new();
    table.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(unread)?;
    let _ = io::stdout().write_all(draft(&form.form, &head).as_bytes());
    Ok(())
}

/// What is printed.
#[derive(Serialize)]
struct Content {
    file: String,
    form: String,
    form_version: u32,
    form_source: String,
    rows: u64,
    accepted: u64,
    malformed: u64,
    skipped: u64,
    broken_hard: u64,
    broken_soft_only: u64,
    /// Rows that break it, by code of the relation; those that hold everywhere are zero.
    broken: BTreeMap<String, u64>,
    relations: Vec<RelationContent>,
    malformed_by_kind: BTreeMap<&'static str, u64>,
    malformed_rows: Vec<RowFault>,
    unused_columns: Vec<String>,
    /// Findings that are counted above and not listed, because of `--list`.
    not_listed: u64,
}

#[derive(Serialize)]
struct RelationContent {
    #[serde(flatten)]
    report: RelationReport,
    places: Vec<Broken>,
}

/// Findings as they come: some are kept to be shown, all are written to the file.
struct Findings<'a> {
    form: &'a FormFile,
    list: usize,
    kept: usize,
    not_listed: u64,
    broken: Vec<Vec<Broken>>,
    faults: Vec<RowFault>,
    out: Option<csv::Writer<BufWriter<StagedFile>>>,
}

/// Columns of the file of findings.
const OUT_HEADER: [&str; 13] = [
    "line",
    "region",
    "constituency",
    "commission",
    "precinct",
    "finding",
    "code",
    "hard",
    "expression",
    "left",
    "right",
    "column",
    "what",
];

impl Findings<'_> {
    fn take(&mut self, finding: Finding) -> io::Result<()> {
        if let Some(out) = &mut self.out {
            out.write_record(record(self.form, &finding)).map_err(io::Error::other)?;
        }
        if self.kept == self.list {
            self.not_listed += 1;
            return Ok(());
        }
        self.kept += 1;
        match finding {
            Finding::Fault(fault) => self.faults.push(fault),
            Finding::Broken(broken) => {
                if let Some(places) = self.broken.get_mut(broken.relation) {
                    places.push(broken);
                }
            }
        }
        Ok(())
    }
}

fn record(form: &FormFile, finding: &Finding) -> Vec<String> {
    let place = match finding {
        Finding::Broken(broken) => &broken.place,
        Finding::Fault(fault) => &fault.place,
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut cells = vec![
        place.line.to_string(),
        text(&place.region),
        text(&place.constituency),
        text(&place.commission),
        text(&place.precinct),
    ];
    match finding {
        Finding::Broken(broken) => {
            let (code, expression, hard) = form
                .relations
                .get(broken.relation)
                .map_or(("", "", false), |named| (&named.code, &named.expression, named.hard));
            cells.extend(["broken", code, if hard { "hard" } else { "soft" }, expression].map(ToOwned::to_owned));
            cells.extend([broken.left.to_string(), broken.right.to_string(), String::new(), String::new()]);
        }
        Finding::Fault(fault) => {
            cells.extend(["malformed", fault.kind.code(), "", "", "", ""].map(ToOwned::to_owned));
            cells.extend([text(&fault.column), fault.what.to_string()]);
        }
    }
    cells
}

fn check_table(arguments: &ProtocolsCheck, disk: &dyn Disk, output: &Output) -> Done {
    let form = read_form(disk, &arguments.form)?;
    let mapping_name = arguments.mapping.display().to_string();
    let mapping = Mapping::parse(&mapping_name, &read_text(disk, &arguments.mapping)?, &form.form);
    let mapping = mapping.map_err(|problems| {
        said(
            format!("тилкелердин дал келүүсү жараксыз\n{problems}"),
            format!("соответствие столбцов не годится\n{problems}"),
            format!("the mapping cannot be used\n{problems}"),
        )
    })?;
    let unread = |error: io::Error| unread(&arguments.file, error);
    let table = FileReader::open(disk, &arguments.file).map_err(unread)?;
    let bytes = table.len_bytes().map_err(unread)?;
    let unwritten = |error: &dyn std::fmt::Display| {
        said(
            format!("табылгандар жазылбайт: {error}"),
            format!("находки не записываются: {error}"),
            format!("findings cannot be written: {error}"),
        )
    };
    let out = match &arguments.out {
        None => None,
        Some(path) => {
            let file = StagedFile::create(disk, path).map_err(|error| unwritten(&error))?;
            let mut out = csv::Writer::from_writer(BufWriter::with_capacity(BUFFER_BYTES, file));
            out.write_record(OUT_HEADER).map_err(|error| unwritten(&error))?;
            Some(out)
        }
    };
    let broken = form.form.relations.iter().map(|_| Vec::new()).collect();
    let mut findings =
        Findings { form: &form, list: arguments.list, kept: 0, not_listed: 0, broken, faults: Vec::new(), out };
    let bar = output.bar("протоколдор текшерилүүдө", "проверка протоколов", "checking protocols");
    let table = io::BufReader::with_capacity(BUFFER_BYTES, table);
    let report = check(table, &form, &mapping, |finding| findings.take(finding), |done, _| advance(&bar, done, bytes));
    bar.finish_and_clear();
    let report = report.map_err(|error| match error {
        CheckError::Columns(problems) => said(
            format!("тилкелердин дал келүүсү таблицага туура келбейт\n{problems}"),
            format!("соответствие столбцов не подходит к таблице\n{problems}"),
            format!("the mapping does not fit the table\n{problems}"),
        ),
        other => failed(other),
    })?;
    if let Some(out) = findings.out.take() {
        let file = out.into_inner().map_err(|error| unwritten(&error.error()))?;
        let file = file.into_inner().map_err(|error| unwritten(&error.error()))?;
        file.finish(disk).map_err(|error| unwritten(&error))?;
    }
    let clean = report.is_clean();
    let content = content(arguments, &form, report, findings);
    let outcome = if clean { "clean" } else { "findings" };
    output.print(NAME, outcome, &content, || text::of(&content, output.language()));
    // Findings are not what exit code 2 is for: everything could be checked.
    if clean { Ok(()) } else { Err(Failure::Shown(Weight::Refuted)) }
}

fn content(arguments: &ProtocolsCheck, form: &FormFile, report: Report, findings: Findings<'_>) -> Content {
    let relations = report.relations.into_iter().zip(findings.broken);
    let relations: Vec<_> = relations.map(|(report, places)| RelationContent { report, places }).collect();
    Content {
        file: arguments.file.display().to_string(),
        form: form.form.code.clone(),
        form_version: form.form.version,
        form_source: form.source.clone(),
        rows: report.rows,
        accepted: report.accepted,
        malformed: report.malformed,
        skipped: report.skipped,
        broken_hard: report.broken_hard,
        broken_soft_only: report.broken_soft_only,
        broken: relations.iter().map(|one| (one.report.code.clone(), one.report.broken)).collect(),
        relations,
        malformed_by_kind: report.faults,
        malformed_rows: findings.faults,
        unused_columns: report.unused_columns,
        not_listed: findings.not_listed,
    }
}
