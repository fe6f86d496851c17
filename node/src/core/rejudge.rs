//! Judging entries that were judged before, here or elsewhere: what replay and catch-up have in common.
//!
//! Signatures are verified again, in parallel; then every entry must come out of judging as the very bytes that are there.

use std::sync::Arc;

use tamga_ledger::entry::{Entry, EntryError, Payload};
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::judge::NewLeaf;
use tamga_ledger::state::State;
use tamga_ledger::submission::{Authentic, Confidential, Rejection, Submission, authenticate_submission};
use tamga_ledger::tree::LeafIndex;
use tamga_platform::blocking::{Blocking, BlockingExt as _};

use super::keys::Keys;

/// Threads that verify.
const TASKS: usize = 4;

/// One entry on its way.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) leaf: LeafIndex,
    /// As both trees hash it.
    pub(crate) bytes: Vec<u8>,
    pub(crate) entry: Entry,
    /// The confidential body; empty for none, or where it is withheld.
    pub(crate) body: Vec<u8>,
}

impl Read {
    /// Reads an entry's bytes.
    pub(crate) fn new(leaf: LeafIndex, bytes: Vec<u8>, body: Vec<u8>) -> Result<Self, EntryError> {
        Ok(Self { leaf, entry: Entry::from_bytes(&bytes)?, bytes, body })
    }

    /// The record's id; none for what is neither record nor stub of one.
    pub(crate) fn id(&self) -> RecordId {
        match &self.entry.payload {
            Payload::Full(signed) => signed.id(),
            Payload::Stub(stub) => stub.id,
        }
    }

    /// The submission it came from; none for a stub.
    fn submission(&self) -> Option<Submission> {
        match &self.entry.payload {
            Payload::Full(signed) => Some(Submission { signed: signed.clone(), confidential: self.body.clone() }),
            Payload::Stub(_) => None,
        }
    }
}

/// An entry with what verifying its signatures gave; nothing for a stub, which has none.
pub(crate) type Verified = (Read, Option<Result<Box<Authentic>, Rejection>>);

/// How entries are verified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rejudge<'a> {
    pub(crate) election: ElectionId,
    pub(crate) blocking: &'a Arc<dyn Blocking>,
    /// Whether confidential bodies have to be there.
    pub(crate) bodies: Confidential,
}

/// An entry that judging does not give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ledger entry {leaf}: {what}")]
pub(crate) struct Differs {
    pub(crate) leaf: LeafIndex,
    pub(crate) what: String,
}

impl Rejudge<'_> {
    /// Verifies the signatures of a round with the keys known now.
    pub(crate) async fn verify(&self, round: Vec<Read>, keys: &Keys) -> Vec<Verified> {
        let size = round.len().div_ceil(TASKS).max(1);
        let mut rest = round.into_iter();
        let mut running = Vec::with_capacity(TASKS);
        for _ in 0..TASKS {
            let part: Vec<Read> = rest.by_ref().take(size).collect();
            if part.is_empty() {
                break;
            }
            let (keys, election, bodies) = (keys.clone(), self.election, self.bodies);
            running.push(self.blocking.run(move || -> Vec<Verified> {
                part.into_iter()
                    .map(|read| {
                        let expected = if read.leaf == LeafIndex::ZERO { ElectionId::ZERO } else { election };
                        let result = read.submission().map(|submission| {
                            authenticate_submission(submission, &expected, &keys, bodies).map(Box::new)
                        });
                        (read, result)
                    })
                    .collect()
            }));
        }
        futures::future::join_all(running).await.into_iter().flatten().collect()
    }

    /// Judges one entry again and puts it into the state. The new leaf; none for a stub.
    pub(crate) fn judge(&self, state: &mut State, verified: Verified) -> Result<(Read, Option<NewLeaf>), Differs> {
        let (read, result) = verified;
        let differs = |what: String| Differs { leaf: read.leaf, what };
        let authentic = match result {
            None => {
                state.replay_unread(Some(&read.entry), &read.bytes);
                return Ok((read, None));
            }
            Some(Ok(authentic)) if !authentic.wants_key() => Ok(authentic),
            Some(Err(rejection)) if !rejection.wants_key() => Err(rejection),
            // A key registered within this round.
            Some(_) => {
                let again = read.submission().ok_or_else(|| differs("its record is not there".to_owned()))?;
                authenticate_submission(again, &self.election, &&*state, self.bodies).map(Box::new)
            }
        };
        let authentic = authentic.map_err(|rejection| differs(rejection.to_string()))?;
        let leaf = state.replay(&read.entry, &read.bytes, *authentic);
        let leaf = leaf.ok_or_else(|| differs("the ledger is full".to_owned()))?;
        if leaf.entry != read.bytes {
            let what = format!("it states \"{}\", judging gives \"{}\"", read.entry.verdict, leaf.verdict);
            return Err(differs(what));
        }
        Ok((read, Some(leaf)))
    }
}
