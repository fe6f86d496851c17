//! Promises that were not kept.
//!
//! "By the deadline the record is covered by a published checkpoint" is refuted by a published checkpoint without the record
//! whose quorum cosigned *after* the deadline. One late cosignature would not be enough: a node that was away may honestly
//! cosign an old size late. A quorum that cosigns a size shares an honest organisation with the quorum of any larger one
//! published before, and an honest cosigner never goes back.

use super::holder::{Holder, Holders};
use super::verified::{Consequence, EvidenceKind, Signer, Statement, VerifiedEvidence, What};
use super::{Entries, EvidenceError, LedgerCopy};
use crate::entry::Entry;
use crate::ids::PublicKey;
use crate::note::{Cosignature, VerifiedCheckpoint};
use crate::promise::{Promise, PromiseError};
use crate::receipt::Receipt;
use crate::tree::{LeafIndex, TwinFrontier};
use crate::trust::Trust;

struct Promised {
    promise: Promise,
    holder: Holder,
    organisation: String,
}

impl Promised {
    fn read(trust: &Trust, holders: &Holders, bytes: &[u8]) -> Result<Self, EvidenceError> {
        let promise = Promise::verify(bytes, |id| trust.registry().promise_keys(id))?;
        if promise.election != *trust.election_id() {
            return Err(EvidenceError::OtherElection(promise.election));
        }
        let node = trust.registry().get(promise.node).ok_or(PromiseError::UnknownNode(promise.node))?;
        let mut keys = trust.registry().promise_keys(promise.node);
        let signed = keys.find(|key| Promise::verify(bytes, |_| Some(*key)).is_ok()).unwrap_or(node.keys.promise_key);
        Ok(Self { holder: holders.name(&signed), organisation: node.organisation.clone(), promise })
    }

    fn statement(&self) -> Statement {
        let Promise { record, deadline_ms, judged, .. } = &self.promise;
        let what = What::Promise {
            record: *record,
            deadline_ms: *deadline_ms,
            leaf: judged.as_ref().map(|judged| judged.leaf.get()),
            verdict: judged.as_ref().map(|judged| judged.verdict.to_string()),
        };
        Statement { what, signers: vec![Signer { holder: self.holder.clone(), time_s: None }] }
    }

    fn convicts(self) -> Consequence {
        Consequence::Convicts { keys: vec![self.holder], organisations: vec![self.organisation] }
    }
}

fn published(checkpoint: &VerifiedCheckpoint, holders: &Holders) -> Statement {
    let head = checkpoint.checkpoint();
    let what = What::Checkpoint {
        size: head.size.get(),
        sha256: head.roots.sha256.to_base64(),
        blake3: head.roots.blake3.to_base64(),
        published: true,
    };
    let signer =
        |one: &Cosignature| Signer { holder: holders.name(&PublicKey(*one.key.key_bytes())), time_s: Some(one.time_s) };
    Statement { what, signers: checkpoint.cosignatures().iter().map(signer).collect() }
}

/// Whether a quorum, the promising organisation in it, cosigned after the deadline.
fn is_due(trust: &Trust, promised: &Promised, checkpoint: &VerifiedCheckpoint) -> bool {
    let deadline_ms = promised.promise.deadline_ms;
    let late = checkpoint.cosignatures().iter().filter(|one| one.time_s.saturating_mul(1_000) > deadline_ms);
    let late = trust.policy_at(checkpoint.checkpoint().size).evaluate(late.map(|one| &one.key));
    late.satisfied && late.organisations.iter().any(|name| name.as_str() == promised.organisation)
}

pub(super) fn verify_broken(
    trust: &Trust,
    holders: &Holders,
    promise: &[u8],
    checkpoint: &str,
    entries: &Entries,
    copy: &mut dyn LedgerCopy,
) -> Result<VerifiedEvidence, EvidenceError> {
    let promised = Promised::read(trust, holders, promise)?;
    let checkpoint = trust.verify_checkpoint(checkpoint.as_bytes())?;
    if !is_due(trust, &promised, &checkpoint) {
        let (organisation, deadline_ms) = (promised.organisation, promised.promise.deadline_ms);
        return Err(EvidenceError::NotDue { organisation, deadline_ms });
    }
    let size = checkpoint.checkpoint().size.get();
    let mut scan = Scan { promised: &promised.promise, frontier: TwinFrontier::default() };
    match entries {
        Entries::Here(entries) => {
            if entries.len() as u64 != size {
                return Err(EvidenceError::WrongEntries(size));
            }
            entries.iter().try_for_each(|entry| scan.entry(entry))?;
        }
        Entries::Copy => {
            while scan.frontier.size().get() < size {
                let from = scan.frontier.size().get();
                let some = copy.entries(from).map_err(EvidenceError::Copy)?;
                if some.is_empty() {
                    return Err(EvidenceError::Copy(format!("it ends after {from} of {size} entries")));
                }
                let due = usize::try_from(size - from).unwrap_or(usize::MAX);
                some.iter().take(due).try_for_each(|entry| scan.entry(entry))?;
            }
        }
    }
    if scan.frontier.roots() != checkpoint.checkpoint().roots {
        return Err(EvidenceError::WrongEntries(size));
    }
    let absent = Statement { what: What::Absent { record: promised.promise.record, size }, signers: Vec::new() };
    let statements = vec![promised.statement(), published(&checkpoint, holders), absent];
    let (kind, consequence) = (EvidenceKind::BrokenPromise, promised.convicts());
    Ok(VerifiedEvidence { kind, statements, consequence, confidential: false })
}

struct Scan<'a> {
    promised: &'a Promise,
    frontier: TwinFrontier,
}

impl Scan<'_> {
    fn entry(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        let leaf = LeafIndex::new(self.frontier.size().get()).unwrap_or_default();
        // What cannot be read as an entry is not the record; whether it is the published one, the roots tell.
        if Entry::from_bytes(bytes).is_ok_and(|entry| entry.record_id() == self.promised.record) {
            return Err(EvidenceError::Kept(leaf));
        }
        self.frontier.push_entry(bytes).map_err(|error| EvidenceError::Copy(error.to_string()))?;
        Ok(())
    }
}

pub(super) fn verify_leaf(
    trust: &Trust,
    holders: &Holders,
    promise: &[u8],
    receipt: &[u8],
) -> Result<VerifiedEvidence, EvidenceError> {
    let promised = Promised::read(trust, holders, promise)?;
    let judged = promised.promise.judged.clone().ok_or(EvidenceError::NothingPromised)?;
    let receipt = Receipt::from_bytes(receipt)?.verify(trust)?;
    if receipt.leaf() != judged.leaf {
        return Err(EvidenceError::OtherLeaf { found: receipt.leaf(), promised: judged.leaf });
    }
    let entry = receipt.entry();
    if entry.record_id() == promised.promise.record
        && entry.verdict == judged.verdict
        && entry.time_ms == judged.time_ms
    {
        return Err(EvidenceError::AsPromised(judged.leaf));
    }
    let there = What::Entry {
        leaf: receipt.leaf().get(),
        record: entry.record_id(),
        verdict: entry.verdict.to_string(),
        time_ms: entry.time_ms,
    };
    let statements = vec![
        promised.statement(),
        published(receipt.checkpoint(), holders),
        Statement { what: there, signers: Vec::new() },
    ];
    let (kind, consequence) = (EvidenceKind::FalsePromise, promised.convicts());
    Ok(VerifiedEvidence { kind, statements, consequence, confidential: false })
}
