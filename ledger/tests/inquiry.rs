//! Who may ask whether a voter has been admitted, and what an answer is good for.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use ed25519_dalek::SigningKey;
use kit::*;
use proptest::prelude::*;
use std::sync::LazyLock;
use tamga_ledger::ids::{ElectionId, Nonce};
use tamga_ledger::inquiry::*;
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::verdict::Verdict;

const NODE: u32 = 2;
const NOW_MS: u64 = NOON_MS + 50_000;

/// Voter 5 of station 1 has been admitted, voter 6 has not.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut world = World::open();
    assert_eq!(world.identify(1, 1, voter(1, 5)), Verdict::Accepted(vec![]));
    world
});

fn of_registry(voter: u32) -> Inquiry {
    Inquiry {
        version: 1,
        election: WORLD.state.election_id(),
        node: NODE,
        key: id(&registry_key()),
        at_ms: NOW_MS,
        nonce: Nonce([4; 16]),
        home_station: 1,
        tag: tag(voter),
        standing: vec![],
    }
}

/// The registry's word that a voter stands before this device.
fn standing(attested: &AttestedVoter, at_ms: u64, registry: &SigningKey) -> Standing {
    let nonce = Nonce([8; 16]);
    let message = Attestation::message(&WORLD.state.election_id(), attested, at_ms, &nonce);
    let signature = sign::sign(registry, Domain::Attestation, &message);
    let attestation = Attestation { registry: id(registry), at_ms, nonce, signature };
    Standing { unit: attested.unit, method: attested.method, attestation }
}

fn attested(device: u32, voter: u32) -> AttestedVoter {
    AttestedVoter { unit: unit(device), device: id(&device_key(device)), tag: tag(voter), home_station: 1, method: 1 }
}

fn of_device(station: u32, voter: u32) -> Inquiry {
    let standing = standing(&attested(station, voter), NOW_MS, &registry_key());
    Inquiry { key: id(&device_key(station)), standing: vec![standing], ..of_registry(voter) }
}

fn admit(inquiry: &Inquiry, key: &SigningKey) -> Result<Inquiry, InquiryError> {
    Inquiry::admit(&inquiry.sign(key), &WORLD.state, NODE, NOW_MS)
}

#[test]
fn the_registry_and_the_device_before_which_the_voter_stands_may_ask_and_are_told_the_same() {
    for (asked, admitted) in [(voter(1, 5), true), (voter(1, 6), false)] {
        for (inquiry, key) in [(of_registry(asked), registry_key()), (of_device(2, asked), device_key(2))] {
            let sent = inquiry.sign(&key);
            let inquiry = Inquiry::admit(&sent, &WORLD.state, NODE, NOW_MS).unwrap();
            let answer = inquiry.answer(&sent, &WORLD.state, NOW_MS);
            assert_eq!((answer.listed, answer.admitted.is_some()), (true, admitted));
            assert_eq!(answer.size, WORLD.state.head().size);
            let leaf = answer.admitted.map(|leaf| WORLD.leaves[leaf.get() as usize].kind);
            assert_eq!(leaf, admitted.then_some(Kind::Identification));
            let bytes = answer.sign(&promise_key(NODE));
            assert_eq!(Answer::verify(&bytes, &inquiry, &sent, &public(&promise_key(NODE))).unwrap(), answer);
        }
    }
    // Of another station's roll, and of nobody.
    for inquiry in [Inquiry { home_station: 2, ..of_registry(voter(1, 5)) }, of_registry(9_999_999)] {
        let answer = inquiry.answer(&inquiry.sign(&registry_key()), &WORLD.state, NOW_MS);
        assert_eq!((answer.listed, answer.admitted), (false, None));
    }
}

#[test]
fn nobody_else_may_ask() {
    let voter = voter(1, 5);
    let wrong: Vec<(&str, Inquiry, SigningKey, InquiryError)> = vec![
        ("another key's signature", of_registry(voter), device_key(1), InquiryError::Signature),
        ("an unknown key", Inquiry { key: id(&key(77)), ..of_registry(voter) }, key(77), InquiryError::Key),
        ("a scanner", Inquiry { key: id(&scanner_key(1)), ..of_registry(voter) }, scanner_key(1), InquiryError::Key),
        ("a member", Inquiry { key: id(&member_key(1, 1)), ..of_registry(voter) }, member_key(1, 1), InquiryError::Key),
        ("the commission", Inquiry { key: id(&record_key(1)), ..of_registry(voter) }, record_key(1), InquiryError::Key),
        (
            "a device that shows nothing",
            Inquiry { standing: vec![], ..of_device(1, voter) },
            device_key(1),
            InquiryError::Attestation,
        ),
        (
            "a device of another unit",
            Inquiry { key: id(&device_key(2)), ..of_device(1, voter) },
            device_key(2),
            InquiryError::Attestation,
        ),
        (
            "a device about another voter",
            Inquiry { tag: tag(voter + 1), ..of_device(1, voter) },
            device_key(1),
            InquiryError::Attestation,
        ),
        (
            "a device about the same voter of another roll",
            Inquiry { home_station: 2, ..of_device(1, voter) },
            device_key(1),
            InquiryError::Attestation,
        ),
        (
            "an attestation that the device signed itself",
            Inquiry { standing: vec![standing(&attested(1, voter), NOW_MS, &device_key(1))], ..of_device(1, voter) },
            device_key(1),
            InquiryError::Attestation,
        ),
        (
            "the registry with a standing",
            Inquiry { key: id(&registry_key()), ..of_device(1, voter) },
            registry_key(),
            InquiryError::Key,
        ),
    ];
    for (what, inquiry, key, expected) in wrong {
        assert_eq!(admit(&inquiry, &key), Err(expected), "{what}");
    }
    // What was attested to one device, for another one in the same unit.
    let mut stolen = of_device(1, voter);
    stolen.standing = vec![standing(&attested(2, voter), NOW_MS, &registry_key())];
    stolen.standing[0].unit = unit(1);
    assert_eq!(admit(&stolen, &device_key(1)), Err(InquiryError::Attestation));
}

#[test]
fn a_question_is_for_one_node_one_election_and_one_minute() {
    let good = of_registry(voter(1, 5));
    let sent = good.sign(&registry_key());
    assert_eq!(Inquiry::admit(&sent, &WORLD.state, NODE + 1, NOW_MS), Err(InquiryError::NotForHere));
    let other = Inquiry { election: ElectionId([9; 32]), ..good.clone() };
    assert_eq!(admit(&other, &registry_key()), Err(InquiryError::NotForHere));
    for (at_ms, expected) in [
        (NOW_MS - INQUIRY_VALIDITY_MS, None),
        (NOW_MS + INQUIRY_VALIDITY_MS, None),
        (NOW_MS - INQUIRY_VALIDITY_MS - 1, Some(InquiryError::Stale { off_ms: INQUIRY_VALIDITY_MS + 1 })),
        (NOW_MS + INQUIRY_VALIDITY_MS + 1, Some(InquiryError::Stale { off_ms: INQUIRY_VALIDITY_MS + 1 })),
    ] {
        assert_eq!(admit(&Inquiry { at_ms, ..good.clone() }, &registry_key()).err(), expected, "{at_ms}");
    }
    // An attestation lasts as long as the election says, and no longer.
    let validity_ms = WORLD.state.election().unwrap().attestation_validity_ms;
    for (at_ms, holds) in
        [(NOW_MS - validity_ms, true), (NOW_MS - validity_ms - 1, false), (NOW_MS + validity_ms + 1, false)]
    {
        let standing = vec![standing(&attested(1, voter(1, 5)), at_ms, &registry_key())];
        let inquiry = Inquiry { standing, ..of_device(1, voter(1, 5)) };
        assert_eq!(admit(&inquiry, &device_key(1)).is_ok(), holds, "{at_ms}");
    }
    for version in [0, 2] {
        assert_eq!(admit(&Inquiry { version, ..good.clone() }, &registry_key()), Err(InquiryError::Content));
    }
    let twice = [of_device(1, voter(1, 5)).standing, of_device(1, voter(1, 5)).standing].concat();
    let twice = Inquiry { standing: twice, ..of_device(1, voter(1, 5)) };
    assert_eq!(admit(&twice, &device_key(1)), Err(InquiryError::Content));
}

#[test]
fn a_key_whose_time_is_over_neither_asks_nor_attests() {
    let mut world = World::new();
    world.define();
    let old = key(500);
    let mut grant = world.grant(&old, HolderClass::Registry, Scope::Election, &[Kind::RollChunk]);
    grant.valid_until_ms = NOW_MS - 1;
    let device = world.grant(&device_key(1), HolderClass::Device, Scope::Unit(unit(1)), &[Kind::Identification]);
    let registration = KeyRegistration { grants: vec![grant, device] };
    assert_eq!(world.record(Scope::Election, &[&record_key(1)], &registration), Verdict::Accepted(vec![]));
    let ask = |inquiry: &Inquiry, key: &SigningKey, now_ms: u64| {
        let inquiry = Inquiry { at_ms: now_ms, ..inquiry.clone() };
        Inquiry::admit(&inquiry.sign(key), &world.state, NODE, now_ms).err()
    };
    let by_registry = Inquiry { key: id(&old), ..of_registry(voter(1, 5)) };
    assert_eq!(ask(&by_registry, &old, NOW_MS - 1), None);
    assert_eq!(ask(&by_registry, &old, NOW_MS), Some(InquiryError::Key));
    let standing = vec![standing(&attested(1, voter(1, 5)), NOW_MS - 5, &old)];
    let by_device = Inquiry { standing, ..of_device(1, voter(1, 5)) };
    assert_eq!(ask(&by_device, &device_key(1), NOW_MS - 1), None);
    assert_eq!(ask(&by_device, &device_key(1), NOW_MS), Some(InquiryError::Attestation));
}

#[test]
fn an_answer_is_good_for_its_own_question_and_node_only() {
    let (asked, node_key) = (of_registry(voter(1, 5)), promise_key(NODE));
    let sent = asked.sign(&registry_key());
    let answer = asked.answer(&sent, &WORLD.state, NOW_MS);
    let bytes = answer.sign(&node_key);
    let verify = |bytes: &[u8], asked: &Inquiry, sent: &[u8]| Answer::verify(bytes, asked, sent, &public(&node_key));
    assert!(verify(&bytes, &asked, &sent).is_ok());

    // Recorded, and played back to whoever asks later, about somebody else, or elsewhere.
    for other in [
        Inquiry { nonce: Nonce([5; 16]), ..asked.clone() },
        Inquiry { at_ms: NOW_MS + 1, ..asked.clone() },
        Inquiry { tag: tag(voter(1, 6)), ..asked.clone() },
        Inquiry { home_station: 2, ..asked.clone() },
    ] {
        let sent = other.sign(&registry_key());
        assert_eq!(verify(&bytes, &other, &sent), Err(AnswerError::OtherInquiry));
    }
    assert_eq!(verify(&bytes, &Inquiry { node: 1, ..asked.clone() }, &sent), Err(AnswerError::OtherInquiry));
    let election = ElectionId([9; 32]);
    assert_eq!(verify(&bytes, &Inquiry { election, ..asked.clone() }, &sent), Err(AnswerError::OtherInquiry));
    assert_eq!(Answer::verify(&bytes, &asked, &sent, &public(&promise_key(1))), Err(AnswerError::Signature));
    // Signed with the right key, and impossible.
    let size = answer.size.get();
    for impossible in [
        Answer { listed: false, ..answer.clone() },
        Answer { admitted: Some(tamga_ledger::tree::LeafIndex::new(size).unwrap()), ..answer },
    ] {
        assert_eq!(verify(&impossible.sign(&node_key), &asked, &sent), Err(AnswerError::Content));
    }
    // A promise key signs promises too; one is not the other.
    assert!(tamga_ledger::promise::Promise::verify(&bytes, |_| Some(public(&node_key))).is_err());
}

proptest! {
    #[test]
    fn changed_bytes_neither_ask_nor_answer(place in 0_usize..4_096, bit in 0_u8..8, cut in any::<bool>()) {
        let asked = of_device(1, voter(1, 5));
        let sent = asked.sign(&device_key(1));
        let answer = asked.answer(&sent, &WORLD.state, NOW_MS).sign(&promise_key(NODE));
        for (bytes, is_question) in [(sent.clone(), true), (answer, false)] {
            let place = place % bytes.len();
            let mut changed = bytes;
            if cut { changed.truncate(place) } else { changed[place] ^= 1 << bit }
            if is_question {
                prop_assert!(Inquiry::admit(&changed, &WORLD.state, NODE, NOW_MS).is_err());
            } else {
                prop_assert!(Answer::verify(&changed, &asked, &sent, &public(&promise_key(NODE))).is_err());
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let asked = of_registry(voter(1, 5));
        prop_assert!(Inquiry::admit(&bytes, &WORLD.state, NODE, NOW_MS).is_err());
        prop_assert!(Answer::verify(&bytes, &asked, &bytes, &public(&promise_key(NODE))).is_err());
    }
}
