//! The gRPC service for programs that read: checkpoints, receipts, entries, and every document of the HTTP side.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::middleware::from_fn_with_state;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{StatusCode, Uri, header};
use tamga_ledger::ids::RecordId;
use tamga_ledger::store::{Store, StoreError};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};
use tower::ServiceExt as _;

use super::problem::{self, Problem};
use super::{Site, edge, openapi, tiles};
use crate::listeners::Caller;
use crate::proto::get_receipt_request::What;
use crate::proto::reading_server::Reading;
use crate::proto::{
    EntryBundle, GetCheckpointReply, GetCheckpointRequest, GetDocumentReply, GetDocumentRequest, GetPolicyHistoryReply,
    GetPolicyHistoryRequest, GetReceiptReply, GetReceiptRequest, StreamEntriesRequest, WatchCheckpointsRequest,
};

/// Most entries of one message, and bytes of entries and of confidential bodies.
const BUNDLE_ENTRIES_MAX: u64 = 256;
const BUNDLE_BYTES_MAX: usize = 1 << 20;

/// Most bytes of a document; with its frame below the 4 MiB that gRPC clients take unless told otherwise.
const DOCUMENT_BYTES_MAX: usize = 4_000_000;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Service {
    site: Arc<Site>,
    /// The HTTP side's routes for programs, without what only browsers need.
    documents: Router,
}

impl Service {
    pub(super) fn new(site: Arc<Site>) -> Self {
        let mut documents = Router::new();
        // A stream of events never ends: `WatchCheckpoints` is for that.
        for (path, route) in openapi::routes().into_iter().filter(|(path, _)| *path != openapi::EVENTS) {
            documents = documents.route(path, route);
        }
        let budget = from_fn_with_state(Arc::clone(&site), edge::within_budget);
        let documents = documents.layer(budget).with_state(Arc::clone(&site));
        Self { site, documents }
    }

    /// The document at an address, as the HTTP side would give it to this caller.
    async fn document(&self, address: &str, caller: Option<Caller>) -> Result<GetDocumentReply, Status> {
        let uri: Uri = address.parse().map_err(|error| Status::invalid_argument(format!("no address: {error}")))?;
        if !address.starts_with('/') || uri.authority().is_some() {
            return Err(Status::invalid_argument("an address is a path with its query, such as /api/v1/turnout"));
        }
        let mut asked = http::Request::new(Body::empty());
        *asked.uri_mut() = uri;
        if let Some(caller) = caller {
            asked.extensions_mut().insert(caller);
        }
        let Ok(answer) = self.documents.clone().oneshot(asked).await;
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, DOCUMENT_BYTES_MAX).await;
        let body = body.map_err(|_| Status::out_of_range("the document is too large for gRPC: ask the HTTP side"))?;
        if head.status != StatusCode::OK {
            return Err(problem::grpc_status(head.status, &body, address));
        }
        let field = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok(GetDocumentReply { content_type: field(header::CONTENT_TYPE), etag: field(header::ETAG), body })
    }

    /// The leaf a receipt is wanted for.
    fn wanted_leaf(&self, what: Option<What>) -> Result<LeafIndex, Status> {
        match what {
            Some(What::Leaf(leaf)) => LeafIndex::new(leaf).map_err(|error| Status::invalid_argument(error.to_string())),
            Some(What::RecordId(id)) => {
                let id = RecordId::try_from(&id[..])
                    .map_err(|_| Status::invalid_argument(format!("a record id has 32 bytes, not {}", id.len())))?;
                self.site.core.lookup(&id).ok_or_else(|| Problem::no_such_record().into_grpc())
            }
            None => Err(Status::invalid_argument("give a record id or a leaf index")),
        }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Reading for Service {
    async fn get_checkpoint(&self, _: Request<GetCheckpointRequest>) -> Result<Response<GetCheckpointReply>, Status> {
        let published = self.site.published().map_err(Problem::into_grpc)?;
        Ok(Response::new(GetCheckpointReply { note: published.note.clone() }))
    }

    type WatchCheckpointsStream = Answers<GetCheckpointReply>;

    async fn watch_checkpoints(
        &self,
        _: Request<WatchCheckpointsRequest>,
    ) -> Result<Response<Self::WatchCheckpointsStream>, Status> {
        // A reader who is slow misses intermediate checkpoints, never the latest.
        let checkpoints = WatchStream::new(self.site.core.published()).filter_map(|published| async move {
            published.map(|published| Ok(GetCheckpointReply { note: published.note.clone() }))
        });
        Ok(Response::new(Box::pin(checkpoints.take_until(self.site.stop.stopped()))))
    }

    async fn get_receipt(&self, request: Request<GetReceiptRequest>) -> Result<Response<GetReceiptReply>, Status> {
        let GetReceiptRequest { what, wait_ms } = request.into_inner();
        let leaf = self.wanted_leaf(what)?;
        let wait = self.site.wait(wait_ms).unwrap_or(Duration::ZERO);
        let receipt = self.site.core.receipt(leaf, wait).await;
        let receipt = receipt.map_err(|error| Problem::receipt(&error).into_grpc())?;
        Ok(Response::new(GetReceiptReply { receipt: receipt.to_bytes().into() }))
    }

    async fn get_policy_history(
        &self,
        _: Request<GetPolicyHistoryRequest>,
    ) -> Result<Response<GetPolicyHistoryReply>, Status> {
        let history = self.site.read(crate::core::Core::history).await;
        let history = history.map_err(|error| Problem::internal(&error).into_grpc())?;
        Ok(Response::new(GetPolicyHistoryReply { history: Bytes::copy_from_slice(&history) }))
    }

    async fn get_document(&self, request: Request<GetDocumentRequest>) -> Result<Response<GetDocumentReply>, Status> {
        let caller = request.extensions().get::<Caller>().copied();
        Ok(Response::new(self.document(&request.get_ref().address, caller).await?))
    }

    type StreamEntriesStream = Answers<EntryBundle>;

    async fn stream_entries(
        &self,
        request: Request<StreamEntriesRequest>,
    ) -> Result<Response<Self::StreamEntriesStream>, Status> {
        let StreamEntriesRequest { first_leaf, count } = request.into_inner();
        let published = self.site.published_size().map_err(Problem::into_grpc)?;
        let first = problem::size(first_leaf, published).map_err(Problem::into_grpc)?;
        let end = match count {
            0 => published,
            count => problem::size(first_leaf.saturating_add(count), published).map_err(Problem::into_grpc)?,
        };
        let site = Arc::clone(&self.site);
        let bundles = stream::try_unfold((site, first), move |(site, next)| async move {
            if next >= end {
                return Ok(None);
            }
            let bundle = next_bundle(&site, next, end).await?;
            let after = TreeSize::new(next.get() + bundle.entries.len() as u64);
            let after = after.map_err(|error| Status::internal(error.to_string()))?;
            Ok(Some((bundle, (site, after))))
        });
        Ok(Response::new(Box::pin(bundles.take_until(self.site.stop.stopped()))))
    }
}

async fn next_bundle(site: &Arc<Site>, next: TreeSize, end: TreeSize) -> Result<EntryBundle, Status> {
    let with_bodies = site.core.confidential_is_public();
    let bundle = site.read(move |core| bundle(core.store(), next, end, with_bodies)).await;
    let checkpoint_size = site.published_size().map_err(Problem::into_grpc)?.get();
    match bundle.map(|bundle| EntryBundle { checkpoint_size, ..bundle }) {
        Ok(bundle) if bundle.entries.is_empty() => Err(Status::internal("the ledger gave no entries")),
        Ok(bundle) => Ok(bundle),
        Err(error) => Err(Problem::internal(&error).into_grpc()),
    }
}

fn bundle(store: &Store, next: TreeSize, end: TreeSize, with_bodies: bool) -> Result<EntryBundle, StoreError> {
    let to = end.get().min(next.get().saturating_add(BUNDLE_ENTRIES_MAX));
    let impossible = |leaf| StoreError::NoSuchLeaf { leaf, size: store.size() };
    let first = LeafIndex::new(next.get()).map_err(|_| impossible(next.get()))?;
    let to = LeafIndex::new(to).map_err(|_| impossible(to))?;
    let mut entries: Vec<Bytes> = store.entries(first..to, BUNDLE_BYTES_MAX)?.into_iter().map(Bytes::from).collect();
    let (mut confidential, mut total) = (Vec::new(), 0);
    for index in (first.get()..).take(entries.len()) {
        let leaf = LeafIndex::new(index).map_err(|_| impossible(index))?;
        let body = if with_bodies { tiles::public_body(store, leaf)? } else { Vec::new() };
        total += body.len();
        if total > BUNDLE_BYTES_MAX && !confidential.is_empty() {
            break;
        }
        confidential.push(Bytes::from(body));
    }
    entries.truncate(confidential.len());
    // The caller adds the checkpoint's size.
    Ok(EntryBundle { first_leaf: first.get(), entries, confidential, checkpoint_size: 0 })
}
