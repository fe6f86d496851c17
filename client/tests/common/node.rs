//! A node that is played: answers as it is told, over real sockets.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "shared by several test programs")]

use super::{ORGANISATIONS, key};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tamga_client::proto::submit_reply::Answer;
use tamga_client::proto::{SubmitReply, SubmitRequest, Unavailable};
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::promise::{Judged, NodeRefusal, Promise};
use tamga_ledger::submission::{Submission, submission_digest};
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::verdict::Verdict;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

#[allow(clippy::all, unused_qualifications, reason = "generated")]
pub mod generated {
    include!(concat!(env!("OUT_DIR"), "/server/tamga.v1.rs"));
}

/// How a node behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    Honest,
    Pending,
    Refuses(&'static str),
    SignsWithAnotherKey,
    SpeaksForAnotherNode,
    AnswersForAnotherRecord,
    RefusesOtherBytes,
    Busy,
    Hangs,
    Fails,
    /// Closes each stream after that many answers.
    Drops(u64),
    /// Says "try again" to every other submission once.
    OftenBusy,
}

#[derive(Debug)]
struct Inner {
    node: u32,
    election: ElectionId,
    manner: Mutex<Manner>,
    /// How often each record came.
    seen: Mutex<BTreeMap<RecordId, u64>>,
    answered: AtomicU64,
    receipts: Mutex<BTreeMap<RecordId, Vec<u8>>>,
}

#[derive(Debug, Clone)]
pub struct PlayedNode {
    inner: Arc<Inner>,
    pub address: SocketAddr,
    task: Arc<JoinHandle<()>>,
}

impl Drop for PlayedNode {
    fn drop(&mut self) {
        if Arc::strong_count(&self.task) == 1 {
            self.task.abort();
        }
    }
}

impl PlayedNode {
    pub async fn start(node: u32, election: ElectionId, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Self::inner(node, election, manner);
        let server = server(&inner).serve_with_incoming(TcpListenerStream::new(listener));
        let task = Arc::new(tokio::spawn(async move { server.await.unwrap() }));
        Self { inner, address, task }
    }

    /// The same behind TLS with this certificate.
    pub async fn start_tls(node: u32, election: ElectionId, tls: rustls::ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Self::inner(node, election, Manner::Honest);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let (send, receive) = mpsc::unbounded_channel::<std::io::Result<TlsIo>>();
        let accepting = async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not like the certificate goes away; others are served on.
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = send.send(Ok(TlsIo(stream)));
                }
            }
        };
        let server = server(&inner).serve_with_incoming(UnboundedReceiverStream::new(receive));
        let task = Arc::new(tokio::spawn(async move {
            tokio::join!(accepting, server).1.unwrap();
        }));
        Self { inner, address, task }
    }

    fn inner(node: u32, election: ElectionId, manner: Manner) -> Arc<Inner> {
        Arc::new(Inner {
            node,
            election,
            manner: Mutex::new(manner),
            seen: Mutex::default(),
            answered: AtomicU64::new(0),
            receipts: Mutex::default(),
        })
    }

    pub fn behave(&self, manner: Manner) {
        *self.inner.manner.lock().unwrap() = manner;
    }

    pub fn seen(&self, record: &RecordId) -> u64 {
        self.inner.seen.lock().unwrap().get(record).copied().unwrap_or(0)
    }

    pub fn give_receipt(&self, record: RecordId, receipt: Vec<u8>) {
        self.inner.receipts.lock().unwrap().insert(record, receipt);
    }
}

fn server(inner: &Arc<Inner>) -> tonic::transport::server::Router {
    let service = Service(Arc::clone(inner));
    tonic::transport::Server::builder()
        .add_service(generated::submission_server::SubmissionServer::new(service.clone()))
        .add_service(generated::reading_server::ReadingServer::new(service))
}

#[derive(Debug, Clone)]
struct Service(Arc<Inner>);

impl Service {
    fn manner(&self) -> Manner {
        self.0.manner.lock().unwrap().clone()
    }

    async fn answer(&self, bytes: &Bytes) -> Result<Answer, Status> {
        let submission = Submission::from_bytes(bytes).unwrap();
        let id = submission.signed.id();
        let seen = {
            let mut seen = self.0.seen.lock().unwrap();
            let seen = seen.entry(id).or_default();
            *seen += 1;
            *seen
        };
        let busy = || {
            Answer::Unavailable(Unavailable { text: "busy".to_owned(), retry_after_ms: 10, code: "busy".to_owned() })
        };
        Ok(match self.manner() {
            Manner::Honest | Manner::Drops(_) => self.promise(id, true, self.0.node, self.0.node),
            Manner::Pending => self.promise(id, seen > 2, self.0.node, self.0.node),
            Manner::Refuses(code) => self.refusal(bytes, code),
            Manner::SignsWithAnotherKey => self.promise(id, true, self.0.node, self.0.node % 3 + 1),
            Manner::SpeaksForAnotherNode => {
                let other = self.0.node % 3 + 1;
                self.promise(id, true, other, other)
            }
            Manner::AnswersForAnotherRecord => self.promise(RecordId([9; 32]), true, self.0.node, self.0.node),
            Manner::RefusesOtherBytes => self.refusal(&Bytes::from_static(b"other"), "bad-signature"),
            Manner::Busy => busy(),
            Manner::OftenBusy if seen == 1 && id.0[0].is_multiple_of(2) => busy(),
            Manner::OftenBusy => self.promise(id, true, self.0.node, self.0.node),
            Manner::Hangs => std::future::pending().await,
            Manner::Fails => return Err(Status::internal("broken")),
        })
    }

    fn promise(&self, record: RecordId, judged: bool, node: u32, signer: u32) -> Answer {
        let verdict = Verdict::Accepted(Vec::new());
        let judged = judged.then(|| Judged { leaf: LeafIndex::new(7).unwrap(), time_ms: 5, verdict });
        let promise = Promise { election: self.0.election, record, node, deadline_ms: 1_000, judged };
        Answer::Promise(promise.sign(&promise_key(signer)).into())
    }

    fn refusal(&self, bytes: &Bytes, code: &str) -> Answer {
        let refusal = NodeRefusal {
            version: 1,
            election: self.0.election,
            submission: submission_digest(bytes),
            node: self.0.node,
            time_ms: 1,
            code: code.to_owned(),
            text: "as told".to_owned(),
        };
        Answer::Refusal(refusal.sign(&promise_key(self.0.node)).into())
    }
}

fn promise_key(node: u32) -> ed25519_dalek::SigningKey {
    key(&format!("{}/promise", ORGANISATIONS[node as usize - 1]))
}

fn reply(correlation: u64, answer: Answer) -> generated::SubmitReply {
    use generated::submit_reply::Answer as Out;
    let answer = match answer {
        Answer::Promise(bytes) => Out::Promise(bytes),
        Answer::Refusal(bytes) => Out::Refusal(bytes),
        Answer::Unavailable(busy) => Out::Unavailable(generated::Unavailable {
            text: busy.text,
            retry_after_ms: busy.retry_after_ms,
            code: busy.code,
        }),
    };
    generated::SubmitReply { correlation, answer: Some(answer) }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl generated::submission_server::Submission for Service {
    async fn submit(
        &self,
        request: Request<generated::SubmitRequest>,
    ) -> Result<Response<generated::SubmitReply>, Status> {
        let request = request.into_inner();
        Ok(Response::new(reply(request.correlation, self.answer(&request.submission).await?)))
    }

    async fn inquire(
        &self,
        _: Request<generated::InquireRequest>,
    ) -> Result<Response<generated::InquireReply>, Status> {
        Err(Status::unimplemented("this node is played"))
    }

    type SubmitStreamStream = Answers<generated::SubmitReply>;

    async fn submit_stream(
        &self,
        request: Request<Streaming<generated::SubmitRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let (service, mut requests) = (self.clone(), request.into_inner());
        let (send, receive) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut answered = 0;
            while let Some(Ok(request)) = requests.next().await {
                let answer = service.answer(&request.submission).await;
                if send.send(answer.map(|answer| reply(request.correlation, answer))).is_err() {
                    return;
                }
                answered += 1;
                service.0.answered.fetch_add(1, Ordering::Relaxed);
                if matches!(service.manner(), Manner::Drops(after) if answered >= after) {
                    // Requests read ahead stay unanswered.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(receive))))
    }
}

#[tonic::async_trait]
impl generated::reading_server::Reading for Service {
    async fn get_checkpoint(
        &self,
        _: Request<generated::GetCheckpointRequest>,
    ) -> Result<Response<generated::GetCheckpointReply>, Status> {
        Err(Status::unavailable("none"))
    }

    type WatchCheckpointsStream = Answers<generated::GetCheckpointReply>;

    async fn watch_checkpoints(
        &self,
        _: Request<generated::WatchCheckpointsRequest>,
    ) -> Result<Response<Self::WatchCheckpointsStream>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn get_receipt(
        &self,
        request: Request<generated::GetReceiptRequest>,
    ) -> Result<Response<generated::GetReceiptReply>, Status> {
        let Some(generated::get_receipt_request::What::RecordId(id)) = request.into_inner().what else {
            return Err(Status::invalid_argument("by id only"));
        };
        let receipts = self.0.receipts.lock().unwrap();
        let receipt = receipts.get(&RecordId::try_from(&id[..]).unwrap());
        let receipt = receipt.ok_or_else(|| Status::not_found("no such record"))?;
        Ok(Response::new(generated::GetReceiptReply { receipt: receipt.clone().into() }))
    }

    async fn get_policy_history(
        &self,
        _: Request<generated::GetPolicyHistoryRequest>,
    ) -> Result<Response<generated::GetPolicyHistoryReply>, Status> {
        let history = tamga_ledger::history::History::default().to_bytes().into();
        Ok(Response::new(generated::GetPolicyHistoryReply { history }))
    }

    async fn get_document(
        &self,
        _: Request<generated::GetDocumentRequest>,
    ) -> Result<Response<generated::GetDocumentReply>, Status> {
        Err(Status::unimplemented("not played"))
    }

    type StreamEntriesStream = Answers<generated::EntryBundle>;

    async fn stream_entries(
        &self,
        _: Request<generated::StreamEntriesRequest>,
    ) -> Result<Response<Self::StreamEntriesStream>, Status> {
        Err(Status::unimplemented("not played"))
    }
}

/// What the client sends and gets, so that both sides' types are used.
pub type Wire = (SubmitRequest, SubmitReply);

#[derive(Debug)]
pub struct TlsIo(tokio_rustls::server::TlsStream<tokio::net::TcpStream>);

impl tonic::transport::server::Connected for TlsIo {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl tokio::io::AsyncRead for TlsIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl tokio::io::AsyncWrite for TlsIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
