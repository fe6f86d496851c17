//! Power loss, torn writes at every byte and sector, and disks that fail.

use super::*;

/// A healthy log of `count` entries, its only segment, and where its last frame begins and ends.
async fn one_segment(count: u64) -> (Vec<u8>, usize, usize) {
    let disk = MemDisk::default();
    let wal = open(&disk).await.unwrap();
    append(&wal, 1, 0..count - 1).await;
    let start = used(&read(&disk, &segment(1)));
    append(&wal, 1, [count - 1]).await;
    let bytes = read(&disk, &segment(1));
    let end = used(&bytes);
    (bytes, start, end)
}

fn used(bytes: &[u8]) -> usize {
    crate::wal::frame::used_bytes(bytes)
}

#[tokio::test]
async fn power_loss_keeps_what_was_acknowledged() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    wal.save_ballot(ballot(1)).await.unwrap();
    append(&wal, 1, 0..120).await;
    disk.power_loss();
    drop(wal);
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 0..120));
    assert_eq!(wal.look(|view| view.ballot), Some(ballot(1)));
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_and_the_log_goes_on() {
    let (whole, start, end) = one_segment(6).await;
    assert!(end - start > 64);
    for cut in start..end {
        let mut torn = whole.clone();
        torn[cut..end].fill(0);
        let disk = disk_with(&torn);
        let wal = open(&disk).await.unwrap_or_else(|error| panic!("torn at {cut}: {error}"));
        assert_eq!(all(&wal).await, entries(1, 0..5), "torn at {cut}");
        append(&wal, 2, 5..8).await;
        drop(wal);
        let wal = open(&disk).await.unwrap();
        assert_eq!(all(&wal).await, [entries(1, 0..5), entries(2, 5..8)].concat(), "torn at {cut}");
    }
}

#[tokio::test]
async fn a_tail_of_which_any_sectors_are_missing_is_cut() {
    let disk = MemDisk::default();
    let wal = open(&disk).await.unwrap();
    append(&wal, 1, 0..3).await;
    let start = used(&read(&disk, &segment(1)));
    let long = Entry { payload: (0..2_500_u32).map(|i| (i % 250 + 1) as u8).collect(), ..entry(1, 3) };
    queue(&wal, vec![long]).await.unwrap().await.unwrap().unwrap();
    let whole = read(&disk, &segment(1));
    let end = used(&whole);
    let sectors: Vec<usize> = (start / 512..end.div_ceil(512)).collect();
    assert!(sectors.len() >= 5);
    for missing in 1..1_u32 << sectors.len() {
        let mut torn = whole.clone();
        for (bit, sector) in sectors.iter().enumerate().filter(|(bit, _)| missing >> bit & 1 == 1) {
            let _ = bit;
            torn[(sector * 512).max(start)..((sector + 1) * 512).min(end)].fill(0);
        }
        let disk = disk_with(&torn);
        let wal = open(&disk).await.unwrap_or_else(|error| panic!("sectors {missing:b} missing: {error}"));
        assert_eq!(all(&wal).await, entries(1, 0..3), "sectors {missing:b} missing");
    }
}

#[tokio::test]
async fn a_crash_of_the_process_alone_keeps_the_frame_and_syncs_it() {
    let (whole, start, _) = one_segment(6).await;
    // The last frame is in the page cache only.
    let disk = disk_with(&[&whole[..start], &vec![0; whole.len() - start]].concat());
    disk.open(&segment(1), Open::ReadWrite).unwrap().write_all_at(&whole[start..], start as u64).unwrap();
    let wal = open(&disk).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 0..6));
    disk.power_loss();
    drop(wal);
    let wal = open(&disk).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 0..6), "what openraft was told about must not vanish later");
}

#[tokio::test]
async fn a_spare_left_behind_is_removed_and_an_empty_segment_is_used() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    append(&wal, 1, 0..60).await;
    wal.close().await.unwrap();
    let folder = Path::new(FOLDER);
    let last = u64::from_str_radix(
        disk.list(folder).unwrap().iter().rfind(|name| !name.contains('-')).unwrap().trim_end_matches(".wal"),
        16,
    )
    .unwrap();
    // Crash after the newest segment got its name and before its first frame.
    let mut empty = read(&disk, &segment(last));
    empty[super::super::segment::SEGMENT_HEADER_BYTES..].fill(0);
    overwrite(&disk, &segment(last), &empty);
    overwrite(&disk, &folder.join("spare-00.wal"), b"half");
    disk.sync_dir(folder).unwrap();
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    let kept = all(&wal).await;
    assert!(!kept.is_empty() && kept.len() < 60);
    assert_eq!(kept, entries(1, 0..kept.len() as u64));
    assert!(!disk.list(folder).unwrap().contains(&"spare-00.wal".to_owned()));
    append(&wal, 2, kept.len() as u64..100).await;
    drop(wal);
    assert_eq!(all(&open_with(&disk, settings(4_096)).await.unwrap()).await.len(), 100);
}

#[tokio::test]
async fn a_failing_disk_stops_the_log_and_nothing_is_acknowledged_afterwards() {
    let disk = MemDisk::default();
    let wal = open(&disk).await.unwrap();
    let mut failed = wal.watch_failed();
    append(&wal, 1, 0..5).await;
    disk.break_down();
    let answers = [queue(&wal, entries(1, [5])).await.unwrap(), queue(&wal, entries(1, [6])).await.unwrap()];
    for answer in answers {
        assert!(answer.await.unwrap().is_err());
    }
    let fatal = failed.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(fatal.what().contains("simulated disk failure") && fatal.what().contains(FOLDER), "{fatal}");
    assert_eq!(queue(&wal, entries(1, [7])).await.unwrap_err(), fatal);
    assert_eq!(wal.save_ballot(ballot(2)).await, Err(fatal.clone()));
    assert_eq!(wal.read(0..1, 1).await, Err(fatal.clone()));
    assert_eq!(wal.close().await, Err(fatal));
}
