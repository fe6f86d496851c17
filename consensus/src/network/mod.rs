//! The peer protocol over gRPC: `proto/raft.proto`, both sides of it.
//!
//! Message bodies are protobuf throughout; the bytes of a membership are `codec`'s. TLS is not in here: a [`Dialer`]
//! brings connections, the node's listener brings requests, each with the [`PeerIdentity`](crate::PeerIdentity) that
//! the certificate proves.

mod dialer;
mod peer;
mod service;
mod wire;

#[cfg(test)]
mod tests;

pub use dialer::{Dialer, Stream, TcpDialer};
pub(crate) use peer::{Peers, ReadIndex};
pub use proto::raft_server::RaftServer;
pub use service::Service;
pub(crate) use service::{Gate, Shunned};

/// Generated from `proto/raft.proto`.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::use_self,
    clippy::needless_pass_by_ref_mut,
    reason = "generated"
)]
pub(crate) mod proto {
    tonic::include_proto!("tamga.consensus.v1");
}
