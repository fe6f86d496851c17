//! What a crash leaves.

use std::collections::BTreeSet;

use super::*;

/// Content of `FILE` after a crash, for many seeds.
fn outcomes(disk: &SimDisk, loss: impl Fn(u64) -> Loss) -> BTreeSet<Option<Vec<u8>>> {
    let after = |seed| {
        let copy = disk.fork(seed);
        copy.crash(loss(seed));
        copy.read(Path::new(FILE), u64::MAX).ok()
    };
    (0..200).map(after).collect()
}

#[test]
fn a_dead_process_leaves_everything_and_none_of_it_durable() {
    let disk = disk();
    open(&disk, FILE).write_all_at(b"abc", 0).unwrap();
    disk.crash(Loss::Nothing);
    assert_eq!(read(&disk, FILE), b"abc");
    disk.power_loss();
    assert!(names(&disk).is_empty());
}

#[test]
fn bytes_need_their_sync_and_names_that_of_their_folder() {
    let disk = disk();
    let file = open(&disk, FILE);
    file.write_all_at(b"abc", 0).unwrap();
    file.sync_data().unwrap();
    let copy = disk.fork(0);
    copy.power_loss();
    assert!(names(&copy).is_empty(), "the bytes are there, and no name leads to them");
    disk.sync_dir(Path::new(FOLDER)).unwrap();
    file.write_all_at(b"defg", 3).unwrap();
    disk.rename(Path::new(FILE), Path::new("/d/renamed")).unwrap();
    disk.power_loss();
    assert_eq!(names(&disk), ["file"]);
    assert_eq!(read(&disk, FILE), b"abc");
}

#[test]
fn a_folder_is_durable_when_it_was_made() {
    let disk = disk();
    disk.create_dir_all(Path::new("/d/e/f")).unwrap();
    disk.power_loss();
    assert_eq!(disk.list(Path::new("/d/e")).unwrap(), ["f"]);
}

#[test]
fn each_unsynced_sector_is_old_or_new_and_each_combination_occurs() {
    let disk = disk();
    let file = durable(&disk, FILE, &[1; 1_024]);
    file.write_all_at(&[2; 512], 256).unwrap();
    let (old, half, new) = (vec![1; 256], vec![2; 256], vec![1; 256]);
    let expected = |first: bool, second: bool| {
        let first = if first { [old.clone(), half.clone()].concat() } else { vec![1; 512] };
        let second = if second { [half.clone(), new.clone()].concat() } else { vec![1; 512] };
        Some([first, second].concat())
    };
    let all = [(false, false), (false, true), (true, false), (true, true)].map(|(a, b)| expected(a, b));
    assert_eq!(outcomes(&disk, Loss::Arbitrary), BTreeSet::from(all.clone()));
    assert_eq!(
        outcomes(&disk, Loss::Chosen).into_iter().collect::<Vec<_>>(),
        BTreeSet::from(all).into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn a_sector_written_twice_may_keep_the_first_writing() {
    let disk = disk();
    let file = durable(&disk, FILE, b"0");
    file.write_all_at(b"1", 0).unwrap();
    file.write_all_at(b"2", 0).unwrap();
    let seen = outcomes(&disk, Loss::Arbitrary);
    assert_eq!(seen, [b"0", b"1", b"2"].iter().map(|bytes| Some(bytes.to_vec())).collect());
}

#[test]
fn a_length_may_arrive_without_its_bytes_and_a_cut_without_what_follows() {
    let disk = disk();
    let file = durable(&disk, FILE, b"");
    file.write_all_at(b"ab", 0).unwrap();
    let seen = outcomes(&disk, Loss::Arbitrary);
    assert_eq!(seen, [&b""[..], b"\0\0", b"ab"].iter().map(|bytes| Some(bytes.to_vec())).collect());
    file.sync_data().unwrap();
    file.set_len(0).unwrap();
    file.write_all_at(b"c", 0).unwrap();
    let seen = outcomes(&disk, Loss::Arbitrary);
    for possible in [&b"ab"[..], b"", b"c", b"\0", b"c\0"] {
        assert!(seen.contains(&Some(possible.to_vec())), "{possible:?} of {seen:?}");
    }
}

#[test]
fn in_order_nothing_later_arrives_before_what_came_earlier() {
    let disk = disk();
    let file = durable(&disk, FILE, &[0; 2_048]);
    for sector in 0..4 {
        file.write_all_at(&[1; 512], sector * 512).unwrap();
    }
    let seen: BTreeSet<Vec<u8>> = outcomes(&disk, Loss::Prefix).into_iter().flatten().collect();
    let ordered: BTreeSet<Vec<u8>> =
        (0..=4).map(|count| [vec![1; count * 512], vec![0; (4 - count) * 512]].concat()).collect();
    assert_eq!(seen, ordered);
}

#[test]
fn a_rename_is_whole_and_waits_for_earlier_changes_of_its_names() {
    let disk = disk();
    durable(&disk, FILE, b"old");
    let staged = open(&disk, "/d/file.new");
    staged.write_all_at(b"new", 0).unwrap();
    staged.sync_data().unwrap();
    disk.rename(Path::new("/d/file.new"), Path::new(FILE)).unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let copy = disk.fork(seed);
        copy.crash(Loss::Arbitrary(seed));
        seen.insert((names(&copy), read(&copy, FILE)));
    }
    let named = |names: &[&str], bytes: &[u8]| (names.iter().map(|name| (*name).to_owned()).collect(), bytes.to_vec());
    assert_eq!(
        seen,
        BTreeSet::from([named(&["file"], b"old"), named(&["file", "file.new"], b"old"), named(&["file"], b"new")])
    );
}

#[test]
fn a_crash_is_the_same_for_the_same_seed() {
    let disk = disk();
    let file = open(&disk, FILE);
    for step in 0..50_u64 {
        file.write_all_at(&[step as u8; 700], step * 300).unwrap();
    }
    for seed in 0..20 {
        let [one, two] = [disk.fork(1), disk.fork(2)].map(|copy| {
            copy.crash(Loss::Arbitrary(seed));
            copy.read(Path::new(FILE), u64::MAX).ok()
        });
        assert_eq!(one, two);
    }
}
