//! The simulated world: it knows voters, keys and ballots, and writes what stations and commissions would send.
//!
//! | file | what |
//! |---|---|
//! | `desk` | one station: its device, its boxes, its count |
//! | `paper` | the records a station's members sign: closing, protocols, openings |
//! | `commission` | the nationwide sums that are opened |

mod commission;
mod desk;
mod paper;

pub use commission::Sums;
pub use desk::{Desk, Device};

use crate::keys::Keyring;
use crate::population::{Population, Visit, Voter};
use crate::schedule::Schedule;
use ed25519_dalek::SigningKey;
use std::sync::Arc;
use tamga_client::author::{AuthorError, IdentificationFacts, Mode, Scribe};
use tamga_client::counting::CountingError;
use tamga_client::registry::{PersonalNumber, Registry, TagKeys};
use tamga_ledger::definition::Definition;
use tamga_ledger::ids::{RollLeaf, Tag};
use tamga_ledger::kinds::{AttestedVoter, Form};
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;
use tamga_ledger::trust::Trust;
use tamga_platform::clock::Clock;
use tamga_platform::entropy::{Entropy, random_bytes};

/// Personal numbers of the simulated voters begin here: no real one begins with a 9.
const PERSONAL_NUMBER_FIRST: u64 = 90_000_000_000_000;

/// Why the world cannot write a record. None of these depends on the cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// A record.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// A count.
    #[error(transparent)]
    Counting(#[from] CountingError),
    /// Out of order.
    #[error("the simulation is out of order: {0}")]
    Order(&'static str),
}

/// Everything outside the cluster.
#[derive(Debug)]
pub struct World {
    /// The voters.
    pub population: Population,
    /// When the run passes the hours of the day.
    pub schedule: Schedule,
    /// The election's definition.
    pub definition: Definition,
    /// The protocol form.
    pub form: Form,
    /// What verifiers pin.
    pub trust: Trust,
    /// Writes records.
    pub scribe: Scribe,
    /// Attests voters.
    pub registry: Registry,
    /// The commission's record key.
    pub commission: SigningKey,
    /// All authors' keys.
    pub keys: Keyring,
    /// Stations in order of number, from 1.
    pub desks: Vec<Desk>,
    /// Fewest papers whose distribution may be shown.
    pub cell_papers_min: u64,
    tags: TagKeys,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What a world is made of.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is the one of the same name in `World`")]
pub struct Founding {
    pub population: Population,
    pub schedule: Schedule,
    pub definition: Definition,
    pub trust: Trust,
    pub commission: SigningKey,
    pub keys: Keyring,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// Nobody has voted.
    ///
    /// # Errors
    /// [`WorldError::Counting`] for a definition that cannot be counted.
    pub fn new(founding: Founding) -> Result<Self, WorldError> {
        let Founding { population, schedule, definition, trust, commission, keys, clock, entropy } = founding;
        let election = *trust.election_id();
        let (registry_half, commission_half) = keys.tags();
        let stations = definition.stations().values();
        let desks = stations.map(|station| Desk::new(&keys, station, &definition)).collect::<Result<_, _>>()?;
        Ok(Self {
            scribe: Scribe::new(election, Arc::clone(&entropy)),
            registry: Registry::new(election, keys.registry(), Arc::clone(&entropy)),
            tags: TagKeys::new(election, registry_half, commission_half),
            cell_papers_min: u64::from(trust.election().cell_papers_min),
            form: crate::definition::form(),
            population,
            schedule,
            definition,
            trust,
            commission,
            keys,
            desks,
            clock,
            entropy,
        })
    }

    /// A station.
    #[must_use]
    pub fn desk(&self, station: u32) -> Option<&Desk> {
        self.desks.get((station as usize).checked_sub(1)?)
    }

    /// UTC, ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        random_bytes(&*self.entropy)
    }

    /// The tag of a voter: personal numbers are as synthetic as the voters.
    #[must_use]
    pub fn tag(&self, voter: Voter) -> Tag {
        let number = (PERSONAL_NUMBER_FIRST + voter.0).to_string().parse::<PersonalNumber>();
        // Voters are far fewer than 10¹³, so the number always has 14 digits.
        number.map_or(Tag([0; 32]), |number| self.tags.tag(&number))
    }

    /// The records of one station's roll.
    ///
    /// # Errors
    /// [`WorldError::Author`].
    pub fn roll(&self, station: u32) -> Result<Vec<Submission>, WorldError> {
        let leaves: Vec<RollLeaf> =
            self.population.roll(station).map(|voter| self.tag(Voter(voter)).roll_leaf()).collect();
        if leaves.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.scribe.roll(self.registry.key(), station, 1, leaves)?)
    }

    /// A voter before a station's device, attested by the registry now.
    ///
    /// # Errors
    /// [`WorldError::Author`].
    pub fn identification(&self, desk: &Desk, device: &mut Device, visit: &Visit) -> Result<Submission, WorldError> {
        let voter = AttestedVoter {
            unit: desk.unit,
            device: sign::public_key(&device.key).id(),
            tag: self.tag(visit.voter),
            home_station: self.population.home_station(visit.voter),
            method: self.population.method(visit.voter),
        };
        let attestation = self.registry.attest(&voter, self.now_ms());
        device.counter += 1;
        let facts = IdentificationFacts {
            unit: desk.unit,
            tag: voter.tag,
            home_station: voter.home_station,
            method: voter.method,
            mode: if visit.remote { Mode::Remote } else { Mode::Local },
            device_counter: device.counter,
            attestation: Some(attestation),
        };
        Ok(self.scribe.identification(&device.key, &facts)?)
    }

    /// The voter was admitted, marks the ballot and feeds it to the scanner.
    pub fn cast(&self, desk: &Desk, visit: &Visit) {
        let home = self.population.home(visit.voter);
        let ballot = desk::Ballot {
            constituency: home,
            positions: self.population.positions(home),
            choice: self.population.choice(visit.voter),
            own: !visit.remote,
            spoiled_before: self.population.spoils(visit.voter),
        };
        desk.cast(&ballot);
    }
}
