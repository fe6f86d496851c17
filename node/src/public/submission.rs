//! The gRPC service for authors of records: one at a time, or many in flight on one stream.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, future};
use tamga_ledger::inquiry::InquiryError;
use tonic::{Request, Response, Status, Streaming};

use super::Site;
use crate::core::{Answer, InquiryFailed};
use crate::proto::submission_server::Submission;
use crate::proto::{InquireReply, InquireRequest, SubmitReply, SubmitRequest, Unavailable, submit_reply};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Service {
    site: Arc<Site>,
}

impl Service {
    pub(super) const fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

async fn answer(site: Arc<Site>, request: SubmitRequest) -> SubmitReply {
    let SubmitRequest { correlation, submission, wait_ms } = request;
    let answer = match site.core.submit(submission, site.wait(wait_ms)).await {
        Answer::Promise(signed) => submit_reply::Answer::Promise(signed.into()),
        Answer::Refusal { signed, .. } => submit_reply::Answer::Refusal(signed.into()),
        Answer::Unavailable { code, text, retry_after_ms } => {
            submit_reply::Answer::Unavailable(Unavailable { text, retry_after_ms, code: code.to_owned() })
        }
    };
    SubmitReply { correlation, answer: Some(answer) }
}

#[tonic::async_trait]
impl Submission for Service {
    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitReply>, Status> {
        Ok(Response::new(answer(Arc::clone(&self.site), request.into_inner()).await))
    }

    async fn inquire(&self, request: Request<InquireRequest>) -> Result<Response<InquireReply>, Status> {
        match self.site.core.inquire(request.into_inner().inquiry).await {
            Ok(answer) => Ok(Response::new(InquireReply { answer: answer.into() })),
            Err(InquiryFailed::Refused(why @ (InquiryError::Codec(_) | InquiryError::Content))) => {
                Err(Status::invalid_argument(why.to_string()))
            }
            Err(InquiryFailed::Refused(why)) => Err(Status::permission_denied(why.to_string())),
            Err(unavailable) => Err(Status::unavailable(unavailable.to_string())),
        }
    }

    type SubmitStreamStream = Pin<Box<dyn Stream<Item = Result<SubmitReply, Status>> + Send>>;

    async fn submit_stream(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let site = Arc::clone(&self.site);
        let in_flight_max = site.limits.stream_submissions_max as usize;
        // After the signal nothing more is read; what is in flight is still answered, then the stream ends.
        let requests = request.into_inner().take_until(site.stop.stopped());
        let replies = requests.map(move |request| {
            let site = Arc::clone(&site);
            match request {
                Ok(request) => future::Either::Left(async move { Ok(answer(site, request).await) }),
                Err(status) => future::Either::Right(future::ready(Err(status))),
            }
        });
        // Only so many are read ahead of their answers: the rest waits in the caller's window.
        Ok(Response::new(Box::pin(replies.buffer_unordered(in_flight_max))))
    }
}
