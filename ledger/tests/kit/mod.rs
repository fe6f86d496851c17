//! A tiny election for tests: three organisations, two constituencies, four stations, everything signed for real.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses its own part of this test code"
)]

use ed25519_dalek::SigningKey;
use tamga_ledger::codec;
use tamga_ledger::commitment::{Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::definition::part_digest;
use tamga_ledger::ids::{Digest, ElectionId, KeyId, Maybe, Nonce, PublicKey, Tag};
use tamga_ledger::judge::{Integrated, NewLeaf};
use tamga_ledger::kinds::*;
use tamga_ledger::note::{KeyName, KeyRole, VerifierKey};
use tamga_ledger::record::{Record, Scope, SignedRecord, UnitId};
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::state::State;
use tamga_ledger::submission::{Rejection, Submission, authenticate, confidential_digest};
use tamga_ledger::verdict::Verdict;

pub const NOON_MS: u64 = 1_764_489_600_000;
pub const EMBARGO_MS: u64 = NOON_MS + 1_000_000;

/// A key whose seed is this number.
pub fn key(seed: u32) -> SigningKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    bytes[31] = 1;
    SigningKey::from_bytes(&bytes)
}

pub fn public(key: &SigningKey) -> PublicKey {
    sign::public_key(key)
}

pub fn id(key: &SigningKey) -> KeyId {
    public(key).id()
}

pub fn title(text: &str) -> Title {
    Title { ky: text.to_owned(), ru: text.to_owned(), en: text.to_owned() }
}

pub fn unit(station: u32) -> UnitId {
    UnitId { station, unit: 1 }
}

pub fn tag(voter: u32) -> Tag {
    Tag(*blake3::hash(&voter.to_be_bytes()).as_bytes())
}

/// Seeds of keys by role, so that no two are alike.
pub fn record_key(organisation: u32) -> SigningKey {
    key(1_000 + organisation)
}
pub fn cosigner_key(organisation: u32) -> SigningKey {
    key(2_000 + organisation)
}
pub fn standby_key(organisation: u32) -> SigningKey {
    key(3_000 + organisation)
}
pub fn log_key(organisation: u32) -> SigningKey {
    key(4_000 + organisation)
}
pub fn promise_key(organisation: u32) -> SigningKey {
    key(5_000 + organisation)
}
pub fn batch_key(organisation: u32) -> SigningKey {
    key(6_000 + organisation)
}
pub fn registry_key() -> SigningKey {
    key(10)
}
pub fn device_key(station: u32) -> SigningKey {
    key(100 + station)
}
pub fn scanner_key(station: u32) -> SigningKey {
    key(200 + station)
}
pub fn member_key(station: u32, member: u32) -> SigningKey {
    key(10_000 + station * 10 + member)
}

/// Stations 1 and 2 belong to constituency 1, station 3 to constituency 2, station 4 is remote.
pub const STATIONS: [(u32, u8, u32); 4] = [(1, 0, 1), (2, 0, 1), (3, 0, 2), (4, 1, 0)];
pub const VOTERS_A_STATION: u32 = 30;

/// Voters 1000·station + 0… are on the roll of the ordinary stations.
pub fn voter(station: u32, number: u32) -> u32 {
    station * 1_000 + number
}

pub fn parts() -> Vec<DefinitionPart> {
    let candidate = |position, sex| Candidate { position, name_ky: "К".to_owned(), name_ru: "К".to_owned(), sex };
    let constituency = |number| Constituency {
        number,
        title: title("c"),
        seats: 2,
        candidates: vec![candidate(1, 0), candidate(2, 1), candidate(3, 0)],
    };
    let station = |(number, station_kind, constituency): (u32, u8, u32)| Station {
        number,
        station_kind,
        constituency,
        title: "s".to_owned(),
        opens_ms: NOON_MS - 1,
        closes_ms: NOON_MS + 900_000,
        units: vec![1],
    };
    let line = |code: &str, discloses| FormLine { code: code.to_owned(), title: title("l"), discloses };
    let term = |line: &str| Term { coefficient: 1, line: line.to_owned() };
    let relation = |left: &[&str], comparator, right: &[&str], hard| Relation {
        left: left.iter().map(|line| term(line)).collect(),
        comparator,
        right: right.iter().map(|line| term(line)).collect(),
        hard,
    };
    let form = Form {
        code: "test".to_owned(),
        version: 1,
        lines: vec![line("1", 0), line("2", 0), line("9", 1), line("10", 1)],
        relations: vec![
            relation(&["2"], 0, &["9", "10"], 1),
            relation(&["10"], 0, &["@valid"], 1),
            relation(&["1"], 1, &["2"], 0),
        ],
    };
    let contents: [(u8, Vec<u8>); 4] = [
        (1, codec::encode(&vec![constituency(1), constituency(2)])),
        (2, codec::encode(&STATIONS.map(station).to_vec())),
        (3, codec::encode(&vec![form])),
        (4, codec::encode(&SeatRule { same_sex_max: 1, ballot_design: Digest([0; 32]) })),
    ];
    contents
        .into_iter()
        .zip(0..)
        .map(|((part_kind, content), number)| DefinitionPart { part_kind, number, content })
        .collect()
}

pub fn election() -> Election {
    election_of(3)
}

/// The same election by so many organisations, with the smallest quorum that intersects.
pub fn election_of(count: u32) -> Election {
    let vkey = |name: &str, key: &SigningKey| {
        VerifierKey::new(KeyName::new(name).unwrap(), KeyRole::Cosigner, &public(key).0).unwrap().to_string()
    };
    let (mut organisations, mut policy, mut names) = (Vec::new(), String::new(), String::new());
    for number in 1..=count {
        let name = format!("org{number}");
        let cosigner = format!("node{number}.example/cosigner");
        policy += &format!("witness {name}-a {}\n", vkey(&cosigner, &cosigner_key(number)));
        policy += &format!("witness {name}-b {}\n", vkey(&format!("{name}.example/standby"), &standby_key(number)));
        policy += &format!("group {name} any {name}-a {name}-b\n");
        names += &format!(" {name}");
        organisations.push(Organisation {
            name,
            title: title("o"),
            record_key: public(&record_key(number)),
            standby_cosigner_key: public(&standby_key(number)),
            nodes: vec![NodeKeys {
                id: number,
                cosigner_name: cosigner,
                cosigner_key: public(&cosigner_key(number)),
                log_key: public(&log_key(number)),
                promise_key: public(&promise_key(number)),
                batch_key: public(&batch_key(number)),
                tls_spki_sha256: Digest([number as u8; 32]),
            }],
        });
    }
    let k = tamga_ledger::policy::smallest_intersecting_k(count as usize);
    policy += &format!("group organisations {k}{names}\nquorum organisations\n");
    Election {
        real: 0,
        title: title("test"),
        origin_prefix: "rehearsal.example/test".to_owned(),
        decree: Decree {
            number: "1".to_owned(),
            date: "2025-09-30".to_owned(),
            blake3: Digest([1; 32]),
            sha256: Digest([2; 32]),
        },
        rules_version: 1,
        parts: parts().iter().map(|part| part_digest(&part.to_bytes())).collect(),
        organisations,
        trust_policy: policy,
        cluster_epoch: 0,
        embargo_ms: EMBARGO_MS,
        official_hours: vec![OfficialHour { label: "12:05".to_owned(), at_ms: NOON_MS + 300_000 }],
        checkpoint_interval_ms: 1_000,
        cell_papers_min: 10,
        attestation_validity_ms: 600_000,
        member_quorum: 2,
        offline_identifications_max: 3,
        retention_months: 12,
    }
}

/// Keys of a node that comes later.
pub fn node_keys(id: u32) -> NodeKeys {
    let own = |role: u32| public(&key(100_000 + id * 10 + role));
    NodeKeys {
        id,
        cosigner_name: format!("node{id}.example/cosigner"),
        cosigner_key: own(1),
        log_key: own(2),
        promise_key: own(3),
        batch_key: own(4),
        tls_spki_sha256: Digest([(100 + id) as u8; 32]),
    }
}

pub fn node_add(organisation: u32, role: NodeRole, keys: NodeKeys) -> Governance {
    Governance::NodeAdd { organisation: format!("org{organisation}"), role: role as u8, keys }
}

pub fn sign_genesis(election: &Election) -> Submission {
    let keys: Vec<SigningKey> = (1..=election.organisations.len() as u32).map(record_key).collect();
    let keys: Vec<&SigningKey> = keys.iter().collect();
    let record = Record::draft(ElectionId::ZERO, Scope::Election, &keys, 1, Nonce([7; 16]), election);
    Submission::public(record.sign(&keys).unwrap())
}

/// What became of a submission.
#[derive(Debug)]
pub enum Outcome {
    Leaf(Box<NewLeaf>),
    Duplicate,
    Rejected(Rejection),
}

/// The state, the author's sequence, and every leaf.
#[derive(Debug)]
pub struct World {
    pub state: State,
    pub time_ms: u64,
    pub sequence: u64,
    pub leaves: Vec<NewLeaf>,
}

impl World {
    pub fn new() -> Self {
        Self::of(3)
    }

    /// The genesis record of so many organisations, and nothing else.
    pub fn of(organisations: u32) -> Self {
        let mut world = Self { state: State::empty(), time_ms: NOON_MS, sequence: 1, leaves: Vec::new() };
        assert_eq!(world.submit(&sign_genesis(&election_of(organisations))), Verdict::Accepted(vec![]));
        world
    }

    /// A decision signed by these organisations; the first is its author.
    pub fn govern(&mut self, organisations: &[u32], change: &Governance) -> Verdict {
        let keys: Vec<SigningKey> = organisations.iter().copied().map(record_key).collect();
        self.record(Scope::Election, &keys.iter().collect::<Vec<_>>(), change)
    }

    /// Defined, keys registered, roll loaded and sealed, all units open.
    pub fn open() -> Self {
        let mut world = Self::new();
        world.define();
        world.register_keys();
        for (station, kind, _) in STATIONS {
            if kind == 0 {
                let verdict = world.roll(station);
                assert_eq!(verdict, Verdict::Accepted(vec![]));
            }
        }
        assert_eq!(world.seal(Stage::Roll), Verdict::Accepted(vec![]));
        for (station, _, _) in STATIONS {
            assert_eq!(world.phase(station, Phase::Open, Counters::default()), Verdict::Accepted(vec![]));
        }
        world
    }

    pub fn try_submit(&mut self, submission: &Submission) -> Outcome {
        let election = self.state.election_id();
        let authentic = match authenticate(&submission.to_bytes(), &election, &self.state) {
            Ok(authentic) => authentic,
            Err(rejection) => return Outcome::Rejected(rejection),
        };
        self.state.advance_time(self.time_ms);
        match self.state.integrate(self.time_ms, authentic) {
            Integrated::Leaf(leaf) => {
                self.leaves.push((*leaf).clone());
                Outcome::Leaf(leaf)
            }
            Integrated::Duplicate { .. } => Outcome::Duplicate,
            Integrated::Full => panic!("the log is full"),
        }
    }

    pub fn submit(&mut self, submission: &Submission) -> Verdict {
        match self.try_submit(submission) {
            Outcome::Leaf(leaf) => leaf.verdict,
            other => panic!("{other:?}"),
        }
    }

    pub fn draft<B: Body>(&mut self, scope: Scope, keys: &[&SigningKey], body: &B) -> Record {
        self.sequence += 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.sequence.to_be_bytes());
        Record::draft(self.state.election_id(), scope, keys, self.sequence, Nonce(nonce), body)
    }

    pub fn record<B: Body>(&mut self, scope: Scope, keys: &[&SigningKey], body: &B) -> Verdict {
        let signed = self.draft(scope, keys, body).sign(keys).unwrap();
        self.submit(&Submission::public(signed))
    }

    pub fn define(&mut self) {
        for part in parts() {
            assert_eq!(self.record(Scope::Election, &[&record_key(1)], &part), Verdict::Accepted(vec![]));
        }
    }

    pub fn grant(&self, key: &SigningKey, class: HolderClass, scope: Scope, kinds: &[Kind]) -> KeyGrant {
        let public = public(key);
        let message = KeyGrant::possession_message(&self.state.election_id(), &public, class as u8, scope);
        KeyGrant {
            key: public,
            class: class as u8,
            scope,
            kinds: kinds.iter().map(|kind| *kind as u16).collect(),
            valid_from_ms: 0,
            valid_until_ms: NOON_MS * 2,
            possession: sign::sign(key, Domain::Possession, &message),
        }
    }

    pub fn register_keys(&mut self) {
        let mut grants = vec![self.grant(
            &registry_key(),
            HolderClass::Registry,
            Scope::Election,
            &[Kind::RollChunk, Kind::RollAmendment, Kind::Identification],
        )];
        for (station, _, _) in STATIONS {
            let scope = Scope::Unit(unit(station));
            grants.push(self.grant(&device_key(station), HolderClass::Device, scope, &[Kind::Identification]));
            grants.push(self.grant(&scanner_key(station), HolderClass::Scanner, scope, &[Kind::BallotBatch]));
            for member in 1..=2 {
                let kinds = [Kind::StationPhase, Kind::IdentificationVoid, Kind::TotalOpening, Kind::Protocol];
                grants.push(self.grant(
                    &member_key(station, member),
                    HolderClass::Member,
                    Scope::Station(station),
                    &kinds,
                ));
            }
        }
        let verdict = self.record(Scope::Election, &[&record_key(1)], &KeyRegistration { grants });
        assert_eq!(verdict, Verdict::Accepted(vec![]));
    }

    pub fn roll(&mut self, station: u32) -> Verdict {
        let mut leaves: Vec<_> = (0..VOTERS_A_STATION).map(|number| tag(voter(station, number)).roll_leaf()).collect();
        leaves.sort();
        let leaves = leaves.iter().flat_map(|leaf| leaf.0).collect();
        let chunk = RollChunk { list_version: 1, number: 0, chunks: 1, total: VOTERS_A_STATION, leaves };
        self.record(Scope::Station(station), &[&registry_key()], &chunk)
    }

    pub fn seal(&mut self, stage: Stage) -> Verdict {
        self.time_ms += 2_000;
        let head = self.state.head();
        let seal = Seal {
            stage: stage as u8,
            size: head.size.get(),
            sha256_root: Digest(head.roots.sha256.to_bytes()),
            blake3_root: Digest(head.roots.blake3.to_bytes()),
            admitted_root: Maybe((stage == Stage::Voting).then(|| self.state.admitted_root())),
            tally: Maybe((stage == Stage::Results).then(|| tamga_ledger::tally::tally(&self.state).digest())),
        };
        self.record(Scope::Election, &[&record_key(1)], &seal)
    }

    pub fn phase(&mut self, station: u32, phase: Phase, counters: Counters) -> Verdict {
        let list_total = if STATIONS[station as usize - 1].1 == 0 { VOTERS_A_STATION } else { 0 };
        let body = StationPhase {
            phase: phase as u8,
            list_total,
            counters,
            seals: vec!["A-1".to_owned()],
            equipment: vec![],
            roles: vec![MemberRole { key: id(&member_key(station, 1)), role: 1 }],
            checkpoint_size_seen: 0,
            protocol_digest: Maybe(None),
        };
        self.by_members(station, &body)
    }

    pub fn by_members<B: Body>(&mut self, station: u32, body: &B) -> Verdict {
        let keys = [member_key(station, 1), member_key(station, 2)];
        self.record(Scope::Unit(unit(station)), &[&keys[0], &keys[1]], body)
    }

    /// An online identification of `voter` (of `home`) at `station`, ready to submit.
    pub fn identification(&mut self, station: u32, home: u32, voter: u32) -> Submission {
        let device = device_key(station);
        let counter = self.sequence + 1;
        let election = self.state.election_id();
        let attested =
            AttestedVoter { unit: unit(station), device: id(&device), tag: tag(voter), home_station: home, method: 1 };
        let mut nonce = [9; 16];
        nonce[..8].copy_from_slice(&counter.to_be_bytes());
        let message = Attestation::message(&election, &attested, self.time_ms, &Nonce(nonce));
        let attestation = Attestation {
            registry: id(&registry_key()),
            at_ms: self.time_ms,
            nonce: Nonce(nonce),
            signature: sign::sign(&registry_key(), Domain::Attestation, &message),
        };
        self.identification_with(station, home, voter, 1, vec![attestation])
    }

    pub fn identification_with(
        &mut self,
        station: u32,
        home: u32,
        voter: u32,
        online: u8,
        attestation: Vec<Attestation>,
    ) -> Submission {
        let device = device_key(station);
        let secret = codec::encode(&IdentificationSecret {
            salt: Digest(*blake3::hash(&self.sequence.to_be_bytes()).as_bytes()),
            tag: tag(voter),
            home_station: home,
            method: 1,
            attestation,
        });
        let body = Identification { mode: u8::from(home != station), online, device_counter: self.sequence + 1 };
        let mut record = self.draft(Scope::Unit(unit(station)), &[&device], &body);
        record.confidential = Maybe(Some(confidential_digest(&secret)));
        Submission { signed: record.sign(&[&device]).unwrap(), confidential: secret }
    }

    pub fn identify(&mut self, station: u32, home: u32, voter: u32) -> Verdict {
        let submission = self.identification(station, home, voter);
        self.submit(&submission)
    }

    /// One batch; `counts[c]` are the counts by position of constituency c + 1.
    pub fn batch(&mut self, station: u32, number: u32, counts: [[u64; 5]; 2], last: bool) -> Verdict {
        let cells = counts
            .iter()
            .zip(1..)
            .map(|(counts, constituency)| Cell {
                constituency,
                papers: counts.iter().sum::<u64>() as u32,
                commitment: commit(&Counts::new(counts.to_vec()).unwrap(), &blinding(station, number, constituency)),
            })
            .collect();
        let body = BallotBatch { number, cells, last: u8::from(last) };
        self.record(Scope::Unit(unit(station)), &[&scanner_key(station)], &body)
    }
}

pub fn blinding(station: u32, number: u32, constituency: u32) -> Blinding {
    Blinding::derive(&[station as u8; 32], u64::from(number), constituency as u16, BlindingPurpose::BallotBatch)
}

pub fn signed(leaf: &NewLeaf) -> SignedRecord {
    match tamga_ledger::entry::Entry::from_bytes(&leaf.entry).unwrap().payload {
        tamga_ledger::entry::Payload::Full(signed) => signed,
        tamga_ledger::entry::Payload::Stub(_) => panic!("a stub"),
    }
}
