//! The services for other nodes: consensus' own, and this crate's `Peer` adapted to the core. The caller's node id comes
//! from its certificate ([`PeerIdentity`]), never from a message.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response as HttpResponse;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tamga_consensus::PeerIdentity;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::tree::TreeSize;
use tamga_platform::blocking::BlockingExt as _;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::core::{Birth, Core, ServeError};
use crate::proto::peer_server::{Peer, PeerServer};
use crate::proto::{
    AnnounceReply, AnnounceRequest, BirthReply, BirthRequest, CompareBatchesReply, CompareBatchesRequest, EntriesPart,
    ForwardReply, ForwardRequest, GetCosignaturesReply, GetCosignaturesRequest, GetHighestCosignedReply,
    GetHighestCosignedRequest, GetHistoryReply, GetHistoryRequest, OfferCosignatureReply, OfferCosignatureRequest,
    TakeEntriesRequest,
};

/// Longest message of this service: forwarded records come in bundles of about a megabyte.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// Everything on the port for nodes.
pub fn router(core: &Arc<Core>) -> Router {
    let peer = PeerServer::new(Service { core: Arc::clone(core) }).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let services = Routes::new(core.raft_service()).add_service(peer).add_service(crate::repair::service(core));
    let services = services.into_axum_router();
    services.layer(from_fn_with_state(Arc::clone(core), in_force))
}

/// Nobody is heard who is not a node, or is one no more. TLS has refused such connections already; this holds for those
/// under way as well, and where a simulation has no TLS.
async fn in_force(State(core): State<Arc<Core>>, request: HttpRequest, next: Next) -> HttpResponse {
    let identity = request.extensions().get::<PeerIdentity>().copied();
    match identity {
        Some(PeerIdentity(node)) if !core.knows_node(node) => {
            Status::permission_denied(format!("{node} is not a node of this election, or was removed")).into_http()
        }
        _ => next.run(request).await,
    }
}

#[derive(Debug)]
struct Service {
    core: Arc<Core>,
}

/// The node at the other end.
fn caller<T>(request: &Request<T>) -> Result<u32, Status> {
    let identity = request.extensions().get::<PeerIdentity>();
    identity
        .and_then(|PeerIdentity(node)| u32::try_from(node.0).ok())
        .ok_or_else(|| Status::permission_denied("the connection does not prove which node it comes from"))
}

fn refusal(error: &ServeError) -> Status {
    match error {
        ServeError::NotYet { .. } => Status::failed_precondition(error.to_string()),
        ServeError::Range { .. } => Status::invalid_argument(error.to_string()),
        ServeError::Busy => Status::resource_exhausted(error.to_string()),
        ServeError::Unavailable => Status::unavailable(error.to_string()),
    }
}

#[tonic::async_trait]
impl Peer for Service {
    async fn forward(&self, request: Request<ForwardRequest>) -> Result<Response<ForwardReply>, Status> {
        let from = caller(&request)?;
        let taken = self.core.forward(from, request.into_inner().submissions).await;
        Ok(Response::new(ForwardReply { taken }))
    }

    async fn offer_cosignature(
        &self,
        request: Request<OfferCosignatureRequest>,
    ) -> Result<Response<OfferCosignatureReply>, Status> {
        let from = caller(&request)?;
        let note = self.core.offer_cosignature(from, &request.into_inner().note).await;
        Ok(Response::new(OfferCosignatureReply { note }))
    }

    type TakeEntriesStream = BoxStream<'static, Result<EntriesPart, Status>>;

    async fn take_entries(
        &self,
        request: Request<TakeEntriesRequest>,
    ) -> Result<Response<Self::TakeEntriesStream>, Status> {
        let from = caller(&request)?;
        tracing::debug!(from, request = ?request.get_ref(), "a node takes entries");
        let parts = self.core.entries(request.into_inner()).map_err(|error| refusal(&error))?;
        Ok(Response::new(parts.map(|part| part.map_err(|error| refusal(&error))).boxed()))
    }

    async fn get_cosignatures(
        &self,
        request: Request<GetCosignaturesRequest>,
    ) -> Result<Response<GetCosignaturesReply>, Status> {
        caller(&request)?;
        let size =
            TreeSize::new(request.into_inner().size).map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(GetCosignaturesReply { note: self.core.cosignatures(size).await }))
    }

    async fn compare_batches(
        &self,
        request: Request<CompareBatchesRequest>,
    ) -> Result<Response<CompareBatchesReply>, Status> {
        caller(&request)?;
        Ok(Response::new(self.core.compare_batches(request.get_ref())))
    }

    async fn get_highest_cosigned(
        &self,
        request: Request<GetHighestCosignedRequest>,
    ) -> Result<Response<GetHighestCosignedReply>, Status> {
        caller(&request)?;
        let key = <[u8; 32]>::try_from(request.get_ref().key.as_ref())
            .map_err(|_| Status::invalid_argument("a public key has 32 bytes"))?;
        Ok(Response::new(GetHighestCosignedReply { note: self.core.highest_cosigned(&PublicKey(key)).await }))
    }

    async fn get_history(&self, request: Request<GetHistoryRequest>) -> Result<Response<GetHistoryReply>, Status> {
        caller(&request)?;
        let core = Arc::clone(&self.core);
        let history = self.core.blocking().run(move || core.history()).await;
        let history = history.map_err(|_| Status::internal("this node cannot read its ledger; ask another"))?;
        Ok(Response::new(GetHistoryReply { history: Bytes::copy_from_slice(&history) }))
    }

    async fn announce(&self, request: Request<AnnounceRequest>) -> Result<Response<AnnounceReply>, Status> {
        let from = caller(&request)?;
        Ok(Response::new(self.core.announce(from, request.into_inner()).await))
    }

    async fn birth(&self, request: Request<BirthRequest>) -> Result<Response<BirthReply>, Status> {
        let from = caller(&request)?;
        let birth = Birth::from_slice(&request.get_ref().birth);
        let birth = birth.ok_or_else(|| Status::invalid_argument("a birth has 16 bytes"))?;
        let reply = self.core.witness(from, birth).await;
        reply
            .map(Response::new)
            .ok_or_else(|| Status::unavailable("this node can witness nothing now; ask another one"))
    }
}
