//! A tiny election, walked through the ledger's own judging state by the client's builders.
//!
//! Constituency 1: stations 1 and 4. Constituency 2: station 2. Station 3: remote voting only. Cells of two papers may be
//! shown.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "shared by several test programs")]

use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use tamga_client::author::{
    DefinitionPlan, GenesisDraft, GenesisPlan, Grant, IdentificationFacts, Mode, Scribe, close_phase, lines_of,
    open_phase, phase, results_seal, roll_seal, voting_seal,
};
use tamga_client::counting::{Aggregator, BatchBuilder, CountsByConstituency, Opening, UnitSeed, commit_cells};
use tamga_client::registry::{
    CommissionKey, FileRegistry, PersonalNumber, Registry, RegistryAdapter as _, RegistryKey, TagKeys,
};
use tamga_ledger::ids::{Digest, Maybe, Nonce, RecordId, RollLeaf};
use tamga_ledger::judge::Integrated;
use tamga_ledger::kinds::{
    Attestation, AttestedVoter, Basis, Candidate, Constituency, Counters, Decree, Form, FormLine, HolderClass,
    KeyGrant, NodeKeys, OfficialHour, Organisation, Phase, Protocol, Relation, SeatRule, Station, Term, Title,
};
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, LogKey, UnverifiedCheckpoint};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::sign::public_key;
use tamga_ledger::state::State;
use tamga_ledger::submission::{Submission, authenticate};
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_platform::entropy::SeededEntropy;

pub const EMBARGO_MS: u64 = 2_000_000;
pub const OPENS_MS: u64 = 1_000_000;
pub const CLOSES_MS: u64 = 1_900_000;

/// A key that belongs to a name.
pub fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(blake3::hash(name.as_bytes()).as_bytes())
}

pub fn unit(station: u32) -> UnitId {
    UnitId { station, unit: 1 }
}

fn title(text: &str) -> Title {
    Title { ky: text.to_owned(), ru: text.to_owned(), en: text.to_owned() }
}

fn candidates() -> Vec<Candidate> {
    let candidate =
        |(position, sex)| Candidate {
            position, name_ky: format!("К{position}"), name_ru: format!("К{position}"), sex
        };
    [(1, 0), (2, 1), (3, 0)].into_iter().map(candidate).collect()
}

pub fn form() -> Form {
    let line = |(code, discloses): (&str, u8)| FormLine { code: code.to_owned(), title: title(code), discloses };
    let side = |codes: &[&str]| -> Vec<Term> {
        codes.iter().map(|code| Term { coefficient: 1, line: (*code).to_owned() }).collect()
    };
    let relation = |left: &[&str], comparator, right: &[&str], hard| Relation {
        left: side(left),
        comparator,
        right: side(right),
        hard,
    };
    Form {
        code: "test".to_owned(),
        version: 1,
        lines: [("1", 0), ("2", 0), ("8", 0), ("9", 1), ("10", 1)].into_iter().map(line).collect(),
        relations: vec![
            relation(&["1"], 1, &["2"], 0),
            relation(&["2"], 1, &["8"], 1),
            relation(&["9"], 0, &["@invalid"], 1),
            relation(&["10"], 0, &["@valid"], 1),
        ],
    }
}

fn definition() -> DefinitionPlan {
    let constituency =
        |number| Constituency { number, title: title(&format!("No {number}")), seats: 2, candidates: candidates() };
    let station = |(number, station_kind, constituency)| Station {
        number,
        station_kind,
        constituency,
        title: format!("Station {number}"),
        opens_ms: OPENS_MS,
        closes_ms: CLOSES_MS,
        units: vec![1],
    };
    DefinitionPlan {
        constituencies: [1, 2].into_iter().map(constituency).collect(),
        stations: [(1, 0, 1), (2, 0, 2), (3, 1, 0), (4, 0, 1)].into_iter().map(station).collect(),
        forms: vec![form()],
        seat_rule: SeatRule { same_sex_max: 1, ballot_design: Digest([7; 32]) },
    }
}

fn organisation(name: &str, node: u32) -> Organisation {
    let of = |role: &str| public_key(&key(&format!("{name}/{role}")));
    Organisation {
        name: name.to_owned(),
        title: title(name),
        record_key: of("record"),
        standby_cosigner_key: of("standby"),
        nodes: vec![NodeKeys {
            id: node,
            cosigner_name: format!("{name}-{node}"),
            cosigner_key: of("cosigner"),
            log_key: of("log"),
            promise_key: of("promise"),
            batch_key: of("batch"),
            tls_spki_sha256: Digest([node as u8; 32]),
        }],
    }
}

pub const ORGANISATIONS: [&str; 3] = ["cec", "university", "observers"];

pub fn genesis_plan() -> GenesisPlan {
    let organisations = ORGANISATIONS.into_iter().zip(1..).map(|(name, node)| organisation(name, node)).collect();
    GenesisPlan {
        real: false,
        title: title("A tiny election"),
        origin_prefix: "rehearsal.tamga.test".to_owned(),
        decree: Decree {
            number: "1".to_owned(),
            date: "2025-09-30".to_owned(),
            blake3: Digest([1; 32]),
            sha256: Digest([2; 32]),
        },
        organisations,
        quorum: None,
        cluster_epoch: 1,
        embargo_ms: EMBARGO_MS,
        official_hours: vec![
            OfficialHour { label: "10:00".to_owned(), at_ms: OPENS_MS + 300_000 },
            OfficialHour { label: "20:00".to_owned(), at_ms: CLOSES_MS },
        ],
        checkpoint_interval_ms: 1_000,
        cell_papers_min: 2,
        attestation_validity_ms: 600_000,
        member_quorum: 2,
        offline_identifications_max: 10,
        retention_months: 12,
    }
}

pub const ROLL: &str = "pin,station\n\
    10000000000001,1\n10000000000002,1\n10000000000003,1\n10000000000004,1\n\
    20000000000001,2\n20000000000002,2\n20000000000003,2\n\
    40000000000001,4\n40000000000002,4\n40000000000003,4\n";

/// Everything that takes part, and the ledger they make.
pub struct World {
    pub scribe: Scribe,
    pub state: State,
    pub registry: Registry,
    pub voters: FileRegistry,
    pub time_ms: u64,
    /// Entries with their confidential bodies.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    pub ids: Vec<RecordId>,
    pub trust: Trust,
    pub genesis: Submission,
    counters: BTreeMap<u32, u64>,
}

impl World {
    /// Genesis, definition, keys, roll.
    pub fn prepared() -> Self {
        Self::with_voters(0)
    }

    /// As [`prepared`](Self::prepared), with so many more voters at station 1, whom nobody can identify.
    pub fn with_voters(more: usize) -> Self {
        let entropy = Arc::new(SeededEntropy::new(1));
        let (parts, _) = definition().into_parts().unwrap();
        let draft = GenesisDraft::new(genesis_plan(), &parts, &*entropy).unwrap();
        let election = draft.election_id();
        let shares: Vec<_> =
            ORGANISATIONS.iter().map(|name| draft.share(&key(&format!("{name}/record"))).unwrap()).collect();
        let genesis = draft.merge(&shares).unwrap();
        let trust = Trust::from_submission(genesis.clone(), Some(&election)).unwrap();
        let tags = TagKeys::new(election, RegistryKey::new([3; 32]), CommissionKey::new([4; 32]));
        let mut world = Self {
            scribe: Scribe::new(election, entropy.clone()),
            state: State::empty(),
            registry: Registry::new(election, key("registry"), entropy),
            voters: FileRegistry::read(ROLL.as_bytes(), tags).unwrap(),
            time_ms: 1_000,
            entries: Vec::new(),
            ids: Vec::new(),
            trust,
            genesis: genesis.clone(),
            counters: BTreeMap::new(),
        };
        world.accept(genesis);
        for part in world.scribe.definition(&key("cec/record"), &parts).unwrap() {
            world.accept(part);
        }
        for registration in world.scribe.register_keys(&key("cec/record"), &world.grants()).unwrap() {
            world.accept(registration);
        }
        let rolls = world.voters.rolls().unwrap();
        for station in 1..=4 {
            let mut leaves = rolls.get(&station).cloned().unwrap_or_default();
            if station == 1 && more > 0 {
                let mut bytes = vec![0; more * RollLeaf::LEN];
                blake3::Hasher::new().update(b"more voters").finalize_xof().fill(&mut bytes);
                leaves.extend(bytes.chunks(RollLeaf::LEN).map(|leaf| RollLeaf::try_from(leaf).unwrap()));
                leaves.sort_unstable();
            }
            for chunk in world.scribe.roll(world.registry.key(), station, 1, leaves).unwrap() {
                world.accept(chunk);
            }
        }
        world
    }

    fn grants(&self) -> Vec<KeyGrant> {
        let election = self.scribe.election();
        let grant = |class, scope, name: &str| Grant::new(class, scope).possess(election, &key(name));
        let mut grants = vec![grant(HolderClass::Registry, Scope::Election, "registry")];
        for station in 1..=4 {
            let scope = Scope::Unit(unit(station));
            grants.push(grant(HolderClass::Device, scope, &format!("device {station}")));
            grants.push(grant(HolderClass::Scanner, scope, &format!("scanner {station}")));
            for member in ["chair", "secretary"] {
                grants.push(grant(HolderClass::Member, Scope::Station(station), &format!("{member} {station}")));
            }
        }
        grants
    }

    /// Submits; returns the verdict.
    pub fn submit(&mut self, submission: Submission) -> Verdict {
        let election = self.state.election_id();
        let authentic = authenticate(&submission.to_bytes(), &election, &self.state).unwrap();
        self.time_ms += 100;
        self.state.advance_time(self.time_ms);
        let Integrated::Leaf(leaf) = self.state.integrate(self.time_ms, authentic) else { panic!("not a new leaf") };
        self.entries.push((leaf.entry, leaf.confidential));
        self.ids.push(leaf.id);
        leaf.verdict
    }

    pub fn accept(&mut self, submission: Submission) -> RecordId {
        let id = submission.signed.id();
        assert_eq!(self.submit(submission), Verdict::Accepted(Vec::new()));
        id
    }

    pub fn refuse(&mut self, submission: Submission, refusal: Refusal) {
        assert_eq!(self.submit(submission), Verdict::Refused(refusal));
    }

    pub fn members(station: u32) -> [SigningKey; 2] {
        [key(&format!("chair {station}")), key(&format!("secretary {station}"))]
    }

    pub fn report(&self, station: u32, body: &tamga_ledger::kinds::StationPhase) -> Submission {
        let [chair, secretary] = Self::members(station);
        self.scribe.phase(&[&chair, &secretary], unit(station), body).unwrap()
    }

    pub fn attest(&self, station: u32, number: &str) -> (IdentificationFacts, Attestation) {
        let number: PersonalNumber = number.parse().unwrap();
        let voter = self.voters.find(&number).unwrap().unwrap();
        let attested = AttestedVoter {
            unit: unit(station),
            device: public_key(&key(&format!("device {station}"))).id(),
            tag: voter.tag,
            home_station: voter.home_station,
            method: 1,
        };
        let attestation = self.registry.attest(&attested, self.time_ms);
        let facts = IdentificationFacts {
            unit: unit(station),
            tag: voter.tag,
            home_station: voter.home_station,
            method: 1,
            mode: if voter.home_station == station { Mode::Local } else { Mode::Remote },
            device_counter: 0,
            attestation: Some(attestation.clone()),
        };
        (facts, attestation)
    }

    /// An identification as the device at that station makes it.
    pub fn identify(&mut self, station: u32, number: &str) -> Submission {
        let (facts, _) = self.attest(station, number);
        self.identify_as(station, facts)
    }

    pub fn identify_as(&mut self, station: u32, facts: IdentificationFacts) -> Submission {
        let counter = self.counters.entry(station).or_default();
        *counter += 1;
        let facts = IdentificationFacts { device_counter: *counter, ..facts };
        self.scribe.identification(&key(&format!("device {station}")), &facts).unwrap()
    }

    /// The head at which the next record's time will cut: what a published checkpoint would have.
    pub fn cut_head(&mut self) -> tamga_ledger::tree::TreeHead {
        self.time_ms += 1_000;
        self.state.head()
    }

    pub fn seal_roll(&mut self) {
        let head = self.cut_head();
        let seal = self.scribe.seal(&key("cec/record"), &roll_seal(&head)).unwrap();
        self.accept(seal);
    }

    pub fn open_all(&mut self) {
        self.time_ms = OPENS_MS;
        for station in 1..=4 {
            let total = self.state.roll(station).map_or(0, |roll| roll.total());
            let report = self.report(station, &open_phase(total));
            self.accept(report);
        }
    }

    /// The checkpoint of the state, cosigned by `organisations` and signed as the log by the first node.
    pub fn checkpoint(&self, organisations: &[&str]) -> String {
        let head = self.state.head();
        let checkpoint = Checkpoint { origin: self.trust.origin().clone(), size: head.size, roots: head.roots };
        let mut note = UnverifiedCheckpoint::unsigned(checkpoint).unwrap();
        for name in organisations {
            let number = ORGANISATIONS.iter().position(|one| one == name).unwrap() + 1;
            let cosigner = KeyName::new(&format!("{name}-{number}")).unwrap();
            let cosigner = CosignerKey::new(cosigner, key(&format!("{name}/cosigner"))).unwrap();
            let signature = cosigner.cosign(note.note(), self.time_ms / 1000).unwrap();
            note.add(signature).unwrap();
        }
        let log = LogKey::new(self.trust.origin().clone(), key("cec/log")).unwrap();
        let signature = log.sign(note.note());
        note.add(signature).unwrap();
        note.note().to_string()
    }
}

/// What each unit's scanner and its members counted, by constituency and position (three candidates, against all, invalid).
pub fn counted(station: u32) -> CountsByConstituency {
    match station {
        1 => BTreeMap::from([(1, vec![2, 1, 0, 0, 0])]),
        2 => BTreeMap::from([(1, vec![0, 1, 0, 0, 0]), (2, vec![1, 1, 0, 0, 1])]),
        3 => BTreeMap::from([(1, vec![1, 0, 0, 0, 0])]),
        _ => BTreeMap::from([(1, vec![0, 0, 0, 1, 0])]),
    }
}

pub fn seed(station: u32) -> UnitSeed {
    UnitSeed::new([station as u8; 32])
}

pub fn home(station: u32) -> Option<u32> {
    [Some(1), Some(2), None, Some(1)][station as usize - 1]
}

/// A protocol that keeps all relations.
pub fn protocol(world: &World, station: u32, basis: Basis) -> (Protocol, Vec<Opening>) {
    let counts = counted(station);
    let own = home(station).and_then(|home| counts.get(&home)).filter(|own| own.iter().sum::<u64>() >= 2);
    let shown = own.and(home(station));
    let (cells, openings) = match basis {
        Basis::Machine => (Vec::new(), Vec::new()),
        Basis::Hand => commit_cells(&seed(station), 1, world.state.definition(), &counts, shown).unwrap(),
    };
    let papers: u64 = counts.values().flatten().sum();
    let invalid = own.map_or(0, |own| own[4]);
    let valid = own.map_or(0, |own| own[..4].iter().sum());
    let value = |code: &str| match code {
        "9" => invalid,
        "10" => valid,
        _ => papers,
    };
    let [chair, secretary] = World::members(station);
    let protocol = Protocol {
        form: "test".to_owned(),
        form_version: 1,
        basis: basis as u8,
        lines: lines_of(&form(), value),
        counts: own.cloned().unwrap_or_default(),
        cells,
        seals: vec!["S-1".to_owned()],
        present: vec![public_key(&chair).id(), public_key(&secretary).id()],
        dissenting: Vec::new(),
        explanation: 0,
        scan: Maybe(None),
        closing_salt: Maybe((basis == Basis::Machine).then_some(Nonce([station as u8; 16]))),
    };
    (protocol, openings)
}

impl World {
    /// Voting as it should be: three at home in 1, three in 2 with one remote, one remote in 3, one offline in 4.
    pub fn vote(&mut self) {
        for (station, number) in [
            (1, "10000000000001"),
            (1, "10000000000002"),
            (1, "10000000000003"),
            (2, "20000000000001"),
            (2, "20000000000002"),
            (2, "20000000000003"),
            (2, "10000000000004"),
            (3, "40000000000001"),
        ] {
            let submission = self.identify(station, number);
            self.accept(submission);
        }
        let report = self.report(4, &phase(Phase::OfflineStart));
        self.accept(report);
        let (facts, _) = self.attest(4, "40000000000002");
        let submission = self.identify_as(4, IdentificationFacts { attestation: None, ..facts });
        self.accept(submission);
        let report = self.report(4, &phase(Phase::OfflineEnd));
        self.accept(report);
    }

    /// Batches and closing reports; returns what opens the machine's cells of each unit.
    pub fn count_and_close(&mut self) -> BTreeMap<u32, BatchBuilder> {
        let mut builders = BTreeMap::new();
        for station in 1..=4 {
            let mut builder = BatchBuilder::new(seed(station), self.state.definition()).unwrap();
            let scanner = key(&format!("scanner {station}"));
            let empty = builder.batch(&BTreeMap::new(), false).unwrap();
            let submission = self.scribe.ballot_batch(&scanner, unit(station), &empty).unwrap();
            self.accept(submission);
            let last = builder.batch(&counted(station), true).unwrap();
            let submission = self.scribe.ballot_batch(&scanner, unit(station), &last).unwrap();
            self.accept(submission);
            builders.insert(station, builder);
        }
        self.time_ms = CLOSES_MS;
        for station in 1..=4 {
            let state = self.state.unit(unit(station)).unwrap();
            let (local, remote) = (state.identified_local, state.identified_remote);
            let counters = Counters {
                identified_local: local,
                identified_remote: remote,
                slips: local + remote,
                signatures: local + remote,
                printed_own: local,
                printed_other: remote,
                spoiled: 0,
                scanned: local + remote,
            };
            let (machine, _) = protocol(self, station, Basis::Machine);
            let report = self.report(station, &close_phase(4, counters, Some(machine.closing_digest())));
            self.accept(report);
        }
        builders
    }

    pub fn publish_counts(&mut self, builders: &BTreeMap<u32, BatchBuilder>) {
        self.time_ms = EMBARGO_MS;
        let mut hand: BTreeMap<u32, Aggregator> =
            [1, 2].into_iter().map(|number| (number, Aggregator::new(Basis::Hand, number))).collect();
        for station in 1..=4 {
            let [chair, secretary] = Self::members(station);
            for basis in Basis::ALL {
                let (body, openings) = protocol(self, station, basis);
                let members = [&chair, &secretary];
                let submission = self.scribe.protocol(&members, unit(station), &form(), &body, None).unwrap();
                self.accept(submission);
                for opening in &openings {
                    hand.get_mut(&opening.constituency).unwrap().add(opening).unwrap();
                }
            }
        }
        for station in [1, 2] {
            let [chair, secretary] = Self::members(station);
            let opening = builders[&station].opening(home(station).unwrap()).unwrap();
            let submission = self.scribe.own_opening(&[&chair, &secretary], unit(station), &opening).unwrap();
            self.accept(submission);
        }
        let mut machine = Aggregator::new(Basis::Machine, 1);
        for station in [2, 3, 4] {
            machine.add(&builders[&station].opening(1).unwrap()).unwrap();
        }
        for opening in [machine.opening().unwrap(), hand[&1].opening().unwrap()] {
            let submission = self.scribe.remote_opening(&key("cec/record"), &opening).unwrap();
            self.accept(submission);
        }
    }

    pub fn seal_voting(&mut self) {
        let head = self.cut_head();
        let seal = voting_seal(&head, self.state.admitted_root());
        let submission = self.scribe.seal(&key("cec/record"), &seal).unwrap();
        self.accept(submission);
    }

    pub fn seal_results(&mut self) {
        let head = self.cut_head();
        let seal = results_seal(&head, tamga_ledger::tally::tally(&self.state).digest());
        let submission = self.scribe.seal(&key("cec/record"), &seal).unwrap();
        self.accept(submission);
    }

    /// The whole election.
    pub fn finished() -> Self {
        let mut world = Self::prepared();
        world.seal_roll();
        world.open_all();
        world.vote();
        let builders = world.count_and_close();
        world.seal_voting();
        world.publish_counts(&builders);
        world.seal_results();
        world
    }
}

/// Balance reports, so that the ledger has more entries than one bundle.
pub fn phase_filler(world: &mut World, reports: u32) {
    for number in 0..reports {
        let report = world.report(number % 3 + 1, &phase(Phase::Balance));
        world.time_ms -= 50;
        world.accept(report);
    }
}
