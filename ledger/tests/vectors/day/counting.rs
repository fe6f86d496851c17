//! Batches, the close, openings, protocols, seals.

use super::founding::{commission, seal};
use super::voting::phase_body;
use super::{Day, clean, flagged, refused};
use crate::kit::*;
use tamga_ledger::commitment::{self, Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::ids::{Digest, Maybe, Nonce, RecordId};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;

pub fn run(day: &mut Day) {
    batches(day);
    close(day);
    embargo(day);
    day.world.time_ms = EMBARGO_MS;
    machine(day);
    hand(day);
    seals(day);
}

pub fn cells(station: u32, number: u32, counts: [[u64; 5]; 2]) -> Vec<Cell> {
    counts
        .iter()
        .zip(1..)
        .map(|(counts, constituency)| Cell {
            constituency,
            papers: counts.iter().sum::<u64>() as u32,
            commitment: commit(&Counts::new(counts.to_vec()).unwrap(), &blinding(station, number, constituency)),
        })
        .collect()
}

fn batch(day: &mut Day, what: &str, station: u32, body: &BallotBatch, due: &super::Due) {
    day.record(what, Scope::Unit(unit(station)), &[&scanner_key(station)], body, due);
}

fn batches(day: &mut Day) {
    let body = |station, number, counts, last: bool| BallotBatch {
        number,
        cells: cells(station, number, counts),
        last: u8::from(last),
    };
    let mut short = body(1, 1, [[4, 1, 0, 0, 0], [0; 5]], false);
    short.cells.pop();
    batch(day, "a constituency's cell is missing", 1, &short, &refused(160));
    batch(day, "five papers", 1, &body(1, 1, [[4, 1, 0, 0, 0], [0; 5]], false), &clean());
    batch(day, "a number is left out", 1, &body(1, 3, [[4, 1, 1, 1, 0], [0; 5]], true), &flagged(&[4]));
    batch(day, "a batch after the last", 1, &body(1, 4, [[0; 5]; 2], true), &refused(161));
    batch(day, "a paper without a voter", 2, &body(2, 1, [[1, 0, 0, 0, 0], [0; 5]], true), &flagged(&[5]));
    batch(day, "two constituencies", 3, &body(3, 1, [[1, 0, 0, 0, 0], [2, 2, 8, 0, 0]], true), &clean());
    batch(day, "remote papers", 4, &body(4, 1, [[2, 3, 4, 2, 1], [0; 5]], false), &clean());
}

fn close(day: &mut Day) {
    let counters = |local, remote, scanned| Counters {
        identified_local: local,
        identified_remote: remote,
        slips: local + remote,
        printed_own: local,
        printed_other: remote,
        scanned,
        ..Counters::default()
    };
    let mut first = phase_body(1, Phase::Close, counters(13, 0, 12));
    first.protocol_digest = Maybe(Some(machine_protocol([8, 2, 1, 1, 0], 1).closing_digest()));
    day.members("station 1 closes", 1, &first, &clean());
    let second = Counters { identified_local: 1, slips: 3, scanned: 2, ..Counters::default() };
    day.members(
        "station 2 closes with figures that do not fit, its box still out",
        2,
        &phase_body(2, Phase::Close, second),
        &flagged(&[3, 5, 15, 29, 30]),
    );
    day.members("station 3 closes", 3, &phase_body(3, Phase::Close, counters(14, 1, 13)), &clean());
    day.members("station 4 closes", 4, &phase_body(4, Phase::Close, counters(0, 12, 12)), &clean());
    let late = BallotBatch { number: 2, cells: cells(4, 2, [[0; 5]; 2]), last: 1 };
    batch(day, "a batch after the close", 4, &late, &flagged(&[14]));
}

pub fn opening(constituency: u32, counts: [u64; 5], cells: &[(u32, u32)], basis: Basis) -> TotalOpening {
    let blinding = |(station, number): &(u32, u32)| match basis {
        Basis::Machine => blinding(*station, *number, constituency),
        Basis::Hand => hand_blinding(*station, constituency),
    };
    let openings: Vec<_> = cells.iter().map(|cell| (Counts::new(vec![0; 5]).unwrap(), blinding(cell))).collect();
    let (_, sum) = commitment::sum_openings(&openings).unwrap().unwrap();
    TotalOpening { basis: basis as u8, constituency, counts: counts.to_vec(), blinding: Digest(sum.reveal()) }
}

fn hand_blinding(station: u32, constituency: u32) -> Blinding {
    Blinding::derive(&[station as u8; 32], 1, constituency as u16, BlindingPurpose::Protocol)
}

fn protocol(lines: [u64; 4], counts: &[u64]) -> Protocol {
    let codes = ["1", "2", "9", "10"];
    Protocol {
        form: "test".to_owned(),
        form_version: 1,
        basis: Basis::Hand as u8,
        lines: codes.iter().zip(lines).map(|(code, value)| LineValue { code: (*code).to_owned(), value }).collect(),
        counts: counts.to_vec(),
        cells: vec![],
        seals: vec!["B-9".to_owned()],
        present: vec![],
        dissenting: vec![],
        explanation: 0,
        scan: Maybe(None),
        closing_salt: Maybe(None),
    }
}

fn machine_protocol(counts: [u64; 5], salt: u8) -> Protocol {
    let mut body = protocol([30, 12, 0, 12], &counts);
    (body.basis, body.closing_salt) = (Basis::Machine as u8, Maybe(Some(Nonce([salt; 16]))));
    body
}

pub fn hand_protocol(station: u32, lines: [u64; 4], counts: &[u64], cells: &[(u32, [u64; 5])]) -> Protocol {
    let mut body = protocol(lines, counts);
    let cell = |(constituency, counts): &(u32, [u64; 5])| Cell {
        constituency: *constituency,
        papers: counts.iter().sum::<u64>() as u32,
        commitment: commit(&Counts::new(counts.to_vec()).unwrap(), &hand_blinding(station, *constituency)),
    };
    body.cells = cells.iter().map(cell).collect();
    body
}

fn embargo(day: &mut Day) {
    let own = opening(1, [8, 2, 1, 1, 0], &[(1, 1), (1, 3)], Basis::Machine);
    day.members("a total opened before the embargo ends: a stub", 1, &own, &refused(170));
    let early = machine_protocol([8, 2, 1, 1, 0], 1);
    day.members("counts before the embargo ends: a stub", 1, &early, &refused(170));
    let mut unknown = early.clone();
    unknown.form = "other".to_owned();
    day.members("a form of no election", 1, &unknown, &refused(180));
    let mut missing = early;
    missing.lines.pop();
    day.members("a line is missing", 1, &missing, &refused(181));
}

fn machine(day: &mut Day) {
    let own = opening(1, [8, 2, 1, 1, 0], &[(1, 1), (1, 3)], Basis::Machine);
    let moved = opening(1, [7, 3, 1, 1, 0], &[(1, 1), (1, 3)], Basis::Machine);
    day.members("a vote moved", 1, &moved, &refused(173));
    let single = opening(1, [4, 1, 0, 0, 0], &[(1, 1)], Basis::Machine);
    day.members("one batch alone", 1, &single, &refused(173));
    day.members("station 1 opens its total", 1, &own, &clean());
    day.members("the same total again", 1, &own, &refused(174));
    let small = opening(1, [1, 0, 0, 0, 0], &[(2, 1)], Basis::Machine);
    day.members("a total of one paper: a stub", 2, &small, &refused(171));
    let foreign = opening(2, [0; 5], &[(1, 1), (1, 3)], Basis::Machine);
    day.members("another constituency's total", 1, &foreign, &refused(106));
    let own = opening(2, [2, 2, 8, 0, 0], &[(3, 1)], Basis::Machine);
    day.members("station 3 opens its total", 3, &own, &clean());
    let remote = opening(1, [4, 3, 4, 2, 1], &[(2, 1), (3, 1), (4, 1), (4, 2)], Basis::Machine);
    let commission = commission(day);
    day.record("what was cast elsewhere for constituency 1", Scope::Constituency(1), &[&commission], &remote, &clean());
    let none = opening(2, [0; 5], &[(1, 1), (1, 3), (2, 1), (4, 1), (4, 2)], Basis::Machine);
    day.record(
        "nothing was cast elsewhere for constituency 2",
        Scope::Constituency(2),
        &[&commission],
        &none,
        &clean(),
    );

    let other = machine_protocol([7, 3, 1, 1, 0], 2);
    let leaf = day.members("another protocol than the closing record's", 1, &other, &flagged(&[13, 18]));
    let id = day.world.leaves[leaf as usize].id;
    let silent = machine_protocol([8, 2, 1, 1, 0], 1);
    correct(day, "the machine protocol, corrected without a reason", 1, &silent, id, &flagged(&[20, 37]));
}

pub fn correct(day: &mut Day, what: &str, station: u32, body: &Protocol, target: RecordId, due: &super::Due) {
    let keys = [member_key(station, 1), member_key(station, 2)];
    let scope = Scope::Unit(unit(station));
    day.altered(what, scope, &[&keys[0], &keys[1]], body, |record| record.supersedes = Maybe(Some(target)), due);
}

fn hand(day: &mut Day) {
    let remote = opening(1, [0; 5], &[(4, 1)], Basis::Hand);
    let commission = commission(day);
    let scope = Scope::Constituency(1);
    day.record("a total before every unit's protocol", scope, &[&commission], &remote, &refused(172));
    let own = [8, 2, 1, 1, 0];
    let broken = hand_protocol(1, [30, 13, 0, 12], &own, &[(2, [0; 5])]);
    let leaf = day.members("a hard relation is broken", 1, &broken, &flagged(&[6]));
    let good = hand_protocol(1, [30, 12, 0, 12], &own, &[(2, [0; 5])]);
    correct(day, "a correction of nothing", 1, &good, RecordId([9; 32]), &refused(109));
    let id = day.world.leaves[leaf as usize].id;
    let good = Protocol { explanation: 1, ..good };
    correct(day, "a correction", 1, &good, id, &flagged(&[20]));
    let small = hand_protocol(2, [30, 1, 0, 1], &[1, 0, 0, 0, 0], &[(2, [0; 5])]);
    day.members("the counts of one paper: a stub", 2, &small, &refused(171));
    let wrong = hand_protocol(2, [30, 1, 0, 0], &[], &[(2, [0; 5])]);
    day.members("a cell is missing", 2, &wrong, &refused(160));
    let hidden = hand_protocol(2, [30, 1, 0, 0], &[], &[(1, [1, 0, 0, 0, 0]), (2, [0; 5])]);
    day.members("a protocol that hides a small cell", 2, &hidden, &clean());
    let mut dissent = hand_protocol(3, [10, 12, 0, 12], &[2, 2, 8, 0, 0], &[(1, [1, 0, 0, 0, 0])]);
    dissent.dissenting = vec![self::id(&member_key(3, 2))];
    day.members("dissent, and a soft relation is broken", 3, &dissent, &flagged(&[7, 19]));
    let more = hand_protocol(4, [0; 4], &[], &[(1, [2, 3, 4, 2, 2]), (2, [0; 5])]);
    day.members("a paper more than the machine took", 4, &more, &flagged(&[17]));
    let remote = opening(1, [4, 3, 4, 2, 2], &[(2, 1), (3, 1), (4, 1)], Basis::Hand);
    day.record("cast elsewhere for constituency 1, by hand", scope, &[&commission], &remote, &clean());
    let remote = opening(2, [0; 5], &[(1, 1), (2, 1), (4, 1)], Basis::Hand);
    let scope = Scope::Constituency(2);
    day.record("cast elsewhere for constituency 2, by hand", scope, &[&commission], &remote, &clean());
    super::papers::run(day);
}

fn seals(day: &mut Day) {
    seal(day, "results before voting is over", Stage::Results, &refused(191));
    let commission = commission(day);
    let head = day.world.state.head();
    let wrong = Seal {
        stage: Stage::Voting as u8,
        size: head.size.get(),
        sha256_root: Digest([1; 32]),
        blake3_root: Digest(head.roots.blake3.to_bytes()),
        admitted_root: Maybe(Some(Digest([2; 32]))),
        tally: Maybe(None),
    };
    day.world.time_ms += 2_000;
    day.record("a head that was never cut", Scope::Election, &[&commission], &wrong, &refused(190));
    day.world.time_ms += 2_000;
    let head = day.world.state.head();
    let head = Seal {
        size: head.size.get(),
        sha256_root: Digest(head.roots.sha256.to_bytes()),
        blake3_root: Digest(head.roots.blake3.to_bytes()),
        ..wrong
    };
    day.record("other voters admitted", Scope::Election, &[&commission], &head, &refused(192));
    seal(day, "voting is over", Stage::Voting, &clean());
    seal(day, "voting is over twice", Stage::Voting, &refused(105));
    let head = day.world.state.head();
    let tally = Seal {
        stage: Stage::Results as u8,
        size: head.size.get(),
        sha256_root: Digest(head.roots.sha256.to_bytes()),
        blake3_root: Digest(head.roots.blake3.to_bytes()),
        admitted_root: Maybe(None),
        tally: Maybe(Some(Digest([3; 32]))),
    };
    day.world.time_ms += 2_000;
    day.record("another tally", Scope::Election, &[&commission], &tally, &refused(193));
    seal(day, "results are final", Stage::Results, &clean());
    let late = hand_protocol(1, [30, 12, 0, 12], &[8, 2, 1, 1, 0], &[(2, [0; 5])]);
    day.members("a protocol after the results", 1, &late, &refused(105));
    super::acts::run(day);
    seal(day, "the archive", Stage::Archive, &clean());
    day.record("anything after the archive", Scope::Election, &[&commission], &parts()[3].clone(), &refused(105));
}
