//! Verification of a court's bundle, all or nothing: a file of which one thing is false proves nothing.

use super::{CourtBundle, Subject};
use crate::definition::Definition;
use crate::entry::{Entry, EntryError, Payload};
use crate::history::HistoryError;
use crate::ids::{ElectionId, KeyId, PublicKey, RecordId};
use crate::kinds::Kind;
use crate::note::{CheckpointVerifyError, VerifiedCheckpoint};
use crate::record::{Record, Scope};
use crate::submission::{
    AttestationCheck, Authentic, Confidential, Content, KeyRing, Rejection, Secret, Submission, authenticate_submission,
};
use crate::tree::{LeafHashes, LeafIndex, SeveralError, TreeSize, TwinProofError};
use crate::trust::{Trust, TrustError};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// What a bundle proves.
#[derive(Debug, Clone)]
pub struct VerifiedCourt {
    /// From the pinned digest, through the history.
    pub trust: Trust,
    /// Checkpoints, ascending, each extending the one before; never empty.
    pub checkpoints: Vec<VerifiedCheckpoint>,
    /// Entries, ascending.
    pub items: Vec<VerifiedItem>,
    /// Constituencies and stations, as far as the bundle has their definition.
    pub definition: Definition,
}

/// An entry that is where the bundle says, with every signature verified.
#[derive(Debug, Clone)]
pub struct VerifiedItem {
    /// Where.
    pub leaf: LeafIndex,
    /// It is about the subject.
    pub asked: bool,
    /// The entry.
    pub entry: Entry,
    /// The record; none of a stub.
    pub record: Option<Record>,
    /// Its confidential body was handed over and is the one that was signed for.
    pub body: bool,
    /// What became of the registry's attestation in it.
    pub attestation: Option<AttestationCheck>,
    /// The first of the bundle's checkpoints that covers it.
    pub covered_by: TreeSize,
}

/// Why a bundle proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CourtError {
    /// The genesis record.
    #[error("genesis: {0}")]
    Trust(#[from] TrustError),
    /// It is not there.
    #[error("the bundle's first entry is not entry 0")]
    NoGenesis,
    /// The way to the policies.
    #[error("the organisations' decisions: {0}")]
    History(#[from] HistoryError),
    /// A checkpoint.
    #[error("checkpoint {number} of the bundle: {error}")]
    Checkpoint {
        /// Its place, from 1.
        number: usize,
        /// What is missing.
        error: CheckpointVerifyError,
    },
    /// Checkpoints that do not follow from each other.
    #[error("checkpoint {number} of the bundle does not extend the one before: {error}")]
    NotExtended {
        /// Its place, from 1.
        number: usize,
        /// What does not hold.
        error: TwinProofError,
    },
    /// Sizes that do not ascend, or a first checkpoint with a proof.
    #[error("checkpoint {0} of the bundle is out of order")]
    Order(usize),
    /// The entries are not where they are said to be.
    #[error("the entries: {0}")]
    Proof(#[from] SeveralError),
    /// Bytes that are no entry.
    #[error("entry {leaf}: {error}")]
    Entry {
        /// Where.
        leaf: u64,
        /// What is wrong.
        error: EntryError,
    },
    /// A record that is not authentic by what the bundle has, or a body that is not the one signed for.
    #[error("entry {leaf}: {error}")]
    Record {
        /// Where.
        leaf: u64,
        /// What is wrong.
        error: Rejection,
    },
    /// Bodies without an order.
    #[error("entry {0} comes with its confidential body, but the bundle names no court's order for it")]
    NoOrder(u64),
    /// An entry that the subject does not explain.
    #[error("entry {0} is said to be about the bundle's subject and is not, or the other way round")]
    OtherSubject(u64),
    /// An entry that is neither about the subject nor of a kind that others need, or the body of one that is not about the subject.
    #[error(
        "entry {0} is not about the bundle's subject and has no place in it: beside the subject a bundle has keys, definition, equipment, decisions and seals, and no bodies"
    )]
    NoPlace(u64),
    /// Nothing is there, or not everything.
    #[error("the bundle has nothing about its subject, or not all the records that it names")]
    Incomplete,
}

impl CourtBundle {
    /// Verifies everything from the pinned genesis digest on. Needs nothing beside the file.
    ///
    /// # Errors
    /// [`CourtError`] naming the first thing that does not hold.
    pub fn verify(&self, pinned: &ElectionId) -> Result<VerifiedCourt, CourtError> {
        let genesis = self.items.first().filter(|item| item.leaf.get() == 0).ok_or(CourtError::NoGenesis)?;
        let trust = Trust::from_entry(&genesis.entry, pinned)?.follow(&self.history)?;
        let checkpoints = self.walk(&trust)?;
        let Some(last) = checkpoints.last() else { return Err(CourtError::Order(0)) };
        let head = last.checkpoint().head();
        let hashes: Vec<LeafHashes> = self.items.par_iter().map(|item| LeafHashes::of(&item.entry)).collect();
        let side = |of: fn(&LeafHashes) -> crate::tree::Hash| -> Vec<_> {
            self.items.iter().zip(&hashes).map(|(item, hashes)| (item.leaf, of(hashes))).collect()
        };
        self.sha256.verify(&side(|hashes| hashes.sha256), head.size, &head.roots.sha256)?;
        self.blake3.verify(&side(|hashes| hashes.blake3), head.size, &head.roots.blake3)?;
        let (items, definition) = self.read_items(&trust, &checkpoints)?;
        self.check_subject(&items)?;
        Ok(VerifiedCourt { trust, checkpoints, items, definition })
    }

    fn walk(&self, trust: &Trust) -> Result<Vec<VerifiedCheckpoint>, CourtError> {
        let mut walked: Vec<VerifiedCheckpoint> = Vec::new();
        for (number, link) in (1..).zip(&self.checkpoints) {
            let next = trust.verify_checkpoint(link.note.as_bytes());
            let next = next.map_err(|error| CourtError::Checkpoint { number, error })?;
            let head = next.checkpoint().head();
            match walked.last().map(|before| before.checkpoint().head()) {
                Some(before) if before.size < head.size => {
                    link.proof.verify(&before, &head).map_err(|error| CourtError::NotExtended { number, error })?
                }
                None if link.proof.sha256.path().is_empty() && link.proof.blake3.path().is_empty() => {}
                _ => return Err(CourtError::Order(number)),
            }
            walked.push(next);
        }
        Ok(walked)
    }

    /// Entries in order: keys that one registers verify those behind it.
    fn read_items(
        &self,
        trust: &Trust,
        checkpoints: &[VerifiedCheckpoint],
    ) -> Result<(Vec<VerifiedItem>, Definition), CourtError> {
        let (mut keys, mut definition, mut items) = (known_keys(trust), Definition::default(), Vec::new());
        for item in &self.items {
            let leaf = item.leaf.get();
            let entry = Entry::from_bytes(&item.entry).map_err(|error| CourtError::Entry { leaf, error })?;
            if !item.body.is_empty() && self.order.is_empty() {
                return Err(CourtError::NoOrder(leaf));
            }
            let authentic = authentic(&entry, item.body.clone(), trust, &keys, leaf)?;
            if let Some(authentic) = authentic.as_ref().filter(|_| entry.verdict.is_accepted()) {
                match authentic.content() {
                    Content::Key(registration) => {
                        let granted: Vec<(KeyId, PublicKey)> =
                            registration.grants.iter().map(|grant| (grant.key.id(), grant.key)).collect();
                        keys.extend(granted.iter().map(|(id, key)| (id, key)));
                    }
                    // Parts that lie further ahead may be missing: what is there is said, what is not is not.
                    Content::DefinitionPart(part) => drop(definition.add(part)),
                    _ => {}
                }
            }
            let (id, record) = (entry.record_id(), authentic.as_ref().map(Authentic::record));
            let about = match record {
                Some(record) => concerns(&self.subject, record, &id, &definition),
                // Of a refused record of which only a stub is public nobody can say whose it is, except by its id.
                None => matches!(&self.subject, Subject::Records(ids) if ids.contains(&id)),
            };
            if about != item.asked {
                return Err(CourtError::OtherSubject(leaf));
            }
            if !about && (!item.body.is_empty() || !(leaf == 0 || record.is_some_and(is_context))) {
                return Err(CourtError::NoPlace(leaf));
            }
            let covering = checkpoints.iter().map(|one| one.checkpoint().size).find(|size| size.get() > leaf);
            let attestation = authentic.as_ref().and_then(|authentic| match authentic.content() {
                Content::Identification(_, Secret::Known(_, attestation)) => Some(*attestation),
                _ => None,
            });
            items.push(VerifiedItem {
                leaf: item.leaf,
                asked: item.asked,
                record: authentic.map(|authentic| authentic.record().clone()),
                body: !item.body.is_empty(),
                attestation,
                covered_by: covering.unwrap_or_default(),
                entry,
            });
        }
        Ok((items, definition))
    }

    fn check_subject(&self, items: &[VerifiedItem]) -> Result<(), CourtError> {
        if !items.iter().any(|item| item.asked) {
            return Err(CourtError::Incomplete);
        }
        if let Subject::Records(ids) = &self.subject {
            let there: BTreeSet<RecordId> = items.iter().map(|item| item.entry.record_id()).collect();
            if !ids.iter().all(|id| there.contains(id)) {
                return Err(CourtError::Incomplete);
            }
        }
        Ok(())
    }
}

/// What may stand beside the subject. Nobody else's identifications, ballots or protocols: an order speaks of the subject.
fn is_context(record: &Record) -> bool {
    let kind = Kind::from_number(record.kind);
    matches!(
        kind,
        Some(Kind::DefinitionPart | Kind::Key | Kind::KeyRevocation | Kind::Custody | Kind::Governance | Kind::Seal)
    )
}

/// Every key that genesis record and history name.
fn known_keys(trust: &Trust) -> KeyRing {
    let mut keys = KeyRing::default();
    let registry = trust.registry();
    let organisations = registry.organisations().flat_map(|(_, organisation)| {
        organisation.retired.iter().map(|(record, ..)| *record).chain([organisation.record_key])
    });
    let nodes = registry.iter().flat_map(|(id, _)| registry.promise_keys(id));
    let all: Vec<(KeyId, PublicKey)> = organisations.chain(nodes).map(|key| (key.id(), key)).collect();
    keys.extend(all.iter().map(|(id, key)| (id, key)));
    keys
}

fn authentic(
    entry: &Entry,
    body: Vec<u8>,
    trust: &Trust,
    keys: &KeyRing,
    leaf: u64,
) -> Result<Option<Authentic>, CourtError> {
    let Payload::Full(signed) = &entry.payload else { return Ok(None) };
    // The genesis record is of no election yet.
    let election = if leaf == 0 { &ElectionId::ZERO } else { trust.election_id() };
    let submission = Submission { signed: signed.clone(), confidential: body };
    authenticate_submission(submission, election, keys, Confidential::MayBeWithheld)
        .map(Some)
        .map_err(|error| CourtError::Record { leaf, error })
}

/// Whether a record is about a subject. Acts and cases about the constituency of a station are about the station too.
#[must_use]
pub fn concerns(subject: &Subject, record: &Record, id: &RecordId, definition: &Definition) -> bool {
    let station = |number: u32| match subject {
        Subject::Station(asked) => number == *asked,
        Subject::Constituency(asked) => definition.station(number).map(|station| station.constituency) == Some(*asked),
        Subject::Records(_) => false,
    };
    let constituency = |number: u32| match subject {
        Subject::Constituency(asked) => number == *asked,
        Subject::Station(asked) => {
            let legal = matches!(Kind::from_number(record.kind), Some(Kind::LegalAct | Kind::Case));
            legal && definition.station(*asked).map(|station| station.constituency) == Some(number)
        }
        Subject::Records(_) => false,
    };
    match (subject, record.scope) {
        (Subject::Records(ids), _) => ids.contains(id),
        (_, Scope::Election) => false,
        (_, Scope::Constituency(number)) => constituency(number),
        (_, Scope::Station(number)) => station(number),
        (_, Scope::Unit(unit)) => station(unit.station),
    }
}
