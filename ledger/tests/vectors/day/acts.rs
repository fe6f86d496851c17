//! Legal acts and cases. They come after the results, so that nothing before them depends on acts.

use super::founding::commission;
use super::{Day, clean, flagged, refused};
use crate::kit::*;
use tamga_ledger::ids::{Digest, Maybe, RecordId};
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;

pub fn run(day: &mut Day) {
    seats(day);
    acts(day);
    cases(day);
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

/// Constituency 2 has 2, 2 and 8 votes for a man, a woman and a man; two seats, one of a sex.
fn seats(day: &mut Day) {
    let commission = commission(day);
    let keys = [&commission];
    let place = Scope::Constituency(2);
    let other = act("2-1", Issuer::Central, ActEffect::Elect { positions: vec![1, 2] });
    day.record("others are declared elected than those who are", place, &keys, &other, &flagged(&[23]));
    let right = act("2-2", Issuer::Central, ActEffect::Elect { positions: vec![2, 3] });
    day.record("the elected are declared", place, &keys, &right, &clean());
    let lot = act("2-3", Issuer::Constituency, ActEffect::Lot { order: vec![3, 1] });
    day.record("a lot without a tie", place, &keys, &lot, &flagged(&[24]));
    let back = act("2-4", Issuer::Candidate, ActEffect::Withdraw { position: 3 });
    day.record("a seat is given back", place, &keys, &back, &clean());
    let wrong = act("2-5", Issuer::Central, ActEffect::Succeed { vacated: 2, successor: 1 });
    day.record("a man for a woman", place, &keys, &wrong, &flagged(&[25]));
    let id = day.world.leaves.last().unwrap().id;
    let cancel = act("2-6", Issuer::Court, ActEffect::Cancel { act: id });
    day.record("a court cancels it", Scope::Election, &keys, &cancel, &clean());
    let next = act("2-7", Issuer::Central, ActEffect::Succeed { vacated: 3, successor: 1 });
    day.record("the next man", place, &keys, &next, &clean());
}

fn acts(day: &mut Day) {
    let commission = commission(day);
    let keys = [&commission];
    let unknown = act("1", Issuer::Central, ActEffect::Cancel { act: RecordId([1; 32]) });
    day.record("an act about an act that is not there", Scope::Election, &keys, &unknown, &refused(220));
    let annul = act("12/3-к", Issuer::Supreme, ActEffect::Annul);
    day.record("the whole election annulled: no such scope", Scope::Election, &keys, &annul, &refused(106));
    let leaf = day.record("a unit is annulled", Scope::Unit(unit(4)), &keys, &annul, &clean());
    let annulled = day.world.leaves[leaf as usize].id;
    let other = LegalAct { document: Digest([7; 32]), ..act("12/3-к", Issuer::Supreme, ActEffect::Recount) };
    day.record("its number for another act", Scope::Station(1), &keys, &other, &flagged(&[21]));
    let below = act("5", Issuer::Central, ActEffect::Suspend { act: annulled });
    day.record("suspended by a lower issuer", Scope::Election, &keys, &below, &flagged(&[22]));
    let strike = act("6", Issuer::Central, ActEffect::Strike { position: 9 });
    day.record("a candidate who is not there", Scope::Constituency(1), &keys, &strike, &refused(107));
    let extend = LegalAct { final_act: 1, ..act("7", Issuer::Central, ActEffect::Extend { until_ms: EMBARGO_MS }) };
    day.record("hours are extended", Scope::Station(2), &keys, &extend, &clean());
}

fn cases(day: &mut Day) {
    let (commission, observer) = (commission(day), record_key(3));
    let place = Scope::Unit(unit(2));
    let case = |state: CaseState, opened_by| Case {
        category: 1,
        state: state as u8,
        opened_by: Maybe(opened_by),
        deadline_ms: NOON_MS,
        target: Maybe(None),
        act: Maybe(None),
        document: Digest([8; 32]),
    };
    let stranger = case(CaseState::Granted, Some(RecordId([2; 32])));
    day.record("a case that nobody opened", place, &[&commission], &stranger, &refused(222));
    let leaf = day.record("a complaint", place, &[&observer], &case(CaseState::Filed, None), &clean());
    let opened = Some(day.world.leaves[leaf as usize].id);
    day.record("granted by who asks", place, &[&observer], &case(CaseState::Granted, opened), &refused(223));
    let late = case(CaseState::Dismissed, opened);
    day.record("dismissed after its deadline", place, &[&commission], &late, &flagged(&[26]));
}
