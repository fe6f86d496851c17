//! The log in good health: reopening, rolling, purging, reading back.

use super::*;

#[tokio::test]
async fn everything_reads_back_after_reopening() {
    let disk = MemDisk::default();
    let wal = open(&disk).await.unwrap();
    wal.save_ballot(ballot(1)).await.unwrap();
    append(&wal, 1, 0..20).await;
    wal.truncate(Some(14)).unwrap();
    append(&wal, 2, 15..18).await;
    wal.save_committed(Some(at(1, 12))).unwrap();
    wal.save_ballot(ballot(3)).await.unwrap();
    wal.close().await.unwrap();

    let wal = open(&disk).await.unwrap();
    assert_eq!(all(&wal).await, [entries(1, 0..15), entries(2, 15..18)].concat());
    assert_eq!(wal.look(|view| (view.ballot, view.committed)), (Some(ballot(3)), Some(at(1, 12))));
    append(&wal, 3, 18..19).await;
    assert_eq!(wal.look(|view| view.last()), Some(at(3, 18)));
}

#[tokio::test]
async fn a_commit_mark_alone_is_written_when_the_log_idles() {
    let disk = MemDisk::default();
    let wal = open(&disk).await.unwrap();
    append(&wal, 1, 0..3).await;
    wal.save_committed(Some(at(1, 2))).unwrap();
    let marked = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let copy = disk_with(&read(&disk, &segment(1)));
            if open(&copy).await.unwrap().look(|view| view.committed) == Some(at(1, 2)) {
                break;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), marked).await.unwrap();
}

#[tokio::test]
async fn segments_roll_over_and_old_entries_are_read_from_them() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, Settings { cache_bytes: 0, ..settings(4_096) }).await.unwrap();
    wal.save_ballot(ballot(1)).await.unwrap();
    append(&wal, 1, 0..200).await;
    assert!(disk.list(Path::new(FOLDER)).unwrap().len() > 3);
    assert!(wal.look(|view| view.cached(150).is_none()), "without a cache, only what is being written is in memory");
    assert_eq!(all(&wal).await, entries(1, 0..200));
    assert_eq!(wal.read(50..60, usize::MAX).await.unwrap(), entries(1, 50..60));
    assert_eq!(wal.read(50..60, 1).await.unwrap(), entries(1, 50..51), "one entry at least");
    drop(wal);
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 0..200));
    assert_eq!(wal.look(|view| view.ballot), Some(ballot(1)), "restated at the head of each segment");
}

#[tokio::test]
async fn an_entry_larger_than_a_segment_gets_a_segment_of_its_own_size() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    let large = Entry { payload: vec![5; crate::PAYLOAD_BYTES_MAX].into(), ..entry(1, 0) };
    queue(&wal, vec![large.clone(), entry(1, 1)]).await.unwrap().await.unwrap().unwrap();
    append(&wal, 1, 2..4).await;
    drop(wal);
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    assert_eq!(all(&wal).await, [vec![large], entries(1, 1..4)].concat());
}

#[tokio::test]
async fn a_purge_removes_whole_segments_and_survives_reopening() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    wal.save_ballot(ballot(1)).await.unwrap();
    append(&wal, 1, 0..200).await;
    let before = disk.list(Path::new(FOLDER)).unwrap().len();
    wal.purge(at(1, 150)).await.unwrap();
    wal.settle().await;
    assert!(disk.list(Path::new(FOLDER)).unwrap().len() < before - 2);
    assert_eq!(all(&wal).await, entries(1, 151..200));
    disk.power_loss();
    drop(wal);
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, 151..200));
    assert_eq!(wal.look(|view| (view.purged, view.ballot)), (Some(at(1, 150)), Some(ballot(1))));

    wal.purge(at(1, 300)).await.unwrap();
    assert_eq!(wal.look(|view| (view.last(), view.is_empty())), (Some(at(1, 300)), true));
    append(&wal, 2, 301..303).await;
    drop(wal);
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    assert_eq!(all(&wal).await, entries(2, 301..303));
}

#[tokio::test]
async fn many_steps_in_flight_are_answered_in_order() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(1 << 20)).await.unwrap();
    let (send, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for index in 0..500 {
        let send = send.clone();
        let done = Box::new(move |result: Result<(), Fatal>| send.send((index, result)).unwrap());
        wal.append(entries(1, [index]), done).await.unwrap();
    }
    for index in 0..500 {
        assert_eq!(answers.recv().await.unwrap(), (index, Ok(())));
    }
}

#[tokio::test]
async fn an_entry_that_leaves_a_gap_stops_the_log() {
    let disk = MemDisk::default();
    let wal = open(&disk).await.unwrap();
    append(&wal, 1, 0..3).await;
    let error = queue(&wal, entries(1, [4])).await.unwrap_err();
    assert!(error.what().contains("t1-n1.4"), "{error}");
    assert_eq!(wal.save_ballot(ballot(2)).await.unwrap_err(), error);
}
