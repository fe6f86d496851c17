//! Files in life: handles, names, lengths, locks, room.

use std::io::ErrorKind;

use super::*;

#[test]
fn a_handle_stays_good_when_its_file_is_renamed_replaced_and_removed() {
    let disk = disk();
    let old = durable(&disk, FILE, b"old");
    let new = durable(&disk, "/d/new", b"new!");
    disk.rename(Path::new("/d/new"), Path::new(FILE)).unwrap();
    assert_eq!(read(&disk, FILE), b"new!");
    let mut bytes = [0; 3];
    old.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"old");
    new.write_all_at(b"N", 0).unwrap();
    assert_eq!(read(&disk, FILE), b"New!");
    disk.remove(Path::new(FILE)).unwrap();
    assert_eq!(new.len().unwrap(), 4);
    open(&disk, FILE).write_all_at(b"third", 0).unwrap();
    assert_eq!((new.len().unwrap(), read(&disk, FILE)), (4, b"third".to_vec()));
}

#[test]
fn a_file_cut_and_grown_again_shows_zeros() {
    let disk = disk();
    let file = durable(&disk, FILE, &[7; 10_000]);
    file.set_len(5).unwrap();
    file.set_len(9_000).unwrap();
    assert_eq!(read(&disk, FILE), [&[7; 5][..], &[0; 8_995]].concat());
    file.write_all_at(b"x", 9_500).unwrap();
    assert_eq!(read(&disk, FILE), [&[7; 5][..], &[0; 9_495], b"x"].concat());
}

#[test]
fn folders_must_be_there_and_files_are_not_folders() {
    let disk = disk();
    let kind = |path: &str, how| disk.open(Path::new(path), how).unwrap_err().kind();
    assert_eq!(kind("/absent/file", Open::ReadWrite), ErrorKind::NotFound);
    assert_eq!(kind(FILE, Open::Read), ErrorKind::NotFound);
    open(&disk, FILE);
    assert_eq!(kind(FILE, Open::CreateNew), ErrorKind::AlreadyExists);
    assert_eq!(kind("/d/file/below", Open::Read), ErrorKind::NotADirectory);
    assert_eq!(kind(FOLDER, Open::ReadWrite), ErrorKind::IsADirectory);
    assert_eq!(disk.list(Path::new("/absent")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.create_dir_all(Path::new(FILE)).unwrap_err().kind(), ErrorKind::NotADirectory);
    let reader = disk.open(Path::new(FILE), Open::Read).unwrap();
    assert!(reader.write_all_at(b"x", 0).is_err() && reader.set_len(0).is_err());
}

#[test]
fn handles_and_locks_die_with_their_process() {
    for loss in [Loss::Nothing, Loss::Everything] {
        let disk = disk();
        let file = durable(&disk, FILE, b"abc");
        let guard = disk.lock(Path::new("/d/LOCK")).unwrap();
        assert_eq!(disk.lock(Path::new("/d/LOCK")).map(drop).unwrap_err().kind(), ErrorKind::WouldBlock);
        disk.crash(loss);
        assert!(file.write_all_at(b"from the grave", 0).is_err() && file.sync_data().is_err() && file.len().is_err());
        let again = disk.lock(Path::new("/d/LOCK")).unwrap();
        drop(guard);
        assert!(disk.lock(Path::new("/d/LOCK")).is_err(), "a dead guard gives nothing back");
        drop(again);
        disk.lock(Path::new("/d/LOCK")).unwrap();
        assert_eq!(read(&disk, FILE), b"abc");
    }
}

#[test]
fn a_full_disk_takes_what_fits_overwrites_in_place_and_gives_room_back() {
    let disk = disk();
    disk.set_capacity(Some(16_384));
    let file = open(&disk, FILE);
    file.write_all_at(&[1; 10_000], 0).unwrap();
    assert_eq!((disk.used_bytes(), disk.free_bytes(Path::new(FOLDER)).unwrap()), (12_288, 4_096));
    assert_eq!(file.write_all_at(&[2; 10_000], 10_000).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 16_384, "what fits is written");
    file.write_all_at(&[3; 16_384], 0).unwrap();
    let other = open(&disk, "/d/other");
    assert_eq!(other.write_all_at(b"x", 0).unwrap_err().kind(), ErrorKind::StorageFull);
    // A removed file keeps its room as long as it is open.
    disk.remove(Path::new(FILE)).unwrap();
    assert!(other.write_all_at(b"x", 0).is_err());
    drop(file);
    other.write_all_at(b"x", 0).unwrap();
    other.set_len(1 << 30).unwrap();
    assert_eq!(disk.used_bytes(), 4_096, "holes take no room");
    disk.set_capacity(None);
    assert_eq!(disk.free_bytes(Path::new(FOLDER)).unwrap(), u64::MAX);
    assert_eq!(disk.injected().full, 2 + 1);
}

#[test]
fn the_lenient_disk_has_every_folder() {
    let disk = SimDisk::default();
    assert!(disk.list(Path::new("/never/made")).unwrap().is_empty());
    open(&disk, "/a/b/lost");
    open(&disk, "/a/b/c/kept").sync_data().unwrap();
    disk.sync_dir(Path::new("/a/b/c")).unwrap();
    disk.power_loss();
    assert_eq!(disk.files_below(Path::new("/a")), [Path::new("/a/b/c/kept")]);
}
