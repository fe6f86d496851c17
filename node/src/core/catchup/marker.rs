//! The mark of a transfer that has begun: what it leads to, durable before the first entry of it reaches the ledger.
//!
//! While it stands, the ledger may hold entries beyond the position that its last frame names. Nobody may apply the log to
//! such a ledger; a start finishes the transfer first.
//!
//! File: magic, position (term, leader, index: u64 each), length of the note u32, note, CRC-32C of all before; integers
//! little-endian.

use std::io;
use std::path::{Path, PathBuf};

use tamga_ledger::note::NOTE_BYTES_MAX;
use tamga_ledger::store::LogPosition;
use tamga_platform::disk::Disk;

use crate::core::CoreError;

const MAGIC: &[u8; 8] = b"TAMGACU1";
const HEADER_BYTES: usize = 8 + 3 * 8 + 4;

/// What a transfer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    /// Where in the log the target stands.
    pub(super) position: LogPosition,
    /// The target: a published checkpoint. Verified again whenever it is read.
    pub(super) note: String,
}

impl Marked {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for field in [self.position.term, self.position.leader, self.position.index] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(&(self.note.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.note.as_bytes());
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*sum) || content.get(..8)? != MAGIC {
            return None;
        }
        let number = |at: usize| Some(u64::from_le_bytes(*content.get(at..)?.first_chunk::<8>()?));
        let position = LogPosition { term: number(8)?, leader: number(16)?, index: number(24)? };
        let length = u32::from_le_bytes(*content.get(32..)?.first_chunk::<4>()?) as usize;
        let note = content.get(HEADER_BYTES..).filter(|note| note.len() == length)?;
        Some(Self { position, note: String::from_utf8(note.to_vec()).ok()? })
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("catchup")
}

/// The mark, if a transfer has begun and not ended.
pub(super) fn read(disk: &dyn Disk, data_dir: &Path) -> Result<Option<Marked>, CoreError> {
    let path = path(data_dir);
    let bytes = match disk.read(&path, (HEADER_BYTES + NOTE_BYTES_MAX + 4) as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CoreError::Io { action: "read", path, source }),
    };
    let marked = Marked::from_bytes(&bytes).ok_or_else(|| CoreError::Damaged {
        path,
        what: "it says how to finish an interrupted catch-up, without which the ledger's place in the log is unknown: \
               give this node a new id and an empty folder"
            .to_owned(),
    })?;
    Ok(Some(marked))
}

/// Sets the mark, durably.
pub(super) fn write(disk: &dyn Disk, data_dir: &Path, marked: &Marked) -> io::Result<()> {
    disk.replace(&path(data_dir), &marked.to_bytes())
}

/// Takes the mark away, durably.
pub(super) fn remove(disk: &dyn Disk, data_dir: &Path) -> io::Result<()> {
    match disk.remove(&path(data_dir)) {
        Ok(()) => disk.sync_dir(data_dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamga_platform::disk::{MemDisk, Open};

    #[test]
    fn a_mark_is_what_was_written_or_an_error() {
        let (disk, folder) = (MemDisk::default(), Path::new("/d"));
        assert_eq!(read(&disk, folder).unwrap(), None);
        let marked = Marked { position: LogPosition { term: 3, leader: 2, index: 90 }, note: "a note\n".to_owned() };
        write(&disk, folder, &marked).unwrap();
        disk.power_loss();
        assert_eq!(read(&disk, folder).unwrap(), Some(marked.clone()));

        let whole = marked.to_bytes();
        for cut in 0..whole.len() {
            assert_eq!(Marked::from_bytes(&whole[..cut]), None);
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            assert_eq!(Marked::from_bytes(&flipped), None);
        }
        disk.open(&path(folder), Open::ReadWrite).unwrap().write_all_at(b"x", 40).unwrap();
        assert!(matches!(read(&disk, folder), Err(CoreError::Damaged { .. })));

        write(&disk, folder, &marked).unwrap();
        remove(&disk, folder).unwrap();
        remove(&disk, folder).unwrap();
        assert_eq!(read(&disk, folder).unwrap(), None);
    }
}
