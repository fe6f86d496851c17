//! The simulated disk's own semantics, and its agreement with the real one.

mod crash;
mod differential;
mod faults;
mod handles;
mod journal;

use std::path::Path;

use super::{Faults, Loss, SimDisk};
use crate::disk::{Disk, DiskFile, Open};

const FOLDER: &str = "/d";
const FILE: &str = "/d/file";

/// A strict disk with one folder.
fn disk() -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(FOLDER)).unwrap();
    disk
}

fn open(disk: &SimDisk, path: &str) -> Box<dyn DiskFile> {
    disk.open(Path::new(path), Open::ReadWrite).unwrap()
}

/// A file with these bytes, all durable.
fn durable(disk: &SimDisk, path: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = open(disk, path);
    file.set_len(0).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new(path).parent().unwrap()).unwrap();
    file
}

fn read(disk: &SimDisk, path: &str) -> Vec<u8> {
    disk.read(Path::new(path), u64::MAX).unwrap()
}

fn names(disk: &SimDisk) -> Vec<String> {
    disk.list(Path::new(FOLDER)).unwrap()
}
