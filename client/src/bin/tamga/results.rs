//! `tamga results`: only out of a ledger whose audit finds nothing.

use crate::args::Place;
use crate::audit::findings;
use crate::output::{CheckpointView, Done, Output, advance, open_source};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::verify::{Opened, ResultsView, audit, results};
use tamga_ledger::audit::Report;
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::Constituency;
use tamga_ledger::tally::{BasisResult, ConstituencyResult, Contest, Coverage, Seats, Shares, shares};
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    checkpoint: CheckpointView,
    results: ResultsView,
}

#[derive(Serialize)]
struct Refuted {
    checkpoint: CheckpointView,
    audit: Report,
}

pub(crate) fn run(place: &Place, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&place.source, disk)?;
    let opened = Opened::open(&*source, &place.pinned.genesis)?;
    let bar = output.bar("auditing entries");
    let audited = audit(&opened, |done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let audited = audited?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    if !audited.report.ok {
        let content = Refuted { checkpoint, audit: audited.report };
        return Err(output.refutation("results", &content, || {
            format!("REFUTED   no results are shown: the audit found\n{}", findings(&content.audit, 10))
        }));
    }
    let content = Content { checkpoint, results: results(&audited.state) };
    output.answer("results", &content, || text(&content, audited.state.definition()));
    Ok(())
}

fn text(content: &Content, definition: &Definition) -> String {
    let Content { checkpoint, results } = content;
    let standing = if results.sealed { "final (Results seal)" } else { "PRELIMINARY" };
    let rehearsal = if checkpoint.rehearsal { "REHEARSAL, no real election  " } else { "" };
    let mut text = format!("VERIFIED  {rehearsal}{standing}\n  from a {}\n\n", checkpoint.line());
    let _ = writeln!(text, "Turnout ({} voters on the roll)", results.roll);
    for hour in &results.turnout {
        let voted = hour.local + hour.remote;
        let share = hour.permille.map_or_else(String::new, |permille| format!("{}.{} %", permille / 10, permille % 10));
        let _ = writeln!(text, "  {:>6}  {voted:>9}  of them {:>8} remotely  {share:>7}", hour.label, hour.remote);
    }
    let _ = writeln!(
        text,
        "  refused: {} second attempts, {} at a wrong station; {} offline collisions\n",
        results.second_attempts, results.wrong_station, results.conflicts
    );
    let tally = &results.tally;
    let _ = writeln!(
        text,
        "Protocols: machine {}, hand {}{}\n",
        of(tally.machine_protocols),
        of(tally.hand_protocols),
        if tally.blocked.is_empty() { String::new() } else { format!(", blocked {}", tally.blocked.len()) }
    );
    tally.constituencies.iter().for_each(|row| text += &constituency(row, definition));
    text
}

fn of(coverage: Coverage) -> String {
    format!("{} of {}", coverage.n, coverage.of)
}

fn constituency(row: &ConstituencyResult, definition: &Definition) -> String {
    let Some(known) = definition.constituency(row.constituency) else { return String::new() };
    let mut text = format!("Constituency {} {}\n", row.constituency, known.title.en);
    let _ = writeln!(text, "  by hand    {}", basis(&row.hand));
    let _ = writeln!(text, "  by machine {} (preliminary)", basis(&row.machine));
    let elected: Vec<u32> = match &row.seats {
        Seats::Filled { elected } | Seats::NeedsLot { elected, .. } => elected.iter().map(|one| one.position).collect(),
        Seats::Incomplete => Vec::new(),
    };
    let count = |result: &BasisResult, place: usize| result.counts.get(place).copied().unwrap_or(0);
    let names = known.candidates.iter().map(|candidate| candidate.name_ru.as_str()).chain(["against all", "invalid"]);
    // Of valid votes: the last count is of invalid papers.
    let hand_shares = shares(row.hand.counts.split_last().map_or(&[][..], |(_, valid)| valid));
    for (place, name) in names.enumerate() {
        let mark = if elected.iter().any(|position| *position as usize == place + 1) { "*" } else { " " };
        let _ = writeln!(
            text,
            "  {mark} {:>3}  {name:<32}  hand {:>8} {:>8}  machine {:>8}",
            place + 1,
            count(&row.hand, place),
            percent(&hand_shares, place),
            count(&row.machine, place)
        );
    }
    text += &match &row.seats {
        Seats::Filled { elected } => {
            format!("  {} of {} seats given (*){}\n\n", elected.len(), known.seats, closest(row, known, definition))
        }
        Seats::Incomplete => "  seats: counts are missing, nobody can be named yet\n\n".to_owned(),
        Seats::NeedsLot { tied, .. } => format!("  a tie between positions {tied:?} decides a seat: a lot is due\n\n"),
    };
    text
}

/// The elected candidate who is nearest to losing the seat.
fn closest(row: &ConstituencyResult, known: &Constituency, definition: &Definition) -> String {
    let same_sex_max = definition.seat_rule().map_or(0, |rule| rule.same_sex_max);
    let (candidates, counts) = (&known.candidates[..], &row.hand.counts[..]);
    let margins = Contest { candidates, counts, seats: known.seats, same_sex_max }.margins().unwrap_or_default();
    let elected = margins.iter().filter(|margin| margin.elected);
    let least = elected.filter_map(|margin| Some((margin.votes?, margin.position))).min();
    least.map_or_else(String::new, |(votes, position)| {
        format!("; the closest is position {position}: {votes} votes fewer, and the seat is lost or a lot decides")
    })
}

/// A share of the valid votes that are in; the line above says of how many units. Nothing where there is none.
fn percent(shares: &Shares, place: usize) -> String {
    let Shares::Shown { hundredths } = shares else { return String::new() };
    hundredths.get(place).map_or_else(String::new, |share| format!("{}.{:02} %", share / 100, share % 100))
}

fn basis(result: &BasisResult) -> String {
    let remote = if result.remote_opened { "in" } else { "not yet in" };
    format!("units {}, papers cast elsewhere {remote}", of(result.coverage))
}
