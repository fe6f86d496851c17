//! Listening sockets as a seam, the counterpart of consensus' `Dialer`.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tamga_consensus::Stream;
use tokio::net::{TcpListener, TcpSocket};

/// Connections the system may hold for us before we accept them.
const BACKLOG: u32 = 1_024;

/// Opens listening sockets.
#[async_trait]
pub trait Network: Debug + Send + Sync + 'static {
    /// Listens on `address`; port 0 lets the system choose.
    ///
    /// # Errors
    /// As the operating system gives them.
    async fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn Listener>>;
}

/// A listening socket.
#[async_trait]
pub trait Listener: Debug + Send + Sync + 'static {
    /// Where it listens.
    ///
    /// # Errors
    /// As the operating system gives them.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// The next connection and where it comes from.
    ///
    /// # Errors
    /// Any; the listener stays usable.
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, SocketAddr)>;
}

/// The operating system's TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpNetwork;

#[async_trait]
impl Network for TcpNetwork {
    async fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn Listener>> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restarted node takes its port back although old connections still linger.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Box::new(socket.listen(BACKLOG)?))
    }
}

#[async_trait]
impl Listener for TcpListener {
    fn local_address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    async fn accept(&self) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let (stream, from) = Self::accept(self).await?;
        stream.set_nodelay(true)?;
        Ok((Box::new(stream), from))
    }
}
