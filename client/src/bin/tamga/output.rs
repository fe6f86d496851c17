//! What is printed: text for people or one JSON object, failures included; progress only where somebody watches.

use crate::failure::{Failure, exit_code, sentence};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tamga_client::evidence::Language;
use tamga_client::source::{DirectorySource, HttpSource, Source, SourceError};
use tamga_client::verify::{Scratch, Weight};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_platform::disk::Disk;

pub(crate) struct Output {
    json: bool,
    language: Language,
}

#[derive(Serialize)]
struct Answer<'a, T> {
    command: &'a str,
    /// `verified`, `refuted` or `unchecked`.
    outcome: &'a str,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
struct Fault {
    error: String,
}

impl Output {
    pub(crate) const fn new(json: bool, language: Language) -> Self {
        Self { json, language }
    }

    /// In which everything for people is said.
    pub(crate) const fn language(&self) -> Language {
        self.language
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a verified answer.
    pub(crate) fn answer<T: Serialize>(&self, command: &str, content: &T, text: impl FnOnce() -> String) {
        self.print(command, "verified", content, text);
    }

    /// Prints an answer that refutes.
    pub(crate) fn refutation<T: Serialize>(
        &self,
        command: &str,
        content: &T,
        text: impl FnOnce() -> String,
    ) -> Failure {
        self.print(command, "refuted", content, text);
        Failure::Shown(Weight::Refuted)
    }

    /// Prints an answer whose outcome is neither verified nor refuted.
    pub(crate) fn print<T: Serialize>(&self, command: &str, outcome: &str, content: &T, text: impl FnOnce() -> String) {
        let text = if self.json {
            let answer = Answer { command, outcome, content };
            serde_json::to_string_pretty(&answer).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
        } else {
            text()
        };
        // A reader that went away (a closed pipe) changes nothing about what was checked.
        let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    }

    /// Prints what is still to be printed of a failure; how the program ends.
    pub(crate) fn failure(&self, command: &str, failure: Failure) -> ExitCode {
        let of = |ky, ru, en| self.language.of(ky, ru, en);
        let (weight, text, error) = match failure {
            Failure::Shown(weight) => return exit_code(weight),
            Failure::Error(error) => {
                let lead = match error.weight() {
                    Weight::Refuted => standing(false, self.language),
                    Weight::Unchecked => of("текшерүү мүмкүн болбоду", "проверить не удалось", "could not check"),
                };
                (error.weight(), format!("{lead}: {}", sentence(&error, self.language)), error.to_string())
            }
            Failure::Use(what) => (Weight::Unchecked, format!("tamga {command}: {}", what.of(self.language)), what.en),
        };
        if self.json {
            let outcome = if weight == Weight::Refuted { "refuted" } else { "unchecked" };
            self.print(command, outcome, &Fault { error }, String::new);
        } else {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
        exit_code(weight)
    }

    /// A bar on a terminal; nothing elsewhere.
    pub(crate) fn bar(&self, ky: &'static str, ru: &'static str, en: &'static str) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(0);
        let template = "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(self.language.of(ky, ru, en));
        bar
    }
}

/// Sets a bar to `done` of `all`.
pub(crate) fn advance(bar: &ProgressBar, done: u64, all: u64) {
    bar.set_length(all);
    bar.set_position(done);
}

/// Where audits put what would take too much memory: where this system has temporary files (`TMPDIR`).
pub(crate) fn scratch(disk: &Arc<dyn Disk>) -> Scratch {
    Scratch::new(Arc::clone(disk), &std::env::temp_dir())
}

/// A node's address or a folder.
pub(crate) fn open_source(place: &str, disk: &Arc<dyn Disk>) -> Result<Box<dyn Source>, SourceError> {
    if place.contains("://") {
        return Ok(Box::new(HttpSource::new(place)?));
    }
    Ok(Box::new(DirectorySource::new(Arc::clone(disk), Path::new(place))))
}

/// A checkpoint as all commands show it.
#[derive(Serialize)]
pub(crate) struct CheckpointView {
    pub(crate) election: ElectionId,
    /// Not a real election.
    pub(crate) rehearsal: bool,
    pub(crate) origin: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) blake3: String,
    pub(crate) organisations: Vec<String>,
    pub(crate) organisations_of: usize,
    /// Number of the trust policy's epoch; 0 is the genesis record's.
    pub(crate) policy_epoch: usize,
    pub(crate) cosignatures: Vec<CosignatureView>,
}

#[derive(Serialize)]
pub(crate) struct CosignatureView {
    pub(crate) cosigner: String,
    pub(crate) organisation: Option<String>,
    pub(crate) time_s: u64,
}

impl CheckpointView {
    pub(crate) fn of(checkpoint: &VerifiedCheckpoint, trust: &tamga_ledger::trust::Trust) -> Self {
        let head = checkpoint.checkpoint();
        let cosignature = |one: &tamga_ledger::note::Cosignature| CosignatureView {
            cosigner: one.cosigner.to_string(),
            organisation: one.organisation.as_ref().map(ToString::to_string),
            time_s: one.time_s,
        };
        Self {
            election: *trust.election_id(),
            rehearsal: trust.election().real == 0,
            origin: head.origin.to_string(),
            size: head.size.get(),
            sha256: head.roots.sha256.to_base64(),
            blake3: head.roots.blake3.to_base64(),
            organisations: checkpoint.organisations().iter().map(ToString::to_string).collect(),
            organisations_of: trust.policy_at(head.size).organisations().len(),
            policy_epoch: trust.epoch_at(head.size),
            cosignatures: checkpoint.cosignatures().iter().map(cosignature).collect(),
        }
    }

    /// How many entries the checkpoint covers and who has signed it, in one line.
    pub(crate) fn line_in(&self, language: Language) -> String {
        let rehearsal = match self.rehearsal {
            true => language.of(
                "МАШЫГУУ, чыныгы шайлоо эмес: ",
                "РЕПЕТИЦИЯ, не настоящие выборы: ",
                "REHEARSAL, no real election: ",
            ),
            false => "",
        };
        let (size, signed, of) = (self.size, self.organisations.len(), self.organisations_of);
        let words = match language {
            Language::Ky => format!("{size} жазуунун көзөмөл чекити, {of} уюмдун {signed} кол койгон"),
            Language::Ru => format!("контрольная точка на {size} записей, подписали {signed} из {of} организаций"),
            Language::En => format!("checkpoint of {size} entries, cosigned by {signed} of {of} organisations"),
        };
        format!("{rehearsal}{words}: {}", self.organisations.join(", "))
    }
}

/// The first word of an answer: everything that it says was verified, or something that was shown is false.
pub(crate) const fn standing(holds: bool, language: Language) -> &'static str {
    if holds {
        language.of("ТАСТЫКТАЛДЫ", "ПОДТВЕРЖДЕНО", "VERIFIED")
    } else {
        language.of("ЖОККО ЧЫГАРЫЛДЫ", "ОПРОВЕРГНУТО", "REFUTED")
    }
}
