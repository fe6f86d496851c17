//! The ledger up to the published size, and the log behind the epoch's position, beside the old ones.

use std::sync::Arc;

use bytes::Bytes;
use tamga_consensus::{LogPlace, Member, NewBeginning, NodeId, begin_anew, members_beside};
use tamga_ledger::store::{Confidential, LogPosition, NewEntry, Options, Store};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_platform::disk::Disk;

use super::places::Places;
use super::{ROUND_BYTES, ROUND_ENTRIES, RecoverError, Recovery, beginning, io};
use crate::core::cluster_id;

/// Copied entries are made durable this often.
const SYNC_ENTRIES: u64 = 1 << 18;
/// Entries before the last stand at no place of the new log.
const NOWHERE: LogPosition = LogPosition { term: 0, leader: 0, index: 0 };

pub(super) fn build(recovery: &Recovery, old: &Store, places: &Places) -> Result<(), RecoverError> {
    let disk = &recovery.seams.disk;
    let building = places.building();
    // A recovery that was interrupted before it was complete begins again.
    remove_all(disk.as_ref(), &building)?;
    disk.create_dir_all(&building).map_err(io("create", &building))?;
    copy_ledger(recovery, old, places)?;
    begin_log(recovery, old, places)?;
    for folder in [&building, &recovery.config.data_dir] {
        disk.sync_dir(folder).map_err(io("sync", folder))?;
    }
    // Crash before this: nothing has happened. After it: the recovery is only finished.
    places.mark(disk.as_ref(), &recovery.epoch)
}

fn remove_all(disk: &dyn Disk, folder: &std::path::Path) -> Result<(), RecoverError> {
    let names = match disk.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        // A file.
        Err(_) => return disk.remove(folder).map_err(io("remove", folder)),
    };
    names.iter().try_for_each(|name| remove_all(disk, &folder.join(name)))
}

fn copy_ledger(recovery: &Recovery, old: &Store, places: &Places) -> Result<(), RecoverError> {
    let size = recovery.size()?;
    let folder = places.building().join("ledger");
    let (new, _) = Store::open(Arc::clone(&recovery.seams.disk), &folder, Options::default())?;
    let mut next = 0;
    while next < size.get() {
        let end = (next + ROUND_ENTRIES).min(size.get());
        let entries = old.entries(leaf(next)?..leaf(end)?, ROUND_BYTES)?;
        let bodies = (next..next + entries.len() as u64).map(|at| Ok(old.confidential(leaf(at)?)?));
        let bodies = bodies.collect::<Result<Vec<Confidential>, RecoverError>>()?;
        let round: Vec<NewEntry<'_>> =
            entries.iter().zip(&bodies).map(|(entry, body)| with_body(entry, body)).collect();
        new.append(NOWHERE, &round)?;
        next += round.len() as u64;
        if next / SYNC_ENTRIES != (next - round.len() as u64) / SYNC_ENTRIES {
            new.sync()?;
            tracing::info!(entries = next, of = size.get(), "copying the ledger");
        }
    }
    new.append(beginning(&recovery.epoch), &[])?;
    if new.head().roots != recovery.epoch.roots {
        return Err(RecoverError::Refused(
            "the copy of the ledger has other roots: the disk or the memory is at fault".into(),
        ));
    }
    let end = TreeSize::new(size.get() + 1).map_err(|error| RecoverError::Refused(error.to_string()))?;
    let mut from = TreeSize::ZERO;
    loop {
        let archived = old.checkpoints(from..end, 1_000)?;
        let Some(last) = archived.last() else { break };
        from = TreeSize::new(last.size.get() + 1).map_err(|error| RecoverError::Refused(error.to_string()))?;
        for one in &archived {
            new.archive_checkpoint(one.size, one.time_ms, &one.note)?;
        }
        new.sync()?;
    }
    Ok(new.sync()?)
}

fn leaf(index: u64) -> Result<LeafIndex, RecoverError> {
    LeafIndex::new(index).map_err(|error| RecoverError::Refused(error.to_string()))
}

/// A body whose class was erased stays erased.
fn with_body<'a>(entry: &'a [u8], body: &'a Confidential) -> NewEntry<'a> {
    match body {
        Confidential::Kept { class, body } => NewEntry { entry, confidential: body, class: *class },
        Confidential::None | Confidential::Erased { .. } => NewEntry::public(entry),
    }
}

fn begin_log(recovery: &Recovery, old: &Store, places: &Places) -> Result<(), RecoverError> {
    let (disk, epoch, config) = (&recovery.seams.disk, &recovery.epoch, &recovery.config);
    let size = recovery.size()?;
    let note = old.checkpoint_at(size)?.map(|archived| archived.note);
    let note = note.ok_or_else(|| RecoverError::Refused(format!("the checkpoint of size {size} is gone")))?;
    let place = |folder, number| LogPlace {
        folder,
        cluster: cluster_id(&recovery.genesis, number),
        node: NodeId(u64::from(config.node)),
    };
    let before = members_beside(disk.as_ref(), &place(config.data_dir.join("raft"), epoch.number - 1));
    let address = |id: u32| -> Result<Member, RecoverError> {
        let stated = config.peers.iter().find(|peer| peer.id == id).map(|peer| peer.address.clone());
        let known = before.iter().find(|member| member.id.0 == u64::from(id)).map(|member| member.address.clone());
        let address = stated.or(known).or_else(|| (id == config.node).then(|| config.listen.peer.to_string()));
        let address = address.ok_or_else(|| {
            RecoverError::Refused(format!("nobody knows where node {id} is: add it to [[peers]] of the configuration"))
        })?;
        Ok(Member { id: NodeId(u64::from(id)), address })
    };
    let members = epoch.voters.iter().chain(&epoch.learners).map(|id| address(*id)).collect::<Result<_, _>>()?;
    let position = beginning(epoch);
    let beginning = NewBeginning {
        position: tamga_consensus::LogPosition {
            term: position.term,
            leader: NodeId(position.leader),
            index: position.index,
        },
        members,
        voters: epoch.voters.iter().map(|id| NodeId(u64::from(*id))).collect(),
        snapshot: Bytes::from(note),
    };
    let place = place(places.building().join("raft"), epoch.number);
    begin_anew(disk.as_ref(), &place, &beginning, recovery.seams.entropy.as_ref(), recovery.seams.clock.now_ms())
        .map_err(|error| RecoverError::Log(error.to_string()))
}
