//! Legal acts as stories (constituency 13 of 2025 among them): results are a function of protocols and acts, and nothing is
//! overwritten. The oracle adds up plain numbers.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tamga_ledger::commitment::{self, Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::ids::{Digest, KeyId, Maybe, RecordId};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::saved::{self, Mark};
use tamga_ledger::state::{RecordedAct, State, in_force};
use tamga_ledger::tally::{Seats, differences, flips, tally, tally_at, unit_results};
use tamga_ledger::verdict::{FlagCode, Refusal, Verdict};

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

fn flags(verdict: &Verdict) -> Vec<FlagCode> {
    assert!(verdict.is_accepted(), "{verdict}");
    verdict.flags().iter().map(|flag| FlagCode::from_number(flag.code).unwrap()).collect()
}

fn act(number: &str, issuer: Issuer, effect: ActEffect) -> LegalAct {
    LegalAct {
        number: number.to_owned(),
        date: "2025-12-05".to_owned(),
        issuer: issuer as u8,
        issuer_number: 0,
        effect,
        effective_ms: 0,
        final_act: 0,
        document: Digest(*blake3::hash(number.as_bytes()).as_bytes()),
    }
}

/// The commission records an act; gives the verdict and the record's id.
fn record(world: &mut World, scope: Scope, act: &LegalAct) -> (Verdict, RecordId) {
    let verdict = world.record(scope, &[&record_key(1)], act);
    (verdict, world.leaves.last().unwrap().id)
}

fn decide(world: &mut World, number: &str, issuer: Issuer, scope: Scope, effect: ActEffect) -> RecordId {
    let (verdict, id) = record(world, scope, &act(number, issuer, effect));
    assert_eq!(verdict, clean());
    id
}

fn hand_blinding(station: u32, constituency: u32) -> Blinding {
    Blinding::derive(&[station as u8; 32], 1, constituency as u16, BlindingPurpose::Protocol)
}

/// Own counts, and what was cast there for each constituency elsewhere, by station.
const OWN: [[u64; 5]; 3] = [[12, 2, 6, 1, 0], [1, 10, 9, 0, 1], [2, 12, 8, 0, 0]];
const ELSEWHERE: [[[u64; 5]; 2]; 4] = [
    [[0; 5], [4, 2, 1, 0, 0]],
    [[0; 5], [5, 0, 1, 0, 1]],
    [[2, 3, 4, 2, 1], [0; 5]],
    [[2, 3, 4, 2, 1], [5, 5, 1, 0, 0]],
];

/// By hand: what is not shown of a constituency, without some stations.
fn elsewhere(constituency: u32, without: &[u32]) -> [u64; 5] {
    let mut sum = [0; 5];
    for station in (1..=4).filter(|station| !without.contains(station)) {
        let row = ELSEWHERE[station as usize - 1][constituency as usize - 1];
        sum.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
    }
    sum
}

fn opening(constituency: u32, without: &[u32]) -> TotalOpening {
    let home = |station: u32| STATIONS[station as usize - 1].2;
    let covered = (1..=4_u32).filter(|station| !without.contains(station) && home(*station) != constituency);
    let blindings: Vec<_> =
        covered.map(|station| (Counts::new(vec![0; 5]).unwrap(), hand_blinding(station, constituency))).collect();
    let (_, sum) = commitment::sum_openings(&blindings).unwrap().unwrap();
    TotalOpening {
        basis: Basis::Hand as u8,
        constituency,
        counts: elsewhere(constituency, without).to_vec(),
        blinding: Digest(sum.reveal()),
    }
}

fn open_total(world: &mut World, constituency: u32, without: &[u32]) -> Verdict {
    world.record(Scope::Constituency(constituency), &[&record_key(1)], &opening(constituency, without))
}

fn protocol(station: u32) -> Protocol {
    let home = STATIONS[station as usize - 1].2;
    let own: &[u64] = if home == 0 { &[] } else { &OWN[station as usize - 1] };
    let (valid, invalid) = own.split_last().map_or((0, 0), |(invalid, valid)| (valid.iter().sum(), *invalid));
    let figures = [30, valid + invalid, invalid, valid];
    let cells = (1..=2).filter(|constituency| *constituency != home).map(|constituency| {
        let counts = ELSEWHERE[station as usize - 1][constituency as usize - 1];
        Cell {
            constituency,
            papers: counts.iter().sum::<u64>() as u32,
            commitment: commit(&Counts::new(counts.to_vec()).unwrap(), &hand_blinding(station, constituency)),
        }
    });
    Protocol {
        form: "test".to_owned(),
        form_version: 1,
        basis: Basis::Hand as u8,
        lines: ["1", "2", "9", "10"]
            .iter()
            .zip(figures)
            .map(|(code, value)| LineValue { code: (*code).to_owned(), value })
            .collect(),
        counts: own.to_vec(),
        cells: cells.collect(),
        seals: vec![],
        present: vec![],
        dissenting: vec![],
        explanation: 0,
        scan: Maybe(None),
        closing_salt: Maybe(None),
    }
}

/// All hand protocols are in; nothing is opened nationwide yet.
fn counted() -> World {
    let mut world = World::open();
    world.time_ms = EMBARGO_MS;
    for station in 1..=4 {
        assert!(world.by_members(station, &protocol(station)).is_accepted(), "station {station}");
    }
    world
}

/// Both nationwide totals are opened too.
fn complete() -> World {
    let mut world = counted();
    assert_eq!(open_total(&mut world, 1, &[]), clean());
    assert_eq!(open_total(&mut world, 2, &[]), clean());
    world
}

/// What the hand counts of a constituency add up to, if only these stations' own papers count.
fn sum(constituency: u32, stations: &[u32], elsewhere_without: &[u32]) -> Vec<u64> {
    let mut sum = elsewhere(constituency, elsewhere_without);
    for station in stations {
        sum.iter_mut().zip(OWN[*station as usize - 1]).for_each(|(sum, count)| *sum += count);
    }
    sum.to_vec()
}

fn elected(world: &World, constituency: usize) -> Option<Vec<u32>> {
    tally(&world.state).constituencies[constituency - 1].seats.positions()
}

#[test]
fn constituency_13_is_annulled_reinstated_and_a_candidate_struck() {
    let mut world = complete();
    // Men 1 and 3, woman 2; two seats, one of a sex.
    assert_eq!(elected(&world, 1), Some(vec![2, 3]));
    let before_all = world.state.clone();
    let place = Scope::Constituency(1);
    let annulled = decide(&mut world, "12/3", Issuer::Central, place, ActEffect::Annul);
    let result = tally(&world.state).constituencies[0].clone();
    assert_eq!((&result.seats, result.standing.annulled_by.len()), (&Seats::Annulled, 1));
    assert_eq!(result.hand.counts, sum(1, &[1, 2], &[]), "what was counted stays visible");

    let suspended = decide(&mut world, "A-77", Issuer::Court, Scope::Election, ActEffect::Suspend { act: annulled });
    assert_eq!(elected(&world, 1), Some(vec![2, 3]), "before the court's decision");
    let before_court = world.state.clone();
    decide(&mut world, "S-1", Issuer::Supreme, Scope::Election, ActEffect::Cancel { act: suspended });
    assert_eq!(
        tally(&world.state).constituencies[0].seats,
        Seats::Annulled,
        "the suspension fell, the act stands again"
    );
    decide(&mut world, "S-2", Issuer::Supreme, Scope::Election, ActEffect::Cancel { act: annulled });
    decide(&mut world, "S-3", Issuer::Supreme, place, ActEffect::Strike { position: 3 });
    let result = tally(&world.state).constituencies[0].clone();
    assert_eq!(elected(&world, 1), Some(vec![1, 2]), "the next man by votes");
    let counts = sum(1, &[1, 2], &[]);
    assert_eq!(result.hand.counts, counts);
    assert_eq!(result.valid(), [counts[0], counts[1], 0, counts[3]], "shares are of votes that count");

    // Any past state again, from the entries below its size.
    assert_eq!(tally(&before_court).constituencies[0].seats.positions(), Some(vec![2, 3]));
    assert!(tally(&before_all).acts_in_force.is_empty());
    assert_eq!(tally(&world.state).acts_in_force.len(), 3, "the two about others' acts, and the strike");
}

#[test]
fn annulled_stations_leave_sum_and_coverage_and_the_womans_seat_moves() {
    let mut world = counted();
    decide(&mut world, "5", Issuer::Central, Scope::Unit(unit(3)), ActEffect::Annul);
    assert_eq!(open_total(&mut world, 1, &[3]), clean(), "annulled cells are in no total");
    assert_eq!(open_total(&mut world, 2, &[3]), clean());
    let result = tally(&world.state);
    assert_eq!(result.annulled, [unit(3)]);
    let row = &result.constituencies[0];
    assert_eq!(row.hand.counts, sum(1, &[1, 2], &[3]));
    assert_eq!((row.hand.coverage.n, row.hand.coverage.of), (2, 2));
    let row = &result.constituencies[1];
    assert_eq!(row.hand.counts, sum(2, &[], &[3]), "no station of its own is left");
    assert_eq!((row.hand.coverage.n, row.hand.coverage.of, row.hand.remote_opened), (0, 0, true));
    assert_eq!((result.hand_protocols.n, result.hand_protocols.of), (3, 3));
    let places = unit_results(&world.state, &world.state.legal());
    assert_eq!(places.iter().filter(|place| !place.annulled_by.is_empty()).count(), 1);
}

#[test]
fn a_total_already_opened_is_not_opened_again_for_one_cell() {
    let mut world = complete();
    // Twelve papers of constituency 1 were cast at station 3, twelve at station 4: too few cells for a difference to hide them.
    decide(&mut world, "5", Issuer::Central, Scope::Unit(unit(3)), ActEffect::Annul);
    assert_eq!(open_total(&mut world, 1, &[3]), refused(Refusal::SmallCell));
    let row = &tally(&world.state).constituencies[0];
    assert_eq!(row.hand.remote_uncertain, 12);
    assert_eq!(row.seats, Seats::Uncertain { papers: 12 }, "they might change who is elected, so nobody is named");
    assert_eq!(open_total(&mut world, 2, &[]), refused(Refusal::OpeningExists), "nothing of it changed");
    // Three cells of constituency 2 (stations 1, 2 and 4) and 25 papers hide each other.
    for station in [1, 2, 4] {
        decide(&mut world, &format!("6-{station}"), Issuer::Central, Scope::Station(station), ActEffect::Annul);
    }
    let none_left = world.record(
        Scope::Constituency(2),
        &[&record_key(1)],
        &TotalOpening { counts: vec![0; 5], blinding: Digest([0; 32]), ..opening(2, &[]) },
    );
    assert_eq!(flags(&none_left), [FlagCode::RemoteTotalReopened]);
    assert_eq!(tally(&world.state).constituencies[1].hand.remote_uncertain, 0);
}

#[test]
fn a_lot_decides_a_tie_and_only_a_tie() {
    let mut world = complete();
    let place = Scope::Constituency(1);
    let early = act("1", Issuer::Constituency, ActEffect::Lot { order: vec![3, 1] });
    assert_eq!(flags(&record(&mut world, place, &early).0), [FlagCode::LotNotDue]);
    // Another day, on which both men of constituency 2 have 16 votes.
    let mut world = World::open();
    world.time_ms = EMBARGO_MS;
    for station in 1..=4 {
        let mut body = protocol(station);
        if station == 3 {
            // 2 + 14 against 13 + 3.
            body.counts = vec![2, 12, 13, 0, 0];
            body.lines[1].value = 27;
            body.lines[3].value = 27;
        }
        assert!(world.by_members(station, &body).is_accepted());
    }
    assert_eq!(open_total(&mut world, 1, &[]), clean());
    assert_eq!(open_total(&mut world, 2, &[]), clean());
    let place = Scope::Constituency(2);
    let seats = tally(&world.state).constituencies[1].seats.clone();
    let Seats::NeedsLot { tied, elected: sure } = seats else { panic!("{seats:?}") };
    assert_eq!((tied, sure.len()), (vec![1, 3], 1));
    decide(&mut world, "2", Issuer::Constituency, place, ActEffect::Lot { order: vec![3, 1] });
    assert_eq!(elected(&world, 2), Some(vec![2, 3]));
    decide(&mut world, "3", Issuer::Constituency, place, ActEffect::Elect { positions: vec![2, 3] });
    let standing = tally(&world.state).constituencies[1].standing.clone();
    assert!(standing.declared.unwrap().as_computed);
}

#[test]
fn a_declaration_that_the_count_does_not_support_is_flagged() {
    let mut world = complete();
    let wrong = act("9", Issuer::Central, ActEffect::Elect { positions: vec![1, 2] });
    assert_eq!(flags(&record(&mut world, Scope::Constituency(1), &wrong).0), [FlagCode::SeatsDiffer]);
    assert!(!tally(&world.state).constituencies[0].standing.declared.clone().unwrap().as_computed);
}

#[test]
fn a_seat_given_back_goes_to_the_next_of_the_rule() {
    let mut world = complete();
    let place = Scope::Constituency(1);
    decide(&mut world, "1", Issuer::Central, place, ActEffect::Elect { positions: vec![2, 3] });
    decide(&mut world, "2", Issuer::Candidate, place, ActEffect::Withdraw { position: 3 });
    let standing = tally(&world.state).constituencies[0].standing.clone();
    assert_eq!((standing.seated, standing.vacant), (vec![2, 3], vec![3]), "a vacancy, not another election");
    let wrong = act("3", Issuer::Central, ActEffect::Succeed { vacated: 2, successor: 1 });
    assert_eq!(flags(&record(&mut world, place, &wrong).0), [FlagCode::SuccessionDiffers]);
    let id = world.leaves.last().unwrap().id;
    decide(&mut world, "4", Issuer::Court, Scope::Election, ActEffect::Cancel { act: id });
    decide(&mut world, "5", Issuer::Central, place, ActEffect::Succeed { vacated: 3, successor: 1 });
    let standing = tally(&world.state).constituencies[0].standing.clone();
    assert_eq!((standing.seated, standing.vacant), (vec![2, 1], vec![]));
    // Withdrawn before the declaration: seats are given without them.
    let mut world = complete();
    decide(&mut world, "1", Issuer::Candidate, place, ActEffect::Withdraw { position: 3 });
    assert_eq!(elected(&world, 1), Some(vec![1, 2]));
}

#[test]
fn what_an_act_names_has_to_be_there() {
    let mut world = complete();
    let mut refuse = |scope, effect, due| {
        let verdict = record(&mut world, scope, &act("1", Issuer::Central, effect)).0;
        assert_eq!(verdict, refused(due), "{scope:?}");
    };
    let place = Scope::Constituency(1);
    refuse(Scope::Election, ActEffect::Cancel { act: RecordId([9; 32]) }, Refusal::ActUnknown);
    refuse(Scope::Election, ActEffect::Annul, Refusal::ScopeInvalid);
    refuse(place, ActEffect::Recount, Refusal::ScopeInvalid);
    refuse(place, ActEffect::Strike { position: 4 }, Refusal::ContentInvalid);
    refuse(place, ActEffect::Strike { position: 0 }, Refusal::ContentInvalid);
    refuse(place, ActEffect::Lot { order: vec![1, 1] }, Refusal::ContentInvalid);
    refuse(place, ActEffect::Elect { positions: vec![2, 1] }, Refusal::ContentInvalid);
    refuse(place, ActEffect::Succeed { vacated: 1, successor: 1 }, Refusal::ContentInvalid);
    refuse(Scope::Constituency(9), ActEffect::Annul, Refusal::ScopeInvalid);
    refuse(Scope::Unit(unit(77)), ActEffect::Annul, Refusal::ScopeInvalid);
    for (number, date) in [("", "2025-12-05"), ("a\u{7}b", "2025-12-05"), ("1", "5 December"), ("1", "2025-13-05")] {
        let body =
            LegalAct { date: date.to_owned(), ..act(number, Issuer::Central, ActEffect::Strike { position: 1 }) };
        assert_eq!(record(&mut world, place, &body).0, refused(Refusal::ContentInvalid), "{number:?} {date}");
    }
    assert!(world.state.acts().is_empty());
}

#[test]
fn a_lower_issuer_and_a_number_used_twice_are_flagged() {
    let mut world = complete();
    let by_court = decide(&mut world, "S-1", Issuer::Supreme, Scope::Unit(unit(1)), ActEffect::Annul);
    let below = act("7", Issuer::Central, ActEffect::Cancel { act: by_court });
    assert_eq!(flags(&record(&mut world, Scope::Election, &below).0), [FlagCode::IssuerBelowTarget]);
    let twice = LegalAct { document: Digest([1; 32]), ..act("7", Issuer::Central, ActEffect::Annul) };
    assert_eq!(flags(&record(&mut world, Scope::Unit(unit(2)), &twice).0), [FlagCode::ActNumberUsed]);
}

#[test]
fn a_court_is_heard_even_if_the_commission_does_not_record_it() {
    let mut world = complete();
    let body = act("A-1", Issuer::Court, ActEffect::Annul);
    let observer = record_key(2);
    let alone = world.record(Scope::Unit(unit(1)), &[&observer], &body);
    assert_eq!(alone, refused(Refusal::GovernanceQuorum));
    let keys: Vec<_> = (1..=3).map(record_key).collect();
    let keys: Vec<_> = keys.iter().collect();
    assert_eq!(world.record(Scope::Unit(unit(1)), &keys, &body), clean());
    assert_eq!(tally(&world.state).annulled, [unit(1)]);
}

#[test]
fn an_act_takes_effect_at_its_date() {
    let mut world = complete();
    let later = LegalAct { effective_ms: EMBARGO_MS + 5_000, ..act("1", Issuer::Central, ActEffect::Annul) };
    assert_eq!(record(&mut world, Scope::Unit(unit(1)), &later).0, clean());
    assert!(tally(&world.state).annulled.is_empty());
    assert_eq!(tally_at(&world.state, EMBARGO_MS + 5_000).annulled, [unit(1)]);
}

#[test]
fn a_recount_waits_for_a_newer_hand_protocol() {
    let mut world = complete();
    decide(&mut world, "1", Issuer::Court, Scope::Station(1), ActEffect::Recount);
    let now = tally(&world.state);
    assert_eq!(
        (&now.awaiting_recount[..], &now.constituencies[0].standing.awaiting_recount[..]),
        (&[unit(1)][..], &[unit(1)][..])
    );
    let in_force = world.state.unit(unit(1)).unwrap().protocol(Basis::Hand).unwrap().id;
    let keys = [member_key(1, 1), member_key(1, 2)];
    let mut draft = world.draft(Scope::Unit(unit(1)), &[&keys[0], &keys[1]], &protocol(1));
    draft.supersedes = Maybe(Some(in_force));
    let again = tamga_ledger::submission::Submission::public(draft.sign(&[&keys[0], &keys[1]]).unwrap());
    assert!(world.submit(&again).is_accepted());
    assert!(tally(&world.state).awaiting_recount.is_empty());
}

#[test]
fn hours_are_extended_by_an_act() {
    let mut world = World::open();
    world.time_ms = NOON_MS + 900_000;
    let late = world.identify(1, 1, voter(1, 0));
    assert_eq!(flags(&late), [FlagCode::OutsideHours]);
    let until_ms = NOON_MS + 960_000;
    decide(&mut world, "1", Issuer::Central, Scope::Station(1), ActEffect::Extend { until_ms });
    assert_eq!(world.identify(1, 1, voter(1, 1)), clean());
    assert_eq!(flags(&world.identify(3, 3, voter(3, 0))), [FlagCode::OutsideHours], "only where it says");
    world.time_ms = until_ms;
    assert_eq!(flags(&world.identify(1, 1, voter(1, 2))), [FlagCode::OutsideHours]);
}

fn case(state: CaseState, opened_by: Option<RecordId>, deadline_ms: u64) -> Case {
    Case {
        category: 1,
        state: state as u8,
        opened_by: Maybe(opened_by),
        deadline_ms,
        target: Maybe(None),
        act: Maybe(None),
        document: Digest([3; 32]),
    }
}

#[test]
fn a_complaint_has_a_state_a_deadline_and_holds_up_nothing_in_silence() {
    let mut world = complete();
    let place = Scope::Unit(unit(2));
    let (commission, observer, other) = (record_key(1), record_key(2), record_key(3));
    let filed = case(CaseState::Filed, None, EMBARGO_MS + 10_000);
    assert_eq!(world.record(place, &[&observer], &filed), clean());
    let id = world.leaves.last().unwrap().id;
    let granted = case(CaseState::Granted, Some(id), 0);
    assert_eq!(world.record(place, &[&observer], &granted), refused(Refusal::CaseStateInvalid), "not by who asks");
    let withdrawn = case(CaseState::Withdrawn, Some(id), 0);
    assert_eq!(world.record(place, &[&other], &withdrawn), refused(Refusal::CaseStateInvalid), "not by anybody else");
    let unknown = case(CaseState::Granted, Some(RecordId([1; 32])), 0);
    assert_eq!(world.record(place, &[&commission], &unknown), refused(Refusal::CaseUnknown));
    assert_eq!(tally(&world.state).open_cases, 1);

    assert_eq!(world.record(place, &[&commission], &case(CaseState::Examined, Some(id), 0)), clean());
    world.time_ms = EMBARGO_MS + 10_001;
    let late = world.record(place, &[&commission], &case(CaseState::Dismissed, Some(id), 0));
    assert_eq!(flags(&late), [FlagCode::DeadlinePassed]);
    assert_eq!(tally(&world.state).open_cases, 0);
    assert_eq!(world.record(place, &[&observer], &case(CaseState::Appealed, Some(id), 0)), clean());
    assert_eq!(tally(&world.state).open_cases, 1);
    assert_eq!(world.state.cases()[&id].last_leaf, world.leaves.last().unwrap().index.get());
}

#[test]
fn what_if_names_the_places_that_decide() {
    let mut world = complete();
    let legal = world.state.legal();
    let result = tally(&world.state).constituencies[0].clone();
    // Men 1 and 3 have 17 and 23 votes; without station 2 it is 16 and 14.
    let found: Vec<u32> = flips(&world.state, &result, &legal).iter().map(|flip| flip.station).collect();
    let oracle: Vec<u32> = [1, 2]
        .into_iter()
        .filter(|left_out| {
            let kept: Vec<u32> = [1, 2].into_iter().filter(|station| station != left_out).collect();
            let counts = sum(1, &kept, &[]);
            // The woman has votes; of the men the one with more.
            (counts[0] > counts[2]) != (result.hand.counts[0] > result.hand.counts[2]) || counts[0] == counts[2]
        })
        .collect();
    assert_eq!((&found, &oracle), (&vec![2], &vec![2]));
    decide(&mut world, "1", Issuer::Central, Scope::Unit(unit(2)), ActEffect::Annul);
    assert_eq!(elected(&world, 1), Some(vec![1, 2]));
    let result = tally(&world.state).constituencies[0].clone();
    let back = flips(&world.state, &result, &world.state.legal());
    assert_eq!(back.iter().map(|flip| (flip.station, flip.annulled_now)).collect::<Vec<_>>(), [(1, false), (2, true)]);
    assert_eq!(back[1].seats.positions(), Some(vec![2, 3]), "reinstated, it moves the seat back");
    let (compared, coverage) = differences(&world.state);
    assert!(compared.is_empty());
    assert_eq!((coverage.n, coverage.of), (0, 3), "no machine count was opened");
}

#[test]
fn acts_and_cases_are_saved() {
    let mut world = complete();
    decide(&mut world, "1", Issuer::Central, Scope::Unit(unit(3)), ActEffect::Annul);
    world.record(Scope::Election, &[&record_key(2)], &case(CaseState::Filed, None, 0));
    let step = world.state.save(&Mark::new(), None);
    let loaded =
        saved::load(&step.head.unwrap(), &mut step.append.as_slice(), &world.state.election_id()).unwrap().state;
    assert_eq!((loaded.acts(), loaded.cases()), (world.state.acts(), world.state.cases()));
    let openings = |state: &State| [1, 2].map(|number| state.remote_openings(Basis::Hand, number).to_vec());
    assert_eq!(openings(&loaded), openings(&world.state));
    assert_eq!(tally(&loaded), tally(&world.state));
}

/// In force by the definition itself: an act stands unless a standing one sets it aside.
fn stands(acts: &[RecordedAct], index: usize, time_ms: u64) -> bool {
    let act = &acts[index];
    act.act.effective_ms <= time_ms
        && !(index + 1..acts.len())
            .any(|later| acts[later].act.effect.about() == Some(&act.id) && stands(acts, later, time_ms))
}

proptest! {
    /// Chains of acts about acts, against the recursive definition.
    #[test]
    fn acts_about_acts_are_in_force_by_definition(
        choices in prop::collection::vec((0..3_u8, any::<prop::sample::Index>(), 0..3_u64), 1..24),
    ) {
        let mut acts: Vec<RecordedAct> = Vec::new();
        for (leaf, (kind, about, effective_ms)) in choices.iter().enumerate() {
            let target = (!acts.is_empty()).then(|| acts[about.index(acts.len())].id);
            let effect = match (kind, target) {
                (0, _) | (_, None) => ActEffect::Annul,
                (1, Some(act)) => ActEffect::Cancel { act },
                (_, Some(act)) => ActEffect::Suspend { act },
            };
            let mut id = [0; 32];
            id[0] = leaf as u8;
            let body = LegalAct { effective_ms: *effective_ms, ..act("1", Issuer::Central, effect) };
            let (leaf, id, scope) = (leaf as u64, RecordId(id), Scope::Unit(unit(1)));
            acts.push(RecordedAct { leaf, recorded_ms: 0, id, scope, act: body });
        }
        for time_ms in 0..3 {
            let found: BTreeSet<u64> = in_force(&acts, time_ms).iter().map(|act| act.leaf).collect();
            let due: BTreeSet<u64> =
                (0..acts.len()).filter(|index| stands(&acts, *index, time_ms)).map(|index| index as u64).collect();
            prop_assert_eq!(found, due);
        }
    }
}

#[test]
fn a_member_of_the_unit_may_file_and_a_device_may_not() {
    let mut world = complete();
    let member: KeyId = id(&member_key(1, 1));
    assert!(world.state.key(&member).is_some());
    // The keys of this election were registered without the kind.
    let filed = case(CaseState::Filed, None, 0);
    let verdict = world.record(Scope::Unit(unit(1)), &[&member_key(1, 1)], &filed);
    assert_eq!(verdict, refused(Refusal::KeyNotAuthorised));
}
