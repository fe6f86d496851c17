//! Corrections of other bases, observers' copies, summary tables. What they say leaves every sum as it was.

use super::counting::{correct, hand_protocol};
use super::founding::commission;
use super::{Day, clean, flagged, refused};
use crate::kit::*;
use tamga_ledger::ids::{Digest, Maybe, RecordId};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;

pub fn run(day: &mut Day) {
    bases(day);
    copies(day);
    tables(day);
}

fn in_force(day: &Day, station: u32) -> RecordId {
    day.world.state.unit(unit(station)).unwrap().protocol(Basis::Hand).unwrap().id
}

/// Station 2, whose own cell is hidden.
fn bases(day: &mut Day) {
    let commission = commission(day);
    let same = hand_protocol(2, [30, 1, 0, 0], &[], &[(1, [1, 0, 0, 0, 0]), (2, [0; 5])]);
    let first = in_force(day, 2);
    let unknown = Protocol { explanation: 8, ..same.clone() };
    correct(day, "a correction for an unknown reason", 2, &unknown, first, &refused(107));
    let recount = Protocol { basis: 2, explanation: 3, ..same.clone() };
    correct(day, "a recount that nobody ordered", 2, &recount, first, &flagged(&[20, 36]));
    let second = in_force(day, 2);
    let typed = Protocol { basis: 3, explanation: 5, ..same };
    let supersedes = |id| move |record: &mut tamga_ledger::record::Record| record.supersedes = Maybe(Some(id));
    let place = Scope::Unit(unit(2));
    day.altered("typed in without a scan", place, &[&commission], &typed, supersedes(second), &refused(107));
    let typed = Protocol { scan: Maybe(Some(Digest([5; 32]))), ..typed };
    let by_hand = Protocol { basis: 1, ..typed.clone() };
    day.altered(
        "a hand count by the commission above",
        place,
        &[&commission],
        &by_hand,
        supersedes(second),
        &refused(100),
    );
    day.altered(
        "typed in by the commission above",
        place,
        &[&commission],
        &typed,
        supersedes(second),
        &flagged(&[20, 35]),
    );
}

fn copies(day: &mut Day) {
    let commission = commission(day);
    let observer = key(701);
    let grant = day.world.grant(&observer, HolderClass::Observer, Scope::Election, &[Kind::Countersign, Kind::Case]);
    let body = KeyRegistration { grants: vec![grant] };
    day.record("an observer's key", Scope::Election, &[&commission], &body, &clean());
    let copy = |target, finding: Finding, lines: &[(&str, u64)], counts: &[u64]| Countersign {
        target: Maybe(target),
        finding: finding as u8,
        lines: lines.iter().map(|(code, value)| LineValue { code: (*code).to_owned(), value: *value }).collect(),
        counts: counts.to_vec(),
        photo: Maybe(None),
    };
    let (place, own) = (Scope::Unit(unit(1)), in_force(day, 1));
    let mut say = |what: &str, body: &Countersign, due: &super::Due| day.record(what, place, &[&observer], body, due);
    say("assent to nothing", &copy(None, Finding::Assent, &[], &[]), &refused(107));
    say("assent", &copy(Some(own), Finding::Assent, &[], &[]), &clean());
    say("a copy with the same figures", &copy(Some(own), Finding::Copy, &[("1", 30)], &[8, 2, 1, 1, 0]), &clean());
    let other = copy(None, Finding::Copy, &[("1", 31), ("2", 12)], &[7, 3, 1, 1, 0]);
    say("a copy with other figures", &other, &flagged(&[34]));
    say("a copy of few papers: a stub", &copy(None, Finding::Copy, &[], &[1, 0, 0, 0, 0]), &refused(171));
    let opening = RecordId(*b"no record with this id is there.");
    say("assent to what is not there", &copy(Some(opening), Finding::Assent, &[], &[]), &refused(107));
    say("a copy was refused", &copy(None, Finding::CopyRefused, &[], &[]), &clean());
    let first = day.world.leaves[0].id;
    day.record(
        "assent to another record",
        place,
        &[&record_key(3)],
        &copy(Some(first), Finding::Assent, &[], &[]),
        &flagged(&[33]),
    );
}

fn tables(day: &mut Day) {
    let commission = commission(day);
    let line = |(code, value): (&str, u64)| LineValue { code: code.to_owned(), value };
    let table = |sources: &[RecordId], lines: [u64; 4], counts: &[u64]| SummaryTable {
        form: "test".to_owned(),
        form_version: 1,
        sources: sources.to_vec(),
        lines: ["1", "2", "9", "10"].into_iter().zip(lines).map(line).collect(),
        counts: counts.to_vec(),
        dissenting: vec![],
        scan: Maybe(None),
    };
    let (first, second, third) = (in_force(day, 1), in_force(day, 2), in_force(day, 3));
    let keys = [&commission];
    let (one, two, all) = (Scope::Constituency(1), Scope::Constituency(2), Scope::Election);
    day.record("a table of nothing", one, &keys, &table(&[], [0; 4], &[]), &refused(107));
    let leaking = table(&[first, second], [60, 13, 0, 13], &[8, 2, 1, 1, 0]);
    day.record("a table that shows a hidden cell: a stub", one, &keys, &leaking, &refused(171));
    let wrong = table(&[first, second, third], [61, 13, 0, 12], &[8, 2, 1, 1, 0]);
    let leaf = day.record("a table with a wrong line and a foreign protocol", one, &keys, &wrong, &flagged(&[38, 39]));
    let right = table(&[first, second], [60, 13, 0, 12], &[8, 2, 1, 1, 0]);
    let replaces = |id| move |record: &mut tamga_ledger::record::Record| record.supersedes = Maybe(Some(id));
    let id = day.world.leaves[leaf as usize].id;
    day.altered("a correction of another district's table", two, &keys, &right, replaces(id), &refused(109));
    let leaf = day.altered("the table, corrected", one, &keys, &right, replaces(id), &flagged(&[20]));
    let district = day.world.leaves[leaf as usize].id;
    let nation = table(&[district, third], [70, 25, 0, 24], &[]);
    day.record("the nation's table, a unit missing", all, &keys, &nation, &flagged(&[40]));
    let line = SummaryTable { lines: right.lines[1..].to_vec(), ..right };
    day.record("a table without a line", one, &keys, &line, &refused(181));
}
