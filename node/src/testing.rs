//! A small election with all its keys, for tests: `n` organisations with a node each, two constituencies, a few stations,
//! everything signed for real. Never part of a product build.

mod alone;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use tamga_ledger::codec;
use tamga_ledger::definition::part_digest;
use tamga_ledger::ids::{Digest, ElectionId, KeyId, Maybe, Nonce, PublicKey, Tag};
use tamga_ledger::kinds::{
    Attestation, AttestedVoter, Body, Candidate, Constituency, Counters, Decree, DefinitionPart, Election, Form,
    FormLine, GRANTS_MAX, Governance, HolderClass, Identification, IdentificationSecret, KeyGrant, KeyRegistration,
    Kind, MemberRole, NodeKeys, OfficialHour, Organisation, Phase, RollChunk, Seal, SeatRule, Stage, Station,
    StationPhase, Title,
};
use tamga_ledger::note::{KeyName, KeyRole, VerifierKey};
use tamga_ledger::policy::smallest_intersecting_k;
use tamga_ledger::record::{Record, Scope, UnitId};
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::submission::{Submission, confidential_digest};
use tamga_ledger::tree::TreeHead;

pub use self::alone::{Alone, AloneSetup, alone_seams, alone_tuning, other_cosigners};
use crate::core::NodeSecrets;

/// The election and the authors' sequence numbers.
#[derive(Debug)]
pub struct TestElection {
    nodes: u32,
    stations: u32,
    voters: u32,
    now_ms: u64,
    id: ElectionId,
    genesis: Submission,
    sequences: Mutex<BTreeMap<KeyId, u64>>,
}

fn key(role: u32, number: u32) -> SigningKey {
    let mut seed = [0x5a; 32];
    seed[..4].copy_from_slice(&role.to_be_bytes());
    seed[4..8].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

fn public(key: &SigningKey) -> PublicKey {
    sign::public_key(key)
}

fn title(text: &str) -> Title {
    Title { ky: text.to_owned(), ru: text.to_owned(), en: text.to_owned() }
}

fn unit(station: u32) -> UnitId {
    UnitId { station, unit: 1 }
}

/// The key with which an organisation signs records.
#[must_use]
pub fn record_key(organisation: u32) -> SigningKey {
    key(1, organisation)
}

/// The secrets of a node.
#[must_use]
pub fn secrets(node: u32) -> NodeSecrets {
    NodeSecrets { cosigner: key(2, node), log: key(4, node), promise: key(5, node), batch: key(6, node) }
}

/// The secrets of a node that takes the place of an organisation's first: the standby key cosigns.
#[must_use]
pub fn successor_secrets(node: u32, organisation: u32) -> NodeSecrets {
    NodeSecrets { cosigner: standby_key(organisation), ..secrets(node) }
}

/// What a Governance record says of that node.
#[must_use]
pub fn successor(node: u32, organisation: u32) -> NodeKeys {
    let secrets = successor_secrets(node, organisation);
    NodeKeys {
        id: node,
        cosigner_name: standby_name(organisation),
        cosigner_key: public(&secrets.cosigner),
        log_key: public(&secrets.log),
        promise_key: public(&secrets.promise),
        batch_key: public(&secrets.batch),
        tls_spki_sha256: Digest([node as u8; 32]),
    }
}

fn standby_key(organisation: u32) -> SigningKey {
    key(3, organisation)
}

fn standby_name(organisation: u32) -> String {
    format!("{}.example/standby", organisation_name(organisation))
}

/// The name of the organisation with this number.
#[must_use]
pub fn organisation_name(number: u32) -> String {
    format!("org{number}")
}

/// The registry's key.
#[must_use]
pub fn registry_key() -> SigningKey {
    key(10, 0)
}

/// The key of a station's device.
#[must_use]
pub fn device_key(station: u32) -> SigningKey {
    key(11, station)
}

fn scanner_key(station: u32) -> SigningKey {
    key(12, station)
}

fn member_key(station: u32, member: u32) -> SigningKey {
    key(13, station * 10 + member)
}

/// The tag of a voter of a station's roll.
#[must_use]
pub fn tag(station: u32, voter: u32) -> Tag {
    Tag(*blake3::hash(&[station.to_be_bytes(), voter.to_be_bytes()].concat()).as_bytes())
}

impl TestElection {
    /// An election of so many nodes, stations and voters a station; its time is `now_ms`.
    ///
    /// # Panics
    /// If the numbers make no election.
    #[must_use]
    pub fn new(nodes: u32, stations: u32, voters: u32, now_ms: u64) -> Self {
        let election = election(nodes, stations, now_ms);
        let keys: Vec<SigningKey> = (1..=nodes).map(record_key).collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        let record = Record::draft(ElectionId::ZERO, Scope::Election, &keys, 1, Nonce([7; 16]), &election);
        #[expect(clippy::expect_used, reason = "the keys are the signers")]
        let signed = record.sign(&keys).expect("the keys are the signers");
        let id = ElectionId::of_genesis(&signed.record);
        let genesis = Submission::public(signed);
        Self { nodes, stations, voters, now_ms, id, genesis, sequences: Mutex::default() }
    }

    /// The election's id.
    #[must_use]
    pub const fn id(&self) -> ElectionId {
        self.id
    }

    /// The signed genesis record.
    #[must_use]
    pub const fn genesis(&self) -> &Submission {
        &self.genesis
    }

    /// How many nodes there are, numbered from 1.
    #[must_use]
    pub const fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Everything from the definition to the rolls, in the order in which it has to be submitted.
    #[must_use]
    pub fn preparation(&self) -> Vec<Bytes> {
        let mut due: Vec<Bytes> = parts(self.stations, self.now_ms)
            .iter()
            .map(|part| self.record(Scope::Election, &[&record_key(1)], part))
            .collect();
        due.extend(self.keys());
        due.extend((1..=self.stations).map(|station| self.roll(station)));
        due
    }

    /// A record signed by `keys`, ready to submit; the first key is the author.
    ///
    /// # Panics
    /// If a key is there twice.
    pub fn record<B: Body>(&self, scope: Scope, keys: &[&SigningKey], body: &B) -> Bytes {
        let draft = self.draft(scope, keys, body);
        #[expect(clippy::expect_used, reason = "the keys are the signers")]
        let signed = draft.sign(keys).expect("the keys are the signers");
        Submission::public(signed).to_bytes().into()
    }

    /// A decision about the cluster, signed by all organisations.
    #[must_use]
    pub fn decision(&self, change: &Governance) -> Bytes {
        let keys: Vec<SigningKey> = (1..=self.nodes).map(record_key).collect();
        self.record(Scope::Election, &keys.iter().collect::<Vec<_>>(), change)
    }

    fn draft<B: Body>(&self, scope: Scope, keys: &[&SigningKey], body: &B) -> Record {
        let author = public(keys[0]).id();
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = sequences.entry(author).or_insert(1);
        *sequence += 1;
        let mut nonce = author.0;
        nonce[..8].copy_from_slice(&sequence.to_be_bytes());
        Record::draft(self.id, scope, keys, *sequence, Nonce(nonce), body)
    }

    fn keys(&self) -> Vec<Bytes> {
        let mut grants = vec![self.grant(
            &registry_key(),
            HolderClass::Registry,
            Scope::Election,
            &[Kind::RollChunk, Kind::Identification],
        )];
        for station in 1..=self.stations {
            let scope = Scope::Unit(unit(station));
            grants.push(self.grant(&device_key(station), HolderClass::Device, scope, &[Kind::Identification]));
            grants.push(self.grant(&scanner_key(station), HolderClass::Scanner, scope, &[Kind::BallotBatch]));
            for member in 1..=2 {
                let kinds = [Kind::StationPhase, Kind::TotalOpening, Kind::Protocol];
                let member = member_key(station, member);
                grants.push(self.grant(&member, HolderClass::Member, Scope::Station(station), &kinds));
            }
        }
        let registration = |grants: &[KeyGrant]| KeyRegistration { grants: grants.to_vec() };
        let chunks = grants.chunks(GRANTS_MAX).map(registration);
        chunks.map(|body| self.record(Scope::Election, &[&record_key(1)], &body)).collect()
    }

    fn grant(&self, key: &SigningKey, class: HolderClass, scope: Scope, kinds: &[Kind]) -> KeyGrant {
        let public = public(key);
        let message = KeyGrant::possession_message(&self.id, &public, class as u8, scope);
        KeyGrant {
            key: public,
            class: class as u8,
            scope,
            kinds: kinds.iter().map(|kind| *kind as u16).collect(),
            valid_from_ms: 0,
            valid_until_ms: self.now_ms * 2,
            possession: sign::sign(key, Domain::Possession, &message),
        }
    }

    fn roll(&self, station: u32) -> Bytes {
        let mut leaves: Vec<_> = (0..self.voters).map(|voter| tag(station, voter).roll_leaf()).collect();
        leaves.sort();
        let leaves = leaves.iter().flat_map(|leaf| leaf.0).collect();
        let chunk = RollChunk { list_version: 1, number: 0, chunks: 1, total: self.voters, leaves };
        self.record(Scope::Station(station), &[&registry_key()], &chunk)
    }

    /// A seal over a head that was cut.
    #[must_use]
    pub fn seal(&self, stage: Stage, head: &TreeHead, admitted: Option<Digest>) -> Bytes {
        let seal = Seal {
            stage: stage as u8,
            size: head.size.get(),
            sha256_root: Digest(head.roots.sha256.to_bytes()),
            blake3_root: Digest(head.roots.blake3.to_bytes()),
            admitted_root: Maybe(admitted),
            tally: Maybe(None),
        };
        self.record(Scope::Election, &[&record_key(1)], &seal)
    }

    /// A phase of a station's unit.
    #[must_use]
    pub fn phase(&self, station: u32, phase: Phase) -> Bytes {
        let body = StationPhase {
            phase: phase as u8,
            list_total: self.voters,
            counters: Counters::default(),
            seals: vec!["A-1".to_owned()],
            equipment: vec![],
            roles: vec![MemberRole { key: public(&member_key(station, 1)).id(), role: 1 }],
            checkpoint_size_seen: 0,
            protocol_digest: Maybe(None),
        };
        let keys = [member_key(station, 1), member_key(station, 2)];
        self.record(Scope::Unit(unit(station)), &[&keys[0], &keys[1]], &body)
    }

    /// An online identification of a voter of `home` at `station`, with an attestation of `at_ms`.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn identification(&self, station: u32, home: u32, voter: u32, at_ms: u64) -> Bytes {
        let device = device_key(station);
        let body = |counter| Identification { mode: u8::from(home != station), online: 1, device_counter: counter };
        let mut record = self.draft(Scope::Unit(unit(station)), &[&device], &body(0));
        record.body = body(record.sequence).to_bytes();
        let attested = AttestedVoter {
            unit: unit(station),
            device: public(&device).id(),
            tag: tag(home, voter),
            home_station: home,
            method: 1,
        };
        let nonce = record.nonce;
        let message = Attestation::message(&self.id, &attested, at_ms, &nonce);
        let signature = sign::sign(&registry_key(), Domain::Attestation, &message);
        let registry = public(&registry_key()).id();
        let secret = codec::encode(&IdentificationSecret {
            salt: Digest(*blake3::hash(&[nonce.0.as_slice(), b"salt"].concat()).as_bytes()),
            tag: attested.tag,
            home_station: home,
            method: 1,
            attestation: vec![Attestation { registry, at_ms, nonce, signature }],
        });
        record.confidential = Maybe(Some(confidential_digest(&secret)));
        #[expect(clippy::expect_used, reason = "the key is the signer")]
        let signed = record.sign(&[&device]).expect("the key is the signer");
        Submission { signed, confidential: secret }.to_bytes().into()
    }
}

fn cosigner_name(node: u32) -> String {
    format!("node{node}.example/cosigner")
}

fn election(nodes: u32, stations: u32, now_ms: u64) -> Election {
    #[expect(clippy::expect_used, reason = "constant names, keys made here")]
    let vkey = |name: &str, key: &SigningKey| {
        let name = KeyName::new(name).expect("a name");
        VerifierKey::new(name, KeyRole::Cosigner, &public(key).0).expect("a key").to_string()
    };
    let (mut organisations, mut policy, mut names) = (Vec::new(), String::new(), String::new());
    for number in 1..=nodes {
        let (name, cosigner, standby) = (organisation_name(number), secrets(number).cosigner, standby_key(number));
        let cosigner_name = cosigner_name(number);
        policy += &format!("witness {name}-a {}\n", vkey(&cosigner_name, &cosigner));
        policy += &format!("witness {name}-b {}\n", vkey(&standby_name(number), &standby));
        policy += &format!("group {name} any {name}-a {name}-b\n");
        names += &format!(" {name}");
        let secrets = secrets(number);
        organisations.push(Organisation {
            name,
            title: title("o"),
            record_key: public(&record_key(number)),
            standby_cosigner_key: public(&standby),
            nodes: vec![NodeKeys {
                id: number,
                cosigner_name,
                cosigner_key: public(&secrets.cosigner),
                log_key: public(&secrets.log),
                promise_key: public(&secrets.promise),
                batch_key: public(&secrets.batch),
                tls_spki_sha256: Digest([number as u8; 32]),
            }],
        });
    }
    let k = smallest_intersecting_k(nodes as usize);
    policy += &format!("group organisations {k}{names}\nquorum organisations\n");
    let decree = Decree {
        number: "1".to_owned(),
        date: "2025-09-30".to_owned(),
        blake3: Digest([1; 32]),
        sha256: Digest([2; 32]),
    };
    Election {
        real: 0,
        title: title("test"),
        origin_prefix: "rehearsal.example/test".to_owned(),
        decree,
        rules_version: 1,
        parts: parts(stations, now_ms).iter().map(|part| part_digest(&part.to_bytes())).collect(),
        organisations,
        trust_policy: policy,
        cluster_epoch: 0,
        embargo_ms: now_ms + 3_600_000,
        official_hours: vec![OfficialHour { label: "later".to_owned(), at_ms: now_ms + 1_800_000 }],
        checkpoint_interval_ms: 500,
        cell_papers_min: 10,
        attestation_validity_ms: 3_600_000,
        member_quorum: 2,
        offline_identifications_max: 3,
        retention_months: 12,
    }
}

/// Odd stations belong to constituency 1, even ones to constituency 2.
fn parts(stations: u32, now_ms: u64) -> Vec<DefinitionPart> {
    let candidate = |position, sex| Candidate { position, name_ky: "К".to_owned(), name_ru: "К".to_owned(), sex };
    let constituency = |number| Constituency {
        number,
        title: title("c"),
        seats: 2,
        candidates: vec![candidate(1, 0), candidate(2, 1), candidate(3, 0)],
    };
    let station = |number| Station {
        number,
        station_kind: 0,
        constituency: 2 - number % 2,
        title: "s".to_owned(),
        opens_ms: now_ms.saturating_sub(1),
        closes_ms: now_ms + 3_600_000,
        units: vec![1],
    };
    let line = |code: &str, discloses| FormLine { code: code.to_owned(), title: title("l"), discloses };
    let form = Form {
        code: "test".to_owned(),
        version: 1,
        lines: vec![line("1", 0), line("2", 0), line("9", 1), line("10", 1)],
        relations: vec![],
    };
    let stations: Vec<Station> = (1..=stations).map(station).collect();
    let contents: [(u8, Vec<u8>); 4] = [
        (1, codec::encode(&vec![constituency(1), constituency(2)])),
        (2, codec::encode(&stations)),
        (3, codec::encode(&vec![form])),
        (4, codec::encode(&SeatRule { same_sex_max: 1, ballot_design: Digest([0; 32]) })),
    ];
    let numbered = contents.into_iter().zip(0..);
    numbered.map(|((part_kind, content), number)| DefinitionPart { part_kind, number, content }).collect()
}
