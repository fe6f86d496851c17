//! Has this voter been admitted? Asked of one node after the other until one answers in a way that can be relied on.

use super::client::{DeviceClient, Inner, status_text};
use super::error::{Attempt, DeviceError};
use crate::proto::InquireRequest;
use bytes::Bytes;
use tamga_ledger::ids::{Nonce, Tag};
use tamga_ledger::inquiry::{Answer, Inquiry, Standing};
use tamga_ledger::sign::Signer;
use tamga_platform::entropy::random_bytes;
use tokio::time::timeout;

/// A voter somebody asks about.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose roll the voter is on.
    pub home_station: u32,
    /// The voter.
    pub tag: Tag,
    /// For a device: the registry's word that the voter stands before it. None for the registry itself.
    pub standing: Option<Standing>,
}

/// An answer that verified, and its bytes: evidence, should it prove to be wrong.
#[derive(Debug, Clone)]
pub struct VerifiedAnswer {
    /// What the node says.
    pub answer: Answer,
    /// Its signed bytes.
    pub bytes: Vec<u8>,
    /// The signed inquiry that it answers.
    pub inquiry: Vec<u8>,
}

impl DeviceClient {
    /// Asks whether a voter has been admitted, with the key of a registry or a device; `now_ms` is the asker's clock. The
    /// answer holds for everything that was decided before this call, whichever node gives it.
    ///
    /// # Errors
    /// [`DeviceError::Deadline`] when no node gives an answer that verifies; the attempts say why.
    pub async fn inquire(
        &self,
        question: &Question,
        key: &dyn Signer,
        now_ms: u64,
    ) -> Result<VerifiedAnswer, DeviceError> {
        let (inner, mut attempts) = (&self.inner, Vec::new());
        let first = inner.first_node();
        for turn in 0..inner.nodes.len() {
            let place = (first + turn) % inner.nodes.len();
            match inner.inquire_at(place, question, key, now_ms).await {
                Ok(answer) => return Ok(answer),
                Err(attempt) => attempts.push(attempt),
            }
        }
        let waited_ms = u64::try_from(inner.options.attempt.as_millis()).unwrap_or(u64::MAX);
        Err(DeviceError::Deadline { waited_ms, attempts })
    }
}

impl Inner {
    async fn inquire_at(
        &self,
        place: usize,
        question: &Question,
        key: &dyn Signer,
        now_ms: u64,
    ) -> Result<VerifiedAnswer, Attempt> {
        let Some(channel) = self.nodes.get(place) else {
            return Err(Attempt { node: 0, what: "there is no such node".to_owned() });
        };
        let node = channel.node;
        let failed = |what: String| Attempt { node, what };
        // For this node and this moment only: what another node is asked is signed anew.
        let inquiry = Inquiry {
            version: 1,
            election: *self.trust.election_id(),
            node,
            key: key.public_key().id(),
            at_ms: now_ms,
            nonce: Nonce(random_bytes(&*self.entropy)),
            home_station: question.home_station,
            tag: question.tag,
            standing: question.standing.iter().cloned().collect(),
        };
        let sent = inquiry.sign_with(key).map_err(|error| failed(error.to_string()))?;
        let mut client = channel.submission.clone();
        let request = client.inquire(InquireRequest { inquiry: Bytes::from(sent.clone()) });
        let reply = match timeout(self.options.attempt, request).await {
            Err(_) => return Err(failed("no answer in time".to_owned())),
            Ok(Err(status)) => return Err(failed(status_text(&status))),
            Ok(Ok(reply)) => reply.into_inner().answer,
        };
        let answer = Answer::verify(&reply, &inquiry, &sent, &channel.promise_key);
        let answer = answer.map_err(|error| failed(format!("an answer that cannot be relied on: {error}")))?;
        Ok(VerifiedAnswer { answer, bytes: reply.to_vec(), inquiry: sent })
    }
}
