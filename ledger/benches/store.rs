//! How fast the store appends, opens and reads, and how many bytes it takes: `cargo bench --package tamga-ledger --bench store`.
//!
//! Method: a million entries of 230 bytes with bodies of 120 on the real disk in the temporary folder, page cache warm, one
//! run; making the entries is inside the timing of the append.

#![allow(clippy::unwrap_used, unreachable_pub, dead_code, reason = "a measurement that shares the tests' support")]

#[path = "../tests/store/support.rs"]
mod support;

use std::sync::Arc;
use std::time::Instant;

use tamga_ledger::store::{LogPosition, NewEntry, Options, Store, fsck};
use tamga_ledger::tree::{Blake3Tree, Sha256Tree};
use tamga_platform::disk::{Disk, OsDisk};

use support::{Dice, leaf};

const ENTRIES: u64 = 1_000_000;
const ENTRY_BYTES: usize = 230;

fn main() {
    let temporary = tempfile::tempdir().unwrap();
    for per_batch in [1000, 10] {
        let path = temporary.path().join(format!("ledger-{per_batch}"));
        let (store, _) = Store::open(Arc::new(OsDisk), &path, Options::default()).unwrap();
        let started = Instant::now();
        for first in (0..ENTRIES).step_by(per_batch) {
            let entries: Vec<Vec<u8>> = (first..first + per_batch as u64)
                .map(|n| n.to_be_bytes().iter().copied().cycle().take(ENTRY_BYTES).collect())
                .collect();
            let new: Vec<_> =
                entries.iter().map(|entry| NewEntry { entry, confidential: &entry[..120], class: 1 }).collect();
            store.append(LogPosition { term: 1, leader: 1, index: first }, &new).unwrap();
        }
        let appended = started.elapsed();
        store.sync().unwrap();
        let usage = store.disk_bytes();
        let trees = (usage.entries + usage.tiles + usage.index) as f64 / ENTRIES as f64;
        println!("{per_batch} a batch: append {:.0}/s", ENTRIES as f64 / appended.as_secs_f64());
        println!(
            "  {trees:.1} bytes an entry of {ENTRY_BYTES} (allowed {:.1}); {usage:?}",
            ENTRY_BYTES as f64 * 1.25 + 70.0
        );
        reads(&store);
        let head = store.head();
        drop(store);
        for verify_all in [false, true] {
            let started = Instant::now();
            let (store, _) =
                Store::open(Arc::new(OsDisk), &path, Options { verify_all, ..Options::default() }).unwrap();
            println!("  open, verify_all {verify_all}: {:?}", started.elapsed());
            assert_eq!(store.head(), head);
        }
        let (disk, started): (Arc<dyn Disk>, _) = (Arc::new(OsDisk), Instant::now());
        assert!(fsck(&disk, &path).unwrap().is_clean());
        println!("  fsck: {:?}", started.elapsed());
    }
}

fn reads(store: &Store) {
    let mut dice = Dice::new(7);
    let mut time = |what: &str, read: &dyn Fn(u64)| {
        let started = Instant::now();
        (0..20_000).for_each(|_| read(dice.roll(ENTRIES)));
        println!("  {what}: {:.0}/s", 20_000.0 / started.elapsed().as_secs_f64());
    };
    time("entry", &|at| drop(store.entry(leaf(at)).unwrap()));
    time("body", &|at| drop(store.confidential(leaf(at)).unwrap()));
    time("SHA-256 inclusion proof", &|at| drop(store.inclusion_proof::<Sha256Tree>(leaf(at), store.size()).unwrap()));
    time("BLAKE3 inclusion proof", &|at| drop(store.inclusion_proof::<Blake3Tree>(leaf(at), store.size()).unwrap()));
}
