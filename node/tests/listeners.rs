//! The edges without a core behind them: who is let in by which certificate, and what strangers may cost.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tamga_consensus::{Dialer, NodeId, PeerIdentity, Stream, TcpDialer};
use tamga_node::listeners::{
    Gate, Handler, HttpServer, Network as _, PeerListener, PublicListener, Stopper, TcpNetwork, accept_connections,
};
use tamga_node::tls::{LivePins, Pins, Shown, TlsDialer, TlsIdentity, peer_server, public_server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_millis(400);

struct Running {
    address: SocketAddr,
    stopper: Stopper,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(handler: impl Handler, gate: Gate) -> Self {
        let listener = TcpNetwork.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_address().unwrap();
        let (stopper, stop) = Stopper::new();
        let task = tokio::spawn(accept_connections(listener, Arc::new(handler), gate, stop, SOON));
        Self { address, stopper, task }
    }

    async fn stop(self) {
        self.stopper.stop();
        timeout(SOON, self.task).await.unwrap().unwrap();
    }
}

fn identity() -> TlsIdentity {
    TlsIdentity::generate("test", &["localhost".to_owned()]).unwrap()
}

fn pins_of(nodes: &[(&TlsIdentity, u64)]) -> Pins {
    nodes.iter().map(|(identity, node)| (identity.spki_sha256(), NodeId(*node))).collect()
}

fn pins(nodes: &[(&TlsIdentity, u64)]) -> LivePins {
    pins_of(nodes).into()
}

/// Answers with the caller's node id.
fn who_is_there() -> Router {
    let say = |request: Request| async move { format!("{:?}", request.extensions().get::<PeerIdentity>()) };
    Router::new().route("/", get(say))
}

fn server(router: Router) -> HttpServer {
    HttpServer::new(router, PATIENCE, 8)
}

fn peer_listener(identity: &TlsIdentity, pins: &LivePins) -> PeerListener {
    PeerListener {
        server: server(who_is_there()),
        tls: peer_server(&Shown::new(identity).unwrap(), pins).unwrap(),
        pins: pins.clone(),
        handshake_timeout: SOON,
        write_stall_max: SOON,
    }
}

fn public_listener(plaintext: bool) -> PublicListener {
    PublicListener {
        server: server(Router::new().route("/", get(|| async { "hello" }))),
        tls: public_server(&Shown::new(&identity()).unwrap()).unwrap(),
        plaintext,
        handshake_timeout: PATIENCE,
        write_stall_max: SOON,
        readers: None,
    }
}

async fn get_http2(stream: impl Stream) -> hyper::Result<String> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::get("http://node/").body(Body::empty()).unwrap();
    let body = Body::new(sender.send_request(request).await?.into_body());
    Ok(String::from_utf8(to_bytes(body, 1_000).await.unwrap().to_vec()).unwrap())
}

async fn dial(
    own: &TlsIdentity,
    pins: &LivePins,
    wanted: u64,
    address: SocketAddr,
) -> std::io::Result<Box<dyn Stream>> {
    let dialer = TlsDialer::new(&Shown::new(own).unwrap(), pins, Arc::new(TcpDialer), SOON).unwrap();
    dialer.dial(NodeId(wanted), &address.to_string()).await
}

#[tokio::test]
async fn nodes_recognise_each_other_by_their_keys() {
    let (one, two) = (identity(), identity());
    let pins = pins(&[(&one, 1), (&two, 2)]);
    let running = Running::start(peer_listener(&two, &pins), Gate::new(8, 8)).await;
    let stream = dial(&one, &pins, 2, running.address).await.unwrap();
    assert_eq!(get_http2(stream).await.unwrap(), "Some(PeerIdentity(NodeId(1)))");
    running.stop().await;
}

#[tokio::test]
async fn a_stranger_is_not_answered() {
    let (two, stranger) = (identity(), identity());
    let of_server = pins(&[(&two, 2)]);
    let running = Running::start(peer_listener(&two, &of_server), Gate::new(8, 8)).await;
    // In TLS 1.3 the client is done first; the refusal arrives with the first read.
    let stream = dial(&stranger, &of_server, 2, running.address).await;
    if let Ok(stream) = stream {
        assert!(get_http2(stream).await.is_err());
    }
    running.stop().await;
}

#[tokio::test]
async fn a_client_without_certificate_is_not_answered() {
    let two = identity();
    let pins = pins(&[(&two, 2)]);
    let running = Running::start(peer_listener(&two, &pins), Gate::new(8, 8)).await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    if let Ok(stream) = trusting(&two, b"h2").connect("localhost".try_into().unwrap(), stream).await {
        assert!(get_http2(stream).await.is_err());
    }
    running.stop().await;
}

#[tokio::test]
async fn another_node_at_the_address_is_not_spoken_to() {
    let (one, two, three) = (identity(), identity(), identity());
    let all = pins(&[(&one, 1), (&two, 2), (&three, 3)]);
    let running = Running::start(peer_listener(&three, &all), Gate::new(8, 8)).await;
    let error = dial(&one, &all, 2, running.address).await.err().unwrap().to_string();
    assert!(error.contains("the certificate is that of n3, not of n2"), "{error}");
    let unknown_to_one = pins(&[(&one, 1), (&two, 2)]);
    let error = dial(&one, &unknown_to_one, 2, running.address).await.err().unwrap().to_string();
    assert!(error.contains("invalid peer certificate"), "{error}");
    let error = dial(&one, &all, 9, running.address).await.err().unwrap().to_string();
    assert!(error.contains("n9 is not a node of this election"), "{error}");
    running.stop().await;
}

#[tokio::test]
async fn a_node_is_let_in_once_it_is_added_and_cut_off_once_it_is_removed() {
    let (one, two, new) = (identity(), identity(), identity());
    let (before, after) = ([(&one, 1), (&two, 2)], [(&one, 1), (&two, 2), (&new, 3)]);
    let (pins_of_two, pins_of_new) = (pins(&before), pins(&after));
    let running = Running::start(peer_listener(&two, &pins_of_two), Gate::new(8, 8)).await;
    if let Ok(stream) = dial(&new, &pins_of_new, 2, running.address).await {
        assert!(get_http2(stream).await.is_err());
    }
    pins_of_two.set(pins_of(&after));
    let stream = dial(&new, &pins_of_new, 2, running.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let ask = || http::Request::get("http://node/").body(Body::empty()).unwrap();
    assert!(sender.send_request(ask()).await.unwrap().status().is_success());
    pins_of_two.set(pins_of(&before));
    // The other side ends the connection, idle as it is; a new one is refused.
    let _ended_somehow = timeout(SOON, connection).await.unwrap().unwrap();
    if let Ok(stream) = dial(&new, &pins_of_new, 2, running.address).await {
        assert!(get_http2(stream).await.is_err());
    }
    running.stop().await;
}

/// A TLS client that trusts exactly one self-signed certificate.
fn trusting(server: &TlsIdentity, protocol: &[u8]) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config).into()
}

async fn ask_http1(mut stream: impl Stream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Without a closing alert some servers end TLS abruptly; what came is what counts.
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.unwrap()
}

#[tokio::test]
async fn one_port_speaks_tls_and_plaintext_in_both_versions() {
    let identity = identity();
    let listener =
        PublicListener { tls: public_server(&Shown::new(&identity).unwrap()).unwrap(), ..public_listener(true) };
    let running = Running::start(listener, Gate::new(8, 8)).await;
    assert!(ask_http1(connect(&running).await).await.ends_with("\r\n\r\nhello"));
    assert_eq!(get_http2(connect(&running).await).await.unwrap(), "hello");
    let over_tls = |protocol: &'static [u8]| {
        let (connector, stream) = (trusting(&identity, protocol), TcpStream::connect(running.address));
        async move { connector.connect("localhost".try_into().unwrap(), stream.await.unwrap()).await.unwrap() }
    };
    assert!(ask_http1(over_tls(b"http/1.1").await).await.ends_with("\r\n\r\nhello"));
    assert_eq!(get_http2(over_tls(b"h2").await).await.unwrap(), "hello");
    running.stop().await;
}

#[tokio::test]
async fn plaintext_is_refused_in_words_where_tls_is_needed() {
    let running = Running::start(public_listener(false), Gate::new(8, 8)).await;
    let answer = ask_http1(connect(&running).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("Use https:// with the same address.\n"),
        "{answer}"
    );
    assert!(get_http2(connect(&running).await).await.is_err());
    running.stop().await;
}

/// How long the server keeps a connection on which only `bytes` were sent.
async fn kept_open(running: &Running, bytes: &[u8]) -> Duration {
    let mut stream = connect(running).await;
    stream.write_all(bytes).await.unwrap();
    let start = Instant::now();
    let mut rest = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the server never closed");
    start.elapsed()
}

#[tokio::test]
async fn slow_clients_are_not_waited_for() {
    let running = Running::start(public_listener(true), Gate::new(8, 8)).await;
    for beginning in [&b""[..], b"PRI * HT", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nHos"] {
        let kept = kept_open(&running, beginning).await;
        assert!(kept < Duration::from_secs(5), "{beginning:?} was kept for {kept:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_places_come_free() {
    let running = Running::start(public_listener(true), Gate::new(2, 2)).await;
    let mut first = connect(&running).await;
    let _second = connect(&running).await;
    // Both must have been accepted before a third comes.
    first.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    first.read_exact(&mut byte).await.unwrap();
    let mut third = connect(&running).await;
    let read = timeout(Duration::from_millis(300), third.read(&mut byte)).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    drop(first);
    let mut answered = false;
    for _ in 0..50 {
        answered = answered || ask_http1_if_open(connect(&running).await).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(answered);
    running.stop().await;
}

async fn ask_http1_if_open(mut stream: TcpStream) -> bool {
    let mut answer = Vec::new();
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").await;
    asked.is_ok() && stream.read_to_end(&mut answer).await.is_ok() && answer.ends_with(b"hello")
}
