//! Whose a key is: from the genesis record, the trust policy, and receipts of Governance and Key records.

use super::EvidenceError;
use crate::entry::Payload;
use crate::ids::{KeyId, PublicKey};
use crate::kinds::{Body as _, HolderClass, KeyRegistration, Kind};
use crate::note::KeyRole;
use crate::receipt::Receipt;
use crate::record::Scope;
use crate::trust::Trust;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a key is for. Each has one purpose (DESIGN §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// Cosigning checkpoints.
    Cosigner,
    /// Cosigning in place of a lost cosigner.
    Standby,
    /// A node's signature as the log.
    Log,
    /// A node's promises, refusals and answers.
    Promise,
    /// A node's batches.
    Batch,
    /// An organisation's records.
    Record,
    /// The registry's records, attestations and questions.
    Registry,
    /// A device's records and questions.
    Device,
    /// A scanner's records.
    Scanner,
    /// A commission member's records.
    Member,
    /// An observer.
    Observer,
    /// Whoever answers for equipment.
    Custodian,
    /// Signed by a key of which the file does not show whose it is.
    Unknown,
}

/// A key and who answers for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Holder {
    /// The key's short name.
    pub key: KeyId,
    /// What it is for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// The organisation, where the key is one's.
    pub organisation: Option<String>,
    /// The node, where the key is one's.
    pub node: Option<u32>,
    /// Where a registered key may sign, for people; empty for others.
    pub place: String,
}

/// Everybody who is known.
pub(super) struct Holders(BTreeMap<PublicKey, Holder>);

impl Holders {
    /// From a verified genesis record with its registry, and from receipts, which are verified here.
    pub(super) fn new(trust: &Trust, receipts: &[Vec<u8>]) -> Result<Self, EvidenceError> {
        let mut known = Self(BTreeMap::new());
        for policy in trust.policies() {
            for witness in policy.witnesses() {
                let organisation = policy.organisation_of(&witness.name).map(ToString::to_string);
                known.add(PublicKey(*witness.key.key_bytes()), KeyUse::Cosigner, organisation, None, String::new());
            }
        }
        for (name, organisation) in trust.registry().organisations() {
            let now = (organisation.record_key, organisation.standby_cosigner_key);
            let before = organisation.retired.iter().map(|(record, standby, _)| (*record, *standby));
            for (record, standby) in before.chain([now]) {
                known.add(standby, KeyUse::Standby, Some(name.to_owned()), None, String::new());
                known.add(record, KeyUse::Record, Some(name.to_owned()), None, String::new());
            }
        }
        for (id, node) in trust.registry().iter() {
            let uses = [KeyUse::Cosigner, KeyUse::Log, KeyUse::Promise, KeyUse::Batch];
            for keys in node.all_keys() {
                for (key, key_use) in crate::nodes::signing_keys(keys).into_iter().zip(uses) {
                    known.add(key, key_use, Some(node.organisation.clone()), Some(id), String::new());
                }
            }
        }
        for bytes in receipts {
            known.register(&Receipt::from_bytes(bytes)?, trust)?;
        }
        Ok(known)
    }

    /// Later ones say more: a node's key instead of a name in the policy.
    fn add(&mut self, key: PublicKey, key_use: KeyUse, organisation: Option<String>, node: Option<u32>, place: String) {
        self.0.insert(key, Holder { key: key.id(), key_use, organisation, node, place });
    }

    /// Keys of an accepted Key record.
    fn register(&mut self, receipt: &Receipt, trust: &Trust) -> Result<(), EvidenceError> {
        let verified = receipt.verify(trust)?;
        let entry = verified.entry();
        let Payload::Full(signed) = &entry.payload else { return Ok(()) };
        let Ok(record) = signed.parse() else { return Ok(()) };
        let ours = record.election == *trust.election_id();
        if record.kind != Kind::Key as u16 || !entry.verdict.is_accepted() || !ours {
            return Ok(());
        }
        let Ok(registration) = KeyRegistration::from_bytes(&record.body) else { return Ok(()) };
        for grant in registration.grants {
            let key_use = match HolderClass::from_number(grant.class) {
                Some(HolderClass::Registry) => KeyUse::Registry,
                Some(HolderClass::Device) => KeyUse::Device,
                Some(HolderClass::Scanner) => KeyUse::Scanner,
                Some(HolderClass::Member) => KeyUse::Member,
                Some(HolderClass::Observer) => KeyUse::Observer,
                Some(HolderClass::Custodian) => KeyUse::Custodian,
                Some(HolderClass::Organisation | HolderClass::Node) | None => continue,
            };
            self.0.entry(grant.key).or_insert_with(|| Holder {
                key: grant.key.id(),
                key_use,
                organisation: None,
                node: None,
                place: place(grant.scope),
            });
        }
        Ok(())
    }

    /// Whose a key is.
    pub(super) fn find(&self, key: &PublicKey) -> Option<&Holder> {
        self.0.get(key)
    }

    /// Whose a key is; at least its short name.
    pub(super) fn name(&self, key: &PublicKey) -> Holder {
        self.find(key).cloned().unwrap_or_else(|| Holder {
            key: key.id(),
            key_use: KeyUse::Unknown,
            organisation: None,
            node: None,
            place: String::new(),
        })
    }
}

fn place(scope: Scope) -> String {
    match scope {
        Scope::Election => String::new(),
        Scope::Constituency(constituency) => format!("constituency {constituency}"),
        Scope::Station(station) => format!("station {station}"),
        Scope::Unit(unit) => format!("unit {unit}"),
    }
}

impl KeyUse {
    /// The use that a signature type of a note stands for.
    pub(super) const fn of_note(self, role: KeyRole) -> bool {
        match role {
            KeyRole::Log => matches!(self, Self::Log),
            KeyRole::Cosigner => matches!(self, Self::Cosigner | Self::Standby),
        }
    }
}
