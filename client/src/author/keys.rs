//! Registration of keys: the holder shows possession, the commission registers.

use super::Scribe;
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use tamga_ledger::codec::INTEGER_MAX;
use tamga_ledger::ids::{ElectionId, PublicKey, Signature};
use tamga_ledger::kinds::{GRANTS_MAX, HolderClass, KeyGrant, KeyRegistration, Kind};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::{self, Domain, Signer};
use tamga_ledger::submission::Submission;

/// What holders of a class need to sign.
#[must_use]
pub const fn kinds_of(class: HolderClass) -> &'static [Kind] {
    match class {
        // Organisations have their kinds from genesis; a grant of this class is refused.
        HolderClass::Organisation | HolderClass::Node => &[],
        HolderClass::Registry => &[Kind::RollChunk, Kind::RollAmendment, Kind::Identification],
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
        let possession = sign::sign(holder, Domain::Possession, &self.message(election, &key));
        self.granted(key, possession)
    }

    /// As [`possess`](Self::possess), with whatever holds the key.
    ///
    /// # Errors
    /// [`AuthorError::Signer`].
    pub fn possess_with(self, election: &ElectionId, holder: &dyn Signer) -> Result<KeyGrant, AuthorError> {
        let key = holder.public_key();
        let possession = sign::sign_with(holder, Domain::Possession, &self.message(election, &key))?;
        Ok(self.granted(key, possession))
    }

    fn message(&self, election: &ElectionId, key: &PublicKey) -> Vec<u8> {
        KeyGrant::possession_message(election, key, self.class as u8, self.scope)
    }

    fn granted(self, key: PublicKey, possession: Signature) -> KeyGrant {
        KeyGrant {
            key,
            class: self.class as u8,
            scope: self.scope,
            kinds: self.kinds,
            valid_from_ms: self.valid_from_ms,
            valid_until_ms: self.valid_until_ms,
            possession,
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
