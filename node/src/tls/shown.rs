//! What a listener or a dialer shows, as it may change while the node runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{TlsError, TlsIdentity};

/// A certificate with its key that can be replaced: handshakes take the one of the moment, connections keep theirs. Clones are
/// the same.
#[derive(Clone)]
pub struct Shown(Arc<RwLock<Arc<CertifiedKey>>>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl Shown {
    /// This one, until another is [`show`](Self::show)n.
    ///
    /// # Errors
    /// [`TlsError`] when key and certificate do not belong together, which an identity that was read never gives.
    pub fn new(identity: &TlsIdentity) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(identity.certified()?)))))
    }

    /// From the next handshake on this one.
    ///
    /// # Errors
    /// As [`new`](Self::new); the former one stays.
    pub fn show(&self, identity: &TlsIdentity) -> Result<(), TlsError> {
        let certified = Arc::new(identity.certified()?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(())
    }

    fn now(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
