//! From bytes to an authentic record: parse, check, verify. What this refuses never becomes a leaf.
//!
//! [`Authentic`] can only be made by [`authenticate`] — and by [`reread`] from what this node's own store already
//! verified —, so judging cannot be reached with unverified bytes. Since a key id
//! is a hash of the key, the result depends on the bytes and on *which keys are known*, never on when it is computed:
//! it may run early and in parallel, and is repeated only where a key was not known yet.

use crate::codec::{self, CodecError};
use crate::entry::{Entry, Payload};
use crate::ids::{Digest, ElectionId, KeyId, PublicKey, RecordId};
use crate::kinds::{
    Attestation, AttestedVoter, BallotBatch, Body as _, CONFIDENTIAL_BYTES_MAX, Case, Countersign, Custody,
    DefinitionPart, Election, Governance, Identification, IdentificationSecret, IdentificationVoid, KeyRegistration,
    KeyRevocation, Kind, LegalAct, Protocol, RefusalSummary, RollAmendment, RollChunk, Seal, StationPhase,
    SummaryTable, TotalOpening,
};
use crate::record::{Record, RecordError, SIGNED_RECORD_BYTES_MAX, Scope, SignedRecord};
use crate::sign::{Domain, VerificationKey};
use minicbor::{Decode, Encode};

/// Longest submission.
pub const SUBMISSION_BYTES_MAX: usize = SIGNED_RECORD_BYTES_MAX + CONFIDENTIAL_BYTES_MAX + 16;

/// What travels from author to nodes: the signed record and its confidential body, if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Submission {
    /// The record.
    #[n(0)]
    pub signed: SignedRecord,
    /// Canonical bytes of the confidential body; empty for none.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub confidential: Vec<u8>,
}

impl Submission {
    /// A record without confidential body.
    #[must_use]
    pub const fn public(signed: SignedRecord) -> Self {
        Self { signed, confidential: Vec::new() }
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// As [`codec::decode`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes, SUBMISSION_BYTES_MAX)
    }
}

/// The digest of a confidential body, as the header carries it.
#[must_use]
pub fn confidential_digest(body: &[u8]) -> Digest {
    Digest(*blake3::Hasher::new_derive_key("tamga 2025 confidential body v1").update(body).finalize().as_bytes())
}

/// Public keys by id.
pub trait KeySource {
    /// The key with this id, if it is registered.
    fn find(&self, id: &KeyId) -> Option<VerificationKey>;
}

/// No keys: enough for the genesis record, which brings its own.
#[derive(Debug, Clone, Copy)]
pub struct NoKeys;

impl KeySource for NoKeys {
    fn find(&self, _: &KeyId) -> Option<VerificationKey> {
        None
    }
}

impl<T: KeySource + ?Sized> KeySource for &T {
    fn find(&self, id: &KeyId) -> Option<VerificationKey> {
        (**self).find(id)
    }
}

/// Keys known at one moment, with their points at hand: for whoever verifies many records while the state goes on.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(hashbrown::HashMap<KeyId, VerificationKey>);

impl KeyRing {
    /// How many keys it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one key.
    pub fn insert(&mut self, id: KeyId, key: VerificationKey) {
        self.0.entry(id).or_insert(key);
    }

    /// Adds the keys that are not there yet. A key id is the hash of its key, so that none ever changes.
    pub fn extend<'k>(&mut self, keys: impl IntoIterator<Item = (&'k KeyId, &'k PublicKey)>) {
        for (id, key) in keys {
            self.0.entry(*id).or_insert_with(|| VerificationKey::new(key));
        }
    }
}

impl KeySource for KeyRing {
    fn find(&self, id: &KeyId) -> Option<VerificationKey> {
        self.0.get(id).copied()
    }
}

/// A parsed body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the kind of the same name")]
pub enum Content {
    Election(Box<Election>),
    DefinitionPart(DefinitionPart),
    Key(KeyRegistration),
    KeyRevocation(KeyRevocation),
    RollChunk(RollChunk),
    RollAmendment(RollAmendment),
    StationPhase(StationPhase),
    Identification(Identification, Secret),
    IdentificationVoid(IdentificationVoid),
    BallotBatch(BallotBatch),
    TotalOpening(TotalOpening),
    Protocol(Protocol),
    Countersign(Countersign),
    SummaryTable(SummaryTable),
    Custody(Custody),
    LegalAct(LegalAct),
    Case(Case),
    Governance(Governance),
    Seal(Seal),
    RefusalSummary(RefusalSummary),
}

impl Content {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Election(_) => Kind::Election,
            Self::DefinitionPart(_) => Kind::DefinitionPart,
            Self::Key(_) => Kind::Key,
            Self::KeyRevocation(_) => Kind::KeyRevocation,
            Self::RollChunk(_) => Kind::RollChunk,
            Self::RollAmendment(_) => Kind::RollAmendment,
            Self::StationPhase(_) => Kind::StationPhase,
            Self::Identification(..) => Kind::Identification,
            Self::IdentificationVoid(_) => Kind::IdentificationVoid,
            Self::BallotBatch(_) => Kind::BallotBatch,
            Self::TotalOpening(_) => Kind::TotalOpening,
            Self::Protocol(_) => Kind::Protocol,
            Self::Countersign(_) => Kind::Countersign,
            Self::SummaryTable(_) => Kind::SummaryTable,
            Self::Custody(_) => Kind::Custody,
            Self::LegalAct(_) => Kind::LegalAct,
            Self::Case(_) => Kind::Case,
            Self::Governance(_) => Kind::Governance,
            Self::Seal(_) => Kind::Seal,
            Self::RefusalSummary(_) => Kind::RefusalSummary,
        }
    }
}

/// The confidential part of an identification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Present, with what became of its attestation.
    Known(Box<IdentificationSecret>, AttestationCheck),
    /// Not at hand: an auditor before the Voting seal, or after erasure.
    Withheld,
}

/// What became of verifying an attestation's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttestationCheck {
    /// There is none.
    Absent,
    /// Verified, by this registry key.
    Valid(KeyId),
    /// Does not verify.
    Invalid,
    /// The registry key is not known.
    UnknownKey(KeyId),
}

/// A record whose bytes are canonical and whose every signature verified. Made only by
/// [`authenticate`] and, for entries that were verified before, by [`reread`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentic {
    signed: SignedRecord,
    record: Record,
    id: RecordId,
    content: Content,
    confidential: Vec<u8>,
}

impl Authentic {
    /// The signed record.
    #[must_use]
    pub const fn signed(&self) -> &SignedRecord {
        &self.signed
    }

    /// The header.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// The record's id.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.id
    }

    /// The body.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// The confidential body's bytes; empty for none.
    #[must_use]
    pub fn confidential(&self) -> &[u8] {
        &self.confidential
    }

    /// Whether a key was missing that may be registered by the time of judging.
    #[must_use]
    pub const fn wants_key(&self) -> bool {
        matches!(&self.content, Content::Identification(_, Secret::Known(_, AttestationCheck::UnknownKey(_))))
    }
}

/// Why bytes never become a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The submission itself is not canonical.
    #[error("the submission is not canonical: {0}")]
    Submission(CodecError),
    /// The record is malformed or unauthentic.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record belongs to another election.
    #[error("the record belongs to election {0}, not to this one")]
    WrongElection(ElectionId),
    /// A kind this software does not know.
    #[error("record kind {0} is not known here")]
    UnknownKind(u16),
    /// A version of the kind this software does not know.
    #[error("version {version} of record kind {kind} is not known here")]
    UnknownKindVersion {
        /// The kind's number.
        kind: u16,
        /// The version asked for.
        version: u16,
    },
    /// The public body is not what the kind says.
    #[error("the public body is not canonical for its kind: {0}")]
    Body(CodecError),
    /// The confidential body is not what the kind says.
    #[error("the confidential body is not canonical for its kind: {0}")]
    ConfidentialBody(CodecError),
    /// The header promises a confidential body that is missing, or the other way round, or the digest differs.
    #[error("the confidential body is missing, unexpected, or does not match the digest in the header")]
    ConfidentialDigest,
    /// A confidential value stands in the public bytes.
    #[error("a confidential value (voter tag or salt) stands in the public part of the record; it was not recorded")]
    SecretInClear,
}

impl Rejection {
    /// Whether it may be different once a key is registered.
    #[must_use]
    pub const fn wants_key(&self) -> bool {
        matches!(self, Self::Record(RecordError::UnknownKey(_)))
    }

    /// A stable name for programs.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::Submission(CodecError::TooLong { .. })
            | Self::Record(RecordError::Codec(CodecError::TooLong { .. })) => "too-long",
            Self::Submission(_) | Self::Record(RecordError::Codec(_)) => "not-canonical",
            Self::Record(RecordError::UnknownKey(_)) => "unknown-key",
            Self::Record(RecordError::Signature(_)) => "bad-signature",
            Self::Record(_) => "header-invalid",
            Self::WrongElection(_) => "wrong-election",
            Self::UnknownKind(_) | Self::UnknownKindVersion { .. } => "unknown-kind",
            Self::Body(_) => "body-invalid",
            Self::ConfidentialBody(_) => "confidential-body-invalid",
            Self::ConfidentialDigest => "confidential-digest",
            Self::SecretInClear => "secret-in-clear",
        }
    }
}

/// Whether confidential bodies have to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidential {
    /// A node: no record without its confidential body.
    Required,
    /// An auditor: a missing one is [`Secret::Withheld`].
    MayBeWithheld,
}

/// Parses and verifies a submission for the election `election` ([`ElectionId::ZERO`] before the genesis record).
///
/// Total over arbitrary bytes.
///
/// # Errors
/// [`Rejection`] naming the first rule that is broken.
pub fn authenticate(bytes: &[u8], election: &ElectionId, keys: &impl KeySource) -> Result<Authentic, Rejection> {
    let submission = Submission::from_bytes(bytes).map_err(Rejection::Submission)?;
    authenticate_submission(submission, election, keys, Confidential::Required)
}

/// As [`authenticate`], for parts that were read apart.
///
/// # Errors
/// [`Rejection`] naming the first rule that is broken.
pub fn authenticate_submission(
    submission: Submission,
    election: &ElectionId,
    keys: &impl KeySource,
    policy: Confidential,
) -> Result<Authentic, Rejection> {
    authentic(submission, election, keys, policy, Signatures::Verified)
}

/// Reads the record of an entry again **without verifying its signatures**; none for a stub. Some ten times faster.
///
/// Only for the own store of a node, and only for entries below a published checkpoint that was verified and whose roots
/// the store has: a quorum of organisations has verified these signatures, and so has this node when it took the entry.
/// Bytes that anybody else handed over go through [`authenticate_submission`].
///
/// Judging it gives the entry's bytes again: of an accepted identification the attestation is taken as valid, of a refused
/// one it is verified, since it may be the reason.
///
/// # Errors
/// [`Rejection`], never for a signature of the record.
pub fn reread(
    entry: &Entry,
    confidential: Vec<u8>,
    election: &ElectionId,
    keys: &impl KeySource,
) -> Result<Option<Authentic>, Rejection> {
    let Payload::Full(signed) = &entry.payload else { return Ok(None) };
    let submission = Submission { signed: signed.clone(), confidential };
    let signatures = Signatures::Believed { accepted: entry.verdict.is_accepted() };
    authentic(submission, election, keys, Confidential::MayBeWithheld, signatures).map(Some)
}

/// Whose word is taken for signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signatures {
    Verified,
    Believed { accepted: bool },
}

fn authentic(
    submission: Submission,
    election: &ElectionId,
    keys: &impl KeySource,
    policy: Confidential,
    signatures: Signatures,
) -> Result<Authentic, Rejection> {
    let Submission { signed, confidential } = submission;
    let record = signed.parse()?;
    if record.election != *election {
        return Err(Rejection::WrongElection(record.election));
    }
    let kind = Kind::from_number(record.kind).ok_or(Rejection::UnknownKind(record.kind))?;
    if record.kind_version != kind.version() {
        return Err(Rejection::UnknownKindVersion { kind: record.kind, version: record.kind_version });
    }
    check_confidential(kind, &record, &confidential, policy)?;
    let mut content = parse_body(kind, &record)?;
    match &content {
        _ if signatures != Signatures::Verified => {}
        Content::Election(genesis) => signed.verify(&record, |id| genesis_key(genesis, id))?,
        _ => signed.verify(&record, |id| keys.find(id))?,
    }
    if let Content::Identification(_, secret) = &mut content
        && !confidential.is_empty()
    {
        *secret = parse_secret(&record, &signed, &confidential, keys, signatures)?;
    }
    Ok(Authentic { id: signed.id(), signed, record, content, confidential })
}

fn genesis_key(genesis: &Election, id: &KeyId) -> Option<VerificationKey> {
    let mut keys = genesis.organisations.iter().map(|organisation| organisation.record_key);
    keys.find(|key| key.id() == *id).as_ref().map(VerificationKey::new)
}

fn check_confidential(kind: Kind, record: &Record, body: &[u8], policy: Confidential) -> Result<(), Rejection> {
    match (kind.confidential_class(), record.confidential.0, body) {
        (None, None, []) => Ok(()),
        (Some(_), Some(_), []) if policy == Confidential::MayBeWithheld => Ok(()),
        (Some(_), Some(digest), body) if !body.is_empty() && confidential_digest(body) == digest => Ok(()),
        _ => Err(Rejection::ConfidentialDigest),
    }
}

fn parse_body(kind: Kind, record: &Record) -> Result<Content, Rejection> {
    let body = &record.body;
    let content = match kind {
        Kind::Election => Election::from_bytes(body).map(|genesis| Content::Election(Box::new(genesis))),
        Kind::DefinitionPart => DefinitionPart::from_bytes(body).map(Content::DefinitionPart),
        Kind::Key => KeyRegistration::from_bytes(body).map(Content::Key),
        Kind::KeyRevocation => KeyRevocation::from_bytes(body).map(Content::KeyRevocation),
        Kind::RollChunk => RollChunk::from_bytes(body).map(Content::RollChunk),
        Kind::RollAmendment => RollAmendment::from_bytes(body).map(Content::RollAmendment),
        Kind::StationPhase => StationPhase::from_bytes(body).map(Content::StationPhase),
        Kind::Identification => {
            Identification::from_bytes(body).map(|public| Content::Identification(public, Secret::Withheld))
        }
        Kind::IdentificationVoid => IdentificationVoid::from_bytes(body).map(Content::IdentificationVoid),
        Kind::BallotBatch => BallotBatch::from_bytes(body).map(Content::BallotBatch),
        Kind::TotalOpening => TotalOpening::from_bytes(body).map(Content::TotalOpening),
        Kind::Protocol => Protocol::from_bytes(body).map(Content::Protocol),
        Kind::Countersign => Countersign::from_bytes(body).map(Content::Countersign),
        Kind::SummaryTable => SummaryTable::from_bytes(body).map(Content::SummaryTable),
        Kind::Custody => Custody::from_bytes(body).map(Content::Custody),
        Kind::LegalAct => LegalAct::from_bytes(body).map(Content::LegalAct),
        Kind::Case => Case::from_bytes(body).map(Content::Case),
        Kind::Governance => Governance::from_bytes(body).map(Content::Governance),
        Kind::Seal => Seal::from_bytes(body).map(Content::Seal),
        Kind::RefusalSummary => RefusalSummary::from_bytes(body).map(Content::RefusalSummary),
    };
    content.map_err(Rejection::Body)
}

fn parse_secret(
    record: &Record,
    signed: &SignedRecord,
    body: &[u8],
    keys: &impl KeySource,
    signatures: Signatures,
) -> Result<Secret, Rejection> {
    let secret: IdentificationSecret =
        codec::decode(body, CONFIDENTIAL_BYTES_MAX).map_err(Rejection::ConfidentialBody)?;
    if contains(&signed.record, secret.tag.as_ref()) || contains(&signed.record, secret.salt.as_ref()) {
        return Err(Rejection::SecretInClear);
    }
    let check = check_attestation(record, &secret, keys, signatures);
    Ok(Secret::Known(Box::new(secret), check))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn check_attestation(
    record: &Record,
    secret: &IdentificationSecret,
    keys: &impl KeySource,
    signatures: Signatures,
) -> AttestationCheck {
    let [attestation] = secret.attestation.as_slice() else {
        return if secret.attestation.is_empty() { AttestationCheck::Absent } else { AttestationCheck::Invalid };
    };
    let (Scope::Unit(unit), Some(device)) = (record.scope, record.author_key()) else {
        return AttestationCheck::Invalid;
    };
    let Some(key) = keys.find(&attestation.registry) else { return AttestationCheck::UnknownKey(attestation.registry) };
    if signatures == (Signatures::Believed { accepted: true }) {
        return AttestationCheck::Valid(attestation.registry);
    }
    let voter =
        AttestedVoter { unit, device, tag: secret.tag, home_station: secret.home_station, method: secret.method };
    let message = Attestation::message(&record.election, &voter, attestation.at_ms, &attestation.nonce);
    if key.verify(Domain::Attestation, &message, &attestation.signature) {
        AttestationCheck::Valid(attestation.registry)
    } else {
        AttestationCheck::Invalid
    }
}

/// BLAKE3 of submitted bytes (context `tamga 2025 submission v1`): how a node's refusal names what it refused, which may be
/// too malformed to have a record id.
#[must_use]
pub fn submission_digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::Hasher::new_derive_key("tamga 2025 submission v1").update(bytes).finalize().as_bytes())
}
