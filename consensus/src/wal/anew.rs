//! A log that begins behind a position, in a folder that has none.

use tamga_platform::disk::Disk;
use tamga_platform::entropy::{Entropy, random_bytes};

use super::error::WalError;
use super::record::{Ballot, Record};
use super::repair::LogPlace;
use super::repair::rewrite::write_first;
use super::segment::{Label, io, path_of};
use crate::types::LogPosition;

/// Writes a log whose entries up to `position` are applied and gone, durably. The node has voted for itself in that term, so
/// whatever follows belongs to a later one.
pub(crate) fn begin_log_behind(
    disk: &dyn Disk,
    place: &LogPlace,
    position: LogPosition,
    entropy: &dyn Entropy,
    now_ms: u64,
) -> Result<(), WalError> {
    let folder = place.wal();
    disk.create_dir_all(&folder).map_err(io("creating", &folder))?;
    let label = Label {
        cluster: place.cluster,
        node: place.node,
        sequence: 1,
        first_frame: 1,
        salt: random_bytes(entropy),
        created_ms: now_ms,
    };
    let ballot = Ballot { term: position.term, node: place.node, committed: false };
    let head = Record::Head { ballot: Some(ballot), committed: Some(position), purged: Some(position) };
    write_first(disk, &path_of(&folder, 1), label, &head)?;
    disk.sync_dir(&folder).map_err(io("syncing", &folder))
}
