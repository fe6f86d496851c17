//! Where the program `tamga-node` (or another of this workspace) is. Under cargo it is built first, so that it fits this
//! program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why there is no program to start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// The system does not say where this program is.
    #[error("cannot find out where this program is: {0}")]
    Whereabouts(std::io::Error),
    /// cargo failed.
    #[error("building the program failed: {0}")]
    Build(String),
    /// Nothing to start.
    #[error(
        "{0} does not exist: build the workspace in the same profile (`cargo build --release`), or start this with `cargo demo`"
    )]
    Missing(PathBuf),
}

/// The node's program beside this one, built in the same profile if cargo started us.
///
/// # Errors
/// [`BinaryError`].
pub fn node_binary() -> Result<PathBuf, BinaryError> {
    program(env!("CARGO_PKG_NAME"), "tamga-node", "tamga-node")
}

/// A program of this workspace beside this one, built in the same profile if cargo started us; `asker` is the package that
/// was built to run us.
///
/// # Errors
/// [`BinaryError`].
pub fn program(asker: &str, package: &str, name: &str) -> Result<PathBuf, BinaryError> {
    let this = std::env::current_exe().map_err(BinaryError::Whereabouts)?;
    let mut folder = this.parent().unwrap_or_else(|| Path::new("."));
    // Where cargo puts the programs of tests.
    if folder.file_name().is_some_and(|last| last == "deps") {
        folder = folder.parent().unwrap_or_else(|| Path::new("."));
    }
    let binary = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if let Some(cargo) = std::env::var_os("CARGO") {
        build(Path::new(&cargo), folder, asker, package, name)?;
    }
    if binary.is_file() { Ok(binary) } else { Err(BinaryError::Missing(binary)) }
}

/// What cargo sets for the program that it runs.
const OURS: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];

/// A second or less when nothing has changed since.
fn build(cargo: &Path, folder: &Path, asker: &str, package: &str, name: &str) -> Result<(), BinaryError> {
    let mut command = Command::new(cargo);
    // With whoever asks, so that libraries are compiled once, with the features that they already have for us.
    command.args(["build", "--package", package, "--package", asker, "--bin", name]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    if folder.file_name().is_some_and(|name| name == "release") {
        command.arg("--release");
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    // What cargo tells us about ourselves would make build scripts (ring's) believe that something has changed.
    for (name, _) in std::env::vars_os() {
        if OURS.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let status = command.stdin(Stdio::null()).status().map_err(|error| BinaryError::Build(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(BinaryError::Build(format!("cargo ended with {status}"))) }
}
