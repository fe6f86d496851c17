//! What a story needs of the machine. Where it is missing the story says SKIPPED, loudly; where nothing may be skipped
//! (`TAMGA_TESTS_NOTHING_SKIPPED=1`, as the gate sets it), it fails.

use super::namespace::Namespace;
use super::small_disk::SmallDisk;
use std::process::{Command, Stdio};

/// When set to 1, nothing may be skipped.
pub const NOTHING_SKIPPED: &str = "TAMGA_TESTS_NOTHING_SKIPPED";

/// Says that a story is skipped, and why.
///
/// # Panics
/// Where nothing may be skipped.
pub fn skipped(story: &str, why: &str) {
    assert!(!std::env::var(NOTHING_SKIPPED).is_ok_and(|set| set == "1"), "{story} may not be skipped: {why}");
    eprintln!("SKIPPED {story}: {why}");
}

/// Whether namespaces with interfaces of our own may be made; else why not. Called within a tokio runtime.
///
/// # Errors
/// What the system said.
pub fn namespaces() -> Result<(), String> {
    let namespace =
        Namespace::new().map_err(|error| format!("no network namespace (root and iproute2 are needed): {error}"))?;
    let interface = namespace.interface(super::switch::address_of(1));
    interface.map(drop).map_err(|error| format!("no interface of our own (/dev/net/tun is needed): {error}"))
}

/// Whether small file systems may be mounted; else why not.
///
/// # Errors
/// What the system said.
pub fn mounts() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data).map_err(|error| error.to_string())?;
    SmallDisk::mount(&data, 16)
        .map(drop)
        .map_err(|error| format!("no file system may be mounted (root is needed): {error}"))
}

/// Whether system calls may be made to fail; else why not.
///
/// # Errors
/// What the system said.
pub fn strace() -> Result<(), String> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO", "true"]);
    let output = strace.stdin(Stdio::null()).output().map_err(|error| format!("strace is missing: {error}"))?;
    let said = || format!("strace may not trace: {}", String::from_utf8_lossy(&output.stderr).trim());
    output.status.success().then_some(()).ok_or_else(said)
}
