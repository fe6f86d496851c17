//! One node's channel.

use super::dial::{Connection, Dial};
use super::error::DeviceError;
use crate::pin;
use crate::proto::reading_client::ReadingClient;
use crate::proto::submission_client::SubmissionClient;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tamga_ledger::history::HISTORY_BYTES_MAX;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::nodes::Nodes;
use tamga_ledger::receipt::RECEIPT_BYTES_MAX;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

/// Longest answer to a submission: a promise and protobuf's own bytes.
const REPLY_BYTES_MAX: usize = 16 * 1024;

/// How bytes travel to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TLS 1.3, the server's key pinned to the one the organisations have registered.
    Tls,
    /// HTTP/2 in the clear: on one machine, or inside somebody else's tunnel. Answers are signed all the same.
    Plaintext,
}

/// Where a node listens for the public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// Its id.
    pub node: u32,
    /// `host:port`.
    pub address: String,
    /// How to talk to it.
    pub transport: Transport,
}

/// Clients of one node; connects on first use, and again when the connection is lost.
#[derive(Debug, Clone)]
pub(super) struct NodeChannel {
    pub(super) node: u32,
    /// Its answers are signed with this one.
    pub(super) promise_key: PublicKey,
    pub(super) submission: SubmissionClient<Channel>,
    pub(super) reading: ReadingClient<Channel>,
}

impl NodeChannel {
    pub(super) fn new(
        endpoint: &NodeEndpoint,
        nodes: &Nodes,
        dial: &Arc<dyn Dial>,
        connect_timeout: Duration,
    ) -> Result<Self, DeviceError> {
        let node = endpoint.node;
        let keys = &nodes.member(node).ok_or(DeviceError::UnknownNode(node))?.keys;
        let tls = match endpoint.transport {
            Transport::Plaintext => None,
            Transport::Tls => {
                Some(tls_connector(keys.tls_spki_sha256).map_err(|what| DeviceError::Tls { node, what })?)
            }
        };
        let bad_address = || DeviceError::Address { node, address: endpoint.address.clone() };
        let uri: Uri = format!("http://{}", endpoint.address).parse().map_err(|_| bad_address())?;
        if uri.port().is_none() {
            return Err(bad_address());
        }
        let (address, dial) = (endpoint.address.clone(), Arc::clone(dial));
        let connector = tower::service_fn(move |_: Uri| {
            let (tls, dialing) = (tls.clone(), dial.dial(address.clone()));
            async move { Ok::<_, io::Error>(TokioIo::new(connect(dialing.await?, tls).await?)) }
        });
        let channel = Endpoint::from(uri)
            .connect_timeout(connect_timeout)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(1 << 22)
            .connect_with_connector_lazy(connector);
        Ok(Self {
            node,
            promise_key: keys.promise_key,
            submission: SubmissionClient::new(channel.clone()).max_decoding_message_size(REPLY_BYTES_MAX),
            reading: ReadingClient::new(channel).max_decoding_message_size(RECEIPT_BYTES_MAX + HISTORY_BYTES_MAX),
        })
    }
}

fn tls_connector(spki_sha256: tamga_ledger::ids::Digest) -> Result<TlsConnector, String> {
    let config = pin::client_config(spki_sha256, &[b"h2"]).map_err(|error| error.to_string())?;
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn connect(stream: Box<dyn Connection>, tls: Option<TlsConnector>) -> io::Result<Box<dyn Connection>> {
    let Some(tls) = tls else { return Ok(stream) };
    let name = ServerName::try_from(pin::SERVER_NAME).map_err(io::Error::other)?;
    Ok(Box::new(tls.connect(name, stream).await?))
}
