//! A certificate with its key.

use std::fmt;

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tamga_ledger::ids::Digest;
use zeroize::Zeroizing;

use super::{TlsError, provider};
use crate::keys::spki_pin;

/// A certificate with its key.
#[derive(Clone)]
pub struct TlsIdentity {
    certificate: CertificateDer<'static>,
    /// What leads from it to an authority, if there is one.
    intermediates: Vec<CertificateDer<'static>>,
    /// When the certificate begins and ceases to hold, Unix seconds.
    valid_s: (i64, i64),
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

    /// Of what stands in `tls.crt` (the certificate, then intermediate ones if there are any) and `tls.key`.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be read or do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, TlsError> {
        let unreadable = |what: &str| TlsError::Unreadable(what.to_owned());
        let mut chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
        let der = chain.next().and_then(Result::ok).ok_or_else(|| unreadable("no certificate in PEM is found"))?;
        let intermediates: Result<_, _> = chain.collect();
        let intermediates = intermediates.map_err(|_| unreadable("an intermediate certificate is not PEM"))?;
        let pin = pin_of(&der).ok_or_else(|| unreadable("the certificate is not X.509"))?;
        let valid_s = validity_of(&der).ok_or_else(|| unreadable("the certificate is not X.509"))?;
        let identity = Self {
            certificate: der,
            intermediates,
            valid_s,
            certificate_pem: certificate.to_owned(),
            key_pem: Zeroizing::new(key.to_owned()),
            pin,
        };
        // Fails for a key that is not the certificate's: better at start-up than at the first handshake.
        identity.certified()?;
        Ok(identity)
    }

    /// The certificate, DER.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// When the certificate begins and ceases to hold, Unix seconds. Nodes do not look at it; browsers do.
    #[must_use]
    pub const fn valid_s(&self) -> (i64, i64) {
        self.valid_s
    }

    /// Certificate and key as rustls shows them.
    pub(super) fn certified(&self) -> Result<CertifiedKey, TlsError> {
        let chain = std::iter::once(&self.certificate).chain(&self.intermediates).cloned().collect();
        Ok(CertifiedKey::from_der(chain, self.key()?, &provider())?)
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
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes());
        key.map_err(|_| TlsError::Unreadable("no private key in PEM is found".to_owned()))
    }
}

pub(super) fn pin_of(certificate: &CertificateDer<'_>) -> Option<Digest> {
    spki_of(certificate).map(|spki| spki_pin(&spki))
}

fn spki_of(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.tbs_certificate.subject_pki.raw.to_vec())
}

fn validity_of(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let validity = parsed.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}
