//! The journal: the disk after a crash at any point of it.

use super::*;

#[test]
fn every_crash_of_a_replacement_leaves_the_old_bytes_or_the_new_ones() {
    let disk = disk();
    durable(&disk, FILE, b"old");
    disk.record();
    disk.replace(Path::new(FILE), b"new!").unwrap();
    let journal = disk.journal();
    let told: Vec<String> = journal.operations().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "create /d/file.new",
            "set length 0 of /d/file.new",
            "write 4 bytes at 0 of /d/file.new",
            "sync /d/file.new",
            "rename /d/file.new to …/file",
            "sync folder /d"
        ]
    );
    let mut replay = journal.replay();
    let mut crashes = 0;
    loop {
        let inside = 0..replay.next().map_or(0, |next| next.bytes());
        let disks = inside.map(|bytes| replay.crash_within(bytes, Loss::Everything));
        let chosen = (0..1_u64 << replay.unsynced()).map(|mask| replay.crash(Loss::Chosen(mask)));
        for disk in disks.chain(chosen).chain([replay.crash(Loss::Nothing)]) {
            let bytes = read(&disk, FILE);
            assert!(bytes == b"old" || bytes == b"new!", "after {} operations: {bytes:?}", replay.done());
            crashes += 1;
            if replay.done() == told.len() {
                assert_eq!(bytes, b"new!");
            }
        }
        if !replay.step() {
            break;
        }
    }
    assert!(crashes > 20, "{crashes}");
}

#[test]
fn a_replay_to_the_end_is_the_disk_itself() {
    let disk = disk();
    disk.record();
    let file = durable(&disk, FILE, &[1; 3_000]);
    file.write_all_at(&[2; 1_000], 2_500).unwrap();
    file.set_len(3_100).unwrap();
    disk.rename(Path::new(FILE), Path::new("/d/renamed")).unwrap();
    let journal = disk.journal();
    assert_eq!(disk.recorded(), journal.operations().len());
    let mut replay = journal.replay();
    while replay.step() {}
    let copy = replay.crash(Loss::Nothing);
    assert_eq!(read(&copy, "/d/renamed"), read(&disk, "/d/renamed"));
    for mask in 0..1 << replay.unsynced() {
        let other = disk.fork(0);
        other.crash(Loss::Chosen(mask));
        let copy = replay.crash(Loss::Chosen(mask));
        let files = copy.files_below(Path::new("/"));
        assert_eq!(files, other.files_below(Path::new("/")));
        for path in files {
            assert_eq!(copy.durable(&path), other.durable(&path));
        }
    }
}

#[test]
fn a_write_is_cut_at_every_byte() {
    let disk = disk();
    let file = durable(&disk, FILE, b"....");
    disk.record();
    file.write_all_at(b"abcd", 0).unwrap();
    let journal = disk.journal();
    let replay = journal.replay();
    let cut = |bytes| read(&replay.crash_within(bytes, Loss::Nothing), FILE);
    assert_eq!([0, 1, 2, 3, 4].map(cut), [b"....", b"a...", b"ab..", b"abc.", b"abcd"].map(|bytes| bytes.to_vec()));
}
