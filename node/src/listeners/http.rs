//! HTTP/1.1 and HTTP/2 over one stream, with every bound set.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::future::Either;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tamga_consensus::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt as _;

use super::stop::Stop;

/// Most bytes of a request's head.
const HEAD_BYTES_MAX: u32 = 16 * 1024;
/// Bytes of an answer that may wait in memory for a slow reader, a stream.
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// Bytes a client may send ahead of our reading, on one connection; a stream gets a quarter. What strangers can make us
/// hold is this times the connections a gate lets in.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// How often a quiet HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What one accepted stream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// Serves one router on many streams.
#[derive(Clone)]
pub struct HttpServer {
    router: Router,
    quick: Option<Quick>,
    header_timeout: Duration,
    concurrent_streams_max: u32,
    window_bytes: u32,
}

/// Answers some requests before the router is asked.
pub type Quick = Arc<dyn Fn(&Request<Incoming>) -> Option<Response<Body>> + Send + Sync>;

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer").field("header_timeout", &self.header_timeout).finish_non_exhaustive()
    }
}

impl HttpServer {
    /// `header_timeout` bounds the head of each request and the quiet time between two on HTTP/1.1.
    #[must_use]
    pub const fn new(router: Router, header_timeout: Duration, concurrent_streams_max: u32) -> Self {
        Self { router, quick: None, header_timeout, concurrent_streams_max, window_bytes: WINDOW_BYTES }
    }

    /// With answers that need no router.
    #[must_use]
    pub fn with_quick(self, quick: Quick) -> Self {
        Self { quick: Some(quick), ..self }
    }

    /// With a larger window, for peers that are known.
    #[must_use]
    pub fn with_window(self, window_bytes: u32) -> Self {
        Self { window_bytes, ..self }
    }

    /// Serves a stream to its end; after the signal, until the requests in flight are answered. `prepare` changes each
    /// request before it is routed.
    pub(super) async fn serve<S, P>(&self, stream: S, version: Version, stop: &Stop, prepare: P) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        P: Fn(&mut Request<Incoming>) + Clone + Send + 'static,
    {
        let (router, quick) = (self.router.clone(), self.quick.clone());
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            prepare(&mut request);
            match quick.as_ref().and_then(|quick| quick(&request)) {
                Some(answer) => Either::Left(std::future::ready(Ok::<_, Infallible>(answer))),
                None => Either::Right(router.clone().oneshot(request)),
            }
        });
        let io = TokioIo::new(stream);
        match version {
            Version::One => {
                let connection = self.http1().serve_connection(io, service);
                tokio::pin!(connection);
                tokio::select! {
                    biased;
                    done = connection.as_mut() => return done,
                    () = stop.stopped() => connection.as_mut().graceful_shutdown(),
                }
                connection.await
            }
            Version::Two => {
                let connection = self.http2().serve_connection(io, service);
                tokio::pin!(connection);
                tokio::select! {
                    biased;
                    done = connection.as_mut() => return done,
                    () = stop.stopped() => connection.as_mut().graceful_shutdown(),
                }
                connection.await
            }
        }
    }

    /// Serves a stream as HTTP/1.1 without TLS; how it ended is of no interest.
    pub(crate) async fn serve_http1(&self, stream: Box<dyn Stream>, stop: &Stop) {
        let _peer_went_away = self.serve(stream, Version::One, stop, |_: &mut Request<Incoming>| {}).await;
    }

    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(SEND_BUFFER_BYTES)
            .half_close(false);
        builder
    }

    fn http2(&self) -> http2::Builder<TokioExecutor> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .max_concurrent_streams(self.concurrent_streams_max)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .initial_stream_window_size(self.window_bytes / 4)
            .initial_connection_window_size(self.window_bytes);
        builder
    }
}
