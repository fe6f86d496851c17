//! System calls of a running node that fail when we say: `strace` attaches to it and injects the error.
//!
//! The n-th call is counted in each thread by itself, from the moment of attaching. A tracer slows its node down, which is a
//! fault of its own kind that the cluster has to bear as well.

use std::io;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What is to fail.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The system call.
    pub call: &'a str,
    /// With what.
    pub error: &'a str,
    /// From which call on, counted from 1.
    pub from: u32,
    /// Whether all later calls fail too, or this one only.
    pub lasting: bool,
}

impl Failure<'_> {
    fn expressions(&self) -> [String; 2] {
        let Self { call, error, from, lasting } = *self;
        let when = if lasting { format!("{from}+") } else { from.to_string() };
        [format!("trace={call}"), format!("inject={call}:error={error}:when={when}")]
    }

    /// What a node is to be started under so that its calls fail from its first breath on.
    #[must_use]
    pub fn command(&self, log: &Path) -> Vec<String> {
        let [trace, inject] = self.expressions();
        // -D: the node stays our child, the tracer is a grandchild of it.
        let words = ["strace", "-D", "-f", "-qq", "-o"].map(str::to_owned).into_iter();
        words.chain([log.display().to_string(), "-e".to_owned(), trace, "-e".to_owned(), inject]).collect()
    }
}

/// A tracer on a running node. Dropped, it lets go.
#[derive(Debug)]
pub struct Tracer {
    strace: Child,
}

impl Tracer {
    /// Attaches to a process: from when this returns, the failure is armed.
    ///
    /// # Errors
    /// If the system does not permit it.
    pub async fn attach(pid: u32, failure: Failure<'_>, log: &Path) -> io::Result<Self> {
        let [trace, inject] = failure.expressions();
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &pid.to_string(), "-e", &trace, "-e", &inject, "-o"]).arg(log);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut strace = command.spawn()?;
        let said = strace.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?;
        let mut lines = BufReader::new(said).lines();
        while let Some(line) = lines.next_line().await? {
            if line.contains("attached") {
                // What else it says goes nowhere, but the pipe must not fill up.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { strace });
            }
        }
        Err(io::Error::other(format!("strace ended without attaching: {:?}", strace.wait().await?)))
    }

    /// Lets go of the process, if it still runs.
    pub async fn detach(mut self) {
        // strace lets go of its tracees when it is interrupted; killed, the kernel does that.
        let _ = self.strace.kill().await;
    }
}

/// Whether the tracer has made a call fail.
#[must_use]
pub fn injected(log: &Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|text| text.contains("(INJECTED)"))
}
