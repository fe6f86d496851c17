//! Courts' bundles: what is in them, what is never in them, and that nothing altered verifies.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/copy.rs"]
mod copy;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World, key, phase_filler};
use copy::{Copy, Published, large, publish, small};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use tamga_client::author::Grant;
use tamga_client::court::{Wanted, court_page, make, tell_court};
use tamga_client::evidence::Language;
use tamga_client::source::Tree;
use tamga_client::verify::Opened;
use tamga_ledger::court::{CourtBundle, CourtError, Subject};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{ElectionId, KeyId, Maybe};
use tamga_ledger::kinds::{CHECKS_ALL, Custody, CustodyEvent, HolderClass, Item, Kind};
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::sign::public_key;
use tamga_ledger::tree::{Blake3Tree, LeafIndex, SeveralProof, Sha256Tree, TileHashReader, TilePath};

fn election() -> &'static Copy {
    static COPY: OnceLock<Copy> = OnceLock::new();
    COPY.get_or_init(large)
}

fn bundle(copy: &Copy, subject: Subject, order: &str) -> CourtBundle {
    let opened = Opened::open(copy, &copy.election).unwrap();
    let wanted = Wanted { subject, order: order.to_owned(), body: &|_| None, tool: "test 1".to_owned() };
    make(&opened, &wanted, |_, _| {}).unwrap()
}

fn records(copy: &Copy) -> Vec<(u64, Entry, Option<Record>)> {
    let read = |(leaf, bytes): (u64, Vec<u8>)| {
        let entry = Entry::from_bytes(&bytes).unwrap();
        let record = match &entry.payload {
            Payload::Full(signed) => signed.parse().ok(),
            Payload::Stub(_) => None,
        };
        (leaf, entry, record)
    };
    (0..).zip(copy.items("entries")).map(read).collect()
}

fn asked(bundle: &CourtBundle) -> Vec<u64> {
    bundle.items.iter().filter(|item| item.asked).map(|item| item.leaf.get()).collect()
}

fn check(bytes: &[u8], pinned: &ElectionId) -> Option<CourtBundle> {
    let bundle = CourtBundle::from_bytes(bytes).ok()?;
    bundle.verify(pinned).ok()?;
    Some(bundle)
}

#[test]
fn a_station_has_all_its_entries_and_the_keys_that_they_need() {
    let copy = election();
    for station in 1..=4 {
        let bundle = bundle(copy, Subject::Station(station), "");
        let due: Vec<u64> = records(copy)
            .into_iter()
            .filter(|(_, _, record)| match record.as_ref().map(|record| record.scope) {
                Some(Scope::Station(number)) => number == station,
                Some(Scope::Unit(unit)) => unit.station == station,
                _ => false,
            })
            .map(|(leaf, ..)| leaf)
            .collect();
        assert_eq!(asked(&bundle), due, "station {station}");
        let again = check(&bundle.to_bytes(), &copy.election).unwrap();
        assert_eq!(again, bundle);
        // The checkpoint that first covered the last of them, and the latest.
        let verified = bundle.verify(&copy.election).unwrap();
        assert!(verified.checkpoints.len() <= 2 && !verified.checkpoints.is_empty());
        assert_eq!(verified.checkpoints.last().unwrap().checkpoint().size.get(), copy.size);
    }
}

#[test]
fn a_constituency_has_its_stations_and_records_are_those_asked_for() {
    let copy = election();
    let constituency = bundle(copy, Subject::Constituency(1), "");
    let stations: BTreeSet<u64> =
        [1, 2].iter().flat_map(|station| asked(&bundle(copy, Subject::Station(*station), ""))).collect();
    let all: BTreeSet<u64> = asked(&constituency).into_iter().collect();
    assert!(all.is_superset(&asked(&bundle(copy, Subject::Station(1), "")).into_iter().collect()));
    assert!(!stations.is_empty() && all.len() < copy.size as usize);
    let chosen: Vec<_> = records(copy).into_iter().filter(|(leaf, ..)| [20, 400].contains(leaf)).collect();
    let mut ids: Vec<_> = chosen.iter().map(|(_, entry, _)| entry.record_id()).collect();
    ids.sort();
    let two = bundle(copy, Subject::Records(ids.clone()), "");
    assert_eq!(asked(&two), [20, 400]);
    // Each with the checkpoint that first covered it, in one chain with the latest.
    let verified = two.verify(&copy.election).unwrap();
    assert_eq!(verified.checkpoints.len(), 3);
    for (a, b) in [(0, 1), (1, 2), (0, 2)] {
        let mut bad = two.clone();
        bad.checkpoints.swap(a, b);
        assert!(bad.verify(&copy.election).is_err());
        let mut bad = two.clone();
        bad.checkpoints.remove(a);
        assert!(bad.verify(&copy.election).is_err(), "each is proven from the one before");
    }
    let covered: Vec<u64> = verified.items.iter().filter(|item| item.asked).map(|item| item.covered_by.get()).collect();
    assert!(covered[0] < covered[1] && covered[1] < copy.size, "{covered:?}");
    // The shared proof is smaller than two of them.
    assert!(two.sha256.hashes().len() < 2 * 10 + two.items.len());
}

/// Where the two texts stand that nothing signs: the program's name and the court's order.
fn unsigned(bundle: &CourtBundle, bytes: &[u8]) -> std::ops::Range<usize> {
    let start = bytes.windows(bundle.tool.len()).position(|window| window == bundle.tool.as_bytes()).unwrap();
    start..start + bundle.tool.len()
}

#[test]
fn no_byte_of_a_bundle_can_be_changed_but_the_name_of_the_program() {
    let copy = small();
    let id = records(&copy)[12].1.record_id();
    let bundle = bundle(&copy, Subject::Records(vec![id]), "");
    let good = bundle.to_bytes();
    let unsigned = unsigned(&bundle, &good);
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(check(&bad, &copy.election).is_none() || unsigned.contains(&at), "byte {at} of {}", good.len());
    }
    for length in (0..good.len()).step_by(97) {
        assert!(CourtBundle::from_bytes(&good[..length]).is_err());
    }
    assert!(matches!(bundle.verify(&ElectionId::ZERO), Err(CourtError::Trust(_))));
    assert!(!CourtBundle::is_one(&good[1..]) && CourtBundle::is_one(&good));
}

#[test]
fn entries_cannot_be_left_out_added_moved_or_exchanged() {
    let copy = election();
    let good = bundle(copy, Subject::Station(1), "");
    let refused = |change: &dyn Fn(&mut CourtBundle)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad.verify(&copy.election).map(|_| ()).expect_err("altered, and verified all the same")
    };
    for at in [0, 1, good.items.len() / 2, good.items.len() - 1] {
        let missing = refused(&|bad| drop(bad.items.remove(at)));
        assert!(
            matches!(missing, CourtError::Proof(_) | CourtError::NoGenesis)
                && (at == 0) == (missing == CourtError::NoGenesis)
        );
        assert!(matches!(refused(&|bad| bad.items.insert(at, good.items[at].clone())), CourtError::Proof(_)));
        assert!(matches!(refused(&|bad| bad.items[at].asked ^= true), CourtError::OtherSubject(_)));
        let body = refused(&|bad| bad.items[at].body = vec![1; 40]);
        assert!(matches!(body, CourtError::NoOrder(_)), "{body}");
    }
    refused(&|bad| bad.items.swap(0, 1));
    let (a, b) = (good.items[0].entry.clone(), good.items[1].entry.clone());
    refused(&|bad| (bad.items[0].entry, bad.items[1].entry) = (b.clone(), a.clone()));
    assert!(matches!(refused(&|bad| bad.subject = Subject::Station(2)), CourtError::OtherSubject(_)));
    refused(&|bad| bad.checkpoints.clear());
    refused(&|bad| bad.checkpoints.push(good.checkpoints[0].clone()));
    // A missing key: the signature cannot be verified, so nothing is.
    let key = good.items.iter().position(|item| {
        let Payload::Full(signed) = Entry::from_bytes(&item.entry).unwrap().payload else { return false };
        signed.parse().unwrap().kind == Kind::Key as u16
    });
    assert!(key.is_some(), "the keys of its signers are in it");
}

/// What nobody asked for has no place in it, even where it is in the ledger and proven.
#[test]
fn an_entry_that_nothing_needs_is_refused() {
    let copy = election();
    let good = bundle(copy, Subject::Station(1), "order 7");
    let there: BTreeSet<u64> = good.items.iter().map(|item| item.leaf.get()).collect();
    let opened = Opened::open(copy, &copy.election).unwrap();
    let bodies = copy.items("confidential");
    // One of each kind, of another station or of none.
    let mut tried = BTreeSet::new();
    for (leaf, entry, record) in records(copy).into_iter().filter(|(leaf, ..)| !there.contains(leaf)) {
        let kind = record.as_ref().map_or(0, |record| record.kind);
        let foreign = ![Kind::Key, Kind::Seal, Kind::DefinitionPart].map(|kind| kind as u16).contains(&kind);
        if !tried.insert(kind) {
            continue;
        }
        let mut bad = good.clone();
        let body = bodies[leaf as usize].clone();
        let at = bad.items.partition_point(|item| item.leaf.get() < leaf);
        let item = tamga_ledger::court::Item {
            leaf: LeafIndex::new(leaf).unwrap(),
            asked: false,
            entry: entry.to_bytes(),
            body,
        };
        bad.items.insert(at, item);
        prove_again(&opened, &mut bad);
        match bad.verify(&copy.election) {
            Err(CourtError::NoPlace(named)) => assert!(foreign && named == leaf),
            other => assert!(!foreign && other.is_ok(), "kind {kind}: {other:?}"),
        }
    }
    assert!(tried.contains(&(Kind::Identification as u16)) && tried.len() > 3, "{tried:?}");
    // Not even a key comes with a body.
    let mut bad = good;
    let key = bad.items.iter().position(|item| !item.asked && item.leaf.get() > 0).unwrap();
    bad.items[key].body = vec![1; 40];
    assert!(bad.verify(&copy.election).is_err());
}

fn prove_again(opened: &Opened<'_>, bundle: &mut CourtBundle) {
    let leaves: Vec<LeafIndex> = bundle.items.iter().map(|item| item.leaf).collect();
    let read = |tree| move |path: &TilePath| opened.files.tile(tree, path);
    let size = opened.size();
    let mut sha256 = TileHashReader::<Sha256Tree, _>::new(size, read(Tree::Sha256));
    bundle.sha256 = SeveralProof::prove(&mut sha256, &leaves, size).unwrap();
    let mut blake3 = TileHashReader::<Blake3Tree, _>::new(size, read(Tree::Blake3));
    bundle.blake3 = SeveralProof::prove(&mut blake3, &leaves, size).unwrap();
}

/// Where a device was before it came to the station, and that it was lost afterwards, stands under other places; a court that asks about
/// the station sees it, and nothing of other pieces.
#[test]
fn the_life_of_a_stations_equipment_goes_along() {
    let (mut world, published) = (World::prepared(), Published::new());
    let custodian =
        |name: &str| Grant::new(HolderClass::Custodian, Scope::Election).possess(world.scribe.election(), &key(name));
    let grants = [custodian("keeper"), custodian("guard")];
    for registration in world.scribe.register_keys(&key("cec/record"), &grants).unwrap() {
        world.accept(registration);
    }
    let device = public_key(&key("device 1")).id();
    let mut leaves = Vec::new();
    let mut happens = |world: &mut World, serial: &str, event: CustodyEvent, scope: Scope, holds: Option<KeyId>| {
        let custody = Custody {
            item: Item::Device as u8,
            serial: serial.to_owned(),
            event: event as u8,
            from: Maybe(None),
            to: Maybe(None),
            seals: vec![],
            checks: if event == CustodyEvent::Check { CHECKS_ALL } else { 0 },
            place: String::new(),
            key: Maybe(holds),
        };
        let made = world.scribe.write(scope, &[&key("keeper"), &key("guard")], &custody).unwrap();
        assert!(world.submit(made).is_accepted());
        leaves.push((serial.to_owned(), world.entries.len() as u64 - 1));
    };
    happens(&mut world, "D-1", CustodyEvent::Enter, Scope::Election, Some(device));
    happens(&mut world, "D-2", CustodyEvent::Enter, Scope::Election, None);
    world.seal_roll();
    world.open_all();
    happens(&mut world, "D-1", CustodyEvent::Check, Scope::Election, None);
    happens(&mut world, "D-2", CustodyEvent::Check, Scope::Election, None);
    happens(&mut world, "D-1", CustodyEvent::Deploy, Scope::Unit(common::unit(1)), None);
    let voted = world.identify(1, "10000000000001");
    world.accept(voted);
    happens(&mut world, "D-1", CustodyEvent::TakeBack, Scope::Election, None);
    happens(&mut world, "D-1", CustodyEvent::Lose, Scope::Election, None);
    let copy = Copy::of(&world, &published);

    let bundle = bundle(&copy, Subject::Station(1), "");
    let verified = bundle.verify(&copy.election).unwrap();
    let equipment = |item: &&tamga_ledger::court::VerifiedItem| {
        item.record.as_ref().is_some_and(|record| record.kind == Kind::Custody as u16)
    };
    let there: Vec<u64> = verified.items.iter().filter(equipment).map(|item| item.leaf.get()).collect();
    let due: Vec<u64> = leaves.iter().filter(|(serial, _)| serial == "D-1").map(|(_, leaf)| *leaf).collect();
    assert_eq!(there, due);
    let beside = verified.items.iter().filter(equipment).filter(|item| !item.asked).count();
    assert_eq!(beside, due.len() - 1, "all but its days in the unit happened elsewhere");
    for (language, words) in [(Language::En, "lost"), (Language::Ru, "утрачено"), (Language::Ky, "жоголду")]
    {
        let text = tell_court(&bundle, &verified, language);
        assert!(text.contains("D-1") && !text.contains("D-2") && text.contains(words), "{text}");
        assert!(court_page(&bundle, &verified).contains(words));
    }
}

#[test]
fn a_bundle_without_a_checkpoint_by_the_quorum_proves_nothing() {
    let (mut world, mut published) = (World::prepared(), Published::new());
    publish(&world, &mut published);
    world.seal_roll();
    world.open_all();
    let copy = Copy::of(&world, &published);
    let mut bundle = bundle(&copy, Subject::Station(1), "");
    let last = bundle.checkpoints.last_mut().unwrap();
    last.note = world.checkpoint(&ORGANISATIONS[..2]);
    assert!(matches!(bundle.verify(&copy.election), Err(CourtError::Checkpoint { .. })));
    // Another history's checkpoint, signed by everybody: the entries are not in it, nor does it extend the first.
    phase_filler(&mut world, 1);
    bundle.checkpoints.last_mut().unwrap().note = world.checkpoint(&ORGANISATIONS);
    assert!(bundle.verify(&copy.election).is_err());
}

#[test]
fn bodies_are_there_by_a_courts_order_only_and_nothing_speaks_of_a_ballot() {
    let copy = election();
    let bodies = copy.items("confidential");
    let tags: Vec<&[u8]> = bodies.iter().filter(|body| !body.is_empty()).map(|body| body.as_slice()).collect();
    assert!(!tags.is_empty(), "bodies are public here: after the Voting seal");
    let contains = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    let without = bundle(copy, Subject::Station(1), "").to_bytes();
    for body in &tags {
        // Salt and tag: neither the body nor any part of it.
        assert!(!contains(&without, &body[4..36]) && !contains(&without, &body[40..70]));
    }
    let with = bundle(copy, Subject::Station(1), "order 7 of 2026-01-02");
    let mut handed = 0;
    for item in &with.items {
        let Payload::Full(signed) = Entry::from_bytes(&item.entry).unwrap().payload else { panic!("a stub") };
        let kind = signed.parse().unwrap().kind;
        assert!(item.body.is_empty() || kind == Kind::Identification as u16);
        assert_eq!(item.body.is_empty(), bodies[item.leaf.get() as usize].is_empty() || !item.asked);
        handed += u64::from(!item.body.is_empty());
    }
    assert!(handed > 0);
    let verified = with.verify(&copy.election).unwrap();
    let attested = |item: &&tamga_ledger::court::VerifiedItem| {
        matches!(item.attestation, Some(tamga_ledger::submission::AttestationCheck::Valid(_)))
    };
    assert_eq!(verified.items.iter().filter(attested).count() as u64, handed, "the registry's keys are in it");
    // Another body than the one that was signed for.
    let mut bad = with;
    let item = bad.items.iter_mut().find(|item| !item.body.is_empty()).unwrap();
    *item.body.last_mut().unwrap() ^= 1;
    assert!(matches!(bad.verify(&copy.election), Err(CourtError::Record { .. })));
    // Handed over by somebody: what does not fit is never given out.
    let opened = Opened::open(copy, &copy.election).unwrap();
    let wanted = Wanted {
        subject: Subject::Station(1),
        order: "order".to_owned(),
        body: &|_| Some(vec![1; 40]),
        tool: String::new(),
    };
    assert!(make(&opened, &wanted, |_, _| {}).is_err());
}

#[test]
fn it_is_told_in_three_languages_what_is_proven_and_what_is_not() {
    let copy = election();
    for order in ["", "order 7 <b>"] {
        let bundle = bundle(copy, Subject::Station(2), order);
        let verified = bundle.verify(&copy.election).unwrap();
        let page = court_page(&bundle, &verified);
        assert!(!page.contains("<script") && !page.contains("http") && !page.contains("<b>"));
        for (language, proven, not) in [
            (Language::Ky, "Эмне далилденди", "Эмне далилденген жок"),
            (Language::Ru, "Что доказано", "Что не доказано"),
            (Language::En, "What is proven", "What is not proven"),
        ] {
            let text = tell_court(&bundle, &verified, language);
            for words in [proven, not, &copy.election.to_string(), "3/3"] {
                assert!(text.contains(words) && page.contains(words), "{words}: {text}");
            }
            assert_eq!(
                text.matches("№ ").count(),
                asked(&bundle).len() + usize::from(!matches!(language, Language::En))
            );
        }
    }
}
