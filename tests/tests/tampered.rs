//! A node whose files were tampered with while it stood still does not come back to cosign: it says what is wrong and
//! ends. The other four of five publish without it; with its own bytes back it rejoins.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};
use tamga_ledger::entry::Entry;
use tamga_tests::wait::GENEROUS;
use tamga_tests::{Plan, Rehearsal, Voter};

const VICTIM: u32 = 5;

/// One way to change a node's files, and what the node has to say about it.
struct Tampering {
    what: &'static str,
    file: &'static str,
    change: fn(&mut [u8]),
    says: &'static [&'static str],
}

const TAMPERINGS: [Tampering; 5] = [
    Tampering {
        what: "a byte in the middle of the entries",
        file: "ledger/entries/00000000.seg",
        change: |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        says: &["00000000.seg", "leaf"],
    },
    Tampering {
        what: "a signed byte of an entry, every checksum repaired",
        file: "ledger/entries/00000000.seg",
        change: |bytes| {
            forge_entry(bytes, |entry| {
                let last = entry.len() - 1;
                entry[last] ^= 1;
            });
        },
        says: &["ledger entry"],
    },
    Tampering {
        what: "the time of an entry, which nobody signed, every checksum repaired",
        file: "ledger/entries/00000000.seg",
        change: |bytes| {
            forge_entry(bytes, |entry| {
                let mut read = Entry::from_bytes(entry).unwrap();
                read.time_ms += 1;
                *entry = read.to_bytes();
            });
        },
        says: &["checkpoint"],
    },
    Tampering {
        what: "a byte of a confidential body",
        file: "ledger/confidential/1/00000000.seg",
        change: |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        says: &["confidential"],
    },
    Tampering {
        what: "the memory of what was cosigned",
        file: "cosigning",
        change: |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1),
        says: &["cosign"],
    },
];

/// Changes the last entry of a segment and repairs the checksum of its frame, as somebody who knows the format would.
fn forge_entry(segment: &mut [u8], change: impl Fn(&mut Vec<u8>)) {
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut last) = (128, None);
    while at < segment.len() && &segment[at..at + 4] == b"TFR1" {
        let (payload, count, section) = (number(segment, at + 4), number(segment, at + 40), number(segment, at + 44));
        if count > 0 {
            last = Some((at, payload, section));
        }
        at += 64 + payload + section + 4;
    }
    let (frame, payload, section) = last.unwrap();
    let mut place = frame + 64;
    let end = place + payload;
    loop {
        let length = usize::from(u16::from_be_bytes([segment[place], segment[place + 1]]));
        if place + 2 + length == end {
            let mut entry = segment[place + 2..end].to_vec();
            change(&mut entry);
            assert_eq!(entry.len(), length);
            segment[place + 2..end].copy_from_slice(&entry);
            break;
        }
        place += 2 + length;
    }
    let sum_at = end + section;
    let sum = crc32c::crc32c(&segment[frame..sum_at]);
    segment[sum_at..sum_at + 4].copy_from_slice(&sum.to_le_bytes());
}

/// The file meant, by its path or, for a bare word, the only file of the data folder whose name begins so.
fn find(data: &Path, file: &str) -> PathBuf {
    let path = data.join(file);
    if path.is_file() {
        return path;
    }
    let entries = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(file));
    let mut found: Vec<PathBuf> = found.collect();
    while let [folder] = found.as_slice()
        && folder.is_dir()
    {
        found = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    }
    match found.as_slice() {
        [one] => one.clone(),
        other => panic!("{file} in {}: {other:?}", data.display()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tampered_node_halts_and_the_others_publish_without_it() {
    let mut rehearsal = Rehearsal::open(Plan::of(5)).await;
    for number in 0..10 {
        rehearsal.admit(1, Voter { home: 1, number }).await;
    }
    rehearsal.agreed(rehearsal.ids()).await;
    let process = rehearsal.node_mut(VICTIM);
    process.ask_to_end();
    assert!(process.ended_within(GENEROUS).await.unwrap().success());

    let others = 1..=4;
    for (tampering, number) in TAMPERINGS.into_iter().zip(10..) {
        let Tampering { what, file, change, says } = tampering;
        let path = find(&rehearsal.data(VICTIM), file);
        let good = std::fs::read(&path).unwrap();
        let mut forged = good.clone();
        change(&mut forged);
        assert_ne!(good, forged, "{what}");
        std::fs::write(&path, &forged).unwrap();
        let before = rehearsal.log(VICTIM).len();

        rehearsal.node_mut(VICTIM).restart().unwrap();
        // Meanwhile the others go on.
        let (_, judged) = rehearsal.admit(1, Voter { home: 1, number }).await;
        let status = rehearsal.node_mut(VICTIM).ended_within(GENEROUS).await;
        let log = rehearsal.log(VICTIM)[before..].to_owned();
        let status = status.unwrap_or_else(|| panic!("with {what} changed the node goes on:\n{log}"));
        assert_eq!(status.code(), Some(1), "{what}: {log}");
        for word in says {
            assert!(log.contains(word), "{what}: {word:?} is not in what the node says:\n{log}");
        }
        assert!(!log.contains("node started"), "{what}: {log}");
        for id in others.clone() {
            let published = rehearsal.published(id, judged.leaf.get() + 1).await;
            let names: Vec<String> = published.organisations().iter().map(ToString::to_string).collect();
            assert_eq!(names, ["org-1", "org-2", "org-3", "org-4"], "{what}");
        }
        // Nothing was repaired or cut in silence: the bytes are still the forged ones.
        assert!(std::fs::read(&path).unwrap() == forged, "{what}: the node wrote into the damaged file");
        std::fs::write(&path, good).unwrap();
    }

    rehearsal.restart(VICTIM).await;
    let (_, judged) = rehearsal.admit(1, Voter { home: 1, number: 40 }).await;
    let agreed = rehearsal.agreed(rehearsal.ids()).await;
    assert!(agreed.checkpoint().size.get() > judged.leaf.get());
}
