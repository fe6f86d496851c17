//! Starts at which log and application differ, as crashes around an installation leave them.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tamga_platform::blocking::Inline;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::MemDisk;
use tamga_platform::entropy::SeededEntropy;

use super::{Files, Snapshot, SnapshotMeta, StoredMembership, membership_to_raft, position_to_raft};
use crate::application::Application;
use crate::codec::Membership;
use crate::error::{Fatal, StartError};
use crate::types::{ClusterId, Committed, EntryKind, LogPosition, NodeId, Status};
use crate::wal::{Entry, Outside, Settings, Wal};
use crate::{Config, Consensus, Seams, TcpDialer};

const FOLDER: &str = "/node";
const CLUSTER: ClusterId = ClusterId([5; 32]);
const ME: NodeId = NodeId(1);

/// An application that was brought somewhere.
struct At(Option<LogPosition>);

#[async_trait]
impl Application for At {
    fn applied(&self) -> Option<LogPosition> {
        self.0
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        self.0 = entries.last().map(|last| last.position).or(self.0);
        Ok(entries.iter().filter(|entry| entry.kind == EntryKind::Normal).map(|_| Bytes::new()).collect())
    }
}

const fn at(term: u64, index: u64) -> LogPosition {
    LogPosition { term, leader: NodeId(2), index }
}

fn members() -> Membership {
    let addresses = [(1, "a".to_owned()), (2, "b".to_owned()), (3, "c".to_owned())];
    Membership { voters: vec![[1, 2, 3].into()], addresses: addresses.into() }
}

/// A log of the given (term, index), the first of which says who the members are.
async fn log(disk: &MemDisk, entries: &[(u64, u64)], purged: Option<LogPosition>) {
    let outside = Outside {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(3)),
        blocking: Arc::new(Inline),
    };
    let settings = Settings {
        folder: Path::new(FOLDER).join("wal"),
        cluster: CLUSTER,
        node: ME,
        segment_bytes: 16_384,
        cache_bytes: 1 << 20,
        disk_reserve_bytes: 0,
        must_exist: false,
    };
    let wal = Wal::open(outside, settings).await.unwrap();
    for (term, index) in entries {
        let (kind, payload) = match index {
            0 => (EntryKind::Membership, members().encode().into()),
            _ => (EntryKind::Normal, Bytes::from_static(b"payload")),
        };
        wal.append(vec![Entry { position: at(*term, *index), kind, payload }], Box::new(|_| ())).await.unwrap();
    }
    if let Some(purged) = purged {
        wal.purge(purged).await.unwrap();
    }
    wal.close().await.unwrap();
}

/// What was offered before the application was brought to `position`.
async fn offer(disk: &MemDisk, position: LogPosition) {
    let last_membership =
        StoredMembership::new(Some(position_to_raft(at(1, 0))), membership_to_raft(members()).unwrap());
    let meta = SnapshotMeta { last_log_id: Some(position_to_raft(position)), last_membership };
    let offer = Snapshot { meta, snapshot: Bytes::from_static(b"a way there") };
    Files::new(Arc::new(disk.clone()), Arc::new(Inline), FOLDER.into()).write_offer(&offer).await.unwrap();
}

/// Starts on what is there; the status once the members are known.
async fn start(disk: &MemDisk, applied: Option<LogPosition>) -> Result<Status, StartError> {
    let seams = Seams {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(4)),
        blocking: Arc::new(Inline),
        dialer: Arc::new(TcpDialer),
    };
    let config = Config { segment_bytes: 16_384, disk_reserve_bytes: 0, ..Config::new(ME, CLUSTER, FOLDER) };
    let consensus = Consensus::start(config, seams, At(applied)).await?;
    let mut status = consensus.watch_status();
    let status = status.wait_for(|status| status.members.len() == 3).await.unwrap().clone();
    consensus.shutdown().await;
    Ok(status)
}

fn run(term: u64, indexes: std::ops::RangeInclusive<u64>) -> Vec<(u64, u64)> {
    indexes.map(|index| (term, index)).collect()
}

#[tokio::test]
async fn an_application_brought_beyond_the_log_or_past_entries_that_were_never_committed_starts_where_it_is() {
    let logs = [
        ("shorter", run(1, 0..=5)),
        ("as long, of an older leader", run(1, 0..=10)),
        ("longer, of an older leader", run(1, 0..=20)),
        ("shorter, of a leader that never got a quorum", [run(1, 0..=4), run(9, 5..=7)].concat()),
        ("empty", vec![]),
    ];
    for (what, entries) in logs {
        let disk = MemDisk::default();
        log(&disk, &entries, None).await;
        offer(&disk, at(3, 10)).await;
        for start_number in 1..=2 {
            let status = start(&disk, Some(at(3, 10))).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let found = (status.applied, status.purged, status.last_log_index);
            assert_eq!(found, (Some(at(3, 10)), Some(10), Some(10)), "{what}, start {start_number}");
            assert_eq!(status.snapshot, Some(at(3, 10)), "{what}: the offer became the snapshot");
        }
    }
}

#[tokio::test]
async fn a_log_that_holds_the_applications_position_is_left_alone() {
    let disk = MemDisk::default();
    log(&disk, &run(1, 0..=20), None).await;
    let status = start(&disk, Some(at(1, 10))).await.unwrap();
    assert_eq!((status.applied, status.purged, status.last_log_index), (Some(at(1, 10)), None, Some(20)));
    // An offer that the application never reached means nothing.
    let disk = MemDisk::default();
    log(&disk, &run(1, 0..=20), None).await;
    offer(&disk, at(3, 50)).await;
    let status = start(&disk, Some(at(1, 10))).await.unwrap();
    assert_eq!((status.applied, status.snapshot, status.last_log_index), (Some(at(1, 10)), None, Some(20)));
    // Purged exactly up to the application.
    let disk = MemDisk::default();
    log(&disk, &run(1, 0..=20), Some(at(1, 10))).await;
    offer(&disk, at(1, 10)).await;
    let status = start(&disk, Some(at(1, 10))).await.unwrap();
    assert_eq!((status.purged, status.last_log_index), (Some(10), Some(20)));
}

#[tokio::test]
async fn contradictions_between_log_and_application_halt_and_change_nothing() {
    let cases = [
        ("the log has a newer entry there", run(5, 0..=20), None, Some(at(3, 10))),
        ("the log begins behind the application", run(1, 0..=20), Some(at(1, 15)), Some(at(1, 10))),
        ("the application lost everything", run(1, 0..=20), Some(at(1, 15)), None),
        ("nobody knows the members", vec![], None, Some(at(3, 10))),
    ];
    for (what, entries, purged, applied) in cases {
        let disk = MemDisk::default();
        log(&disk, &entries, purged).await;
        let error = start(&disk, applied).await.unwrap_err();
        assert!(matches!(error, StartError::Fatal(_)), "{what}: {error}");
        assert!(error.to_string().contains("under a new node id"), "{what}: {error}");
    }
}
