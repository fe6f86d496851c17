//! A network namespace without a name: a thread that has left ours. Whatever is opened or started on that thread is inside;
//! when thread and children are gone, the kernel takes the namespace back, however the test ended.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::mpsc;
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio_tun::Tun;

/// Smaller than usual, so that a batch is several packets.
const MTU: i32 = 1_280;

type Work = Box<dyn FnOnce() + Send>;

/// A namespace of its own for one node.
#[derive(Debug)]
pub struct Namespace {
    work: mpsc::Sender<Work>,
    runtime: Handle,
}

impl Namespace {
    /// A new namespace whose loopback is up. Called within a tokio runtime.
    ///
    /// # Errors
    /// If the system does not permit it.
    pub fn new() -> io::Result<Self> {
        let (work, orders) = mpsc::channel::<Work>();
        let (entered, has_entered) = mpsc::channel();
        let inside = move || {
            let _ = entered.send(enter());
            orders.into_iter().for_each(|work| work());
        };
        std::thread::Builder::new().name("namespace".to_owned()).spawn(inside)?;
        has_entered.recv().map_err(io::Error::other)??;
        Ok(Self { work, runtime: Handle::current() })
    }

    /// Does something inside.
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let (tell, told) = mpsc::channel();
        let runtime = self.runtime.clone();
        let work = move || {
            let _within = runtime.enter();
            let _ = tell.send(work());
        };
        self.work.send(Box::new(work)).map_err(|_| io::Error::other("the namespace's thread is gone"))?;
        told.recv().map_err(io::Error::other)?
    }

    /// A network interface with this address, whose packets we carry.
    ///
    /// # Errors
    /// If the system does not permit it.
    pub fn interface(&self, address: Ipv4Addr) -> io::Result<Tun> {
        self.run(move || {
            let made = Tun::builder()
                .name("tamga0")
                .address(address)
                .netmask(Ipv4Addr::new(255, 255, 255, 0))
                .mtu(MTU)
                .up()
                .build();
            made.map_err(io::Error::other)?.pop().ok_or_else(|| io::Error::other("no interface"))
        })
    }

    /// Starts a program inside.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn spawn(&self, mut command: Command) -> io::Result<Child> {
        self.run(move || command.spawn())
    }

    /// A socket inside, to be connected anywhere.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn socket(&self, towards: SocketAddr) -> io::Result<TcpSocket> {
        self.run(move || if towards.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() })
    }
}

/// Leaves the namespace of the process with this thread.
fn enter() -> io::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)?;
    let mut ip = std::process::Command::new("ip");
    let status = ip.args(["link", "set", "lo", "up"]).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("ip ended with {status}"))) }
}
