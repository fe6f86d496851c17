//! Identification: the rule that a voter is admitted once, everywhere, at once. And who was admitted and got no ballot.

use super::Decision;
use super::authority::unit_of;
use super::effect::{Effect, Identify};
use crate::kinds::{HolderClass, Identification, IdentificationSecret, IdentificationVoid, VoidedBallot};
use crate::record::{Record, UnitId};
use crate::state::{KeyEntry, State, UnitStatus};
use crate::submission::{AttestationCheck, Authentic, Content, Secret};
use crate::verdict::{Flag, FlagCode, Refusal};

impl State {
    pub(super) fn decide_identification(
        &self,
        public: &Identification,
        secret: &Secret,
        record: &Record,
        time_ms: u64,
    ) -> Decision {
        let device = self.check_single(record, HolderClass::Device)?;
        let unit = unit_of(record)?;
        if public.mode > 1 || public.online > 1 {
            return Err(Refusal::ContentInvalid);
        }
        let Secret::Known(secret, attestation) = secret else { return Err(Refusal::ContentInvalid) };
        if public.online == 1 {
            self.decide_online(public, secret, *attestation, unit, device, time_ms)
        } else {
            self.decide_offline(public, secret, unit, device)
        }
    }

    /// Online: a permission. Every rule that is broken refuses.
    fn decide_online(
        &self,
        public: &Identification,
        secret: &IdentificationSecret,
        check: AttestationCheck,
        unit: UnitId,
        device: &KeyEntry,
        time_ms: u64,
    ) -> Decision {
        if self.units.get(&unit).map(|unit| unit.status) != Some(UnitStatus::Open) {
            return Err(Refusal::UnitNotOpen);
        }
        let attestation = self.check_attestation(secret, check, time_ms)?;
        let position = self.roll_position(secret).ok_or(Refusal::NotOnRoll)?;
        if self.admission(secret.home_station, position).is_some() {
            return Err(Refusal::AlreadyAdmitted);
        }
        let remote = self.serves(unit, secret.home_station)?;
        if remote != (public.mode == 1) {
            return Err(Refusal::ModeMismatch);
        }
        let identify = Identify {
            unit,
            remote,
            online: true,
            mark: Some((secret.home_station, position)),
            collision: false,
            attestation: Some(attestation),
        };
        Ok((self.identification_flags(public, unit, device, time_ms), Effect::Identify(identify)))
    }

    /// Offline: a fact. It is recorded, and flagged where a rule is broken.
    fn decide_offline(
        &self,
        public: &Identification,
        secret: &IdentificationSecret,
        unit_id: UnitId,
        device: &KeyEntry,
    ) -> Decision {
        let unit = self.units.get(&unit_id).ok_or(Refusal::UnitNotOpen)?;
        let position = self.roll_position(secret).ok_or(Refusal::NotOnRoll)?;
        let mut flags = Vec::new();
        let first = self.admission(secret.home_station, position);
        if let Some(leaf) = first {
            flags.push(Flag::with(FlagCode::OfflineCollision, leaf));
        }
        if !unit.offline {
            flags.push(Flag::new(FlagCode::OfflineNotDeclared));
        }
        if secret.home_station != unit_id.station {
            flags.push(Flag::new(FlagCode::OfflineForeignVoter));
        }
        let cap = self.election.as_ref().map_or(0, |election| election.offline_identifications_max);
        if unit.identified_offline >= cap {
            flags.push(Flag::new(FlagCode::LateIdentification));
        }
        if public.device_counter != device.device_counter + 1 {
            flags.push(Flag::with(FlagCode::CounterGap, device.device_counter));
        }
        let identify = Identify {
            unit: unit_id,
            remote: secret.home_station != unit_id.station,
            online: false,
            mark: first.is_none().then_some((secret.home_station, position)),
            collision: first.is_some(),
            attestation: None,
        };
        Ok((flags, Effect::Identify(identify)))
    }

    /// A fact about an admission of this unit; it undoes nothing.
    pub(super) fn decide_void(&self, void: &IdentificationVoid, record: &Record) -> Decision {
        self.check_two_members(record)?;
        let id = unit_of(record)?;
        let ballot = VoidedBallot::from_number(void.ballot).ok_or(Refusal::ContentInvalid)?;
        let unit = self.units.get(&id).ok_or(Refusal::UnitNotOpen)?;
        let leaf = self.ids.leaf_of(&void.target.short()).ok_or(Refusal::VoidTargetInvalid)?;
        if !unit.has_admitted(leaf) || unit.voided.contains_key(&leaf) {
            return Err(Refusal::VoidTargetInvalid);
        }
        let closed = unit.status == UnitStatus::Closed;
        let flags = closed.then(|| Flag::new(FlagCode::UnitNotOpen)).into_iter().collect();
        Ok((flags, Effect::Void { unit: id, leaf, ballot }))
    }

    fn identification_flags(
        &self,
        public: &Identification,
        unit: UnitId,
        device: &KeyEntry,
        time_ms: u64,
    ) -> Vec<Flag> {
        let mut flags = Vec::new();
        if !self.within_hours(unit, time_ms) {
            flags.push(Flag::new(FlagCode::OutsideHours));
        }
        // Records of one device travel through several nodes and may overtake each other: online only a step back is
        // a gap. Offline records are sent in order.
        if public.device_counter <= device.device_counter {
            flags.push(Flag::with(FlagCode::CounterGap, device.device_counter));
        }
        flags
    }

    /// The attestation's nonce and until when it must be remembered.
    fn check_attestation(
        &self,
        secret: &IdentificationSecret,
        check: AttestationCheck,
        time_ms: u64,
    ) -> Result<([u8; 16], u64), Refusal> {
        let registry = match check {
            AttestationCheck::Absent => return Err(Refusal::AttestationMissing),
            AttestationCheck::Invalid | AttestationCheck::UnknownKey(_) => return Err(Refusal::AttestationInvalid),
            AttestationCheck::Valid(registry) => registry,
        };
        let key = self.keys.get(&registry).filter(|key| key.class == HolderClass::Registry);
        let key = key.ok_or(Refusal::AttestationInvalid)?;
        if key.revoked.is_some() || time_ms < key.valid_from_ms || time_ms > key.valid_until_ms {
            return Err(Refusal::AttestationInvalid);
        }
        let attestation = secret.attestation.first().ok_or(Refusal::AttestationMissing)?;
        let validity_ms = self.election.as_ref().map_or(0, |election| election.attestation_validity_ms);
        let until_ms = attestation.at_ms.saturating_add(validity_ms);
        if time_ms > until_ms || attestation.at_ms > time_ms.saturating_add(validity_ms) {
            return Err(Refusal::AttestationExpired);
        }
        if self.attestations.contains(&attestation.nonce.0) {
            return Err(Refusal::AttestationReused);
        }
        Ok((attestation.nonce.0, until_ms))
    }

    fn roll_position(&self, secret: &IdentificationSecret) -> Option<usize> {
        self.rolls.get(&secret.home_station)?.find(&secret.tag.roll_leaf())
    }

    fn admission(&self, station: u32, position: usize) -> Option<u64> {
        let admitted = *self.rolls.get(&station)?.admitted.get(position)?;
        u64::from(admitted).checked_sub(1)
    }

    /// Whether the voter of `home` is a remote voter at `unit`, or has to go home.
    fn serves(&self, unit: UnitId, home: u32) -> Result<bool, Refusal> {
        if home == unit.station {
            return Ok(false);
        }
        let here = self.definition.station(unit.station).map_or(0, |station| station.constituency);
        let there = self.definition.station(home).map_or(0, |station| station.constituency);
        if here != 0 && here == there { Err(Refusal::WrongStation) } else { Ok(true) }
    }

    /// What an accepted identification changes as far as its public part and its stated flags tell: for an auditor without
    /// the secret.
    pub(super) fn stated_effect(&self, authentic: &Authentic, stated: &[Flag]) -> Effect {
        let (Content::Identification(public, _), Ok(unit)) = (authentic.content(), unit_of(authentic.record())) else {
            return Effect::Nothing;
        };
        Effect::Identify(Identify {
            unit,
            remote: public.mode == 1,
            online: public.online == 1,
            mark: None,
            collision: stated.iter().any(|flag| flag.code == FlagCode::OfflineCollision as u16),
            attestation: None,
        })
    }
}
