//! Registration of keys: the holder shows possession, the commission registers.

use super::Scribe;
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use tamga_ledger::codec::INTEGER_MAX;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::{GRANTS_MAX, HolderClass, KeyGrant, KeyRegistration, Kind};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::submission::Submission;

/// What holders of a class need to sign.
#[must_use]
pub const fn kinds_of(class: HolderClass) -> &'static [Kind] {
    match class {
        // Organisations have their kinds from genesis; a grant of this class is refused.
        HolderClass::Organisation | HolderClass::Node => &[],
        HolderClass::Registry => &[Kind::RollChunk, Kind::Identification],
        HolderClass::Device => &[Kind::Identification],
        HolderClass::Scanner => &[Kind::BallotBatch],
        HolderClass::Observer => &[Kind::Countersign, Kind::Case],
        HolderClass::Custodian => &[Kind::Custody],
        HolderClass::Member => &[
            Kind::StationPhase,
            Kind::IdentificationVoid,
            Kind::TotalOpening,
            Kind::Protocol,
            Kind::Countersign,
            Kind::Custody,
        ],
    }
}

/// What a key is asked to be registered for. Valid always, for all kinds of its class, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    class: HolderClass,
    scope: Scope,
    kinds: Vec<u16>,
    valid_from_ms: u64,
    valid_until_ms: u64,
}

impl Grant {
    /// Everything a class may sign at one place (registry, observers and custodians of the whole country: [`Scope::Election`]; devices, scanners: their unit; members:
    /// their station or unit).
    #[must_use]
    pub fn new(class: HolderClass, scope: Scope) -> Self {
        let kinds = kinds_of(class).iter().map(|kind| *kind as u16).collect();
        Self { class, scope, kinds, valid_from_ms: 0, valid_until_ms: INTEGER_MAX }
    }

    /// Valid only between these sequenced times, both included.
    #[must_use]
    pub const fn valid(mut self, from_ms: u64, until_ms: u64) -> Self {
        (self.valid_from_ms, self.valid_until_ms) = (from_ms, until_ms);
        self
    }

    /// The grant with the holder's proof of possession. The secret key does not leave the holder: this runs on the
    /// holder's device.
    #[must_use]
    pub fn possess(self, election: &ElectionId, holder: &SigningKey) -> KeyGrant {
        let key = sign::public_key(holder);
        let class = self.class as u8;
        let message = KeyGrant::possession_message(election, &key, class, self.scope);
        KeyGrant {
            key,
            class,
            scope: self.scope,
            kinds: self.kinds,
            valid_from_ms: self.valid_from_ms,
            valid_until_ms: self.valid_until_ms,
            possession: sign::sign(holder, Domain::Possession, &message),
        }
    }
}

impl Scribe {
    /// Registers keys, at most 64 a record.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn register_keys(&self, commission: &SigningKey, grants: &[KeyGrant]) -> Result<Vec<Submission>, AuthorError> {
        let registration = |grants: &[KeyGrant]| KeyRegistration { grants: grants.to_vec() };
        grants
            .chunks(GRANTS_MAX)
            .map(|grants| self.write(Scope::Election, &[commission], &registration(grants)))
            .collect()
    }
}
