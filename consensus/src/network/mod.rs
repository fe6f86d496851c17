//! The peer protocol.

mod dialer;

pub use dialer::{Dialer, Stream, TcpDialer};
pub use proto::raft_server::RaftServer;

/// Generated from `proto/raft.proto`.
#[allow(missing_docs, clippy::all, unreachable_pub, unused_qualifications, elided_lifetimes_in_paths)]
pub(crate) mod proto {
    tonic::include_proto!("tamga.consensus.v1");
}

/// The serving side of the peer protocol.
#[derive(Debug, Clone)]
pub struct Service {}
