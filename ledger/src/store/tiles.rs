//! The full tiles of one tree: a file a level, and beside it the checksum of each tile.
//!
//! A tile read back is checked against its checksum, kept in memory (4 bytes per 256 hashes) and salted with tree, level and
//! index, so that a tile read from or written to the wrong place does not pass. Everything here is derived from the
//! entries: what was not durable at a crash is computed again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tamga_platform::disk::{Disk, DiskFile, Open};

use crate::tree::{TILE_BYTES, TreeHash, TreeSize};

use super::error::StoreError;

/// Levels a tree of 2⁵³ − 1 leaves has.
const LEVELS_MAX: u8 = 7;
const SUM_BYTES: u64 = 4;
/// More than the tiles of one sync take: a segment syncs them when it is closed.
const AGAIN_BYTES: u64 = 16 << 20;

/// The tile files of one tree. Reads and the one writer may run at the same time.
#[derive(Debug)]
pub(super) struct TileFiles {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    tree: &'static str,
    levels: RwLock<Vec<Level>>,
}

#[derive(Debug, Clone)]
struct Level {
    tiles: Arc<LevelFile>,
    sums_file: Arc<LevelFile>,
    sums: Vec<u32>,
    unsynced: bool,
}

#[derive(Debug)]
struct LevelFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

/// Full tiles at a level of a tree of that size.
pub(super) fn full_tiles(level: u8, size: TreeSize) -> u64 {
    size.get().checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0)
}

fn checksum(tree: &str, level: u8, index: u64, bytes: &[u8]) -> u32 {
    let place = crc32c::crc32c_append(crc32c::crc32c(tree.as_bytes()), &[level]);
    crc32c::crc32c_append(crc32c::crc32c_append(place, &index.to_le_bytes()), bytes)
}

fn number(level: u8, index: u64) -> String {
    format!("tile {index} of level {level}")
}

impl TileFiles {
    /// Opens what files there are; creates none.
    pub(super) fn open<H: TreeHash>(disk: &Arc<dyn Disk>, tiles: &Path, how: Open) -> Result<Self, StoreError> {
        let folder = tiles.join(H::NAME);
        let files = Self { disk: Arc::clone(disk), folder, tree: H::NAME, levels: RwLock::default() };
        let mut levels = Vec::new();
        for level in 0..LEVELS_MAX {
            match files.open_level(level, how) {
                Ok(opened) => levels.push(opened),
                Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        *files.levels.write().unwrap_or_else(PoisonError::into_inner) = levels;
        Ok(files)
    }

    fn paths(&self, level: u8) -> (PathBuf, PathBuf) {
        (self.folder.join(level.to_string()), self.folder.join(format!("{level}.sum")))
    }

    pub(super) fn path(&self, level: u8) -> PathBuf {
        self.paths(level).0
    }

    fn open_level(&self, level: u8, how: Open) -> Result<Level, StoreError> {
        let (tiles, sums) = self.paths(level);
        // Never created here: an absent level is the caller's to see.
        self.disk.open(&tiles, Open::Read).map_err(StoreError::io("open", &tiles))?;
        let bytes = match self.disk.open(&sums, Open::Read) {
            Ok(file) => read_all(file.as_ref(), &sums)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && how != Open::Read => Vec::new(),
            Err(error) => return Err(StoreError::io("open", &sums)(error)),
        };
        let mut known: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|sum| u32::from_le_bytes(*sum)).collect();
        let open = |path: PathBuf| -> Result<_, StoreError> {
            let file = self.disk.open(&path, how).map_err(StoreError::io("open", &path))?;
            Ok(Arc::new(LevelFile { path, file }))
        };
        let (tiles, sums_file) = (open(tiles)?, open(sums)?);
        // A tile counts when it and its checksum are there.
        let whole = tiles.file.len().map_err(StoreError::io("read", &tiles.path))? / TILE_BYTES as u64;
        known.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
        Ok(Level { tiles, sums_file, sums: known, unsynced: false })
    }

    fn create_level(&self, level: u8) -> Result<Level, StoreError> {
        self.disk.create_dir_all(&self.folder).map_err(StoreError::io("create", &self.folder))?;
        let (tiles, sums) = self.paths(level);
        for path in [&tiles, &sums] {
            self.disk.open(path, Open::ReadWrite).map_err(StoreError::io("create", path))?;
        }
        let opened = self.open_level(level, Open::ReadWrite)?;
        // Crash before these: the level is absent at the next open and computed again.
        let parents = self.folder.ancestors().take(3);
        parents
            .into_iter()
            .try_for_each(|folder| self.disk.sync_dir(folder).map_err(StoreError::io("sync", folder)))?;
        Ok(opened)
    }

    fn level(&self, level: u8) -> Option<Level> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.get(usize::from(level)).map(|level| Level { sums: Vec::new(), ..level.clone_handles() })
    }

    fn sum(&self, level: u8, index: u64) -> Option<u32> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.get(usize::from(level))?.sums.get(usize::try_from(index).ok()?).copied()
    }

    /// Tiles that have a checksum at a level.
    pub(super) fn count(&self, level: u8) -> u64 {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.get(usize::from(level)).map_or(0, |level| level.sums.len() as u64)
    }

    /// The bytes of a full tile as they are on disk, and whether they are what was written; `None` when it is not there.
    pub(super) fn read_raw(&self, level: u8, index: u64) -> Result<Option<(Vec<u8>, bool)>, StoreError> {
        let (Some(files), Some(sum)) = (self.level(level), self.sum(level, index)) else { return Ok(None) };
        let mut bytes = vec![0; TILE_BYTES];
        match files.tiles.file.read_exact_at(&mut bytes, index * TILE_BYTES as u64) {
            Ok(()) => {
                let good = checksum(self.tree, level, index, &bytes) == sum;
                Ok(Some((bytes, good)))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(StoreError::io("read", &files.tiles.path)(error)),
        }
    }

    /// Reads and checks a full tile.
    pub(super) fn read(&self, level: u8, index: u64) -> Result<Vec<u8>, StoreError> {
        let what = match self.read_raw(level, index)? {
            Some((bytes, true)) => return Ok(bytes),
            Some((_, false)) => format!("{} or its checksum is not what was written", number(level, index)),
            None => format!("{} is missing", number(level, index)),
        };
        Err(self.damaged(level, index, what))
    }

    /// Damage at a tile, with the first leaf below it.
    pub(super) fn damaged(&self, level: u8, index: u64, what: String) -> StoreError {
        let leaf = index.checked_shl(8 * (u32::from(level) + 1));
        StoreError::damaged(&self.path(level), index * TILE_BYTES as u64, leaf, what)
    }

    /// Writes a full tile: the next of its level, or during recovery any up to it.
    pub(super) fn write(&self, level: u8, index: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let files = match self.level(level) {
            Some(files) => files,
            None => {
                let created = self.create_level(level)?;
                let handles = created.clone_handles();
                self.levels.write().unwrap_or_else(PoisonError::into_inner).push(created);
                handles
            }
        };
        let sum = checksum(self.tree, level, index, bytes);
        let LevelFile { path, file } = files.tiles.as_ref();
        file.write_all_at(bytes, index * TILE_BYTES as u64).map_err(StoreError::io("write", path))?;
        let LevelFile { path, file } = files.sums_file.as_ref();
        file.write_all_at(&sum.to_le_bytes(), index * SUM_BYTES).map_err(StoreError::io("write", path))?;
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(level) = levels.get_mut(usize::from(level)) {
            level.unsynced = true;
            match usize::try_from(index).ok().and_then(|index| level.sums.get_mut(index)) {
                Some(known) => *known = sum,
                None => level.sums.push(sum),
            }
        }
        Ok(())
    }

    /// Cuts every level to the tiles a tree of that size has.
    pub(super) fn cut(&self, size: TreeSize) -> Result<(), StoreError> {
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        for (level, files) in (0_u8..).zip(levels.iter_mut()) {
            let count = full_tiles(level, size);
            files.sums.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            for (target, unit) in [(&files.tiles, TILE_BYTES as u64), (&files.sums_file, SUM_BYTES)] {
                let LevelFile { path, file } = target.as_ref();
                if file.len().map_err(StoreError::io("read", path))? > count * unit {
                    file.set_len(count * unit).map_err(StoreError::io("cut", path))?;
                    files.unsynced = true;
                }
            }
        }
        Ok(())
    }

    /// Makes all tiles durable. `all`: also what an earlier process has written.
    pub(super) fn sync(&self, all: bool) -> Result<(), StoreError> {
        let levels: Vec<Level> = {
            let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
            let unsynced = levels.iter_mut().filter(|level| level.unsynced || all);
            unsynced.map(|level| (level.clone_handles(), level.unsynced = false).0).collect()
        };
        for LevelFile { path, file } in levels.iter().flat_map(|level| [&*level.tiles, &*level.sums_file]) {
            if all {
                // An earlier process may have failed to sync it.
                let end = file.len().map_err(StoreError::io("read", path))?;
                file.write_again(end.saturating_sub(AGAIN_BYTES), end).map_err(StoreError::io("write again", path))?;
            }
            file.sync_data().map_err(StoreError::io("sync", path))?;
        }
        Ok(())
    }

    /// Bytes of tiles and checksums.
    pub(super) fn disk_bytes(&self) -> u64 {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.iter().map(|level| level.sums.len() as u64 * (TILE_BYTES as u64 + SUM_BYTES)).sum()
    }
}

impl Level {
    /// The files without the checksums.
    fn clone_handles(&self) -> Self {
        Self {
            tiles: Arc::clone(&self.tiles),
            sums_file: Arc::clone(&self.sums_file),
            sums: Vec::new(),
            unsynced: self.unsynced,
        }
    }
}

/// The largest checksum file: of 2³² leaves' level-0 tiles.
const SUMS_BYTES_MAX: u64 = 64 << 20;

fn read_all(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>, StoreError> {
    let length = file.len().map_err(StoreError::io("read", path))?;
    if length > SUMS_BYTES_MAX {
        return Err(StoreError::damaged(path, SUMS_BYTES_MAX, None, "the file of tile checksums is too large"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0).map_err(StoreError::io("read", path))?;
    Ok(bytes)
}
