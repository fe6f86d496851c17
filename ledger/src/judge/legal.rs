//! Legal acts and cases. An act is a fact decided elsewhere: what is refused is what cannot be understood (a target that is not
//! there, positions that are not on the ballot); what contradicts the ledger's own computation is recorded and flagged.

use super::Decision;
use super::effect::Effect;
use crate::ids::RecordId;
use crate::kinds::{
    ACT_NUMBER_BYTES_MAX, ACTS_MAX, ActEffect, Case, CaseState, Constituency, HolderClass, Issuer, LegalAct,
};
use crate::record::{Record, Scope};
use crate::state::{RecordedAct, RecordedCase, State};
use crate::tally::{Seats, Succession, result_of, successor};
use crate::verdict::{Flag, FlagCode, Refusal};

impl State {
    pub(super) fn decide_act(&self, act: &LegalAct, record: &Record, id: RecordId, time_ms: u64) -> Decision {
        if self.check_commission(record).is_err() {
            // A commission that does not record what a court decided is not the last word.
            self.check_quorum(record)?;
        }
        if self.acts.len() >= ACTS_MAX {
            return Err(Refusal::TooManyActs);
        }
        let issuer = Issuer::from_number(act.issuer).ok_or(Refusal::ContentInvalid)?;
        if !is_name(&act.number, ACT_NUMBER_BYTES_MAX) || !is_date(&act.date) || act.final_act > 1 {
            return Err(Refusal::ContentInvalid);
        }
        self.check_effect(&act.effect, record.scope)?;
        let mut flags = self.effect_flags(act, issuer, record.scope, time_ms);
        let same = |one: &RecordedAct| {
            (&one.act.number, one.act.issuer, one.act.issuer_number) == (&act.number, act.issuer, act.issuer_number)
        };
        if let Some(earlier) = self.acts.iter().find(|one| same(one) && one.act.document != act.document) {
            flags.push(Flag::with(FlagCode::ActNumberUsed, earlier.leaf));
        }
        let recorded = RecordedAct { leaf: 0, recorded_ms: time_ms, id, scope: record.scope, act: act.clone() };
        Ok((flags, Effect::Act(Box::new(recorded))))
    }

    /// What the effect names is there, at the level where it can be.
    fn check_effect(&self, effect: &ActEffect, scope: Scope) -> Result<(), Refusal> {
        let constituency = match scope {
            Scope::Constituency(number) => self.definition.constituency(number),
            _ => None,
        };
        let on_ballot = |constituency: &Constituency, position: u32| {
            position >= 1 && position as usize <= constituency.candidates.len()
        };
        let place = matches!(scope, Scope::Station(_) | Scope::Unit(_));
        match (effect, constituency) {
            (ActEffect::Annul, known) if place || known.is_some() => Ok(()),
            (ActEffect::Recount, _) if place => Ok(()),
            (ActEffect::Extend { until_ms }, _) if place && *until_ms > 0 => Ok(()),
            (ActEffect::Cancel { act } | ActEffect::Suspend { act }, _) if scope == Scope::Election => {
                self.act(act).map(drop).ok_or(Refusal::ActUnknown)
            }
            (ActEffect::Strike { position } | ActEffect::Withdraw { position }, Some(known)) => {
                if on_ballot(known, *position) { Ok(()) } else { Err(Refusal::ContentInvalid) }
            }
            (ActEffect::Lot { order }, Some(known)) => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                sorted.dedup();
                let valid = order.len() >= 2 && sorted.len() == order.len();
                if valid && order.iter().all(|one| on_ballot(known, *one)) {
                    Ok(())
                } else {
                    Err(Refusal::ContentInvalid)
                }
            }
            (ActEffect::Elect { positions }, Some(known)) => {
                let valid = positions.is_sorted_by(|a, b| a < b) && positions.len() <= known.seats as usize;
                if valid && positions.iter().all(|one| on_ballot(known, *one)) {
                    Ok(())
                } else {
                    Err(Refusal::ContentInvalid)
                }
            }
            (ActEffect::Succeed { vacated, successor }, Some(known)) => {
                let valid = vacated != successor && on_ballot(known, *vacated) && on_ballot(known, *successor);
                if valid { Ok(()) } else { Err(Refusal::ContentInvalid) }
            }
            _ => Err(Refusal::ScopeInvalid),
        }
    }

    /// Where the act is not what the ledger computes, or comes from below the one it sets aside.
    fn effect_flags(&self, act: &LegalAct, issuer: Issuer, scope: Scope, time_ms: u64) -> Vec<Flag> {
        let mut flags = Vec::new();
        if let Some(earlier) = act.effect.about().and_then(|id| self.act(id))
            && Issuer::from_number(earlier.act.issuer).is_some_and(|other| other > issuer)
        {
            flags.push(Flag::with(FlagCode::IssuerBelowTarget, earlier.leaf));
        }
        let Scope::Constituency(number) = scope else { return flags };
        let Some(constituency) = self.definition.constituency(number) else { return flags };
        match &act.effect {
            ActEffect::Elect { positions } => {
                let legal = self.legal_at(time_ms);
                if result_of(self, constituency, &legal).seats.positions().as_ref() != Some(positions) {
                    flags.push(Flag::new(FlagCode::SeatsDiffer));
                }
            }
            ActEffect::Lot { order } => {
                let legal = self.legal_at(time_ms);
                let due = match result_of(self, constituency, &legal).seats {
                    Seats::NeedsLot { tied, .. } => tied.iter().all(|position| order.contains(position)),
                    _ => false,
                };
                if !due {
                    flags.push(Flag::new(FlagCode::LotNotDue));
                }
            }
            ActEffect::Succeed { vacated, successor: named }
                if !self.succession_fits(constituency, *vacated, *named, time_ms) =>
            {
                flags.push(Flag::new(FlagCode::SuccessionDiffers));
            }
            _ => {}
        }
        flags
    }

    /// Whether the seat rule gives the vacated seat to this successor, or a lot between them and others does.
    fn succession_fits(&self, constituency: &Constituency, vacated: u32, named: u32, time_ms: u64) -> bool {
        let number = constituency.number;
        let legal = self.legal_at(time_ms);
        let result = result_of(self, constituency, &legal);
        let mut gone = legal.gone(number);
        gone.extend(legal.successions.get(&number).into_iter().flatten().map(|(left, _)| *left));
        let same_sex_max = self.definition.seat_rule().map_or(0, |rule| rule.same_sex_max);
        let seated = &result.standing.seated;
        if !seated.contains(&vacated) {
            return false;
        }
        let counts = &result.hand.counts;
        match successor(&constituency.candidates, counts, seated, vacated, &gone, same_sex_max) {
            Succession::Next { position, .. } => position == named,
            Succession::NeedsLot { tied } => {
                let lots = legal.lots.get(&number).map_or(&[][..], Vec::as_slice);
                let drawn = lots.iter().rev().find(|lot| tied.iter().all(|position| lot.contains(position)));
                drawn.and_then(|lot| lot.iter().find(|position| tied.contains(position))) == Some(&named)
            }
            Succession::Nobody => false,
        }
    }

    pub(super) fn decide_case(&self, case: &Case, record: &Record, id: RecordId, time_ms: u64) -> Decision {
        let class = self.signer_class(record)?;
        let author = record.author_key().ok_or(Refusal::KeyNotAuthorised)?;
        if record.signers.len() != 1
            || !matches!(class, HolderClass::Organisation | HolderClass::Member | HolderClass::Observer)
        {
            return Err(Refusal::KeyNotAuthorised);
        }
        let state = CaseState::from_number(case.state).ok_or(Refusal::CaseStateInvalid)?;
        let known = |named: &Option<RecordId>| named.as_ref().is_none_or(|named| self.leaf_of(named).is_some());
        if !(1..=3).contains(&case.category) || !known(&case.target.0) {
            return Err(Refusal::ContentInvalid);
        }
        if case.act.0.as_ref().is_some_and(|act| self.act(act).is_none()) {
            return Err(Refusal::ActUnknown);
        }
        let Some(opened) = case.opened_by.0 else { return self.decide_new_case(case, record, id, state) };
        let open = self.cases.get(&opened).ok_or(Refusal::CaseUnknown)?;
        if (open.category, open.scope) != (case.category, record.scope) {
            return Err(Refusal::ContentInvalid);
        }
        let by_filer = author == open.opened_by;
        let fits = match state {
            CaseState::Filed => false,
            CaseState::Withdrawn => by_filer && open.is_open(),
            CaseState::Appealed => !open.is_open() && (by_filer || self.check_commission(record).is_ok()),
            CaseState::Examined | CaseState::Granted | CaseState::Dismissed => {
                open.is_open() && self.check_commission(record).is_ok()
            }
        };
        if !fits {
            return Err(Refusal::CaseStateInvalid);
        }
        let mut flags = Vec::new();
        if open.is_open() && open.deadline_ms != 0 && time_ms > open.deadline_ms {
            flags.push(Flag::with(FlagCode::DeadlinePassed, open.deadline_ms));
        }
        let step = RecordedCase {
            state: case.state,
            deadline_ms: if case.deadline_ms == 0 { open.deadline_ms } else { case.deadline_ms },
            act: case.act.0.or(open.act),
            ..open.clone()
        };
        Ok((flags, Effect::Case(opened, Box::new(step))))
    }

    fn decide_new_case(&self, case: &Case, record: &Record, id: RecordId, state: CaseState) -> Decision {
        if state != CaseState::Filed || case.act.0.is_some() {
            return Err(Refusal::CaseStateInvalid);
        }
        if self.cases.len() >= ACTS_MAX {
            return Err(Refusal::TooManyActs);
        }
        let opened = RecordedCase {
            leaf: 0,
            opened_by: record.author_key().ok_or(Refusal::KeyNotAuthorised)?,
            scope: record.scope,
            category: case.category,
            state: case.state,
            deadline_ms: case.deadline_ms,
            last_leaf: 0,
            act: None,
        };
        Ok((Vec::new(), Effect::Case(id, Box::new(opened))))
    }

    /// Cases that nobody has decided.
    pub(super) fn open_cases(&self) -> u64 {
        self.cases.values().filter(|case| case.is_open()).count() as u64
    }
}

/// An act's or a serial number, a store: a name, not a text. Letters by range and not by Unicode tables, which change.
pub(super) fn is_name(number: &str, bytes_max: usize) -> bool {
    let fits = |letter: char| {
        letter.is_ascii_alphanumeric() || " -/.№".contains(letter) || ('\u{400}'..='\u{4ff}').contains(&letter)
    };
    !number.is_empty() && number.len() <= bytes_max && number.chars().all(fits)
}

/// `YYYY-MM-DD`, loosely: it is shown, never computed with.
fn is_date(date: &str) -> bool {
    let digits = |part: &str, len: usize| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let within = |part: &str, most: u32| part.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number));
    parts.next().is_none()
        && year.is_some_and(|year| digits(year, 4))
        && month.is_some_and(|month| digits(month, 2) && within(month, 12))
        && day.is_some_and(|day| digits(day, 2) && within(day, 31))
}
