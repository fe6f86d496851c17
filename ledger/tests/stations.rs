//! What a precinct commission reports on the day, told as stories: the running balance, voids, the mobile box, replaced equipment.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use tamga_ledger::balance::{Discrepancy, Moment, Term, discrepancies};
use tamga_ledger::ids::{Maybe, RecordId};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::verdict::{FlagCode, Refusal, Verdict};

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

fn codes(verdict: &Verdict) -> Vec<u16> {
    assert!(verdict.is_accepted(), "{verdict}");
    verdict.flags().iter().map(|flag| flag.code).collect()
}

fn numbers(flags: &[FlagCode]) -> Vec<u16> {
    flags.iter().map(|flag| flag.number()).collect()
}

/// Voters at home, each with slip, signature and one ballot.
fn in_order(voters: u32) -> Counters {
    Counters { identified_local: voters, slips: voters, signatures: voters, printed_own: voters, ..Counters::default() }
}

fn report(world: &mut World, phase: Phase, change: impl FnOnce(&mut StationPhase)) -> Verdict {
    let mut body = StationPhase {
        phase: phase as u8,
        list_total: VOTERS_A_STATION,
        counters: Counters::default(),
        seals: vec![],
        equipment: vec![],
        roles: vec![],
        checkpoint_size_seen: 0,
        protocol_digest: Maybe(None),
    };
    change(&mut body);
    world.by_members(1, &body)
}

fn admit(world: &mut World, voters: u32) -> Vec<RecordId> {
    (0..voters)
        .map(|number| {
            assert_eq!(world.identify(1, 1, voter(1, number)), clean());
            world.leaves.last().unwrap().id
        })
        .collect()
}

fn void(world: &mut World, target: RecordId, ballot: VoidedBallot) -> Verdict {
    world.by_members(1, &IdentificationVoid { target, ballot: ballot as u8 })
}

#[test]
fn each_discrepancy_of_the_running_balance_is_flagged_at_once() {
    let mut world = World::open();
    admit(&mut world, 5);
    assert_eq!(world.phase(1, Phase::Balance, in_order(5)), clean());
    let one_spoiled = Counters { printed_own: 6, spoiled: 1, scanned: 4, ..in_order(5) };
    assert_eq!(world.phase(1, Phase::Balance, one_spoiled), clean(), "a spoiled ballot was printed again");

    type Change = fn(&mut Counters);
    let wrong: [(&str, Change, &[FlagCode]); 6] = [
        ("a ballot printed twice and not counted as spoiled", |c| c.printed_own = 7, &[FlagCode::BalanceBroken]),
        ("a slip got lost", |c| c.slips = 4, &[FlagCode::BalanceBroken, FlagCode::CountersFell]),
        ("one paper more than voters", |c| c.scanned = 6, &[FlagCode::PapersAboveIdentified]),
        (
            "a voter whom the ledger never admitted",
            |c| (c.identified_local, c.slips, c.printed_own) = (6, 6, 7),
            &[FlagCode::CountersDiffer],
        ),
        ("fewer spoiled than an hour ago", |c| (c.spoiled, c.printed_own) = (0, 5), &[FlagCode::CountersFell]),
        ("fewer scanned than an hour ago", |c| c.scanned = 3, &[FlagCode::CountersFell]),
    ];
    for (what, change, flags) in wrong {
        let mut counters = one_spoiled;
        change(&mut counters);
        let mut trial = copy(&world);
        let verdict = trial.phase(1, Phase::Balance, counters);
        assert_eq!(codes(&verdict), numbers(flags), "{what}");
    }
}

fn copy(world: &World) -> World {
    World { state: world.state.clone(), time_ms: world.time_ms, sequence: world.sequence, leaves: vec![] }
}

#[test]
fn a_report_may_lag_behind_the_ledger_while_voting_goes_on_but_not_at_the_close() {
    let mut world = World::open();
    admit(&mut world, 5);
    assert_eq!(world.phase(1, Phase::Balance, in_order(4)), clean(), "the fifth came while they signed");
    assert_eq!(codes(&world.phase(1, Phase::Close, in_order(4))), numbers(&[FlagCode::CountersDiffer]));
}

#[test]
fn a_void_needs_two_members_an_admission_of_this_unit_and_counts_in_the_balance() {
    let mut world = World::open();
    let admitted = admit(&mut world, 3);
    let body = IdentificationVoid { target: admitted[0], ballot: VoidedBallot::NotPrinted as u8 };
    let single = world.record(Scope::Unit(unit(1)), &[&member_key(1, 1)], &body);
    assert_eq!(single, refused(Refusal::QuorumMissing));
    let keys = [member_key(3, 1), member_key(3, 2)];
    let elsewhere = world.record(Scope::Unit(unit(3)), &[&keys[0], &keys[1]], &body);
    assert_eq!(elsewhere, refused(Refusal::VoidTargetInvalid));
    let opening = world.leaves[0].id;
    assert_eq!(void(&mut world, opening, VoidedBallot::NotPrinted), refused(Refusal::VoidTargetInvalid));
    assert_eq!(world.by_members(1, &IdentificationVoid { ballot: 3, ..body }), refused(Refusal::ContentInvalid));

    assert_eq!(void(&mut world, admitted[0], VoidedBallot::NotPrinted), clean());
    assert_eq!(void(&mut world, admitted[0], VoidedBallot::Spoiled), refused(Refusal::VoidTargetInvalid), "twice");
    assert_eq!(world.identify(1, 1, voter(1, 0)), refused(Refusal::AlreadyAdmitted), "a void admits nobody again");
    assert_eq!(void(&mut world, admitted[1], VoidedBallot::Spoiled), clean());

    // Three identified, one ballot given; one was never printed, one is among the spoiled. The slip of the first did not come out.
    let counters = Counters { printed_own: 2, spoiled: 1, slips: 2, ..in_order(3) };
    assert_eq!(world.phase(1, Phase::Balance, counters), clean());
    let unit_state = world.state.unit(unit(1)).unwrap();
    assert_eq!((unit_state.identified(), unit_state.with_ballot(), unit_state.voided.len()), (3, 1, 2));
    let two = Counters { scanned: 2, ..counters };
    assert_eq!(
        discrepancies(&two, unit_state, Moment::Running),
        [Discrepancy { term: Term::Papers, reported: 2, due: 1 }]
    );
    let batch = world.batch(1, 1, [[2, 0, 0, 0, 0], [0; 5]], true);
    assert_eq!(codes(&batch), numbers(&[FlagCode::PapersAboveIdentified]), "two papers, one voter with a ballot");
}

#[test]
fn a_mobile_box_goes_out_and_comes_back_under_the_same_seals() {
    let mut world = World::open();
    let seals = |seals: &[&str]| seals.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let carry = |world: &mut World, phase, numbers: &[&str]| {
        let numbers = seals(numbers);
        report(world, phase, |body| body.seals = numbers)
    };
    assert_eq!(carry(&mut world, Phase::BoxIn, &["7", "8"]), refused(Refusal::PhaseInvalid), "it never left");
    assert_eq!(carry(&mut world, Phase::BoxOut, &["7", "8"]), clean());
    assert_eq!(carry(&mut world, Phase::BoxOut, &["7", "8"]), refused(Refusal::PhaseInvalid), "it is out");
    admit(&mut world, 1);
    let mut trial = copy(&world);
    assert_eq!(codes(&trial.phase(1, Phase::Close, in_order(1))), numbers(&[FlagCode::BoxNotBack]));
    let mut trial = copy(&world);
    assert_eq!(codes(&carry(&mut trial, Phase::BoxIn, &["7", "9"])), numbers(&[FlagCode::SealsDiffer]));
    assert_eq!(carry(&mut world, Phase::BoxIn, &["8", "7"]), clean(), "the same two, in another order");
    assert_eq!(world.phase(1, Phase::Close, in_order(1)), clean());
}

#[test]
fn voting_goes_on_under_the_seals_with_which_it_was_suspended() {
    let mut world = World::open();
    let seal = |seal: &str| vec![seal.to_owned()];
    assert_eq!(report(&mut world, Phase::Suspend, |body| body.seals = seal("31")), clean());
    let mut trial = copy(&world);
    let other = report(&mut trial, Phase::Resume, |body| body.seals = seal("32"));
    assert_eq!(codes(&other), numbers(&[FlagCode::SealsDiffer]));
    assert_eq!(report(&mut world, Phase::Resume, |body| body.seals = seal("31")), clean());
}

#[test]
fn a_scanner_is_replaced_and_the_chain_of_batches_goes_on() {
    let mut world = World::new();
    world.define();
    world.register_keys();
    world.roll(1);
    world.seal(Stage::Roll);
    let serials = |serials: &[&str]| serials.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    assert_eq!(report(&mut world, Phase::Open, |body| body.equipment = serials(&["device-1", "scanner-1"])), clean());
    admit(&mut world, 4);
    assert_eq!(world.batch(1, 1, [[2, 0, 0, 0, 0], [0; 5]], false), clean());

    assert_eq!(report(&mut world, Phase::Suspend, |_| ()), clean());
    let same = report(&mut world, Phase::Replace, |body| body.equipment = serials(&["scanner-1", "scanner-1"]));
    assert_eq!(same, refused(Refusal::ContentInvalid));
    let mut trial = copy(&world);
    let unknown = report(&mut trial, Phase::Replace, |body| body.equipment = serials(&["scanner-9", "scanner-2"]));
    assert_eq!(codes(&unknown), numbers(&[FlagCode::EquipmentUnknown]));
    let known = report(&mut world, Phase::Replace, |body| body.equipment = serials(&["scanner-1", "scanner-2"]));
    assert_eq!(known, clean());

    let commission = record_key(1);
    let revocation = KeyRevocation { keys: vec![id(&scanner_key(1))], reason: 2 };
    assert_eq!(world.record(Scope::Election, &[&commission], &revocation), clean());
    let spare = key(9_001);
    let grant = world.grant(&spare, HolderClass::Scanner, Scope::Unit(unit(1)), &[Kind::BallotBatch]);
    assert_eq!(world.record(Scope::Election, &[&commission], &KeyRegistration { grants: vec![grant] }), clean());
    assert_eq!(report(&mut world, Phase::Resume, |_| ()), clean());

    assert_eq!(world.batch(1, 2, [[1, 0, 0, 0, 0], [0; 5]], true), refused(Refusal::KeyRevoked), "the old scanner");
    let cells = vec![cell(1, [1, 1, 0, 0, 0]), cell(2, [0; 5])];
    let body = BallotBatch { number: 2, cells, last: 1 };
    assert_eq!(world.record(Scope::Unit(unit(1)), &[&spare], &body), clean(), "the new one goes on with number 2");
    assert_eq!(world.phase(1, Phase::Close, Counters { scanned: 4, ..in_order(4) }), clean());
    let again = report(&mut world, Phase::Replace, |body| body.equipment = serials(&["scanner-2", "scanner-3"]));
    assert_eq!(again, refused(Refusal::PhaseInvalid), "nothing is replaced after the close");
}

fn cell(constituency: u32, counts: [u64; 5]) -> Cell {
    let commitment = tamga_ledger::commitment::commit(
        &tamga_ledger::commitment::Counts::new(counts.to_vec()).unwrap(),
        &blinding(1, 2, constituency),
    );
    Cell { constituency, papers: counts.iter().sum::<u64>() as u32, commitment }
}
