//! Keys of the simulated authors: devices, scanners, members of precinct commissions, and the registry.
//!
//! They all derive from 32 secret bytes of this run, so that twenty thousand keys need no table. A real commission makes
//! each key where it is used; a rehearsal's keys are worth nothing after it.

use crate::scale::Size;
use ed25519_dalek::SigningKey;
use tamga_client::author::Grant;
use tamga_client::counting::UnitSeed;
use tamga_client::registry::{CommissionKey, RegistryKey};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::{HolderClass, KeyGrant};
use tamga_ledger::record::{Scope, UnitId};
use tamga_platform::entropy::{Entropy, random_bytes};

/// Members of a precinct commission.
pub const MEMBERS: u32 = 5;
/// Members who must sign.
pub const MEMBER_QUORUM: u32 = 3;

const CONTEXT: &str = "tamga 2025 simulated author keys v1";

/// All authors' keys of one run.
pub struct Keyring([u8; 32]);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(secret)")
    }
}

impl Keyring {
    /// New keys.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(random_bytes(entropy))
    }

    fn secret(&self, purpose: &str, station: u32, number: u32) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&self.0).update(purpose.as_bytes()).update(&[0]);
        hasher.update(&station.to_be_bytes()).update(&number.to_be_bytes());
        *hasher.finalize().as_bytes()
    }

    fn key(&self, purpose: &str, station: u32, number: u32) -> SigningKey {
        SigningKey::from_bytes(&self.secret(purpose, station, number))
    }

    /// The registry's key.
    #[must_use]
    pub fn registry(&self) -> SigningKey {
        self.key("registry", 0, 0)
    }

    /// Both halves of the key that makes voter tags.
    #[must_use]
    pub fn tags(&self) -> (RegistryKey, CommissionKey) {
        (
            RegistryKey::new(self.secret("tags, registry", 0, 0)),
            CommissionKey::new(self.secret("tags, commission", 0, 0)),
        )
    }

    /// The identification device of a station.
    #[must_use]
    pub fn device(&self, station: u32) -> SigningKey {
        self.key("device", station, 0)
    }

    /// The scanner of a station.
    #[must_use]
    pub fn scanner(&self, station: u32) -> SigningKey {
        self.key("scanner", station, 0)
    }

    /// The members on duty who sign: a quorum, the same for the whole day.
    #[must_use]
    pub fn members(&self, station: u32) -> Vec<SigningKey> {
        (0..MEMBER_QUORUM).map(|number| self.key("member", station, number)).collect()
    }

    /// What a station's blindings derive from.
    #[must_use]
    pub fn unit_seed(&self, station: u32) -> UnitSeed {
        UnitSeed::new(self.secret("unit seed", station, 0))
    }

    /// The bytes of that seed. A real one never leaves the sealed envelope; tests of the attack let it slip out.
    #[must_use]
    pub fn unit_seed_bytes(&self, station: u32) -> [u8; 32] {
        self.secret("unit seed", station, 0)
    }

    /// What the commission registers for one station: a device, a scanner and the members.
    #[must_use]
    pub fn station_grants(&self, election: &ElectionId, station: u32) -> Vec<KeyGrant> {
        let unit = Scope::Unit(UnitId { station, unit: 1 });
        let grant = |class, scope, key: &SigningKey| Grant::new(class, scope).possess(election, key);
        let mut grants = vec![
            grant(HolderClass::Device, unit, &self.device(station)),
            grant(HolderClass::Scanner, unit, &self.scanner(station)),
        ];
        grants.extend((0..MEMBERS).map(|number| {
            let member = self.key("member", station, number);
            grant(HolderClass::Member, Scope::Station(station), &member)
        }));
        grants
    }

    /// What the commission registers for the registry.
    #[must_use]
    pub fn registry_grant(&self, election: &ElectionId) -> KeyGrant {
        Grant::new(HolderClass::Registry, Scope::Election).possess(election, &self.registry())
    }

    /// How many keys a day of this size registers.
    #[must_use]
    pub fn count(size: &Size) -> u64 {
        1 + u64::from(size.stations()) * u64::from(2 + MEMBERS)
    }
}
