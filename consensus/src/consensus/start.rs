//! Starting a replica: the order in which its parts come up, and who notices that one of them failed.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::{Semaphore, watch};

use super::{Consensus, Inner, ROOM_KIB};
use crate::application::Application;
use crate::config::{Config, Seams};
use crate::error::{Fatal, StartError};
use crate::network::{Peers, Shunned};
use crate::raft::{Files, Installer, Local, LogStore, Raft, StateMachine, TypeConfig, follow, status_of};
use crate::wal::{Outside, Settings, View, Wal};

impl Consensus {
    /// Opens the log, re-applies what the application lacks, and starts to take part. Peers reach this replica only
    /// once [`raft_service`](Self::raft_service) is mounted.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: Config, seams: Seams, application: impl Application) -> Result<Self, StartError> {
        config.check()?;
        let settings = config.openraft()?;
        let wal = open_wal(&config, &seams).await?;
        // Before openraft records anything.
        let log_was_new = wal.look(View::is_untouched);
        let files = Files::new(seams.disk, seams.blocking, config.folder.clone());
        let machine = StateMachine::open(Box::new(application), &wal, files).await?;
        let signals = machine.signals();
        let failures = [wal.watch_failed(), signals.failed.subscribe()];

        let timeout = Duration::from_millis(config.rpc_timeout_ms);
        let peers = Peers::new(config.cluster, config.node, timeout, seams.dialer);
        let store = LogStore::new(wal.clone(), config.observer.clone());
        // Committed entries behind the application's position are applied in here, before anybody is served.
        let started = Raft::new(config.node.0, settings, peers.clone(), store, machine).await;
        let raft = match started {
            Ok(raft) => raft,
            Err(error) => {
                let known = failures.iter().find_map(|failed| failed.borrow().clone());
                return Err(known.unwrap_or_else(|| Fatal::new(error.to_string())).into());
            }
        };

        let held = watch::Sender::new(false);
        let local =
            Local { space: wal.watch_space(), held: held.subscribe(), installing: signals.installing.subscribe() };
        let first = status_of(&raft.metrics().borrow_watched().clone(), &local);
        let (status, watched) = watch::channel(first);
        tokio::spawn(follow(raft.clone(), local.clone(), status));
        let fatal = guard(&raft, failures);
        let installer = Installer::new(raft.clone(), signals.clone(), timeout / 2);
        let room = Semaphore::new(ROOM_KIB as usize);
        let apart = Arc::new(AtomicBool::new(config.apart_while_new && log_was_new));
        let status = watched;
        let inner = Inner {
            config,
            raft,
            wal,
            peers,
            installer,
            status,
            local,
            shunned: Shunned::default(),
            held,
            log_was_new,
            apart,
            signals,
            fatal,
            room,
        };
        let consensus = Self(Arc::new(inner));
        consensus.tend();
        Ok(consensus)
    }
}

async fn open_wal(config: &Config, seams: &Seams) -> Result<Wal, StartError> {
    let outside = Outside {
        disk: Arc::clone(&seams.disk),
        clock: Arc::clone(&seams.clock),
        entropy: Arc::clone(&seams.entropy),
        blocking: Arc::clone(&seams.blocking),
    };
    let settings = Settings {
        folder: config.folder.join("wal"),
        cluster: config.cluster,
        node: config.node,
        segment_bytes: config.segment_bytes,
        cache_bytes: config.cache_bytes,
        disk_reserve_bytes: config.disk_reserve_bytes,
        must_exist: config.log_must_exist,
    };
    Ok(Wal::open(outside, settings).await?)
}

/// Waits for the first failure of the log, of the application, or of openraft itself, makes it known, and stops
/// openraft: a log that failed must not go on leading or voting until openraft happens to write.
fn guard(raft: &Raft, failures: [watch::Receiver<Option<Fatal>>; 2]) -> watch::Receiver<Option<Fatal>> {
    let (tell, fatal) = watch::channel(None);
    let raft = raft.clone();
    let [mut log, mut machine] = failures;
    tokio::spawn(async move {
        let first = tokio::select! {
            biased;
            Some(fatal) = failure(&mut log) => Some(fatal),
            Some(fatal) = failure(&mut machine) => Some(fatal),
            stopped = stopped(&raft) => stopped,
        };
        // The component's own story is better than what openraft made of it.
        let story = log.borrow().clone().or_else(|| machine.borrow().clone()).or(first);
        let failed = story.is_some();
        tell.send_replace(story);
        if failed {
            // Its result says no more than the story does.
            let _ = raft.shutdown().await;
        }
    });
    fatal
}

/// Waits until openraft has ended; `None` if it was asked to.
async fn stopped(raft: &Raft) -> Option<Fatal> {
    let mut metrics = raft.metrics();
    loop {
        let state = metrics.borrow_watched().running_state.clone();
        match state {
            Err(openraft::errors::Fatal::<TypeConfig>::Stopped) => return None,
            Err(error) => return Some(Fatal::new(error.to_string())),
            Ok(()) => {}
        }
        if metrics.changed().await.is_err() && metrics.borrow_watched().running_state.is_ok() {
            return Some(Fatal::new("openraft ended without saying why; it has probably panicked"));
        }
    }
}

async fn failure(failed: &mut watch::Receiver<Option<Fatal>>) -> Option<Fatal> {
    failed.wait_for(Option::is_some).await.ok().and_then(|fatal| fatal.clone())
}
