//! Attestations: the registry's word on one voter at one unit through one device, for one use.

use ed25519_dalek::SigningKey;
use std::fmt;
use std::sync::Arc;
use tamga_ledger::ids::{ElectionId, KeyId, Nonce};
use tamga_ledger::kinds::{Attestation, AttestedVoter};
use tamga_ledger::sign::{self, Domain};
use tamga_platform::entropy::{Entropy, random_bytes};

/// The registry's signing service for one election.
pub struct Registry {
    election: ElectionId,
    key: SigningKey,
    entropy: Arc<dyn Entropy>,
}

impl Registry {
    /// A service that signs with the key registered for class `Registry`.
    #[must_use]
    pub fn new(election: ElectionId, key: SigningKey, entropy: Arc<dyn Entropy>) -> Self {
        Self { election, key, entropy }
    }

    /// Its key's id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        sign::public_key(&self.key).id()
    }

    /// The key itself, to sign the roll with.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Attests that this voter stands at this unit before this device, at `now_ms`. Each call gives a fresh nonce: a device
    /// that did not get an answer asks again and uses one of them.
    #[must_use]
    pub fn attest(&self, voter: &AttestedVoter, now_ms: u64) -> Attestation {
        let nonce = Nonce(random_bytes(&*self.entropy));
        let message = Attestation::message(&self.election, voter, now_ms, &nonce);
        Attestation {
            registry: self.key_id(),
            at_ms: now_ms,
            nonce,
            signature: sign::sign(&self.key, Domain::Attestation, &message),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.key_id())
    }
}
