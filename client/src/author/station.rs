//! What a polling station reports while people vote: phases of its units, and identifications.

use super::Scribe;
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use tamga_ledger::codec;
use tamga_ledger::ids::{Digest, Maybe, RecordId, Tag};
use tamga_ledger::kinds::{
    Attestation, Counters, Identification, IdentificationSecret, IdentificationVoid, Phase, StationPhase, VoidedBallot,
};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;

/// A phase without counters, to be filled in further where the phase needs it.
#[must_use]
pub fn phase(phase: Phase) -> StationPhase {
    StationPhase {
        phase: phase as u8,
        list_total: 0,
        counters: Counters::default(),
        seals: Vec::new(),
        equipment: Vec::new(),
        roles: Vec::new(),
        checkpoint_size_seen: 0,
        protocol_digest: Maybe(None),
    }
}

/// The zero report: every counter is zero, and the list has that many voters.
#[must_use]
pub fn open_phase(list_total: u32) -> StationPhase {
    StationPhase { list_total, ..phase(Phase::Open) }
}

/// The final report, with the digest of the machine protocol that will follow when the embargo ends
/// ([`tamga_ledger::kinds::Protocol::closing_digest`]).
#[must_use]
pub fn close_phase(list_total: u32, counters: Counters, machine_protocol: Option<Digest>) -> StationPhase {
    StationPhase { list_total, counters, protocol_digest: Maybe(machine_protocol), ..phase(Phase::Close) }
}

/// A report with counters: a balance while voting goes on.
#[must_use]
pub fn balance_phase(list_total: u32, counters: Counters) -> StationPhase {
    StationPhase { list_total, counters, ..phase(Phase::Balance) }
}

/// The mobile box goes out ([`Phase::BoxOut`]) or comes back ([`Phase::BoxIn`]) under these seals.
#[must_use]
pub fn box_phase(direction: Phase, seals: Vec<String>) -> StationPhase {
    StationPhase { seals, ..phase(direction) }
}

/// The piece with the first serial number is replaced by the one with the second.
#[must_use]
pub fn replace_phase(old: &str, new: &str) -> StationPhase {
    StationPhase { equipment: vec![old.to_owned(), new.to_owned()], ..phase(Phase::Replace) }
}

/// Which ballot the voter gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The own station's.
    Local,
    /// Another constituency's.
    Remote,
}

/// One voter before one device. Not `Debug`: it holds the voter's tag.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentificationFacts {
    /// Where the voter stands.
    pub unit: UnitId,
    /// The voter.
    pub tag: Tag,
    /// On whose roll the voter is.
    pub home_station: u32,
    /// 1 fingerprint, 2 face, 3 Tunduk application, 4 document shown.
    pub method: u8,
    /// Which ballot.
    pub mode: Mode,
    /// The device's own counter.
    pub device_counter: u64,
    /// The registry's word; none offline.
    pub attestation: Option<Attestation>,
}

impl Scribe {
    /// A phase of a unit, signed by its members; the first is the author.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn phase(
        &self,
        members: &[&SigningKey],
        unit: UnitId,
        phase: &StationPhase,
    ) -> Result<Submission, AuthorError> {
        self.write(Scope::Unit(unit), members, phase)
    }

    /// An admitted voter got no ballot: signed by at least two members; the first is the author.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn void(
        &self,
        members: &[&SigningKey],
        unit: UnitId,
        target: RecordId,
        ballot: VoidedBallot,
    ) -> Result<Submission, AuthorError> {
        self.write(Scope::Unit(unit), members, &IdentificationVoid { target, ballot: ballot as u8 })
    }

    /// An identification: the public part in the record, voter and attestation in the confidential body under a fresh
    /// salt.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn identification(&self, device: &SigningKey, facts: &IdentificationFacts) -> Result<Submission, AuthorError> {
        let public = Identification {
            mode: u8::from(facts.mode == Mode::Remote),
            online: u8::from(facts.attestation.is_some()),
            device_counter: facts.device_counter,
        };
        let secret = IdentificationSecret {
            salt: Digest(self.random()),
            tag: facts.tag,
            home_station: facts.home_station,
            method: facts.method,
            attestation: facts.attestation.clone().into_iter().collect(),
        };
        self.draft(Scope::Unit(facts.unit), &[sign::public_key(device)], &public)?
            .with_confidential(codec::encode(&secret))?
            .sign(&[device])
    }
}
