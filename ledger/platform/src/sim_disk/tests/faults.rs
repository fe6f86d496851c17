//! Faults: each does what it says, is counted, and leaves the rest alone.

use std::time::Duration;

use super::*;
use crate::blocking::{Blocking, BlockingExt as _};
use crate::sim_disk::{Delays, SlowInline};

const ALWAYS: u32 = 1_000_000;

#[test]
fn a_lost_write_is_seen_until_the_page_cache_forgets() {
    let disk = disk();
    let file = durable(&disk, FILE, &[1; 512]);
    disk.set_faults(Faults { lost_writes: ALWAYS, ..Faults::default() });
    file.write_all_at(&[2; 512], 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(read(&disk, FILE), [2; 512]);
    disk.evict();
    assert_eq!(read(&disk, FILE), [1; 512]);
    assert_eq!(disk.injected().lost_writes, 1);
    assert!(disk.injected().damaged.contains(Path::new(FILE)));
}

#[test]
fn a_misdirected_write_leaves_its_place_as_it_was_and_changes_another() {
    let disk = disk();
    durable(&disk, "/d/victim", &[9; 4_096]);
    let file = durable(&disk, FILE, &[1; 512]);
    disk.set_faults(Faults { misdirected_writes: ALWAYS, ..Faults::default() });
    for _ in 0..8 {
        file.write_all_at(&[2; 512], 0).unwrap();
    }
    file.sync_data().unwrap();
    disk.power_loss();
    assert_eq!(read(&disk, FILE), [1; 512]);
    let victim = read(&disk, "/d/victim");
    assert!(victim.len() == 4_096 && victim.contains(&2), "nothing grew, something changed");
    assert!(disk.injected().damaged.contains(Path::new("/d/victim")));
}

#[test]
fn after_a_failed_sync_a_later_one_succeeds_without_the_bytes() {
    let disk = disk();
    let file = durable(&disk, FILE, &[1; 51_200]);
    file.write_all_at(&[2; 51_200], 0).unwrap();
    disk.set_faults(Faults { failed_syncs: ALWAYS, ..Faults::default() });
    assert!(file.sync_data().is_err());
    assert!(disk.sync_dir(Path::new(FOLDER)).is_err());
    disk.set_faults(Faults::default());
    file.sync_data().unwrap();
    assert_eq!(read(&disk, FILE), [2; 51_200], "the page cache shows them");
    disk.power_loss();
    let left = read(&disk, FILE);
    assert!(left.contains(&1) && left.contains(&2), "some arrived, some never will");
    assert_eq!(disk.injected().failed_syncs, 2);
}

#[test]
fn a_failed_write_leaves_at_most_a_part() {
    let disk = disk();
    let file = durable(&disk, FILE, &[1; 100]);
    disk.set_faults(Faults { failed_writes: ALWAYS, ..Faults::default() });
    assert!(file.write_all_at(&[2; 100], 0).is_err());
    let now = read(&disk, FILE);
    assert!(now.ends_with(&[1]) && now.is_sorted_by(|a, b| a >= b), "a prefix of it, never all");
    assert_eq!(disk.injected().failed_writes, 1);
}

#[test]
fn rot_strikes_durable_bytes_and_is_seen_where_nothing_newer_waits() {
    let disk = disk();
    let file = durable(&disk, FILE, &[0; 1_024]);
    assert!(disk.rot(Path::new(FILE), 700, 4));
    assert_eq!(read(&disk, FILE)[700], 4);
    file.write_all_at(&[1; 512], 0).unwrap();
    assert!(disk.rot(Path::new(FILE), 3, 4));
    assert_eq!(read(&disk, FILE)[3], 1);
    assert_eq!(disk.durable(Path::new(FILE)).unwrap()[3], 4);
    assert!(!disk.rot(Path::new(FILE), 5_000, 1));
    let (path, offset) = disk.rot_somewhere(Path::new(FOLDER)).unwrap();
    assert!(path == Path::new(FILE) && offset < 1_024);
    disk.set_faults(Faults { rot: ALWAYS, ..Faults::default() });
    file.sync_data().unwrap();
    assert_eq!(disk.injected().rot, 4);
}

#[test]
fn an_unreadable_sector_stays_so_until_it_is_written() {
    let disk = disk();
    let file = durable(&disk, FILE, &[1; 2_048]);
    assert!(disk.spoil(Path::new(FILE), 1_000));
    let mut byte = [0];
    assert!(file.read_at(&mut byte, 600).is_err());
    assert_eq!(file.read_at(&mut byte, 1_024).unwrap(), 1);
    disk.power_loss();
    let file = open(&disk, FILE);
    assert!(file.read_at(&mut [0; 2_048], 0).is_err());
    file.write_all_at(&[2; 100], 600).unwrap();
    assert!(file.read_at(&mut byte, 1_000).is_err(), "a part is not enough");
    file.write_all_at(&[2; 512], 512).unwrap();
    assert_eq!(file.read_at(&mut [0; 2_048], 0).unwrap(), 2_048);
    disk.set_faults(Faults { failed_reads: ALWAYS, ..Faults::default() });
    assert!(file.read_at(&mut byte, 0).is_err());
    disk.set_faults(Faults::default());
    assert!(file.read_at(&mut byte, 0).is_err(), "the sector has gone bad");
}

#[test]
fn faults_strike_only_where_they_are_meant_to() {
    let disk = disk();
    disk.create_dir_all(Path::new("/other")).unwrap();
    let (here, there) = (open(&disk, FILE), open(&disk, "/other/file"));
    disk.set_faults(Faults { failed_writes: ALWAYS, only_below: vec!["/other".into()], ..Faults::default() });
    here.write_all_at(b"x", 0).unwrap();
    assert!(there.write_all_at(b"x", 0).is_err());
    disk.break_down();
    assert!(here.write_all_at(b"x", 0).is_err() && here.sync_data().is_err());
    assert_eq!(read(&disk, FILE), b"x");
    disk.repair();
    here.write_all_at(b"y", 0).unwrap();
}

#[test]
fn a_machine_stops_after_so_many_changes_in_the_middle_of_a_write() {
    let disk = disk();
    let file = durable(&disk, FILE, &[1; 100]);
    disk.cut_after(1);
    file.write_all_at(&[2; 50], 0).unwrap();
    assert!(!disk.is_cut());
    assert!(file.write_all_at(&[3; 100], 0).is_err());
    assert!(disk.is_cut());
    let now = read(&disk, FILE);
    assert!(now.contains(&3) && !now.ends_with(&[3]), "a part of it: {now:?}");
    assert!(file.sync_data().is_err() && disk.remove(Path::new(FILE)).is_err());
    disk.crash(Loss::Nothing);
    assert!(!disk.is_cut());
    assert_eq!(read(&disk, FILE), now);
    open(&disk, FILE).sync_data().unwrap();
}

#[test]
fn a_slow_disk_is_waited_for_after_the_work() {
    let disk = disk();
    let file = open(&disk, FILE);
    disk.set_faults(Faults {
        delays: Delays { sync_us: 1_000, stalls: ALWAYS, stall_us: 7, ..Delays::default() },
        ..Faults::default()
    });
    let slept = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = std::sync::Arc::clone(&slept);
    let blocking = SlowInline::new(disk.clone(), move |time| {
        notes.lock().unwrap().push(time);
        Box::pin(std::future::ready(()))
    });
    let blocking: &dyn Blocking = &blocking;
    let mut work = blocking.run(move || file.sync_data());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(done) = work.as_mut().poll(&mut context) else { panic!("nothing to wait for") };
    done.unwrap();
    let slept = slept.lock().unwrap();
    assert!(slept.len() == 1 && slept[0] >= Duration::from_micros(7) && slept[0] <= Duration::from_micros(2_007));
    assert_eq!(disk.injected().stalls, 1);
}
