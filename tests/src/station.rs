//! One station: whom it admitted, what lies in its boxes, and the records that its scanner and members sign at the close.

use crate::world::{CELL_PAPERS_MIN, POSITIONS, Voter, World, constituency_of, unit};
use ed25519_dalek::SigningKey;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tamga_client::author::{close_phase, lines_of};
use tamga_client::counting::{Aggregator, BatchBuilder, CountsByConstituency, commit_cells};
use tamga_ledger::definition::Definition;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{Maybe, Nonce};
use tamga_ledger::kinds::{Basis, Body as _, Cell, Counters, Protocol};
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;
use tamga_simulations::definition::{FORM, FORM_VERSION, form};
use tamga_simulations::keys::Keyring;

/// A station's device, boxes and count.
#[derive(Debug)]
pub struct Desk {
    station: u32,
    home: Option<u32>,
    voters: AtomicU64,
    boxes: Mutex<Boxes>,
}

#[derive(Debug)]
struct Boxes {
    builder: BatchBuilder,
    pending: CountsByConstituency,
    counted: CountsByConstituency,
    counters: Counters,
}

/// The commission's nationwide sums, machine and hand, by constituency.
#[derive(Debug)]
pub struct Sums([Vec<Aggregator>; 2]);

impl Default for Sums {
    fn default() -> Self {
        Self(Basis::ALL.map(|basis| (1..=2).map(|number| Aggregator::new(basis, number)).collect()))
    }
}

impl Desk {
    pub(crate) fn new(keys: &Keyring, station: u32, home: u32, definition: &Definition) -> Self {
        let boxes = Boxes {
            builder: BatchBuilder::new(keys.unit_seed(station), definition).unwrap(),
            pending: CountsByConstituency::new(),
            counted: CountsByConstituency::new(),
            counters: Counters::default(),
        };
        Self { station, home: (home != 0).then_some(home), voters: AtomicU64::new(0), boxes: Mutex::new(boxes) }
    }

    /// The device's own counter, advanced.
    pub(crate) fn next_voter(&self) -> u64 {
        self.voters.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An admitted voter's ballot falls into the box; the choice follows from the voter's number.
    pub fn cast(&self, voter: Voter) {
        let mut boxes = self.boxes.lock().unwrap_or_else(PoisonError::into_inner);
        let row = boxes.pending.entry(constituency_of(voter.home)).or_insert_with(|| vec![0; POSITIONS]);
        row[voter.number as usize % POSITIONS] += 1;
        let counters = &mut boxes.counters;
        if voter.home == self.station {
            counters.identified_local += 1;
            counters.printed_own += 1;
        } else {
            counters.identified_remote += 1;
            counters.printed_other += 1;
        }
        counters.slips += 1;
        counters.signatures += 1;
        counters.scanned += 1;
    }
}

/// Everything that one station hands in after the last voter, in order.
#[derive(Debug)]
pub struct Closing {
    /// The scanner's last batch.
    pub batch: Submission,
    /// The final report.
    pub report: Submission,
    /// Protocol of the machine's count.
    pub machine: Submission,
    /// Protocol of the count by hand.
    pub hand: Submission,
    /// Opens the machine's own count, where it may be shown.
    pub opening: Option<Submission>,
    /// Papers of the own constituency, by position, where they may be shown.
    pub own: Option<Vec<u64>>,
}

impl World {
    /// Closes a station. What opens its other cells goes to `sums`.
    ///
    /// # Panics
    /// If it is closed twice.
    #[must_use]
    pub fn close(&self, station: u32, sums: &mut Sums) -> Closing {
        let desk = self.desk(station);
        let mut boxes = desk.boxes.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = std::mem::take(&mut boxes.pending);
        let batch = boxes.builder.batch(&counted, true).unwrap();
        boxes.counted = counted;
        let members = self.keys.members(station);
        let members: Vec<&SigningKey> = members.iter().collect();
        let own = desk.home.and_then(|home| boxes.counted.get(&home)).cloned();
        let own = own.filter(|counts| counts.iter().sum::<u64>() >= u64::from(CELL_PAPERS_MIN));
        let machine = Protocol {
            closing_salt: Maybe(Some(Nonce([9; 16]))),
            ..self.protocol(desk, &boxes, Basis::Machine, own.clone(), Vec::new())
        };
        let report = close_phase(self.list_total(station), boxes.counters, Some(machine.closing_digest()));
        let cells = self.hand_cells(desk, &boxes, own.is_some(), sums);
        let hand = self.protocol(desk, &boxes, Basis::Hand, own.clone(), cells);
        let opening = own.as_ref().and_then(|_| boxes.builder.opening(desk.home?));
        let (unit, form) = (unit(station), form());
        Closing {
            batch: self.scribe.ballot_batch(&self.keys.scanner(station), unit, &batch).unwrap(),
            report: self.scribe.phase(&members, unit, &report).unwrap(),
            machine: self.scribe.protocol(&members, unit, &form, &machine, None).unwrap(),
            hand: self.scribe.protocol(&members, unit, &form, &hand, None).unwrap(),
            opening: opening.map(|opening| self.scribe.own_opening(&members, unit, &opening).unwrap()),
            own,
        }
    }

    /// A protocol again in place of `entry`'s, with the same figures and the reason "a slip of the pen".
    ///
    /// # Panics
    /// If the entry is no protocol.
    #[must_use]
    pub fn corrected(&self, station: u32, entry: &[u8]) -> Submission {
        let entry = Entry::from_bytes(entry).unwrap();
        let Payload::Full(signed) = &entry.payload else { panic!("a stub is no protocol") };
        let mut protocol = Protocol::from_bytes(&signed.parse().unwrap().body).unwrap();
        protocol.explanation = 1;
        let members = self.keys.members(station);
        let members: Vec<&SigningKey> = members.iter().collect();
        self.scribe.protocol(&members, unit(station), &form(), &protocol, Some(entry.record_id())).unwrap()
    }

    fn hand_cells(&self, desk: &Desk, boxes: &Boxes, own_shown: bool, sums: &mut Sums) -> Vec<Cell> {
        let shown = desk.home.filter(|_| own_shown);
        let mut counts = boxes.counted.clone();
        if let Some(home) = shown {
            counts.remove(&home);
        }
        let seed = self.keys.unit_seed(desk.station);
        let (cells, openings) = commit_cells(&seed, 1, &self.definition, &counts, shown).unwrap();
        for opening in &openings {
            let place = opening.constituency as usize - 1;
            sums.0[Basis::Hand as usize][place].add(opening).unwrap();
            let machine = boxes.builder.opening(opening.constituency).unwrap();
            sums.0[Basis::Machine as usize][place].add(&machine).unwrap();
        }
        cells
    }

    /// Opens the nationwide sums that have enough papers, or none at all.
    ///
    /// # Panics
    /// If no station was closed.
    #[must_use]
    pub fn remote_openings(&self, sums: &Sums) -> Vec<Submission> {
        let openings = sums.0.iter().flatten().map(|sum| sum.opening().unwrap());
        let shown = openings.filter(|opening| !(1..u64::from(CELL_PAPERS_MIN)).contains(&opening.papers()));
        shown.map(|opening| self.scribe.remote_opening(&self.commission, &opening).unwrap()).collect()
    }

    fn protocol(&self, desk: &Desk, boxes: &Boxes, basis: Basis, own: Option<Vec<u64>>, cells: Vec<Cell>) -> Protocol {
        let c = boxes.counters;
        let own_papers = desk.home.and_then(|home| boxes.counted.get(&home)).map_or(0, |counts| counts.iter().sum());
        let papers: u64 = boxes.counted.values().flatten().sum();
        let counts = own.unwrap_or_default();
        let invalid = counts.last().copied().unwrap_or(0);
        let lines = lines_of(&form(), |code| match code {
            "1" => u64::from(self.list_total(desk.station)),
            "2" => u64::from(c.identified_local),
            "3" => u64::from(c.identified_remote),
            "4" => u64::from(c.printed_own),
            "5" => u64::from(c.printed_other),
            "7" => own_papers,
            "8" => papers - own_papers,
            "9" => invalid,
            "10" => counts.iter().sum::<u64>() - invalid,
            _ => 0,
        });
        Protocol {
            form: FORM.to_owned(),
            form_version: FORM_VERSION,
            basis: basis as u8,
            lines,
            counts,
            cells,
            seals: Vec::new(),
            present: self.keys.members(desk.station).iter().map(|key| sign::public_key(key).id()).collect(),
            dissenting: Vec::new(),
            explanation: 0,
            scan: Maybe(None),
            closing_salt: Maybe(None),
        }
    }
}
