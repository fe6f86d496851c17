//! What a key must not be used for: one number for two records, or another key's purpose.

use super::EvidenceError;
use super::holder::{Holders, KeyUse};
use super::verified::{Consequence, EvidenceKind, Signer, Statement, VerifiedEvidence, What};
use crate::codec;
use crate::ids::{PublicKey, Signature};
use crate::note::{Checkpoint, KeyRole};
use crate::record::{Record, SIGNED_RECORD_BYTES_MAX, SignedRecord};
use crate::sign::{self, Domain};
use crate::submission::Submission;
use crate::trust::Trust;
use ed25519_dalek::VerifyingKey;

pub(super) fn verify_sequence(
    trust: &Trust,
    holders: &Holders,
    author: &PublicKey,
    records: [&Vec<u8>; 2],
) -> Result<VerifiedEvidence, EvidenceError> {
    let [first, second] = records.map(|bytes| Numbered::read(trust, author, bytes));
    let (first, second) = (first?, second?);
    if first.record.sequence != second.record.sequence {
        return Err(EvidenceError::NoContradiction("the records have different numbers"));
    }
    if first.signed.record == second.signed.record {
        return Err(EvidenceError::NoContradiction("it is one record twice"));
    }
    let holder = holders.name(author);
    let signer = Signer { holder: holder.clone(), time_s: None };
    let statements = vec![first.statement(signer.clone()), second.statement(signer)];
    let organisations = holder.organisation.clone().into_iter().collect();
    let consequence = Consequence::Convicts { keys: vec![holder], organisations };
    Ok(VerifiedEvidence { kind: EvidenceKind::NumberTwice, statements, consequence, confidential: false })
}

struct Numbered {
    signed: SignedRecord,
    record: Record,
}

impl Numbered {
    /// Reads a record of this election that this author has signed.
    fn read(trust: &Trust, author: &PublicKey, bytes: &[u8]) -> Result<Self, EvidenceError> {
        let signed: SignedRecord = codec::decode(bytes, SIGNED_RECORD_BYTES_MAX).map_err(EvidenceError::Codec)?;
        let record = signed.parse()?;
        if record.election != *trust.election_id() {
            return Err(EvidenceError::OtherElection(record.election));
        }
        if record.author_key() != Some(author.id()) {
            return Err(EvidenceError::OtherKey);
        }
        let place = usize::try_from(record.author).ok();
        let signature = place.and_then(|place| signed.signatures.get(place)).ok_or(EvidenceError::Signature)?;
        if !sign::verify(author, Domain::Record, &signed.record, signature) {
            return Err(EvidenceError::Signature);
        }
        Ok(Self { signed, record })
    }

    fn statement(&self, signer: Signer) -> Statement {
        let what = What::Record { record: self.signed.id(), kind: self.record.kind, sequence: self.record.sequence };
        Statement { what, signers: vec![signer] }
    }
}

/// What a message is for, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Domain(Domain),
    Note(KeyRole),
}

/// Purposes by which somebody can be convicted. One that is not here convicts nobody.
const DOMAINS: [Domain; 8] = [
    Domain::Record,
    Domain::Possession,
    Domain::Attestation,
    Domain::Promise,
    Domain::Refusal,
    Domain::Batch,
    Domain::Inquiry,
    Domain::Answer,
];

impl Purpose {
    fn of(message: &[u8]) -> Option<Self> {
        if let Some(domain) = DOMAINS.into_iter().find(|domain| message.starts_with(domain.line())) {
            return Some(Self::Domain(domain));
        }
        let text = std::str::from_utf8(message).ok()?;
        let (role, text) = match text.strip_prefix("cosignature/v1\ntime ") {
            Some(rest) => (KeyRole::Cosigner, rest.split_once('\n')?.1),
            None => (KeyRole::Log, text),
        };
        text.parse::<Checkpoint>().is_ok().then_some(Self::Note(role))
    }

    const fn is_rightful(self, key_use: KeyUse) -> bool {
        match self {
            Self::Note(role) => key_use.of_note(role),
            Self::Domain(domain) => matches!(
                (domain, key_use),
                (
                    Domain::Record | Domain::Possession,
                    KeyUse::Record
                        | KeyUse::Registry
                        | KeyUse::Device
                        | KeyUse::Scanner
                        | KeyUse::Member
                        | KeyUse::Observer
                        | KeyUse::Custodian
                ) | (Domain::Attestation, KeyUse::Registry)
                    | (Domain::Inquiry, KeyUse::Registry | KeyUse::Device)
                    | (Domain::Promise | Domain::Refusal | Domain::Answer, KeyUse::Promise)
                    | (Domain::Batch, KeyUse::Batch)
            ),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Domain(domain) => String::from_utf8_lossy(domain.line()).trim_end().to_owned(),
            Self::Note(KeyRole::Log) => "checkpoint (log)".to_owned(),
            Self::Note(KeyRole::Cosigner) => "cosignature/v1".to_owned(),
        }
    }
}

pub(super) fn verify_misuse(
    holders: &Holders,
    key: &PublicKey,
    message: &[u8],
    signature: &Signature,
) -> Result<VerifiedEvidence, EvidenceError> {
    let holder = holders.find(key).ok_or(EvidenceError::UnknownKey)?.clone();
    let purpose = Purpose::of(message).ok_or(EvidenceError::UnknownPurpose)?;
    if purpose.is_rightful(holder.key_use) {
        return Err(EvidenceError::RightfulUse);
    }
    let point = VerifyingKey::from_bytes(&key.0).map_err(|_| EvidenceError::Signature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    point.verify_strict(message, &signature).map_err(|_| EvidenceError::Signature)?;
    let what = What::Message { purpose: purpose.name(), bytes: message.len() as u64 };
    let statements = vec![Statement { what, signers: vec![Signer { holder: holder.clone(), time_s: None }] }];
    let organisations = holder.organisation.clone().into_iter().collect();
    let consequence = Consequence::Convicts { keys: vec![holder], organisations };
    Ok(VerifiedEvidence { kind: EvidenceKind::KeyMisuse, statements, consequence, confidential: false })
}

impl super::Claim {
    /// The claim that a proposer signed an item it should not have; `key_of` finds the keys that the item names.
    #[must_use]
    pub fn of_item(
        batch: Vec<u8>,
        item: u64,
        bytes: &[u8],
        key_of: impl Fn(&crate::ids::KeyId) -> Option<PublicKey>,
    ) -> Self {
        let record = Submission::from_bytes(bytes).ok().and_then(|submission| submission.signed.parse().ok());
        let signers = record.map(|record| record.signers).unwrap_or_default();
        Self::Item { batch, item, keys: signers.iter().filter_map(key_of).collect() }
    }
}
