//! A tiny election through the ledger's rules, written by the client's builders only.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{World, counted, form, home, key, protocol, unit};
use tamga_client::author::{AuthorError, GenesisDraft, IdentificationFacts, Mode, admitted_root, archive_seal, phase};
use tamga_client::registry::RegistryAdapter as _;
use tamga_ledger::kinds::{Basis, Phase, Stage};
use tamga_ledger::submission::{Rejection, authenticate};
use tamga_ledger::tally::{Seats, tally};
use tamga_ledger::verdict::{Flag, FlagCode, Refusal, Verdict};
use tamga_platform::entropy::SeededEntropy;

#[test]
fn the_whole_election_is_accepted_and_the_tally_is_what_was_counted() {
    let world = World::finished();
    let tally = tally(&world.state);
    let mut expected = vec![vec![0; 5]; 2];
    for station in 1..=4 {
        for (constituency, counts) in counted(station) {
            for (sum, count) in expected[constituency as usize - 1].iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }
    for (row, expected) in tally.constituencies.iter().zip(&expected) {
        assert_eq!((&row.hand.counts, &row.machine.counts), (expected, expected), "constituency {}", row.constituency);
        assert!(row.hand.is_complete() && row.machine.is_complete());
    }
    assert!(matches!(&tally.constituencies[0].seats, Seats::Filled { elected } if elected.len() == 2));
    assert!(tally.hand_protocols.is_complete() && tally.blocked.is_empty());
    assert_eq!(world.state.counts().papers, 9);
    assert!(world.state.seal(Stage::Results).is_some());
}

#[test]
fn nothing_follows_the_archive_seal() {
    let mut world = World::finished();
    let head = world.cut_head();
    let seal = world.scribe.seal(&key("cec/record"), &archive_seal(&head)).unwrap();
    world.accept(seal);
    let again = world.scribe.seal(&key("cec/record"), &archive_seal(&head)).unwrap();
    world.refuse(again, Refusal::StageClosed);
}

#[test]
fn a_voter_is_admitted_once_and_only_where_the_rules_allow() {
    let mut world = World::prepared();
    let early = world.identify(1, "10000000000001");
    world.refuse(early, Refusal::UnitNotOpen);
    world.seal_roll();
    world.open_all();
    let (facts, _) = world.attest(1, "10000000000001");
    let first = world.identify_as(1, facts.clone());
    world.accept(first);
    let reused = world.identify_as(1, facts);
    world.refuse(reused, Refusal::AttestationReused);
    let second = world.identify(1, "10000000000001");
    world.refuse(second, Refusal::AlreadyAdmitted);
    let elsewhere = world.identify(2, "10000000000001");
    world.refuse(elsewhere, Refusal::AlreadyAdmitted);
    let wrong = world.identify(1, "40000000000001");
    world.refuse(wrong, Refusal::WrongStation);
    let (facts, _) = world.attest(2, "10000000000002");
    let mismatch = world.identify_as(2, IdentificationFacts { mode: Mode::Local, ..facts });
    world.refuse(mismatch, Refusal::ModeMismatch);
    let (facts, _) = world.attest(2, "10000000000002");
    let forged = world.identify_as(3, facts);
    assert_eq!(world.submit(forged), Verdict::Refused(Refusal::KeyNotAuthorised), "another unit's device");
    let (facts, _) = world.attest(2, "10000000000002");
    let moved = world.identify_as(2, IdentificationFacts { home_station: 4, ..facts });
    world.refuse(moved, Refusal::AttestationInvalid);
    let (facts, _) = world.attest(2, "10000000000002");
    world.time_ms += 700_000;
    let late = world.identify_as(2, facts);
    world.refuse(late, Refusal::AttestationExpired);
    let remote = world.identify(2, "10000000000002");
    world.accept(remote);
    assert_eq!(world.state.counts().second_attempts, 2);
    assert_eq!(world.state.counts().wrong_station, 1);
}

#[test]
fn an_offline_collision_is_a_fact_with_a_flag() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    let elsewhere = world.identify(3, "40000000000002");
    world.accept(elsewhere);
    let report = world.report(4, &phase(Phase::OfflineStart));
    world.accept(report);
    let first_leaf = world.state.head().size.get() - 2;
    let (facts, _) = world.attest(4, "40000000000002");
    let offline = world.identify_as(4, IdentificationFacts { attestation: None, ..facts });
    let flag = Flag::with(FlagCode::OfflineCollision, first_leaf);
    assert_eq!(world.submit(offline), Verdict::Accepted(vec![flag]));
    assert_eq!(world.state.counts().conflicts, 1);
}

#[test]
fn the_kept_list_of_admitted_voters_gives_the_root_the_ledger_has() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    let mut leaves = Vec::new();
    for number in ["10000000000003", "10000000000001"] {
        let submission = world.identify(1, number);
        world.accept(submission);
        leaves.push(world.voters.find(&number.parse().unwrap()).unwrap().unwrap().tag.roll_leaf());
    }
    assert_eq!(admitted_root(leaves), world.state.admitted_root());
}

#[test]
fn counts_stay_hidden_until_the_embargo_ends_and_small_cells_for_ever() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    world.vote();
    let builders = world.count_and_close();
    let [chair, secretary] = World::members(1);
    let (body, _) = protocol(&world, 1, Basis::Hand);
    let early = world.scribe.protocol(&[&chair, &secretary], unit(1), &form(), &body, None).unwrap();
    world.refuse(early, Refusal::Embargo);
    let stub = tamga_ledger::entry::Entry::from_bytes(&world.entries.last().unwrap().0).unwrap();
    assert!(matches!(stub.payload, tamga_ledger::entry::Payload::Stub(_)), "counts may not stand in the entry");
    world.time_ms = common::EMBARGO_MS;
    let [chair, secretary] = World::members(4);
    let small = builders[&4].opening(home(4).unwrap()).unwrap();
    let small = world.scribe.own_opening(&[&chair, &secretary], unit(4), &small).unwrap();
    world.refuse(small, Refusal::SmallCell);
    let single = builders[&3].opening(1).unwrap();
    let single = world.scribe.remote_opening(&key("cec/record"), &single).unwrap();
    world.refuse(single, Refusal::OpeningInvalid);
}

#[test]
fn a_device_does_not_sign_what_breaks_a_hard_relation() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    world.vote();
    let _ = world.count_and_close();
    world.time_ms = common::EMBARGO_MS;
    let [chair, secretary] = World::members(1);
    let (mut body, _) = protocol(&world, 1, Basis::Hand);
    body.lines[4].value += 1;
    let Err(AuthorError::RelationsBroken(broken)) =
        world.scribe.protocol(&[&chair, &secretary], unit(1), &form(), &body, None)
    else {
        panic!("signed")
    };
    assert_eq!(broken[0].to_string(), "relation 3 (L10 = @valid) does not hold: 4 against 3");
    // A paper protocol that was signed with the error is recorded, flagged and blocked; then corrected.
    let transcribed = world.scribe.protocol_unchecked(&[&chair, &secretary], unit(1), &body, None).unwrap();
    let flag = Flag::with(FlagCode::HardRelationBroken, 3);
    let wrong = transcribed.signed.id();
    assert_eq!(world.submit(transcribed), Verdict::Accepted(vec![flag]));
    assert_eq!(tally(&world.state).blocked, [unit(1)]);
    let leaf = world.state.leaf_of(&wrong).unwrap();
    body.lines[4].value -= 1;
    body.explanation = 1;
    let corrected = world.scribe.protocol(&[&chair, &secretary], unit(1), &form(), &body, Some(wrong)).unwrap();
    assert_eq!(world.submit(corrected), Verdict::Accepted(vec![Flag::with(FlagCode::Correction, leaf)]));
    assert!(tally(&world.state).blocked.is_empty());
}

#[test]
fn a_missing_line_is_named() {
    let world = World::prepared();
    let (mut body, _) = protocol(&world, 1, Basis::Machine);
    body.lines.remove(1);
    let Err(error) = tamga_client::author::check_protocol(&form(), &body) else { panic!() };
    assert_eq!(error, AuthorError::Line { place: 2, found: "8".to_owned(), due: "2".to_owned() });
}

#[test]
fn genesis_needs_every_organisation_and_their_own_signatures() {
    let entropy = SeededEntropy::new(5);
    let draft = GenesisDraft::new(common::genesis_plan(), &[], &entropy);
    assert!(matches!(draft, Err(AuthorError::Genesis(_))), "a definition is needed");
    let part = tamga_ledger::kinds::DefinitionPart { part_kind: 4, number: 0, content: Vec::new() };
    let draft = GenesisDraft::new(common::genesis_plan(), std::slice::from_ref(&part), &entropy).unwrap();
    let other = GenesisDraft::new(common::genesis_plan(), &[part], &entropy).unwrap();
    let share = |draft: &GenesisDraft, name: &str| draft.share(&key(&format!("{name}/record"))).unwrap();
    let two = [share(&draft, "cec"), share(&draft, "university")];
    assert!(matches!(draft.clone().merge(&two), Err(AuthorError::ShareMissing(_))));
    let stale = [share(&draft, "cec"), share(&draft, "university"), share(&other, "observers")];
    assert!(matches!(draft.clone().merge(&stale), Err(AuthorError::ShareInvalid(_))));
    assert!(matches!(draft.share(&key("stranger")), Err(AuthorError::NotASigner(_))));
}

#[test]
fn a_tag_in_the_clear_never_becomes_a_leaf() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    let mut submission = world.identify(1, "10000000000001");
    submission.confidential.push(0);
    let election = world.state.election_id();
    let rejected = authenticate(&submission.to_bytes(), &election, &world.state).unwrap_err();
    assert_eq!(rejected, Rejection::ConfidentialDigest);
}
