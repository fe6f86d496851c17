//! TLS: version 1.3 only, identities pinned by the genesis record and the organisations' later decisions, no certificate
//! authorities.
//!
//! Between nodes both sides show a certificate, and each is accepted if and only if SHA-256 of its SubjectPublicKeyInfo
//! is the `tls_spki_sha256` of the node in question; names, dates and issuers in certificates mean nothing. Who connects
//! is thereby known as a node id, which [`PeerIdentity`](tamga_consensus::PeerIdentity) carries into each request; who is
//! dialled must be exactly the node that was wanted.
//!
//! Whose pin is whose changes while a node runs ([`LivePins`]): each handshake looks at the pins of that moment, and a
//! connection is cut when its node's pin is withdrawn. What this node shows may change too ([`Shown`]).
//!
//! | file | what |
//! |---|---|
//! | `identity` | [`TlsIdentity`]: a certificate with its key |
//! | `shown` | [`Shown`]: what a listener or dialer shows now |

mod identity;
mod shown;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tamga_consensus::{Dialer, NodeId, Stream};
use tamga_ledger::ids::Digest;
use tamga_ledger::trust::Trust;
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub use identity::TlsIdentity;
pub use shown::Shown;

use identity::pin_of;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate or key that cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// rustls refused.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
}

/// Which certificate belongs to which node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins(BTreeMap<Digest, NodeId>);

impl Pins {
    /// The pins of all nodes of the election.
    #[must_use]
    pub fn of(trust: &Trust) -> Self {
        Self(trust.nodes().iter().map(|node| (node.keys.tls_spki_sha256, NodeId(u64::from(node.keys.id)))).collect())
    }

    /// The node whose certificate this is.
    #[must_use]
    pub fn node(&self, certificate: &CertificateDer<'_>) -> Option<NodeId> {
        self.0.get(&pin_of(certificate)?).copied()
    }
}

impl FromIterator<(Digest, NodeId)> for Pins {
    fn from_iter<I: IntoIterator<Item = (Digest, NodeId)>>(pins: I) -> Self {
        Self(pins.into_iter().collect())
    }
}

/// The pins as they change; clones are the same. Handshakes take those of the moment.
#[derive(Debug, Clone)]
pub struct LivePins(Arc<watch::Sender<Pins>>);

impl LivePins {
    /// These, until they are [`set`](Self::set) anew.
    #[must_use]
    pub fn new(pins: Pins) -> Self {
        Self(Arc::new(watch::Sender::new(pins)))
    }

    /// From now on these. Connections of nodes that are no longer among them are cut.
    pub fn set(&self, pins: Pins) {
        self.0.send_if_modified(|now| {
            let changed = *now != pins;
            *now = pins;
            changed
        });
    }

    /// The node whose certificate this is, now.
    #[must_use]
    pub fn node(&self, certificate: &CertificateDer<'_>) -> Option<NodeId> {
        self.0.borrow().node(certificate)
    }

    fn holds(&self, node: NodeId) -> bool {
        self.0.borrow().0.values().any(|held| *held == node)
    }

    /// As [`node`](Self::node), with the pin that it was known by.
    pub(crate) fn node_and_pin(&self, certificate: &CertificateDer<'_>) -> Option<(NodeId, Digest)> {
        let pin = pin_of(certificate)?;
        self.0.borrow().0.get(&pin).map(|node| (*node, pin))
    }

    /// Resolves once this is nobody's pin any more: the node was removed, or this key of it was taken back.
    pub(crate) async fn withdrawn(&self, pin: Digest) {
        // The sender lives in self.
        let _ = self.0.subscribe().wait_for(|pins| !pins.0.contains_key(&pin)).await;
    }
}

impl From<Pins> for LivePins {
    fn from(pins: Pins) -> Self {
        Self::new(pins)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Accepts connections of nodes.
///
/// # Errors
/// [`TlsError`].
pub fn peer_server(shown: &Shown, pins: &LivePins) -> Result<TlsAcceptor, TlsError> {
    let verifier = Arc::new(Pinned { allowed: pins.clone(), wanted: None, provider: provider() });
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(shown.clone()));
    config.alpn_protocols = vec![b"h2".to_vec()];
    // No tickets: every connection shows its certificate again.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The public listener: anybody may connect, HTTP/2 and HTTP/1.1.
///
/// # Errors
/// [`TlsError`].
pub fn public_server(shown: &Shown) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown.clone()));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Opens connections to nodes over another dialer, and proves that the node at the other end is the one wanted.
pub struct TlsDialer {
    transport: Arc<dyn Dialer>,
    shown: Shown,
    pins: LivePins,
    timeout: Duration,
}

impl fmt::Debug for TlsDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsDialer").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl TlsDialer {
    /// `timeout` bounds connecting and the handshake together.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(
        shown: &Shown,
        pins: &LivePins,
        transport: Arc<dyn Dialer>,
        timeout: Duration,
    ) -> Result<Self, TlsError> {
        let dialer = Self { transport, shown: shown.clone(), pins: pins.clone(), timeout };
        // What cannot work fails here, at start-up.
        dialer.connector(NodeId(0))?;
        Ok(dialer)
    }

    /// Made for each connection: there are few, and whom they may go to changes.
    fn connector(&self, wanted: NodeId) -> Result<TlsConnector, TlsError> {
        let verifier = Pinned { allowed: self.pins.clone(), wanted: Some(wanted), provider: provider() };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(self.shown.clone()));
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

#[async_trait]
impl Dialer for TlsDialer {
    async fn dial(&self, node: NodeId, address: &str) -> io::Result<Box<dyn Stream>> {
        if !self.pins.holds(node) {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{node} is not a node of this election")));
        }
        let connector = self.connector(node).map_err(io::Error::other)?;
        // The verifier does not look at the name; something has to stand here.
        let name = ServerName::try_from("node.tamga.invalid").map_err(io::Error::other)?;
        let connect = async {
            let stream = self.transport.dial(node, address).await?;
            connector.connect(name, stream).await
        };
        let slow =
            || io::Error::new(io::ErrorKind::TimedOut, format!("{node} at {address} did not finish the handshake"));
        let stream = tokio::time::timeout(self.timeout, connect).await.map_err(|_| slow())?;
        match stream {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    tracing::warn!(peer = node.0, address, %error, "the connection to a peer failed in TLS");
                }
                Err(error)
            }
        }
    }
}

/// Accepts a certificate by its public key alone; the handshake's signature is still verified with it.
struct Pinned {
    allowed: LivePins,
    /// The one node that is wanted, or any.
    wanted: Option<NodeId>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Pinned {
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        match (self.allowed.node(certificate), self.wanted) {
            (Some(found), Some(wanted)) if found != wanted => {
                Err(rustls::Error::General(format!("the certificate is that of {found}, not of {wanted}")))
            }
            (Some(_), _) => Ok(()),
            (None, _) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn no_tls12() -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(certificate).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(certificate).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
