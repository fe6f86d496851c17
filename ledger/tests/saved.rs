//! The saved state is the state, or it is discarded with a reason.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use proptest::prelude::*;
use std::sync::LazyLock;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{Digest, ElectionId, Maybe};
use tamga_ledger::judge::NewLeaf;
use tamga_ledger::kinds::*;
use tamga_ledger::saved::{self, FileReader, Mark, SavedError};
use tamga_ledger::state::State;
use tamga_ledger::store::LogPosition;
use tamga_ledger::submission::{Confidential, Submission, authenticate_submission, reread};
use tamga_ledger::verdict::Verdict;
use tamga_platform::disk::{Disk as _, MemDisk, Open};

/// The two files of a saved state, as a node keeps them.
#[derive(Debug, Clone, Default)]
struct Files {
    head: Vec<u8>,
    journal: Vec<u8>,
    mark: Mark,
}

impl Files {
    fn of(state: &State) -> Self {
        let mut files = Self::default();
        files.save(state);
        files
    }

    /// Saves; says how many bytes the journal grew.
    fn save(&mut self, state: &State) -> usize {
        let before = self.mark.journal_bytes();
        loop {
            let step = state.save(&self.mark, Some(LogPosition { term: 3, leader: 2, index: 1_000 }));
            let at = step.at as usize;
            assert!(at <= self.journal.len(), "the journal has no holes");
            let end = at + step.append.len();
            self.journal.resize(end.max(self.journal.len()), 0xee);
            self.journal[at..end].copy_from_slice(&step.append);
            self.mark = step.mark;
            if let Some(head) = step.head {
                self.head = head;
                return self.mark.journal_bytes().saturating_sub(before) as usize;
            }
        }
    }

    fn load(&self, election: &ElectionId) -> Result<saved::Loaded, SavedError> {
        saved::load(&self.head, &mut self.journal.as_slice(), election)
    }
}

/// One whole election with refusals, flags, collisions, corrections; `at` sees the world after each record.
fn story(mut at: impl FnMut(&World)) -> World {
    let mut world = World::new();
    at(&world);
    world.define();
    world.register_keys();
    at(&world);
    for station in 1..=3 {
        world.roll(station);
        at(&world);
    }
    assert_eq!(world.govern(&[1, 2, 3], &node_add(2, NodeRole::Learner, node_keys(4))), Verdict::Accepted(vec![]));
    assert_eq!(world.seal(Stage::Roll), Verdict::Accepted(vec![]));
    for (station, _, _) in STATIONS {
        world.phase(station, Phase::Open, Counters::default());
    }
    at(&world);
    for number in 0..12 {
        world.identify(1, 1, voter(1, number));
        world.identify(3, 3, voter(3, number));
        world.identify(4, 1, voter(1, number + 12));
        world.time_ms += 700;
    }
    at(&world);
    world.identify(1, 1, voter(1, 3));
    world.identify(2, 1, voter(1, 25));
    world.phase(1, Phase::OfflineStart, Counters::default());
    let offline = world.identification_with(1, 1, voter(1, 0), 0, vec![]);
    world.submit(&offline);
    let offline = world.identification_with(1, 1, voter(1, 28), 0, vec![]);
    world.submit(&offline);
    world.phase(1, Phase::OfflineEnd, Counters::default());
    at(&world);
    for (station, _, _) in STATIONS {
        world.batch(station, 1, [[3, 4, 3, 1, 1], [1, 0, 0, 0, 0]], false);
        world.batch(station, 2, [[0, 0, 0, 0, 0], [0, 2, 0, 0, 0]], true);
        at(&world);
        world.phase(station, Phase::Close, Counters::default());
    }
    at(&world);
    assert_eq!(world.seal(Stage::Voting), Verdict::Accepted(vec![]));
    world.time_ms = EMBARGO_MS + 1;
    for (station, _, _) in STATIONS {
        protocol(&mut world, station);
        at(&world);
    }
    let opening = TotalOpening { basis: 0, constituency: 1, counts: vec![3, 4, 3, 1, 1], blinding: Digest([0; 32]) };
    world.by_members(1, &opening);
    world.govern(&[1, 2, 3], &Governance::NodeRemove { node: 4, reason: 1 });
    at(&world);
    world
}

/// A hand protocol; whether it is accepted does not matter here.
fn protocol(world: &mut World, station: u32) -> Verdict {
    let line = |code: &str, value| LineValue { code: code.to_owned(), value };
    let body = Protocol {
        form: "test".to_owned(),
        form_version: 1,
        basis: 1,
        lines: vec![line("1", 30), line("2", 12), line("9", 1), line("10", 11)],
        counts: vec![3, 4, 3, 1, 1],
        cells: vec![Cell {
            constituency: if station == 3 { 1 } else { 2 },
            papers: 3,
            commitment: tamga_ledger::commitment::commit(
                &tamga_ledger::commitment::Counts::new(vec![1, 2, 0, 0, 0]).unwrap(),
                &blinding(station, 9, 2),
            ),
        }],
        seals: vec![],
        present: vec![],
        dissenting: vec![],
        explanation: 0,
        scan: Maybe(None),
        closing_salt: Maybe(None),
    };
    world.by_members(station, &body)
}

/// Every byte that is saved of both is the same, and everything of a state is saved.
fn assert_same(a: &State, b: &State) {
    assert_eq!(a.head(), b.head());
    let (a, b) = (Files::of(a), Files::of(b));
    assert!(a.head == b.head && a.journal == b.journal);
}

/// Replays leaves; each has to come out as it was.
fn replay(state: &mut State, leaves: &[NewLeaf]) {
    for leaf in leaves {
        let entry = Entry::from_bytes(&leaf.entry).unwrap();
        let Payload::Full(signed) = &entry.payload else {
            state.replay_unread(Some(&entry), &leaf.entry);
            continue;
        };
        let submission = Submission { signed: signed.clone(), confidential: leaf.confidential.clone() };
        let election = state.election_id();
        let authentic = authenticate_submission(submission, &election, &&*state, Confidential::Required).unwrap();
        assert_eq!(state.replay(&entry, &leaf.entry, authentic).unwrap(), *leaf);
    }
}

#[test]
fn what_is_loaded_judges_as_what_was_saved() {
    let mut snapshots = Vec::new();
    let world = story(|world| {
        let loaded = Files::of(&world.state).load(&world.state.election_id()).unwrap();
        assert_eq!(loaded.position, Some(LogPosition { term: 3, leader: 2, index: 1_000 }));
        assert_same(&loaded.state, &world.state);
        snapshots.push(loaded.state);
    });
    let verdicts: Vec<u8> = world.leaves.iter().map(|leaf| leaf.verdict.number()).collect();
    assert!((0..3).all(|number| verdicts.contains(&number)), "the story has every kind of verdict");
    assert!(snapshots.len() > 12);
    for mut state in snapshots {
        let from = state.head().size.get() as usize;
        replay(&mut state, &world.leaves[from..]);
        assert_same(&state, &world.state);
    }
}

#[test]
fn entries_of_the_own_store_are_read_again_without_signatures_and_judged_alike() {
    let world = story(|_| {});
    let mut state = State::empty();
    for leaf in &world.leaves {
        let entry = Entry::from_bytes(&leaf.entry).unwrap();
        let authentic = reread(&entry, leaf.confidential.clone(), &state.election_id(), &state).unwrap();
        match authentic {
            Some(authentic) => assert_eq!(state.replay(&entry, &leaf.entry, authentic).unwrap(), *leaf),
            None => state.replay_unread(Some(&entry), &leaf.entry),
        }
    }
    assert_same(&state, &world.state);
}

#[test]
fn a_save_goes_on_where_the_one_before_it_ended() {
    let (mut files, mut grown) = (Files::default(), Vec::new());
    let world = story(|world| {
        grown.push(files.save(&world.state));
        let loaded = files.load(&world.state.election_id()).unwrap();
        assert_same(&loaded.state, &world.state);
        assert_eq!(loaded.mark, files.mark, "and after a load from there too");
    });
    let roll = 3 * VOTERS_A_STATION as usize * 16;
    assert!(files.journal.len() > roll && grown.iter().skip(6).all(|bytes| *bytes < roll), "the roll is written once");
    assert_eq!(files.save(&world.state), 0, "nothing new, nothing written");
}

#[test]
fn a_crash_during_a_save_costs_nothing() {
    // Each save is cut before its head, and the next one goes on from what was loaded.
    let mut files = Files::default();
    files.save(&World::new().state);
    story(|world| {
        let election = world.state.election_id();
        let before = files.load(&election).unwrap();
        let mut torn = files.clone();
        torn.mark = before.mark.clone();
        torn.save(&world.state);
        // The journal is ahead by any number of bytes; the head is the old one.
        for cut in [files.journal.len(), usize::midpoint(files.journal.len(), torn.journal.len()), torn.journal.len()] {
            let torn = Files { head: files.head.clone(), journal: torn.journal[..cut].to_vec(), ..files.clone() };
            assert_same(&torn.load(&election).unwrap().state, &before.state);
        }
        files = Files { mark: before.mark, head: files.head.clone(), journal: torn.journal };
        files.save(&world.state);
        assert_same(&files.load(&election).unwrap().state, &world.state);
    });
}

#[test]
fn a_new_journal_overwrites_a_useless_one() {
    let world = story(|_| {});
    let mut files = Files { journal: vec![0x55; 1 << 20], ..Files::default() };
    files.save(&world.state);
    assert_same(&files.load(&world.state.election_id()).unwrap().state, &world.state);
    // A mark of a later state than the one that is saved.
    let earlier = World::new();
    files.save(&earlier.state);
    assert_same(&files.load(&earlier.state.election_id()).unwrap().state, &earlier.state);
}

/// The story's end, saved.
static SAVED: LazyLock<(Files, ElectionId)> = LazyLock::new(|| {
    let world = story(|_| {});
    (Files::of(&world.state), world.state.election_id())
});

#[test]
fn each_doubt_has_its_own_reason() {
    let (files, election) = &*SAVED;
    let with = |change: &dyn Fn(&mut Files)| {
        let mut files = files.clone();
        change(&mut files);
        files.load(election).unwrap_err()
    };
    let last = files.journal.len() - 1;
    assert!(matches!(with(&|files| files.head.clear()), SavedError::Head("cut off")));
    assert!(matches!(with(&|files| files.head[0] ^= 1), SavedError::Head("not one")));
    assert!(matches!(with(&|files| files.head[8] = 250), SavedError::Version { found: 250 }));
    assert!(matches!(with(&|files| files.head.truncate(files.head.len() - 1)), SavedError::Head("cut off")));
    assert!(matches!(with(&|files| files.head[400] ^= 1), SavedError::Head(_)));
    assert!(matches!(with(&|files| files.journal.truncate(last)), SavedError::JournalShort { .. }));
    assert!(matches!(with(&|files| files.journal.clear()), SavedError::JournalShort { at: 0, .. }));
    assert!(matches!(with(&|files| files.journal[last] ^= 1), SavedError::Journal { .. }));
    assert!(matches!(with(&|files| files.journal[100] ^= 1), SavedError::Journal { at: 0, .. }));
    let other = ElectionId([9; 32]);
    assert!(matches!(files.load(&other).unwrap_err(), SavedError::OtherElection(id) if id == *election));
    // Two blocks in each other's place.
    let first = 8 + u32::from_le_bytes(files.journal[4..8].try_into().unwrap()) as usize + 32;
    assert!(matches!(
        with(&|files| files.journal.rotate_left(first)),
        SavedError::Journal { at: 0, what: "its digest differs" }
    ));
    assert_eq!(saved::peek(&files.head, election).unwrap().journal_bytes, files.journal.len() as u64);
}

#[test]
fn it_is_read_from_a_disk() {
    let (files, election) = &*SAVED;
    let disk = MemDisk::default();
    let file = disk.open("journal".as_ref(), Open::ReadWrite).unwrap();
    file.write_all_at(&files.journal, 0).unwrap();
    let loaded = saved::load(&files.head, &mut FileReader::new(file.as_ref()), election).unwrap();
    assert_eq!(loaded.mark, files.mark);
}

const fn ignore(_: &Verdict) {}

/// One thing that happens on an election day; whether it is allowed does not matter.
fn happen(world: &mut World, what: u8, station: u32, number: u32) {
    let home = station.min(3);
    match what {
        0..=4 => ignore(&world.identify(station, home, voter(home, number))),
        5 => {
            let offline = world.identification_with(station, home, voter(home, number), 0, vec![]);
            world.submit(&offline);
        }
        6 => ignore(&world.phase(
            station,
            Phase::from_number(number as u8 % 8).unwrap_or(Phase::Balance),
            Counters::default(),
        )),
        7 => ignore(&world.batch(station, number % 4, [[u64::from(number), 0, 1, 0, 0], [0, 2, 0, 0, 1]], number == 3)),
        8 => ignore(&protocol(world, station)),
        9 => {
            let keys = node_keys(4 + number);
            world.govern(&[1, 2, 3], &node_add(home, NodeRole::Learner, keys));
        }
        10 => ignore(&world.govern(&[1, 2, 3], &Governance::NodeRemove { node: number, reason: 1 })),
        _ => world.time_ms += u64::from(number) * 60_000,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_day_is_loaded_as_it_was_saved_and_goes_on_alike(
        before in proptest::collection::vec((0_u8..12, 1_u32..5, 0_u32..30), 0..25),
        after in proptest::collection::vec((0_u8..12, 1_u32..5, 0_u32..30), 1..25),
    ) {
        let (mut world, mut files) = (World::open(), Files::default());
        for (what, station, number) in before {
            happen(&mut world, what, station, number);
            files.save(&world.state);
        }
        files.save(&world.state);
        let mut loaded = files.load(&world.state.election_id()).unwrap().state;
        assert_same(&loaded, &world.state);
        let from = world.leaves.len();
        for (what, station, number) in after {
            happen(&mut world, what, station, number);
        }
        replay(&mut loaded, &world.leaves[from..]);
        prop_assert_eq!(loaded.head(), world.state.head());
        // Verdicts on what comes next are the same, too.
        let next = world.identification(1, 1, voter(1, 29));
        let mut other = World { state: loaded, leaves: Vec::new(), time_ms: world.time_ms, sequence: world.sequence };
        let alike = other.submit(&next);
        prop_assert_eq!(world.submit(&next), alike);
        assert_same(&other.state, &world.state);
    }
}

/// A head whose payload was changed by somebody who can compute checksums.
fn resealed(mut head: Vec<u8>) -> Vec<u8> {
    let end = head.len() - 32;
    let length = (end - 20) as u64;
    head[12..20].copy_from_slice(&length.to_le_bytes());
    let sum = *blake3::hash(&head[..end]).as_bytes();
    head[end..].copy_from_slice(&sum);
    head
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damage_is_found_wherever_it_is(at in any::<prop::sample::Index>(), bit in 0_u8..8, in_head in any::<bool>()) {
        let (mut files, election) = SAVED.clone();
        let bytes = if in_head { &mut files.head } else { &mut files.journal };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(files.load(&election).is_err());
    }

    #[test]
    fn a_cut_is_found_wherever_it_is(at in any::<prop::sample::Index>(), in_head in any::<bool>()) {
        let (mut files, election) = SAVED.clone();
        let bytes = if in_head { &mut files.head } else { &mut files.journal };
        let at = at.index(bytes.len());
        bytes.truncate(at);
        prop_assert!(files.load(&election).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(head in proptest::collection::vec(any::<u8>(), 0..300), journal in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (_, election) = &*SAVED;
        let load = |head: &[u8], journal: &[u8]| saved::load(head, &mut &*journal, election).is_err();
        prop_assert!(load(&head, &journal));
        prop_assert!(load(&SAVED.0.head, &journal));
        let framed: Vec<u8> =
            SAVED.0.head[..12].iter().copied().chain([0; 8]).chain(head).chain([0; 32]).collect();
        prop_assert!(load(&resealed(framed), &SAVED.0.journal));
    }

    /// Checksums that hold over content that nobody wrote: read or refused, never a panic.
    #[test]
    fn false_content_under_true_checksums_does_no_harm(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (mut files, election) = SAVED.clone();
        let payload = 20..files.head.len() - 32;
        for (at, byte) in changes {
            files.head[payload.start + at.index(payload.len())] = byte;
        }
        files.head = resealed(files.head);
        if let Ok(loaded) = files.load(&election) {
            prop_assert_eq!(loaded.state.election_id(), election);
            let _ = tamga_ledger::tally::tally(&loaded.state);
        }
    }
}
