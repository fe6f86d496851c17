//! Incidents of past elections, each told to its end (docs: the incidents that DOMAIN lists). Others stand where their rules are
//! tested: constituency 13 and the woman's seat in `legal`, the replaced scanner in `stations`, broken relations in `rules`,
//! the regional outage in `simulations/tests/outage`.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use tamga_ledger::codec;
use tamga_ledger::commitment::{self, Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::definition::part_digest;
use tamga_ledger::ids::{Digest, Maybe, RecordId};
use tamga_ledger::kinds::*;
use tamga_ledger::record::{RECORD_BYTES_MAX, Scope, UnitId};
use tamga_ledger::state::State;
use tamga_ledger::submission::Submission;
use tamga_ledger::tally::tally;
use tamga_ledger::tree::{Blake3Tree, Hash, TreeHash};
use tamga_ledger::verdict::{FlagCode, Refusal, Verdict};

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

fn codes(verdict: &Verdict) -> Vec<u16> {
    assert!(verdict.is_accepted(), "{verdict}");
    verdict.flags().iter().map(|flag| flag.code).collect()
}

fn blinding_of(seed: u8, constituency: u32) -> Blinding {
    Blinding::derive(&[seed; 32], 1, constituency as u16, BlindingPurpose::Protocol)
}

/// A hand protocol: own counts, or none, and a cell for each other constituency, blinded by `seed`.
fn hand(seed: u8, own: &[u64], cells: &[(u32, [u64; 5])]) -> Protocol {
    let (papers, invalid) = (own.iter().sum::<u64>(), own.last().copied().unwrap_or(0));
    let line = |(code, value): (&str, u64)| LineValue { code: code.to_owned(), value };
    let cell = |(constituency, counts): &(u32, [u64; 5])| Cell {
        constituency: *constituency,
        papers: counts.iter().sum::<u64>() as u32,
        commitment: commit(&Counts::new(counts.to_vec()).unwrap(), &blinding_of(seed, *constituency)),
    };
    Protocol {
        form: "test".to_owned(),
        form_version: 1,
        basis: ProtocolBasis::Hand as u8,
        lines: [("1", 30), ("2", papers), ("9", invalid), ("10", papers - invalid)].map(line).to_vec(),
        counts: own.to_vec(),
        cells: cells.iter().map(cell).collect(),
        seals: vec![],
        present: vec![],
        dissenting: vec![],
        explanation: 0,
        scan: Maybe(None),
        closing_salt: Maybe(None),
    }
}

fn correct(world: &mut World, unit: UnitId, body: &Protocol, target: RecordId) -> Verdict {
    let keys = [member_key(unit.station, 1), member_key(unit.station, 2)];
    let mut record = world.draft(Scope::Unit(unit), &[&keys[0], &keys[1]], body);
    record.supersedes = Maybe(Some(target));
    let signed = record.sign(&[&keys[0], &keys[1]]).unwrap();
    world.submit(&Submission::public(signed))
}

fn remote_opening(counts: [u64; 5], seeds: &[u8]) -> TotalOpening {
    let openings: Vec<_> = seeds.iter().map(|seed| (Counts::new(vec![0; 5]).unwrap(), blinding_of(*seed, 1))).collect();
    let (_, sum) = commitment::sum_openings(&openings).unwrap().unwrap();
    TotalOpening { basis: Basis::Hand as u8, constituency: 1, counts: counts.to_vec(), blinding: Digest(sum.reveal()) }
}

fn act(number: &str, issuer: Issuer, effect: ActEffect) -> LegalAct {
    LegalAct {
        number: number.into(),
        date: "2025-12-05".into(),
        issuer: issuer as u8,
        issuer_number: 0,
        effect,
        effective_ms: 0,
        final_act: 0,
        document: Digest([6; 32]),
    }
}

#[test]
fn an_opening_that_was_lost_is_superseded_from_paper() {
    let mut world = World::open();
    world.time_ms = EMBARGO_MS;
    let none = [0; 5];
    for (station, own, other) in [(1, [8, 2, 1, 1, 0], 2), (2, [0, 9, 2, 0, 1], 2)] {
        assert!(world.by_members(station, &hand(station as u8, &own, &[(other, none)])).is_accepted());
    }
    assert!(world.by_members(3, &hand(3, &[2, 2, 8, 0, 0], &[(1, [1, 0, 0, 0, 0])])).is_accepted());
    let abroad = [(1, [2, 3, 4, 2, 1]), (2, none)];
    assert!(world.by_members(4, &hand(4, &[], &abroad)).is_accepted());
    let lost = world.leaves.last().unwrap().id;

    // The envelope with station 4's seed is gone: nobody can open the sum, and guesses do not.
    let (place, commission) = (Scope::Constituency(1), record_key(1));
    let total = [3, 3, 4, 2, 1];
    let guess = world.record(place, &[&commission], &remote_opening(total, &[1, 2, 3, 9]));
    assert_eq!(guess, Verdict::Refused(Refusal::OpeningInvalid));
    assert!(!tally(&world.state).constituencies[0].hand.remote_opened);

    // The papers are there: a recount under a new seed replaces the protocol, and says why.
    let order = act("7", Issuer::Central, ActEffect::Recount);
    assert_eq!(world.record(Scope::Unit(unit(4)), &[&commission], &order), clean());
    let again = Protocol { basis: ProtocolBasis::Recount as u8, explanation: 6, ..hand(40, &[], &abroad) };
    let flags = codes(&correct(&mut world, unit(4), &again, lost));
    assert!(flags.contains(&FlagCode::Correction.number()), "{flags:?}");
    assert!(!flags.contains(&FlagCode::CorrectionUnexplained.number()), "{flags:?}");
    assert_eq!(world.record(place, &[&commission], &remote_opening(total, &[3, 40])), clean());
    let result = &tally(&world.state).constituencies[0];
    assert_eq!(result.hand.counts, [11, 14, 7, 3, 2]);
    assert!(result.seats.positions().is_some(), "{:?}", result.seats);
}

#[test]
fn a_late_protocol_is_corrected_and_the_result_before_it_can_still_be_shown() {
    let mut world = World::open();
    world.time_ms = EMBARGO_MS;
    world.by_members(1, &hand(1, &[8, 2, 1, 1, 0], &[(2, [0; 5])]));
    let before = world.state.clone();
    world.time_ms += 30 * 3_600_000;
    world.by_members(2, &hand(2, &[0, 9, 2, 0, 1], &[(2, [0; 5])]));
    let late = world.leaves.last().unwrap().id;
    let corrected = Protocol { explanation: 2, ..hand(2, &[9, 0, 2, 0, 1], &[(2, [0; 5])]) };
    let flags = codes(&correct(&mut world, unit(2), &corrected, late));
    assert!(flags.contains(&FlagCode::Correction.number()), "{flags:?}");
    let shown = |state: &State| {
        let hand = tally(state).constituencies[0].hand.clone();
        (hand.coverage.n, hand.coverage.of, hand.counts)
    };
    assert_eq!(shown(&before), (1, 2, vec![8, 2, 1, 1, 0]), "n of N, before it came");
    assert_eq!(shown(&world.state), (2, 2, vec![17, 2, 3, 1, 1]));
    // Replayed from the entries, the version in between is there again: nothing was overwritten.
    let between = world.leaves[..world.leaves.len() - 1].iter().fold(State::empty(), |mut state, leaf| {
        let entry = tamga_ledger::entry::Entry::from_bytes(&leaf.entry).unwrap();
        let submission = Submission { signed: signed(leaf), confidential: leaf.confidential.clone() };
        let authentic =
            tamga_ledger::submission::authenticate(&submission.to_bytes(), &state.election_id(), &state).unwrap();
        state.replay(&entry, &leaf.entry, authentic).unwrap();
        state
    });
    assert_eq!(shown(&between).2, [8, 11, 3, 1, 1]);
}

/// Station 1 has a mobile box: unit 2.
fn with_mobile_box() -> World {
    let mut parts = parts();
    let mut stations: Vec<Station> = codec::decode(&parts[1].content, RECORD_BYTES_MAX).unwrap();
    stations[0].units = vec![1, 2];
    parts[1].content = codec::encode(&stations);
    let mut election = election();
    election.parts = parts.iter().map(|part| part_digest(&part.to_bytes())).collect();
    let mut world = World { state: State::empty(), time_ms: NOON_MS, sequence: 1, leaves: Vec::new() };
    assert_eq!(world.submit(&sign_genesis(&election)), clean());
    for part in parts {
        assert_eq!(world.record(Scope::Election, &[&record_key(1)], &part), clean());
    }
    world.register_keys();
    (1..=3).for_each(|station| assert_eq!(world.roll(station), clean()));
    assert_eq!(world.seal(Stage::Roll), clean());
    world
}

#[test]
fn a_mobile_box_is_annulled_alone() {
    let mut world = with_mobile_box();
    let mobile = UnitId { station: 1, unit: 2 };
    let keys = [member_key(1, 1), member_key(1, 2)];
    let keys = [&keys[0], &keys[1]];
    let phase = |phase: Phase, seals: &[&str]| StationPhase {
        phase: phase as u8,
        list_total: VOTERS_A_STATION,
        counters: Counters::default(),
        seals: seals.iter().map(|seal| (*seal).to_owned()).collect(),
        equipment: vec![],
        roles: vec![],
        checkpoint_size_seen: 0,
        protocol_digest: Maybe(None),
    };
    // The day before: out under two seals, back under others.
    let place = Scope::Unit(mobile);
    assert_eq!(world.record(place, &keys, &phase(Phase::Open, &["5"])), clean());
    assert_eq!(world.record(place, &keys, &phase(Phase::BoxOut, &["11", "12"])), clean());
    let back = world.record(place, &keys, &phase(Phase::BoxIn, &["11", "13"]));
    assert_eq!(codes(&back), [FlagCode::SealsDiffer.number()]);
    world.time_ms = EMBARGO_MS;
    assert!(world.by_members(1, &hand(1, &[8, 2, 1, 1, 0], &[(2, [0; 5])])).is_accepted());
    assert!(world.record(place, &keys, &hand(5, &[0, 0, 11, 0, 0], &[(2, [0; 5])])).is_accepted());
    assert!(world.by_members(2, &hand(2, &[0, 9, 2, 0, 1], &[(2, [0; 5])])).is_accepted());
    assert_eq!(tally(&world.state).constituencies[0].hand.counts, [8, 11, 14, 1, 1]);

    let annul = act("ОИК-4", Issuer::Constituency, ActEffect::Annul);
    assert_eq!(world.record(place, &[&record_key(1)], &annul), clean());
    let after = tally(&world.state);
    assert_eq!(after.annulled, [mobile]);
    let result = &after.constituencies[0].hand;
    assert_eq!((result.counts.as_slice(), result.coverage.n, result.coverage.of), (&[8, 11, 3, 1, 1][..], 2, 2));
    let still = world.state.unit(mobile).unwrap().protocol(Basis::Hand).unwrap();
    assert_eq!(still.counts, [0, 0, 11, 0, 0], "what was counted stays to be seen");
}

#[test]
fn nobody_used_my_name_and_anybody_can_check_it() {
    let mut world = World::open();
    let mine = tag(voter(1, 7)).roll_leaf();
    for number in [0, 3, 9] {
        assert_eq!(world.identify(1, 1, voter(1, number)), clean());
    }
    for station in 1..=4 {
        let admitted = world.state.unit(unit(station)).map_or(0, |unit| unit.identified_local);
        let counters =
            Counters { identified_local: admitted, slips: admitted, printed_own: admitted, ..Counters::default() };
        assert_eq!(world.phase(station, Phase::Close, counters), clean());
        world.batch(station, 1, [[0; 5]; 2], true);
    }
    assert_eq!(world.seal(Stage::Voting), clean());
    let Seal { admitted_root, .. } =
        Seal::from_bytes(&signed(world.leaves.last().unwrap()).parse().unwrap().body).unwrap();

    // What a reader gets: all admitted roll leaves, ascending. They hash to the sealed root, and mine is not among them.
    let leaves: Vec<_> = world.state.admitted().into_iter().map(|(leaf, _)| leaf).collect();
    assert!(leaves.is_sorted() && leaves.len() == 3);
    let [a, b, c] = [0, 1, 2].map(|place| Blake3Tree::leaf(&leaves[place].0));
    let root: Hash = Blake3Tree::node(&Blake3Tree::node(&a, &b), &c);
    assert_eq!(admitted_root.0, Some(Digest(root.to_bytes())), "by hand");
    assert!(leaves.binary_search(&mine).is_err(), "nobody used my name");
    let used = tag(voter(1, 3)).roll_leaf();
    assert!(leaves.binary_search(&used).is_ok());
}
