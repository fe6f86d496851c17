//! Definition, keys, roll.

use super::{Day, clean, refused};
use crate::kit::*;
use tamga_ledger::ids::{Maybe, PublicKey, RecordId, RollLeaf};
use tamga_ledger::kinds::*;
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::submission::Submission;

pub fn run(day: &mut Day) {
    define(day);
    headers(day);
    keys(day);
    roll(day);
}

fn define(day: &mut Day) {
    let commission = record_key(1);
    let signers = [&commission];
    day.record("part 1 before part 0", Scope::Election, &signers, &parts()[1], &refused(110));
    let mut other = parts()[0].clone();
    other.content.push(0);
    day.record("part 0 with other content", Scope::Election, &signers, &other, &refused(111));
    let seal = Seal {
        stage: 1,
        size: 1,
        sha256_root: tamga_ledger::ids::Digest([0; 32]),
        blake3_root: tamga_ledger::ids::Digest([0; 32]),
        admitted_root: Maybe(None),
        tally: Maybe(None),
    };
    day.record("a seal before the definition", Scope::Election, &signers, &seal, &refused(108));
    for (number, part) in parts().iter().enumerate() {
        day.record(&format!("definition part {number}"), Scope::Election, &signers, part, &clean());
    }
    day.record("a part too many", Scope::Election, &signers, &parts()[3], &refused(110));
    let genesis = election();
    let keys = [record_key(1), record_key(2), record_key(3)];
    let keys: Vec<_> = keys.iter().collect();
    day.record("a second genesis record", Scope::Election, &keys, &genesis, &refused(112));
}

/// What every header has to keep.
fn headers(day: &mut Day) {
    let commission = record_key(1);
    let signers = [&commission];
    let part = parts()[3].clone();
    let before = day.world.sequence;
    day.altered(
        "too late",
        Scope::Election,
        &signers,
        &part,
        |record| record.not_after_ms = NOON_MS - 1,
        &refused(104),
    );
    day.altered(
        "a number used before",
        Scope::Election,
        &signers,
        &part,
        |record| record.sequence = before,
        &refused(102),
    );
    let target = Maybe(Some(RecordId([1; 32])));
    day.altered(
        "supersedes what nothing may",
        Scope::Election,
        &signers,
        &part,
        |record| record.supersedes = target,
        &refused(109),
    );
    day.record("a part for one station", Scope::Station(1), &signers, &part, &refused(106));
    let far = before + 1_000;
    day.altered("a number far ahead", Scope::Election, &signers, &part, |record| record.sequence = far, &refused(110));
    day.record("a number far behind", Scope::Election, &signers, &part, &refused(103));
    day.world.sequence = far;
}

fn keys(day: &mut Day) {
    let commission = record_key(1);
    let register = |day: &mut Day, what: &str, grants: Vec<KeyGrant>, due| {
        day.record(what, Scope::Election, &[&commission], &KeyRegistration { grants }, &due)
    };
    let scope = Scope::Unit(unit(1));
    let grant = day.world.grant(&key(50), HolderClass::Device, scope, &[Kind::Identification]);
    register(day, "no keys", vec![], refused(107));
    let stolen = KeyGrant { key: public(&key(51)), ..grant.clone() };
    register(day, "somebody else's possession", vec![stolen], refused(121));
    let weak = KeyGrant { key: PublicKey([0; 32]), ..grant.clone() };
    register(day, "a key of small order", vec![weak], refused(122));
    let mut twice = [0xff; 32];
    (twice[0], twice[31]) = (0xf0, 0x7f);
    register(
        day,
        "a key that is not canonical",
        vec![KeyGrant { key: PublicKey(twice), ..grant.clone() }],
        refused(122),
    );
    let mut wide = grant.clone();
    wide.kinds = vec![Kind::Protocol as u16];
    register(day, "a device that may sign protocols", vec![wide], refused(107));
    let mut brief = grant.clone();
    brief.valid_until_ms = NOON_MS - 1;
    register(day, "a key that is not valid any more", vec![brief], clean());
    register(day, "a key that is registered already", vec![grant], refused(120));
    let body = Identification { mode: 0, online: 1, device_counter: 1 };
    let record = day.world.draft(scope, &[&key(50)], &body);
    let (record, secret) = secretive(record, 1, voter(1, 0));
    let signed = record.sign(&[&key(50)]).unwrap();
    day.expect("by a key that is not valid any more", Submission { signed, confidential: secret }, &refused(101));
    let other = day.world.grant(&key(53), HolderClass::Device, scope, &[Kind::Identification]);
    let by_other = KeyRegistration { grants: vec![other.clone()] };
    day.record("keys registered by another organisation", Scope::Election, &[&record_key(2)], &by_other, &refused(100));
    register(day, "a device", vec![other], clean());
    register_all(day);
    revoke(day);
}

/// An identification's header with a confidential body that nobody has attested.
pub fn secretive(mut record: Record, home: u32, voter: u32) -> (Record, Vec<u8>) {
    let secret = tamga_ledger::codec::encode(&IdentificationSecret {
        salt: tamga_ledger::ids::Digest(*blake3::hash(&record.sequence.to_be_bytes()).as_bytes()),
        tag: tag(voter),
        home_station: home,
        method: 1,
        attestation: vec![],
    });
    record.confidential = Maybe(Some(tamga_ledger::submission::confidential_digest(&secret)));
    (record, secret)
}

pub fn register_all(day: &mut Day) {
    let mut grants = vec![day.world.grant(
        &registry_key(),
        HolderClass::Registry,
        Scope::Election,
        &[Kind::RollChunk, Kind::RollAmendment, Kind::Identification],
    )];
    for (station, _, _) in STATIONS {
        let scope = Scope::Unit(unit(station));
        grants.push(day.world.grant(&device_key(station), HolderClass::Device, scope, &[Kind::Identification]));
        grants.push(day.world.grant(&scanner_key(station), HolderClass::Scanner, scope, &[Kind::BallotBatch]));
        for member in 1..=2 {
            let kinds = [Kind::StationPhase, Kind::IdentificationVoid, Kind::TotalOpening, Kind::Protocol];
            let member = member_key(station, member);
            grants.push(day.world.grant(&member, HolderClass::Member, Scope::Station(station), &kinds));
        }
    }
    let body = KeyRegistration { grants };
    day.record("registry, devices, scanners, members", Scope::Election, &[&record_key(1)], &body, &clean());
}

fn revoke(day: &mut Day) {
    let commission = record_key(1);
    let revocation = KeyRevocation { keys: vec![id(&key(53))], reason: RotationReason::Lost as u8 };
    let none = KeyRevocation { keys: vec![], reason: 1 };
    day.record("nothing revoked", Scope::Election, &[&commission], &none, &refused(107));
    day.record("a device's key revoked", Scope::Election, &[&commission], &revocation, &clean());
    day.record("a key revoked twice", Scope::Election, &[&commission], &revocation, &refused(124));
    let body = Identification { mode: 0, online: 1, device_counter: 1 };
    let record = day.world.draft(Scope::Unit(unit(1)), &[&key(53)], &body);
    let (record, secret) = secretive(record, 1, voter(1, 0));
    let signed = record.sign(&[&key(53)]).unwrap();
    day.expect("by a revoked key", Submission { signed, confidential: secret }, &refused(123));
}

fn roll(day: &mut Day) {
    let registry = registry_key();
    let leaves = |station: u32, numbers: std::ops::Range<u32>| {
        let mut all: Vec<_> = (0..VOTERS_A_STATION).map(|number| tag(voter(station, number)).roll_leaf()).collect();
        all.sort();
        all[numbers.start as usize..numbers.end as usize].iter().flat_map(|leaf| leaf.0).collect::<Vec<u8>>()
    };
    let chunk = |number, chunks, leaves| RollChunk { list_version: 1, number, chunks, total: VOTERS_A_STATION, leaves };
    let place = Scope::Station(1);
    day.record("the second chunk first", place, &[&registry], &chunk(1, 2, leaves(1, 10..30)), &refused(130));
    day.record("half a leaf", place, &[&registry], &chunk(0, 2, vec![0; 24]), &refused(107));
    day.record("the roll of station 1, first chunk", place, &[&registry], &chunk(0, 2, leaves(1, 0..10)), &clean());
    day.record("leaves not ascending", place, &[&registry], &chunk(1, 2, leaves(1, 5..25)), &refused(130));
    day.record("fewer than the total", place, &[&registry], &chunk(1, 2, leaves(1, 10..29)), &refused(107));
    premature(day);
    day.record("the roll of station 1, last chunk", place, &[&registry], &chunk(1, 2, leaves(1, 10..30)), &clean());
    for station in [2, 3] {
        let what = format!("the roll of station {station}");
        day.record(&what, Scope::Station(station), &[&registry], &chunk(0, 1, leaves(station, 0..30)), &clean());
    }
    day.record("a roll of no station", Scope::Station(9), &[&registry], &chunk(0, 1, leaves(1, 0..30)), &refused(106));
    amendments(day);
    on_two_rolls(day);
    seal(day, "the roll is sealed", Stage::Roll, &clean());
    let late = amendment(&[], &[tag(voter(1, 90)).roll_leaf()], 31);
    day.record("a voter added after the roll was sealed", place, &[&registry], &late, &refused(105));
    let ghost = RollChunk { list_version: 2, number: 0, chunks: 1, total: 1, leaves: vec![0; 16] };
    day.record("a voter after the roll was sealed", Scope::Station(4), &[&registry], &ghost, &refused(105));
}

fn amendment(removed: &[RollLeaf], added: &[RollLeaf], total: u32) -> RollAmendment {
    let bytes = |leaves: &[RollLeaf]| leaves.iter().flat_map(|leaf| leaf.0).collect();
    let (removed, added) = (bytes(removed), bytes(added));
    let document = Maybe(Some(tamga_ledger::ids::Digest([7; 32])));
    RollAmendment { list_version: 1, basis: 1, document, removed, added, total }
}

/// Somebody moves from station 1 to station 2 and back: afterwards the rolls are what they were.
fn amendments(day: &mut Day) {
    let (registry, mover) = (registry_key(), tag(voter(1, 3)).roll_leaf());
    let (other, nobody) = (tag(voter(1, 4)).roll_leaf(), tag(voter(1, 90)).roll_leaf());
    let pair = {
        let mut pair = [mover, other];
        pair.sort();
        pair
    };
    let mut record = |what: &str, station: u32, body: &RollAmendment, due: &super::Due| {
        day.record(what, Scope::Station(station), &[&registry], body, due);
    };
    record("added to a second roll", 2, &amendment(&[], &[mover], 31), &refused(131));
    record("struck off a roll that does not have the voter", 2, &amendment(&[mover], &[], 29), &refused(131));
    record("an amendment of nothing", 1, &amendment(&[], &[], 30), &refused(107));
    record("a total that is not what is left", 1, &amendment(&[mover], &[], 30), &refused(107));
    record("not ascending", 1, &amendment(&[pair[1], pair[0]], &[], 28), &refused(107));
    record(
        "half a leaf struck",
        1,
        &RollAmendment { removed: vec![0; 8], ..amendment(&[], &[nobody], 31) },
        &refused(107),
    );
    record("for no reason there is", 1, &RollAmendment { basis: 6, ..amendment(&[mover], &[], 29) }, &refused(107));
    record("of another list", 1, &RollAmendment { list_version: 2, ..amendment(&[mover], &[], 29) }, &refused(130));
    record("of a station without a roll", 4, &amendment(&[], &[nobody], 1), &refused(130));
    let many: Vec<RollLeaf> = (0..257_u16)
        .map(|n| {
            let mut leaf = [0; 16];
            leaf[..2].copy_from_slice(&n.to_be_bytes());
            RollLeaf(leaf)
        })
        .collect();
    record("more leaves than an amendment has", 1, &amendment(&[], &many, 287), &refused(107));
    record("struck off, on the way to station 2", 1, &amendment(&[mover], &[], 29), &clean());
    record("added at station 2", 2, &amendment(&[], &[mover], 31), &clean());
    record("struck off station 2", 2, &amendment(&[mover], &[], 30), &clean());
    record("back, in exchange for nobody", 1, &amendment(&[], &[mover], 30), &clean());
    record("one goes and one comes", 1, &amendment(&[other], &[nobody], 30), &clean());
    record("and the reverse", 1, &amendment(&[nobody], &[other], 30), &clean());
}

/// A registry that puts somebody on two rolls: chunks are not held against each other, the seal is.
fn on_two_rolls(day: &mut Day) {
    let (registry, station, twice) = (registry_key(), Scope::Station(4), tag(voter(2, 3)).roll_leaf());
    let chunk = RollChunk { list_version: 1, number: 0, chunks: 1, total: 1, leaves: twice.0.to_vec() };
    day.record("a voter of station 2 on the roll of station 4", station, &[&registry], &chunk, &clean());
    seal(day, "the roll sealed while a voter is on two", Stage::Roll, &refused(194));
    day.record("struck off station 4", station, &[&registry], &amendment(&[twice], &[], 0), &clean());
}

fn premature(day: &mut Day) {
    seal(day, "the roll sealed before it is complete", Stage::Roll, &refused(191));
}

/// A seal over the head as it is, which the next record's time makes a cut.
pub fn seal(day: &mut Day, what: &str, stage: Stage, due: &super::Due) {
    day.world.time_ms += 2_000;
    let head = day.world.state.head();
    let digest = |hash: tamga_ledger::tree::Hash| tamga_ledger::ids::Digest(hash.to_bytes());
    let body = Seal {
        stage: stage as u8,
        size: head.size.get(),
        sha256_root: digest(head.roots.sha256),
        blake3_root: digest(head.roots.blake3),
        admitted_root: Maybe((stage == Stage::Voting).then(|| day.world.state.admitted_root())),
        tally: Maybe((stage == Stage::Results).then(|| tamga_ledger::tally::tally(&day.world.state).digest())),
    };
    day.record(what, Scope::Election, &[&commission(day)], &body, due);
}

/// The commission's record key now.
pub fn commission(day: &Day) -> ed25519_dalek::SigningKey {
    let now = day.world.state.nodes().organisation("org1").unwrap().record_key;
    [record_key(1), super::governing::new_record_key()].into_iter().find(|key| public(key) == now).unwrap()
}
