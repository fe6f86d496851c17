//! The small files beside the log: who the members are, and which snapshot stands for what was purged.
//!
//! | file | holds | written |
//! |---|---|---|
//! | `membership` | the members as last applied | before the application sees the entry that changed them |
//! | `snapshot` | the current snapshot: position, members as of it, metadata of the application | before the log it covers is purged |
//! | `snapshot.offer` | another replica's snapshot, the same way | before the application starts to install it |
//!
//! Each is replaced atomically. Their bytes: `magic ‖ crc of the rest u32 ‖ rest`.
//!
//! A crash while the application installs leaves an offer ahead of the application: it means nothing then. A crash after
//! the application has arrived leaves an offer at or behind it: then the offer *is* the snapshot, and its members are the
//! ones in force there ([`Files::read`]).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use tamga_platform::blocking::{Blocking, BlockingExt};
use tamga_platform::disk::Disk;

use super::{
    Snapshot, SnapshotMeta, StoredMembership, membership_from_raft, membership_to_raft, position_from_raft,
    position_to_raft,
};
use crate::codec::{Membership, Reader, put_position};
use crate::error::{Fatal, Malformed};
use crate::types::{LogPosition, Member, NodeId, SNAPSHOT_BYTES_MAX};

/// No membership is longer: 128 members with addresses of 256 bytes.
const MEMBERSHIP_BYTES_MAX: usize = 64 * 1024;
const FILE_BYTES_MAX: u64 = (MEMBERSHIP_BYTES_MAX + SNAPSHOT_BYTES_MAX + 1024) as u64;
const MEMBERSHIP_MAGIC: &[u8; 8] = b"TAMGAMEM";
const SNAPSHOT_MAGIC: &[u8; 8] = b"TAMGASNP";

/// What the files say, as far as they could be read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) membership: Option<StoredMembership>,
    /// Never ahead of the application.
    pub(super) snapshot: Option<Snapshot>,
}

/// The files of one replica.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    blocking: Arc<dyn Blocking>,
    folder: PathBuf,
}

impl Files {
    pub(crate) fn new(disk: Arc<dyn Disk>, blocking: Arc<dyn Blocking>, folder: PathBuf) -> Self {
        Self { disk, blocking, folder }
    }

    /// Reads what is there; `applied` is the application's position.
    pub(super) async fn read(&self, applied: Option<LogPosition>) -> Result<Found, Fatal> {
        let membership = self.load("membership", decode_membership).await;
        let snapshot = self.load("snapshot", decode_snapshot).await;
        let offer = self.load("snapshot.offer", decode_snapshot).await;
        let reached = |found: &Snapshot| position_of(found) <= applied.map(|applied| applied.index);
        let (snapshot, offer) = (snapshot.filter(reached), offer.filter(reached));
        if let Some(offer) = offer
            && snapshot.as_ref().is_none_or(|snapshot| position_of(snapshot) < position_of(&offer))
        {
            // The application arrived, and the last run ended before openraft heard of it.
            self.write_snapshot(&offer).await.map_err(|error| self.fatal("snapshot", &error))?;
            return Ok(Found { membership, snapshot: Some(offer) });
        }
        Ok(Found { membership, snapshot })
    }

    async fn load<T>(&self, name: &'static str, decode: fn(&[u8]) -> Result<T, Malformed>) -> Option<T> {
        let (disk, path) = (Arc::clone(&self.disk), self.folder.join(name));
        let shown = path.clone();
        let bytes = self.blocking.run(move || disk.read(&path, FILE_BYTES_MAX)).await;
        let read = match bytes {
            Ok(bytes) => decode(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(error.to_string()),
        };
        read.inspect_err(|error| {
            tracing::warn!(path = %shown.display(), %error, "unusable; what it said is looked for in the log");
        })
        .ok()
    }

    pub(super) async fn write_membership(&self, membership: &StoredMembership) -> io::Result<()> {
        self.write("membership", encode_membership(membership)).await
    }

    pub(super) async fn write_snapshot(&self, snapshot: &Snapshot) -> io::Result<()> {
        self.write("snapshot", encode_snapshot(snapshot)).await
    }

    pub(super) async fn write_offer(&self, offer: &Snapshot) -> io::Result<()> {
        self.write("snapshot.offer", encode_snapshot(offer)).await
    }

    async fn write(&self, name: &'static str, bytes: Vec<u8>) -> io::Result<()> {
        let (disk, path) = (Arc::clone(&self.disk), self.folder.join(name));
        self.blocking.run(move || disk.replace(&path, &bytes)).await
    }

    pub(super) fn fatal(&self, name: &str, error: &io::Error) -> Fatal {
        Fatal::new(format!("replacing {}: {error}", self.folder.join(name).display()))
    }
}

/// The bytes of a `snapshot` file whose members are those at its own position.
pub(crate) fn snapshot_file(position: LogPosition, members: Membership, metadata: Bytes) -> Result<Vec<u8>, Malformed> {
    let at = Some(position_to_raft(position));
    let last_membership = StoredMembership::new(at, membership_to_raft(members)?);
    let snapshot = Snapshot { meta: SnapshotMeta { last_log_id: at, last_membership }, snapshot: metadata };
    Ok(encode_snapshot(&snapshot))
}

/// The members that the newest readable file in a replica's folder names.
pub(crate) fn known_members(disk: &dyn Disk, folder: &Path) -> Vec<Member> {
    let read = |name: &str| disk.read(&folder.join(name), FILE_BYTES_MAX).ok();
    let applied = read("membership").and_then(|bytes| decode_membership(&bytes).ok());
    let snapshot = read("snapshot").and_then(|bytes| decode_snapshot(&bytes).ok());
    let stored = applied.into_iter().chain(snapshot.map(|snapshot| snapshot.meta.last_membership));
    let newest = stored.max_by_key(|stored| *stored.log_id());
    let addresses = newest.map(|newest| membership_from_raft(newest.membership()).addresses).unwrap_or_default();
    addresses.into_iter().map(|(id, address)| Member { id: NodeId(id), address }).collect()
}

fn position_of(snapshot: &Snapshot) -> Option<u64> {
    snapshot.meta.last_log_id.map(|id| id.index)
}

fn seal(magic: &[u8; 8], body: &[u8]) -> Vec<u8> {
    [magic.as_slice(), &crc32c::crc32c(body).to_le_bytes(), body].concat()
}

/// The body of a file whose magic and checksum hold.
fn unseal<'a>(what: &'static str, magic: &[u8; 8], bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
    let mut reader = Reader::new(what, bytes);
    if reader.take(magic.len())? != magic {
        return Err(Malformed::Missing("magic at the head of a file"));
    }
    let crc = reader.u32()?;
    let body = reader.rest();
    if crc32c::crc32c(body) == crc { Ok(body) } else { Err(Malformed::Missing("a matching checksum of a file")) }
}

/// `position of the entry ‖ membership`.
fn encode_membership(stored: &StoredMembership) -> Vec<u8> {
    let mut body = Vec::new();
    put_position(&mut body, stored.log_id().map(position_from_raft));
    body.extend(membership_from_raft(stored.membership()).encode());
    seal(MEMBERSHIP_MAGIC, &body)
}

fn decode_membership(bytes: &[u8]) -> Result<StoredMembership, Malformed> {
    const WHAT: &str = "file of the members";
    let mut body = Reader::new(WHAT, unseal(WHAT, MEMBERSHIP_MAGIC, bytes)?);
    let position = body.position()?.map(position_to_raft);
    Ok(StoredMembership::new(position, membership_to_raft(Membership::decode(body.rest())?)?))
}

/// `position ‖ position of the members' entry ‖ length of the members u32 ‖ members ‖ metadata`.
fn encode_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    let members = membership_from_raft(snapshot.meta.last_membership.membership()).encode();
    let mut body = Vec::new();
    put_position(&mut body, snapshot.meta.last_log_id.map(position_from_raft));
    put_position(&mut body, snapshot.meta.last_membership.log_id().map(position_from_raft));
    body.put_u32_le(u32::try_from(members.len()).unwrap_or(u32::MAX));
    body.extend_from_slice(&members);
    body.extend_from_slice(&snapshot.snapshot);
    seal(SNAPSHOT_MAGIC, &body)
}

fn decode_snapshot(bytes: &[u8]) -> Result<Snapshot, Malformed> {
    const WHAT: &str = "file of a snapshot";
    let mut body = Reader::new(WHAT, unseal(WHAT, SNAPSHOT_MAGIC, bytes)?);
    let last_log_id = body.position()?.map(position_to_raft);
    let position = body.position()?.map(position_to_raft);
    let length = usize::try_from(body.u32()?).unwrap_or(usize::MAX);
    let members = membership_to_raft(Membership::decode(body.take(length)?)?)?;
    let meta = SnapshotMeta { last_log_id, last_membership: StoredMembership::new(position, members) };
    Ok(Snapshot { meta, snapshot: Bytes::copy_from_slice(body.rest()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Snapshot {
        let at = |index| position_to_raft(LogPosition { term: 2, leader: NodeId(1), index });
        let members = Membership { voters: vec![[1].into()], addresses: [(1, "a:1".to_owned())].into() };
        let last_membership = StoredMembership::new(Some(at(3)), membership_to_raft(members).unwrap());
        let meta = SnapshotMeta { last_log_id: Some(at(9)), last_membership };
        Snapshot { meta, snapshot: Bytes::from_static(b"a note") }
    }

    #[test]
    fn both_kinds_read_back_and_no_flipped_bit_or_cut_passes() {
        let snapshot = sample();
        let bytes = encode_snapshot(&snapshot);
        let read = decode_snapshot(&bytes).unwrap();
        assert_eq!((read.meta, read.snapshot), (snapshot.meta.clone(), snapshot.snapshot));
        let members = encode_membership(&snapshot.meta.last_membership);
        assert_eq!(decode_membership(&members), Ok(snapshot.meta.last_membership));
        for mut bytes in [bytes, members] {
            let refused = |bytes: &[u8]| decode_snapshot(bytes).is_err() && decode_membership(bytes).is_err();
            assert!((0..bytes.len()).all(|cut| refused(&bytes[..cut])));
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(refused(&bytes), "bit {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
