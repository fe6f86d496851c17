//! Start-up, in the order in which things depend on each other; and the way down.
//!
//! folder lock → genesis → store → index → replay → cosigning memory → births → outbox → catch-up, if one was interrupted →
//! consensus (applies what the store lacks) → tasks → born, if the node is new → caught up

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tamga_consensus::{Config, Consensus, Member, NodeId, Seams, StartError, WalError};
use tamga_ledger::nodes::Nodes;
use tamga_ledger::sign::Signer as _;
use tamga_ledger::state::State;
use tamga_ledger::trust::Trust;
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::disk::LockGuard;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::addresses::{Addresses, FindingDialer};
use super::announce::Heard;
use super::apply::Machine;
use super::authentics::Authentics;
use super::birth::{Births, begin_log};
use super::catchup::CatchUp;
use super::censorship::Starvation;
use super::compaction::Compaction;
use super::cosigning::{Cosigning, CutMade, Memory};
use super::epoch::{self, Epoch, NewEpoch};
use super::evidence::{Batches, Evidence, Suspects};
use super::keys::Keys;
use super::lock::Access as _;
use super::open::{Opened, open_ledger};
use super::outbox::{OpenError, Outbox, Writer};
use super::peers::Peers;
use super::pending::Pending;
use super::prepare::{PrepareAhead, Prepared};
use super::refusals::RefusalCounts;
use super::roster::{Roster, RosterNow};
use super::shared::Shared;
use super::space::Space;
use super::trusted::Trusted;
use super::waiters::Waiters;
use super::{Core, CoreError, CoreSeams, CoreSetup};
use crate::view::ViewStore;

/// Between attempts to learn how far the others are.
const CATCH_UP_RETRY: Duration = Duration::from_millis(100);

pub(super) async fn start(setup: CoreSetup, seams: CoreSeams) -> Result<Core, CoreError> {
    let lock = lock_folder(&seams, &setup.data_dir)?;
    let trust = Arc::new(Trust::from_submission(setup.genesis.clone(), None)?);
    check_setup(&setup, &trust)?;
    let addresses = Arc::new(Addresses::new(&setup.members));
    let dialer = FindingDialer { addresses: Arc::clone(&addresses), dialer: Arc::clone(&seams.dialer) };
    let seams = CoreSeams { dialer: Arc::new(dialer), ..seams };
    refuse_half_recovered(&seams, &setup.data_dir)?;
    let kept = NewEpoch::read(seams.disk.as_ref(), &setup.data_dir, &trust)?;
    let opened = open_ledger(&setup, &seams, &trust).await?;
    let (shared, parts) = share(setup, seams, trust, opened, addresses, kept).await?;
    // Before consensus: a ledger that is ahead of its position must not be applied to.
    shared.finish_catch_up().await?;
    shared.settle_roster();
    shared.measure_space().await;
    let (consensus, first) = start_consensus(&shared, &parts.members).await?;
    // From here on apply knows the end of the log.
    let _first = shared.consensus.set(consensus.clone());
    let tasks = spawn_tasks(&shared, &consensus, parts, first);
    Ok(Core { shared, tasks: Mutex::new(tasks), lock: Mutex::new(Some(lock)) })
}

fn lock_folder(seams: &CoreSeams, folder: &Path) -> Result<LockGuard, CoreError> {
    let io = |action| move |source| CoreError::Io { action, path: folder.to_owned(), source };
    seams.disk.create_dir_all(folder).map_err(io("create"))?;
    seams.disk.lock(&folder.join("LOCK")).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => CoreError::Locked(folder.to_owned()),
        _ => io("lock")(error),
    })
}

/// A recovery that was interrupted while files changed places is finished by itself, not by running.
fn refuse_half_recovered(seams: &CoreSeams, data_dir: &Path) -> Result<(), CoreError> {
    match crate::recovery::is_unfinished(seams.disk.as_ref(), data_dir) {
        Ok(false) => Ok(()),
        Ok(true) => {
            let what = "a recovery was interrupted: run `tamga-node recover` with the same decision again".to_owned();
            Err(CoreError::Damaged { path: data_dir.to_owned(), what })
        }
        Err(source) => Err(CoreError::Io { action: "look into", path: data_dir.to_owned(), source }),
    }
}

/// The configuration does not contradict the genesis record. Of a node that joins later, the ledger tells later.
fn check_setup(setup: &CoreSetup, trust: &Trust) -> Result<(), CoreError> {
    let refuse = |what: String| Err(CoreError::Setup(what));
    let node = setup.node;
    if let Some(own) = trust.node(node) {
        // The others may have been replaced since: of those the ledger tells.
        if setup.keys.public()[3] != own.keys.batch_key {
            return refuse(format!("the batch key is not the one that the genesis record has for node {node}"));
        }
    }
    if !setup.members.iter().any(|member| member.id.0 == u64::from(node)) {
        return refuse(format!("the address of node {node} itself is missing among the members"));
    }
    Ok(())
}

/// The first members of the cluster, if this node is one of them: the nodes of the genesis record, all of them voters.
fn first_members(trust: &Trust, node: u32, known: &[Member]) -> Result<Option<Vec<Member>>, CoreError> {
    if trust.node(node).is_none() {
        return Ok(None);
    }
    let member = |id: u32| {
        let found = known.iter().find(|member| member.id.0 == u64::from(id));
        found.cloned().ok_or_else(|| CoreError::Setup(format!("the address of node {id} is missing among the members")))
    };
    trust.nodes().iter().map(|node| member(node.keys.id)).collect::<Result<_, _>>().map(Some)
}

/// What only the tasks need.
struct Parts {
    members: Vec<Member>,
    writer: Writer,
    cuts: mpsc::UnboundedReceiver<CutMade>,
    view_store: Arc<dyn ViewStore>,
}

async fn share(
    setup: CoreSetup,
    seams: CoreSeams,
    trust: Arc<Trust>,
    opened: Opened,
    addresses: Arc<Addresses>,
    kept: Option<NewEpoch>,
) -> Result<(Arc<Shared>, Parts), CoreError> {
    let CoreSetup { node, genesis, data_dir, keys, members, tuning, cluster_epoch } = setup;
    let published_size = opened.published.as_ref().map_or(0, |published| published.checkpoint.size.get());
    let ledger = Roster::of(&opened.state.look(), &trust);
    let now = trust.with_nodes(ledger.ledger())?;
    let epoch = settle_epoch(&opened, &trust, &now, kept, cluster_epoch, &data_dir)?;
    let cosigning = cosigning(&seams, &now, &keys, &data_dir, published_size, !tuning.recall)?;
    let births = Births::open(&seams, &data_dir, node)?;
    let (outbox, writer) = open_outbox(&seams, &data_dir, tuning.outbox_bytes_max, &opened.state).await?;
    let (cuts, cuts_receiver) = mpsc::unbounded_channel();
    let last_batch_ms = opened.state.look().time_ms();
    let roster = RosterNow::new(Roster::of(&opened.state.look(), &trust));
    let trusted = Trusted::new(&trust, roster.now().ledger());
    let refusals = RefusalCounts::new(seams.clock.now_ms());
    let shared = Shared {
        node,
        epoch,
        peers: Peers::new(node, roster.subscribe(), tuning.peer_timeout, &seams.dialer),
        roster,
        addresses,
        births,
        heard: Heard::default(),
        starvation: Starvation::default(),
        announce_now: Notify::new(),
        space: Space::default(),
        genesis_nodes: Nodes::of_genesis(trust.election()),
        pending: Pending::new(tuning.pending_bytes_max),
        admissions: Arc::new(Semaphore::new(tuning.admissions_max)),
        evidence: Evidence::new(Arc::clone(&seams.disk), data_dir.join("evidence"), *trust.election_id(), &genesis),
        suspects: Suspects::default(),
        batches: Batches::default(),
        secrets: keys,
        tuning,
        seams,
        data_dir,
        genesis: Bytes::from(genesis.to_bytes()),
        trust,
        trusted,
        last_batch_ms: AtomicU64::new(last_batch_ms),
        last_cut: AtomicU64::new(opened.replayed.last_cut),
        replayed_entries: opened.replayed.entries,
        store: opened.store,
        keys: Keys::new(Arc::clone(&opened.state)),
        state: opened.state,
        authentics: Authentics::default(),
        prepared: Prepared::default(),
        waiters: Waiters::default(),
        outbox: Arc::new(outbox),
        cosigning,
        catchup: CatchUp::default(),
        compaction: Compaction::new(opened.snapshot),
        saver: tokio::sync::Mutex::new(opened.saver),
        views: opened.views,
        refusals,
        cuts,
        published: watch::Sender::new(opened.published),
        fatal: watch::Sender::new(None),
        stop: watch::Sender::new(false),
        consensus: OnceLock::new(),
        catching_up: AtomicBool::new(true),
        leaving: AtomicBool::new(false),
        removed: AtomicBool::new(false),
        skew_ms: AtomicI64::new(0),
    };
    Ok((Arc::new(shared), Parts { members, writer, cuts: cuts_receiver, view_store: opened.view_store }))
}

/// Which epoch this node takes part in. A decision that the ledger has not got yet must be the organisations'.
fn settle_epoch(
    opened: &Opened,
    genesis: &Trust,
    now: &Trust,
    kept: Option<NewEpoch>,
    stated: Option<u32>,
    data_dir: &Path,
) -> Result<Epoch, CoreError> {
    let epoch = Epoch::settle(opened.state.look().nodes(), genesis.election().cluster_epoch, kept.clone(), stated);
    if let Some(kept) =
        kept.filter(|kept| kept.number == epoch.number() && epoch.is_ahead_of(opened.state.look().nodes()))
    {
        kept.check(now)
            .map_err(|why| CoreError::Damaged { path: data_dir.join(epoch::EPOCH_FILE), what: why.to_string() })?;
    }
    Ok(epoch)
}

fn cosigning(
    seams: &CoreSeams,
    trust: &Trust,
    keys: &super::NodeSigners,
    data_dir: &Path,
    published: u64,
    confirmed: bool,
) -> Result<Cosigning, CoreError> {
    let mut cosigners = Vec::new();
    for signer in keys.cosigners() {
        let memory = Memory::open_for(seams.disk.as_ref(), data_dir, &signer.public_key(), published)?;
        cosigners.push((Arc::clone(signer), memory));
    }
    let cosigning = Cosigning::new(cosigners, keys.logs().cloned().collect(), published, confirmed);
    if !cosigning.cosigns_under(trust.policy()) {
        tracing::info!(
            "the trust policy does not name this node's cosigner: it judges and serves, and does not cosign"
        );
    }
    Ok(cosigning)
}

async fn open_outbox(
    seams: &CoreSeams,
    data_dir: &Path,
    bytes_max: u64,
    state: &Arc<RwLock<State>>,
) -> Result<(Outbox, Writer), CoreError> {
    let (seams, folder, state) = (seams.clone(), data_dir.join("outbox"), Arc::clone(state));
    let path: PathBuf = folder.clone();
    let blocking = Arc::clone(&seams.blocking);
    let opened = blocking.run(move || {
        let applied = |id: &_| state.look().leaf_of(id).is_some();
        Outbox::open(seams.disk, seams.blocking, seams.entropy, &folder, bytes_max, applied)
    });
    opened.await.map_err(|error| match error {
        OpenError::Io(source) => CoreError::Io { action: "open the outbox in", path, source },
        OpenError::Damaged(damage) => {
            let what = format!("{damage}: `tamga-node repair --config FILE` keeps what can be read of them");
            CoreError::Damaged { path, what }
        }
    })
}

/// Consensus; and the first members of its log, if it is to begin one once the node is born.
async fn start_consensus(
    shared: &Arc<Shared>,
    members: &[Member],
) -> Result<(Consensus, Option<Vec<Member>>), CoreError> {
    let cluster = epoch::cluster_id(&shared.trust, shared.epoch.number());
    let tuning = &shared.tuning;
    let folder = shared.data_dir.join("raft");
    let config = Config {
        heartbeat_ms: tuning.heartbeat_ms,
        election_ms_min: tuning.election_ms_min,
        election_ms_max: tuning.election_ms_max,
        segment_bytes: tuning.raft_segment_bytes,
        disk_reserve_bytes: tuning.disk_reserve_bytes,
        log_entries_kept: tuning.log_entries_kept,
        log_bytes_kept: tuning.log_bytes_kept,
        require_peer_identity: tuning.require_peer_identity,
        log_must_exist: shared.births.is_born(),
        apart_while_new: !shared.births.is_born(),
        observer: Some(Arc::new(PrepareAhead { shared: Arc::downgrade(shared), runtime: Handle::current() })),
        ..Config::new(NodeId(u64::from(shared.node)), cluster, folder)
    };
    let seams = Seams {
        disk: Arc::clone(&shared.seams.disk),
        clock: Arc::clone(&shared.seams.clock),
        entropy: Arc::clone(&shared.seams.entropy),
        blocking: Arc::clone(&shared.seams.blocking),
        dialer: Arc::clone(&shared.seams.dialer),
    };
    let started = Consensus::start(config, seams, Machine::new(Arc::clone(shared))).await;
    let consensus = started.map_err(|error| match error {
        StartError::Log(WalError::Gone { path }) => {
            let what = format!("its Raft log is gone from {}", path.display());
            CoreError::LivedBefore { node: shared.node, what }
        }
        error => CoreError::Consensus(error.to_string()),
    })?;
    match begin(shared, &consensus, members).await {
        Ok(first) => Ok((consensus, first)),
        Err(error) => {
            consensus.shutdown().await;
            Err(error)
        }
    }
}

/// Begins the log, or says with which members it is to begin once this node is born.
async fn begin(
    shared: &Arc<Shared>,
    consensus: &Consensus,
    members: &[Member],
) -> Result<Option<Vec<Member>>, CoreError> {
    if !consensus.log_was_new() {
        shared.born_before_births().await?;
    }
    // A cluster that lives already needs no first members, and their addresses need not be known any more.
    if !consensus.status().members.is_empty() {
        return Ok(None);
    }
    let Some(first) = first_members(&shared.trust, shared.node, members)? else {
        tracing::info!(node = shared.node, "not a node of the genesis record: it waits until the others add it");
        return Ok(None);
    };
    if consensus.is_apart() {
        return Ok(Some(first));
    }
    begin_log(consensus, first).await.map_err(|error| CoreError::Consensus(error.to_string()))?;
    Ok(None)
}

fn spawn_tasks(
    shared: &Arc<Shared>,
    consensus: &Consensus,
    parts: Parts,
    first: Option<Vec<Member>>,
) -> Vec<JoinHandle<()>> {
    let Parts { writer, cuts, view_store, .. } = parts;
    let mut tasks = vec![
        tokio::spawn(Arc::clone(shared).dispatch(consensus.clone())),
        tokio::spawn(Arc::clone(shared).sequence(consensus.clone())),
        tokio::spawn(Arc::clone(shared).watch_for_censorship(consensus.clone())),
        tokio::spawn(Arc::clone(shared).summarise_refusals()),
        tokio::spawn(Arc::clone(shared).cosign(cuts)),
        tokio::spawn(Arc::clone(shared).accuse()),
        tokio::spawn(catch_up(Arc::clone(shared), consensus.clone())),
        tokio::spawn(Arc::clone(shared).announce()),
        tokio::spawn(Arc::clone(shared).follow_voters(consensus.clone())),
        tokio::spawn(Arc::clone(shared).watch_space()),
        tokio::spawn(keep_views(Arc::clone(shared), view_store)),
        tokio::spawn(Arc::clone(shared).compact(consensus.clone())),
        tokio::spawn(Arc::clone(shared).keep_saved()),
    ];
    if consensus.is_apart() {
        tasks.push(tokio::spawn(Arc::clone(shared).be_born(consensus.clone(), first)));
    }
    if shared.tuning.recall {
        tasks.push(tokio::spawn(Arc::clone(shared).confirm_memory()));
    }
    if shared.tuning.reconcile {
        tasks.push(tokio::spawn(Arc::clone(shared).reconcile(consensus.clone())));
    }
    let written = shared.clone();
    tasks.push(tokio::spawn(async move {
        if let Err(error) = Arc::clone(&written.outbox).write_all(writer, written.stop.subscribe()).await {
            written.fail(&format!("the outbox cannot be written: {error}; check the disk and restart"));
        }
    }));
    let (watching, mut failed) = (Arc::clone(shared), consensus.watch_fatal());
    tasks.push(tokio::spawn(async move {
        tokio::select! {
            fatal = failed.wait_for(Option::is_some) => {
                if let Ok(Some(fatal)) = fatal.map(|fatal| fatal.clone()) {
                    watching.fail(fatal.what());
                }
            }
            () = watching.stopped() => {}
        }
    }));
    tasks
}

/// Waits until this node has applied what was committed when it started, and again after each catch-up with peers.
async fn catch_up(shared: Arc<Shared>, consensus: Consensus) {
    loop {
        reach_the_others(&shared, &consensus).await;
        tokio::select! {
            () = shared.catchup.ended.notified() => {}
            () = shared.stopped() => return,
        }
    }
}

async fn reach_the_others(shared: &Arc<Shared>, consensus: &Consensus) {
    loop {
        let reached = tokio::select! {
            reached = consensus.read_barrier() => reached,
            () = shared.stopped() => return,
        };
        match reached {
            Ok(position) => {
                tracing::info!(%position, size = %shared.store.size(), "caught up");
                return shared.caught_up().await;
            }
            Err(error) => tracing::debug!(%error, "not caught up yet"),
        }
        tokio::select! {
            () = sleep(CATCH_UP_RETRY) => {}
            () = shared.stopped() => return,
        }
    }
}

/// Writes each published view to the index; of those that come while one is written only the last, at the end too.
async fn keep_views(shared: Arc<Shared>, views: Arc<dyn ViewStore>) {
    let mut published = shared.published.subscribe();
    loop {
        let view = published.borrow_and_update().as_ref().map(|published| Arc::clone(&published.view));
        if let Some(view) = view {
            let views = Arc::clone(&views);
            if let Err(error) = shared.seams.blocking.run(move || views.put(&view)).await {
                // Nothing is lost, the index can be rebuilt; but a disk that fails here is the disk that holds the ledger.
                metrics::counter!("tamga_index_failures_total").increment(1);
                return shared.fail(&error.to_string());
            }
        }
        tokio::select! {
            changed = published.changed() => if changed.is_err() { return },
            () = shared.stopped() => if !published.has_changed().unwrap_or(false) { return },
        }
    }
}

/// The way down.
pub(super) async fn stop(core: &Core) {
    let shared = &core.shared;
    shared.stop.send_replace(true);
    let tasks = std::mem::take(&mut *core.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    for task in tasks {
        if let Err(error) = task.await {
            tracing::error!(%error, "a task of the core ended badly");
        }
    }
    if let Some(consensus) = shared.consensus.get() {
        consensus.shutdown().await;
    }
    shared.catch_up_has_stopped().await;
    let store = Arc::clone(&shared.store);
    if let Err(error) = shared.seams.blocking.run(move || store.sync()).await {
        shared.fail(&error.to_string());
    }
    shared.save_last().await;
    shared.catching_up.store(true, Ordering::Relaxed);
    *core.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
}
