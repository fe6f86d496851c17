//! One POST to a witness: HTTP/1.1 over the node's own dialer, TLS 1.3 or 1.2 with public certificate authorities. Everything is
//! bounded: one timeout over all of it, the answer's size, one connection a request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tamga_consensus::{Dialer, NodeId, Stream};
use tokio_rustls::TlsConnector;

use super::protocol::ANSWER_BYTES_MAX;

/// Where a witness takes submissions: its submission prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Place {
    /// Of a URL with scheme http or https.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let fault = |what: &str| format!("{url:?} is not the URL of a witness: {what}");
        let uri: http::Uri = url.parse().map_err(|_| fault("it cannot be read"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(fault("http:// or https:// is needed")),
        };
        let host = uri.host().ok_or_else(|| fault("it has no host"))?.to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = format!("{}/add-checkpoint", uri.path().trim_end_matches('/'));
        Ok(Self { tls, host, port, path })
    }
}

/// Status, content type and body of an answer.
pub(super) type Exchange = (u16, String, Bytes);

/// Speaks to witnesses.
pub(super) struct Caller {
    dialer: Arc<dyn Dialer>,
    tls: TlsConnector,
    timeout: Duration,
}

impl Caller {
    /// `authorities` is a PEM file's text; without any, https is not possible.
    pub(super) fn new(dialer: Arc<dyn Dialer>, authorities: &[u8], timeout: Duration) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // What cannot be read in a bundle of authorities is left out, as everybody does.
        let (_added, _ignored) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(authorities).flatten());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { dialer, tls: TlsConnector::from(Arc::new(config)), timeout })
    }

    pub(super) async fn post(&self, place: &Place, body: String) -> Result<Exchange, String> {
        let exchanged = tokio::time::timeout(self.timeout, self.post_unbounded(place, body)).await;
        exchanged.unwrap_or_else(|_| Err(format!("no answer within {} s", self.timeout.as_secs())))
    }

    async fn post_unbounded(&self, place: &Place, body: String) -> Result<Exchange, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let address = format!("{}:{}", place.host, place.port);
        // No node is meant: this dialer only opens connections.
        let stream = self.dialer.dial(NodeId(0), &address).await.map_err(|error| words(&error))?;
        let stream: Box<dyn Stream> = if place.tls {
            let host = place.host.trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|error| words(&error))?;
            Box::new(self.tls.connect(name, stream).await.map_err(|error| words(&error))?)
        } else {
            stream
        };
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(64)
            .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| words(&error))?;
        let request = http::Request::post(&place.path)
            .header(http::header::HOST, &address)
            .header(http::header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(http::header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| words(&error))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| words(&error))?;
            let status = response.status().as_u16();
            let content_type = response.headers().get(http::header::CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, content_type, body.map_err(|error| words(&error))?.to_bytes()))
        };
        // The connection moves bytes only while it is polled, and may end in order before the answer is taken from it.
        tokio::pin!(answer);
        tokio::select! {
            answer = &mut answer => answer,
            ended = connection => match ended {
                Ok(()) => answer.await,
                Err(error) => Err(words(&error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_from_submission_prefixes() {
        let place = |tls, host: &str, port, path: &str| Place { tls, host: host.into(), port, path: path.into() };
        assert_eq!(Place::new("https://w.example"), Ok(place(true, "w.example", 443, "/add-checkpoint")));
        assert_eq!(Place::new("http://127.0.0.1:80/a/"), Ok(place(false, "127.0.0.1", 80, "/a/add-checkpoint")));
        assert_eq!(Place::new("https://[::1]:7/a"), Ok(place(true, "[::1]", 7, "/a/add-checkpoint")));
        for bad in ["", "ftp://x", "w.example", "https://"] {
            assert!(Place::new(bad).is_err(), "{bad}");
        }
    }
}
