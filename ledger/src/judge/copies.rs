//! Countersignatures and summary tables: what others say about protocols, compared with what is in force.

use super::Decision;
use super::authority::unit_of;
use super::effect::Effect;
use super::protocol::discloses;
use crate::kinds::{
    Basis, COUNTERSIGNS_MAX, Countersign, Finding, Form, HolderClass, LineValue, SUMMARIES_MAX, SUMMARY_SOURCES_MAX,
    SummaryTable,
};
use crate::record::{Record, Scope};
use crate::state::{Countersigned, ProtocolInForce, State, UnitState};
use crate::summary::{TableInForce, check_table};
use crate::verdict::{Flag, FlagCode, Refusal};
use std::collections::BTreeSet;

impl State {
    pub(super) fn decide_countersign(&self, copy: &Countersign, record: &Record, time_ms: u64) -> Decision {
        let class = self.signer_class(record)?;
        let may = matches!(class, HolderClass::Organisation | HolderClass::Member | HolderClass::Observer);
        if record.signers.len() != 1 || !may {
            return Err(Refusal::KeyNotAuthorised);
        }
        let id = unit_of(record)?;
        let finding = Finding::from_number(copy.finding).ok_or(Refusal::ContentInvalid)?;
        let figures = !copy.lines.is_empty() || !copy.counts.is_empty();
        let unknown = copy.target.0.is_some_and(|target| self.leaf_of(&target).is_none());
        let target_due = finding == Finding::Assent && copy.target.0.is_none();
        let codes: BTreeSet<&str> = copy.lines.iter().map(|line| line.code.as_str()).collect();
        let twice = codes.len() != copy.lines.len();
        if unknown || target_due || twice || figures != (finding == Finding::Copy) {
            return Err(Refusal::ContentInvalid);
        }
        let default = UnitState::default();
        let unit = self.units.get(&id).unwrap_or(&default);
        if unit.countersigned.len() >= COUNTERSIGNS_MAX {
            return Err(Refusal::TooManyActs);
        }
        self.check_copy(copy, id.station, time_ms)?;

        let in_force = unit.protocols.iter().flatten();
        let named = copy.target.0.and_then(|target| in_force.clone().find(|protocol| protocol.id == target));
        let mut flags = Vec::new();
        if copy.target.0.is_some() && named.is_none() {
            flags.push(Flag::new(FlagCode::CopyOfOtherVersion));
        }
        let compared = named.or_else(|| unit.protocol(Basis::Hand)).filter(|_| finding == Finding::Copy);
        let differing = compared.map_or(0, |protocol| differing(copy, protocol));
        if differing > 0 {
            flags.push(Flag::with(FlagCode::CopyDiffers, differing));
        }
        let countersigned = Countersigned {
            leaf: 0,
            protocol: named.or(compared).map(|protocol| protocol.leaf),
            class,
            finding,
            compared: compared.is_some(),
            differing,
        };
        Ok((flags, Effect::Countersign { unit: id, countersigned }))
    }

    /// A copy shows no more than a protocol may.
    fn check_copy(&self, copy: &Countersign, station: u32, time_ms: u64) -> Result<(), Refusal> {
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let home = self.definition.station(station).map_or(0, |station| station.constituency);
        let shows = |form: &&Form| discloses(form, &copy.lines, &copy.counts);
        let form = self.definition.forms().values().find(shows).or_else(|| self.definition.forms().values().next());
        let Some(form) = form else { return Err(Refusal::FormUnknown) };
        if time_ms < election.embargo_ms && discloses(form, &copy.lines, &copy.counts) {
            return Err(Refusal::Embargo);
        }
        self.check_shown(&copy.lines, &copy.counts, form, home)
    }

    pub(super) fn decide_table(&self, table: &SummaryTable, record: &Record, time_ms: u64) -> Decision {
        if self.check_commission(record).is_err() {
            self.check_member_quorum(record)?;
        }
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let form = self.definition.form(&table.form, table.form_version).ok_or(Refusal::FormUnknown)?;
        if !table.lines.iter().map(|line| &line.code).eq(form.lines.iter().map(|line| &line.code)) {
            return Err(Refusal::LinesMissing);
        }
        if time_ms < election.embargo_ms && discloses(form, &table.lines, &table.counts) {
            return Err(Refusal::Embargo);
        }
        let positions = match record.scope {
            Scope::Constituency(number) => self.definition.constituency(number).map_or(0, |one| one.positions()),
            _ => 0,
        };
        let counts_fit = table.counts.is_empty() || table.counts.len() == positions;
        if table.sources.is_empty()
            || table.sources.len() > SUMMARY_SOURCES_MAX
            || !counts_fit
            || table.dissenting.len() > 64
        {
            return Err(Refusal::ContentInvalid);
        }
        let replaced = match record.supersedes.0 {
            Some(id) => {
                Some(self.tables.get(&id).filter(|old| old.scope == record.scope).ok_or(Refusal::SupersedesInvalid)?)
            }
            None if self.tables.len() >= SUMMARIES_MAX => return Err(Refusal::TooManyActs),
            None => None,
        };
        let check = check_table(self, record.scope, table, &self.legal_at(time_ms));
        if check.hides && (!check.counts.is_empty() || check.lines.iter().any(|(code, ..)| is_disclosing(form, code))) {
            // Whoever knows the true sum would learn from the difference how the papers of the small unit were filled in.
            return Err(Refusal::SmallCell);
        }
        let figures = [
            (FlagCode::SourceVoid, check.void_sources.len()),
            (FlagCode::SummaryDiffers, check.differing()),
            (FlagCode::SummaryIncomplete, check.uncovered.len()),
            (FlagCode::Dissent, table.dissenting.len()),
        ];
        let mut flags: Vec<Flag> =
            figures.iter().filter(|(_, many)| *many > 0).map(|(code, many)| Flag::with(*code, *many as u64)).collect();
        flags.extend(replaced.map(|old| Flag::with(FlagCode::Correction, old.leaf)));
        let table = TableInForce { leaf: 0, scope: record.scope, table: table.clone() };
        Ok((flags, Effect::Table { replaces: record.supersedes.0, table: Box::new(table) }))
    }
}

fn is_disclosing(form: &Form, code: &str) -> bool {
    form.lines.iter().any(|line| line.code == code && line.discloses == 1)
}

/// How many figures of a copy are not those of the protocol. A line that the form does not have differs.
fn differing(copy: &Countersign, protocol: &ProtocolInForce) -> u64 {
    let same = |line: &&LineValue| protocol.lines.contains(line);
    let lines = copy.lines.iter().filter(|line| !same(line)).count();
    if protocol.counts.is_empty() {
        return lines as u64;
    }
    let counts = copy.counts.iter().zip(&protocol.counts).filter(|(copy, own)| copy != own).count();
    (lines + counts) as u64
}
