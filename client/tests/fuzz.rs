//! The fuzz targets, bounded and on stable: every seed, and mutations of seeds by a number that can be given again.
//!
//! `TAMGA_FUZZ_ROUNDS` (default 400) mutations a target, `TAMGA_FUZZ_SEED` for others; `TAMGA_SEEDS=write` writes `fuzz/seeds/` anew
//! out of the conformance vectors. What cargo-fuzz finds goes into `fuzz/seeds/NAME/` and is run here for ever.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

mod common;
#[path = "common/copy.rs"]
mod copy;
#[path = "common/mirror.rs"]
mod mirror;
#[path = "../../fuzz/src/targets.rs"]
mod targets;

use common::{ORGANISATIONS, World, phase_filler};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tamga_client::counting::{Opening, Part};
use tamga_client::court::{Wanted, make};
use tamga_client::registry::{CommissionKey, ImportedRoll, RegistryKey, TagKeys};
use tamga_client::verify::Opened;
use tamga_ledger::commitment::{Blinding, BlindingPurpose, Counts};
use tamga_ledger::court::Subject;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::evidence::{Claim, Entries, Evidence};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::Basis;
use tamga_ledger::record::UnitId;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{LeafHashes, TwinFrontier, encode_bundle};
use targets::{TARGETS, run};

type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds")
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/../ledger/tests/vectors/json/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes_of(file: &Value, section: &str, field: &str, most: usize) -> Vec<Vec<u8>> {
    let cases = file[section].as_array().unwrap();
    let step = cases.len().div_ceil(most);
    cases.iter().step_by(step).map(|case| hex::decode(case[field].as_str().unwrap()).unwrap()).collect()
}

fn texts_of(file: &Value, section: &str, field: &str, most: usize) -> Vec<Vec<u8>> {
    let cases = file[section].as_array().unwrap();
    let step = cases.len().div_ceil(most);
    cases.iter().step_by(step).map(|case| case[field].as_str().unwrap().as_bytes().to_vec()).collect()
}

/// Seeds out of the vectors: something of each shape, true and false.
fn made() -> Seeds {
    let [codec, ledger, checkpoints, messages] = ["codec", "ledger", "checkpoints", "messages"].map(vectors);
    let mut seeds = Seeds::new();
    let mut canonical = bytes_of(&codec, "canonical", "hex", 8);
    canonical.extend(bytes_of(&codec, "not_canonical", "hex", 12));
    seeds.insert("codec", canonical);
    let mut submissions = bytes_of(&ledger, "entries", "submission", 12);
    submissions.extend(bytes_of(&ledger, "not_leaves", "submission", 8));
    seeds.insert("submission", submissions);
    seeds.insert("entry", bytes_of(&ledger, "entries", "entry", 16));
    // One body of each kind, behind its number.
    let mut bodies: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    for entry in bytes_of(&ledger, "entries", "entry", usize::MAX) {
        let Payload::Full(signed) = Entry::from_bytes(&entry).unwrap().payload else { continue };
        let Ok(record) = signed.parse() else { continue };
        bodies.entry(record.kind).or_insert_with(|| [&[record.kind as u8][..], &record.body].concat());
    }
    seeds.insert("body", bodies.into_values().collect());
    seeds.insert("note", texts_of(&checkpoints, "checkpoints", "note", 12));
    let mut keys = texts_of(&checkpoints, "vkeys", "vkey", 2);
    keys.extend(texts_of(&checkpoints, "not_vkeys", "text", 9));
    seeds.insert("vkey", keys);
    seeds.insert("policy", texts_of(&checkpoints, "policies", "text", 8));
    seeds.insert("receipt", bytes_of(&checkpoints, "receipts", "receipt", 6));
    seeds.insert("history", bytes_of(&checkpoints, "histories", "history", 4));
    seeds.insert("bundle", bytes_of(&checkpoints, "bundles", "bundle", 4));
    seeds.insert("message", bytes_of(&messages, "signed_messages", "signed", 8));
    let entries = bytes_of(&ledger, "entries", "entry", 40);
    let mut tiles = vec![encode_bundle(&entries[..3]).unwrap()];
    tiles.extend(["tile/0/x001/234", "tile/entries/000.p/7", "tile/2/000"].map(|path| path.as_bytes().to_vec()));
    seeds.insert("tiles", tiles);
    seeds.insert(
        "commitment",
        vec![vec![0; 32], vec![1; 32], {
            let mut base = hex::decode("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76").unwrap();
            base.truncate(32);
            base
        }],
    );
    // A true proof, one for each kind of damage.
    seeds.insert(
        "proofs",
        vec![
            vec![12, 7, 5, 64, 64, 0],
            vec![63, 0, 62, 64, 64, 0],
            vec![12, 7, 5, 2, 64, 0],
            vec![12, 7, 5, 64, 1, 0x21],
            [&[12, 7, 5, 64, 64, 0][..], &[9; 32]].concat(),
            vec![0, 1, 0, 0, 0, 0],
        ],
    );
    let (court, evidence) = files();
    let signed = messages["signed_messages"].as_array().unwrap().iter();
    let inquiries = signed.filter(|case| case["domain"] == "tamga/inquiry/v1");
    seeds.insert("inquiry", inquiries.map(|case| hex::decode(case["signed"].as_str().unwrap()).unwrap()).collect());
    let drafts = bytes_of(&ledger, "entries", "submission", 8).into_iter();
    seeds.insert("draft", drafts.map(|bytes| Submission::from_bytes(&bytes).unwrap().signed.record).collect());
    let mut twin = TwinFrontier::default();
    let frontiers = (0..6_u64).map(|number| {
        twin.push(LeafHashes::of(&number.to_be_bytes())).unwrap();
        twin.to_bytes()
    });
    seeds.insert("frontier", frontiers.collect());
    let state = tamga_ledger::state::State::empty();
    let step = state.save(&tamga_ledger::saved::Mark::new(), None);
    let head = step.head.unwrap();
    seeds.insert("saved", vec![[&(head.len() as u16).to_be_bytes()[..], &head, &step.append].concat()]);
    let files = targets::store_files();
    let of_file = |(number, (_, bytes)): (usize, &(PathBuf, Vec<u8>))| [&[number as u8][..], bytes].concat();
    seeds.insert("store", files.iter().enumerate().map(of_file).filter(|seed| seed.len() < 16 << 10).collect());
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    seeds.insert("form", vec![std::fs::read(data.join("forms/ru-20fz-12.toml")).unwrap()]);
    seeds.insert("election", vec![std::fs::read(data.join("elections/example-small/election.toml")).unwrap()]);
    seeds.insert("roll", vec![roll()]);
    let counts: [&[u8]; 3] = [
        b"# batch, constituency, counts\n1, 1, 3, 0, 0, 0\n1, 2, 0, 1, 0, 0\n2, 1, 5, 1, 0, 1\n",
        "\u{feff}1;1;0;0;0;0\r\n4096;2;1;1;1;1\r\n".as_bytes(),
        b"2, 1, 1, 1, 1, 1\n1, 1, 1, 1, 1, 1\n9, 9, x\n",
    ];
    seeds.insert("counts", counts.map(<[u8]>::to_vec).to_vec());
    seeds.insert("part", vec![part().to_json().as_bytes().to_vec()]);
    let sample = |path: &str| std::fs::read(data.join(path)).unwrap();
    let mappings = ["mappings/sample-utf8.toml", "mappings/sample-windows1251.toml"];
    seeds.insert("mapping", mappings.map(sample).to_vec());
    let tables = [(0, "samples/protocols-utf8.csv"), (1, "samples/protocols-windows1251.csv")];
    seeds.insert("table", tables.map(|(which, path)| [&[which][..], &sample(path)].concat()).to_vec());
    seeds.insert("court", vec![court]);
    seeds.insert("evidence", evidence);
    seeds
}

/// An imported roll of three voters.
fn roll() -> Vec<u8> {
    let (registry, commission) = (RegistryKey::new([1; 32]), CommissionKey::new([2; 32]));
    let keys = TagKeys::new(ElectionId([3; 32]), registry, commission);
    let table = b"pin,station\n10000000000001,1\n10000000000002,1\n10000000000003,2\n";
    let mut bytes = Vec::new();
    ImportedRoll::import(&table[..], &keys, None, |_, _| {}).unwrap().write(&mut bytes).unwrap();
    bytes
}

/// What a unit counted, of two constituencies.
fn part() -> Part {
    let opening = |constituency: u16, counts: &[u64]| Opening {
        basis: Basis::Machine,
        constituency: u32::from(constituency),
        counts: Counts::new(counts.to_vec()).unwrap(),
        blinding: Blinding::derive(&[7; 32], 1, constituency, BlindingPurpose::BallotBatch),
    };
    let (election, unit) = (ElectionId([3; 32]), UnitId { station: 4, unit: 2 });
    let openings = vec![opening(1, &[2, 0, 1]), opening(2, &[0, 0])];
    Part { election, unit, basis: Basis::Machine, batches: 1, complete: false, openings }
}

fn files() -> (Vec<u8>, Vec<Vec<u8>>) {
    let copy = copy::small();
    let opened = Opened::open(&copy, &copy.election).unwrap();
    let wanted =
        Wanted { subject: Subject::Station(3), order: String::new(), body: &|_| None, tool: "seed".to_owned() };
    let court = make(&opened, &wanted, |_, _| {}).unwrap().to_bytes();
    let mut world = World::prepared();
    let genesis = world.genesis.signed.to_bytes();
    let first = world.checkpoint(&ORGANISATIONS);
    phase_filler_refused(&mut world);
    let second = world.checkpoint(&ORGANISATIONS);
    let claims = [
        Claim::Notes { first, second: second.clone(), link: None },
        Claim::Promise { promise: vec![1; 40], checkpoint: second, entries: Entries::Here(Vec::new()) },
    ];
    let evidence = claims.map(|claim| Evidence::new(copy.election, genesis.clone(), claim).to_bytes());
    (court, evidence.to_vec())
}

fn phase_filler_refused(world: &mut World) {
    world.seal_roll();
    world.open_all();
    phase_filler(world, 1);
}

fn committed() -> BTreeMap<String, Vec<Vec<u8>>> {
    let list = |path: &Path| {
        let mut names: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, list(&path).into_iter().map(|file| std::fs::read(file).unwrap()).collect())
    };
    list(&folder()).into_iter().map(read).collect()
}

#[test]
fn each_target_has_seeds_and_each_seed_passes() {
    if std::env::var("TAMGA_SEEDS").is_ok_and(|value| value == "write") {
        for (name, seeds) in made() {
            let folder = folder().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            for (number, seed) in seeds.iter().enumerate() {
                std::fs::write(folder.join(format!("vector-{number:02}")), seed).unwrap();
            }
        }
    }
    let committed = committed();
    for (name, target) in TARGETS {
        let seeds = committed.get(name).unwrap_or_else(|| panic!("no seeds of {name}"));
        assert!(!seeds.is_empty(), "{name}");
        seeds.iter().for_each(|seed| target(seed));
    }
    assert_eq!(committed.len(), TARGETS.len(), "a folder of seeds that belongs to no target");
    let manifest = std::fs::read_to_string(folder().join("../Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "{name}: fuzz/Cargo.toml"
        );
    }
}

/// splitmix64: the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// What a fuzzer does: bits, bytes, runs doubled or taken out, heads that say another length, another seed's middle.
fn mutated(seed: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len());
        let until = (at + 1 + chance.below(40)).min(bytes.len());
        match chance.below(8) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            2 if !bytes.is_empty() => {
                bytes[at] = [0, 1, 0x17, 0x18, 0x1b, 0x40, 0x5f, 0x80, 0x9f, 0xa0, 0xf6, 0xff][chance.below(12)]
            }
            3 => bytes.truncate(at),
            4 => bytes.insert(at, chance.next() as u8),
            5 if at < until => drop(bytes.drain(at..until)),
            6 if at < until => {
                let run = bytes[at..until].to_vec();
                bytes.splice(at..at, run);
            }
            _ => {
                let from = chance.below(other.len());
                let part = other[from..(from + chance.below(200)).min(other.len())].to_vec();
                bytes.splice(at.min(bytes.len()).., part);
            }
        }
    }
    bytes
}

#[test]
fn mutations_of_seeds_break_no_promise() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rounds, seed) = (number("TAMGA_FUZZ_ROUNDS", 400), number("TAMGA_FUZZ_SEED", 2_026));
    let committed = committed();
    for (place, (name, seeds)) in (0_u64..).zip(&committed) {
        for round in 0..rounds {
            let mut chance = Chance(seed ^ (place << 48) ^ round);
            let (one, other) = (&seeds[chance.below(seeds.len())], &seeds[chance.below(seeds.len())]);
            let bytes = mutated(one, other, &mut chance);
            let broken = std::panic::catch_unwind(|| run(name, &bytes)).is_err();
            assert!(
                !broken,
                "{name}, TAMGA_FUZZ_SEED={seed}, round {round}: keep this as a seed: {}",
                hex::encode(&bytes)
            );
        }
    }
}
