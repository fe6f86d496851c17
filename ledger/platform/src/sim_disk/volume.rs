//! A volume: files and folders by number, each with what is live (page cache) and what is durable (platter).
//!
//! Everything that changes goes through [`Volume::apply`], so that a journal of actions replays to the same state.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::change::{Action, Fate, FileChange, Ino, NameChange, Waiting, WaitingName};
use super::content::{Content, Extents, PAGE_BYTES, SECTOR_BYTES};
use super::loss::{Judge, Loss};

/// The root folder.
pub(super) const ROOT: Ino = 0;

#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) files: BTreeMap<Ino, File>,
    pub(super) folders: BTreeMap<Ino, Folder>,
    next: Ino,
    stamp: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) live: Content,
    pub(super) durable: Content,
    pub(super) waiting: Vec<Waiting>,
    pub(super) extents: Extents,
    /// Sectors that cannot be read until they are written again.
    pub(super) unreadable: BTreeSet<u64>,
    /// Names that lead here, as seen now.
    pub(super) links: u32,
    /// The last name it had, for people.
    pub(super) path: PathBuf,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Folder {
    pub(super) live: BTreeMap<String, Ino>,
    pub(super) durable: BTreeMap<String, Ino>,
    pub(super) waiting: Vec<WaitingName>,
    pub(super) path: PathBuf,
}

/// Where a path leads.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) folder: Ino,
    pub(super) name: String,
    /// What is there.
    pub(super) ino: Option<Ino>,
}

impl Default for Volume {
    fn default() -> Self {
        let root = Folder { path: "/".into(), ..Folder::default() };
        Self { files: BTreeMap::new(), folders: BTreeMap::from([(ROOT, root)]), next: ROOT + 1, stamp: 0 }
    }
}

impl Volume {
    /// The folder at `path`.
    pub(super) fn folder(&self, path: &Path) -> io::Result<Ino> {
        let mut at = ROOT;
        for name in names(path)? {
            at = *self.folders.get(&at).and_then(|folder| folder.live.get(&name)).ok_or(io::ErrorKind::NotFound)?;
            if !self.folders.contains_key(&at) {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(at)
    }

    /// Where a file's path leads; its folder must exist.
    pub(super) fn place(&self, path: &Path) -> io::Result<Place> {
        let mut names = names(path)?;
        let name = names.pop().ok_or(io::ErrorKind::IsADirectory)?;
        let folder = self.folder(&names.iter().collect::<PathBuf>())?;
        let ino = self.folders.get(&folder).and_then(|folder| folder.live.get(&name)).copied();
        Ok(Place { folder, name, ino })
    }

    /// The number that the next file or folder gets.
    pub(super) const fn next(&self) -> Ino {
        self.next
    }

    /// Room that the files take which are named or open.
    pub(super) fn used_bytes(&self, open: &BTreeMap<Ino, u32>) -> u64 {
        let counted = self.files.iter().filter(|(ino, file)| file.links > 0 || open.contains_key(ino));
        counted.map(|(_, file)| file.extents.pages() * PAGE_BYTES).sum()
    }

    /// Makes a change. What it names exists; a file that is gone meanwhile is left alone.
    pub(super) fn apply(&mut self, action: &Action) {
        self.stamp += 1;
        match action {
            Action::MakeFolder { parent, name, durable } => {
                let path = self.path_in(*parent, name);
                self.folders.insert(self.next, Folder { path, ..Folder::default() });
                match self.folders.get_mut(parent).filter(|_| *durable) {
                    Some(parent) => {
                        parent.live.insert(name.clone(), self.next);
                        parent.durable.insert(name.clone(), self.next);
                    }
                    None => self.link(*parent, name, self.next),
                }
                self.next += 1;
            }
            Action::Create { folder, name } => {
                let path = self.path_in(*folder, name);
                self.files.insert(self.next, File { path, links: 1, ..File::default() });
                self.link(*folder, name, self.next);
                self.next += 1;
            }
            Action::Rename { from, to } => self.rename(from, to),
            Action::Remove { folder, name } => self.unlink(*folder, name),
            Action::SyncFolder { folder } => {
                if let Some(folder) = self.folders.get_mut(folder) {
                    folder.durable.clone_from(&folder.live);
                    folder.waiting.clear();
                }
            }
            Action::Write { file, offset, bytes, fate } => {
                let stamp = self.stamp;
                if let Some(file) = self.files.get_mut(file) {
                    file.live.write(bytes, *offset);
                    file.extents.add(*offset, bytes.len() as u64);
                    let what = FileChange::Write { offset: *offset, bytes: bytes.clone(), fate: *fate };
                    let whole = offset.div_ceil(SECTOR_BYTES)..(offset + bytes.len() as u64) / SECTOR_BYTES;
                    file.unreadable.retain(|sector| !whole.contains(sector));
                    file.waiting.push(Waiting { stamp, what });
                }
            }
            Action::SetLen { file, len } => {
                let stamp = self.stamp;
                if let Some(file) = self.files.get_mut(file) {
                    let what = FileChange::SetLen { from: file.live.len(), to: *len };
                    file.live.set_len(*len);
                    file.extents.cut(*len);
                    file.waiting.push(Waiting { stamp, what });
                }
            }
            Action::Sync { file } => self.sync(*file),
            Action::FailSync { file, seed } => {
                let mut judge = Judge::of(Loss::Arbitrary(*seed), self.stamp);
                if let Some(file) = self.files.get_mut(file) {
                    file.durable = judge.file(file);
                    file.waiting.clear();
                }
            }
            Action::Rot { file, offset, mask } => {
                if let Some(file) = self.files.get_mut(file) {
                    file.durable.flip(*offset, *mask);
                    if !file.waiting.iter().any(|waiting| waiting.what.touches(offset / SECTOR_BYTES)) {
                        file.live.flip(*offset, *mask);
                    }
                }
            }
            Action::Evict => self.files.values_mut().for_each(File::evict),
        }
    }

    fn path_in(&self, folder: Ino, name: &str) -> PathBuf {
        self.folders.get(&folder).map(|folder| folder.path.join(name)).unwrap_or_default()
    }

    fn change_names(&mut self, folder: Ino, what: NameChange) {
        let stamp = self.stamp;
        if let Some(folder) = self.folders.get_mut(&folder) {
            what.apply(&mut folder.live);
            folder.waiting.push(WaitingName { stamp, what });
        }
    }

    fn link(&mut self, folder: Ino, name: &str, ino: Ino) {
        self.change_names(folder, NameChange::Link { name: name.to_owned(), ino });
    }

    fn unlinked(&mut self, folder: Ino, name: &str) {
        let ino = self.folders.get(&folder).and_then(|folder| folder.live.get(name));
        if let Some(file) = ino.and_then(|ino| self.files.get_mut(ino)) {
            file.links = file.links.saturating_sub(1);
        }
    }

    fn unlink(&mut self, folder: Ino, name: &str) {
        self.unlinked(folder, name);
        self.change_names(folder, NameChange::Unlink { name: name.to_owned() });
    }

    fn rename(&mut self, from: &(Ino, String), to: &(Ino, String)) {
        let Some(ino) = self.folders.get(&from.0).and_then(|folder| folder.live.get(&from.1)).copied() else { return };
        if from == to {
            return;
        }
        self.unlinked(to.0, &to.1);
        if from.0 == to.0 {
            self.change_names(from.0, NameChange::Rename { from: from.1.clone(), to: to.1.clone(), ino });
        } else {
            // Two folders, two syncs: nothing here makes it one step on the platter.
            self.change_names(to.0, NameChange::Link { name: to.1.clone(), ino });
            self.change_names(from.0, NameChange::Unlink { name: from.1.clone() });
        }
        let path = self.path_in(to.0, &to.1);
        if let Some(file) = self.files.get_mut(&ino) {
            file.path = path;
        }
    }

    fn sync(&mut self, ino: Ino) {
        let Some(file) = self.files.get_mut(&ino) else { return };
        let mut strays = Vec::new();
        for Waiting { what, .. } in std::mem::take(&mut file.waiting) {
            match what {
                FileChange::SetLen { to, .. } => file.durable.set_len(to),
                FileChange::Write { offset, bytes, fate: Fate::Good } => file.durable.write(&bytes, offset),
                FileChange::Write { offset, bytes, fate: Fate::Lost { from, to } } => {
                    file.durable.set_len(file.durable.len().max(offset + bytes.len() as u64));
                    let (from, to) = (from * SECTOR_BYTES, to * SECTOR_BYTES);
                    let before = from.saturating_sub(offset).min(bytes.len() as u64) as usize;
                    let behind = to.saturating_sub(offset).min(bytes.len() as u64) as usize;
                    file.durable.write(&bytes[..before], offset);
                    if behind < bytes.len() {
                        file.durable.write(&bytes[behind..], offset + behind as u64);
                    }
                }
                FileChange::Write { offset, bytes, fate: Fate::Misdirected { file: other, offset: at } } => {
                    // The length is right, the place keeps what it had.
                    file.durable.set_len(file.durable.len().max(offset + bytes.len() as u64));
                    strays.push((other, at, bytes));
                }
            }
        }
        strays.iter().for_each(|(other, at, bytes)| self.stray(*other, *at, bytes));
    }

    /// Bytes land where they do not belong; no length changes.
    pub(super) fn stray(&mut self, ino: Ino, offset: u64, bytes: &[u8]) {
        if let Some(file) = self.files.get_mut(&ino) {
            let room = file.durable.len().saturating_sub(offset).min(bytes.len() as u64);
            file.durable.write(&bytes[..room as usize], offset.min(file.durable.len()));
        }
    }

    /// What a crash leaves: of everything that waits for a sync, what `loss` says. Nothing waits afterwards, except when
    /// only the process died.
    pub(super) fn settle(&mut self, loss: Loss) {
        if loss == Loss::Nothing {
            return;
        }
        let mut stamps: Vec<u64> = self.files.values().flat_map(|file| &file.waiting).map(|one| one.stamp).collect();
        stamps.extend(self.folders.values().flat_map(|folder| &folder.waiting).map(|one| one.stamp));
        stamps.sort_unstable();
        let mut judge = Judge::new(loss, &stamps);
        let mut strays = Vec::new();
        for file in self.files.values_mut() {
            strays.extend(judge.strays(file));
            file.durable = judge.file(file);
            file.live = file.durable.clone();
            file.waiting.clear();
            file.extents = Extents::default();
            file.extents.add(0, file.live.len());
        }
        for (other, at, bytes) in strays {
            self.stray(other, at, &bytes);
        }
        self.files.values_mut().for_each(File::evict);
        for folder in self.folders.values_mut() {
            folder.durable = judge.names(folder);
            folder.live = folder.durable.clone();
            folder.waiting.clear();
        }
        self.collect(&BTreeMap::new());
        self.count_links();
    }

    /// Forgets what no name, waiting name or open handle leads to.
    pub(super) fn collect(&mut self, open: &BTreeMap<Ino, u32>) {
        let mut reached: BTreeSet<Ino> = open.keys().copied().collect();
        let mut due = vec![ROOT];
        while let Some(ino) = due.pop() {
            let Some(folder) = self.folders.get(&ino).filter(|_| reached.insert(ino)) else {
                reached.insert(ino);
                continue;
            };
            due.extend(folder.live.values().chain(folder.durable.values()));
            due.extend(folder.waiting.iter().filter_map(|waiting| match &waiting.what {
                NameChange::Link { ino, .. } | NameChange::Rename { ino, .. } => Some(*ino),
                NameChange::Unlink { .. } => None,
            }));
        }
        self.files.retain(|ino, _| reached.contains(ino));
        self.folders.retain(|ino, _| reached.contains(ino));
    }

    fn count_links(&mut self) {
        let mut found = Vec::new();
        for folder in self.folders.values() {
            found.extend(folder.live.iter().map(|(name, ino)| (*ino, folder.path.join(name))));
        }
        self.files.values_mut().for_each(|file| file.links = 0);
        for (ino, path) in found {
            if let Some(file) = self.files.get_mut(&ino) {
                file.links += 1;
                file.path = path;
            }
        }
    }
}

impl File {
    /// Clean pages are read from the platter again; what waits for a sync stays.
    fn evict(&mut self) {
        self.live = self.durable.clone();
        for waiting in &self.waiting {
            match &waiting.what {
                FileChange::Write { offset, bytes, .. } => self.live.write(bytes, *offset),
                FileChange::SetLen { to, .. } => self.live.set_len(*to),
            }
        }
    }
}

/// The names of a path, from the root down. Relative paths start at the root too.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            Component::ParentDir | Component::Prefix(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(names)
}
