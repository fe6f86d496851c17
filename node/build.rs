//! Compiles the node's services. protox reads the `.proto` files, so that no protoc has to be installed.

use prost::Message as _;
use std::path::PathBuf;

const FILES: [&str; 4] =
    ["tamga/v1/peer.proto", "tamga/v1/reading.proto", "tamga/v1/repair.proto", "tamga/v1/submission.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // For gRPC reflection.
    std::fs::write(out.join("tamga_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
