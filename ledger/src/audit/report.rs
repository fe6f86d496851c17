//! What an audit says in the end, and what a later run of one's own has to remember of it.

use super::{Check, Class, FINDINGS_MAX, Finding, NotProven};
use crate::state::State;
use crate::tree::TreeHead;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an audit has found so far. Kept beside the state by whoever wants to go on later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The size at which this run began; 0 for the first entry.
    pub resumed_from: u64,
    /// The largest size at which a published checkpoint fits.
    pub confirmed: u64,
    /// Published checkpoints that fit.
    pub checkpoints: u64,
    /// Checkpoints of the archive that were looked at.
    pub archived: u64,
    /// Identifications whose verdict was taken over.
    pub withheld: u64,
    /// Refused records of which only a stub is public.
    pub stubs: u64,
    /// In the order of discovery, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many there are of each check.
    pub counts: BTreeMap<u16, u64>,
}

impl Progress {
    pub(super) fn add(&mut self, finding: Finding) {
        // A later run meets the same tiles above the new entries again.
        if finding.check == Check::TileDiffers && self.findings.contains(&finding) {
            return;
        }
        *self.counts.entry(finding.number).or_default() += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// How many findings there are in all.
    #[must_use]
    pub fn findings_total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// One check and how often it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CheckCount {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub check: Check,
    /// Which promise.
    pub class: Class,
    /// Findings.
    pub findings: u64,
}

/// What an audit found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Nothing was found, and everything given was covered by a checkpoint that satisfies the trust policy.
    pub ok: bool,
    /// Entries covered by the audit, those of earlier runs included.
    pub entries: u64,
    /// Entries that an earlier run had read: they were not read again.
    pub entries_before: u64,
    /// Size and roots computed.
    pub head: TreeHead,
    /// Checkpoints that were given, verified and matched.
    pub checkpoints_confirmed: u64,
    /// Checkpoints of the archive that were looked at, each under the policy in force at its size; 0 where none was shown.
    pub checkpoints_archived: u64,
    /// Entries after the last confirmed checkpoint: read, but published by nobody yet.
    pub entries_unconfirmed: u64,
    /// Identifications whose verdict was taken over because their confidential body is not public (yet, or any more).
    pub verdicts_not_rederived: u64,
    /// Refused records of which only a stub is public.
    pub stubs: u64,
    /// Every check that was made, ascending by number.
    pub checks: Vec<CheckCount>,
    /// What does not hold, in leaf order, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub findings_total: u64,
    /// What this audit cannot prove.
    pub not_proven: Vec<NotProven>,
}

impl Report {
    pub(super) fn of(mut progress: Progress, state: &State) -> Self {
        // A stable sort keeps the order of discovery within a leaf; findings without one come last.
        progress.findings.sort_by_key(|finding| finding.leaf.unwrap_or(u64::MAX));
        let (entries, total) = (state.size().get(), progress.findings_total());
        let count = |check: &Check| CheckCount {
            number: check.number(),
            check: *check,
            class: check.class(),
            findings: progress.counts.get(&check.number()).copied().unwrap_or_default(),
        };
        Self {
            ok: total == 0,
            entries,
            entries_before: progress.resumed_from,
            head: state.head(),
            checkpoints_confirmed: progress.checkpoints,
            checkpoints_archived: progress.archived,
            entries_unconfirmed: entries.saturating_sub(progress.confirmed),
            verdicts_not_rederived: progress.withheld,
            stubs: progress.stubs,
            checks: Check::ALL.iter().map(count).collect(),
            not_proven: not_proven(&progress, entries),
            findings: progress.findings,
            findings_total: total,
        }
    }
}

fn not_proven(progress: &Progress, entries: u64) -> Vec<NotProven> {
    let always =
        [NotProven::Papers, NotProven::Devices, NotProven::ClosedCells, NotProven::Collusion, NotProven::Weightless];
    let sometimes = [
        (progress.withheld > 0, NotProven::Withheld),
        (progress.stubs > 0, NotProven::Stubs),
        (progress.archived == 0, NotProven::Archive),
        (progress.resumed_from > 0, NotProven::EarlierRun),
        (progress.confirmed < entries, NotProven::Unpublished),
    ];
    always.into_iter().chain(sometimes.into_iter().filter_map(|(holds, what)| holds.then_some(what))).collect()
}
