//! How fast entries give the judging state again: `cargo bench --package tamga-ledger --bench state`.
//!
//! Method: ten thousand identifications at three stations, each with its registry attestation, from memory; one run each,
//! by the clock and by the thread's own time, which other work on the machine does not change.
//! The saved state of the whole nation is measured by `saved::tests::national`, which needs states too large to sign.

#![allow(clippy::unwrap_used, unreachable_pub, dead_code, reason = "a measurement that shares the tests' kit")]

#[path = "../tests/kit/mod.rs"]
mod kit;

use std::time::{Duration, Instant};

use kit::*;
use rayon::prelude::*;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::judge::NewLeaf;
use tamga_ledger::kinds::*;
use tamga_ledger::record::Scope;
use tamga_ledger::state::State;
use tamga_ledger::submission::{Authentic, Confidential, Submission, authenticate_submission, reread};
use tamga_ledger::verdict::Verdict;

const VOTERS: u32 = ROLL_CHUNK_LEAVES_MAX as u32;

fn main() {
    let leaves = identifications();
    println!("{} entries", leaves.len());
    replay("with signatures, one thread", &leaves, verified);
    let state = replay("without signatures (own store, below a published checkpoint)", &leaves, |leaf, state| {
        let entry = Entry::from_bytes(&leaf.entry).unwrap();
        reread(&entry, leaf.confidential.clone(), &state.election_id(), &state).unwrap().unwrap()
    });
    // As a node does at start: signatures on all cores, in rounds, then judged in order.
    let started = Instant::now();
    let mut judged = State::empty();
    for round in leaves.chunks(2_048) {
        let keys = &state;
        let authentic: Vec<Authentic> = round.par_iter().map(|leaf| verified(leaf, keys)).collect();
        for (leaf, authentic) in round.iter().zip(authentic) {
            judge(&mut judged, leaf, authentic);
        }
    }
    let a_second = leaves.len() as f64 / started.elapsed().as_secs_f64();
    println!("  with signatures, all cores: {a_second:.0} entries/s by the clock");
    assert_eq!(judged.head(), state.head());
}

fn identifications() -> Vec<NewLeaf> {
    let mut world = World::new();
    world.define();
    world.register_keys();
    for station in 1..=3 {
        let mut leaves: Vec<_> = (0..VOTERS).map(|number| tag(voter(station, 0) * 10 + number).roll_leaf()).collect();
        leaves.sort();
        let leaves = leaves.iter().flat_map(|leaf| leaf.0).collect();
        let chunk = RollChunk { list_version: 1, number: 0, chunks: 1, total: VOTERS, leaves };
        let verdict = world.record(Scope::Station(station), &[&registry_key()], &chunk);
        assert_eq!(verdict, Verdict::Accepted(vec![]));
    }
    for station in 1..=3 {
        world.phase(station, Phase::Open, Counters::default());
        for number in 0..VOTERS {
            world.time_ms += 20;
            assert_eq!(world.identify(station, station, voter(station, 0) * 10 + number), Verdict::Accepted(vec![]));
        }
    }
    world.leaves
}

/// The election id in the record itself: zeros in the first.
fn verified(leaf: &NewLeaf, keys: &State) -> Authentic {
    let Payload::Full(signed) = Entry::from_bytes(&leaf.entry).unwrap().payload else { panic!("a stub") };
    let election = signed.parse().unwrap().election;
    let submission = Submission { signed, confidential: leaf.confidential.clone() };
    authenticate_submission(submission, &election, &keys, Confidential::Required).unwrap()
}

fn judge(state: &mut State, leaf: &NewLeaf, authentic: Authentic) {
    let entry = Entry::from_bytes(&leaf.entry).unwrap();
    assert_eq!(state.replay(&entry, &leaf.entry, authentic).unwrap().entry, leaf.entry);
}

fn replay(what: &str, leaves: &[NewLeaf], read: impl Fn(&NewLeaf, &State) -> Authentic) -> State {
    let started = (Instant::now(), ran());
    let mut state = State::empty();
    for leaf in leaves {
        let authentic = read(leaf, &state);
        judge(&mut state, leaf, authentic);
    }
    print(what, leaves.len(), started);
    state
}

fn print(what: &str, entries: usize, started: (Instant, Duration)) {
    let (clock, ran) = (started.0.elapsed(), ran() - started.1);
    let a_second = |time: Duration| entries as f64 / time.as_secs_f64();
    println!("  {what}: {:.0} entries/s by the clock, {:.0} of this thread's time", a_second(clock), a_second(ran));
}

/// Time that this thread has run: what the machine's other work does not change.
fn ran() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}
