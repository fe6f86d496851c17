//! The rules of version 1, told as stories; each verdict has its code.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::blinding as blinding_of;
use kit::*;
use proptest::prelude::*;
use tamga_ledger::commitment::{self, Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{Digest, Maybe, Nonce};
use tamga_ledger::kinds::*;
use tamga_ledger::record::{RecordError, Scope};
use tamga_ledger::sign;
use tamga_ledger::state::State;
use tamga_ledger::submission::{NoKeys, Rejection, Submission, authenticate};
use tamga_ledger::tally::{Seats, tally};
use tamga_ledger::verdict::{Flag, FlagCode, Refusal, Verdict};

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

fn flagged(flags: &[FlagCode]) -> Vec<u16> {
    flags.iter().map(|flag| flag.number()).collect()
}

fn codes(verdict: &Verdict) -> Vec<u16> {
    assert!(verdict.is_accepted(), "{verdict}");
    verdict.flags().iter().map(|flag| flag.code).collect()
}

#[test]
fn a_voter_is_admitted_once_everywhere() {
    let mut world = World::open();
    assert_eq!(world.identify(1, 1, voter(1, 0)), clean());
    assert_eq!(world.identify(1, 1, voter(1, 0)), refused(Refusal::AlreadyAdmitted));
    assert_eq!(world.identify(3, 1, voter(1, 0)), refused(Refusal::AlreadyAdmitted));
    assert_eq!(world.identify(4, 1, voter(1, 0)), refused(Refusal::AlreadyAdmitted));
    assert_eq!(world.state.counts().second_attempts, 3);
    assert_eq!(world.identify(4, 1, voter(1, 1)), clean());
    assert_eq!(world.identify(1, 1, voter(1, 1)), refused(Refusal::AlreadyAdmitted));
    let unit = world.state.unit(unit(4)).unwrap();
    assert_eq!((unit.identified_local, unit.identified_remote, unit.refused), (0, 1, 1));
}

#[test]
fn a_voter_of_the_same_constituency_is_sent_home() {
    let mut world = World::open();
    assert_eq!(world.identify(2, 1, voter(1, 0)), refused(Refusal::WrongStation));
    assert_eq!(world.identify(3, 1, voter(1, 0)), clean(), "another constituency: a remote vote");
}

#[test]
fn nobody_outside_the_roll_and_no_false_home() {
    let mut world = World::open();
    assert_eq!(world.identify(1, 1, 999_999), refused(Refusal::NotOnRoll));
    assert_eq!(world.identify(1, 3, voter(1, 0)), refused(Refusal::NotOnRoll));
    assert_eq!(world.identify(1, 77, voter(1, 0)), refused(Refusal::NotOnRoll));
}

#[test]
fn an_online_identification_needs_a_fresh_attestation_for_this_voter_unit_and_device() {
    let mut world = World::open();
    let none = world.identification_with(1, 1, voter(1, 0), 1, vec![]);
    assert_eq!(world.submit(&none), refused(Refusal::AttestationMissing));

    let good = world.identification(1, 1, voter(1, 0));
    let secret: IdentificationSecret = tamga_ledger::codec::decode(&good.confidential, 16_384).unwrap();
    let stolen = world.identification_with(1, 1, voter(1, 1), 1, secret.attestation.clone());
    assert_eq!(world.submit(&stolen), refused(Refusal::AttestationInvalid), "another voter");
    let elsewhere = world.identification_with(3, 1, voter(1, 0), 1, secret.attestation.clone());
    assert_eq!(world.submit(&elsewhere), refused(Refusal::AttestationInvalid), "another unit and device");

    let late_number = codes(&world.submit(&good));
    assert_eq!(late_number, flagged(&[FlagCode::CounterGap]), "its number came after those of the refused attempts");
    let again = world.identification_with(1, 1, voter(1, 0), 1, secret.attestation);
    assert_eq!(world.submit(&again), refused(Refusal::AttestationReused));

    let late = world.identification(1, 1, voter(1, 2));
    world.time_ms += 600_001;
    assert_eq!(world.submit(&late), refused(Refusal::AttestationExpired));
}

#[test]
fn a_member_or_another_stations_device_cannot_identify() {
    let mut world = World::open();
    let submission = world.identification(1, 1, voter(1, 0));
    let mut record = submission.signed.parse().unwrap();
    record.signers = vec![id(&device_key(2))];
    let signed = record.sign(&[&device_key(2)]).unwrap();
    let foreign = Submission { signed, confidential: submission.confidential };
    assert_eq!(world.submit(&foreign), refused(Refusal::KeyNotAuthorised));
}

#[test]
fn a_closed_unit_identifies_nobody() {
    let mut world = World::open();
    assert_eq!(world.phase(1, Phase::Suspend, Counters::default()), clean());
    assert_eq!(world.identify(1, 1, voter(1, 0)), refused(Refusal::UnitNotOpen));
    assert_eq!(world.phase(1, Phase::Resume, Counters::default()), clean());
    assert_eq!(world.identify(1, 1, voter(1, 0)), clean());
    let counters = Counters { identified_local: 1, printed_own: 1, slips: 1, ..Counters::default() };
    assert_eq!(world.phase(1, Phase::Close, counters), clean());
    assert_eq!(world.identify(1, 1, voter(1, 1)), refused(Refusal::UnitNotOpen));
    assert_eq!(world.phase(1, Phase::Open, Counters::default()), refused(Refusal::PhaseInvalid));
}

#[test]
fn offline_work_is_a_fact_and_flagged_where_it_breaks_rules() {
    let mut world = World::open();
    assert_eq!(world.identify(3, 1, voter(1, 0)), clean());
    assert_eq!(world.phase(1, Phase::OfflineStart, Counters::default()), clean());
    let collision = world.identification_with(1, 1, voter(1, 0), 0, vec![]);
    let verdict = world.submit(&collision);
    let flags = codes(&verdict);
    assert!(flags.contains(&FlagCode::OfflineCollision.number()), "{flags:?}");
    assert_eq!(world.state.counts().conflicts, 1);
    let first = world.state.roll(1).unwrap().admission(&tag(voter(1, 0)).roll_leaf());
    assert_eq!(
        verdict.flags().iter().find(|flag| flag.code == FlagCode::OfflineCollision.number()).unwrap().detail,
        first.unwrap()
    );
    assert_eq!(world.phase(1, Phase::OfflineEnd, Counters::default()), clean());
    assert_eq!(
        world.identify(1, 1, voter(1, 0)),
        refused(Refusal::AlreadyAdmitted),
        "a refused attempt uses a number too"
    );
    let undeclared = world.identification_with(1, 1, voter(1, 1), 0, vec![]);
    let flags = world.submit(&undeclared);
    assert!(codes(&flags).contains(&FlagCode::OfflineNotDeclared.number()));
}

#[test]
fn an_authors_number_is_used_once_and_the_same_record_changes_nothing() {
    let mut world = World::open();
    let first = world.identification(1, 1, voter(1, 0));
    assert_eq!(world.submit(&first), clean());
    let head = world.state.head();
    assert!(matches!(world.try_submit(&first), Outcome::Duplicate));
    assert_eq!(world.state.head(), head);

    let mut record = first.signed.parse().unwrap();
    record.nonce = Nonce([0xee; 16]);
    let signed = record.sign(&[&device_key(1)]).unwrap();
    let reuse = Submission { signed, confidential: first.confidential.clone() };
    assert_eq!(world.submit(&reuse), refused(Refusal::SequenceUsed));
}

#[test]
fn what_is_not_authentic_never_becomes_a_leaf() {
    let mut world = World::open();
    let good = world.identification(1, 1, voter(1, 0));
    let (election, size) = (world.state.election_id(), world.state.head().size);

    let mut broken = good.clone();
    broken.signed.signatures[0].0[7] ^= 1;
    assert!(matches!(world.try_submit(&broken), Outcome::Rejected(Rejection::Record(RecordError::Signature(_)))));

    let mut unknown = good.signed.parse().unwrap();
    unknown.signers = vec![id(&key(77))];
    let unknown = Submission { signed: unknown.sign(&[&key(77)]).unwrap(), confidential: good.confidential.clone() };
    assert!(matches!(world.try_submit(&unknown), Outcome::Rejected(Rejection::Record(RecordError::UnknownKey(_)))));

    let mut stripped = good.clone();
    stripped.confidential.clear();
    assert!(matches!(world.try_submit(&stripped), Outcome::Rejected(Rejection::ConfidentialDigest)));

    let mut future = good.signed.parse().unwrap();
    future.kind = 99;
    let future =
        Submission { signed: future.sign(&[&device_key(1)]).unwrap(), confidential: good.confidential.clone() };
    assert!(matches!(world.try_submit(&future), Outcome::Rejected(Rejection::UnknownKind(99))));

    let mut leaking = good.signed.parse().unwrap();
    leaking.nonce = Nonce(tag(voter(1, 0)).0[..16].try_into().unwrap());
    leaking.body = [leaking.body.clone(), tag(voter(1, 0)).0.to_vec()].concat();
    let leaking =
        Submission { signed: leaking.sign(&[&device_key(1)]).unwrap(), confidential: good.confidential.clone() };
    assert!(matches!(world.try_submit(&leaking), Outcome::Rejected(_)));

    let mut bytes = good.to_bytes();
    bytes.push(0);
    assert!(matches!(authenticate(&bytes, &election, &world.state), Err(Rejection::Submission(_))));
    assert_eq!(world.state.head().size, size);
}

#[test]
fn keys_need_possession_one_role_and_an_acceptable_point() {
    let mut world = World::new();
    world.define();
    let commission = record_key(1);
    let grant = world.grant(&key(50), HolderClass::Device, Scope::Unit(unit(1)), &[Kind::Identification]);
    let register = |world: &mut World, grant: KeyGrant| {
        world.record(Scope::Election, &[&commission], &KeyRegistration { grants: vec![grant] })
    };
    let stolen = KeyGrant { key: public(&key(51)), ..grant.clone() };
    assert_eq!(register(&mut world, stolen), refused(Refusal::PossessionInvalid));
    let weak = KeyGrant { key: tamga_ledger::ids::PublicKey([0; 32]), ..grant.clone() };
    assert_eq!(register(&mut world, weak), refused(Refusal::KeyUnacceptable));
    let mut wide = grant.clone();
    wide.kinds = vec![Kind::Protocol as u16];
    assert_eq!(register(&mut world, wide), refused(Refusal::ContentInvalid));
    assert_eq!(register(&mut world, grant.clone()), clean());
    assert_eq!(register(&mut world, grant), refused(Refusal::KeyAlreadyRegistered));
    let node = world.grant(&cosigner_key(1), HolderClass::Device, Scope::Unit(unit(1)), &[Kind::Identification]);
    assert_eq!(register(&mut world, node), refused(Refusal::KeyAlreadyRegistered));
    let observer = world.grant(&key(52), HolderClass::Device, Scope::Unit(unit(1)), &[Kind::Identification]);
    let by_observer = world.record(Scope::Election, &[&record_key(2)], &KeyRegistration { grants: vec![observer] });
    assert_eq!(by_observer, refused(Refusal::KeyNotAuthorised));
}

#[test]
fn no_ghost_voters_after_the_roll_seal() {
    let mut world = World::open();
    let chunk = RollChunk { list_version: 2, number: 0, chunks: 1, total: 1, leaves: vec![0; 16] };
    let verdict = world.record(Scope::Station(4), &[&registry_key()], &chunk);
    assert_eq!(verdict, refused(Refusal::StageClosed));
}

/// The seal is the last moment at which a voter could be put on two rolls.
#[test]
fn nobody_is_on_two_rolls_once_the_roll_is_sealed() {
    let mut world = World::new();
    world.define();
    world.register_keys();
    for station in 1..=3 {
        assert_eq!(world.roll(station), clean());
    }
    assert_eq!(world.state.on_two_rolls(10), []);
    let mut twice = [tag(voter(1, 7)).roll_leaf(), tag(voter(3, 8)).roll_leaf()];
    twice.sort();
    let leaves = twice.iter().flat_map(|leaf| leaf.0).collect();
    let chunk = RollChunk { list_version: 1, number: 0, chunks: 1, total: 2, leaves };
    assert_eq!(world.record(Scope::Station(4), &[&registry_key()], &chunk), clean());

    let found = world.state.on_two_rolls(10);
    assert_eq!(found.iter().map(|one| one.leaf).collect::<Vec<_>>(), twice);
    for one in &found {
        let home = if one.leaf == tag(voter(1, 7)).roll_leaf() { 1 } else { 3 };
        assert_eq!(one.stations, [home, 4]);
    }
    assert_eq!(world.state.on_two_rolls(1), found[..1]);
    assert_eq!(world.seal(Stage::Roll), refused(Refusal::SealRollsOverlap));

    // One of them still is.
    for (removed, total, due) in [(twice[0], 1, refused(Refusal::SealRollsOverlap)), (twice[1], 0, clean())] {
        let amendment = RollAmendment {
            list_version: 1,
            basis: AmendmentBasis::Corrected as u8,
            document: Maybe(None),
            removed: removed.0.to_vec(),
            added: vec![],
            total,
        };
        assert_eq!(world.record(Scope::Station(4), &[&registry_key()], &amendment), clean());
        assert_eq!(world.seal(Stage::Roll), due);
    }
}

#[test]
fn genesis_rules_have_teeth() {
    type Change = fn(&mut Election);
    let changes: [(&str, Change); 7] = [
        ("a quorum that one liar can split", |e| {
            e.trust_policy = e.trust_policy.replace("organisations 3", "organisations 2")
        }),
        ("a rehearsal that looks real", |e| e.origin_prefix = "example/test".to_owned()),
        ("a real election that looks like a rehearsal", |e| e.real = 1),
        ("one key in two roles", |e| e.organisations[0].nodes[0].log_key = e.organisations[1].record_key),
        ("unknown rules", |e| e.rules_version = 2),
        ("a cell of one paper", |e| e.cell_papers_min = 1),
        ("a node id twice", |e| e.organisations[0].nodes[0].id = 2),
    ];
    for (what, change) in changes {
        let mut body = election();
        change(&mut body);
        let bytes = sign_genesis(&body).to_bytes();
        let mut state = State::empty();
        let authentic = authenticate(&bytes, &state.election_id(), &NoKeys).unwrap();
        let tamga_ledger::judge::Integrated::Leaf(leaf) = state.integrate(NOON_MS, authentic) else { panic!() };
        assert_eq!(leaf.verdict, refused(Refusal::GenesisInvalid), "{what}");
    }
}

/// Ten own papers at station 1, two of constituency 2; enough elsewhere.
fn voted() -> World {
    let mut world = World::open();
    for number in 0..12 {
        assert_eq!(world.identify(1, 1, voter(1, number)), clean());
        assert_eq!(world.identify(2, 2, voter(2, number)), clean());
        assert_eq!(world.identify(3, 3, voter(3, number)), clean());
    }
    for number in 12..24 {
        assert_eq!(world.identify(4, 1, voter(1, number)), clean());
    }
    for number in 12..23 {
        assert_eq!(world.identify(1, 3, voter(3, number)), clean());
    }
    assert_eq!(world.batch(1, 1, [[4, 1, 0, 0, 0], [3, 0, 0, 0, 0]], false), clean());
    assert_eq!(world.batch(1, 2, [[4, 1, 1, 1, 0], [6, 0, 1, 0, 1]], true), clean());
    assert_eq!(world.batch(2, 1, [[1, 10, 0, 0, 1], [0; 5]], true), clean());
    assert_eq!(world.batch(3, 1, [[0; 5], [2, 2, 8, 0, 0]], true), clean());
    assert_eq!(world.batch(4, 1, [[2, 3, 4, 2, 1], [0; 5]], true), clean());
    world
}

fn close_all(world: &mut World) {
    let counters = |local, remote| Counters {
        identified_local: local,
        identified_remote: remote,
        slips: local + remote,
        printed_own: local,
        printed_other: remote,
        scanned: local + remote,
        ..Counters::default()
    };
    for (station, local, remote) in [(1, 12, 11), (2, 12, 0), (3, 12, 0), (4, 0, 12)] {
        assert_eq!(world.phase(station, Phase::Close, counters(local, remote)), clean());
    }
}

fn opening(constituency: u32, counts: [u64; 5], cells: &[(u32, u32)], basis: Basis) -> TotalOpening {
    let blinding = |(station, number): &(u32, u32)| match basis {
        Basis::Machine => blinding_of(*station, *number, constituency),
        Basis::Hand => hand_blinding(*station, constituency),
    };
    let openings: Vec<_> = cells.iter().map(|cell| (Counts::new(vec![0; 5]).unwrap(), blinding(cell))).collect();
    let (_, sum) = commitment::sum_openings(&openings).unwrap().unwrap();
    TotalOpening { basis: basis as u8, constituency, counts: counts.to_vec(), blinding: Digest(sum.reveal()) }
}

fn hand_blinding(station: u32, constituency: u32) -> Blinding {
    Blinding::derive(&[station as u8; 32], 1, constituency as u16, BlindingPurpose::Protocol)
}

#[test]
fn totals_open_only_whole_and_only_right() {
    let mut world = voted();
    let own = opening(1, [8, 2, 1, 1, 0], &[(1, 1), (1, 2)], Basis::Machine);
    assert_eq!(world.by_members(1, &own), refused(Refusal::Embargo), "before the embargo ends");
    let stub = Entry::from_bytes(&world.leaves.last().unwrap().entry).unwrap();
    assert!(matches!(stub.payload, Payload::Stub(_)), "its counts must not become public");

    world.time_ms = EMBARGO_MS;
    let wrong = opening(1, [7, 3, 1, 1, 0], &[(1, 1), (1, 2)], Basis::Machine);
    assert_eq!(world.by_members(1, &wrong), refused(Refusal::OpeningInvalid));
    let single = opening(1, [4, 1, 0, 0, 0], &[(1, 1)], Basis::Machine);
    assert_eq!(world.by_members(1, &single), refused(Refusal::OpeningInvalid), "one batch alone");
    let foreign = opening(2, [9, 0, 1, 0, 1], &[(1, 1), (1, 2)], Basis::Machine);
    assert_eq!(world.by_members(1, &foreign), refused(Refusal::ScopeInvalid), "another constituency's cell at a unit");
    assert_eq!(world.by_members(1, &own), clean());
    assert_eq!(world.by_members(1, &own), refused(Refusal::OpeningExists));

    let cells: Vec<(u32, u32)> = vec![(3, 1), (4, 1)];
    let remote = opening(1, [2, 3, 4, 2, 1], &cells, Basis::Machine);
    let commission = record_key(1);
    assert_eq!(world.record(Scope::Constituency(1), &[&commission], &remote), clean());
    let result = &tally(&world.state).constituencies[0];
    assert_eq!(result.machine.counts, [10, 5, 5, 3, 1]);
    assert_eq!((result.machine.coverage.n, result.machine.coverage.of), (1, 2), "station 2 has not opened");
    assert_eq!(result.seats, Seats::Incomplete, "the machine count never elects");
}

#[test]
fn a_remote_total_waits_for_every_unit() {
    let mut world = World::open();
    for number in 0..12 {
        world.identify(4, 1, voter(1, number));
    }
    world.batch(4, 1, [[12, 0, 0, 0, 0], [0; 5]], true);
    world.time_ms = EMBARGO_MS;
    let remote = opening(1, [12, 0, 0, 0, 0], &[(4, 1)], Basis::Machine);
    assert_eq!(world.record(Scope::Constituency(1), &[&record_key(1)], &remote), refused(Refusal::CoverageIncomplete));
}

#[test]
fn more_papers_than_voters_and_gaps_are_flagged() {
    let mut world = World::open();
    world.identify(1, 1, voter(1, 0));
    let verdict = world.batch(1, 2, [[2, 0, 0, 0, 0], [0; 5]], false);
    assert_eq!(codes(&verdict), flagged(&[FlagCode::BatchNumberGap, FlagCode::PapersAboveIdentified]));
}

fn hand_protocol(station: u32, own: &[u64], cells: &[(u32, [u64; 5])], lines: [u64; 4]) -> Protocol {
    let codes = ["1", "2", "9", "10"];
    Protocol {
        form: "test".to_owned(),
        form_version: 1,
        basis: Basis::Hand as u8,
        lines: codes.iter().zip(lines).map(|(code, value)| LineValue { code: (*code).to_owned(), value }).collect(),
        counts: own.to_vec(),
        cells: cells
            .iter()
            .map(|(constituency, counts)| Cell {
                constituency: *constituency,
                papers: counts.iter().sum::<u64>() as u32,
                commitment: commit(&Counts::new(counts.to_vec()).unwrap(), &hand_blinding(station, *constituency)),
            })
            .collect(),
        seals: vec![],
        present: vec![],
        dissenting: vec![],
        explanation: 0,
        scan: Maybe(None),
        closing_salt: Maybe(None),
    }
}

#[test]
fn the_whole_day_gives_seats_by_the_hand_count() {
    let mut world = voted();
    close_all(&mut world);
    world.time_ms = EMBARGO_MS;
    let protocols = [
        (1, vec![8, 2, 1, 1, 0], vec![(2, [9, 0, 1, 0, 1])], [30, 12, 0, 12]),
        (2, vec![1, 10, 0, 0, 1], vec![(2, [0; 5])], [30, 12, 1, 11]),
        (3, vec![2, 2, 8, 0, 0], vec![(1, [0; 5])], [30, 12, 0, 12]),
        (4, vec![], vec![(1, [2, 3, 4, 2, 1]), (2, [0; 5])], [0, 0, 0, 0]),
    ];
    for (station, own, cells, lines) in &protocols {
        let protocol = hand_protocol(*station, own, cells, *lines);
        assert_eq!(world.by_members(*station, &protocol), clean(), "station {station}");
    }
    let remote_1 = opening(1, [2, 3, 4, 2, 1], &[(3, 1), (4, 1)], Basis::Hand);
    assert_eq!(world.record(Scope::Constituency(1), &[&record_key(1)], &remote_1), clean());
    let remote_2 = opening(2, [9, 0, 1, 0, 1], &[(1, 1), (2, 1), (4, 1)], Basis::Hand);
    assert_eq!(world.record(Scope::Constituency(2), &[&record_key(1)], &remote_2), clean());

    let results = tally(&world.state);
    assert_eq!(results.constituencies[0].hand.counts, [11, 15, 5, 3, 2]);
    assert_eq!(results.constituencies[1].hand.counts, [11, 2, 9, 0, 1]);
    let elected = |index: usize| match &results.constituencies[index].seats {
        Seats::Filled { elected } => elected.iter().map(|one| one.position).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(elected(0), [2, 1]);
    assert_eq!(elected(1), [1, 2], "one of a sex: the woman with 2 votes, not the man with 9");
    assert_eq!(world.seal(Stage::Results), refused(Refusal::SealPremature));
    assert_eq!(world.seal(Stage::Voting), clean());
    assert_eq!(world.seal(Stage::Results), clean());
    assert_eq!(world.identify(1, 1, voter(1, 29)), refused(Refusal::StageClosed));
}

#[test]
fn a_broken_protocol_is_recorded_flagged_and_kept_out() {
    let mut world = voted();
    close_all(&mut world);
    world.time_ms = EMBARGO_MS;
    let broken = hand_protocol(1, &[8, 2, 1, 1, 0], &[(2, [9, 0, 1, 0, 1])], [30, 13, 0, 12]);
    let verdict = world.by_members(1, &broken);
    assert_eq!(verdict.flags(), [Flag::with(FlagCode::HardRelationBroken, 0)]);
    assert_eq!(tally(&world.state).blocked, [unit(1)]);
    assert_eq!(tally(&world.state).constituencies[0].hand.coverage.n, 0);

    let mended = hand_protocol(1, &[8, 2, 1, 1, 0], &[(2, [9, 0, 1, 0, 1])], [30, 12, 0, 12]);
    let mended = Protocol { explanation: 1, ..mended };
    assert_eq!(world.by_members(1, &mended), refused(Refusal::SupersedesInvalid), "a second protocol names the first");
    let keys = [member_key(1, 1), member_key(1, 2)];
    let first = world.state.unit(unit(1)).unwrap().protocol(Basis::Hand).unwrap().clone();
    let mut record = world.draft(Scope::Unit(unit(1)), &[&keys[0], &keys[1]], &mended);
    record.supersedes = Maybe(Some(first.id));
    let verdict = world.submit(&Submission::public(record.sign(&[&keys[0], &keys[1]]).unwrap()));
    assert_eq!(verdict.flags(), [Flag::with(FlagCode::Correction, first.leaf)]);
    assert_eq!(tally(&world.state).constituencies[0].hand.coverage.n, 1);
}

#[test]
fn small_cells_and_single_signers_are_refused() {
    let mut world = voted();
    close_all(&mut world);
    world.time_ms = EMBARGO_MS;
    let small = hand_protocol(1, &[1, 0, 0, 0, 0], &[(2, [9, 0, 1, 0, 1])], [30, 1, 0, 1]);
    assert_eq!(world.by_members(1, &small), refused(Refusal::SmallCell));
    let alone = hand_protocol(1, &[8, 2, 1, 1, 0], &[(2, [9, 0, 1, 0, 1])], [30, 12, 0, 12]);
    let member = member_key(1, 1);
    assert_eq!(world.record(Scope::Unit(unit(1)), &[&member], &alone), refused(Refusal::QuorumMissing));
}

#[test]
fn replaying_the_entries_gives_every_verdict_again() {
    let mut world = voted();
    close_all(&mut world);
    world.seal(Stage::Voting);
    let mut replayed = State::empty();
    for leaf in &world.leaves {
        let entry = Entry::from_bytes(&leaf.entry).unwrap();
        let Payload::Full(signed) = &entry.payload else { panic!("no stubs here") };
        let submission = Submission { signed: signed.clone(), confidential: leaf.confidential.clone() };
        let authentic = authenticate(&submission.to_bytes(), &replayed.election_id(), &replayed).unwrap();
        assert_eq!(replayed.replay(&entry, &leaf.entry, authentic).unwrap().entry, leaf.entry);
    }
    assert_eq!(replayed.head(), world.state.head());
}

#[test]
fn possession_is_bound_to_place_and_class() {
    let world = World::new();
    let grant = world.grant(&key(60), HolderClass::Device, Scope::Unit(unit(1)), &[Kind::Identification]);
    let elsewhere =
        KeyGrant::possession_message(&world.state.election_id(), &grant.key, grant.class, Scope::Unit(unit(2)));
    assert!(!sign::verify(&grant.key, sign::Domain::Possession, &elsewhere, &grant.possession));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn authenticate_is_total_over_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = authenticate(&bytes, &tamga_ledger::ids::ElectionId::ZERO, &NoKeys);
    }

    #[test]
    fn a_damaged_genesis_is_never_authentic(at in 0..2_000_usize, bit in 0..8_u8) {
        let mut bytes = sign_genesis(&election()).to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(authenticate(&bytes, &tamga_ledger::ids::ElectionId::ZERO, &NoKeys).is_err());
    }
}
