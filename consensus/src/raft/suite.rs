//! openraft's own conformance suite against the real log and the real state machine.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tamga_platform::blocking::{Blocking, Inline, ThreadPool};
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::{Disk, MemDisk, OsDisk};
use tamga_platform::entropy::SeededEntropy;

use super::{Files, LogStore, StateMachine, TypeConfig};
use crate::application::Application;
use crate::error::{Fatal, InstallError};
use crate::types::{ClusterId, Committed, EntryKind, LogPosition, NodeId};
use crate::wal::{Outside, Settings, Wal};

#[derive(Default)]
struct Plain(Option<LogPosition>);

#[async_trait]
impl Application for Plain {
    fn applied(&self) -> Option<LogPosition> {
        self.0
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        self.0 = entries.last().map(|last| last.position).or(self.0);
        Ok(entries.iter().filter(|entry| entry.kind == EntryKind::Normal).map(|_| Bytes::new()).collect())
    }

    fn snapshot(&self) -> Option<(LogPosition, Bytes)> {
        self.0.map(|position| (position, Bytes::from_static(b"a way there")))
    }

    async fn install(&mut self, position: LogPosition, _: Bytes) -> Result<(), InstallError> {
        self.0 = Some(position);
        Ok(())
    }
}

/// Where each store of a run lives.
enum Place {
    Memory,
    Folder { segment_bytes: u64, cache_bytes: usize },
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine, Option<tempfile::TempDir>> for Place {
    async fn build(&self) -> Result<(Option<tempfile::TempDir>, LogStore, StateMachine), StorageError<TypeConfig>> {
        let (guard, disk, blocking, root): (_, Arc<dyn Disk>, Arc<dyn Blocking>, PathBuf) = match self {
            Self::Memory => (None, Arc::new(MemDisk::default()), Arc::new(Inline), "/log".into()),
            Self::Folder { .. } => {
                let folder = tempfile::tempdir().unwrap();
                let root = folder.path().to_owned();
                (Some(folder), Arc::new(OsDisk), Arc::new(ThreadPool), root)
            }
        };
        let (segment_bytes, cache_bytes) = match *self {
            Self::Memory => (64 * 1024, 1 << 20),
            Self::Folder { segment_bytes, cache_bytes } => (segment_bytes, cache_bytes),
        };
        let settings = Settings {
            folder: root.join("wal"),
            cluster: ClusterId([7; 32]),
            node: NodeId(0),
            segment_bytes,
            cache_bytes,
            disk_reserve_bytes: 0,
            must_exist: false,
        };
        let outside = Outside {
            disk: Arc::clone(&disk),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SeededEntropy::new(1)),
            blocking: Arc::clone(&blocking),
        };
        let wal = Wal::open(outside, settings).await.unwrap();
        let application = Box::<Plain>::default();
        let machine = StateMachine::open(application, &wal, Files::new(disk, blocking, root)).await.unwrap();
        Ok((guard, LogStore::new(wal, None), machine))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_and_state_machine_pass_openrafts_suite_on_a_real_disk() {
    Suite::test_all(Place::Folder { segment_bytes: 64 * 1024, cache_bytes: 1 << 20 }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_with_tiny_segments_and_no_cache() {
    Suite::test_all(Place::Folder { segment_bytes: 4_096, cache_bytes: 0 }).await.unwrap();
}

#[tokio::test]
async fn the_suite_passes_in_memory_on_the_runtimes_own_thread() {
    Suite::test_all(Place::Memory).await.unwrap();
}
