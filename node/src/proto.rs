//! The generated gRPC services of `proto/tamga/v1`.

#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::use_self,
    clippy::needless_pass_by_ref_mut,
    reason = "generated"
)]

tonic::include_proto!("tamga.v1");

/// The encoded file descriptor set, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tamga_descriptor.bin"));
