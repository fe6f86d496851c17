//! `tamga results`: only out of a ledger whose audit finds nothing.

use crate::args::Results;
use crate::audit::findings;
use crate::governance::failed;
use crate::output::{CheckpointView, Done, Output, advance, open_source};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::verify::{ConstituencyView, Opened, ResultsView, audit_keeping, results};
use tamga_ledger::audit::Report;
use tamga_ledger::definition::Definition;
use tamga_ledger::tally::{BasisResult, ConstituencyResult, Coverage, Flip, Seats, Shares};
use tamga_ledger::tree::TreeSize;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    checkpoint: CheckpointView,
    /// Entries that the results are of: all that the checkpoint covers, or those below an earlier size.
    size: u64,
    results: ResultsView,
}

#[derive(Serialize)]
struct Refuted {
    checkpoint: CheckpointView,
    audit: Report,
}

pub(crate) fn run(arguments: &Results, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let place = &arguments.place;
    let source = open_source(&place.source, disk)?;
    let opened = Opened::open(&*source, &place.pinned.genesis)?;
    let bar = output.bar("auditing entries");
    let earlier = arguments.size.or(arguments.before).map(TreeSize::new).transpose().map_err(failed)?;
    let audited = audit_keeping(&opened, earlier, |done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let audited = audited?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    if !audited.report.ok {
        let content = Refuted { checkpoint, audit: audited.report };
        return Err(output.refutation("results", &content, || {
            format!("REFUTED   no results are shown: the audit found\n{}", findings(&content.audit, 10))
        }));
    }
    let state = match earlier {
        None => audited.state,
        Some(size) => audited.earlier.ok_or_else(|| {
            failed(format!("the checkpoint covers {} entries, not {}", opened.size().get(), size.get()))
        })?,
    };
    let mut content = Content { checkpoint, size: state.size().get(), results: results(&state) };
    if let Some(number) = arguments.constituency {
        only(&mut content.results, number);
        if content.results.constituencies.is_empty() {
            return Err(failed(format!("there is no constituency {number}")));
        }
    }
    output.answer("results", &content, || text(&content, state.definition(), arguments));
    Ok(())
}

/// Leaves one constituency.
fn only(results: &mut ResultsView, number: u32) {
    results.tally.constituencies.retain(|row| row.constituency == number);
    results.constituencies.retain(|row| row.constituency == number);
    results.units.retain(|unit| unit.constituency == number);
    results.differences.retain(|one| one.constituency == number);
}

fn text(content: &Content, definition: &Definition, arguments: &Results) -> String {
    let Content { checkpoint, size, results } = content;
    let standing = if results.sealed { "final (Results seal)" } else { "PRELIMINARY" };
    let rehearsal = if checkpoint.rehearsal { "REHEARSAL, no real election  " } else { "" };
    let mut text = format!("VERIFIED  {rehearsal}{standing}\n  from a {}\n", checkpoint.line());
    if *size != checkpoint.size {
        let _ = writeln!(text, "  AS IT WAS after {size} entries, before the entry at leaf {size}");
    }
    text.push('\n');
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
    text += &legal(results);
    for (row, view) in tally.constituencies.iter().zip(&results.constituencies) {
        text += &constituency(row, view, definition);
    }
    if arguments.constituency.is_some() {
        text += &places(results);
    }
    text += &differences(results, arguments.differences);
    text
}

/// Acts, and what still may change.
fn legal(results: &ResultsView) -> String {
    let tally = &results.tally;
    let mut text = String::new();
    for act in &results.acts {
        let standing = match (act.in_force, act.final_act) {
            (false, _) => "not in force",
            (true, false) => "in force, can be appealed against",
            (true, true) => "in force, final",
        };
        let issuer = act.issuer.and_then(|issuer| serde_json::to_value(issuer).ok());
        let issuer = issuer.as_ref().and_then(|issuer| issuer.as_str()).unwrap_or("unknown");
        let (leaf, number, date, effect, about) = (act.leaf, &act.number, &act.date, act.effect, &act.about);
        let _ = writeln!(text, "Act at leaf {leaf}: {number} of {date} ({issuer}) {effect}: {about}; {standing}");
    }
    if !tally.annulled.is_empty() {
        let _ = writeln!(text, "Annulled units, in no sum: {}", list(tally.annulled.iter()));
    }
    if !tally.awaiting_recount.is_empty() {
        let _ = writeln!(text, "Waiting for a recount: {}", list(tally.awaiting_recount.iter()));
    }
    if tally.open_cases > 0 {
        let _ = writeln!(text, "Undecided cases: {}", tally.open_cases);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Each unit's own counts.
fn places(results: &ResultsView) -> String {
    let mut text = String::from("Units (own papers)\n");
    for unit in &results.units {
        let shown =
            |counts: &Option<Vec<u64>>| counts.as_ref().map_or_else(|| "-".to_owned(), |counts| list(counts.iter()));
        let annulled = if unit.annulled_by.is_empty() { "" } else { "  ANNULLED" };
        let why = unit.withheld.and_then(|why| serde_json::to_value(why).ok());
        let why =
            why.as_ref().and_then(|why| why.as_str()).map_or_else(String::new, |why| format!("  withheld: {why}"));
        let (hand, machine) = (shown(&unit.hand), shown(&unit.machine));
        let _ = writeln!(text, "  {:<8} hand {hand}  machine {machine}{why}{annulled}", unit.unit.to_string());
    }
    text.push('\n');
    text
}

fn differences(results: &ResultsView, most: usize) -> String {
    let mut text = format!(
        "Machine against hand: {} of {} units that could be compared differ ({} have an own constituency)\n",
        results.differences.len(),
        results.compared.n,
        results.compared.of
    );
    for one in results.differences.iter().take(most) {
        let swap = if one.swap { ", moved between positions" } else { "" };
        let _ = writeln!(text, "  {:<8} {:>5} votes{swap}", one.unit.to_string(), one.votes);
    }
    text
}

fn of(coverage: Coverage) -> String {
    format!("{} of {}", coverage.n, coverage.of)
}

fn constituency(row: &ConstituencyResult, view: &ConstituencyView, definition: &Definition) -> String {
    let Some(known) = definition.constituency(row.constituency) else { return String::new() };
    let mut text = format!("Constituency {} {}\n", row.constituency, known.title.en);
    let _ = writeln!(text, "  by hand    {}", basis(&row.hand));
    let _ = writeln!(text, "  by machine {} (preliminary)", basis(&row.machine));
    let elected: Vec<u32> = match &row.seats {
        Seats::Filled { elected } | Seats::NeedsLot { elected, .. } => elected.iter().map(|one| one.position).collect(),
        Seats::Incomplete | Seats::Annulled | Seats::Uncertain { .. } => Vec::new(),
    };
    let count = |result: &BasisResult, place: usize| result.counts.get(place).copied().unwrap_or(0);
    let names = known.candidates.iter().map(|candidate| candidate.name_ru.as_str()).chain(["against all", "invalid"]);
    for (place, name) in names.enumerate() {
        let position = place as u32 + 1;
        let struck = if row.standing.struck.contains(&position) { "  struck out: votes do not count" } else { "" };
        let mark = if elected.iter().any(|position| *position as usize == place + 1) { "*" } else { " " };
        let _ = writeln!(
            text,
            "  {mark} {:>3}  {name:<32}  hand {:>8} {:>8}  machine {:>8}{struck}",
            place + 1,
            count(&row.hand, place),
            percent(&view.shares, place),
            count(&row.machine, place)
        );
    }
    text += &match &row.seats {
        Seats::Filled { elected } => {
            format!("  {} of {} seats given (*){}\n\n", elected.len(), known.seats, closest(view))
        }
        Seats::Incomplete => "  seats: counts are missing, nobody can be named yet\n\n".to_owned(),
        Seats::Annulled => "  ANNULLED: an act in force says that the vote here is void\n\n".to_owned(),
        Seats::Uncertain { papers } => format!(
            "  seats: withheld. {papers} papers of annulled units cannot be taken out of the nationwide total without opening them, and might decide\n\n"
        ),
        Seats::NeedsLot { tied, .. } => format!("  a tie between positions {tied:?} decides a seat: a lot is due\n\n"),
    };
    text += &standing(row, view);
    text
}

/// Who holds the seats now, and what would move one.
fn standing(row: &ConstituencyResult, view: &ConstituencyView) -> String {
    let mut text = String::new();
    if let Some(declared) = &row.standing.declared {
        let fits = if declared.as_computed { "as computed" } else { "NOT as computed" };
        let positions = list(declared.positions.iter());
        let _ = writeln!(text, "  declared elected by the act at leaf {}: {positions} ({fits})", declared.leaf);
    }
    if row.seats.positions().is_some_and(|elected| elected != row.standing.seated) {
        let _ = writeln!(text, "  seats are held by: {}", list(row.standing.seated.iter()));
    }
    if !row.standing.vacant.is_empty() {
        let _ = writeln!(text, "  given back, no successor yet: {}", list(row.standing.vacant.iter()));
    }
    if row.hand.remote_uncertain > 0 {
        let papers = row.hand.remote_uncertain;
        let _ = writeln!(text, "  papers cast elsewhere still hold, or lack, {papers} of annulled units");
    }
    if !view.flips.is_empty() {
        let named = |flip: &Flip| {
            let place = flip
                .unit
                .map_or_else(|| format!("station {}", flip.station), |unit| format!("{}/{unit}", flip.station));
            if flip.annulled_now { format!("{place} (reinstated)") } else { place }
        };
        let _ = writeln!(text, "  without one of these another is elected: {}", list(view.flips.iter().map(named)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The elected candidate who is nearest to losing the seat.
fn closest(view: &ConstituencyView) -> String {
    let margins = view.margins.iter().flatten();
    let elected = margins.filter(|margin| margin.elected);
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
