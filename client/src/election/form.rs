//! A protocol form from its file.
//!
//! ```toml
//! code = "ru-20fz-12"
//! version = 1
//! source = "the law that has the form"
//!
//! [[line]]
//! code = "1"
//! title = { ky = "…", ru = "…", en = "…" }
//!
//! [[relation]]
//! expression = "L1 >= L3 + L4 + L5"
//! hard = true
//! ```

use crate::document::{At, Document, Problems, Section};
use std::collections::BTreeMap;
use std::ops::Range;
use tamga_ledger::definition::RELATIONS_MAX;
use tamga_ledger::forms::parse_relation;
use tamga_ledger::kinds::{Form, FormLine, Relation};

/// Most lines of a form.
pub const FORM_LINES_MAX: usize = 200;
/// Most bytes of a title in one language.
pub(super) const TITLE_BYTES_MAX: usize = 400;

/// A form with what only people need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFile {
    /// As the ledger knows it.
    pub form: Form,
    /// Where the form comes from: the law and its article.
    pub source: String,
    /// How its relations are called and written, in their order.
    pub relations: Vec<NamedRelation>,
}

/// How a relation is called and written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NamedRelation {
    /// Its code; `R1`, `R2` … unless the file says otherwise.
    pub code: String,
    /// As the file has it.
    pub expression: String,
    /// Whether a protocol that breaks it stays out of the summary.
    pub hard: bool,
}

impl FormFile {
    /// Reads a form; `name` is how problems call the file.
    ///
    /// # Errors
    /// [`Problems`]: every fault by line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let (form, problems) = Document::new(name, text).read(Self::read);
        match form {
            Some(form) if problems.is_empty() => Ok(form),
            _ => Err(problems.sorted()),
        }
    }

    fn read(file: &Section<'_, '_>) -> Option<Self> {
        let code = file.text_due("code");
        let version = file.number_due("version", 1..=u64::from(u32::MAX));
        let source = file.text_due("source");
        let lines = lines(file);
        let (relations, named) = relations(file, &lines);
        let lines = lines.into_iter().map(|line| line.value).collect();
        let form = Form { code: code?.value, version: version?.value as u32, lines, relations };
        Some(Self { form, source: source?.value, relations: named })
    }
}

fn lines(file: &Section<'_, '_>) -> Vec<At<FormLine>> {
    let mut lines = Vec::new();
    let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
    for section in file.sections("line") {
        let code = section.text_due("code");
        let title = section.title_due("title", TITLE_BYTES_MAX);
        let discloses = section.flag("discloses").is_some_and(|flag| flag.value);
        section.finish();
        let Some(code) = code else { continue };
        // The expression's grammar says what a code is.
        if parse_relation(&format!("L{} = 0", code.value)).is_err() {
            section.problem(
                &code.span,
                format!("{:?} is no code: 1 to 16 bytes of letters, digits, full stops", code.value),
            );
        }
        if seen.insert(code.value.clone(), code.span.clone()).is_some() {
            section.problem(&code.span, format!("line {} is there twice", code.value));
        }
        if let Some(title) = title {
            let line = FormLine { code: code.value, title, discloses: u8::from(discloses) };
            lines.push(At { value: line, span: code.span });
        }
    }
    if seen.is_empty() {
        file.problem(&(0..0), "the form has no lines: write [[line]]");
    }
    if let Some(line) = lines.get(FORM_LINES_MAX) {
        file.problem(&line.span, format!("more than {FORM_LINES_MAX} lines"));
    }
    lines
}

fn relations(file: &Section<'_, '_>, lines: &[At<FormLine>]) -> (Vec<Relation>, Vec<NamedRelation>) {
    let mut relations = Vec::new();
    let mut named: Vec<NamedRelation> = Vec::new();
    for (section, place) in file.sections("relation").into_iter().zip(1_usize..) {
        let expression = section.text_due("expression");
        let hard = section.flag("hard").map(|flag| flag.value);
        if hard.is_none() && !section.has("hard") {
            section
                .problem(&section.span(), "hard is missing: true keeps a protocol out of the summary, false flags it");
        }
        let code = section.text("code").unwrap_or_else(|| At { value: format!("R{place}"), span: section.span() });
        section.finish();
        if place > RELATIONS_MAX {
            section.problem(&section.span(), format!("more than {RELATIONS_MAX} relations"));
            break;
        }
        if named.iter().any(|other| other.code == code.value) {
            section.problem(&code.span, format!("relation {} is there twice", code.value));
        }
        let Some(expression) = expression else { continue };
        // Faulty already if it is not there.
        let hard = hard.unwrap_or(true);
        match parse_relation(&expression.value) {
            Err(error) => section.problem_inside(&expression.span, error.at, error.what),
            Ok(parsed) => {
                for code in parsed.lines().filter(|code| !lines.iter().any(|line| line.value.code == **code)) {
                    section.problem(&expression.span, format!("the form has no line {code}"));
                }
                relations.push(parsed.into_relation(hard));
                named.push(NamedRelation { code: code.value, expression: expression.value, hard });
            }
        }
    }
    (relations, named)
}
