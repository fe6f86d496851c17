//! Three replicas in this process over loopback TCP and real disks: writes per second and latency, at 1, 64 and 1,024
//! clients with payloads of 300 bytes, then batches of 1 MiB at 4 clients.
//!
//! `cargo run --release -p tamga-consensus --example throughput [seconds per step]`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use hdrhistogram::Histogram;
use tamga_consensus::{
    Application, ClusterId, Committed, Config, Consensus, EntryKind, Fatal, LogPosition, Member, NodeId, Role, Seams,
    TcpDialer,
};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Forgets everything but how far it is.
struct Forgetful(Option<LogPosition>);

#[async_trait]
impl Application for Forgetful {
    fn applied(&self) -> Option<LogPosition> {
        self.0
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        self.0 = entries.last().map(|last| last.position).or(self.0);
        Ok(entries.iter().filter(|entry| entry.kind == EntryKind::Normal).map(|_| Bytes::new()).collect())
    }
}

async fn start(id: u64, listener: TcpListener, folder: &Path) -> Outcome<Consensus> {
    let config = Config {
        require_peer_identity: false,
        ..Config::new(NodeId(id), ClusterId([1; 32]), folder.join(id.to_string()))
    };
    let seams = Seams {
        disk: Arc::new(OsDisk),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blocking: Arc::new(ThreadPool),
        dialer: Arc::new(TcpDialer),
    };
    let consensus = Consensus::start(config, seams, Forgetful(None)).await?;
    let server = tonic::transport::Server::builder()
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .add_service(consensus.raft_service());
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
    Ok(consensus)
}

/// Lets `clients` propose payloads of `bytes` one after the other for `time`; prints what came of it.
async fn step(leader: &Consensus, clients: usize, bytes: usize, time: Duration) -> Outcome<()> {
    let (begun, payload) = (Instant::now(), Bytes::from(vec![7; bytes]));
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let (leader, payload) = (leader.clone(), payload.clone());
        tasks.push(tokio::spawn(async move {
            let mut latencies = Histogram::<u64>::new(3)?;
            while begun.elapsed() < time {
                let proposed = Instant::now();
                leader.propose(payload.clone()).await?;
                latencies.record(u64::try_from(proposed.elapsed().as_micros())?)?;
            }
            Outcome::Ok(latencies)
        }));
    }
    let mut latencies = Histogram::<u64>::new(3)?;
    for task in tasks {
        latencies.add(task.await??)?;
    }
    let rate = latencies.len() as f64 / begun.elapsed().as_secs_f64();
    let ms = |quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
    println!(
        "{clients:>5} clients, {bytes:>7} bytes: {rate:>9.0} writes/s, p50 {:.2} ms, p99 {:.2} ms",
        ms(0.5),
        ms(0.99)
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |seconds| seconds.parse())?;
    let folder = tempfile::tempdir_in(".")?;
    let (mut listeners, mut members) = (Vec::new(), Vec::new());
    for id in 1..=3 {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        members.push(Member { id: NodeId(id), address: listener.local_addr()?.to_string() });
        listeners.push((id, listener));
    }
    let mut replicas = Vec::new();
    for (id, listener) in listeners {
        replicas.push(start(id, listener, folder.path()).await?);
    }
    let leader = replicas.first().ok_or("no replicas")?.clone();
    leader.initialize(members).await?;
    leader.watch_status().wait_for(|status| status.role == Role::Leader).await?;
    // A leader takes proposals once a quorum has answered it.
    while leader.propose(Bytes::new()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (clients, bytes) in [(1, 300), (64, 300), (1_024, 300), (4, 1 << 20)] {
        step(&leader, clients, bytes, Duration::from_secs(seconds)).await?;
    }
    for replica in &replicas {
        replica.shutdown().await;
    }
    Ok(())
}
