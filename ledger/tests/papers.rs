//! Paper protocols, told as stories: corrections, recounts, transcriptions, observers' copies, summary tables.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use tamga_ledger::commitment::{Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::ids::{Digest, ElectionId, Maybe, RecordId};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::summary::{check_table, paper_code, paper_qr};
use tamga_ledger::tally::tally;
use tamga_ledger::verdict::{Flag, FlagCode, Refusal, Verdict};

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

fn flagged(flags: &[(FlagCode, u64)]) -> Verdict {
    Verdict::Accepted(flags.iter().map(|(code, detail)| Flag::with(*code, *detail)).collect())
}

/// The evening: the embargo is over, no unit has papers in its batches.
fn evening() -> World {
    let mut world = World::open();
    world.time_ms = EMBARGO_MS;
    world
}

/// A hand protocol of station 1 with these counts of constituency 1 and nothing else.
fn hand(counts: [u64; 5]) -> Protocol {
    let (papers, valid): (u64, u64) = (counts.iter().sum(), counts[..4].iter().sum());
    let line = |code: &str, value| LineValue { code: code.to_owned(), value };
    let blinding = Blinding::derive(&[1; 32], 1, 2, BlindingPurpose::Protocol);
    let commitment = commit(&Counts::new(vec![0; 5]).unwrap(), &blinding);
    Protocol {
        form: "test".to_owned(),
        form_version: 1,
        basis: ProtocolBasis::Hand as u8,
        lines: vec![line("1", 30), line("2", papers), line("9", counts[4]), line("10", valid)],
        counts: counts.to_vec(),
        cells: vec![Cell { constituency: 2, papers: 0, commitment }],
        seals: vec![],
        present: vec![],
        dissenting: vec![],
        explanation: 0,
        scan: Maybe(None),
        closing_salt: Maybe(None),
    }
}

fn sign(world: &mut World, station: u32, body: &Protocol, corrects: Option<RecordId>) -> Verdict {
    let keys = [member_key(station, 1), member_key(station, 2)];
    let keys = [&keys[0], &keys[1]];
    let mut record = world.draft(Scope::Unit(unit(station)), &keys, body);
    record.supersedes = Maybe(corrects);
    let signed = record.sign(&keys).unwrap();
    world.submit(&tamga_ledger::submission::Submission::public(signed))
}

fn last(world: &World) -> (RecordId, u64) {
    let leaf = world.leaves.last().unwrap();
    (leaf.id, leaf.index.get())
}

/// Papers in the hand protocol, none in batches: flag 17 with 0.
const NO_BATCHES: (FlagCode, u64) = (FlagCode::PapersDiffer, 0);

#[test]
fn a_correction_names_its_reason_or_is_flagged() {
    let mut world = evening();
    assert_eq!(sign(&mut world, 1, &hand([8, 2, 1, 1, 0]), None), flagged(&[NO_BATCHES]));
    let (first, leaf) = last(&world);
    let mut silent = hand([7, 3, 1, 1, 0]);
    let verdict = sign(&mut world, 1, &silent, Some(first));
    assert_eq!(verdict, flagged(&[NO_BATCHES, (FlagCode::Correction, leaf), (FlagCode::CorrectionUnexplained, 0)]));
    let (second, leaf) = last(&world);
    silent.explanation = 8;
    assert_eq!(sign(&mut world, 1, &silent, Some(second)), refused(Refusal::ContentInvalid), "an unknown reason");
    silent.explanation = 2;
    let verdict = sign(&mut world, 1, &silent, Some(second));
    assert_eq!(verdict, flagged(&[NO_BATCHES, (FlagCode::Correction, leaf)]));
    assert_eq!(tally(&world.state).constituencies[0].hand.counts, [7, 3, 1, 1, 0]);
}

#[test]
fn a_recount_needs_an_act_and_is_replaced_by_nothing_of_lower_rank() {
    let mut world = evening();
    sign(&mut world, 1, &hand([8, 2, 1, 1, 0]), None);
    let (first, leaf) = last(&world);
    let recount = |counts| Protocol { basis: ProtocolBasis::Recount as u8, explanation: 3, ..hand(counts) };
    let mut unordered = World { state: world.state.clone(), leaves: vec![], ..World::new() };
    (unordered.sequence, unordered.time_ms) = (world.sequence, world.time_ms);
    let verdict = sign(&mut unordered, 1, &recount([8, 3, 1, 0, 0]), Some(first));
    let flags = [NO_BATCHES, (FlagCode::Correction, leaf), (FlagCode::RecountNotOrdered, 0)];
    assert_eq!(verdict, flagged(&flags));

    assert_eq!(order(&mut world, "1", Issuer::Court), clean());
    let verdict = sign(&mut world, 1, &recount([8, 3, 1, 0, 0]), Some(first));
    assert_eq!(verdict, flagged(&flags[..2]));
    let (second, _) = last(&world);
    let plain = Protocol { explanation: 1, ..hand([8, 2, 1, 1, 0]) };
    assert_eq!(
        sign(&mut world, 1, &plain, Some(second)),
        refused(Refusal::SupersedesInvalid),
        "below a court's recount"
    );
    assert_eq!(world.state.unit(unit(1)).unwrap().protocol(Basis::Hand).unwrap().id, second);
}

fn order(world: &mut World, number: &str, issuer: Issuer) -> Verdict {
    let act = LegalAct {
        number: number.into(),
        date: "2025-12-02".into(),
        issuer: issuer as u8,
        issuer_number: 0,
        effect: ActEffect::Recount,
        effective_ms: 0,
        final_act: 0,
        document: Digest([6; 32]),
    };
    world.record(Scope::Unit(unit(1)), &[&record_key(1)], &act)
}

#[test]
fn a_paper_without_its_commission_is_typed_in_by_the_commission_above_and_says_so() {
    let mut world = evening();
    let plain = hand([8, 2, 1, 1, 0]);
    let scope = Scope::Unit(unit(1));
    assert_eq!(
        world.record(scope, &[&record_key(1)], &plain),
        refused(Refusal::KeyNotAuthorised),
        "no hand count of its own"
    );
    let mut typed = Protocol { basis: ProtocolBasis::Transcribed as u8, ..plain };
    assert_eq!(world.record(scope, &[&record_key(1)], &typed), refused(Refusal::ContentInvalid), "without a scan");
    typed.scan = Maybe(Some(Digest([7; 32])));
    typed.dissenting = vec![id(&member_key(1, 2))];
    typed.present = vec![id(&member_key(1, 1)), id(&member_key(1, 2))];
    let flags = [NO_BATCHES, (FlagCode::Dissent, 1), (FlagCode::Transcribed, 0)];
    assert_eq!(world.record(scope, &[&record_key(1)], &typed), flagged(&flags));
    let unit_state = world.state.unit(unit(1)).unwrap();
    let protocol = unit_state.protocol(Basis::Hand).unwrap();
    assert_eq!((protocol.basis, protocol.signers.as_slice()), (ProtocolBasis::Transcribed, &[id(&record_key(1))][..]));
    let mut members = vec![id(&member_key(1, 1)), id(&member_key(1, 2))];
    members.sort_unstable();
    assert_eq!(
        world.state.members_of(unit(1)),
        members,
        "who is registered and neither signed nor was present is absent"
    );
}

fn copy(target: Option<RecordId>, finding: Finding, lines: &[(&str, u64)], counts: &[u64]) -> Countersign {
    Countersign {
        target: Maybe(target),
        finding: finding as u8,
        lines: lines.iter().map(|(code, value)| LineValue { code: (*code).to_owned(), value: *value }).collect(),
        counts: counts.to_vec(),
        photo: Maybe(Some(Digest([9; 32]))),
    }
}

#[test]
fn an_observer_assents_or_shows_the_figures_of_another_paper() {
    let mut world = evening();
    let observer = key(7_001);
    let grant = world.grant(&observer, HolderClass::Observer, Scope::Election, &[Kind::Countersign, Kind::Case]);
    assert_eq!(world.record(Scope::Election, &[&record_key(1)], &KeyRegistration { grants: vec![grant] }), clean());
    let scope = Scope::Unit(unit(1));
    let early = copy(None, Finding::Copy, &[("2", 12)], &[]);
    assert_eq!(world.record(scope, &[&observer], &early), clean(), "there is nothing yet to compare it with");
    sign(&mut world, 1, &hand([8, 2, 1, 1, 0]), None);
    let (first, leaf) = last(&world);

    let assent = copy(Some(first), Finding::Assent, &[], &[]);
    assert_eq!(world.record(scope, &[&observer], &assent), clean());
    assert_eq!(world.record(scope, &[&record_key(3)], &assent), clean(), "an organisation");
    assert_eq!(world.record(scope, &[&member_key(1, 1)], &assent), refused(Refusal::KeyNotAuthorised), "not granted");
    let nothing = copy(None, Finding::Assent, &[], &[]);
    assert_eq!(world.record(scope, &[&observer], &nothing), refused(Refusal::ContentInvalid), "assent to what?");
    let same = copy(Some(first), Finding::Copy, &[("1", 30), ("2", 12)], &[8, 2, 1, 1, 0]);
    assert_eq!(world.record(scope, &[&observer], &same), clean());
    let other = copy(None, Finding::Copy, &[("1", 30), ("2", 12), ("10", 12)], &[6, 4, 1, 1, 0]);
    assert_eq!(world.record(scope, &[&observer], &other), flagged(&[(FlagCode::CopyDiffers, 2)]));
    let refusal = copy(None, Finding::CopyRefused, &[], &[]);
    assert_eq!(world.record(scope, &[&observer], &refusal), clean());

    sign(&mut world, 1, &Protocol { explanation: 1, ..hand([7, 3, 1, 1, 0]) }, Some(first));
    let late = world.record(scope, &[&observer], &assent);
    assert_eq!(late, flagged(&[(FlagCode::CopyOfOtherVersion, 0)]), "it was corrected in the meantime");
    let said = &world.state.unit(unit(1)).unwrap().countersigned;
    let about = said.iter().map(|one| (one.finding, one.protocol, one.differing)).collect::<Vec<_>>();
    let first = Some(leaf);
    let due = [
        (Finding::Copy, None, 0),
        (Finding::Assent, first, 0),
        (Finding::Assent, first, 0),
        (Finding::Copy, first, 0),
        (Finding::Copy, first, 2),
        (Finding::CopyRefused, None, 0),
        (Finding::Assent, None, 0),
    ];
    assert_eq!(about, due);
}

#[test]
fn a_copy_shows_no_more_than_a_protocol_may() {
    let mut world = World::open();
    let scope = Scope::Unit(unit(1));
    let counts = copy(None, Finding::Copy, &[], &[8, 2, 1, 1, 0]);
    assert_eq!(world.record(scope, &[&record_key(3)], &counts), refused(Refusal::Embargo));
    let invalid = copy(None, Finding::Copy, &[("9", 1)], &[]);
    assert_eq!(world.record(scope, &[&record_key(3)], &invalid), refused(Refusal::Embargo));
    world.time_ms = EMBARGO_MS;
    assert_eq!(world.record(scope, &[&record_key(3)], &invalid), refused(Refusal::SmallCell));
    let few = copy(None, Finding::Copy, &[], &[1, 0, 0, 0, 0]);
    assert_eq!(world.record(scope, &[&record_key(3)], &few), refused(Refusal::SmallCell));
    assert_eq!(world.record(scope, &[&record_key(3)], &counts), clean());
}

fn table(sources: &[RecordId], lines: [u64; 4], counts: &[u64]) -> SummaryTable {
    let line = |(code, value): (&str, u64)| LineValue { code: code.to_owned(), value };
    SummaryTable {
        form: "test".to_owned(),
        form_version: 1,
        sources: sources.to_vec(),
        lines: ["1", "2", "9", "10"].into_iter().zip(lines).map(line).collect(),
        counts: counts.to_vec(),
        dissenting: vec![],
        scan: Maybe(None),
    }
}

/// Stations 1 and 2 are constituency 1.
#[test]
fn a_table_is_checked_line_by_line_and_again_after_a_correction() {
    let mut world = evening();
    sign(&mut world, 1, &hand([8, 2, 1, 1, 0]), None);
    let (first, _) = last(&world);
    sign(&mut world, 2, &hand([0, 9, 2, 0, 1]), None);
    let (second, leaf) = last(&world);
    let place = Scope::Constituency(1);
    let commission = record_key(1);

    let short = table(&[first], [30, 12, 0, 12], &[8, 2, 1, 1, 0]);
    assert_eq!(world.record(place, &[&commission], &short), flagged(&[(FlagCode::SummaryIncomplete, 1)]));
    let twice = table(&[first, second, first], [60, 24, 1, 23], &[8, 11, 3, 1, 1]);
    assert_eq!(world.record(place, &[&commission], &twice), flagged(&[(FlagCode::SourceVoid, 1)]));
    let wrong = table(&[first, second], [60, 25, 1, 23], &[9, 10, 3, 1, 1]);
    assert_eq!(world.record(place, &[&commission], &wrong), flagged(&[(FlagCode::SummaryDiffers, 3)]));
    let (replaced, wrong_leaf) = last(&world);

    // The constituency's own commission: two members registered for tables only.
    let members = [key(7_101), key(7_102)];
    for member in &members {
        let more = world.grant(member, HolderClass::Member, place, &[Kind::Protocol, Kind::SummaryTable]);
        let verdict = world.record(Scope::Election, &[&commission], &KeyRegistration { grants: vec![more] });
        assert_eq!(verdict, refused(Refusal::ContentInvalid));
        let grant = world.grant(member, HolderClass::Member, place, &[Kind::SummaryTable]);
        world.record(Scope::Election, &[&commission], &KeyRegistration { grants: vec![grant] });
    }
    let right = table(&[first, second], [60, 24, 1, 23], &[8, 11, 3, 1, 1]);
    assert_eq!(world.record(place, &[&members[0]], &right), refused(Refusal::QuorumMissing));
    let keys = [&members[0], &members[1]];
    let mut record = world.draft(place, &keys, &right);
    record.supersedes = Maybe(Some(replaced));
    let signed = record.sign(&keys).unwrap();
    let verdict = world.submit(&tamga_ledger::submission::Submission::public(signed));
    assert_eq!(verdict, flagged(&[(FlagCode::Correction, wrong_leaf)]));
    let (district, _) = last(&world);
    assert!(!world.state.tables().contains_key(&replaced));

    // The nation's table: one district's table, and a district that has not reported.
    let nation = table(&[district], [60, 24, 1, 23], &[]);
    assert_eq!(world.record(Scope::Election, &[&commission], &nation), flagged(&[(FlagCode::SummaryIncomplete, 2)]));

    // One protocol is corrected: the table that was right no longer is, and everybody can see where.
    assert!(check_table(&world.state, place, &right, &world.state.legal()).holds());
    let corrected = Protocol { explanation: 2, ..hand([1, 8, 2, 0, 1]) };
    sign(&mut world, 2, &corrected, Some(second));
    let check = check_table(&world.state, place, &right, &world.state.legal());
    assert_eq!((check.void_sources.as_slice(), check.uncovered.len()), (&[second][..], 1));
    let _ = leaf;
}

#[test]
fn a_table_shows_nothing_of_a_unit_with_few_papers() {
    let mut world = evening();
    sign(&mut world, 1, &hand([8, 2, 1, 1, 0]), None);
    let (first, _) = last(&world);
    // Station 2 has three papers: its own cell is committed, the lines that disclose are 0.
    let mut few = hand([0; 5]);
    few.counts = vec![];
    few.lines[1].value = 0;
    let blinding = Blinding::derive(&[2; 32], 1, 1, BlindingPurpose::Protocol);
    let own = Cell { constituency: 1, papers: 3, commitment: commit(&Counts::new(vec![3]).unwrap(), &blinding) };
    few.cells.insert(0, own);
    sign(&mut world, 2, &few, None);
    let (second, _) = last(&world);
    let place = Scope::Constituency(1);
    let leaking = table(&[first, second], [60, 12, 0, 15], &[]);
    assert_eq!(
        world.record(place, &[&record_key(1)], &leaking),
        refused(Refusal::SmallCell),
        "three valid papers more"
    );
    let counts = table(&[first, second], [60, 12, 0, 12], &[11, 2, 1, 1, 0]);
    assert_eq!(world.record(place, &[&record_key(1)], &counts), refused(Refusal::SmallCell));
    let fair = table(&[first, second], [60, 12, 0, 12], &[8, 2, 1, 1, 0]);
    assert_eq!(world.record(place, &[&record_key(1)], &fair), clean());
}

#[test]
fn the_code_on_paper_is_the_records() {
    let id = RecordId([3; 32]);
    let code = paper_code(&id);
    assert_eq!(code.len(), 11);
    assert!(code.chars().all(|sign| "0123456789ABCDEFGHJKMNPQRSTVWXYZ-".contains(sign)), "{code}");
    // By hand: the first 50 bits of the digest, five at a time, from the most significant one.
    let digest = blake3::Hasher::new_derive_key("tamga 2025 paper code v1").update(&[3; 32]).finalize();
    let bits: String = digest.as_bytes().iter().take(7).map(|byte| format!("{byte:08b}")).collect();
    let by_hand: String = (0..10)
        .map(|place| usize::from_str_radix(&bits[place * 5..place * 5 + 5], 2).unwrap())
        .map(|digit| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".as_bytes()[digit] as char)
        .collect();
    assert_eq!(code.replace('-', ""), by_hand);
    let qr = paper_qr(&ElectionId([0xab; 32]), unit(1), &id);
    assert!(qr.starts_with("TAMGA1:ABABABABABABABAB:1/1:0303") && qr.ends_with(&code), "{qr}");
    assert!(qr.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase() || b":/-".contains(&byte)));
}
