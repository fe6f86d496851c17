//! Calls to the other nodes' peer service, each with a timeout. Connections are opened when needed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tamga_consensus::{Dialer, Member, NodeId};
use tamga_ledger::tree::TreeSize;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use crate::core::catchup::PART_MESSAGE_BYTES;
use crate::proto::peer_client::PeerClient;
use crate::proto::{EntriesPart, ForwardRequest, GetCosignaturesRequest, OfferCosignatureRequest, TakeEntriesRequest};

/// Largest reply: a note.
const REPLY_BYTES_MAX: usize = 128 * 1024;
/// Largest request: a forwarded batch.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// The other nodes.
#[derive(Debug)]
pub(crate) struct Peers {
    clients: BTreeMap<u32, PeerClient<Channel>>,
    timeout: Duration,
}

impl Peers {
    pub(crate) fn new(own: u32, members: &[Member], timeout: Duration, dialer: &Arc<dyn Dialer>) -> Self {
        let others = members.iter().filter(|member| member.id != NodeId(u64::from(own)));
        let clients = others.filter_map(|member| {
            let id = u32::try_from(member.id.0).ok()?;
            let client = PeerClient::new(connect(member, timeout, dialer))
                .max_decoding_message_size(REPLY_BYTES_MAX)
                .max_encoding_message_size(REQUEST_BYTES_MAX);
            Some((id, client))
        });
        Self { clients: clients.collect(), timeout }
    }

    /// Ids of the other nodes.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.clients.keys().copied()
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

    /// Asks `to` for entries; the timeout is for the beginning of the answer only.
    pub(crate) async fn entries(&self, to: u32, request: TakeEntriesRequest) -> Result<Streaming<EntriesPart>, String> {
        let mut client = self.client(to)?.max_decoding_message_size(PART_MESSAGE_BYTES);
        self.limited(to, client.take_entries(request)).await
    }

    fn client(&self, to: u32) -> Result<PeerClient<Channel>, String> {
        self.clients.get(&to).cloned().ok_or_else(|| format!("node {to} is no member"))
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

fn connect(member: &Member, timeout: Duration, dialer: &Arc<dyn Dialer>) -> Channel {
    // The address is the dialer's business; HTTP only needs some name.
    let endpoint = Endpoint::from_static("http://peer")
        .connect_timeout(timeout)
        .http2_keep_alive_interval(timeout)
        .keep_alive_timeout(timeout)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let (dialer, member) = (Arc::clone(dialer), member.clone());
    endpoint.connect_with_connector_lazy(tower::service_fn(move |_: http::Uri| {
        let (dialer, member) = (Arc::clone(&dialer), member.clone());
        async move { dialer.dial(member.id, &member.address).await.map(TokioIo::new) }
    }))
}
