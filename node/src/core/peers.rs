//! Calls to the other nodes' peer service, each with a timeout. Connections are opened when needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tamga_consensus::{Dialer, NodeId};
use tamga_ledger::history::HISTORY_BYTES_MAX;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::tree::TreeSize;
use tokio::sync::watch;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use super::roster::Roster;
use crate::core::catchup::PART_MESSAGE_BYTES;
use crate::proto::peer_client::PeerClient;
use crate::proto::{
    AnnounceReply, AnnounceRequest, BirthReply, BirthRequest, CompareBatchesReply, CompareBatchesRequest, EntriesPart,
    ForwardRequest, GetCosignaturesRequest, GetHighestCosignedRequest, GetHistoryRequest, OfferCosignatureRequest,
    TakeEntriesRequest,
};

/// Largest reply: a note.
const REPLY_BYTES_MAX: usize = 128 * 1024;
/// Largest reply to an announcement: the signed decisions about nodes.
pub(crate) const ANNOUNCE_BYTES_MAX: usize = 2 << 20;
/// Largest reply with a batch.
const BATCH_REPLY_BYTES_MAX: usize = tamga_ledger::batch::BATCH_BYTES_MAX + 4_096;
/// Largest request: a forwarded batch.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// The other nodes that are in force.
#[derive(Debug)]
pub(crate) struct Peers {
    own: u32,
    roster: watch::Receiver<Arc<Roster>>,
    clients: Mutex<BTreeMap<u32, PeerClient<Channel>>>,
    dialer: Arc<dyn Dialer>,
    timeout: Duration,
}

impl Peers {
    pub(crate) fn new(
        own: u32,
        roster: watch::Receiver<Arc<Roster>>,
        timeout: Duration,
        dialer: &Arc<dyn Dialer>,
    ) -> Self {
        Self { own, roster, clients: Mutex::default(), dialer: Arc::clone(dialer), timeout }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, PeerClient<Channel>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ids of the other nodes.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.roster.borrow().in_force().map(|(id, _)| id).filter(|id| *id != self.own).collect()
    }

    /// Lets go of nodes that were removed, with their connections.
    pub(crate) fn forget_removed(&self) {
        let roster = Arc::clone(&self.roster.borrow());
        self.lock().retain(|id, _| roster.get(*id).is_some());
    }

    /// Hands records to `to`; whether it took them.
    pub(crate) async fn forward(&self, to: u32, submissions: Vec<Bytes>) -> Result<bool, String> {
        let mut client = self.client(to)?;
        let call = client.forward(ForwardRequest { submissions });
        Ok(self.limited(to, call).await?.taken)
    }

    /// Shows `to` our note; its own with all signatures it knows, empty if it has not cut there.
    pub(crate) async fn offer(&self, to: u32, note: String) -> Result<String, String> {
        let mut client = self.client(to)?;
        let call = client.offer_cosignature(OfferCosignatureRequest { note });
        Ok(self.limited(to, call).await?.note)
    }

    /// Asks `to` for its note at `size` (0: its latest published one).
    pub(crate) async fn cosignatures(&self, to: u32, size: TreeSize) -> Result<String, String> {
        let mut client = self.client(to)?;
        let call = client.get_cosignatures(GetCosignaturesRequest { size: size.get() });
        Ok(self.limited(to, call).await?.note)
    }

    /// Asks `to` for the highest note it knows that this cosigner key has signed; empty for none.
    pub(crate) async fn highest_cosigned(&self, to: u32, key: &PublicKey) -> Result<String, String> {
        let mut client = self.client(to)?;
        let call = client.get_highest_cosigned(GetHighestCosignedRequest { key: key.0.to_vec().into() });
        Ok(self.limited(to, call).await?.note)
    }

    /// Asks `to` for its history, encoded.
    pub(crate) async fn history(&self, to: u32) -> Result<Bytes, String> {
        let mut client = self.client(to)?.max_decoding_message_size(HISTORY_BYTES_MAX + 1_024);
        Ok(self.limited(to, client.get_history(GetHistoryRequest {})).await?.history)
    }

    /// Asks `to` for entries; the timeout is for the beginning of the answer only.
    pub(crate) async fn entries(&self, to: u32, request: TakeEntriesRequest) -> Result<Streaming<EntriesPart>, String> {
        let mut client = self.client(to)?.max_decoding_message_size(PART_MESSAGE_BYTES);
        self.limited(to, client.take_entries(request)).await
    }

    /// Says to `to` what there is to say of this node, and hears the same of it.
    pub(crate) async fn announce(&self, to: u32, request: AnnounceRequest) -> Result<AnnounceReply, String> {
        let mut client = self.client(to)?.max_decoding_message_size(ANNOUNCE_BYTES_MAX);
        self.limited(to, client.announce(request)).await
    }

    /// Shows `to` the digests of our batches; one of its own that differs, if there is one.
    pub(crate) async fn compare_batches(
        &self,
        to: u32,
        request: CompareBatchesRequest,
    ) -> Result<CompareBatchesReply, String> {
        let mut client = self.client(to)?.max_decoding_message_size(BATCH_REPLY_BYTES_MAX);
        self.limited(to, client.compare_batches(request)).await
    }

    /// Asks `to` to witness this node's birth.
    pub(crate) async fn birth(&self, to: u32, request: BirthRequest) -> Result<BirthReply, String> {
        let mut client = self.client(to)?.max_decoding_message_size(ANNOUNCE_BYTES_MAX);
        self.limited(to, client.birth(request)).await
    }

    fn client(&self, to: u32) -> Result<PeerClient<Channel>, String> {
        if to == self.own || self.roster.borrow().get(to).is_none() {
            return Err(format!("node {to} is no other node of this election"));
        }
        let mut clients = self.lock();
        let client = clients.entry(to).or_insert_with(|| {
            PeerClient::new(connect(to, self.timeout, &self.dialer))
                .max_decoding_message_size(REPLY_BYTES_MAX)
                .max_encoding_message_size(REQUEST_BYTES_MAX)
        });
        Ok(client.clone())
    }

    async fn limited<T>(
        &self,
        to: u32,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, String> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(reply)) => Ok(reply.into_inner()),
            Ok(Err(status)) => Err(format!("node {to}: {}", status.message())),
            Err(_) => Err(format!("node {to} did not answer in {:?}", self.timeout)),
        }
    }
}

fn connect(node: u32, timeout: Duration, dialer: &Arc<dyn Dialer>) -> Channel {
    // The address is the dialer's business; HTTP only needs some name.
    let endpoint = Endpoint::from_static("http://peer")
        .connect_timeout(timeout)
        .http2_keep_alive_interval(timeout)
        .keep_alive_timeout(timeout)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let (dialer, node) = (Arc::clone(dialer), NodeId(u64::from(node)));
    endpoint.connect_with_connector_lazy(tower::service_fn(move |_: http::Uri| {
        let dialer = Arc::clone(&dialer);
        async move { dialer.dial(node, "").await.map(TokioIo::new) }
    }))
}
