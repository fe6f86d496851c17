//! Typed builders for every kind of record, so that devices and commissions never touch bytes.
//!
//! | file | records |
//! |---|---|
//! | `draft` | [`Draft`]: a record whose signers may sit in different rooms |
//! | `genesis` | Election |
//! | [`ceremony`] | how several organisations make and sign it, each apart |
//! | `definition` | DefinitionPart |
//! | `keys`, `roll` | Key, RollChunk, RollAmendment |
//! | `station` | StationPhase, Identification, IdentificationVoid |
//! | `count` | BallotBatch, TotalOpening |
//! | `protocol` | Protocol: control relations are checked before anybody signs |
//! | `governance` | Governance |
//! | `legal` | LegalAct, Case |
//! | `seal` | Seal |
//! | `words` | what is signed, in Kyrgyz, Russian and English |
//!
//! A [`Scribe`] numbers records per key. The numbers of a key that signs in more than one process, or again after a
//! restart, must go on from where they stopped: [`Scribe::resume`].

pub mod ceremony;

mod count;
mod definition;
mod draft;
mod error;
mod genesis;
mod governance;
mod keys;
mod legal;
mod protocol;
mod roll;
mod seal;
mod station;
mod words;

pub use definition::{DefinitionPlan, PART_CONTENT_BYTES_MAX};
pub use draft::{Draft, Share};
pub use error::AuthorError;
pub use genesis::{GenesisDraft, GenesisPlan, standby_cosigner_name};
pub use governance::{node_add, node_remove, node_rotate_keys, node_set_role, organisation_keys, policy_text};
pub use keys::{Grant, kinds_of};
pub use protocol::{BrokenRelation, check_protocol, lines_of};
pub use roll::RollChange;
pub use seal::{admitted_root, archive_seal, results_seal, roll_seal, voting_seal};
pub use station::{IdentificationFacts, Mode, balance_phase, box_phase, close_phase, open_phase, phase, replace_phase};
pub use words::{custody_word, item_word, phase_word, place_in_words, record_in_words, role_word};

use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tamga_ledger::ids::{ElectionId, KeyId, Nonce, PublicKey};
use tamga_ledger::kinds::Body;
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;
use tamga_platform::entropy::{Entropy, random_bytes};

/// Writes records of one election.
///
/// Invariant: no two drafts of one author carry the same sequence number.
#[derive(Debug)]
pub struct Scribe {
    election: ElectionId,
    entropy: Arc<dyn Entropy>,
    /// Last number used, by author.
    sequences: Mutex<BTreeMap<KeyId, u64>>,
}

impl Scribe {
    /// A scribe whose keys have signed nothing yet.
    #[must_use]
    pub fn new(election: ElectionId, entropy: Arc<dyn Entropy>) -> Self {
        Self { election, entropy, sequences: Mutex::default() }
    }

    /// The election.
    #[must_use]
    pub const fn election(&self) -> &ElectionId {
        &self.election
    }

    /// Goes on after `last_used` for this author; a lower number than already known is ignored.
    pub fn resume(&self, author: KeyId, last_used: u64) {
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let last = sequences.entry(author).or_default();
        *last = (*last).max(last_used);
    }

    /// The last number this author has used; 0 for none. To be kept by whoever wants to [`resume`](Self::resume).
    #[must_use]
    pub fn last_used(&self, author: &KeyId) -> u64 {
        self.sequences.lock().unwrap_or_else(PoisonError::into_inner).get(author).copied().unwrap_or(0)
    }

    fn next_sequence(&self, author: KeyId) -> u64 {
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let last = sequences.entry(author).or_default();
        *last += 1;
        *last
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        random_bytes(&*self.entropy)
    }

    /// A record to be signed by all of `signers`; the first is its author.
    ///
    /// # Errors
    /// [`AuthorError::SignerCount`], [`AuthorError::SignerTwice`], [`AuthorError::TooLong`].
    pub fn draft<B: Body>(&self, scope: Scope, signers: &[PublicKey], body: &B) -> Result<Draft, AuthorError> {
        let author = signers.first().ok_or(AuthorError::SignerCount(0))?.id();
        let mut ids: Vec<KeyId> = signers.iter().map(PublicKey::id).collect();
        ids.sort_unstable();
        let mut record = Record::draft(self.election, scope, &[], 0, Nonce(self.random()), body);
        record.author = ids.iter().position(|id| *id == author).unwrap_or(0) as u32;
        record.signers = ids;
        Draft::check(&record)?;
        record.sequence = self.next_sequence(author);
        Draft::new(record)
    }

    /// A record whose signers' keys are all at hand.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn write<B: Body>(&self, scope: Scope, keys: &[&SigningKey], body: &B) -> Result<Submission, AuthorError> {
        self.draft(scope, &public_keys(keys), body)?.sign(keys)
    }
}

/// The public halves, in the same order.
pub(crate) fn public_keys(keys: &[&SigningKey]) -> Vec<PublicKey> {
    keys.iter().map(|key| sign::public_key(key)).collect()
}
