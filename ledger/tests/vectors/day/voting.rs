//! Phases and identifications.

use super::{Day, Due, clean, flagged, refused};
use crate::kit::*;
use tamga_ledger::ids::Maybe;
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::submission::Submission;

pub fn phase_body(station: u32, phase: Phase, counters: Counters) -> StationPhase {
    let list_total = if STATIONS[station as usize - 1].1 == 0 { VOTERS_A_STATION } else { 0 };
    StationPhase {
        phase: phase as u8,
        list_total,
        counters,
        seals: vec!["A-1".to_owned()],
        equipment: vec!["D-7".to_owned()],
        roles: vec![MemberRole { key: id(&member_key(station, 1)), role: 1 }],
        checkpoint_size_seen: 7,
        protocol_digest: Maybe(None),
    }
}

pub fn phase(day: &mut Day, what: &str, station: u32, phase: Phase, due: &Due) {
    let body = phase_body(station, phase, Counters::default());
    day.members(what, station, &body, due);
}

fn identify(day: &mut Day, what: &str, station: u32, home: u32, who: u32, due: &Due) {
    let submission = day.world.identification(station, home, who);
    day.expect(what, submission, due);
}

pub fn run(day: &mut Day) {
    open(day);
    online(day);
    attestations(day);
    offline(day);
}

fn open(day: &mut Day) {
    identify(day, "before the unit is open", 1, 1, voter(1, 0), &refused(150));
    let body = phase_body(1, Phase::Open, Counters::default());
    let single = member_key(1, 1);
    day.record("opened by one member", Scope::Unit(unit(1)), &[&single], &body, &refused(141));
    phase(day, "closed before it is open", 1, Phase::Resume, &refused(140));
    phase(day, "station 1 opens", 1, Phase::Open, &clean());
    let mut more = phase_body(2, Phase::Open, Counters::default());
    more.list_total += 1;
    day.members("station 2 opens with another list", 2, &more, &flagged(&[1]));
    let counters = Counters { scanned: 1, ..Counters::default() };
    day.members("station 3 opens with a counter above zero", 3, &phase_body(3, Phase::Open, counters), &flagged(&[2]));
    phase(day, "station 4 opens", 4, Phase::Open, &clean());
    phase(day, "station 1 opens again", 1, Phase::Open, &refused(140));
}

fn online(day: &mut Day) {
    for number in 0..12 {
        identify(day, "a voter at home", 1, 1, voter(1, number), &clean());
    }
    identify(day, "the same voter again", 1, 1, voter(1, 0), &refused(156));
    identify(day, "the same voter elsewhere", 3, 1, voter(1, 0), &refused(156));
    identify(day, "at a wrong station of the same constituency", 2, 1, voter(1, 20), &refused(157));
    identify(day, "on no roll", 1, 1, 999_999, &refused(155));
    for number in 12..24 {
        identify(day, "a remote voter", 4, 1, voter(1, number), &clean());
    }
    for number in 0..12 {
        identify(day, "a voter at home in constituency 2", 3, 3, voter(3, number), &clean());
    }
    let good = day.world.identification(1, 1, voter(1, 25));
    let mut record = good.signed.parse().unwrap();
    record.body = Identification { mode: 1, ..Identification::from_bytes(&record.body).unwrap() }.to_bytes();
    let signed = record.sign(&[&device_key(1)]).unwrap();
    day.expect("a local voter as a remote one", Submission { signed, confidential: good.confidential }, &refused(158));
    phase(day, "station 1 pauses", 1, Phase::Suspend, &clean());
    identify(day, "while voting pauses", 1, 1, voter(1, 24), &refused(150));
    phase(day, "station 1 goes on", 1, Phase::Resume, &clean());
    let counters = Counters { slips: 1, ..Counters::default() };
    day.members("a balance that does not add up", 1, &phase_body(1, Phase::Balance, counters), &flagged(&[3]));
    voids(day);
    carried(day);
}

/// Station 2: two are admitted, one gets no ballot.
fn voids(day: &mut Day) {
    let mut admitted = Vec::new();
    for number in 0..2 {
        identify(day, "a voter at home, station 2", 2, 2, voter(2, number), &clean());
        admitted.push(day.world.leaves.last().unwrap().id);
    }
    let void = |target, ballot: u8| IdentificationVoid { target, ballot };
    let single = member_key(2, 1);
    let body = void(admitted[0], 1);
    day.record("a void by one member", Scope::Unit(unit(2)), &[&single], &body, &refused(141));
    day.members("a void with an unknown fate of the ballot", 2, &void(admitted[0], 3), &refused(107));
    day.members("another unit's admission is declared void", 4, &body, &refused(159));
    day.members("no ballot came out of the printer", 2, &body, &clean());
    day.members("the same void again", 2, &void(admitted[0], 2), &refused(159));
    identify(day, "whose ballot did not come out, again", 2, 2, voter(2, 0), &refused(156));
    day.members("a ballot printed and kept back", 2, &void(admitted[1], 2), &clean());
    let counters =
        Counters { identified_local: 2, slips: 1, signatures: 2, printed_own: 1, spoiled: 1, ..Counters::default() };
    day.members("a balance with two voids", 2, &phase_body(2, Phase::Balance, counters), &clean());
    let more = Counters { identified_local: 3, slips: 2, printed_own: 2, ..counters };
    day.members("more voters than the ledger has", 2, &phase_body(2, Phase::Balance, more), &flagged(&[15]));
    let fell = Counters { signatures: 1, ..counters };
    day.members("counters fall", 2, &phase_body(2, Phase::Balance, fell), &flagged(&[29]));
}

/// Station 2: the mobile box, other seals, a replaced device.
fn carried(day: &mut Day) {
    phase(day, "the mobile box comes back before it went", 2, Phase::BoxIn, &refused(140));
    phase(day, "the mobile box goes out", 2, Phase::BoxOut, &clean());
    let mut seals = phase_body(2, Phase::BoxIn, Counters::default());
    seals.seals = vec!["A-2".to_owned()];
    day.members("the mobile box comes back under another seal", 2, &seals, &flagged(&[31]));
    phase(day, "the mobile box goes out again", 2, Phase::BoxOut, &clean());
    let mut swap = phase_body(2, Phase::Replace, Counters::default());
    day.members("a replacement by nothing", 2, &swap, &refused(107));
    swap.equipment = vec!["D-7".to_owned(), "D-8".to_owned()];
    day.members("a device is replaced", 2, &swap, &clean());
    super::custody::run(day);
    day.members(
        "the same device is replaced again, by one that the inventory has elsewhere",
        2,
        &swap,
        &flagged(&[32, 45]),
    );
}

fn attestations(day: &mut Day) {
    let none = day.world.identification_with(1, 1, voter(1, 24), 1, vec![]);
    day.expect("without attestation", none, &refused(151));
    let good = day.world.identification(1, 1, voter(1, 24));
    let secret: IdentificationSecret = tamga_ledger::codec::decode(&good.confidential, 16_384).unwrap();
    let stolen = day.world.identification_with(1, 1, voter(1, 26), 1, secret.attestation.clone());
    day.expect("with another voter's attestation", stolen, &refused(152));
    day.expect("with its own, after a later number of the device", good, &flagged(&[12]));
    let again = day.world.identification_with(1, 1, voter(1, 24), 1, secret.attestation);
    day.expect("with a used attestation", again, &refused(154));
    let late = day.world.identification(1, 1, voter(1, 26));
    day.world.time_ms += 600_001;
    day.expect("with an attestation that is too old", late, &refused(153));
}

fn offline(day: &mut Day) {
    let who = |day: &mut Day, station, home, who| day.world.identification_with(station, home, who, 0, vec![]);
    let undeclared = who(day, 3, 3, voter(3, 20));
    day.expect("offline, not declared", undeclared, &flagged(&[9, 12]));
    phase(day, "station 3 goes offline", 3, Phase::OfflineStart, &clean());
    let collision = who(day, 3, 3, voter(3, 0));
    day.expect("offline, admitted before", collision, &flagged(&[10, 12]));
    let foreign = who(day, 3, 1, voter(1, 27));
    day.expect("offline, of another station's roll", foreign, &flagged(&[11]));
    let mut next = who(day, 3, 3, voter(3, 21));
    let mut record = next.signed.parse().unwrap();
    // The device's counter goes on by one: no gap.
    let last: u64 = day.last_counter();
    record.body = Identification { mode: 0, online: 0, device_counter: last + 1 }.to_bytes();
    next.signed = record.sign(&[&device_key(3)]).unwrap();
    day.expect("offline, more than the cap", next, &flagged(&[16]));
    phase(day, "station 3 is online again", 3, Phase::OfflineEnd, &clean());
    identify(day, "online, admitted offline before", 3, 3, voter(3, 20), &refused(156));
}

impl Day {
    /// The counter of the last identification in the ledger.
    fn last_counter(&self) -> u64 {
        let leaf = self.world.leaves.iter().rev().find(|leaf| leaf.kind == Kind::Identification).unwrap();
        let record = signed(leaf).parse().unwrap();
        Identification::from_bytes(&record.body).unwrap().device_counter
    }
}
