//! The program `tamga` as a process: exit code and what it prints.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;
use tamga_simulations::cluster;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

/// How long one command may take.
const WITHIN: Duration = Duration::from_secs(60);
/// This package: it brings the features that `cargo test --workspace` has chosen.
const ASKER: &str = env!("CARGO_PKG_NAME");

/// `tamga-node`, built once a test process.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn tamga_node() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| cluster::program(ASKER, "tamga-node", "tamga-node").unwrap()).clone()
}

/// `tamga`, built once a test process.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn tamga() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| cluster::program(ASKER, "tamga-client", "tamga").unwrap()).clone()
}

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as one JSON object.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same run, which had to end with this code.
    ///
    /// # Panics
    /// If it ended with another.
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Runs a program to its end.
///
/// # Panics
/// If it cannot be started, or does not end.
pub async fn run(binary: PathBuf, arguments: &[&str]) -> Ran {
    run_with(binary, arguments, "").await
}

/// As [`run`], with something to read from its standard input.
///
/// # Panics
/// If it cannot be started, or does not end.
pub async fn run_with(binary: PathBuf, arguments: &[&str], input: &str) -> Ran {
    let mut command = Command::new(binary);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    // Whoever reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    let output = timeout(WITHIN, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} does not end")).unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
