//! Equipment from the store to the station and back, told as stories (decree 3.6).

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use ed25519_dalek::SigningKey;
use kit::*;
use tamga_ledger::ids::Maybe;
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::state::{Piece, Stand};
use tamga_ledger::verdict::{FlagCode, Refusal, Verdict};

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

fn codes(verdict: &Verdict) -> Vec<u16> {
    assert!(verdict.is_accepted(), "{verdict}");
    verdict.flags().iter().map(|flag| flag.code).collect()
}

fn event(event: CustodyEvent) -> Custody {
    Custody {
        item: Item::Device as u8,
        serial: "D-1".to_owned(),
        event: event as u8,
        from: Maybe(None),
        to: Maybe(None),
        seals: vec![],
        checks: 0,
        place: String::new(),
        key: Maybe(None),
    }
}

fn sealed(seals: &[&str], body: Custody) -> Custody {
    Custody { seals: seals.iter().map(|seal| (*seal).to_owned()).collect(), ..body }
}

/// Two custodians of the country, and a member of station 1 who may take equipment over.
struct Crew {
    first: SigningKey,
    second: SigningKey,
    member: SigningKey,
}

impl Crew {
    fn new(world: &mut World) -> Self {
        let crew = Self { first: key(801), second: key(802), member: key(803) };
        let grants = [
            (&crew.first, HolderClass::Custodian, Scope::Election),
            (&crew.second, HolderClass::Custodian, Scope::Election),
            (&crew.member, HolderClass::Member, Scope::Station(1)),
        ]
        .map(|(key, class, scope)| world.grant(key, class, scope, &[Kind::Custody]));
        let body = KeyRegistration { grants: grants.to_vec() };
        assert_eq!(world.record(Scope::Election, &[&record_key(1)], &body), clean());
        crew
    }

    fn store(&self, world: &mut World, body: &Custody) -> Verdict {
        world.record(Scope::Election, &[&self.first, &self.second], body)
    }

    fn hand_over(&self, world: &mut World, seals: &[&str]) -> Verdict {
        let (from, to) = (Maybe(Some(id(&self.first))), Maybe(Some(id(&self.member))));
        let body = Custody { from, to, ..sealed(seals, event(CustodyEvent::HandOver)) };
        world.record(Scope::Station(1), &[&self.first, &self.member], &body)
    }
}

fn defined() -> (World, Crew) {
    let mut world = World::new();
    world.define();
    world.register_keys();
    world.roll(1);
    world.seal(Stage::Roll);
    let crew = Crew::new(&mut world);
    (world, crew)
}

fn the_piece(world: &World) -> Piece {
    let mut pieces = world.state.pieces();
    let piece = pieces.next().unwrap().clone();
    assert!(pieces.next().is_none());
    piece
}

#[test]
fn a_device_goes_from_the_store_to_its_unit_and_opens_it() {
    let (mut world, crew) = defined();
    let enter =
        Custody {
            place: "склад 3".to_owned(), key: Maybe(Some(id(&device_key(1)))), ..event(CustodyEvent::Enter)
        };
    assert_eq!(crew.store(&mut world, &enter), clean());
    let check = Custody { checks: CHECKS_ALL, ..event(CustodyEvent::Check) };
    assert_eq!(crew.store(&mut world, &check), clean());
    assert_eq!(crew.store(&mut world, &sealed(&["S-1", "S-2"], event(CustodyEvent::Seal))), clean());
    assert_eq!(crew.store(&mut world, &sealed(&["S-2", "S-1"], event(CustodyEvent::Move))), clean());
    assert_eq!(crew.hand_over(&mut world, &["S-1", "S-2"]), clean());
    let piece = the_piece(&world);
    assert_eq!((piece.holder, piece.scope, piece.stand()), (id(&crew.member), Scope::Station(1), Stand::Held));

    // The custodians have it no more: whatever they still sign about it is recorded, and said to be wrong.
    let theirs = crew.store(&mut world, &sealed(&["S-1", "S-2"], event(CustodyEvent::Store)));
    assert_eq!(codes(&theirs), [FlagCode::NotTheHolder.number()]);
    let place = Scope::Unit(unit(1));
    let both = [&crew.member, &crew.first];
    assert_eq!(world.record(place, &both, &sealed(&["S-1", "S-2"], event(CustodyEvent::Unseal))), clean());
    assert_eq!(world.record(place, &both, &event(CustodyEvent::Deploy)), clean());

    let mut open = StationPhase {
        phase: Phase::Open as u8,
        list_total: VOTERS_A_STATION,
        counters: Counters::default(),
        seals: vec![],
        equipment: vec!["D-1".to_owned(), "D-2".to_owned()],
        roles: vec![],
        checkpoint_size_seen: 0,
        protocol_digest: Maybe(None),
    };
    let mut trial =
        World { state: world.state.clone(), time_ms: world.time_ms, sequence: world.sequence, leaves: vec![] };
    let verdict = trial.by_members(1, &open);
    assert_eq!(verdict.flags().iter().map(|flag| (flag.code, flag.detail)).collect::<Vec<_>>(), [(45, 1)]);
    open.equipment.pop();
    assert_eq!(world.by_members(1, &open), clean());
}

#[test]
fn a_broken_chain_is_recorded_and_flagged() {
    let (mut world, crew) = defined();
    assert_eq!(crew.store(&mut world, &sealed(&["S-1"], event(CustodyEvent::Enter))), clean());
    let other = sealed(&["S-9"], event(CustodyEvent::Move));
    assert_eq!(codes(&crew.store(&mut world, &other)), [FlagCode::SealsDiffer.number()]);
    let unchecked = world.record(
        Scope::Unit(unit(1)),
        &[&crew.first, &crew.second],
        &sealed(&["S-1"], event(CustodyEvent::Deploy)),
    );
    assert_eq!(unchecked.flags().iter().map(|flag| (flag.code, flag.detail)).collect::<Vec<_>>(), [(43, 8)]);
    let stored = sealed(&["S-1"], event(CustodyEvent::Store));
    assert_eq!(codes(&crew.store(&mut world, &stored)), [FlagCode::CustodyOrder.number()], "it was in use");
    let alone = world.record(Scope::Election, &[&crew.first], &stored);
    assert_eq!(alone, Verdict::Refused(Refusal::QuorumMissing), "one person saw it");
    let foreign = world.record(Scope::Unit(unit(2)), &[&crew.first, &crew.member], &stored);
    assert_eq!(foreign, Verdict::Refused(Refusal::KeyNotAuthorised), "the member is of another station");
}

#[test]
fn a_lost_device_signs_nothing_once_the_commission_knows() {
    let (mut world, crew) = defined();
    assert_eq!(world.phase(1, Phase::Open, Counters::default()), clean());
    let enter = Custody { key: Maybe(Some(id(&device_key(1)))), ..event(CustodyEvent::Enter) };
    assert_eq!(crew.store(&mut world, &enter), clean());
    let lost = event(CustodyEvent::Lose);
    assert_eq!(codes(&crew.store(&mut world, &lost)), [FlagCode::LostKeyValid.number()]);
    assert_eq!(world.identify(1, 1, voter(1, 0)), clean(), "nobody has revoked it yet");
    let verdict = world.record(Scope::Election, &[&record_key(1), &crew.first], &lost);
    assert_eq!(codes(&verdict), [FlagCode::CustodyOrder.number()], "lost twice");
    assert_eq!(world.identify(1, 1, voter(1, 1)), Verdict::Refused(Refusal::KeyRevoked));

    assert_eq!(crew.store(&mut world, &event(CustodyEvent::Find)), clean());
    assert_eq!(the_piece(&world).stand(), Stand::Held);
    assert_eq!(world.identify(1, 1, voter(1, 2)), Verdict::Refused(Refusal::KeyRevoked), "it stays revoked");
}
