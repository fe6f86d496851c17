//! What the nodes stand on: this machine's loopback, unless a test brings other ground (namespaces, small disks, tracers).

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use tamga_node::config::Config;
use tokio::process::{Child, Command};

/// How a node's process is configured, started and reached.
pub trait Ground: Debug + Send + Sync + 'static {
    /// Changes what a node is configured with before its file is written. Its data folder exists and is empty.
    ///
    /// # Errors
    /// Whatever keeps the node from being started.
    fn prepare(&self, node: u32, data: &Path, config: &mut Config) -> io::Result<()> {
        let _ = (node, data, config);
        Ok(())
    }

    /// The program and arguments under which a node's program is to be started; empty for none.
    fn tracer(&self, node: u32) -> Vec<String> {
        let _ = node;
        Vec::new()
    }

    /// Starts a node's program.
    ///
    /// # Errors
    /// As the system gives them.
    fn spawn(&self, node: u32, mut command: Command) -> io::Result<Child> {
        let _ = node;
        command.spawn()
    }

    /// Where a node's listener is reached from here.
    ///
    /// # Errors
    /// If there is no way to it.
    fn reach(&self, node: u32, listener: SocketAddr) -> io::Result<SocketAddr> {
        let _ = node;
        Ok(listener)
    }
}

/// This machine's loopback.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loopback;

impl Ground for Loopback {}
