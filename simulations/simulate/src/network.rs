//! The network between nodes: turmoil's sockets, the product's services on them, and messages that arrive twice or late.
//!
//! A connection says with its first byte which node it comes from, where a real one has a certificate; and only nodes that
//! are on the node's roster are heard, as with real certificates.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tamga_consensus::{Dialer, NodeId, PeerIdentity, Stream};
use tamga_node::core::Roster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tower::ServiceExt as _;
use turmoil::net::{TcpListener, TcpStream};

use crate::chance::Chance;

/// Where every node listens for its peers.
pub const PORT: u16 = 7_000;
/// As the product's listener: how often a quiet connection is asked whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// As the product's listener for nodes.
const WINDOW_BYTES: u32 = 16 << 20;
/// How long it takes to learn that nobody answers.
const UNREACHABLE: Duration = Duration::from_millis(100);
/// Longest message that may arrive twice.
const TWICE_BYTES_MAX: usize = 1 << 20;

/// A node's name in the simulated network.
#[must_use]
pub fn host_name(node: u32) -> String {
    format!("node-{node}")
}

/// Opens simulated connections.
#[derive(Debug)]
pub struct SimDialer {
    /// This node.
    pub node: u32,
    /// Counts attempts.
    pub dials: Arc<AtomicU64>,
}

#[async_trait::async_trait]
impl Dialer for SimDialer {
    async fn dial(&self, _: NodeId, address: &str) -> io::Result<Box<dyn Stream>> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let mut stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(error) => {
                // turmoil refuses at once where a real network would say nothing.
                tokio::time::sleep(UNREACHABLE).await;
                return Err(error);
            }
        };
        let node = u8::try_from(self.node).map_err(io::Error::other)?;
        stream.write_all(&[node]).await?;
        Ok(Box::new(stream))
    }
}

/// What happens to messages on their way into a node, beside what happens to connections.
#[derive(Debug, Clone)]
pub struct Mischief(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    chance: Chance,
    twice_permille: u64,
    late_permille: u64,
    late_ms_max: u64,
}

/// What becomes of one message.
#[derive(Debug, Clone, Copy)]
struct Fate {
    late_ms: u64,
    /// After how long it arrives again.
    again_ms: Option<u64>,
}

impl Mischief {
    /// None yet.
    #[must_use]
    pub fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(Inner { chance, twice_permille: 0, late_permille: 0, late_ms_max: 0 })))
    }

    /// How many of a thousand messages arrive twice, how many late, and how late.
    pub fn set(&self, twice_permille: u64, late_permille: u64, late_ms_max: u64) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.twice_permille, inner.late_permille, inner.late_ms_max) = (twice_permille, late_permille, late_ms_max);
    }

    fn fate(&self) -> Fate {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { twice_permille, late_permille, late_ms_max, .. } = *inner;
        let late_ms = if inner.chance.permille(late_permille) { inner.chance.skewed(1, late_ms_max) } else { 0 };
        let again = inner.chance.permille(twice_permille);
        let again_ms = again.then(|| inner.chance.skewed(1, late_ms_max.max(500)));
        Fate { late_ms, again_ms }
    }
}

/// Serves the peers' services of a node until it stops.
///
/// # Errors
/// As listening does.
pub async fn serve(router: Router, mischief: Mischief, roster: watch::Receiver<Arc<Roster>>) -> io::Result<Infallible> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, router.clone(), mischief.clone(), roster.clone()));
    }
}

async fn connection(mut stream: TcpStream, router: Router, mischief: Mischief, roster: watch::Receiver<Arc<Roster>>) {
    let Ok(node) = stream.read_u8().await else { return };
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerIdentity(NodeId(u64::from(node))));
        let (router, fate, known) = (router.clone(), mischief.fate(), roster.borrow().hears(u32::from(node)));
        async move {
            if known {
                Ok(deliver(router, request, fate).await)
            } else {
                Err(io::Error::other("no node's certificate"))
            }
        }
    });
    let mut server = http2::Builder::new(TokioExecutor::new());
    server
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .initial_stream_window_size(WINDOW_BYTES / 4)
        .initial_connection_window_size(WINDOW_BYTES);
    // How a connection ended is the caller's business.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// Hands one message to the node: late, or twice, as its fate is. A stream of messages is one message here.
async fn deliver(router: Router, request: Request<Incoming>, fate: Fate) -> Response<Body> {
    if fate.late_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fate.late_ms)).await;
    }
    let streamed = request.uri().path().ends_with("Stream");
    let Some(again_ms) = fate.again_ms.filter(|_| !streamed) else {
        return answer(router, request.map(Body::new)).await;
    };
    let (head, body) = request.into_parts();
    let Ok(bytes) = to_bytes(Body::new(body), TWICE_BYTES_MAX).await else { return Response::new(Body::empty()) };
    let second = Request::from_parts(head.clone(), Body::from(bytes.clone()));
    let late = router.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(again_ms)).await;
        // Nobody waits for the second answer.
        let _ = answer(late, second).await;
    });
    answer(router, Request::from_parts(head, Body::from(bytes))).await
}

async fn answer(router: Router, request: Request<Body>) -> Response<Body> {
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}
