//! A small rehearsal election and everybody outside its cluster: organisations, registry, stations, voters.
//!
//! Two constituencies of three candidates for two seats; stations 1 and 2 belong to the first, 3 and 4 to the second,
//! 5 has no constituency and serves remote voters only.

use crate::station::Desk;
use ed25519_dalek::SigningKey;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::{
    DefinitionPlan, GenesisDraft, GenesisPlan, IdentificationFacts, Mode, Scribe, open_phase, roll_seal,
};
use tamga_client::registry::{PersonalNumber, Registry, TagKeys};
use tamga_ledger::definition::Definition;
use tamga_ledger::ids::{Digest, RollLeaf, Tag};
use tamga_ledger::kinds::{
    AttestedVoter, Candidate, Constituency, Decree, DefinitionPart, KeyGrant, OfficialHour, SeatRule, Station, Title,
};
use tamga_ledger::record::UnitId;
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::TreeHead;
use tamga_ledger::trust::Trust;
use tamga_node::provision;
use tamga_platform::clock::{Clock as _, SystemClock};
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::{Entropy, OsEntropy};
use tamga_simulations::cluster::Founded;
use tamga_simulations::definition::form;
use tamga_simulations::keys::{Keyring, MEMBER_QUORUM};

/// Stations with the constituency they belong to; 0 for none.
pub const STATIONS: [(u32, u32); 5] = [(1, 1), (2, 1), (3, 2), (4, 2), (5, 0)];
/// Candidates, against all, invalid.
pub const POSITIONS: usize = 5;
/// Fewest papers whose distribution may be shown.
pub const CELL_PAPERS_MIN: u32 = 3;
/// Synthetic personal numbers begin here: no real one begins with a 9.
const PERSONAL_NUMBER_FIRST: u64 = 90_000_000_000_000;
const HOUR_MS: u64 = 3_600_000;

/// What differs between rehearsals.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Organisations, one node each.
    pub nodes: u32,
    /// Voters on the roll of each ordinary station.
    pub voters: u32,
    /// Cut a checkpoint that often.
    pub checkpoint_interval_ms: u64,
    /// Whether the embargo still holds for the whole test, or ended before it began.
    pub embargoed: bool,
}

impl Plan {
    /// So many nodes, and defaults.
    #[must_use]
    pub const fn of(nodes: u32) -> Self {
        Self { nodes, voters: 50, checkpoint_interval_ms: 250, embargoed: false }
    }
}

/// A voter, by place on the roll of the home station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voter {
    /// On whose roll.
    pub home: u32,
    /// From 0.
    pub number: u32,
}

/// Everything outside the cluster.
#[derive(Debug)]
pub struct World {
    /// What differs from other rehearsals.
    pub plan: Plan,
    /// What verifiers pin.
    pub trust: Arc<Trust>,
    /// The signed genesis record.
    pub genesis: Submission,
    /// The election's definition.
    pub definition: Definition,
    /// The commission's record key.
    pub commission: SigningKey,
    /// Keys of devices, scanners, members, registry.
    pub keys: Keyring,
    /// Writes records.
    pub scribe: Scribe,
    /// Attests voters.
    pub registry: Registry,
    /// Stations in order of number, from 1.
    pub desks: Vec<Desk>,
    parts: Vec<DefinitionPart>,
    tags: TagKeys,
}

impl World {
    /// Founds the election: keys and files of all organisations below `folder`, and the signed genesis record.
    ///
    /// # Panics
    /// If the election cannot be.
    #[must_use]
    pub fn found(plan: Plan, folder: &Path) -> (Self, Founded) {
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let now_ms = SystemClock.now_ms();
        let (parts, definition) = definition_plan(now_ms).into_parts().unwrap();
        let (mut nodes, mut organisations, mut listed) = (Vec::new(), Vec::new(), Vec::new());
        for id in 1..=plan.nodes {
            let name = format!("org-{id}");
            let organisation = provision::generate_organisation(&*entropy, &name, title(&name));
            organisation.write(&OsDisk, &folder.join("organisations").join(&name)).unwrap();
            let node = provision::generate_node(&*entropy, id, &format!("{name}/node-{id}")).unwrap();
            listed.push(organisation.organisation(vec![node.public.clone()]));
            organisations.push(organisation);
            nodes.push(node);
        }
        let draft = GenesisDraft::new(genesis_plan(&plan, now_ms, listed), &parts, &*entropy).unwrap();
        let shares: Vec<_> = organisations.iter().map(|one| draft.share(&one.record).unwrap()).collect();
        let genesis = draft.merge(&shares).unwrap();
        let trust = Trust::from_submission(genesis.clone(), None).unwrap();
        let founded = Founded { trust, genesis, parts, definition, nodes, organisations };
        (Self::of(plan, &founded, &entropy), founded)
    }

    fn of(plan: Plan, founded: &Founded, entropy: &Arc<dyn Entropy>) -> Self {
        let election = *founded.trust.election_id();
        let keys = Keyring::new(&**entropy);
        let (registry_half, commission_half) = keys.tags();
        Self {
            plan,
            trust: Arc::new(founded.trust.clone()),
            genesis: founded.genesis.clone(),
            definition: founded.definition.clone(),
            commission: founded.commission().unwrap().clone(),
            scribe: Scribe::new(election, Arc::clone(entropy)),
            registry: Registry::new(election, keys.registry(), Arc::clone(entropy)),
            desks: STATIONS.map(|(station, home)| Desk::new(&keys, station, home, &founded.definition)).into(),
            parts: founded.parts.clone(),
            tags: TagKeys::new(election, registry_half, commission_half),
            keys,
        }
    }

    /// The definition's records, in their order.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn definition_records(&self) -> Vec<Submission> {
        self.scribe.definition(&self.commission, &self.parts).unwrap()
    }

    /// Registration of every author's key.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn key_records(&self) -> Vec<Submission> {
        let election = *self.trust.election_id();
        let mut grants: Vec<KeyGrant> = vec![self.keys.registry_grant(&election)];
        STATIONS.iter().for_each(|(station, _)| grants.extend(self.keys.station_grants(&election, *station)));
        self.scribe.register_keys(&self.commission, &grants).unwrap()
    }

    /// The rolls of all ordinary stations.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn roll_records(&self) -> Vec<Submission> {
        let ordinary = STATIONS.iter().filter(|(_, constituency)| *constituency != 0);
        let roll = |station: u32| {
            let leaves: Vec<RollLeaf> = self.voters_of(station).map(|voter| self.tag(voter).roll_leaf()).collect();
            self.scribe.roll(self.registry.key(), station, 1, leaves).unwrap()
        };
        ordinary.flat_map(|(station, _)| roll(*station)).collect()
    }

    /// The Roll seal over a head that was cut.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn roll_seal(&self, head: &TreeHead) -> Submission {
        self.scribe.seal(&self.commission, &roll_seal(head)).unwrap()
    }

    /// The zero report of a station.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn opening(&self, station: u32) -> Submission {
        let members = self.keys.members(station);
        let phase = open_phase(self.list_total(station));
        self.scribe.phase(&members.iter().collect::<Vec<_>>(), unit(station), &phase).unwrap()
    }

    /// Voters on a station's roll.
    #[must_use]
    pub fn list_total(&self, station: u32) -> u32 {
        if constituency_of(station) == 0 { 0 } else { self.plan.voters }
    }

    /// The voters of a station.
    pub fn voters_of(&self, station: u32) -> impl Iterator<Item = Voter> + use<> {
        (0..self.list_total(station)).map(move |number| Voter { home: station, number })
    }

    /// A station's desk.
    ///
    /// # Panics
    /// If there is no such station.
    #[must_use]
    pub fn desk(&self, station: u32) -> &Desk {
        &self.desks[station as usize - 1]
    }

    /// A voter's tag.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn tag(&self, voter: Voter) -> Tag {
        let number = PERSONAL_NUMBER_FIRST + u64::from(voter.home) * 1_000_000 + u64::from(voter.number);
        self.tags.tag(&number.to_string().parse::<PersonalNumber>().unwrap())
    }

    /// A voter before a station's device, attested by the registry now.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn identification(&self, station: u32, voter: Voter) -> Submission {
        let device = self.keys.device(station);
        self.scribe.identification(&device, &self.facts(station, voter)).unwrap()
    }

    /// What [`identification`](Self::identification) would say.
    #[must_use]
    pub fn facts(&self, station: u32, voter: Voter) -> IdentificationFacts {
        let device = sign::public_key(&self.keys.device(station)).id();
        let (unit, tag, method) = (unit(station), self.tag(voter), 1);
        let attested = AttestedVoter { unit, device, tag, home_station: voter.home, method };
        IdentificationFacts {
            unit,
            tag,
            home_station: voter.home,
            method,
            mode: if voter.home == station { Mode::Local } else { Mode::Remote },
            device_counter: self.desk(station).next_voter(),
            attestation: Some(self.registry.attest(&attested, SystemClock.now_ms())),
        }
    }
}

/// A station's only unit.
#[must_use]
pub const fn unit(station: u32) -> UnitId {
    UnitId { station, unit: 1 }
}

/// The constituency of a station; 0 for none.
#[must_use]
pub fn constituency_of(station: u32) -> u32 {
    STATIONS.iter().find(|(number, _)| *number == station).map_or(0, |(_, constituency)| *constituency)
}

fn title(text: &str) -> Title {
    Title { ky: text.to_owned(), ru: text.to_owned(), en: text.to_owned() }
}

fn definition_plan(now_ms: u64) -> DefinitionPlan {
    let candidate = |position, sex| {
        let name = format!("Кандидат {position}");
        Candidate { position, name_ky: name.clone(), name_ru: name, sex }
    };
    let constituency = |number| Constituency {
        number,
        title: title(&format!("Constituency {number}")),
        seats: 2,
        candidates: vec![candidate(1, 0), candidate(2, 1), candidate(3, 0)],
    };
    let station = |(number, constituency): (u32, u32)| Station {
        number,
        station_kind: u8::from(constituency == 0),
        constituency,
        title: format!("Station {number}"),
        opens_ms: now_ms - HOUR_MS,
        closes_ms: now_ms + 24 * HOUR_MS,
        units: vec![1],
    };
    DefinitionPlan {
        constituencies: (1..=2).map(constituency).collect(),
        stations: STATIONS.map(station).into(),
        forms: vec![form()],
        seat_rule: SeatRule { same_sex_max: 1, ballot_design: Digest([1; 32]) },
    }
}

fn genesis_plan(plan: &Plan, now_ms: u64, organisations: Vec<tamga_ledger::kinds::Organisation>) -> GenesisPlan {
    let hour = |(label, at_ms): (&str, u64)| OfficialHour { label: label.to_owned(), at_ms };
    let decree = b"a decree for tests";
    GenesisPlan {
        real: false,
        title: title("Rehearsal for tests"),
        origin_prefix: "rehearsal.tests.example".to_owned(),
        decree: Decree {
            number: "1".to_owned(),
            date: "2025-11-30".to_owned(),
            blake3: Digest(*blake3::hash(decree).as_bytes()),
            sha256: Digest(<sha2::Sha256 as sha2::Digest>::digest(decree).into()),
        },
        organisations,
        quorum: None,
        cluster_epoch: 1,
        embargo_ms: if plan.embargoed { now_ms + HOUR_MS } else { now_ms - HOUR_MS },
        official_hours: [("soon", now_ms + HOUR_MS), ("later", now_ms + 2 * HOUR_MS)].map(hour).into(),
        checkpoint_interval_ms: plan.checkpoint_interval_ms,
        cell_papers_min: CELL_PAPERS_MIN,
        attestation_validity_ms: HOUR_MS,
        member_quorum: MEMBER_QUORUM,
        offline_identifications_max: 10,
        retention_months: 12,
    }
}
