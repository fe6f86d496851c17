//! Without faults the simulated disk and the real one answer the same to the same calls.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::disk::OsDisk;

#[derive(Debug, Clone)]
enum Call {
    Open { path: usize, how: Open, slot: usize },
    Close { slot: usize },
    Write { slot: usize, offset: u64, count: usize, byte: u8 },
    Read { slot: usize, offset: u64, count: usize },
    SetLen { slot: usize, len: u64 },
    Sync { slot: usize },
    Rename { from: usize, to: usize },
    Remove { path: usize },
    List { folder: usize },
    MakeFolder { folder: usize },
    SyncFolder { folder: usize },
    Replace { path: usize, byte: u8, count: usize },
}

const PATHS: [&str; 7] = ["a", "b", "c/a", "c/b", "c/d/a", "e/x", "a/below"];
const FOLDERS: [&str; 5] = ["c", "c/d", "e", "a", ""];

fn call() -> impl Strategy<Value = Call> {
    let (path, folder, slot) = (0..PATHS.len(), 0..FOLDERS.len(), 0..4_usize);
    let how = prop_oneof![1 => Just(Open::Read), 3 => Just(Open::ReadWrite), 1 => Just(Open::CreateNew)];
    let (offset, count) = (0..9_000_u64, 0..9_000_usize);
    prop_oneof![
        4 => (path.clone(), how, slot.clone()).prop_map(|(path, how, slot)| Call::Open { path, how, slot }),
        1 => slot.clone().prop_map(|slot| Call::Close { slot }),
        6 => (slot.clone(), offset.clone(), count.clone(), any::<u8>())
            .prop_map(|(slot, offset, count, byte)| Call::Write { slot, offset, count, byte }),
        4 => (slot.clone(), offset.clone(), count.clone())
            .prop_map(|(slot, offset, count)| Call::Read { slot, offset, count }),
        2 => (slot.clone(), offset).prop_map(|(slot, len)| Call::SetLen { slot, len }),
        1 => slot.prop_map(|slot| Call::Sync { slot }),
        2 => (path.clone(), path.clone()).prop_map(|(from, to)| Call::Rename { from, to }),
        1 => path.clone().prop_map(|path| Call::Remove { path }),
        1 => folder.clone().prop_map(|folder| Call::List { folder }),
        2 => (0..3_usize).prop_map(|folder| Call::MakeFolder { folder }),
        1 => folder.prop_map(|folder| Call::SyncFolder { folder }),
        1 => (path, any::<u8>(), count).prop_map(|(path, byte, count)| Call::Replace { path, byte, count }),
    ]
}

/// One disk with its open files.
struct Side {
    disk: Box<dyn Disk>,
    root: PathBuf,
    slots: BTreeMap<usize, Box<dyn DiskFile>>,
}

/// What a call answered: bytes or names, or a kind of error.
type Answer = Result<Vec<u8>, ErrorKind>;

impl Side {
    fn path(&self, path: usize) -> PathBuf {
        self.root.join(PATHS[path])
    }

    fn folder(&self, folder: usize) -> PathBuf {
        self.root.join(FOLDERS[folder])
    }

    fn call(&mut self, call: &Call) -> Answer {
        let none = |()| Vec::new();
        let slot = |slot: &usize| self.slots.get(slot).ok_or(std::io::Error::from(ErrorKind::Other));
        let answer = match call {
            Call::Open { path, how, slot } => self.disk.open(&self.path(*path), *how).map(|file| {
                self.slots.insert(*slot, file);
                Vec::new()
            }),
            Call::Close { slot } => {
                self.slots.remove(slot);
                Ok(Vec::new())
            }
            Call::Write { slot: at, offset, count, byte } => {
                slot(at).and_then(|file| file.write_all_at(&vec![*byte; *count], *offset)).map(none)
            }
            Call::Read { slot: at, offset, count } => slot(at).and_then(|file| {
                let mut bytes = vec![0; *count];
                let read = file.read_at(&mut bytes, *offset)?;
                bytes.truncate(read);
                bytes.extend(file.len()?.to_le_bytes());
                Ok(bytes)
            }),
            Call::SetLen { slot: at, len } => slot(at).and_then(|file| file.set_len(*len)).map(none),
            Call::Sync { slot: at } => slot(at).and_then(|file| file.sync_data()).map(none),
            Call::Rename { from, to } => self.disk.rename(&self.path(*from), &self.path(*to)).map(none),
            Call::Remove { path } => self.disk.remove(&self.path(*path)).map(none),
            Call::List { folder } => self.disk.list(&self.folder(*folder)).map(|names| names.join("/").into_bytes()),
            Call::MakeFolder { folder } => self.disk.create_dir_all(&self.folder(*folder)).map(none),
            Call::SyncFolder { folder } => self.disk.sync_dir(&self.folder(*folder)).map(none),
            Call::Replace { path, byte, count } => self.disk.replace(&self.path(*path), &vec![*byte; *count]).map(none),
        };
        answer.map_err(|error| error.kind())
    }
}

/// Whether the two disks need to agree on this call: not on what Tamga never does.
fn in_contract(call: &Call, answers: (&Answer, &Answer)) -> bool {
    let both_refuse = answers.0.is_err() && answers.1.is_err();
    match call {
        // A sync of a file's path as if it were a folder, a folder opened as a file.
        Call::SyncFolder { folder } if FOLDERS[*folder] == "a" => false,
        // Which error it is, is dependable for `NotFound` and `AlreadyExists` in `open` only.
        Call::Open { .. } => true,
        _ => !both_refuse,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_simulated_disk_answers_as_the_real_one(calls in prop::collection::vec(call(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let simulated = SimDisk::new(3);
        simulated.create_dir_all(Path::new("/root")).unwrap();
        let mut real = Side { disk: Box::new(OsDisk), root: folder.path().into(), slots: BTreeMap::new() };
        let mut model = Side { disk: Box::new(simulated), root: "/root".into(), slots: BTreeMap::new() };
        for call in &calls {
            let answers = (real.call(call), model.call(call));
            if in_contract(call, (&answers.0, &answers.1)) {
                prop_assert_eq!(&answers.0, &answers.1, "{:?}", call);
            }
        }
    }
}
