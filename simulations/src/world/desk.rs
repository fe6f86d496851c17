//! One station: the device at the door, the scanner and its boxes.

use super::WorldError;
use crate::keys::Keyring;
use ed25519_dalek::SigningKey;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tamga_client::counting::{BatchBuilder, CountingError, CountsByConstituency};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{BallotBatch, Counters, Protocol, Station};
use tamga_ledger::record::UnitId;

/// A station with one unit.
#[derive(Debug)]
pub struct Desk {
    /// Its unit.
    pub unit: UnitId,
    /// Its constituency; none for remote stations and those abroad.
    pub home: Option<u32>,
    /// Whether it is abroad and closes last.
    pub abroad: bool,
    /// The identification device. It serves one voter at a time, so its records reach the ledger in order.
    pub device: tokio::sync::Mutex<Device>,
    boxes: Mutex<Boxes>,
}

/// The identification device.
#[derive(Debug)]
pub struct Device {
    /// Its key.
    pub key: SigningKey,
    /// Identifications so far, refused ones included.
    pub counter: u64,
}

/// What the station has counted.
#[derive(Debug)]
pub(super) struct Boxes {
    pub(super) builder: BatchBuilder,
    /// Papers since the last batch.
    pub(super) pending: CountsByConstituency,
    /// Papers in all batches.
    pub(super) counted: CountsByConstituency,
    pub(super) counters: Counters,
    /// Made at the close, sent when the embargo ends.
    pub(super) machine_protocol: Option<Protocol>,
}

/// A ballot as it falls into the box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ballot {
    pub(super) constituency: u32,
    pub(super) positions: usize,
    pub(super) choice: usize,
    pub(super) own: bool,
    pub(super) spoiled_before: bool,
}

impl Desk {
    pub(super) fn new(keys: &Keyring, station: &Station, definition: &Definition) -> Result<Self, CountingError> {
        let number = station.number;
        let boxes = Boxes {
            builder: BatchBuilder::new(keys.unit_seed(number), definition)?,
            pending: CountsByConstituency::new(),
            counted: CountsByConstituency::new(),
            counters: Counters::default(),
            machine_protocol: None,
        };
        Ok(Self {
            unit: UnitId { station: number, unit: 1 },
            home: (station.constituency != 0).then_some(station.constituency),
            abroad: station.station_kind == crate::definition::StationKind::Abroad as u8,
            device: tokio::sync::Mutex::new(Device { key: keys.device(number), counter: 0 }),
            boxes: Mutex::new(boxes),
        })
    }

    pub(super) fn boxes(&self) -> MutexGuard<'_, Boxes> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cast(&self, ballot: &Ballot) {
        let mut boxes = self.boxes();
        let row = boxes.pending.entry(ballot.constituency).or_insert_with(|| vec![0; ballot.positions]);
        if let Some(count) = row.get_mut(ballot.choice) {
            *count += 1;
        }
        let (printed, spoiled) = (1 + u32::from(ballot.spoiled_before), u32::from(ballot.spoiled_before));
        let counters = &mut boxes.counters;
        if ballot.own {
            counters.identified_local += 1;
            counters.printed_own += printed;
        } else {
            counters.identified_remote += 1;
            counters.printed_other += printed;
        }
        counters.slips += 1;
        counters.signatures += 1;
        counters.spoiled += spoiled;
        counters.scanned += 1;
    }

    /// The scanner commits what it took since its last batch.
    ///
    /// # Errors
    /// [`WorldError::Counting`].
    pub fn batch(&self, last: bool) -> Result<BallotBatch, WorldError> {
        let mut boxes = self.boxes();
        let batch = {
            let Boxes { builder, pending, .. } = &mut *boxes;
            builder.batch(pending, last)?
        };
        for (constituency, counts) in std::mem::take(&mut boxes.pending) {
            let row = boxes.counted.entry(constituency).or_insert_with(|| vec![0; counts.len()]);
            crate::population::add(row, &counts);
        }
        Ok(batch)
    }

    /// Voters admitted here.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        let counters = self.boxes().counters;
        u64::from(counters.identified_local) + u64::from(counters.identified_remote)
    }
}
