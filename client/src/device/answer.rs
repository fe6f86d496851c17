//! What nodes say, verified before anybody acts on it.

use crate::proto::submit_reply::Answer;
use std::time::Duration;
use tamga_ledger::ids::{PublicKey, RecordId};
use tamga_ledger::promise::{Judged, NodeRefusal, Promise, PromiseError};
use tamga_ledger::submission::submission_digest;
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::Verdict;

/// A node's word on a submission, its signature verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The record will be in the ledger, or is, with a verdict.
    Promised {
        /// What was promised.
        promise: Promise,
        /// The signed bytes: evidence, if the promise is broken.
        bytes: Vec<u8>,
    },
    /// The node did not take it; it is not in the ledger and will not be by this.
    Refused {
        /// Why, for programs and people.
        refusal: NodeRefusal,
        /// The signed bytes.
        bytes: Vec<u8>,
    },
}

impl Outcome {
    /// Where the record is and what the rules said, if that is known already.
    #[must_use]
    pub const fn judged(&self) -> Option<&Judged> {
        match self {
            Self::Promised { promise, .. } => promise.judged.as_ref(),
            Self::Refused { .. } => None,
        }
    }

    /// What the rules said, if that is known already.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        self.judged().map(|judged| &judged.verdict)
    }

    /// Whether the record is in the ledger and in force.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.verdict().is_some_and(Verdict::is_accepted)
    }
}

/// An outcome and how it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What the node said.
    pub outcome: Outcome,
    /// Which node said it.
    pub node: u32,
    /// How many times the bytes were sent, all nodes together.
    pub sent: u32,
}

/// A submission as it goes out, with what an answer has to match.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) bytes: bytes::Bytes,
    pub(super) id: RecordId,
}

/// What to do with an answer.
pub(super) enum Reading {
    /// Rely on it.
    Final(Outcome),
    /// Another node may know better: this one lags behind (it does not know a key that signed).
    Lagging(Outcome),
    /// A signature that does not verify: perhaps under a key that came later.
    Unsigned { what: String },
    /// Ask again, here or elsewhere.
    Retry { what: String, after: Duration },
    /// Ask another node: this one takes nothing for a while and says so itself.
    Elsewhere { what: String },
}

/// Codes of refusals that only say that the node has not caught up.
const LAGGING: [&str; 2] = ["unknown-key", "not-ready"];

pub(super) fn read(
    answer: Option<Answer>,
    sent: &Outgoing,
    node: u32,
    promise_key: PublicKey,
    trust: &Trust,
) -> Reading {
    // The key that the caller was given, and those that the organisations have registered since.
    let keys_of = |id: u32| -> Vec<PublicKey> {
        let registered = trust.registry().promise_keys(id);
        if id == node { std::iter::once(promise_key).chain(registered).collect() } else { Vec::new() }
    };
    let bad = |what: String| Reading::Retry { what, after: Duration::ZERO };
    match answer {
        None => bad("an empty answer".to_owned()),
        Some(Answer::Unavailable(busy)) if busy.retry_after_ms == 0 => {
            Reading::Elsewhere { what: shortened(&busy.text) }
        }
        Some(Answer::Unavailable(busy)) => {
            let after = Duration::from_millis(u64::from(busy.retry_after_ms).min(60_000));
            Reading::Retry { what: shortened(&busy.text), after }
        }
        Some(Answer::Promise(bytes)) => match Promise::verify(&bytes, keys_of) {
            Err(error @ PromiseError::Signature(_)) => Reading::Unsigned { what: error.to_string() },
            Err(error) => bad(format!("a promise that cannot be relied on: {error}")),
            Ok(promise) if promise.node != node || promise.election != *trust.election_id() => {
                bad("a promise of another node or for another election".to_owned())
            }
            Ok(promise) if promise.record != sent.id => bad("a promise for another record".to_owned()),
            Ok(promise) => Reading::Final(Outcome::Promised { promise, bytes: bytes.to_vec() }),
        },
        Some(Answer::Refusal(bytes)) => match NodeRefusal::verify(&bytes, keys_of) {
            Err(error @ PromiseError::Signature(_)) => Reading::Unsigned { what: error.to_string() },
            Err(error) => bad(format!("a refusal that cannot be relied on: {error}")),
            Ok(refusal) if refusal.node != node || refusal.election != *trust.election_id() => {
                bad("a refusal of another node or for another election".to_owned())
            }
            Ok(refusal) if refusal.submission != submission_digest(&sent.bytes) => {
                bad("a refusal of other bytes".to_owned())
            }
            Ok(refusal) => {
                let lagging = LAGGING.contains(&refusal.code.as_str());
                let outcome = Outcome::Refused { refusal, bytes: bytes.to_vec() };
                if lagging { Reading::Lagging(outcome) } else { Reading::Final(outcome) }
            }
        },
    }
}

/// A node's text, bounded: it is shown to people and kept in errors.
pub(super) fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
