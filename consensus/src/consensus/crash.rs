//! Every crash of a small life of a replica, in what stands beside its log: the members, the snapshot, an offer that is being
//! installed. The log itself is cut byte by byte in `wal/tests/enumerate.rs`; here it is whole openraft that is started again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use tamga_platform::blocking::Inline;
use tamga_platform::clock::ManualClock;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::{Crash, Plan, SimDisk};

use crate::application::Application;
use crate::codec::Membership;
use crate::error::{Fatal, InstallError};
use crate::raft::{
    Offered, Snapshot, SnapshotMeta, StoredMembership, entry_from_wal, membership_to_raft, position_to_raft,
    vote_to_raft,
};
use crate::types::{ClusterId, Committed, EntryKind, LogPosition, Member, NodeId, Role, Status};
use crate::wal::{Ballot, Entry};
use crate::{Config, Consensus, Dialer, Seams, Stream};

const FOLDER: &str = "/node/raft";
const APPLICATION: &str = "/node/application";
const CLUSTER: ClusterId = ClusterId([5; 32]);
const ME: NodeId = NodeId(1);
const PATIENCE: Duration = Duration::from_secs(120);

/// Keeps what it applied in one file, replaced before it answers: position, then a line a payload.
struct Durable {
    disk: SimDisk,
    applied: Option<LogPosition>,
    payloads: Vec<String>,
}

impl Durable {
    fn open(disk: &SimDisk) -> Self {
        let mut this = Self { disk: disk.clone(), applied: None, payloads: Vec::new() };
        let Ok(bytes) = disk.read(Path::new(APPLICATION), 1 << 20) else { return this };
        let text = String::from_utf8(bytes).unwrap();
        let mut lines = text.lines().map(str::to_owned);
        let position = lines.next().unwrap();
        let [term, leader, index] = position.split(' ').map(|n| n.parse().unwrap()).collect::<Vec<u64>>()[..] else {
            panic!("{position}")
        };
        this.applied = Some(LogPosition { term, leader: NodeId(leader), index });
        this.payloads = lines.collect();
        this
    }

    fn keep(&self) {
        let Some(LogPosition { term, leader, index }) = self.applied else { return };
        let mut text = Vec::new();
        writeln!(text, "{term} {} {index}", leader.0).unwrap();
        self.payloads.iter().for_each(|payload| writeln!(text, "{payload}").unwrap());
        self.disk.replace(Path::new(APPLICATION), &text).unwrap();
    }
}

#[async_trait]
impl Application for Durable {
    fn applied(&self) -> Option<LogPosition> {
        self.applied
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        for entry in &entries {
            self.applied = Some(entry.position);
            if entry.kind == EntryKind::Normal {
                self.payloads.push(String::from_utf8(entry.payload.to_vec()).unwrap());
            }
        }
        self.keep();
        Ok(entries.iter().filter(|entry| entry.kind == EntryKind::Normal).map(|_| Bytes::new()).collect())
    }

    fn snapshot(&self) -> Option<(LogPosition, Bytes)> {
        Some((self.applied?, self.payloads.join("\n").into()))
    }

    async fn install(&mut self, position: LogPosition, snapshot: Bytes) -> Result<(), InstallError> {
        self.applied = Some(position);
        self.payloads = std::str::from_utf8(&snapshot).unwrap().lines().map(str::to_owned).collect();
        self.keep();
        Ok(())
    }
}

/// Nobody is there, and nobody says so.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Dialer for Nobody {
    async fn dial(&self, _: NodeId, _: &str) -> std::io::Result<Box<dyn Stream>> {
        std::future::pending().await
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(work)
}

async fn start(disk: &SimDisk) -> Result<Consensus, String> {
    let seams = Seams {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::at(1_000)),
        entropy: Arc::new(SeededEntropy::new(disk.changes() + 5)),
        blocking: Arc::new(Inline),
        dialer: Arc::new(Nobody),
    };
    let config = Config {
        segment_bytes: 4_096,
        disk_reserve_bytes: 0,
        log_entries_kept: 1,
        ..Config::new(ME, CLUSTER, PathBuf::from(FOLDER))
    };
    Consensus::start(config, seams, Durable::open(disk)).await.map_err(|error| error.to_string())
}

async fn wait(consensus: &Consensus, what: &str, enough: impl Fn(&Status) -> bool) -> Result<Status, String> {
    let mut status = consensus.watch_status();
    let found = tokio::time::timeout(PATIENCE, status.wait_for(|status| enough(status))).await;
    let found = found.map(|found| found.map(|status| status.clone()));
    found.ok().and_then(Result::ok).ok_or_else(|| format!("waited for {what}: {:?}", consensus.status()))
}

fn ids(status: &Status) -> Vec<u64> {
    status.members.iter().map(|member| member.member.id.0).collect()
}

fn member(id: u64) -> Member {
    Member { id: NodeId(id), address: format!("host-{id}:1") }
}

/// What a replica told, or was asked for: from `asked` on it may be so, from `told` on it is.
#[derive(Debug)]
struct Told {
    asked: usize,
    told: usize,
    payloads: usize,
    members: Vec<u64>,
    snapshot: Option<u64>,
}

/// A replica that is alone with its vote: members come and go, the log is purged behind snapshots, the process restarts.
struct Alone {
    disk: SimDisk,
    told: Vec<Told>,
}

impl Alone {
    fn tell(&mut self, asked: usize, change: impl FnOnce(&mut Told)) {
        let Told { payloads, members, snapshot, .. } = self.told.last().unwrap();
        let mut next = Told {
            asked,
            told: self.disk.recorded(),
            payloads: *payloads,
            members: members.clone(),
            snapshot: *snapshot,
        };
        change(&mut next);
        self.told.push(next);
    }

    async fn propose(&mut self, consensus: &Consensus, count: usize) {
        for _ in 0..count {
            let (asked, number) = (self.disk.recorded(), self.told.last().unwrap().payloads);
            consensus.propose(payload(number)).await.unwrap();
            self.tell(asked, |told| told.payloads += 1);
        }
    }

    async fn change(&mut self, change: impl Future<Output = LogPosition>, members: &[u64]) {
        let asked = self.disk.recorded();
        change.await;
        self.tell(asked, |told| told.members = members.to_vec());
    }

    async fn compact(&mut self, consensus: &Consensus) {
        let asked = self.disk.recorded();
        let compacted = consensus.compact(u64::MAX).await.unwrap();
        wait(consensus, "a purged log", |status| status.purged >= compacted.purging).await.unwrap();
        self.tell(asked, |told| told.snapshot = Some(compacted.snapshot.index));
    }

    async fn story() -> Self {
        let disk = SimDisk::new(1);
        disk.record();
        let consensus = start(&disk).await.unwrap();
        let nothing = Told { asked: 0, told: 0, payloads: 0, members: vec![], snapshot: None };
        let mut story = Self { disk, told: vec![nothing] };
        let asked = story.disk.recorded();
        consensus.initialize(vec![member(1)]).await.unwrap();
        wait(&consensus, "leadership", |status| status.role == Role::Leader && ids(status) == [1]).await.unwrap();
        story.tell(asked, |told| told.members = vec![1]);
        story.propose(&consensus, 2).await;
        story.change(async { consensus.add_learner(member(2)).await.unwrap() }, &[1, 2]).await;
        story.propose(&consensus, 3).await;
        story.compact(&consensus).await;
        story.change(async { consensus.add_learner(member(3)).await.unwrap() }, &[1, 2, 3]).await;
        story.propose(&consensus, 2).await;
        story.change(async { consensus.remove(NodeId(2)).await.unwrap() }, &[1, 3]).await;
        story.compact(&consensus).await;
        story.propose(&consensus, 1).await;
        consensus.shutdown().await;

        let consensus = start(&story.disk).await.unwrap();
        wait(&consensus, "leadership", |status| status.role == Role::Leader).await.unwrap();
        story.propose(&consensus, 2).await;
        story.change(async { consensus.add_learner(member(4)).await.unwrap() }, &[1, 3, 4]).await;
        story.propose(&consensus, 2).await;
        story.compact(&consensus).await;
        story.propose(&consensus, 1).await;
        story
    }

    async fn recover(&self, crash: &Crash<'_>, disk: &SimDisk) -> Result<(), String> {
        let told = self.told.iter().rposition(|step| step.told <= crash.operations).unwrap();
        let asked = self.told.iter().rposition(|step| step.asked <= crash.operations).unwrap();
        let possible = &self.told[told..=asked.max(told)];
        let consensus = start(disk).await?;
        if possible[0].members.is_empty() && consensus.status().members.is_empty() {
            consensus.initialize(vec![member(1)]).await.map_err(|error| format!("a second beginning: {error}"))?;
        }
        let leads = |status: &Status| status.role == Role::Leader && status.applied == status.committed;
        let status = wait(&consensus, "leadership", leads).await?;
        consensus.read_barrier().await.map_err(|error| error.to_string())?;
        let found = ids(&status);
        if !possible.iter().any(|step| step.members == found) && !possible[0].members.is_empty() {
            return Err(format!("the members are {found:?}, not one of {possible:?}"));
        }
        let kept = Durable::open(disk).payloads;
        let all: Vec<String> =
            (0..kept.len()).map(|number| String::from_utf8(payload(number).to_vec()).unwrap()).collect();
        if kept != all || kept.len() < possible[0].payloads {
            return Err(format!("of {} acknowledged payloads these are here: {kept:?}", possible[0].payloads));
        }
        let snapshot = status.snapshot.map(|position| position.index);
        if snapshot < possible[0].snapshot || snapshot < status.purged {
            return Err(format!("told {:?}: snapshot {snapshot:?}, purged {:?}", possible[0].snapshot, status.purged));
        }
        // It goes on, and what it shows now is durable.
        consensus.propose(payload(kept.len())).await.map_err(|error| error.to_string())?;
        consensus.add_learner(member(9)).await.map_err(|error| error.to_string())?;
        consensus.compact(u64::MAX).await.map_err(|error| error.to_string())?;
        let before = consensus.status();
        disk.power_loss();
        drop(consensus);
        let again = start(disk).await.map_err(|why| format!("after another power cut: {why}"))?;
        let members = wait(&again, "the members", |status| ids(status) == ids(&before)).await?;
        let kept_again = Durable::open(disk).payloads;
        if kept_again.len() != kept.len() + 1 || members.snapshot < before.snapshot {
            return Err(format!("after another power cut: {kept_again:?}, {:?}", members.snapshot));
        }
        Ok(())
    }
}

fn payload(number: usize) -> Bytes {
    format!("payload {number}").into()
}

#[test]
fn every_crash_of_a_replica_whose_members_change_and_whose_log_is_purged_keeps_both() {
    let story = block_on(Alone::story());
    let promises: Vec<usize> = story.told.iter().map(|step| step.told).collect();
    let plan = Plan { cuts_max: 3, combined_max: 3, outcomes: 4 };
    let crashes = story.disk.journal().each_crash(&plan, &promises, |crash, disk| {
        block_on(story.recover(crash, &disk)).unwrap_or_else(|why| panic!("{crash}: {why}"));
    });
    assert!(crashes > 500, "{crashes}");
}

/// A replica that follows node 2, is offered its snapshots, and gets what comes behind them.
struct Follower {
    disk: SimDisk,
    /// Index that was told to be applied, with the length of the journal then.
    told: Vec<(usize, u64)>,
}

const TERM: u64 = 3;
/// Its log begins with entries of an earlier leadership.
const EARLIER_TERM: u64 = 1;
/// In between, node 3 led for a moment and committed nothing.
const VAIN_TERM: u64 = 2;

const fn at(index: u64) -> LogPosition {
    let term = if index <= 3 { EARLIER_TERM } else { TERM };
    LogPosition { term, leader: NodeId(2), index }
}

fn membership(ids: &[u64]) -> Membership {
    let addresses = ids.iter().map(|id| (*id, member(*id).address)).collect();
    Membership { voters: vec![[1, 2, 3].into()], addresses }
}

/// The members at that place of the leader's log.
fn members_at(index: u64) -> (u64, &'static [u64]) {
    match index {
        0..6 => (0, &[1, 2, 3]),
        6..25 => (6, &[1, 2, 3, 4]),
        _ => (25, &[1, 2, 3, 5]),
    }
}

fn entry(index: u64) -> Entry {
    let (kind, payload) = match members_at(index) {
        (at, ids) if at == index => (EntryKind::Membership, membership(ids).encode().into()),
        _ => (EntryKind::Normal, payload(index as usize)),
    };
    Entry { position: at(index), kind, payload }
}

/// What whoever applied everything up to `index` holds.
fn held(index: u64) -> Vec<String> {
    let normal = (0..=index).map(entry).filter(|entry| entry.kind == EntryKind::Normal);
    normal.map(|entry| String::from_utf8(entry.payload.to_vec()).unwrap()).collect()
}

const fn ballot(term: u64) -> Ballot {
    let node = if term == VAIN_TERM { NodeId(3) } else { NodeId(2) };
    Ballot { term, node, committed: true }
}

async fn offer(consensus: &Consensus, index: u64) -> Result<(), String> {
    let (since, ids) = members_at(index);
    let members = membership_to_raft(membership(ids)).unwrap();
    let last_membership = StoredMembership::new(Some(position_to_raft(at(since))), members);
    let meta = SnapshotMeta { last_log_id: Some(position_to_raft(at(index))), last_membership };
    let snapshot = Snapshot { meta, snapshot: held(index).join("\n").into() };
    match consensus.0.installer.offer(vote_to_raft(ballot(TERM)), snapshot).await {
        Offered::Answer(_) => Ok(()),
        other => Err(format!("the offer of {index}: {other:?}")),
    }
}

async fn append(consensus: &Consensus, indexes: std::ops::RangeInclusive<u64>) -> Result<(), String> {
    let last = at(*indexes.end());
    append_in(consensus, at(*indexes.end()).term, indexes.map(entry).collect(), last).await?;
    wait(consensus, "applied entries", |status| status.applied >= Some(last)).await.map(drop)
}

/// What the leader of `term` sends.
async fn append_in(
    consensus: &Consensus,
    term: u64,
    entries: Vec<Entry>,
    committed: LogPosition,
) -> Result<(), String> {
    let first = entries[0].position.index;
    let request = AppendEntriesRequest {
        vote: vote_to_raft(ballot(term)),
        prev_log_id: first.checked_sub(1).map(|index| position_to_raft(at(index))),
        leader_commit: Some(position_to_raft(committed)),
        entries: entries.into_iter().map(|entry| entry_from_wal(entry).unwrap()).collect(),
    };
    match consensus.0.raft.append_entries(request).await.map_err(|error| error.to_string())? {
        AppendEntriesResponse::Success => Ok(()),
        other => Err(format!("entries from {first}: {other:?}")),
    }
}

impl Follower {
    fn tell(&mut self, index: u64) {
        self.told.push((self.disk.recorded(), index));
    }

    /// A log of its own up to 3 and what was never committed behind it, a snapshot at 10, entries behind that (and, at 20, a
    /// purge of its own), a snapshot at 30.
    async fn story() -> Self {
        let disk = SimDisk::new(1);
        disk.record();
        let mut story = Self { disk, told: Vec::new() };
        let consensus = start(&story.disk).await.unwrap();
        append(&consensus, 0..=3).await.unwrap();
        story.tell(3);
        let in_vain = |index| {
            let position = LogPosition { term: VAIN_TERM, leader: NodeId(3), index };
            Entry { position, kind: EntryKind::Normal, payload: Bytes::from_static(b"in vain") }
        };
        append_in(&consensus, VAIN_TERM, (4..=12).map(in_vain).collect(), at(3)).await.unwrap();
        offer(&consensus, 10).await.unwrap();
        story.tell(10);
        append(&consensus, 11..=20).await.unwrap();
        story.tell(20);
        consensus.compact(18).await.unwrap();
        offer(&consensus, 30).await.unwrap();
        story.tell(30);
        append(&consensus, 31..=33).await.unwrap();
        story.tell(33);
        story
    }

    async fn recover(&self, crash: &Crash<'_>, disk: &SimDisk) -> Result<(), String> {
        let consensus = start(disk).await?;
        let told = self.told.iter().rfind(|(at, _)| *at <= crash.operations).map(|(_, index)| *index);
        let kept = Durable::open(disk).applied;
        let status = wait(&consensus, "a first look", |status| status.applied >= kept).await?;
        let applied = status.applied.map(|position| position.index);
        // What was told by appending may have to be committed again; what a snapshot brought is there.
        if applied.max(status.last_log_index) < told {
            return Err(format!("told {told:?}, has {applied:?}, log up to {:?}", status.last_log_index));
        }
        if let Some(applied) = applied {
            let (_, expected) = members_at(applied);
            wait(&consensus, "members", |status| !status.members.is_empty()).await?;
            let found = ids(&consensus.status());
            // Ahead of the application they may be: openraft takes members up when they are in the log.
            let later = status.last_log_index.map(|last| members_at(last).1);
            if found != expected && Some(found.as_slice()) != later {
                return Err(format!("applied {applied}, and the members are {found:?}, not {expected:?}"));
            }
            if Durable::open(disk).payloads != held(applied) {
                return Err(format!("applied {applied}, and holds {:?}", Durable::open(disk).payloads));
            }
        }
        let snapshot = status.snapshot.map(|position| position.index);
        if snapshot > applied || status.purged > applied {
            return Err(format!("applied {applied:?}, snapshot {snapshot:?}, purged {:?}", status.purged));
        }
        // The leader goes on; its log begins behind 30.
        offer(&consensus, 30).await?;
        append(&consensus, 31..=36).await?;
        let before = consensus.status();
        disk.power_loss();
        drop(consensus);
        let again = start(disk).await.map_err(|why| format!("after another power cut: {why}"))?;
        append(&again, 37..=37).await.map_err(|why| format!("after another power cut: {why}"))?;
        if Durable::open(disk).payloads != held(37) || ids(&again.status()) != ids(&before) {
            return Err(format!("after another power cut: {:?}, {:?}", Durable::open(disk).payloads, again.status()));
        }
        Ok(())
    }
}

#[test]
fn every_crash_of_a_replica_that_installs_snapshots_leaves_it_before_or_behind() {
    let story = block_on(Follower::story());
    let promises: Vec<usize> = story.told.iter().map(|(at, _)| *at).collect();
    let plan = Plan { cuts_max: 3, combined_max: 3, outcomes: 4 };
    let crashes = story.disk.journal().each_crash(&plan, &promises, |crash, disk| {
        block_on(story.recover(crash, &disk)).unwrap_or_else(|why| panic!("{crash}: {why}"));
    });
    assert!(crashes > 300, "{crashes}");
}
