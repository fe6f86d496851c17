//! New files take the place of damaged ones, all or none.
//!
//! Each new file is written beside the old one (`….repaired`) and synced. Then one journal, `repair`, names them all: from
//! the moment it is durable the repair is decided, and whoever runs next finishes it. Every step can be done twice.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamga_platform::disk::{Disk, Open};

use super::super::error::StoreError;
use super::super::layout::{Folders, seal, unseal};
use super::super::types::CLASS_MAX;

const MAGIC: &[u8] = b"TAMGA/RJ\n";
const STAGED: &str = ".repaired";
const JOURNAL_BYTES_MAX: u64 = 1 << 20;

fn journal(folders: &Folders) -> PathBuf {
    folders.root().join("repair")
}

fn staged(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(STAGED);
    PathBuf::from(name)
}

/// Where a file of the ledger is kept once it was replaced.
pub(super) fn aside(folders: &Folders, quarantine: &Path, path: &Path) -> Option<PathBuf> {
    Some(quarantine.join("ledger").join(path.strip_prefix(folders.root()).ok()?))
}

/// Creates the folders above a file below `root`, durably.
pub(super) fn create_parents(disk: &Arc<dyn Disk>, root: &Path, path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    disk.create_dir_all(folder).map_err(StoreError::io("create", folder))?;
    let chain = folder.ancestors().take_while(|above| above.starts_with(root)).chain(root.parent());
    chain.into_iter().try_for_each(|folder| disk.sync_dir(folder).map_err(StoreError::io("sync", folder)))
}

/// Files to exchange.
pub(super) struct Swap<'a> {
    disk: &'a Arc<dyn Disk>,
    folders: &'a Folders,
    quarantine: &'a Path,
    /// Paths below the ledger's folder, and whether a new file stands ready.
    files: Vec<(PathBuf, bool)>,
}

impl<'a> Swap<'a> {
    pub(super) const fn new(disk: &'a Arc<dyn Disk>, folders: &'a Folders, quarantine: &'a Path) -> Self {
        Self { disk, folders, quarantine, files: Vec::new() }
    }

    /// Writes the new content of a file beside it.
    pub(super) fn stage(&mut self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let new = staged(path);
        if let Some(folder) = path.parent() {
            self.disk.create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        }
        let file = self.disk.open(&new, Open::ReadWrite).map_err(StoreError::io("create", &new))?;
        file.set_len(0).and_then(|()| file.write_all_at(bytes, 0)).map_err(StoreError::io("write", &new))?;
        file.sync_data().map_err(StoreError::io("sync", &new))?;
        // Crash here: a file that nobody looks at; the next repair overwrites it.
        self.files.push((path.to_owned(), true));
        Ok(())
    }

    /// Notes that a file has to go.
    pub(super) fn remove(&mut self, path: &Path) {
        self.files.push((path.to_owned(), false));
    }

    /// Decides and does it.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        if self.files.is_empty() {
            return Ok(());
        }
        let mut text = String::from_utf8_lossy(MAGIC).into_owned();
        text.push_str(&format!("{}\n", self.quarantine.display()));
        for (path, new) in &self.files {
            let name = path.strip_prefix(self.folders.root()).unwrap_or(path);
            text.push_str(&format!("{} {}\n", if *new { "replace" } else { "remove" }, name.display()));
            if let Some(folder) = path.parent() {
                self.disk.sync_dir(folder).map_err(StoreError::io("sync", folder))?;
            }
        }
        let path = journal(self.folders);
        // Crash before this returns: nothing has happened. From here on the repair is decided.
        self.disk.replace(&path, &seal(text.into_bytes())).map_err(StoreError::io("write", &path))?;
        finish(self.disk, self.folders)
    }
}

/// Finishes an exchange that was decided.
pub(super) fn finish(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<(), StoreError> {
    let path = journal(folders);
    let bytes = match disk.read(&path, JOURNAL_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("read", &path)(error)),
    };
    let (quarantine, files) = read_journal(&bytes)
        .ok_or_else(|| StoreError::damaged(&path, 0, None, "the journal of an interrupted repair is unreadable"))?;
    for (name, new) in &files {
        exchange(disk, folders, &quarantine, &folders.root().join(name), *new)?;
    }
    // Crash before this: everything above is found done and the journal goes then.
    disk.remove(&path).map_err(StoreError::io("remove", &path))?;
    disk.sync_dir(folders.root()).map_err(StoreError::io("sync", folders.root()))
}

/// Removes what a repair that was never decided has left beside the files. They have no place in a ledger and nobody
/// looks at them.
pub(super) fn sweep(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<(), StoreError> {
    let classes = (1..=CLASS_MAX).map(|class| folders.class(class));
    let all = [folders.root().to_owned(), folders.entries(), folders.checkpoints()].into_iter().chain(classes);
    for folder in all {
        let names = match disk.list(&folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io("list", &folder)(error)),
        };
        for name in names.iter().filter(|name| name.ends_with(STAGED) || *name == "repair.new") {
            let path = folder.join(name);
            disk.remove(&path).map_err(StoreError::io("remove", &path))?;
            disk.sync_dir(&folder).map_err(StoreError::io("sync", &folder))?;
        }
    }
    Ok(())
}

fn read_journal(bytes: &[u8]) -> Option<(PathBuf, Vec<(PathBuf, bool)>)> {
    let text = std::str::from_utf8(unseal(bytes)?.strip_prefix(MAGIC)?).ok()?;
    let mut lines = text.lines();
    let quarantine = PathBuf::from(lines.next()?);
    let file = |line: &str| {
        let (what, name) = line.split_once(' ')?;
        let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        plain.then(|| (PathBuf::from(name), what == "replace"))
    };
    Some((quarantine, lines.map(file).collect::<Option<_>>()?))
}

fn exchange(
    disk: &Arc<dyn Disk>,
    folders: &Folders,
    quarantine: &Path,
    path: &Path,
    replace: bool,
) -> Result<(), StoreError> {
    let (new, there) = (staged(path), |path: &Path| disk.open(path, Open::Read).is_ok());
    let due = if replace { there(&new) } else { there(path) };
    if !due {
        return Ok(()); // Done before a crash.
    }
    if there(path)
        && let Some(aside) = aside(folders, quarantine, path)
    {
        create_parents(disk, quarantine, &aside)?;
        disk.rename(path, &aside).map_err(StoreError::io("move aside", path))?;
        sync_parent(disk, &aside)?;
        // Crash here: the old file is aside, the new one still has its own name; done again from the next line on.
    }
    if replace {
        disk.rename(&new, path).map_err(StoreError::io("name", path))?;
    }
    sync_parent(disk, path)
}

fn sync_parent(disk: &Arc<dyn Disk>, path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    disk.sync_dir(folder).map_err(StoreError::io("sync", folder))
}

/// A ledger whose repair was decided and not finished is not opened.
pub(crate) fn refuse_unfinished(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<(), StoreError> {
    let path = journal(folders);
    if disk.open(&path, Open::Read).is_err() {
        return Ok(());
    }
    let what = "a repair of this ledger was interrupted; running it again finishes it";
    Err(StoreError::damaged(&path, 0, None, what))
}
