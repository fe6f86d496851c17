//! Segments: files of the log, their header, and how a new one comes to be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BufMut;
use tamga_platform::disk::{Disk, DiskFile, Open};

use super::error::WalError;
use crate::types::{ClusterId, NodeId};

const MAGIC: [u8; 8] = *b"TAMGAWAL";
const VERSION: u32 = 1;
/// Bytes before the first frame: one sector.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 512;
const HEADER_FIELDS_BYTES: usize = 88;
const SPARE: &str = "spare-";
const RESERVE: &str = "reserve-";
const CHUNK: usize = 1 << 20;
/// No segment this program writes is larger; a larger file is not read into memory.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 2 << 30;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) cluster: ClusterId,
    pub(crate) node: NodeId,
    pub(crate) sequence: u64,
    /// Number of its first frame.
    pub(crate) first_frame: u64,
    pub(crate) salt: [u8; 8],
    /// For people who look at the file; nothing depends on it.
    pub(crate) created_ms: u64,
}

impl Label {
    /// Where every checksum of this segment starts from.
    pub(crate) fn seed(&self) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.salt), &self.sequence.to_le_bytes())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        out.put_slice(&MAGIC);
        out.put_u32_le(VERSION);
        out.put_u32_le(0);
        out.put_slice(&self.cluster.0);
        for field in [self.node.0, self.sequence, self.first_frame] {
            out.put_u64_le(field);
        }
        out.put_slice(&self.salt);
        out.put_u64_le(self.created_ms);
        let crc = crc32c::crc32c(&out);
        out.put_u32_le(crc);
        out.resize(SEGMENT_HEADER_BYTES, 0);
        out
    }

    /// Reads the label of the file at `path` and refuses another node's.
    pub(crate) fn decode(path: &Path, bytes: &[u8], expected: (ClusterId, NodeId, u64)) -> Result<Self, WalError> {
        let damaged = |what: &str| WalError::Damaged { path: path.to_owned(), offset: 0, what: what.to_owned() };
        let foreign = |what: String| WalError::Foreign { path: path.to_owned(), what };
        let header = bytes.get(..SEGMENT_HEADER_BYTES).ok_or_else(|| damaged("the file is shorter than its header"))?;
        if header[..8] != MAGIC {
            return Err(damaged("this is not a segment of the log"));
        }
        let mut reader = crate::codec::Reader::new("header of a segment", &header[8..]);
        let mut read = || -> Result<_, crate::error::Malformed> {
            let version = reader.u32()?;
            reader.u32()?;
            let cluster = ClusterId(reader.take(32)?.try_into().unwrap_or_default());
            let label = Self {
                cluster,
                node: NodeId(reader.u64()?),
                sequence: reader.u64()?,
                first_frame: reader.u64()?,
                salt: reader.u64()?.to_le_bytes(),
                created_ms: reader.u64()?,
            };
            Ok((version, label, reader.u32()?))
        };
        let (version, label, crc) = read().map_err(|error| damaged(&error.to_string()))?;
        if crc32c::crc32c(&header[..HEADER_FIELDS_BYTES]) != crc {
            return Err(damaged("its header does not match its checksum"));
        }
        let (cluster, node, sequence) = expected;
        if version != VERSION {
            return Err(foreign(format!("written in version {version} of the format; this program reads {VERSION}")));
        }
        if (label.cluster, label.node) != (cluster, node) {
            return Err(foreign(format!(
                "belongs to {} of cluster {}, not to {node} of {cluster}",
                label.node, label.cluster
            )));
        }
        if label.sequence != sequence {
            return Err(damaged(&format!("it says that it is segment {}, not {sequence}", label.sequence)));
        }
        Ok(label)
    }
}

/// An open segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) label: Label,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) capacity: u64,
    /// Highest index of an entry that was ever written here.
    pub(crate) highest: Option<u64>,
}

pub(crate) fn path_of(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("{sequence:016x}.wal"))
}

/// Turns an error of the disk into one that says on what.
pub(crate) fn io<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> WalError + 'a {
    move |source| WalError::Io { doing, path: path.to_owned(), source }
}

/// Sequences of the segments in `folder`, ascending; removes spares that were left behind.
pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>, WalError> {
    let mut sequences = Vec::new();
    for name in disk.list(folder).map_err(io("listing", folder))? {
        if name.starts_with(SPARE) {
            // Crash here: it is removed at the next start.
            disk.remove(&folder.join(name)).map_err(io("removing a spare from", folder))?;
        } else if let Some(hex) = name.strip_suffix(".wal").filter(|hex| hex.len() == 16) {
            sequences.extend(u64::from_str_radix(hex, 16).ok());
        }
    }
    sequences.sort_unstable();
    Ok(sequences)
}

/// A file of zeros, durable in its length and content, waiting to become the next segment.
#[derive(Debug)]
pub(crate) struct Spare {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    capacity: u64,
}

impl From<Segment> for Spare {
    /// A segment that is no longer part of the log; it still has to be zeroed.
    fn from(Segment { path, file, capacity, .. }: Segment) -> Self {
        Self { path, file, capacity }
    }
}

impl Spare {
    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Gives it up.
    pub(crate) fn discard(self, disk: &dyn Disk) -> Result<(), WalError> {
        disk.remove(&self.path).map_err(io("removing", &self.path))
    }
}

/// Prepares a spare of `capacity` bytes. Zeros are written, not promised (`set_len` alone leaves holes): the sync of a
/// frame then has no metadata to change, and the space is really there.
///
/// `unique` keeps apart two preparations of which the first was abandoned but still runs.
pub(crate) fn prepare(disk: &dyn Disk, folder: &Path, capacity: u64, unique: [u8; 8]) -> Result<Spare, WalError> {
    let path = name_of(folder, SPARE, unique);
    let file: Arc<dyn DiskFile> = disk.open(&path, Open::ReadWrite).map_err(io("creating", &path))?.into();
    file.set_len(0).map_err(io("emptying", &path))?;
    zero(Spare { path: path.clone(), file, capacity }).inspect_err(|error| {
        // What was written of it would keep the disk full.
        if let Err(also) = disk.remove(&path) {
            tracing::warn!(%error, %also, path = %path.display(), "an unfinished spare stays behind");
        }
    })
}

fn name_of(folder: &Path, prefix: &str, unique: [u8; 8]) -> PathBuf {
    folder.join(format!("{prefix}{:016x}.wal", u64::from_le_bytes(unique)))
}

/// Overwrites all of it with zeros, durably.
pub(crate) fn zero(spare: Spare) -> Result<Spare, WalError> {
    let Spare { path, file, capacity } = &spare;
    let zeros = vec![0; usize::try_from(*capacity).unwrap_or(CHUNK).min(CHUNK)];
    let mut at = 0;
    while at < *capacity {
        let count = usize::try_from(*capacity - at).unwrap_or(CHUNK).min(CHUNK);
        file.write_all_at(&zeros[..count], at).map_err(io("filling", path))?;
        at += count as u64;
    }
    file.sync_data().map_err(io("syncing", path))?;
    Ok(spare)
}

/// Takes a purged segment out of the log, under a name that the next start removes.
pub(crate) fn retire(disk: &dyn Disk, folder: &Path, segment: Segment, unique: [u8; 8]) -> Result<Segment, WalError> {
    let path = name_of(folder, SPARE, unique);
    disk.rename(&segment.path, &path).map_err(io("retiring", &segment.path))?;
    disk.sync_dir(folder).map_err(io("syncing", folder))?;
    Ok(Segment { path, ..segment })
}

/// Makes a spare the reserve: it keeps its name across restarts.
pub(crate) fn reserve(disk: &dyn Disk, folder: &Path, spare: Spare, unique: [u8; 8]) -> Result<Spare, WalError> {
    let path = name_of(folder, RESERVE, unique);
    disk.rename(&spare.path, &path).map_err(io("naming", &path))?;
    // Crash here: a spare, which the next start removes, or the reserve.
    disk.sync_dir(folder).map_err(io("syncing", folder))?;
    Ok(Spare { path, ..spare })
}

/// The reserve that the last run left, all zeros; any other is removed.
pub(crate) fn find_reserve(disk: &dyn Disk, folder: &Path, capacity: u64) -> Result<Option<Spare>, WalError> {
    let mut found = None;
    for name in disk.list(folder).map_err(io("listing", folder))? {
        if !name.starts_with(RESERVE) {
            continue;
        }
        let path = folder.join(name);
        let file: Arc<dyn DiskFile> = disk.open(&path, Open::ReadWrite).map_err(io("opening", &path))?.into();
        if found.is_some() || file.len().map_err(io("measuring", &path))? != capacity {
            disk.remove(&path).map_err(io("removing", &path))?;
            continue;
        }
        // The last run may have ended when it had already put a header into it.
        found = Some(zero(Spare { path, file, capacity })?);
    }
    Ok(found)
}

/// Makes `spare` the segment that `label` describes.
pub(crate) fn activate(disk: &dyn Disk, folder: &Path, spare: Spare, label: Label) -> Result<Segment, WalError> {
    let path = path_of(folder, label.sequence);
    spare.file.write_all_at(&label.encode(), 0).map_err(io("writing the header of", &spare.path))?;
    spare.file.sync_data().map_err(io("syncing", &spare.path))?;
    // Crash here: still a spare, removed at the next start.
    disk.rename(&spare.path, &path).map_err(io("naming", &path))?;
    // Crash here: either name; an empty segment is used, a spare removed.
    disk.sync_dir(folder).map_err(io("syncing", folder))?;
    Ok(Segment { label, path, file: spare.file, capacity: spare.capacity, highest: None })
}
