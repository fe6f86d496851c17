//! The attack on the secrecy of the vote, in small: it gains nothing on an honest day, at no checkpoint and from no node's disk, and
//! it finds each of the leaks that are planted here. `#[ignore]` has a larger day.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "test code")]

mod dry;

use dry::Dry;
use ed25519_dalek::SigningKey;
use std::collections::BTreeSet;
use tamga_ledger::commitment::{Blinding, Counts, commit};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{Digest, Maybe, Nonce, RollLeaf};
use tamga_ledger::kinds::*;
use tamga_ledger::record::{Record, Scope, UnitId};
use tamga_ledger::verdict::Verdict;
use tamga_simulations::attack::{Report, Seen, Truth, attack, score};
use tamga_simulations::population::Voter;

/// A day as bytes, and the truth about it.
struct Day {
    dry: Dry,
    entries: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
    truth: Truth,
    register: Vec<String>,
    /// Sizes of every checkpoint that is published on the day: where the sequenced time crosses an interval, and the last.
    sizes: Vec<usize>,
}

fn number(voter: u64) -> String {
    (90_000_000_000_000 + voter).to_string()
}

impl Day {
    fn of(seed: u64, scale: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut dry = Dry::new(seed, scale, folder.path());
        dry.set_up();
        dry.vote();
        dry.count();
        let people = &dry.world.population;
        let size = people.size();
        let vote =
            |visit: &tamga_simulations::population::Visit| (people.home(visit.voter), people.choice(visit.voter));
        let truth = Truth {
            votes: dry.admitted.iter().map(|(leaf, visit)| (*leaf, vote(visit))).collect(),
            stayed_at_home: (size.voting..size.roll).map(|place| number(people.in_line(place).0)).collect(),
            tags: (0..size.roll).map(|voter| dry.world.tag(Voter(voter))).collect(),
        };
        let entries: Vec<Vec<u8>> = dry.leaves.iter().map(|leaf| leaf.entry.clone()).collect();
        let bodies = dry.leaves.iter().map(|leaf| leaf.confidential.clone()).collect();
        let interval_ms = dry.state.election().unwrap().checkpoint_interval_ms;
        let interval = |entry: &Vec<u8>| Entry::from_bytes(entry).unwrap().time_ms / interval_ms;
        let crossed = (1..entries.len()).filter(|at| interval(&entries[at - 1]) < interval(&entries[*at]));
        let sizes = crossed.chain([entries.len()]).collect();
        let register = (0..size.roll).map(number).collect();
        Self { truth, register, sizes, entries, bodies, dry }
    }

    fn attack(&self, size: usize, with_bodies: bool) -> Report {
        let mut seen = self.nothing_seen();
        self.read(&mut seen, 0..size, with_bodies);
        self.judge(&seen, size)
    }

    fn nothing_seen(&self) -> Seen {
        let state = &self.dry.state;
        Seen::new(state.election_id(), (**state.definition()).clone(), self.dry.world.cell_papers_min)
    }

    fn read(&self, seen: &mut Seen, leaves: std::ops::Range<usize>, with_bodies: bool) {
        for leaf in leaves {
            let body = self.bodies.get(leaf).filter(|_| with_bodies).map_or(&[][..], Vec::as_slice);
            seen.read(leaf as u64, &self.entries[leaf], body);
        }
    }

    fn judge(&self, seen: &Seen, size: usize) -> Report {
        let claims = attack(seen, &self.register);
        score(seen, &claims, &self.truth, self.entries.iter().take(size).map(Vec::as_slice))
    }

    /// Rewrites the body of a record, as somebody would who writes what they should not. Nobody asks for signatures here.
    fn rewrite<B: Body>(&mut self, leaf: usize, change: impl FnOnce(&mut B)) {
        let mut entry = Entry::from_bytes(&self.entries[leaf]).unwrap();
        let Payload::Full(signed) = &mut entry.payload else { panic!("a stub") };
        let mut record = signed.parse().unwrap();
        let mut body = B::from_bytes(&record.body).unwrap();
        change(&mut body);
        record.body = body.to_bytes();
        signed.record = record.to_bytes();
        self.entries[leaf] = entry.to_bytes();
    }

    fn append<B: Body>(&mut self, scope: Scope, body: &B) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let election = self.dry.state.election_id();
        let record = Record::draft(election, scope, &[&key], self.entries.len() as u64, Nonce([1; 16]), body);
        let payload = Payload::Full(record.sign(&[&key]).unwrap());
        let entry = Entry { time_ms: self.dry.state.time_ms(), verdict: Verdict::Accepted(vec![]), payload };
        self.entries.push(entry.to_bytes());
        self.bodies.push(vec![]);
    }

    /// The first leaf of a kind that a body of it satisfies.
    fn find<B: Body>(&self, fits: impl Fn(&Record, &B) -> bool) -> usize {
        let matches = |entry: &Vec<u8>| {
            let Payload::Full(signed) = Entry::from_bytes(entry).unwrap().payload else { return false };
            let record = signed.parse().unwrap();
            record.kind == B::KIND as u16 && B::from_bytes(&record.body).is_ok_and(|body| fits(&record, &body))
        };
        self.entries.iter().position(matches).unwrap()
    }
}

fn all(day: &Day, with_bodies: bool) -> Report {
    day.attack(day.entries.len(), with_bodies)
}

fn nothing_is_gained(seed: u64, scale: f64) {
    let day = Day::of(seed, scale);
    let (mut seen, mut read) = (day.nothing_seen(), 0);
    println!("{} checkpoints", day.sizes.len());
    for size in &day.sizes {
        day.read(&mut seen, read..*size, false);
        read = *size;
        let public = day.judge(&seen, *size);
        assert!(public.is_secret(), "the public at {size}: {public}");
    }
    let node = all(&day, true);
    println!("a node, in the end: {node}");
    assert!(node.is_secret(), "a node: {node}");
    assert_eq!(node.voters, day.truth.votes.len() as u64, "the attack reads what there is");
    assert!(node.by_guessing > 0 && node.by_guessing < node.voters, "{node}");
}

#[test]
fn nothing_is_gained_at_any_checkpoint_nor_from_what_a_node_stores() {
    nothing_is_gained(11, 0.001);
}

#[test]
#[ignore = "a larger day, for a release build: some minutes"]
fn nothing_is_gained_on_a_larger_day() {
    nothing_is_gained(12, 0.02);
}

/// Hand protocol of a station whose unit also has cells of a few papers.
fn hand(record: &Record, body: &Protocol) -> bool {
    body.basis == 1 && record.scope == Scope::Unit(UnitId { station: 3, unit: 1 })
}

#[test]
fn a_units_seed_in_a_protocol_is_found_and_opens_its_cells() {
    let mut day = Day::of(13, 0.001);
    let seed = day.dry.world.keys.unit_seed_bytes(3);
    let leaf = day.find(hand);
    day.rewrite(leaf, |body: &mut Protocol| body.scan = Maybe(Some(Digest(seed))));
    let report = all(&day, false);
    assert!(report.how.contains("a seed that slipped out") && !report.is_secret(), "{report}");
    // Whoever also has the bodies knows whose paper it was.
    let node = all(&day, true);
    assert!(node.right > node.by_guessing, "{node}");
}

#[test]
fn a_cell_without_blinding_is_opened() {
    let mut day = Day::of(14, 0.001);
    let leaf = day.find(|_, body: &BallotBatch| body.cells.iter().any(|cell| cell.papers == 1));
    day.rewrite(leaf, |body: &mut BallotBatch| {
        let cell = body.cells.iter_mut().find(|cell| cell.papers == 1).unwrap();
        cell.commitment = commit(&Counts::new(vec![0, 1]).unwrap(), &Blinding::from_canonical_bytes([0; 32]).unwrap());
    });
    let report = all(&day, false);
    assert!(report.how.contains("no blinding"), "{report}");
}

#[test]
fn a_second_total_without_one_unit_is_a_difference() {
    let mut day = Day::of(15, 0.001);
    let leaf = day.find(|record, body: &TotalOpening| {
        matches!(record.scope, Scope::Constituency(_)) && body.basis == 0 && body.counts.iter().max() > Some(&2)
    });
    let Payload::Full(signed) = Entry::from_bytes(&day.entries[leaf]).unwrap().payload else { panic!("a stub") };
    let opening = TotalOpening::from_bytes(&signed.parse().unwrap().body).unwrap();
    let place = opening.constituency as usize - 1;
    let most = opening.counts.iter().copied().max().unwrap();
    let few = |unit: &UnitId| {
        let state = day.dry.state.unit(*unit).unwrap();
        (1..=most).contains(&u64::from(state.cells[place].papers))
            && day.dry.state.definition().station(unit.station).unwrap().constituency != opening.constituency
    };
    let unit = day.dry.state.definition().units().find(few).unwrap();
    let papers = u64::from(day.dry.state.unit(unit).unwrap().cells[place].papers);
    let annul = LegalAct {
        number: "1".into(),
        date: "2025-12-05".into(),
        issuer: Issuer::Central as u8,
        issuer_number: 0,
        effect: ActEffect::Annul,
        effective_ms: 0,
        final_act: 0,
        document: Digest([1; 32]),
    };
    day.append(Scope::Unit(unit), &annul);
    let mut second = opening.clone();
    *second.counts.iter_mut().find(|count| **count == most).unwrap() -= papers;
    day.append(Scope::Constituency(opening.constituency), &second);
    let report = all(&day, false);
    assert!(report.how.contains("one total less another"), "{report}");
}

#[test]
fn an_observers_copy_of_three_papers_is_an_opening() {
    let mut day = Day::of(16, 0.001);
    let copy = Countersign {
        target: Maybe(None),
        finding: Finding::Copy as u8,
        lines: vec![],
        counts: vec![2, 0, 1],
        photo: Maybe(None),
    };
    day.append(Scope::Unit(UnitId { station: 2, unit: 1 }), &copy);
    let report = all(&day, false);
    assert!(report.how.contains("published"), "{report}");
}

#[test]
fn a_roll_of_unkeyed_hashes_names_who_stayed_at_home() {
    let mut day = Day::of(17, 0.001);
    let voters: Vec<u64> = day.dry.world.population.roll(1).collect();
    let leaf = day.find(|record, _: &RollChunk| record.scope == Scope::Station(1));
    let plain = |voter: &u64| RollLeaf(*blake3::hash(number(*voter).as_bytes()).as_bytes().first_chunk().unwrap());
    let leaves: BTreeSet<RollLeaf> = voters.iter().map(plain).collect();
    day.rewrite(leaf, |body: &mut RollChunk| body.leaves = leaves.iter().flat_map(|leaf| leaf.0).collect());
    let report = all(&day, false);
    assert!(report.abstainers_named > 0, "{report}");
}

#[test]
fn a_tag_in_the_clear_is_found() {
    let mut day = Day::of(18, 0.001);
    let tag = day.dry.world.tag(Voter(5));
    let leaf = day.find(hand);
    day.rewrite(leaf, |body: &mut Protocol| body.scan = Maybe(Some(Digest(tag.0))));
    assert_eq!(all(&day, false).tags_in_the_clear, 1);
}
