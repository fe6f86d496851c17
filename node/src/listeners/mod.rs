//! Sockets: who may connect, in which protocol, for how long.
//!
//! | file | holds |
//! |---|---|
//! | `network` | [`Network`]: listening sockets as a seam |
//! | `gate` | [`Gate`]: how many connections, in all and from one address |
//! | `guarded` | a stream whose first bytes may be looked at and whose peer must keep taking our bytes |
//! | `http` | HTTP/1.1 and HTTP/2 over one stream, with every bound set |
//! | `stop` | [`Stop`]: the signal that ends everything |
//! | `public` | the public listener: TLS or plaintext, told apart by the first byte |
//! | `peer` | the listener for nodes: mutual TLS, the caller's node id in every request |
//!
//! Invariants: no connection without a place in a gate; no wait on a stranger without a timeout.

mod accept;
mod gate;
mod guarded;
mod http;
mod network;
mod peer;
mod public;
mod stop;

pub use accept::{Handler, accept_connections};
pub use gate::{Gate, Pass};
pub use http::{HttpServer, Quick};
pub use network::{Listener, Network, TcpNetwork};
pub use peer::PeerListener;
pub use public::{Caller, PublicListener};
pub use stop::{Stop, Stopper};
