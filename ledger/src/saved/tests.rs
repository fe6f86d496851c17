//! States too large to be made by signed records: many steps, and the nation.

#![allow(clippy::unwrap_used, reason = "test code")]

use super::{Loaded, Mark, load, load_aside};
use crate::commitment::{Blinding, BlindingPurpose, Counts, commit};
use crate::ids::{Digest, ElectionId, PublicKey, RecordId, RollLeaf};
use crate::kinds::HolderClass;
use crate::record::{Scope, UnitId};
use crate::state::{CellSum, KeyEntry, ProtocolInForce, SequenceWindow, State, StationRoll, UnitState, UnitStatus};
use crate::tree::{LeafHashes, TreeHead};
use rayon::prelude::*;
use std::path::Path;
use std::time::Duration;
use tamga_platform::disk::{Disk as _, Open};
use tamga_platform::sim_disk::SimDisk;

struct Size {
    stations: u32,
    voters: u32,
    leaves: u32,
    constituencies: u32,
    keys: u32,
    protocols: bool,
}

fn bytes<const N: usize>(what: &str, number: u32) -> [u8; N] {
    let mut out = [0; N];
    blake3::Hasher::new_derive_key(what).update(&number.to_be_bytes()).finalize_xof().fill(&mut out);
    out
}

fn state(size: &Size) -> State {
    let mut state = State { election_id: Some(ElectionId([7; 32])), ..State::default() };
    for leaf in 0..size.leaves {
        state.ids.push(Some(bytes("id", leaf)));
        state.frontier.push(LeafHashes::of(&leaf.to_be_bytes())).unwrap();
        if leaf % 500 == 0 && state.cuts.len() < 4_096 {
            state.cuts.push_back(TreeHead { ..state.head() });
        }
    }
    let each = size.voters / size.stations;
    for station in 1..=size.stations {
        let mut leaves: Vec<RollLeaf> =
            (0..each).map(|voter| RollLeaf(bytes("voter", station * each + voter))).collect();
        leaves.sort_unstable();
        // Who voted at which leaf: spread over everything.
        let admitted = (0..each).map(|voter| {
            let leaf = u64::from(station * each + voter) * 7_919 % u64::from(size.voters * 2);
            if leaf < u64::from(size.leaves) { leaf as u32 + 1 } else { 0 }
        });
        let roll = StationRoll {
            list_version: 1,
            chunks: 1,
            received: 1,
            total: each,
            amendments: 0,
            admitted: admitted.collect(),
            leaves,
        };
        state.rolls.insert(station, roll);
    }
    for number in 0..size.keys {
        let key = PublicKey(bytes("key", number));
        let entry = KeyEntry {
            key,
            class: HolderClass::Member,
            scope: Scope::Station(number),
            kinds: vec![7, 11, 12],
            valid_from_ms: 1_764_489_600_000,
            valid_until_ms: 1_764_489_600_000,
            leaf: 900,
            revoked: None,
            sequences: SequenceWindow::default(),
            device_counter: 700,
        };
        state.keys.insert(key.id(), entry);
    }
    let units = (1..=size.stations).into_par_iter().map(|station| unit(size, station)).collect::<Vec<_>>();
    state.units = units.into_iter().collect();
    state
}

fn unit(size: &Size, station: u32) -> (UnitId, UnitState) {
    let counts = Counts::new(vec![0; 5]).unwrap();
    let cells: Vec<_> = (1..=size.constituencies)
        .map(|constituency| {
            let blinding =
                Blinding::derive(&[1; 32], u64::from(station), constituency as u16, BlindingPurpose::BallotBatch);
            (constituency, commit(&counts, &blinding))
        })
        .collect();
    let protocol = |leaf| ProtocolInForce {
        leaf,
        id: RecordId([4; 32]),
        blocked: false,
        basis: crate::kinds::ProtocolBasis::Hand,
        rank: 1,
        explanation: 0,
        signers: Vec::new(),
        present: Vec::new(),
        dissenting: Vec::new(),
        members: 3,
        absent: 0,
        lines: Vec::new(),
        counts: vec![5; 12],
        cells: cells.iter().skip(1).map(|(constituency, commitment)| (*constituency, (3, *commitment))).collect(),
    };
    let unit = UnitState {
        status: UnitStatus::Open,
        identified_local: 600,
        cells: cells.iter().map(|(_, commitment)| CellSum { papers: 1, commitment: *commitment }).collect(),
        closing_digest: Some(Digest([3; 32])),
        protocols: if size.protocols { [Some(protocol(1)), Some(protocol(2))] } else { [None, None] },
        ..UnitState::default()
    };
    (UnitId { station, unit: 1 }, unit)
}

/// Time that this thread has run. The machine may have other work, so this and not the clock is compared with a promise.
fn ran() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = stat.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

#[derive(Default)]
struct Saved {
    head: Vec<u8>,
    journal: Vec<u8>,
    steps: u32,
    longest: Duration,
}

fn save(state: &State, mark: &mut Mark) -> Saved {
    let mut saved = Saved::default();
    loop {
        let started = ran();
        let step = state.save(mark, None);
        saved.longest = saved.longest.max(ran().saturating_sub(started));
        saved.steps += 1;
        assert!(step.append.len() <= 16 << 20, "{} bytes in one step", step.append.len());
        saved.journal.extend_from_slice(&step.append);
        *mark = step.mark;
        if let Some(head) = step.head {
            saved.head = head;
            return saved;
        }
    }
}

#[test]
fn a_large_state_is_saved_in_steps_that_are_small() {
    let size = Size { stations: 3, voters: 600_000, leaves: 270_000, constituencies: 2, keys: 10, protocols: true };
    let mut state = state(&size);
    let mut mark = Mark::new();
    let saved = save(&state, &mut mark);
    assert!(saved.steps >= 2, "{}", saved.steps);
    let Loaded { state: loaded, mark: loaded_mark, .. } =
        load(&saved.head, &mut saved.journal.as_slice(), &state.election_id()).unwrap();
    assert_eq!(loaded_mark, mark);
    assert_eq!((&loaded.rolls, &loaded.units, &loaded.keys), (&state.rolls, &state.units, &state.keys));
    assert_eq!(loaded.cuts, state.cuts);
    assert_eq!(loaded.ids.ids(0, u32::MAX), state.ids.ids(0, u32::MAX));
    // With ids in a file: the same, and saved from there again as it was.
    let disk = SimDisk::new(0);
    let file = disk.open(Path::new("/ids"), Open::ReadWrite).unwrap();
    let aside = load_aside(&saved.head, &mut saved.journal.as_slice(), &state.election_id(), Some(file)).unwrap();
    assert!(disk.used_bytes() >= 4 * 65_536 * 16);
    assert_eq!(aside.state.ids.ids(0, u32::MAX), state.ids.ids(0, u32::MAX));
    assert_eq!(save(&aside.state, &mut Mark::new()).journal, saved.journal);
    // Going on from there writes what is new only.
    state.ids.push(Some(bytes("id", u32::MAX)));
    state.frontier.push(LeafHashes::of(b"new")).unwrap();
    let more = save(&state, &mut mark);
    assert_eq!((more.steps, more.journal.len()), (1, 8 + 8 + 16 + 32));
}

/// The nation on the evening: `cargo test --release -p tamga-ledger --lib -- --ignored --nocapture national`.
#[test]
#[ignore = "a measurement; takes a release build"]
fn national() {
    for protocols in [false, true] {
        let size =
            Size { stations: 2_600, voters: 4_300_000, leaves: 2_000_000, constituencies: 30, keys: 40_000, protocols };
        let mut state = state(&size);
        let mut mark = Mark::new();
        let saved = save(&state, &mut mark);
        println!("protocols {protocols}: journal {} bytes, head {} bytes", saved.journal.len(), saved.head.len());
        println!("  first save: {} steps, the longest {:?}", saved.steps, saved.longest);
        for _ in 0..3 {
            for leaf in 0..50_000 {
                state.ids.push(Some(bytes("more", leaf + state.ids.len() as u32)));
                state.frontier.push(LeafHashes::of(&leaf.to_be_bytes())).unwrap();
            }
            let more = save(&state, &mut mark.clone());
            println!("  a later save: {} bytes, {:?}", more.journal.len() + more.head.len(), more.longest);
        }
        for _ in 0..3 {
            let started = ran();
            let (stamp, parts) = super::head::open(&saved.head, &state.election_id()).unwrap();
            let opened = ran();
            let mut loaded = super::parts::read(parts).unwrap();
            let together = ran();
            super::journal::read(&mut loaded, &mut saved.journal.as_slice(), &stamp).unwrap();
            let ended = ran();
            println!(
                "  load: {:?} (head {:?}, parts {:?}, journal {:?}), {} leaves",
                ended - started,
                opened - started,
                together - opened,
                ended - together,
                loaded.ids.len()
            );
        }
    }
}

#[test]
fn an_amended_roll_is_saved_anew_and_read_as_it_is() {
    let size = Size { stations: 2, voters: 60, leaves: 90, constituencies: 2, keys: 1, protocols: false };
    let mut state = state(&size);
    let mut mark = Mark::new();
    save(&state, &mut mark);
    let roll = state.rolls.get_mut(&1).unwrap();
    let struck =
        roll.leaves.iter().zip(&roll.admitted).find(|(_, admitted)| **admitted == 0).map(|(leaf, _)| *leaf).unwrap();
    let added = RollLeaf(bytes("added", 1));
    roll.amend(&[struck], &[added]);
    let step = state.save(&mark, None);
    assert_eq!(step.at, 0, "the leaves stand elsewhere: nothing of the earlier journal holds");
    let saved = save(&state, &mut mark);
    let loaded = load(&saved.head, &mut saved.journal.as_slice(), &state.election_id()).unwrap();
    assert_eq!((&loaded.state.rolls, &loaded.mark), (&state.rolls, &mark));
    let roll = &loaded.state.rolls[&1];
    assert!(roll.find(&added).is_some() && roll.find(&struck).is_none() && roll.leaves.len() == 30);
}
