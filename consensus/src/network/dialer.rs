//! How connections to peers are opened. TLS is the caller's: consensus sees bytes only.

use std::fmt::Debug;
use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::types::NodeId;

/// A connection to a peer.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// Opens connections to peers.
#[async_trait]
pub trait Dialer: Debug + Send + Sync + 'static {
    /// Connects to `node` at `address`, and proves that it is `node` where the deployment demands it: an address may
    /// have passed to another machine.
    ///
    /// # Errors
    /// Any; consensus tries again later.
    async fn dial(&self, node: NodeId, address: &str) -> io::Result<Box<dyn Stream>>;
}

/// Plain TCP without identity, for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDialer;

#[async_trait]
impl Dialer for TcpDialer {
    async fn dial(&self, _node: NodeId, address: &str) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
