//! The accept loop both listeners share: a place in the gate for every connection, an end for every task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tamga_consensus::Stream;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::gate::Gate;
use super::network::Listener;
use super::stop::Stop;

/// Pause after the system refused a connection (mostly: too many open files), so that it can recover.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Serves one accepted connection to its end; ends soon after the signal.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// For logs and metrics.
    fn name(&self) -> &'static str;

    /// Where connections are served; nothing for the runtime that accepts them.
    fn runtime(&self) -> Option<&Handle> {
        None
    }

    /// Serves the connection.
    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr, stop: &Stop);
}

/// Accepts until the signal, then lets connections finish for as long as `drain` says and ends the others.
pub async fn accept_connections(
    listener: Box<dyn Listener>,
    handler: Arc<dyn Handler>,
    gate: Gate,
    stop: Stop,
    drain: Duration,
) {
    let mut connections = JoinSet::new();
    let stopped = stop.stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => break,
            Some(ended) = connections.join_next() => report(handler.name(), ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => admit(&mut connections, &handler, &gate, &stop, stream, from),
                Err(error) => pause(handler.name(), &error).await,
            },
        }
    }
    // New connections are refused by the system from here on.
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, all).await.is_err() {
        tracing::info!(listener = handler.name(), "connections that did not finish in time are cut");
    }
    connections.shutdown().await;
}

fn admit(
    connections: &mut JoinSet<()>,
    handler: &Arc<dyn Handler>,
    gate: &Gate,
    stop: &Stop,
    stream: Box<dyn Stream>,
    from: SocketAddr,
) {
    let name = handler.name();
    let Some(pass) = gate.enter(from.ip()) else {
        metrics::counter!("tamga_connections_refused_total", "listener" => name).increment(1);
        tracing::debug!(listener = name, %from, "connection closed: no place left");
        return;
    };
    metrics::counter!("tamga_connections_total", "listener" => name).increment(1);
    metrics::gauge!("tamga_connections", "listener" => name).set(gate.inside());
    let (handler, stop, gate) = (Arc::clone(handler), stop.clone(), gate.clone());
    let runtime = handler.runtime().cloned().unwrap_or_else(Handle::current);
    let served = async move {
        handler.serve(stream, from, &stop).await;
        drop(pass);
        metrics::gauge!("tamga_connections", "listener" => name).set(gate.inside());
    };
    connections.spawn_on(served, &runtime);
}

fn report(name: &'static str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(listener = name, %error, "a connection's task ended abnormally; please report this");
    }
}

async fn pause(name: &'static str, error: &io::Error) {
    tracing::warn!(listener = name, %error, "cannot accept a connection");
    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
}
