//! The write-ahead log: one ordered, append-only stream of entries, ballots, commit marks, truncations and purges.
//!
//! # Why our own
//! openraft demands that ballots and entries reach the disk in the order of submission, across one another; a store
//! with one stream gives that for nothing, a general key-value store only by a sync per step. Of the two published
//! stream-shaped logs, `raft-log` 0.4.6 waits a fixed time to gather a group (690 entries/s one at a time, 38,000/s at
//! 64 clients, 4 s to reopen), and `raft-engine` 0.4.2 (7,300 and 221,000/s) has had no release since 2024; an own flat
//! log over zeroed preallocation measured 7,400 and 372,000/s. Neither takes its file system from outside, so neither
//! can be driven through a simulated disk with torn sectors and failing syncs, and neither tells a torn tail from rot.
//! The price is this folder; it knows nothing of openraft and is tested at every byte of a torn tail.
//!
//! # Files
//! `<folder>/<sequence, 16 hex digits>.wal`, numbered from 1 without gaps, each preallocated with zeros (so that a sync
//! has no metadata to write); `spare-….wal` is the next one in preparation or a purged one that is used again,
//! `reserve-….wal` is kept for a full disk (stock). All integers are little-endian.
//!
//! ```text
//! segment  header (512 B): "TAMGAWAL" version cluster node sequence first-frame salt created-ms crc    segment.rs
//!          frame, frame, …, zeros to the end
//! frame    magic  length  number  crc of body  crc of header | records | zeros | 0xA5   (8-byte aligned)  frame.rs
//! record   kind  length  crc | body                                                                     record.rs
//! ```
//! A frame is one group commit: **the next frame is written only after this one was synced**. Checksums are CRC-32C,
//! started from the segment's random salt, its sequence and (for a frame) the offset: a misdirected or forged frame
//! does not pass. The first frame of a segment restates ballot, commit mark and purge mark, so that old segments can go.
//!
//! # What a crash leaves, and what opening does about it
//! | crash | on disk | opening |
//! |---|---|---|
//! | while a frame is written or before its sync | any subset of its sectors | cut: nobody was told |
//! | after the sync, before the answer | the whole frame | kept: it may have been acknowledged elsewhere |
//! | process only, before the sync | the frame, in the page cache | kept, and synced before anything trusts it |
//! | while a segment is prepared or a purged one zeroed | `spare-….wal` | removed |
//! | while the reserve becomes a segment | `reserve-….wal` with a header | zeroed, kept |
//! | after a segment got its name, before its first frame | an empty segment | used |
//! | between two segments of a purge | a few segments too many | removed by the next purge |
//!
//! A bad frame is cut only if it is the last thing in the last segment **and** carries the marks of an unfinished write
//! into zeros: its end is still zero, or one of its 512-byte sectors is. Everything else is damage and halts: a bad
//! frame with a good one behind it, a gap in the numbers, a last frame that is complete but wrong. What remains
//! undecidable, and is cut, is rot inside a last frame that itself contains a sector of zeros; Raft then restores the
//! entry from the others.
//!
//! Assumptions: a sector is written whole or not at all; a sync that returned means durable.
//!
//! Opening reads and checks the whole log: that is a scrub at each start. Its cost is the log's length, which compaction
//! bounds: what the snapshot covers is purged, but for the last entries kept for followers that were away shortly (no more
//! than `Config::log_entries_kept`, 4,096 by default, and `Config::log_bytes_kept`, 256 MiB) and the rest of the segment
//! they begin in.

mod anew;
mod error;
mod frame;
mod log;
mod record;
mod recovery;
pub(crate) mod repair;
mod segment;
mod stock;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use anew::begin_log_behind;
pub use error::WalError;
pub(crate) use log::{Outside, Settings, Wal};
pub(crate) use record::{Ballot, Entry, kind_code, kind_of};
pub(crate) use stock::Space;
pub(crate) use view::View;
