//! The genesis record: assembled by one, checked and signed by every organisation apart, then merged.

use super::definition;
use super::draft::{Draft, Share};
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use tamga_ledger::ids::{ElectionId, KeyId, Nonce, PublicKey};
use tamga_ledger::judge::check_genesis;
use tamga_ledger::kinds::{Body as _, Decree, DefinitionPart, Election, Kind, OfficialHour, Organisation, Title};
use tamga_ledger::note::{KeyName, KeyRole, VerifierKey};
use tamga_ledger::policy::{Name, Policy, Witness, smallest_intersecting_k};
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::sign::Signer;
use tamga_ledger::submission::Submission;
use tamga_platform::entropy::{Entropy, random_bytes};

/// What the commission decides before the election has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the one of the same name in `Election`")]
pub struct GenesisPlan {
    pub real: bool,
    pub title: Title,
    pub origin_prefix: String,
    pub decree: Decree,
    /// The first is the commission.
    pub organisations: Vec<Organisation>,
    /// How many organisations must cosign; none for the fewest that make any two quorums intersect.
    pub quorum: Option<usize>,
    pub cluster_epoch: u32,
    pub embargo_ms: u64,
    pub official_hours: Vec<OfficialHour>,
    pub checkpoint_interval_ms: u64,
    pub cell_papers_min: u32,
    pub attestation_validity_ms: u64,
    pub member_quorum: u32,
    pub offline_identifications_max: u32,
    pub retention_months: u32,
}

/// The cosigner name of an organisation's standby key in the trust policy.
#[must_use]
pub fn standby_cosigner_name(organisation: &str) -> String {
    format!("{organisation}-standby")
}

/// A genesis record that keeps all rules and waits for signatures.
#[derive(Debug, Clone)]
pub struct GenesisDraft {
    election: Election,
    draft: Draft,
}

impl GenesisDraft {
    /// Assembles and checks.
    ///
    /// # Errors
    /// [`AuthorError::Policy`], [`AuthorError::Genesis`], [`AuthorError::TooLong`].
    pub fn new(plan: GenesisPlan, parts: &[DefinitionPart], entropy: &dyn Entropy) -> Result<Self, AuthorError> {
        let trust_policy = policy_of(&plan)?.to_string();
        let election = Election {
            real: u8::from(plan.real),
            title: plan.title,
            origin_prefix: plan.origin_prefix,
            decree: plan.decree,
            rules_version: tamga_ledger::judge::RULES_VERSION,
            parts: definition::digests(parts),
            organisations: plan.organisations,
            trust_policy,
            cluster_epoch: plan.cluster_epoch,
            embargo_ms: plan.embargo_ms,
            official_hours: plan.official_hours,
            checkpoint_interval_ms: plan.checkpoint_interval_ms,
            cell_papers_min: plan.cell_papers_min,
            attestation_validity_ms: plan.attestation_validity_ms,
            member_quorum: plan.member_quorum,
            offline_identifications_max: plan.offline_identifications_max,
            retention_months: plan.retention_months,
        };
        let mut signers: Vec<KeyId> = election.organisations.iter().map(|one| one.record_key.id()).collect();
        let commission = signers.first().copied();
        signers.sort_unstable();
        let nonce = Nonce(random_bytes(entropy));
        let mut record = Record::draft(ElectionId::ZERO, Scope::Election, &[], 1, nonce, &election);
        record.author = signers.iter().position(|id| Some(*id) == commission).unwrap_or(0) as u32;
        record.signers = signers;
        check_genesis(&election, &record)?;
        Ok(Self { election, draft: Draft::new(record)? })
    }

    /// A draft that somebody else assembled: checked by the rules, and to be read before it is signed
    /// ([`review`](super::ceremony::review)).
    ///
    /// # Errors
    /// [`AuthorError::Malformed`], [`AuthorError::Genesis`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuthorError> {
        let draft = Draft::from_bytes(bytes)?;
        let record = draft.record();
        let malformed = || AuthorError::Malformed("it is not a genesis record".to_owned());
        if record.kind != Kind::Election as u16 {
            return Err(malformed());
        }
        let election = Election::from_bytes(&record.body).map_err(|_| malformed())?;
        check_genesis(&election, record)?;
        Ok(Self { election, draft })
    }

    /// The body, for the organisations to read before they sign.
    #[must_use]
    pub const fn election(&self) -> &Election {
        &self.election
    }

    /// The id the election will have: what verifiers pin.
    #[must_use]
    pub fn election_id(&self) -> ElectionId {
        ElectionId::of_genesis(self.draft.bytes())
    }

    /// The record without signatures.
    #[must_use]
    pub const fn draft(&self) -> &Draft {
        &self.draft
    }

    /// One organisation's signature with its record key.
    ///
    /// # Errors
    /// [`AuthorError::NotASigner`].
    pub fn share(&self, record_key: &SigningKey) -> Result<Share, AuthorError> {
        self.draft.share(record_key)
    }

    /// As [`share`](Self::share), with whatever holds the key.
    ///
    /// # Errors
    /// [`AuthorError::NotASigner`], [`AuthorError::Signer`].
    pub fn share_with(&self, record_key: &dyn Signer) -> Result<Share, AuthorError> {
        self.draft.share_with(record_key)
    }

    /// The signed genesis record, once every organisation has signed.
    ///
    /// # Errors
    /// [`AuthorError::ShareMissing`], [`AuthorError::ShareInvalid`], [`AuthorError::NotASigner`].
    pub fn merge(self, shares: &[Share]) -> Result<Submission, AuthorError> {
        self.draft.merge(shares)
    }
}

fn policy_of(plan: &GenesisPlan) -> Result<Policy, AuthorError> {
    policy_over(&groups(&plan.organisations), plan.quorum)
}

/// The text of the policy under which `k` of these organisations make the quorum.
pub(super) fn policy_text(organisations: &[Organisation], k: usize) -> Result<String, AuthorError> {
    policy_over(&groups(organisations), Some(k)).map(|policy| policy.to_string())
}

/// Every organisation by any of its nodes' cosigners or its standby key, each by name and key.
fn groups(organisations: &[Organisation]) -> Vec<(String, Vec<(String, PublicKey)>)> {
    let group = |one: &Organisation| {
        let nodes = one.nodes.iter().map(|node| (node.cosigner_name.clone(), node.cosigner_key));
        let standby = (standby_cosigner_name(&one.name), one.standby_cosigner_key);
        (one.name.clone(), nodes.chain([standby]).collect())
    };
    organisations.iter().map(group).collect()
}

/// A policy over organisations with their cosigners, by name and key.
pub(super) fn policy_over(
    groups: &[(String, Vec<(String, PublicKey)>)],
    quorum: Option<usize>,
) -> Result<Policy, AuthorError> {
    let fault = |what: String| AuthorError::Policy(what);
    let witness = |name: &str, key: &[u8; 32]| -> Result<Witness, AuthorError> {
        let key_name = KeyName::new(name).map_err(|error| fault(format!("cosigner {name:?}: {error}")))?;
        let key = VerifierKey::new(key_name, KeyRole::Cosigner, key);
        Ok(Witness {
            name: Name::new(name).map_err(|error| fault(format!("cosigner {name:?}: {error}")))?,
            key: key.map_err(|error| fault(format!("cosigner {name:?}: {error}")))?,
            url: None,
        })
    };
    let mut organisations = Vec::new();
    for (name, cosigners) in groups {
        let group = Name::new(name).map_err(|error| fault(format!("organisation {name:?}: {error}")))?;
        let witnesses = cosigners.iter().map(|(name, key)| witness(name, &key.0)).collect::<Result<Vec<_>, _>>()?;
        organisations.push((group, witnesses));
    }
    let k = quorum.unwrap_or_else(|| smallest_intersecting_k(organisations.len()));
    Policy::of_organisations(&[], &organisations, k).map_err(|error| fault(error.to_string()))
}
