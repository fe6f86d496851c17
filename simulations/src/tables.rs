//! The report for people: plain text, one table a question.

use crate::aftermath::DiskUse;
use crate::measure::Measures;
use crate::report::Report;
use crate::schedule::{CURVE, cumulative};
use crate::truth::ledger_hours;
use crate::world::World;
use std::fmt::Write as _;
use tamga_ledger::kinds::{Candidate, Constituency};
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::state::State;
use tamga_ledger::tally::{ConstituencyResult, Seats, tally};

/// Turnout at the official hours: the published curve, what the devices were told, what the ledger says.
#[must_use]
pub fn turnout(world: &World, measures: &Measures, state: &State) -> String {
    let size = world.population.size();
    let mut out = String::from("Turnout at the official hours\n");
    let _ = writeln!(out, "  {:>7}  {:>10}  {:>10}  {:>10}  {:>8}", "hour", "curve", "simulated", "ledger", "of roll");
    let (mut simulated, mut ledger) = (0, 0);
    let hours = ledger_hours(state);
    for (at, ((label, _), curve)) in CURVE.iter().zip(cumulative(size)).enumerate() {
        simulated += measures.hours.get(at).map_or(0, crate::measure::Counter::get);
        ledger += hours.get(at).copied().unwrap_or(0);
        let (label, share) = (if *label == "abroad" { "final" } else { label }, permille(ledger, size.roll));
        let _ = writeln!(out, "  {label:>7}  {curve:>10}  {simulated:>10}  {ledger:>10}  {share:>8}");
    }
    out
}

/// A share in per cent with one digit; a dash where there is none to give.
fn permille(part: u64, whole: u64) -> String {
    // A sum above the whole must never be shown as if it were a share.
    if whole == 0 || part > whole {
        return "-".to_owned();
    }
    let permille = (part * 1_000 + whole / 2) / whole;
    format!("{}.{} %", permille / 10, permille % 10)
}

/// Results by constituency: coverage n of N by hand, votes, invalid, difference to the machine, seats.
#[must_use]
pub fn results(state: &State) -> String {
    let tally = tally(state);
    let mut out = String::from("Results by hand count (rehearsal; every name is invented)\n");
    let _ = writeln!(
        out,
        "  {:<26} {:>9} {:>6} {:>9} {:>7} {:>8}  elected",
        "constituency", "coverage", "remote", "votes", "invalid", "Δmachine"
    );
    for (row, constituency) in tally.constituencies.iter().zip(state.definition().constituencies()) {
        let _ = writeln!(out, "{}", result_line(row, constituency));
    }
    if !tally.blocked.is_empty() {
        let _ = writeln!(out, "  blocked protocols: {}", tally.blocked.len());
    }
    out
}

fn result_line(row: &ConstituencyResult, constituency: &Constituency) -> String {
    let hand = &row.hand;
    let (invalid, votes) = (hand.counts.last().copied().unwrap_or(0), hand.counts.iter().sum::<u64>());
    let moved: u64 = hand.counts.iter().zip(&row.machine.counts).map(|(hand, machine)| hand.abs_diff(*machine)).sum();
    let coverage = format!("{} of {}", hand.coverage.n, hand.coverage.of);
    let remote = if hand.remote_opened { "in" } else { "closed" };
    let title = clip(constituency.title.en.trim_start_matches("Constituency "), 26);
    let elected = match &row.seats {
        Seats::Filled { elected } => {
            let name = |position: u32| name_of(&constituency.candidates, position);
            let names = elected.iter().map(|one| format!("{} {}", name(one.position), one.votes));
            names.collect::<Vec<_>>().join(", ")
        }
        Seats::NeedsLot { tied, .. } => format!("a lot decides between positions {tied:?}"),
        Seats::Incomplete => "not complete".to_owned(),
        Seats::Annulled => "annulled".to_owned(),
        Seats::Uncertain { papers } => format!("{papers} papers of annulled units may decide"),
    };
    let delta = moved / 2;
    format!("  {title:<26} {coverage:>9} {remote:>6} {votes:>9} {invalid:>7} {delta:>8}  {elected}")
}

fn name_of(candidates: &[Candidate], position: u32) -> &str {
    candidates.iter().find(|one| one.position == position).map_or("?", |one| &one.name_ru)
}

fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Latencies, sizes, the checkpoint with its cosigners, and the verdicts.
#[must_use]
pub fn summary(report: &Report, disk: &DiskUse, checkpoint: &VerifiedCheckpoint) -> String {
    let mut out = String::from("Latency, ms\n");
    let _ = writeln!(out, "  {:>8}  {:>9}  {:>9}  {:>9}", "", "p50", "p99", "max");
    for (what, times) in [("verdict", report.verdict_ms), ("receipt", report.receipt_ms)] {
        let _ = writeln!(out, "  {what:>8}  {:>9.1}  {:>9.1}  {:>9.1}", times.p50, times.p99, times.max);
    }
    let ids = &report.identifications;
    let _ = writeln!(
        out,
        "\nIdentifications: {} accepted, {} refused, of these {} at two stations at once; {} batches, {} ballots",
        ids.accepted, ids.refused, ids.conflicts, report.batches, report.ballots
    );
    let most = report.entry_bytes * 5 / 4 + 70 * report.entries;
    let _ = writeln!(
        out,
        "Entries: {} of {:.1} MiB. On a node's disk, MiB: entries and trees {:.1} (at most {:.1} are meant), confidential \
         bodies {:.1}, index {:.1}, outbox and the like {:.1}, Raft log {:.1}",
        report.entries,
        mib(report.entry_bytes),
        mib(disk.ledger),
        mib(most),
        mib(disk.confidential),
        mib(disk.index),
        mib(disk.fixed),
        mib(disk.raft)
    );
    let _ = writeln!(out, "Memory of the largest node: {} MiB", report.node_rss_mib_max);
    let _ = writeln!(out, "\nCheckpoint\n  origin {}", checkpoint.checkpoint().origin);
    let _ = writeln!(out, "  size   {}\n  sha256 {}", report.checkpoint.size, report.checkpoint.sha256);
    let _ = writeln!(out, "  blake3 {}", report.checkpoint.blake3);
    for one in checkpoint.cosignatures() {
        let of = one.organisation.as_ref().map_or("nobody the policy counts", |name| name.as_str());
        let _ = writeln!(out, "  cosigned by {} for {of}", one.cosigner.as_str());
    }
    let verdict = |good: bool| if good { "yes" } else { "NO" };
    let audit = &report.audit;
    let rate = audit.entries as f64 / audit.seconds.max(1e-9);
    let _ = writeln!(out, "\nAll nodes publish the same: {}", verdict(report.nodes_agree));
    let _ = writeln!(
        out,
        "Audit of a downloaded copy passes: {} ({} entries in {:.1} s, {rate:.0}/s, {} findings)",
        verdict(audit.ok),
        audit.entries,
        audit.seconds,
        audit.findings.len()
    );
    let _ = writeln!(out, "Every total equals what the voters cast: {}", verdict(report.results_match_simulation));
    let _ = writeln!(out, "The whole day took {:.1} s", report.wall_seconds);
    out
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_above_the_whole_is_not_shown() {
        assert_eq!(permille(369, 1_000), "36.9 %");
        assert_eq!(permille(1_001, 1_000), "-");
        assert_eq!(permille(0, 0), "-");
    }
}
