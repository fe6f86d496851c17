//! The three listeners, each with its handler, gate and signal.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::prepare::Prepared;
use super::{RunError, Seams};
use crate::admin::{Admin, AdminListener};
use crate::config::Config;
use crate::core::Core;
use crate::listeners::{Gate, Handler, HttpServer, Listener, PeerListener, PublicListener, Stop, accept_connections};
use crate::peer;
use crate::public::{self, Site};
use crate::tls::{peer_server, public_server};

/// How long connections of peers may linger once the core has stopped.
const PEER_DRAIN: Duration = Duration::from_millis(500);
/// Requests of one peer connection at once.
const PEER_STREAMS_MAX: u32 = 1_024;
/// Bytes a peer may send ahead of our reading: appends of several megabytes are on their way at once.
const PEER_WINDOW_BYTES: u32 = 16 << 20;
/// Connections of the admin listener.
const ADMIN_CONNECTIONS_MAX: u32 = 64;

fn header_timeout(config: &Config) -> Duration {
    Duration::from_millis(config.limits.header_timeout_ms)
}

fn spawn(
    listener: Box<dyn Listener>,
    handler: Arc<dyn Handler>,
    gate: Gate,
    stop: Stop,
    drain: Duration,
) -> JoinHandle<()> {
    tokio::spawn(accept_connections(listener, handler, gate, stop, drain))
}

pub(super) fn serve_admin(config: &Config, admin: &Admin, listener: Box<dyn Listener>, stop: Stop) -> JoinHandle<()> {
    let server = HttpServer::new(admin.router(), header_timeout(config), 1);
    let gate = Gate::new(ADMIN_CONNECTIONS_MAX, ADMIN_CONNECTIONS_MAX);
    tokio::spawn(admin.clone().keep_metrics(stop.clone()));
    spawn(listener, Arc::new(AdminListener { server }), gate, stop, PEER_DRAIN)
}

pub(super) fn serve_peers(
    config: &Config,
    prepared: &Prepared,
    core: &Arc<Core>,
    listener: Box<dyn Listener>,
    stop: Stop,
) -> Result<JoinHandle<()>, RunError> {
    let handler = PeerListener {
        server: HttpServer::new(peer::router(core), header_timeout(config), PEER_STREAMS_MAX)
            .with_window(PEER_WINDOW_BYTES),
        tls: peer_server(&prepared.certificates.peer(), &prepared.pins)?,
        pins: prepared.pins.clone(),
        handshake_timeout: header_timeout(config),
        write_stall_max: Duration::from_millis(config.limits.write_stall_ms_max),
    };
    let gate = Gate::new(config.limits.peer_connections_max, config.limits.peer_connections_max);
    Ok(spawn(listener, Arc::new(handler), gate, stop, PEER_DRAIN))
}

pub(super) fn serve_public(
    config: &Config,
    seams: &Seams,
    prepared: &Prepared,
    core: &Arc<Core>,
    listener: Box<dyn Listener>,
    stop: Stop,
) -> Result<JoinHandle<()>, RunError> {
    let limits = &config.limits;
    let (blocking, clock) = (Arc::clone(&seams.blocking), Arc::clone(&seams.clock));
    let site = Site::new(Arc::clone(core), blocking, clock, limits.clone(), stop.clone());
    let (router, quick) = (public::router(&site), public::quick(&site));
    let server = HttpServer::new(router, header_timeout(config), limits.concurrent_streams_max);
    let handler = PublicListener {
        server: server.with_quick(Arc::new(move |request| quick.answer(request))),
        tls: public_server(&prepared.certificates.public())?,
        plaintext: config.public.plaintext,
        handshake_timeout: header_timeout(config),
        write_stall_max: Duration::from_millis(limits.write_stall_ms_max),
        readers: seams.readers.clone(),
    };
    let gate = Gate::new(limits.public_connections_max, limits.public_connections_per_address_max);
    Ok(spawn(listener, Arc::new(handler), gate, stop, Duration::from_millis(limits.drain_ms)))
}
