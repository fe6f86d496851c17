//! TLS: version 1.3 only, identities pinned by the genesis record and the organisations' later decisions, no certificate
//! authorities.
//!
//! Between nodes both sides show a certificate, and each is accepted if and only if SHA-256 of its SubjectPublicKeyInfo
//! is the `tls_spki_sha256` of the node in question; names, dates and issuers in certificates mean nothing. Who connects
//! is thereby known as a node id, which [`PeerIdentity`](tamga_consensus::PeerIdentity) carries into each request; who is
//! dialled must be exactly the node that was wanted.
//!
//! Whose pin is whose changes while a node runs ([`LivePins`]): each handshake looks at the pins of that moment, and a
//! connection is cut when its node's pin is withdrawn.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tamga_consensus::{Dialer, NodeId, Stream};
use tamga_ledger::ids::Digest;
use tamga_ledger::trust::Trust;
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use zeroize::Zeroizing;

use crate::keys::spki_pin;

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

/// A certificate with its key.
#[derive(Clone)]
pub struct TlsIdentity {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: Zeroizing<String>,
    pin: Digest,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").field("pin", &self.pin).finish_non_exhaustive()
    }
}

impl TlsIdentity {
    /// A new P-256 key with a self-signed certificate for `names` (DNS names or addresses; browsers look at them, nodes do
    /// not). The key comes from the TLS library's own generator.
    ///
    /// # Errors
    /// [`TlsError::Generate`] for names that cannot stand in a certificate.
    pub fn generate(common_name: &str, names: &[String]) -> Result<Self, TlsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.self_signed(&key)?;
        Self::from_pem(&certificate.pem(), &key.serialize_pem())
    }

    /// Of what stands in `tls.crt` and `tls.key`.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be read or do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, TlsError> {
        let unreadable = |what: &str| TlsError::Unreadable(what.to_owned());
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| unreadable("no certificate in PEM is found"))?;
        let pin = pin_of(&der).ok_or_else(|| unreadable("the certificate is not X.509"))?;
        let identity = Self {
            certificate: der,
            certificate_pem: certificate.to_owned(),
            key_pem: Zeroizing::new(key.to_owned()),
            pin,
        };
        // Fails for a key that is not the certificate's: better at start-up than at the first handshake.
        identity.public_server()?;
        Ok(identity)
    }

    /// The certificate, DER.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(crate) fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    #[must_use]
    pub const fn spki_sha256(&self) -> Digest {
        self.pin
    }

    /// Its SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// [`TlsError::Unreadable`], which a certificate that was read before never gives.
    pub fn spki(&self) -> Result<Vec<u8>, TlsError> {
        spki_of(&self.certificate).ok_or_else(|| TlsError::Unreadable("the certificate is not X.509".to_owned()))
    }

    /// Signs with its key: proof on a key card that the key is at hand.
    ///
    /// # Errors
    /// [`TlsError`], for a key that is none.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TlsError> {
        Ok(SigningKey::sign(&KeyPair::from_pem(&self.key_pem)?, message)?)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(self.key_pem.as_bytes());
        key.map(PrivateKeyDer::from).map_err(|_| TlsError::Unreadable("no PKCS #8 key in PEM is found".to_owned()))
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    /// The public listener: anybody may connect, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// [`TlsError`] when key and certificate do not belong together.
    pub fn public_server(&self) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(self.chain(), self.key()?)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
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

    /// Resolves once no certificate is `node`'s any more.
    pub(crate) async fn withdrawn(&self, node: NodeId) {
        // The sender lives in self.
        let _ = self.0.subscribe().wait_for(|pins| !pins.0.values().any(|held| *held == node)).await;
    }
}

impl From<Pins> for LivePins {
    fn from(pins: Pins) -> Self {
        Self::new(pins)
    }
}

fn pin_of(certificate: &CertificateDer<'_>) -> Option<Digest> {
    spki_of(certificate).map(|spki| spki_pin(&spki))
}

fn spki_of(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.tbs_certificate.subject_pki.raw.to_vec())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Accepts connections of nodes.
///
/// # Errors
/// [`TlsError`].
pub fn peer_server(identity: &TlsIdentity, pins: &LivePins) -> Result<TlsAcceptor, TlsError> {
    let verifier = Arc::new(Pinned { allowed: pins.clone(), wanted: None, provider: provider() });
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.key()?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // No tickets: every connection shows its certificate again.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Opens connections to nodes over another dialer, and proves that the node at the other end is the one wanted.
pub struct TlsDialer {
    transport: Arc<dyn Dialer>,
    identity: TlsIdentity,
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
        identity: &TlsIdentity,
        pins: &LivePins,
        transport: Arc<dyn Dialer>,
        timeout: Duration,
    ) -> Result<Self, TlsError> {
        let dialer = Self { transport, identity: identity.clone(), pins: pins.clone(), timeout };
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
            .with_client_auth_cert(self.identity.chain(), self.identity.key()?)?;
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
