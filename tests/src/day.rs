//! A small election day that leaves something of everything behind: for stories about what the public sees.

use crate::rehearsal::Rehearsal;
use crate::station::{Closing, Sums};
use crate::world::{STATIONS, Voter, unit};
use std::sync::Arc;
use tamga_client::author::{admitted_root, voting_seal};
use tamga_ledger::ids::{Digest, Maybe};
use tamga_ledger::kinds::{ActEffect, CHECKS_ALL, Case, CaseState, Custody, CustodyEvent, Issuer, Item, LegalAct};
use tamga_ledger::promise::Judged;
use tamga_ledger::record::Scope;
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;

/// What has happened, for those who look at it.
#[derive(Debug)]
pub struct Day {
    /// Identifications, each with its verdict.
    pub identifications: Vec<(Submission, Judged)>,
    /// Who was admitted, in that order.
    pub voters: Vec<(u32, Voter)>,
    /// Leaf of the refused second attempt of a voter.
    pub second_attempt: u64,
    /// Leaf of the Voting seal.
    pub voting_seal: u64,
    /// Leaves of the hand protocols, by station from 1.
    pub hand_protocols: Vec<u64>,
}

/// Voters who come: at home, and to the other constituency's and the remote station.
fn visits() -> Vec<(u32, Voter)> {
    let voter = |home, number| Voter { home, number };
    let local = (1..=4).flat_map(|home| (0..8).map(move |number| (home, voter(home, number))));
    let away = (8..12).flat_map(|number| [(3, voter(1, number)), (1, voter(4, number)), (5, voter(2, number))]);
    local.chain(away).collect()
}

/// Votes, one second attempt, closes all stations but leaves the last hand protocol out if `one_missing`, and seals the voting.
///
/// # Panics
/// If something is not accepted.
pub async fn pass(rehearsal: &Rehearsal, one_missing: bool) -> Day {
    let world = Arc::clone(&rehearsal.world);
    let mut identifications = Vec::new();
    let voters = visits();
    for (station, voter) in &voters {
        identifications.push(rehearsal.admit(*station, *voter).await);
    }
    let again = rehearsal.judged(&world.identification(1, voters[0].1)).await;
    assert!(!again.verdict.is_accepted(), "{}", again.verdict);
    let mut sums = Sums::default();
    let closings: Vec<Closing> = STATIONS.iter().map(|(station, _)| world.close(*station, &mut sums)).collect();
    for closing in &closings {
        rehearsal.accepted(&closing.batch).await;
        rehearsal.accepted(&closing.report).await;
    }
    let applied = rehearsal.applied(1).await;
    let head = rehearsal.published(1, applied).await.checkpoint().head();
    let leaves = voters.iter().map(|(_, voter)| world.tag(*voter).roll_leaf()).collect();
    let seal = world.scribe.seal(&world.commission, &voting_seal(&head, admitted_root(leaves))).unwrap();
    let voting_seal = rehearsal.accepted(&seal).await.leaf.get();
    let mut hand_protocols = Vec::new();
    let last = closings.len() - 1;
    for (place, closing) in closings.into_iter().enumerate() {
        rehearsal.accepted(&closing.machine).await;
        if let Some(opening) = &closing.opening {
            rehearsal.accepted(opening).await;
        }
        if !(one_missing && place == last) {
            hand_protocols.push(rehearsal.accepted(&closing.hand).await.leaf.get());
        }
    }
    if !one_missing {
        for record in world.remote_openings(&sums) {
            rehearsal.accepted(&record).await;
        }
    }
    court(rehearsal).await;
    Day { identifications, voters, second_attempt: again.leaf.get(), voting_seal, hand_protocols }
}

/// Serial numbers: in use at station 1 after a whole checklist, lost there, and, once it is [entered](enter_printer), never checked at
/// station 2.
pub const SERIALS: [&str; 3] = ["KEG-0117", "МОДЕМ-9", "PRN-2-1"];

/// A scanner and a modem come to station 1.
///
/// # Panics
/// If something is not accepted.
pub async fn enter_equipment(rehearsal: &Rehearsal) {
    let [scanner, modem, _] = SERIALS;
    for (serial, item, event, seals, checks) in [
        (scanner, Item::Scanner, CustodyEvent::Enter, &[][..], 0),
        (scanner, Item::Scanner, CustodyEvent::Seal, &["KG-771", "KG-772"], 0),
        (scanner, Item::Scanner, CustodyEvent::Store, &["KG-771", "KG-772"], 0),
        // A seal less than when it was put away.
        (scanner, Item::Scanner, CustodyEvent::Check, &["KG-771"], CHECKS_ALL),
        (scanner, Item::Scanner, CustodyEvent::Deploy, &["KG-771", "KG-772"], 0),
        (modem, Item::Modem, CustodyEvent::Enter, &[], 0),
        (modem, Item::Modem, CustodyEvent::Lose, &[], 0),
    ] {
        let seals = seals.iter().map(|seal| (*seal).to_owned()).collect();
        custody(rehearsal, 1, Custody { seals, checks, ..piece(serial, item, event) }).await;
    }
}

/// A printer comes to station 2: something that changes nothing of what was recorded before.
///
/// # Panics
/// If it is not accepted.
pub async fn enter_printer(rehearsal: &Rehearsal) {
    custody(rehearsal, 2, piece(SERIALS[2], Item::Printer, CustodyEvent::Enter)).await;
}

fn piece(serial: &str, item: Item, event: CustodyEvent) -> Custody {
    Custody {
        item: item as u8,
        serial: serial.to_owned(),
        event: event as u8,
        from: Maybe(None),
        to: Maybe(None),
        seals: Vec::new(),
        checks: 0,
        place: String::new(),
        key: Maybe(None),
    }
}

/// Two members of the station's unit sign it.
async fn custody(rehearsal: &Rehearsal, station: u32, body: Custody) {
    let members = rehearsal.world.keys.members(station);
    let keys: Vec<_> = members.iter().map(sign::public_key).collect();
    let draft = rehearsal.world.scribe.draft(Scope::Unit(unit(station)), &keys, &body).unwrap();
    rehearsal.accepted(&draft.sign(&members.iter().collect::<Vec<_>>()).unwrap()).await;
}

/// Station 2 is annulled by its precinct commission, a complaint is filed, a court sets the decision aside: results are as before.
async fn court(rehearsal: &Rehearsal) {
    let world = &rehearsal.world;
    let (scribe, commission) = (&world.scribe, sign::public_key(&world.commission));
    let act = |number: &str, issuer: Issuer, effect: ActEffect| LegalAct {
        number: number.to_owned(),
        date: "2025-12-03".to_owned(),
        issuer: issuer as u8,
        issuer_number: 2,
        effect,
        effective_ms: 0,
        final_act: u8::from(issuer > Issuer::Central),
        document: Digest([7; 32]),
    };
    let scope = Scope::Unit(unit(2));
    let annul = scribe.legal_act(&[commission], scope, &act("5/2", Issuer::Precinct, ActEffect::Annul)).unwrap();
    let annul = annul.sign(&[&world.commission]).unwrap();
    let annulled = annul.signed.id();
    rehearsal.accepted(&annul).await;
    let complaint = Case {
        category: 1,
        state: CaseState::Filed as u8,
        opened_by: Maybe(None),
        deadline_ms: 0,
        target: Maybe(Some(annulled)),
        act: Maybe(None),
        document: Digest([8; 32]),
    };
    let complaint = scribe.case(commission, scope, &complaint).unwrap().sign(&[&world.commission]).unwrap();
    rehearsal.accepted(&complaint).await;
    let cancel = act("17", Issuer::Court, ActEffect::Cancel { act: annulled });
    let cancel = scribe.legal_act(&[commission], Scope::Election, &cancel).unwrap();
    rehearsal.accepted(&cancel.sign(&[&world.commission]).unwrap()).await;
}
