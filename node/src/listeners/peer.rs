//! The listener for nodes: mutual TLS, and the caller's node id in every request.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use tamga_consensus::{NodeId, PeerIdentity, Stream};
use tamga_ledger::ids::Digest;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::accept::Handler;
use super::guarded::Guarded;
use super::http::{HttpServer, Version};
use super::stop::Stop;
use crate::tls::LivePins;

/// Serves connections of other nodes.
pub struct PeerListener {
    /// HTTP/2 with the services for nodes.
    pub server: HttpServer,
    /// From [`crate::tls::peer_server`].
    pub tls: TlsAcceptor,
    /// Whose certificate is whose.
    pub pins: LivePins,
    /// How long the handshake may take.
    pub handshake_timeout: Duration,
    /// How long a peer may take none of our bytes.
    pub write_stall_max: Duration,
}

impl std::fmt::Debug for PeerListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerListener").field("pins", &self.pins).finish_non_exhaustive()
    }
}

impl PeerListener {
    fn identity(&self, stream: &TlsStream<Guarded>) -> Option<(NodeId, Digest)> {
        let (_, connection) = stream.get_ref();
        self.pins.node_and_pin(connection.peer_certificates()?.first()?)
    }
}

fn refused(from: SocketAddr, reason: &str) {
    metrics::counter!("tamga_peer_connections_refused_total").increment(1);
    tracing::warn!(%from, reason, "refused a connection to the listener for nodes");
}

#[async_trait]
impl Handler for PeerListener {
    fn name(&self) -> &'static str {
        "peer"
    }

    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr, stop: &Stop) {
        let stream = Guarded::new(stream, self.write_stall_max);
        let stream = match tokio::time::timeout(self.handshake_timeout, self.tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return refused(from, &format!("the TLS handshake failed: {error}")),
            Err(_) => return refused(from, "the TLS handshake took too long"),
        };
        // The verifier let only pinned certificates pass, so this always finds one.
        let Some((node, pin)) = self.identity(&stream) else {
            return refused(from, "the certificate is not that of a node of this election");
        };
        tracing::debug!(%from, peer = node.0, "a node connected");
        let identify = move |request: &mut http::Request<_>| {
            request.extensions_mut().insert(PeerIdentity(node));
        };
        tokio::select! {
            biased;
            () = self.pins.withdrawn(pin) => {
                tracing::info!(%from, peer = node.0, "the node was removed, or this key of it taken back; its connection is cut");
            }
            served = self.server.serve(stream, Version::Two, stop, identify) => if let Err(error) = served {
                tracing::debug!(%from, peer = node.0, %error, "a node's connection ended");
            },
        }
    }
}
