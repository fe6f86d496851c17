//! Compiles the node's public protocols: the client side for the library, the server side for tests that play a node.
//! protox reads the `.proto`, so that no protoc has to be installed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../node/proto/tamga/v1");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = protox::compile(["tamga/v1/submission.proto", "tamga/v1/reading.proto"], ["../node/proto"])?;
    tonic_prost_build::configure().bytes(".").build_server(false).compile_fds(descriptors.clone())?;
    let server = out.join("server");
    std::fs::create_dir_all(&server)?;
    tonic_prost_build::configure().bytes(".").build_client(false).out_dir(server).compile_fds(descriptors)?;
    Ok(())
}
