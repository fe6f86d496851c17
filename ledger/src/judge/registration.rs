//! What is registered before voting: definition parts, keys, the roll and its amendments.

use super::Decision;
use super::effect::Effect;
use crate::definition::part_digest;
use crate::ids::RollLeaf;
use crate::kinds::{
    AmendmentBasis, DefinitionPart, GRANTS_MAX, HolderClass, KeyGrant, KeyRegistration, KeyRevocation, Kind,
    ROLL_AMENDMENT_LEAVES_MAX, ROLL_CHUNK_LEAVES_MAX, RollAmendment, RollChunk, RotationReason,
};
use crate::record::{Record, Scope};
use crate::sign::{self, Domain};
use crate::state::{KeyEntry, SequenceWindow, State, StationRoll};
use crate::verdict::Refusal;
use std::collections::BTreeSet;

impl State {
    pub(super) fn decide_definition_part(&self, part: &DefinitionPart, record: &Record) -> Decision {
        self.check_commission(record)?;
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let due = election.parts.get(self.parts).ok_or(Refusal::DefinitionOrder)?;
        if part.number as usize != self.parts {
            return Err(Refusal::DefinitionOrder);
        }
        if part_digest(&record.body) != *due {
            return Err(Refusal::DefinitionDigest);
        }
        let mut definition = (*self.definition).clone();
        definition.add(part).map_err(|_| Refusal::ContentInvalid)?;
        if self.parts + 1 == election.parts.len() && definition.seat_rule().is_none() {
            return Err(Refusal::ContentInvalid);
        }
        Ok((Vec::new(), Effect::Definition(Box::new(definition))))
    }

    pub(super) fn decide_key(&self, registration: &KeyRegistration, record: &Record) -> Decision {
        self.check_commission(record)?;
        if registration.grants.is_empty() || registration.grants.len() > GRANTS_MAX {
            return Err(Refusal::ContentInvalid);
        }
        let mut entries = Vec::with_capacity(registration.grants.len());
        let mut seen = BTreeSet::new();
        for grant in &registration.grants {
            let id = grant.key.id();
            let taken = self.keys.contains_key(&id) || self.nodes.holds_key(&grant.key);
            if taken || !seen.insert(id) {
                return Err(Refusal::KeyAlreadyRegistered);
            }
            entries.push((id, self.check_grant(grant)?));
        }
        Ok((Vec::new(), Effect::Keys(entries)))
    }

    pub(super) fn decide_revocation(&self, revocation: &KeyRevocation, record: &Record) -> Decision {
        if self.check_commission(record).is_err() {
            self.check_quorum(record)?;
        }
        let KeyRevocation { keys, reason } = revocation;
        if keys.is_empty() || keys.len() > GRANTS_MAX || !keys.is_sorted_by(|a, b| a < b) {
            return Err(Refusal::ContentInvalid);
        }
        RotationReason::from_number(*reason).ok_or(Refusal::ContentInvalid)?;
        for id in keys {
            let key = self.keys.get(id).filter(|key| key.revoked.is_none()).ok_or(Refusal::KeyUnknown)?;
            // Those change by decisions about organisations and nodes.
            if matches!(key.class, HolderClass::Organisation | HolderClass::Node) {
                return Err(Refusal::ContentInvalid);
            }
        }
        Ok((Vec::new(), Effect::Revoke(keys.clone())))
    }

    fn check_grant(&self, grant: &KeyGrant) -> Result<KeyEntry, Refusal> {
        let class = HolderClass::from_number(grant.class).ok_or(Refusal::ContentInvalid)?;
        if !sign::is_acceptable(&grant.key) {
            return Err(Refusal::KeyUnacceptable);
        }
        let allowed = kinds_of(class);
        let kinds_fit = !grant.kinds.is_empty()
            && grant.kinds.is_sorted_by(|a, b| a < b)
            && grant.kinds.iter().all(|kind| allowed.iter().any(|allowed| *allowed as u16 == *kind));
        let registry = class == HolderClass::Registry;
        let observer = class == HolderClass::Observer;
        let custodian = class == HolderClass::Custodian;
        let table = [Kind::SummaryTable as u16];
        let scope_fits = match grant.scope {
            Scope::Election => registry || observer || custodian,
            Scope::Station(station) => {
                (class == HolderClass::Member || observer || custodian)
                    && (!self.is_defined() || self.definition.station(station).is_some())
            }
            Scope::Unit(unit) => {
                (observer || matches!(class, HolderClass::Device | HolderClass::Scanner | HolderClass::Member))
                    && (!self.is_defined() || self.definition.has_unit(unit))
            }
            // A commission above the precinct signs tables and nothing else.
            Scope::Constituency(number) => {
                class == HolderClass::Member
                    && grant.kinds == table
                    && (!self.is_defined() || self.definition.constituency(number).is_some())
            }
        };
        if !kinds_fit || !scope_fits || grant.valid_from_ms > grant.valid_until_ms {
            return Err(Refusal::ContentInvalid);
        }
        let message = KeyGrant::possession_message(&self.election_id(), &grant.key, grant.class, grant.scope);
        if !sign::verify(&grant.key, Domain::Possession, &message, &grant.possession) {
            return Err(Refusal::PossessionInvalid);
        }
        Ok(KeyEntry {
            key: grant.key,
            class,
            scope: grant.scope,
            kinds: grant.kinds.clone(),
            valid_from_ms: grant.valid_from_ms,
            valid_until_ms: grant.valid_until_ms,
            leaf: 0,
            revoked: None,
            sequences: SequenceWindow::default(),
            device_counter: 0,
        })
    }

    pub(super) fn decide_roll_chunk(&self, chunk: &RollChunk, record: &Record) -> Decision {
        self.check_single(record, HolderClass::Registry)?;
        let Scope::Station(station) = record.scope else { return Err(Refusal::ScopeInvalid) };
        let leaves = chunk.roll_leaves().ok_or(Refusal::ContentInvalid)?;
        let default = StationRoll::default();
        let roll = self.rolls.get(&station).unwrap_or(&default);
        let first = roll.received == 0;
        let follows = chunk.number == roll.received
            && chunk.number < chunk.chunks
            && (first
                || (chunk.list_version, chunk.chunks, chunk.total) == (roll.list_version, roll.chunks, roll.total));
        let ascending = leaves.is_sorted_by(|a, b| a < b)
            && roll.leaves.last().zip(leaves.first()).is_none_or(|(last, next)| last < next);
        if !follows || !ascending || leaves.len() > ROLL_CHUNK_LEAVES_MAX {
            return Err(Refusal::RollOrder);
        }
        let count = roll.leaves.len() + leaves.len();
        let last = chunk.number + 1 == chunk.chunks;
        if count > chunk.total as usize || (last && count != chunk.total as usize) {
            return Err(Refusal::ContentInvalid);
        }
        let chunk = StationRoll {
            list_version: chunk.list_version,
            chunks: chunk.chunks,
            received: 1,
            total: chunk.total,
            leaves,
            amendments: 0,
            admitted: Vec::new(),
        };
        Ok((Vec::new(), Effect::Roll { station, chunk: Box::new(chunk) }))
    }

    /// Nobody is on two rolls at any time, and nobody who was admitted is struck off.
    pub(super) fn decide_roll_amendment(&self, body: &RollAmendment, record: &Record) -> Decision {
        self.check_single(record, HolderClass::Registry)?;
        let Scope::Station(station) = record.scope else { return Err(Refusal::ScopeInvalid) };
        let (removed, added) = body.roll_leaves().ok_or(Refusal::ContentInvalid)?;
        let ascending = |leaves: &[RollLeaf]| leaves.is_sorted_by(|a, b| a < b);
        let named = removed.len() + added.len();
        let content_holds = AmendmentBasis::from_number(body.basis).is_some()
            && (1..=ROLL_AMENDMENT_LEAVES_MAX).contains(&named)
            && ascending(&removed)
            && ascending(&added);
        if !content_holds {
            return Err(Refusal::ContentInvalid);
        }
        let whole = |roll: &&StationRoll| roll.is_complete() && roll.list_version == body.list_version;
        let roll = self.rolls.get(&station).filter(whole).ok_or(Refusal::RollOrder)?;
        for leaf in &removed {
            let position = roll.find(leaf).ok_or(Refusal::RollLeafMisplaced)?;
            if roll.admitted.get(position).is_none_or(|admitted| *admitted != 0) {
                return Err(Refusal::AlreadyAdmitted);
            }
        }
        if added.iter().any(|leaf| self.rolls.values().any(|roll| roll.find(leaf).is_some())) {
            return Err(Refusal::RollLeafMisplaced);
        }
        if roll.leaves.len() - removed.len() + added.len() != body.total as usize {
            return Err(Refusal::ContentInvalid);
        }
        Ok((Vec::new(), Effect::AmendRoll { station, removed, added }))
    }
}

/// What a class of holders may ever sign.
pub(super) const fn kinds_of(class: HolderClass) -> &'static [Kind] {
    match class {
        HolderClass::Organisation => &[
            Kind::DefinitionPart,
            Kind::Key,
            Kind::KeyRevocation,
            Kind::TotalOpening,
            Kind::Protocol,
            Kind::Countersign,
            Kind::SummaryTable,
            Kind::LegalAct,
            Kind::Case,
            Kind::Custody,
            Kind::Governance,
            Kind::Seal,
        ],
        HolderClass::Registry => &[Kind::RollChunk, Kind::RollAmendment, Kind::Identification],
        HolderClass::Device => &[Kind::Identification],
        HolderClass::Scanner => &[Kind::BallotBatch],
        HolderClass::Node => &[Kind::RefusalSummary],
        HolderClass::Member => &[
            Kind::StationPhase,
            Kind::IdentificationVoid,
            Kind::TotalOpening,
            Kind::Protocol,
            Kind::Countersign,
            Kind::SummaryTable,
            Kind::Case,
            Kind::Custody,
        ],
        HolderClass::Observer => &[Kind::Countersign, Kind::Case],
        HolderClass::Custodian => &[Kind::Custody],
    }
}
