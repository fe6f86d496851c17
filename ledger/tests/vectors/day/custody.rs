//! Equipment: the inventory, its chain of holders, what breaks it, a loss.

use super::founding::commission;
use super::{Day, Due, clean, flagged, refused};
use crate::kit::*;
use ed25519_dalek::SigningKey;
use tamga_ledger::ids::{KeyId, Maybe};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;

fn piece(item: Item, serial: &str, event: CustodyEvent) -> Custody {
    Custody {
        item: item as u8,
        serial: serial.to_owned(),
        event: event as u8,
        from: Maybe(None),
        to: Maybe(None),
        seals: vec![],
        checks: 0,
        place: String::new(),
        key: Maybe(None),
    }
}

fn handed(body: Custody, from: KeyId, to: KeyId) -> Custody {
    Custody { event: CustodyEvent::HandOver as u8, from: Maybe(Some(from)), to: Maybe(Some(to)), ..body }
}

pub fn run(day: &mut Day) {
    use CustodyEvent as On;
    let (first, second, device) = (key(710), key(711), key(720));
    let mut grants: Vec<KeyGrant> = [&first, &second]
        .map(|key| day.world.grant(key, HolderClass::Custodian, Scope::Election, &[Kind::Custody]))
        .to_vec();
    grants.push(day.world.grant(&device, HolderClass::Device, Scope::Unit(unit(4)), &[Kind::Identification]));
    let commission = commission(day);
    let wide = day.world.grant(&key(712), HolderClass::Custodian, Scope::Unit(unit(1)), &[Kind::Custody]);
    let wide = KeyRegistration { grants: vec![wide] };
    day.record("a custodian of one unit", Scope::Election, &[&commission], &wide, &refused(107));
    day.record("custodians", Scope::Election, &[&commission], &KeyRegistration { grants }, &clean());

    let both: [&SigningKey; 2] = [&first, &second];
    let store =
        Custody { place: "Бишкек - склад 1".to_owned(), ..piece(Item::Scanner, "АСУ-8", On::Enter) };
    let depot = Scope::Election;
    day.record("a piece entered by one custodian", depot, &[&first], &store, &refused(141));
    day.record("by a registry", depot, &[&registry_key(), &first], &store, &refused(100));
    day.record(
        "a piece that nobody knows is stored",
        depot,
        &both,
        &piece(Item::Scanner, "X", On::Store),
        &refused(230),
    );
    day.record("a scanner", depot, &both, &store, &clean());
    day.record("the same scanner again", depot, &both, &store, &refused(231));
    let mut on = |what: &str, scope: Scope, signers: &[&SigningKey], event: On, seals: &[&str], due: &Due| {
        let seals = seals.iter().map(|seal| (*seal).to_owned()).collect();
        let body = Custody { seals, ..piece(Item::Scanner, "АСУ-8", event) };
        day.record(what, scope, signers, &body, due);
    };
    on("sealed without a seal", depot, &both, On::Seal, &[], &refused(107));
    on("sealed", depot, &both, On::Seal, &["P-2", "P-1"], &clean());
    on("on its way, a seal less", depot, &both, On::Move, &["P-1"], &flagged(&[31]));
    on("taken back from where it never was", depot, &both, On::TakeBack, &["P-1", "P-2"], &flagged(&[42]));
    on("unsealed", depot, &both, On::Unseal, &["P-1", "P-2"], &clean());
    on("deployed at a station, not in a unit", Scope::Station(2), &both, On::Deploy, &[], &refused(107));
    on("deployed, never checked", Scope::Unit(unit(3)), &both, On::Deploy, &[], &flagged(&[43]));
    on("back", depot, &both, On::TakeBack, &[], &clean());

    let half = Custody { checks: 0b101, ..piece(Item::Scanner, "АСУ-8", On::Check) };
    day.record("half of the checklist", depot, &both, &half, &flagged(&[43]));
    let whole = Custody { checks: CHECKS_ALL, ..half.clone() };
    day.record("the whole checklist", depot, &both, &whole, &clean());
    let beyond = Custody { checks: CHECKS_ALL + 1, ..half };
    day.record("a point that the checklist does not have", depot, &both, &beyond, &refused(107));
    let scanner = piece(Item::Scanner, "АСУ-8", On::HandOver);
    let (a, b) = (id(&first), id(&second));
    day.record("handed over to nobody", depot, &both, &scanner, &refused(107));
    day.record("handed over", depot, &both, &handed(scanner.clone(), a, b), &clean());
    day.record("handed over by who has it no more", depot, &both, &handed(scanner, a, b), &flagged(&[41]));
    let other = piece(Item::Printer, "АСУ-8", On::Store);
    day.record("a printer of the scanner's number", depot, &both, &other, &refused(107));

    let lost = Custody { key: Maybe(Some(id(&device))), ..piece(Item::Device, "D-9", On::Enter) };
    let unknown = Custody { key: Maybe(Some(id(&key(799)))), ..lost.clone() };
    day.record("a device with an unknown key", Scope::Unit(unit(4)), &both, &unknown, &refused(107));
    day.record("a device with its key", Scope::Unit(unit(4)), &both, &lost, &clean());
    let lose = piece(Item::Device, "D-9", On::Lose);
    day.record("the device is lost", Scope::Unit(unit(4)), &both, &lose, &flagged(&[44]));
    let signers = [&commission, &first];
    day.record("the commission revokes its key", Scope::Unit(unit(4)), &signers, &lose, &flagged(&[42]));
    let revoked = day.world.state.key(&id(&device)).is_some_and(|key| key.revoked.is_some());
    assert!(revoked);
    day.record("found", depot, &both, &piece(Item::Device, "D-9", On::Find), &clean());
    day.record("retired", depot, &both, &piece(Item::Device, "D-9", On::Retire), &clean());
}
