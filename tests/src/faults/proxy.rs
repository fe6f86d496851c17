//! The wire where no namespace may be made: one loopback proxy before each node's listener for peers.
//!
//! It knows streams, not packets: it parts, slows and stalls, but loses, doubles and reorders nothing. Who connects is read
//! from `/proc`, because Raft knows one address of a node only, whoever dials it.

use super::links::{Befallen, Links};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

const CHUNK_BYTES: usize = 16 * 1024;

/// Process ids of the nodes that run.
pub type Pids = Arc<Mutex<BTreeMap<u32, u32>>>;

/// Proxies, until dropped.
#[derive(Debug)]
pub struct Proxies {
    addresses: BTreeMap<u32, SocketAddr>,
    _doors: JoinSet<()>,
}

impl Proxies {
    /// Begins to pass on: to each node, what comes for it, as the links allow.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn begin(targets: &BTreeMap<u32, SocketAddr>, links: &Links, pids: &Pids) -> io::Result<Self> {
        let (mut addresses, mut doors) = (BTreeMap::new(), JoinSet::new());
        for (node, target) in targets {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            addresses.insert(*node, listener.local_addr()?);
            doors.spawn(serve(listener, *node, *target, links.clone(), Arc::clone(pids)));
        }
        Ok(Self { addresses, _doors: doors })
    }

    /// Where a node is to be dialled.
    #[must_use]
    pub const fn addresses(&self) -> &BTreeMap<u32, SocketAddr> {
        &self.addresses
    }
}

async fn serve(listener: TcpListener, to: u32, target: SocketAddr, links: Links, pids: Pids) {
    let mut streams = JoinSet::new();
    while let Ok((stream, caller)) = listener.accept().await {
        while streams.try_join_next().is_some() {}
        let Some(from) = who(caller, &pids) else { continue };
        streams.spawn(between(stream, from, to, target, links.clone()));
    }
}

async fn between(caller: TcpStream, from: u32, to: u32, target: SocketAddr, links: Links) {
    // A call through a cut link hangs, as an unanswered SYN does.
    links.opened(from, to).await;
    links.opened(to, from).await;
    let Ok(called) = TcpStream::connect(target).await else { return };
    let _ = (caller.set_nodelay(true), called.set_nodelay(true));
    let ((caller_reads, caller_writes), (called_reads, called_writes)) = (caller.into_split(), called.into_split());
    tokio::select! {
        () = pump(caller_reads, called_writes, &links, from, to) => {}
        () = pump(called_reads, caller_writes, &links, to, from) => {}
    }
}

async fn pump(mut reads: OwnedReadHalf, mut writes: OwnedWriteHalf, links: &Links, from: u32, to: u32) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = reads.read(&mut chunk).await {
        if !links.between(from, to).open {
            Befallen::count(&links.befallen().cut);
        }
        let link = links.opened(from, to).await;
        sleep(link.delay).await;
        Befallen::count(&links.befallen().passed);
        if writes.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

/// The node whose process holds the socket with this local address.
fn who(caller: SocketAddr, pids: &Pids) -> Option<u32> {
    let SocketAddr::V4(caller) = caller else { return None };
    // As the kernel prints it: the address as a number of this machine's byte order, in hexadecimal.
    let local = format!("{:08X}:{:04X}", u32::from_le_bytes(caller.ip().octets()), caller.port());
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let inode = lines
        .find(|columns| columns.get(1) == Some(&local.as_str()))?
        .get(9)
        .map(|inode| format!("socket:[{inode}]"))?;
    let pids = pids.lock().unwrap_or_else(PoisonError::into_inner).clone();
    pids.into_iter().find(|(_, pid)| holds(*pid, &inode)).map(|(node, _)| node)
}

fn holds(pid: u32, inode: &str) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target.to_str() == Some(inode)))
}
