//! The public listener: gRPC and HTTP on one port, TLS or plaintext told apart by the first byte.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use tamga_consensus::Stream;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;

use super::accept::Handler;
use super::guarded::{Guarded, Opening};
use super::http::{HttpServer, Version};
use super::stop::Stop;

/// What a client without TLS is told where TLS is needed.
const TLS_NEEDED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
    Content-Length: 63\r\n\r\nThis port speaks TLS only. Use https:// with the same address.\n";

/// Who asks, in the extensions of every public request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller(pub IpAddr);

/// Serves everybody.
pub struct PublicListener {
    /// The public router.
    pub server: HttpServer,
    /// From [`crate::tls::public_server`].
    pub tls: TlsAcceptor,
    /// Whether to answer without TLS too.
    pub plaintext: bool,
    /// How long the first bytes and the handshake may take together.
    pub handshake_timeout: Duration,
    /// How long a client may take none of our bytes.
    pub write_stall_max: Duration,
    /// Where it serves: readers in any number must not stand in the way of what is agreed and written. Nothing for the runtime that
    /// accepts.
    pub readers: Option<Handle>,
}

impl std::fmt::Debug for PublicListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicListener").field("plaintext", &self.plaintext).finish_non_exhaustive()
    }
}

/// A stream that is ready for HTTP.
enum Ready {
    Tls(Box<tokio_rustls::server::TlsStream<Guarded>>, Version),
    Plain(Guarded, Version),
    Refused,
}

impl PublicListener {
    async fn open(&self, stream: Box<dyn Stream>) -> io::Result<Ready> {
        let mut stream = Guarded::new(stream, self.write_stall_max);
        let version = match stream.opening().await? {
            Opening::Tls => {
                let stream = self.tls.accept(stream).await?;
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                return Ok(Ready::Tls(Box::new(stream), if http2 { Version::Two } else { Version::One }));
            }
            Opening::Http2 => Version::Two,
            Opening::Http1 => Version::One,
        };
        if self.plaintext {
            return Ok(Ready::Plain(stream, version));
        }
        if version == Version::One {
            stream.write_all(TLS_NEEDED).await?;
            stream.shutdown().await?;
        }
        Ok(Ready::Refused)
    }
}

#[async_trait]
impl Handler for PublicListener {
    fn name(&self) -> &'static str {
        "public"
    }

    fn runtime(&self) -> Option<&Handle> {
        self.readers.as_ref()
    }

    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr, stop: &Stop) {
        let opened = tokio::time::timeout(self.handshake_timeout, self.open(stream)).await;
        let caller = Caller(from.ip());
        let known = move |request: &mut http::Request<_>| {
            request.extensions_mut().insert(caller);
        };
        let served = match opened {
            Ok(Ok(Ready::Tls(stream, version))) => self.server.serve(stream, version, stop, known).await,
            Ok(Ok(Ready::Plain(stream, version))) => self.server.serve(stream, version, stop, known).await,
            Ok(Ok(Ready::Refused)) => return tracing::debug!(%from, "refused plaintext where TLS is needed"),
            Ok(Err(error)) => return tracing::debug!(%from, %error, "a connection did not come about"),
            Err(_) => return tracing::debug!(%from, "a connection took too long to say what it speaks"),
        };
        if let Err(error) = served {
            tracing::debug!(%from, %error, "a connection ended");
        }
    }
}
