//! A second ledger, of five organisations: what the first, of three, cannot show.
//!
//! With three organisations every decision needs all of them, so none is ever taken without the node's own; and it would
//! be a poor thing to read if each of its units were spoken about until the limit.

use super::counting::{cells, opening};
use super::founding::{commission, register_all, seal};
use super::voting::phase_body;
use super::{Day, clean, flagged, refused};
use crate::kit::*;
use ed25519_dalek::SigningKey;
use tamga_ledger::ids::{Digest, Maybe};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::sign::{self, Domain};

/// Local and remote voters of each station: as many as papers.
const VOTERS: [(u32, u32); 4] = [(9, 0), (1, 0), (0, 1), (0, 12)];
/// The papers of constituency 1 in each station.
const PAPERS: [[u64; 5]; 4] = [[4, 3, 2, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [2, 3, 4, 2, 1]];

pub fn run(day: &mut Day) {
    found(day);
    govern(day);
    vote(day);
    count(day);
    contest(day);
    countersign(day);
    seal(day, "results are final although a case is open", Stage::Results, &flagged(&[27]));
    seal(day, "the archive", Stage::Archive, &clean());
}

fn found(day: &mut Day) {
    for (number, part) in parts().iter().enumerate() {
        day.record(&format!("definition part {number}"), Scope::Election, &[&record_key(1)], part, &clean());
    }
    register_all(day);
    for station in 1..=3 {
        let mut leaves: Vec<_> = (0..VOTERS_A_STATION).map(|number| tag(voter(station, number)).roll_leaf()).collect();
        leaves.sort();
        let leaves = leaves.iter().flat_map(|leaf| leaf.0).collect();
        let chunk = RollChunk { list_version: 1, number: 0, chunks: 1, total: VOTERS_A_STATION, leaves };
        let what = format!("the roll of station {station}");
        day.record(&what, Scope::Station(station), &[&registry_key()], &chunk, &clean());
    }
    seal(day, "the roll is sealed", Stage::Roll, &clean());
}

/// Four of five satisfy the quorum; each node and each organisation gets other keys 64 times and no more.
fn govern(day: &mut Day) {
    let keys: Vec<SigningKey> = (1..=4).map(record_key).collect();
    let keys: Vec<&SigningKey> = keys.iter().collect();
    let mut decide =
        |what: &str, change: &Governance, due: &super::Due| day.record(what, Scope::Election, &keys, change, due);
    let add = node_add(5, NodeRole::Learner, node_keys(9));
    decide("a node is given to an organisation that has not signed", &add, &refused(202));
    let rotate = |node: u32, change: u32| {
        let mut keys = election_of(5).organisations[node as usize - 1].nodes[0].clone();
        keys.tls_spki_sha256.0[..8].copy_from_slice(&[b't', b'l', b's', 0, 0, 0, node as u8, change as u8]);
        Governance::NodeRotateKeys { keys, reason: RotationReason::Routine as u8 }
    };
    decide("a node gets other keys, its organisation has not signed", &rotate(5, 1), &refused(202));
    for change in 1..=64 {
        decide(&format!("change {change} of node 1"), &rotate(1, change), &clean());
    }
    decide("the 65th change of a node", &rotate(1, 65), &refused(208));
    decide("another node", &rotate(2, 1), &clean());
    let election = day.world.state.election_id();
    let standby = |change: u32| {
        let record_key = record_key(3);
        let class = HolderClass::Organisation as u8;
        let message = KeyGrant::possession_message(&election, &public(&record_key), class, Scope::Election);
        Governance::OrganisationKeys {
            organisation: "org3".to_owned(),
            record_key: public(&record_key),
            standby_cosigner_key: public(&key(30_000 + change)),
            possession: sign::sign(&record_key, Domain::Possession, &message),
            reason: RotationReason::Routine as u8,
        }
    };
    let mut decide =
        |what: &str, change: &Governance, due: &super::Due| day.record(what, Scope::Election, &keys, change, due);
    for change in 1..=64 {
        decide(&format!("change {change} of organisation 3"), &standby(change), &clean());
    }
    decide("the 65th change of an organisation", &standby(65), &refused(208));
}

fn vote(day: &mut Day) {
    let identify = |day: &mut Day, what: &str, station, home, number, due: &super::Due| {
        let submission = day.world.identification(station, home, voter(home, number));
        day.expect(what, submission, due);
    };
    let open = |station| phase_body(station, Phase::Open, Counters::default());
    for station in 1..=3 {
        day.members(&format!("station {station} opens"), station, &open(station), &clean());
    }
    for number in 0..8 {
        identify(day, "a voter at home", 1, 1, number, &clean());
    }
    identify(day, "a voter at home, station 2", 2, 2, 0, &clean());
    let longer = act("1", ActEffect::Extend { until_ms: NOON_MS + 950_000 });
    day.record("hours of station 1 are extended", Scope::Station(1), &[&commission(day)], &longer, &clean());
    // At the very millisecond at which stations close.
    day.world.time_ms = NOON_MS + 900_000;
    identify(day, "within the extended hours", 1, 1, 8, &clean());
    identify(day, "a remote voter, at closing time", 3, 1, 9, &flagged(&[8]));
    day.members("station 4 opens at closing time", 4, &open(4), &flagged(&[8]));
    for number in 10..22 {
        identify(day, "a remote voter, after closing time", 4, 1, number, &flagged(&[8]));
    }
    day.world.time_ms = NOON_MS + 950_000;
}

fn count(day: &mut Day) {
    for ((station, counts), (local, remote)) in (1..).zip(PAPERS).zip(VOTERS) {
        let body = BallotBatch { number: 1, cells: cells(station, 1, [counts, [0; 5]]), last: 1 };
        let place = Scope::Unit(unit(station));
        day.record(&format!("papers of station {station}"), place, &[&scanner_key(station)], &body, &clean());
        let counters = Counters {
            identified_local: local,
            identified_remote: remote,
            slips: local + remote,
            printed_own: local,
            printed_other: remote,
            scanned: local + remote,
            ..Counters::default()
        };
        let body = phase_body(station, Phase::Close, counters);
        day.members(&format!("station {station} closes"), station, &body, &clean());
    }
    seal(day, "voting is over", Stage::Voting, &clean());
}

fn act(number: &str, effect: ActEffect) -> LegalAct {
    LegalAct {
        number: number.into(),
        date: "2025-12-01".into(),
        issuer: Issuer::Central as u8,
        issuer_number: 0,
        effect,
        effective_ms: 0,
        final_act: 0,
        document: Digest([6; 32]),
    }
}

/// The total of what is hidden one by one, and again after three units of it have been annulled.
fn contest(day: &mut Day) {
    day.world.time_ms = EMBARGO_MS;
    let commission = commission(day);
    let place = Scope::Constituency(1);
    let sum = |stations: &[usize]| {
        let position = |place: usize| stations.iter().map(|station| PAPERS[station - 1][place]).sum();
        let batches: Vec<(u32, u32)> = stations.iter().map(|station| (*station as u32, 1)).collect();
        opening(1, std::array::from_fn(position), &batches, Basis::Machine)
    };
    let all = sum(&[1, 2, 3, 4]);
    day.record("the total of constituency 1", place, &[&commission], &all, &clean());
    for station in 1..=2 {
        let annul = act(&format!("2-{station}"), ActEffect::Annul);
        let what = format!("station {station} is annulled");
        day.record(&what, Scope::Unit(unit(station)), &[&commission], &annul, &clean());
    }
    let few = sum(&[3, 4]);
    day.record("the total again, two units fewer: theirs would follow", place, &[&commission], &few, &refused(171));
    let annul = act("2-3", ActEffect::Annul);
    day.record("station 3 is annulled", Scope::Unit(unit(3)), &[&commission], &annul, &clean());
    day.record("the total again, three units fewer", place, &[&commission], &sum(&[4]), &flagged(&[28]));
    let case = Case {
        category: 1,
        state: CaseState::Filed as u8,
        opened_by: Maybe(None),
        deadline_ms: 0,
        target: Maybe(None),
        act: Maybe(None),
        document: Digest([8; 32]),
    };
    day.record("a complaint that nobody decides", Scope::Unit(unit(3)), &[&record_key(4)], &case, &clean());
}

/// One unit is spoken about 256 times.
fn countersign(day: &mut Day) {
    let say = |day: &mut Day, what: &str, station: u32, due: &super::Due| {
        let body = Countersign {
            target: Maybe(None),
            finding: Finding::NotPosted as u8,
            lines: vec![],
            counts: vec![],
            photo: Maybe(None),
        };
        day.record(what, Scope::Unit(unit(station)), &[&record_key(2)], &body, due);
    };
    for number in 1..=256 {
        say(day, &format!("finding {number} about unit 1"), 1, &clean());
    }
    say(day, "one finding too many", 1, &refused(221));
    say(day, "a finding about another unit", 2, &clean());
}
