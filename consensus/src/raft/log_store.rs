//! openraft's log storage over the write-ahead log.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds, RangeInclusive};
use std::sync::Arc;

use futures::{Stream, stream};
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};

use super::{
    Entry, LogId, TypeConfig, Vote, entry_from_wal, entry_to_wal, position_from_raft, position_to_raft, vote_from_raft,
    vote_to_raft,
};
use crate::application::Observer;
use crate::types::{EntryKind, MESSAGE_BYTES_MAX};
use crate::wal::Wal;

/// What one message of replication, or one read for applying, gathers: far from the limit of a message even when the
/// last entry is the longest.
const READ_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 4;

/// The log, as openraft writes and reads it. Cheap to clone: also its own reader.
#[derive(Debug, Clone)]
pub(crate) struct LogStore {
    wal: Wal,
    observer: Option<Arc<dyn Observer>>,
}

impl LogStore {
    pub(crate) fn new(wal: Wal, observer: Option<Arc<dyn Observer>>) -> Self {
        Self { wal, observer }
    }

    async fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let entries = self.wal.read(range, bytes_max).await.map_err(io::Error::other)?;
        entries.into_iter().map(entry_from_wal).collect::<Result<_, _>>().map_err(io::Error::other)
    }
}

fn plain<R: RangeBounds<u64>>(range: &R) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        self.read(plain(&range), usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end, READ_BYTES_MAX).await
    }

    /// Reads on only as the state machine consumes, so that a long catch-up does not fill the memory.
    async fn entries_stream<R>(&mut self, range: R) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let store = self.clone();
        let read = stream::unfold(Some(plain(&range)), move |rest| {
            let store = store.clone();
            async move {
                let rest = rest.filter(|rest| !rest.is_empty())?;
                let chunk = store.read(rest.clone(), READ_BYTES_MAX).await;
                let next = match &chunk {
                    Ok(entries) => entries.last().map(|last| last.log_id.index + 1..rest.end),
                    Err(_) => None,
                };
                Some((
                    chunk.map_or_else(|error| vec![Err(error)], |entries| entries.into_iter().map(Ok).collect()),
                    next,
                ))
            }
        });
        Box::pin(futures::StreamExt::flat_map(read, stream::iter))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.wal.look(|view| view.ballot).map(vote_to_raft))
    }

    async fn get_key_log_ids(&mut self, range: RangeInclusive<LogId>) -> io::Result<Vec<LogId>> {
        let keys = self.wal.look(|view| view.key_positions(range.start().index..range.end().index.saturating_add(1)));
        Ok(keys.into_iter().map(position_to_raft).collect())
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let (purged, last) = self.wal.look(|view| (view.purged, view.last()));
        Ok(LogState { last_purged_log_id: purged.map(position_to_raft), last_log_id: last.map(position_to_raft) })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.wal.save_ballot(vote_from_raft(vote)).await.map_err(io::Error::other)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.wal.save_committed(committed.map(position_from_raft)).map_err(io::Error::other)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.wal.look(|view| view.committed).map(position_to_raft))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().map(entry_to_wal).collect();
        let seen = self.observer.as_ref().map(|observer| (observer, entries.clone()));
        let done = Box::new(|result: Result<(), _>| callback.io_completed(result.map_err(io::Error::other)));
        self.wal.append(entries, done).await.map_err(io::Error::other)?;
        if let Some((observer, entries)) = seen {
            let payloads = entries.iter().filter(|entry| entry.kind == EntryKind::Normal);
            payloads.for_each(|entry| observer.appended(entry.position, &entry.payload));
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.wal.truncate(last.map(|last| last.index)).map_err(io::Error::other)
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.wal.purge(position_from_raft(upto)).await.map_err(io::Error::other)
    }
}
