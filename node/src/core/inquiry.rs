//! Has this voter been admitted? Answered for everything that was decided before the question, on any node.
//!
//! inquiry ─► may they ask? ─► a quorum confirms the leader (ReadIndex), this node applies up to there ─► signed answer
//!
//! Works on leaders, followers and learners alike, and not at all without a quorum: no answer is better than an old one.

use std::sync::Arc;

use bytes::Bytes;
use tamga_ledger::inquiry::{INQUIRY_BYTES_MAX, Inquiry, InquiryError};
use tamga_platform::blocking::BlockingExt as _;

use super::answer::{BarrierError, InquiryFailed};
use super::lock::Access as _;
use super::shared::Shared;

impl Shared {
    /// Answers an inquiry with signed bytes. Neither tag nor answer is ever logged or measured.
    pub(crate) async fn inquire(self: &Arc<Self>, sent: Bytes) -> Result<Vec<u8>, InquiryFailed> {
        let answer = self.inquire_uncounted(sent).await;
        let outcome = match &answer {
            Ok(_) => "answered",
            Err(InquiryFailed::Refused(_)) => "refused",
            Err(InquiryFailed::Unavailable(_)) => "unavailable",
        };
        metrics::counter!("tamga_inquiries_total", "answer" => outcome).increment(1);
        answer
    }

    async fn inquire_uncounted(self: &Arc<Self>, sent: Bytes) -> Result<Vec<u8>, InquiryFailed> {
        if sent.len() > INQUIRY_BYTES_MAX {
            return Err(InquiryError::Content.into());
        }
        let unavailable = |what: &str| InquiryFailed::Unavailable(BarrierError(what.to_owned()));
        let Ok(_place) = self.admissions.try_acquire() else {
            return Err(unavailable("too many questions are waiting at this node"));
        };
        // First whether they may ask: a quorum is not troubled for strangers. A key this node does not have yet may be in
        // what it has not applied.
        let early = self.check_inquiry(&sent).await;
        if let Err(error) = &early
            && !matches!(error, InquiryError::Key)
        {
            return Err(error.clone().into());
        }
        let Some(consensus) = self.consensus.get() else { return Err(unavailable("this node is starting")) };
        let barrier = consensus.read_barrier().await;
        barrier.map_err(|error| InquiryFailed::Unavailable(BarrierError(error.to_string())))?;
        let inquiry = match early {
            Ok(inquiry) => inquiry,
            Err(_) => self.check_inquiry(&sent).await?,
        };
        // One look: size and answer belong together.
        let answer = inquiry.answer(&sent, &self.state.look(), self.seams.clock.now_ms());
        let signed = self.signing(&self.promise_key(), move |key| answer.sign_with(key)).await;
        signed.map_err(|error| unavailable(&error.to_string()))
    }

    async fn check_inquiry(self: &Arc<Self>, sent: &Bytes) -> Result<Inquiry, InquiryError> {
        let (shared, sent) = (Arc::clone(self), sent.clone());
        let check = move || Inquiry::admit(&sent, &shared.state.look(), shared.node, shared.seams.clock.now_ms());
        self.seams.blocking.run(check).await
    }
}
