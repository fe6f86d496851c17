//! Rot, misdirected writes, missing and foreign files: the log halts, says where, and changes nothing.

use super::*;

async fn healthy() -> (MemDisk, Vec<u8>) {
    let disk = MemDisk::default();
    let wal = open(&disk).await.unwrap();
    wal.save_ballot(ballot(1)).await.unwrap();
    append(&wal, 1, 0..8).await;
    wal.close().await.unwrap();
    let bytes = read(&disk, &segment(1));
    (disk, bytes)
}

async fn refused(bytes: &[u8]) -> (PathBuf, u64) {
    let disk = disk_with(bytes);
    match open(&disk).await {
        Err(WalError::Damaged { path, offset, .. }) => {
            assert!(read(&disk, &segment(1)) == bytes, "nothing may be changed");
            (path, offset)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_flipped_bit_anywhere_halts_the_log_and_names_the_place() {
    let (_, whole) = healthy().await;
    let used = crate::wal::frame::used_bytes(&whole);
    let header = super::super::segment::SEGMENT_HEADER_BYTES;
    for byte in (0..88).chain(header..used) {
        let mut rotten = whole.clone();
        rotten[byte] ^= 1 << (byte % 8);
        let (path, offset) = refused(&rotten).await;
        assert_eq!(path, segment(1));
        assert!(offset <= byte as u64, "byte {byte} reported at {offset}");
    }
}

#[tokio::test]
async fn a_frame_that_was_lost_or_moved_halts_the_log() {
    let (_, whole) = healthy().await;
    let header = super::super::segment::SEGMENT_HEADER_BYTES;
    // The second write never reached the disk, the later ones did.
    let first = frame_length(&whole, header);
    let second = frame_length(&whole, header + first);
    let mut lost = whole.clone();
    lost[header + first..header + first + second].fill(0);
    assert_eq!(refused(&lost).await.1, (header + first) as u64);
    // A good frame at a place that is not its own.
    let mut moved = whole.clone();
    let end = crate::wal::frame::used_bytes(&whole);
    moved.copy_within(header..header + first, end);
    assert_eq!(refused(&moved).await.1, end as u64);
}

fn frame_length(bytes: &[u8], at: usize) -> usize {
    let body = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
    crate::wal::frame::frame_bytes(body)
}

#[tokio::test]
async fn a_missing_segment_halts_the_log() {
    for missing in [1, 2] {
        let disk = MemDisk::default();
        let wal = open_with(&disk, settings(4_096)).await.unwrap();
        append(&wal, 1, 0..100).await;
        wal.close().await.unwrap();
        disk.remove(&segment(missing)).unwrap();
        let error = open_with(&disk, settings(4_096)).await.unwrap_err();
        assert!(matches!(error, WalError::Damaged { .. }), "{error}");
    }
}

#[tokio::test]
async fn damage_in_an_older_segment_is_never_taken_for_a_torn_tail() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    append(&wal, 1, 0..100).await;
    wal.close().await.unwrap();
    let mut bytes = read(&disk, &segment(1));
    let used = crate::wal::frame::used_bytes(&bytes);
    bytes[used - 40..used].fill(0);
    overwrite(&disk, &segment(1), &bytes);
    let error = open_with(&disk, settings(4_096)).await.unwrap_err();
    assert!(matches!(error, WalError::Damaged { ref path, .. } if *path == segment(1)), "{error}");
}

#[tokio::test]
async fn an_entry_that_rots_while_the_log_is_open_stops_it_when_read() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, Settings { cache_bytes: 0, ..settings(8_192) }).await.unwrap();
    append(&wal, 1, 0..8).await;
    let mut bytes = read(&disk, &segment(1));
    let start = bytes.windows(7).position(|window| window == b"entry 3").unwrap();
    bytes[start] ^= 1;
    overwrite(&disk, &segment(1), &bytes);
    let error = wal.read(0..8, usize::MAX).await.unwrap_err();
    assert!(error.what().contains("entry 3"), "{error}");
    assert!(queue(&wal, entries(1, [8])).await.is_err(), "a node with a rotten disk must not go on");
}

#[tokio::test]
async fn another_nodes_folder_is_refused() {
    let (disk, _) = healthy().await;
    let strangers =
        [Settings { node: NodeId(2), ..settings(8_192) }, Settings { cluster: ClusterId([8; 32]), ..settings(8_192) }];
    for stranger in strangers {
        let error = open_with(&disk, stranger).await.unwrap_err();
        assert!(matches!(error, WalError::Foreign { .. }), "{error}");
    }
}
