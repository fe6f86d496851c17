//! One node as a child process.
//!
//! However this program ends (in order, by an error, by an interrupt, by a panic that unwinds), the child does not stay:
//! it is killed when its handle is dropped, and only ever by its own process id.

use super::{ClusterError, Ground, io_error, probe};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tamga_node::config::Config;
use tamga_node::provision;
use tamga_platform::disk::{Disk, OsDisk};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a node may take to end in order.
const END_WITHIN: Duration = Duration::from_secs(30);
/// How much of a log an error shows.
const TAIL_BYTES: usize = 2_000;
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a node writes about its listeners once it has bound them.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Addresses {
    public: SocketAddr,
    admin: SocketAddr,
}

/// A node's process.
#[derive(Debug)]
pub struct NodeProcess {
    /// Its id in the genesis record.
    pub id: u32,
    /// Where it logs.
    pub log: PathBuf,
    /// Its data.
    pub data: PathBuf,
    ground: Arc<dyn Ground>,
    binary: PathBuf,
    config: PathBuf,
    child: Child,
    addresses: Option<Addresses>,
}

impl NodeProcess {
    pub(super) fn start(
        id: u32,
        ground: Arc<dyn Ground>,
        binary: &Path,
        config: &Path,
        folder: &Path,
    ) -> Result<Self, ClusterError> {
        let log = folder.join("node.log");
        let out = std::fs::File::create(&log).map_err(io_error(format!("create {}", log.display())))?;
        let child = spawn(id, &*ground, binary, config, out)?;
        let (binary, config) = (binary.to_owned(), config.to_owned());
        Ok(Self { id, log, data: folder.join("data"), ground, binary, config, child, addresses: None })
    }

    /// Kills the process, as a power cut would, and waits until it is gone.
    pub async fn kill(&mut self) {
        // It may have ended by itself already.
        let _ = self.child.kill().await;
    }

    /// Starts the process again on the same files once it has ended. Its log goes on; its public and admin ports are new.
    ///
    /// # Errors
    /// [`ClusterError::Io`].
    pub fn restart(&mut self) -> Result<(), ClusterError> {
        let log = &self.log;
        let out = std::fs::File::options().append(true).open(log);
        let out = out.map_err(io_error(format!("open {}", log.display())))?;
        // Left behind by a process that was killed: it names ports that nobody listens on.
        let _ = std::fs::remove_file(self.data.join("addresses.json"));
        self.addresses = None;
        self.child = spawn(self.id, &*self.ground, &self.binary, &self.config, out)?;
        Ok(())
    }

    /// The process's id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the process has ended by itself; none if it has not by then.
    pub async fn ended_within(&mut self, limit: Duration) -> Option<std::process::ExitStatus> {
        timeout(limit, self.child.wait()).await.ok()?.ok()
    }

    /// Whether it serves; else what stands in the way.
    ///
    /// # Errors
    /// The hindrance in the node's words.
    pub async fn ready(&mut self) -> Result<(), String> {
        if self.addresses.is_none() {
            let file = self.data.join("addresses.json");
            let bytes =
                OsDisk.read(&file, FILE_BYTES_MAX).map_err(|_| "it has not bound its sockets yet".to_owned())?;
            let listens: Addresses = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            let reach = |listener| self.ground.reach(self.id, listener).map_err(|error| error.to_string());
            self.addresses = Some(Addresses { public: reach(listens.public)?, admin: reach(listens.admin)? });
        }
        let admin = self.addresses.map(|addresses| addresses.admin).ok_or("no address")?;
        probe::answers_ok(admin, "/readyz").await
    }

    /// Where the public reaches it. Port 0 before it was ready.
    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        self.addresses.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)), |addresses| addresses.public)
    }

    /// Where its operator reaches it. Port 0 before it was ready.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.addresses.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)), |addresses| addresses.admin)
    }

    /// Says how it ended, if it has.
    ///
    /// # Errors
    /// [`ClusterError::Ended`].
    pub fn check_alive(&mut self) -> Result<(), ClusterError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.ended(status.to_string())),
            Err(error) => Err(self.ended(error.to_string())),
        }
    }

    fn ended(&self, status: String) -> ClusterError {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(text.get(text.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default());
        ClusterError::Ended { node: self.id, status, log: self.log.clone(), tail: tail.into_owned() }
    }

    /// The largest resident memory it has had, as Linux counts it, MiB.
    #[must_use]
    pub fn rss_mib_max(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib.div_ceil(1024))
    }

    /// What it is configured to.
    ///
    /// # Errors
    /// [`ClusterError::Config`].
    pub fn config(&self) -> Result<Config, ClusterError> {
        Ok(Config::load(&OsDisk, &self.config)?)
    }

    /// Changes what is configured from the next start on.
    ///
    /// # Errors
    /// [`ClusterError::Provision`], [`ClusterError::Config`].
    pub fn configure(&self, change: impl FnOnce(&mut Config)) -> Result<(), ClusterError> {
        let mut config = self.config()?;
        change(&mut config);
        Ok(provision::write_config(&OsDisk, &self.config, &config)?)
    }

    /// From the next start on it is another build of the program.
    pub fn upgrade(&mut self, binary: &Path) {
        self.binary = binary.to_owned();
    }

    /// Asks the process to end in order and waits until it has; its exit status, none if it does not end.
    pub async fn end_in_order(&mut self) -> Option<std::process::ExitStatus> {
        self.ask_to_end();
        self.ended_within(END_WITHIN).await
    }

    /// Asks the process to end in order.
    pub fn ask_to_end(&self) {
        #[cfg(unix)]
        if let Some(pid) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
            // It may have ended already; then there is nobody to ask.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    /// Waits until it has ended; kills it if that takes too long.
    pub async fn end(&mut self) {
        if timeout(END_WITHIN, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

fn spawn(
    id: u32,
    ground: &dyn Ground,
    binary: &Path,
    config: &Path,
    out: std::fs::File,
) -> Result<Child, ClusterError> {
    let err = out.try_clone().map_err(io_error("share the log file"))?;
    let mut command = match ground.tracer(id).as_slice() {
        [tracer, arguments @ ..] => {
            let mut command = Command::new(tracer);
            command.args(arguments).arg(binary);
            command
        }
        [] => Command::new(binary),
    };
    command.arg("run").arg("--config").arg(config);
    command.stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
    // Its own process group: an interrupt typed at the terminal reaches us first, and we end the nodes in order.
    #[cfg(unix)]
    command.process_group(0);
    ground.spawn(id, command).map_err(io_error(format!("start {}", binary.display())))
}
