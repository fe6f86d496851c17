//! Voter tags: a keyed hash of the personal number under two keys, per election.
//!
//! ```text
//! blinded = BLAKE3 keyed with the registry's key    over "tamga 2025 voter tag registry v1\n"   ‖ election id ‖ 14 digits
//! tag     = BLAKE3 keyed with the commission's key  over "tamga 2025 voter tag commission v1\n" ‖ election id ‖ blinded
//! ```
//!
//! Personal numbers are few (some 6·10⁹), so an unkeyed hash is undone in seconds; with two keys neither holder alone can
//! go from numbers to tags or try numbers out. The steps can run in two places: the commission sees only `blinded`, and
//! the registry need not hold the commission's key. Both keys are destroyed after the appeals: nobody can then say whose a
//! tag was, not even the registry.

use super::number::PersonalNumber;
use std::fmt;
use tamga_ledger::ids::{ElectionId, Tag};
use zeroize::Zeroize as _;

macro_rules! tag_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes 32 uniformly random bytes.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }
    };
}

tag_key!(
    /// The registry's half.
    RegistryKey
);
tag_key!(
    /// The commission's half.
    CommissionKey
);

const REGISTRY_LINE: &[u8] = b"tamga 2025 voter tag registry v1\n";
const COMMISSION_LINE: &[u8] = b"tamga 2025 voter tag commission v1\n";

impl RegistryKey {
    /// The first step: what may be shown to the commission.
    #[must_use]
    pub fn blind(&self, election: &ElectionId, number: &PersonalNumber) -> [u8; 32] {
        keyed(&self.0, REGISTRY_LINE, election, number.digits())
    }
}

impl CommissionKey {
    /// The second step.
    #[must_use]
    pub fn tag(&self, election: &ElectionId, blinded: &[u8; 32]) -> Tag {
        Tag(keyed(&self.0, COMMISSION_LINE, election, blinded))
    }
}

fn keyed(key: &[u8; 32], line: &[u8], election: &ElectionId, value: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_keyed(key).update(line).update(election.as_ref()).update(value).finalize().as_bytes()
}

/// Both halves for one election, where one place may hold both (a rehearsal, a sealed device of the registry).
#[derive(Debug, Clone)]
pub struct TagKeys {
    election: ElectionId,
    registry: RegistryKey,
    commission: CommissionKey,
}

impl TagKeys {
    /// Binds both keys to an election.
    #[must_use]
    pub const fn new(election: ElectionId, registry: RegistryKey, commission: CommissionKey) -> Self {
        Self { election, registry, commission }
    }

    /// The election.
    #[must_use]
    pub const fn election(&self) -> &ElectionId {
        &self.election
    }

    /// The voter's tag.
    #[must_use]
    pub fn tag(&self, number: &PersonalNumber) -> Tag {
        self.commission.tag(&self.election, &self.registry.blind(&self.election, number))
    }
}
