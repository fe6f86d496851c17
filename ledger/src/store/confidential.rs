//! Confidential bodies: one folder a class, one file a segment, so that a class is erased by removing files. The trees hash
//! only a digest of a body, so nothing else changes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamga_platform::disk::{Disk, DiskFile, Open};

use super::error::StoreError;
use super::frame::{BODY_HEADER_BYTES, BodyPlace, class_of};
use super::layout::{BODIES_HEADER_BYTES, Fields, Folders, bodies_header, seal, unseal};
use super::types::{CLASS_MAX, CONFIDENTIAL_BYTES_MAX, NewEntry};

const BODY_MAGIC: &[u8; 4] = b"TBD1";

/// Header of one body: magic, length, leaf, class, checksum over these and the body.
struct BodyHeader {
    length: u32,
    leaf: u64,
    class: u32,
    sum: u32,
}

impl BodyHeader {
    fn start(leaf: u64, class: u8, length: u32) -> Vec<u8> {
        let mut bytes = BODY_MAGIC.to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&leaf.to_le_bytes());
        bytes.extend_from_slice(&u32::from(class).to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.array()? != *BODY_MAGIC {
            return None;
        }
        Some(Self { length: fields.u32()?, leaf: fields.u64()?, class: fields.u32()?, sum: fields.u32()? })
    }

    /// Whether this is the header of that body, checksum included.
    fn fits(&self, leaf: u64, class: u8, body: &[u8]) -> bool {
        let sum = crc32c::crc32c_append(crc32c::crc32c(&Self::start(leaf, class, body.len() as u32)), body);
        (self.leaf, self.class, self.length, self.sum) == (leaf, u32::from(class), body.len() as u32, sum)
    }
}

/// The body that starts these bytes, if it is the one of that leaf and class and its checksum holds.
pub(super) fn whole_body(bytes: &[u8], leaf: u64, class: u8) -> Option<&[u8]> {
    let (header, rest) = bytes.split_at_checked(BODY_HEADER_BYTES as usize)?;
    let header = BodyHeader::parse(header)?;
    let body = rest.get(..header.length as usize)?;
    header.fits(leaf, class, body).then_some(body)
}

/// Appends a body as it stands in its file.
pub(super) fn put_body(bytes: &mut Vec<u8>, leaf: u64, class: u8, body: &[u8]) {
    let header = BodyHeader::start(leaf, class, body.len() as u32);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&header), body);
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_slice(body);
}

/// The class files of the segment being written.
#[derive(Debug)]
pub(super) struct BodyWriter {
    disk: Arc<dyn Disk>,
    folders: Folders,
    segment: u32,
    first_leaf: u64,
    files: BTreeMap<u8, BodyFile>,
    /// End of each class file: where its next body goes.
    pub(super) ends: BTreeMap<u8, u32>,
}

#[derive(Debug)]
struct BodyFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    unsynced: bool,
}

impl BodyWriter {
    pub(super) const fn new(
        disk: Arc<dyn Disk>,
        folders: Folders,
        segment: u32,
        first_leaf: u64,
        ends: BTreeMap<u8, u32>,
    ) -> Self {
        Self { disk, folders, segment, first_leaf, files: BTreeMap::new(), ends }
    }

    /// Appends the bodies of a batch whose first leaf is `leaf`.
    pub(super) fn append(&mut self, leaf: u64, entries: &[NewEntry<'_>]) -> Result<(), StoreError> {
        let mut by_class: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for (leaf, new) in (leaf..).zip(entries).filter(|(_, new)| class_of(new) != 0) {
            put_body(by_class.entry(new.class).or_default(), leaf, new.class, new.confidential);
        }
        for (class, bytes) in by_class {
            let end = self.ends.get(&class).copied().unwrap_or(BODIES_HEADER_BYTES);
            let target = match self.files.remove(&class) {
                Some(opened) => opened,
                None => self.open(class)?,
            };
            let target = self.files.entry(class).or_insert(target);
            target.unsynced = true;
            target.file.write_all_at(&bytes, u64::from(end)).map_err(StoreError::io("write", &target.path))?;
            self.ends.insert(class, end + bytes.len() as u32);
        }
        Ok(())
    }

    fn open(&self, class: u8) -> Result<BodyFile, StoreError> {
        let (folder, path) = (self.folders.class(class), self.folders.bodies(class, self.segment));
        self.disk.create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        let file = self.disk.open(&path, Open::ReadWrite).map_err(StoreError::io("open", &path))?;
        if !self.ends.contains_key(&class) {
            let header = bodies_header(class, self.segment, self.first_leaf);
            file.set_len(0).and_then(|()| file.write_all_at(&header, 0)).map_err(StoreError::io("write", &path))?;
            file.sync_data().map_err(StoreError::io("sync", &path))?;
            // Crash here: a file without bodies that no frame refers to; the next open removes it.
            for folder in [self.folders.root(), &self.folders.confidential(), &folder] {
                self.disk.sync_dir(folder).map_err(StoreError::io("sync", folder))?;
            }
        }
        Ok(BodyFile { path, file, unsynced: false })
    }

    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        for target in self.files.values_mut().filter(|target| target.unsynced) {
            target.file.sync_data().map_err(StoreError::io("sync", &target.path))?;
            target.unsynced = false;
        }
        Ok(())
    }

    /// The size of the largest class file.
    pub(super) fn largest(&self) -> u32 {
        self.ends.values().copied().max().unwrap_or(0)
    }
}

/// Checks the bodies a frame refers to. `None` when all are whole, otherwise the file and offset of the first that is
/// not there or not whole.
pub(super) fn first_bad_body(
    disk: &Arc<dyn Disk>,
    folders: &Folders,
    segment: u32,
    first_leaf: u64,
    places: &[BodyPlace],
) -> Result<Option<(PathBuf, u64)>, StoreError> {
    let mut files: BTreeMap<u8, Box<dyn DiskFile>> = BTreeMap::new();
    for place in places {
        let (path, offset) = (folders.bodies(place.class, segment), u64::from(place.offset));
        let file = match files.entry(place.class) {
            Entry::Occupied(opened) => opened.into_mut(),
            Entry::Vacant(absent) => match disk.open(&path, Open::Read) {
                Ok(file) => absent.insert(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some((path, 0))),
                Err(error) => return Err(StoreError::io("open", &path)(error)),
            },
        };
        let mut bytes = vec![0; BODY_HEADER_BYTES as usize + place.length as usize];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some((path, offset))),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        }
        let (header, body) = bytes.split_at(BODY_HEADER_BYTES as usize);
        let leaf = first_leaf + u64::from(place.entry);
        if !BodyHeader::parse(header).is_some_and(|header| header.fits(leaf, place.class, body)) {
            return Ok(Some((path, offset)));
        }
    }
    Ok(None)
}

/// Walks from a mark to the body of a leaf and reads it. `NotFound` when the file is not there.
pub(super) fn read_body(
    file: &dyn DiskFile,
    path: &Path,
    mark: u32,
    leaf: u64,
    class: u8,
) -> Result<Vec<u8>, StoreError> {
    let damaged = |offset, what| StoreError::damaged(path, offset, Some(leaf), what);
    let mut offset = u64::from(mark);
    loop {
        let mut bytes = [0; BODY_HEADER_BYTES as usize];
        read_or_short(file, path, &mut bytes, offset, leaf)?;
        let header = BodyHeader::parse(&bytes).ok_or_else(|| damaged(offset, "no confidential body starts here"))?;
        if header.leaf > leaf || header.length as usize > CONFIDENTIAL_BYTES_MAX {
            return Err(damaged(offset, "the header of a confidential body is wrong"));
        }
        let body_at = offset + u64::from(BODY_HEADER_BYTES);
        if header.leaf == leaf {
            let mut body = vec![0; header.length as usize];
            read_or_short(file, path, &mut body, body_at, leaf)?;
            let fits = header.fits(leaf, class, &body);
            return if fits { Ok(body) } else { Err(damaged(offset, "a confidential body has another checksum")) };
        }
        offset = body_at + u64::from(header.length);
    }
}

fn read_or_short(file: &dyn DiskFile, path: &Path, bytes: &mut [u8], offset: u64, leaf: u64) -> Result<(), StoreError> {
    file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => StoreError::damaged(path, offset, Some(leaf), "the file ends too early"),
        _ => StoreError::io("read", path)(error),
    })
}

/// Per class, the segment number below which all bodies have been erased.
pub(super) type Erased = BTreeMap<u8, u32>;

/// Reads the marks of erased classes.
pub(super) fn read_erased(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<Erased, StoreError> {
    let mut erased = Erased::new();
    for class in 1..=CLASS_MAX {
        let path = folders.erased(class);
        let bytes = match disk.read(&path, 64) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let below = unseal(&bytes).and_then(|content| Fields(content).u32());
        let below =
            below.ok_or_else(|| StoreError::damaged(&path, 0, None, "the mark of an erased class is unreadable"))?;
        erased.insert(class, below);
    }
    Ok(erased)
}

/// Marks a class as erased below a segment, durably.
pub(super) fn write_erased(disk: &Arc<dyn Disk>, folders: &Folders, class: u8, below: u32) -> Result<(), StoreError> {
    let (folder, path) = (folders.confidential(), folders.erased(class));
    disk.create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
    disk.sync_dir(folders.root()).map_err(StoreError::io("sync", folders.root()))?;
    disk.replace(&path, &seal(below.to_le_bytes().to_vec())).map_err(StoreError::io("replace", &path))
}

/// Names of segment files of a class, as numbers.
pub(super) fn class_segments(disk: &Arc<dyn Disk>, folders: &Folders, class: u8) -> Result<Vec<u32>, StoreError> {
    let folder = folders.class(class);
    match disk.list(&folder) {
        Ok(names) => Ok(names.iter().filter_map(|name| super::layout::segment_number(name)).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(StoreError::io("list", &folder)(error)),
    }
}

/// Removes the class files whose segment satisfies `which`, durably.
pub(super) fn remove_bodies(
    disk: &Arc<dyn Disk>,
    folders: &Folders,
    class: u8,
    which: impl Fn(u32) -> bool,
) -> Result<(), StoreError> {
    let doomed: Vec<u32> = class_segments(disk, folders, class)?.into_iter().filter(|number| which(*number)).collect();
    for number in &doomed {
        let path = folders.bodies(class, *number);
        disk.remove(&path).map_err(StoreError::io("remove", &path))?;
    }
    if doomed.is_empty() {
        return Ok(());
    }
    let folder = folders.class(class);
    disk.sync_dir(&folder).map_err(StoreError::io("sync", &folder))
}
