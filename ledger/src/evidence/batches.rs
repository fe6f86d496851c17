//! What a proposer must not sign: two batches for one place, or a batch with something unauthentic in it.

use super::EvidenceError;
use super::holder::Holders;
use super::verified::{Consequence, EvidenceKind, Signer, Statement, VerifiedEvidence, What};
use crate::batch::SignedBatch;
use crate::ids::{ElectionId, PublicKey};
use crate::record::RecordError;
use crate::sign::VerificationKey;
use crate::submission::{KeyRing, Rejection, authenticate};
use crate::trust::Trust;

struct Proposed {
    batch: SignedBatch,
    signer: Signer,
}

impl Proposed {
    fn read(trust: &Trust, holders: &Holders, bytes: &[u8]) -> Result<Self, EvidenceError> {
        let key_of = |id| trust.registry().batch_key(id);
        let batch = SignedBatch::verify(bytes, trust.election_id(), key_of)?;
        let key = key_of(batch.batch().proposer).ok_or(EvidenceError::UnknownKey)?;
        Ok(Self { batch, signer: Signer { holder: holders.name(&key), time_s: None } })
    }

    fn statement(&self) -> Statement {
        let batch = self.batch.batch();
        let what = What::Batch {
            epoch: batch.epoch,
            term: batch.term,
            number: batch.number,
            time_ms: batch.time_ms,
            items: batch.items.len() as u64,
            blake3: hex::encode(blake3::hash(self.batch.bytes()).as_bytes()),
        };
        Statement { what, signers: vec![self.signer.clone()] }
    }

    fn convicts(&self) -> Consequence {
        Consequence::Convicts {
            keys: vec![self.signer.holder.clone()],
            organisations: self.signer.holder.organisation.clone().into_iter().collect(),
        }
    }
}

pub(super) fn verify_two(
    trust: &Trust,
    holders: &Holders,
    first: &[u8],
    second: &[u8],
) -> Result<VerifiedEvidence, EvidenceError> {
    let [first, second] = [first, second].map(|bytes| Proposed::read(trust, holders, bytes));
    let (first, second) = (first?, second?);
    let (one, other) = (first.batch.batch(), second.batch.batch());
    if one.proposer != other.proposer {
        return Err(EvidenceError::NoContradiction("the batches have different proposers"));
    }
    if (one.epoch, one.term, one.number) != (other.epoch, other.term, other.number) {
        return Err(EvidenceError::NoContradiction("the batches are for different places"));
    }
    if one == other {
        return Err(EvidenceError::NoContradiction("it is one batch twice"));
    }
    // The items carry their confidential bodies: only whoever may see those may see the file.
    let confidential = one.items.len() + other.items.len() > 0;
    let statements = vec![first.statement(), second.statement()];
    Ok(VerifiedEvidence { kind: EvidenceKind::TwoBatches, statements, consequence: first.convicts(), confidential })
}

pub(super) fn verify_item(
    trust: &Trust,
    holders: &Holders,
    batch: &[u8],
    item: u64,
    keys: &[PublicKey],
) -> Result<VerifiedEvidence, EvidenceError> {
    let proposed = Proposed::read(trust, holders, batch)?;
    let place = usize::try_from(item).ok();
    let bytes = place.and_then(|place| proposed.batch.batch().items.get(place)).ok_or(EvidenceError::NoItem(item))?;
    let mut ring = KeyRing::default();
    let organisations = trust.election().organisations.iter().map(|organisation| &organisation.record_key);
    for key in organisations.chain(keys) {
        ring.insert(key.id(), VerificationKey::new(key));
    }
    let Err(rejection) = authenticate(&bytes.0, trust.election_id(), &ring) else {
        return Err(EvidenceError::Authentic);
    };
    if let Some(why) = undecided(&rejection) {
        return Err(EvidenceError::Undecided(why));
    }
    let rejected = What::Item { number: item, code: rejection.slug().to_owned(), why: rejection.to_string() };
    let statements = vec![proposed.statement(), Statement { what: rejected, signers: Vec::new() }];
    let consequence = proposed.convicts();
    Ok(VerifiedEvidence { kind: EvidenceKind::UnauthenticItem, statements, consequence, confidential: true })
}

/// What depends on more than the bytes: on keys that are registered, on the place in the ledger, on later software.
fn undecided(rejection: &Rejection) -> Option<String> {
    match rejection {
        Rejection::Record(RecordError::UnknownKey(key)) => {
            Some(format!("the public key of {key} is not in it, so that its signature cannot be verified"))
        }
        Rejection::WrongElection(ElectionId::ZERO) => {
            Some("a genesis record is authentic as leaf 0, and a batch does not say where it stands".to_owned())
        }
        Rejection::UnknownKind(_)
        | Rejection::UnknownKindVersion { .. }
        | Rejection::Record(RecordError::Format(_)) => Some(format!("{rejection}; later software may know it")),
        _ => None,
    }
}
