//! Ground with faults in it: nodes whose wires, disks and system calls are ours.
//!
//! Readers reach a node's public and admin listeners directly, also while its wires to the other nodes are cut: a station
//! stands beside its node, and what an isolated leader tells it is what the stories are about.

use super::links::Links;
use super::namespace::Namespace;
use super::proxy::{Pids, Proxies};
use super::small_disk::SmallDisk;
use super::switch::{Switch, address_of};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tamga_node::config::{Config, CoreTuning, Peer};
use tamga_simulations::cluster::Ground;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// The nodes' port for peers in a namespace of their own.
const PEER_PORT: u16 = 7_000;

/// What the wires between nodes are made of.
#[derive(Debug)]
enum Wires {
    /// Loopback, untouched.
    Plain,
    /// A namespace for each node, and our switch between them.
    Switched { namespaces: BTreeMap<u32, Arc<Namespace>>, _switch: Switch },
    /// Loopback, and a proxy before each node.
    Proxied { listens: BTreeMap<u32, SocketAddr>, proxies: Proxies },
}

/// See the module.
#[derive(Debug)]
pub struct FaultyGround {
    wires: Wires,
    tuning: CoreTuning,
    pids: Pids,
    /// What each node's program is started under, from the next start on.
    tracers: Mutex<BTreeMap<u32, Vec<String>>>,
    disk_mib: Option<u32>,
    disks: Mutex<BTreeMap<u32, SmallDisk>>,
    doors: Mutex<Doors>,
}

#[derive(Debug, Default)]
struct Doors {
    known: BTreeMap<(u32, SocketAddr), SocketAddr>,
    keepers: JoinSet<()>,
}

impl FaultyGround {
    fn of(wires: Wires) -> Self {
        Self {
            wires,
            tuning: CoreTuning::default(),
            pids: Pids::default(),
            tracers: Mutex::default(),
            disk_mib: None,
            disks: Mutex::default(),
            doors: Mutex::default(),
        }
    }

    /// Loopback, with whatever else is asked for.
    #[must_use]
    pub fn plain() -> Self {
        Self::of(Wires::Plain)
    }

    /// A namespace for each of so many nodes, our switch between them.
    ///
    /// # Errors
    /// If the system does not permit it.
    pub fn switched(nodes: u32, links: &Links, seed: u64) -> io::Result<Self> {
        let (mut namespaces, mut interfaces) = (BTreeMap::new(), BTreeMap::new());
        for node in 1..=nodes {
            let namespace = Namespace::new()?;
            interfaces.insert(node, namespace.interface(address_of(node))?);
            namespaces.insert(node, Arc::new(namespace));
        }
        let switch = Switch::begin(interfaces, links, seed);
        Ok(Self::of(Wires::Switched { namespaces, _switch: switch }))
    }

    /// Loopback, and a proxy before each of so many nodes.
    ///
    /// # Errors
    /// If ports cannot be bound.
    pub async fn proxied(nodes: u32, links: &Links) -> io::Result<Self> {
        let bound = (1..=nodes).map(|node| Ok((node, std::net::TcpListener::bind(("127.0.0.1", 0))?)));
        let bound = bound.collect::<io::Result<BTreeMap<_, _>>>()?;
        let listens = bound.iter().map(|(node, listener)| Ok((*node, listener.local_addr()?)));
        let listens = listens.collect::<io::Result<BTreeMap<_, _>>>()?;
        drop(bound);
        let pids = Pids::default();
        let proxies = Proxies::begin(&listens, links, &pids).await?;
        Ok(Self { pids, ..Self::of(Wires::Proxied { listens, proxies }) })
    }

    /// Another tuning of all nodes.
    #[must_use]
    pub fn tuned(mut self, tuning: CoreTuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Each node's data on a file system of its own, of so many MiB.
    #[must_use]
    pub const fn on_small_disks(mut self, mib: u32) -> Self {
        self.disk_mib = Some(mib);
        self
    }

    /// The file system of a node's data.
    ///
    /// # Panics
    /// If it has none of its own.
    pub fn with_disk<T>(&self, node: u32, work: impl FnOnce(&mut SmallDisk) -> T) -> T {
        work(locked(&self.disks).get_mut(&node).unwrap())
    }

    /// Starts a node under this program (name and arguments) from the next start on; none: by itself again.
    pub fn trace(&self, node: u32, under: &[String]) {
        locked(&self.tracers).insert(node, under.to_vec());
    }

    fn peers(&self, count: usize) -> Option<BTreeMap<u32, SocketAddr>> {
        let nodes = 1..=u32::try_from(count).unwrap_or(u32::MAX);
        match &self.wires {
            Wires::Plain => None,
            Wires::Switched { .. } => {
                Some(nodes.map(|node| (node, SocketAddr::new(address_of(node).into(), PEER_PORT))).collect())
            }
            Wires::Proxied { proxies, .. } => Some(proxies.addresses().clone()),
        }
    }

    /// A door on our loopback to an address inside a node's namespace.
    fn door(&self, node: u32, inside: &Arc<Namespace>, target: SocketAddr) -> io::Result<SocketAddr> {
        let mut doors = locked(&self.doors);
        if let Some(known) = doors.known.get(&(node, target)) {
            return Ok(*known);
        }
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        doors.known.insert((node, target), address);
        doors.keepers.spawn(keep(listener, Arc::clone(inside), target));
        Ok(address)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn keep(listener: TcpListener, inside: Arc<Namespace>, target: SocketAddr) {
    let mut streams = JoinSet::new();
    while let Ok((outer, _)) = listener.accept().await {
        while streams.try_join_next().is_some() {}
        let inside = Arc::clone(&inside);
        streams.spawn(async move { pass(outer, &inside, target).await.is_ok() });
    }
}

async fn pass(mut outer: TcpStream, inside: &Namespace, target: SocketAddr) -> io::Result<()> {
    let mut inner = inside.socket(target)?.connect(target).await?;
    outer.set_nodelay(true)?;
    inner.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut outer, &mut inner).await?;
    Ok(())
}

impl Ground for FaultyGround {
    fn prepare(&self, node: u32, data: &Path, config: &mut Config) -> io::Result<()> {
        config.tuning = self.tuning.clone();
        if let Some(peers) = self.peers(config.peers.len()) {
            config.peers = peers.iter().map(|(id, at)| Peer { id: *id, address: at.to_string() }).collect();
        }
        match &self.wires {
            Wires::Plain => {}
            Wires::Switched { .. } => {
                config.listen.peer = SocketAddr::new(IpAddr::V4(address_of(node)), PEER_PORT);
            }
            Wires::Proxied { listens, .. } => {
                config.listen.peer = *listens.get(&node).ok_or_else(|| io::Error::other("no such node"))?;
            }
        }
        if let Some(mib) = self.disk_mib {
            let mut disks = locked(&self.disks);
            // From an attempt at starting that found its ports taken.
            disks.remove(&node);
            disks.insert(node, SmallDisk::mount(data, mib)?);
        }
        Ok(())
    }

    fn spawn(&self, node: u32, mut command: Command) -> io::Result<Child> {
        let child = match &self.wires {
            Wires::Switched { namespaces, .. } => {
                namespaces.get(&node).ok_or_else(|| io::Error::other("no such node"))?.spawn(command)?
            }
            _ => command.spawn()?,
        };
        if let Some(pid) = child.id() {
            locked(&self.pids).insert(node, pid);
        }
        Ok(child)
    }

    fn tracer(&self, node: u32) -> Vec<String> {
        locked(&self.tracers).get(&node).cloned().unwrap_or_default()
    }

    fn reach(&self, node: u32, listener: SocketAddr) -> io::Result<SocketAddr> {
        match &self.wires {
            Wires::Switched { namespaces, .. } => {
                let inside = namespaces.get(&node).ok_or_else(|| io::Error::other("no such node"))?;
                self.door(node, inside, listener)
            }
            _ => Ok(listener),
        }
    }
}
