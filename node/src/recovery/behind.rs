//! The records behind the published size: they go into the outbox, from which they are submitted again.
//!
//! A promise that was given for one of them is kept by that, at another leaf; if it comes too late, it is broken, and says so.
//! A record may be judged otherwise the second time: an identification whose attestation has expired meanwhile is refused,
//! and the voter's line stays free. Nothing is dropped silently.

use tamga_consensus::{LogPlace, NodeId, payloads_behind};
use tamga_ledger::batch::SignedBatch;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::store::{Confidential, Store};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::LeafIndex;

use super::{RecoverError, Recovery, io, registry_at};
use crate::core::{add_to_outbox, cluster_id};

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Behind {
    pub(super) resubmitted: u64,
    pub(super) passed_over: u64,
}

pub(super) fn resubmit(recovery: &Recovery, old: &Store) -> Result<Behind, RecoverError> {
    let mut behind = Behind::default();
    let mut records = Vec::new();
    for index in recovery.epoch.size..old.size().get() {
        let leaf = LeafIndex::new(index).map_err(|error| RecoverError::Refused(error.to_string()))?;
        match submission(old, leaf)? {
            Some(submission) => records.push(submission.to_bytes()),
            None => behind.passed_over += 1,
        }
    }
    records.extend(from_log(recovery, old)?);
    let (config, seams) = (&recovery.config, &recovery.seams);
    let folder = config.data_dir.join("outbox");
    let (disk, entropy) = (seams.disk.as_ref(), seams.entropy.as_ref());
    let added = add_to_outbox(disk, &folder, entropy, &records, seams.clock.now_ms());
    let added = added.map_err(io("write", &folder))?;
    behind.resubmitted = added;
    Ok(behind)
}

/// An entry's record as it was submitted; none if the entry holds a stub, or a body that is not here any more.
fn submission(old: &Store, leaf: LeafIndex) -> Result<Option<Submission>, RecoverError> {
    let Ok(Entry { payload: Payload::Full(signed), .. }) = Entry::from_bytes(&old.entry(leaf)?) else {
        return Ok(None);
    };
    Ok(match old.confidential(leaf)? {
        Confidential::None => Some(Submission::public(signed)),
        Confidential::Kept { body, .. } => Some(Submission { signed, confidential: body }),
        Confidential::Erased { .. } => None,
    })
}

/// The items of batches that are in the log and were never applied. Whether they were committed nobody here can know.
fn from_log(recovery: &Recovery, old: &Store) -> Result<Vec<Vec<u8>>, RecoverError> {
    let number = recovery.epoch.number.saturating_sub(1);
    let place = LogPlace {
        folder: recovery.config.data_dir.join("raft"),
        cluster: cluster_id(&recovery.genesis, number),
        node: NodeId(u64::from(recovery.config.node)),
    };
    let applied = old.position().map(|position| tamga_consensus::LogPosition {
        term: position.term,
        leader: NodeId(position.leader),
        index: position.index,
    });
    let payloads = payloads_behind(recovery.seams.disk.as_ref(), &place, applied);
    let payloads = payloads.map_err(|error| RecoverError::Log(error.to_string()))?;
    let nodes = registry_at(old, old.size(), &recovery.genesis)?;
    let election = recovery.genesis.election_id();
    // A record is checked by its own signatures when it is sequenced again; here only what is a batch counts.
    let batches = payloads.iter().filter_map(|payload| {
        SignedBatch::verify(payload, election, |id| nodes.batch_key(id)).ok().map(SignedBatch::into_batch)
    });
    Ok(batches.flat_map(|batch| batch.items.into_iter().map(|item| item.0)).collect())
}
