//! What is fuzzed: each parser, and proof verification against `ct-merkle`. A target takes any bytes and panics where a promise is
//! broken; that a parser itself does not panic is part of it.
//!
//! The same functions are driven by cargo-fuzz (`fuzz/`, by coverage) and by seeds and bounded mutations (`client/tests/fuzz.rs`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::digest::Output;
use sha2::{Digest as _, Sha256};
use tamga_client::author::{Draft, GenesisDraft};
use tamga_client::counting::{Part, read_counts};
use tamga_client::election::{ElectionFile, FormFile};
use tamga_client::protocols::{Mapping, check};
use tamga_client::registry::ImportedRoll;
use tamga_client::verify::ProofBundle;
use tamga_ledger::codec;
use tamga_ledger::commitment::Commitment;
use tamga_ledger::court::CourtBundle;
use tamga_ledger::definition::Definition;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::evidence::Evidence;
use tamga_ledger::history::History;
use tamga_ledger::ids::{ElectionId, PublicKey};
use tamga_ledger::inquiry::Inquiry;
use tamga_ledger::kinds::{self, Body, Kind};
use tamga_ledger::note::{SignedNote, UnverifiedCheckpoint, VerifierKey};
use tamga_ledger::policy::Policy;
use tamga_ledger::promise::{NodeRefusal, Promise};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::saved;
use tamga_ledger::state::State;
use tamga_ledger::store::{LogPosition, NewEntry, Options, Store, fsck};
use tamga_ledger::submission::{Confidential, NoKeys, Submission, authenticate_submission};
use tamga_ledger::tree::{
    ConsistencyProof, Frontier, Hash, InclusionProof, LeafIndex, SeveralProof, Sha256Tree, TilePath, TreeHash,
    TreeSize, TwinFrontier, decode_bundle, encode_bundle, prove_consistency, prove_inclusion,
};
use tamga_platform::disk::{Disk, MemDisk};

/// A target: any bytes.
pub type Target = fn(&[u8]);

/// All of them by name. Seeds stand in `fuzz/seeds/NAME/`.
pub const TARGETS: [(&str, Target); 28] = [
    ("codec", codec_bytes),
    ("submission", submission),
    ("entry", entry),
    ("body", body),
    ("note", note),
    ("vkey", vkey),
    ("policy", policy),
    ("receipt", receipt),
    ("history", history),
    ("bundle", bundle),
    ("court", court),
    ("evidence", evidence),
    ("message", message),
    ("tiles", tiles),
    ("commitment", commitment),
    ("proofs", proofs),
    ("inquiry", inquiry),
    ("frontier", frontier),
    ("saved", saved_state),
    ("store", store),
    ("draft", draft),
    ("roll", roll),
    ("form", form),
    ("election", election),
    ("counts", counts),
    ("part", part),
    ("mapping", mapping),
    ("table", table),
];

fn codec_bytes(bytes: &[u8]) {
    let good = codec::check(bytes).is_ok();
    // What decodes as something is canonical by the general check too.
    if Submission::from_bytes(bytes).is_ok() || Receipt::from_bytes(bytes).is_ok() {
        assert!(good, "read by one reader, refused by the other");
    }
}

fn submission(bytes: &[u8]) {
    let Ok(read) = Submission::from_bytes(bytes) else { return };
    assert_eq!(read.to_bytes(), bytes, "a second encoding");
    if let Ok(record) = read.signed.parse() {
        assert_eq!(record.to_bytes(), read.signed.record, "a second encoding of a record");
    }
    drop(authenticate_submission(read, &ElectionId::ZERO, &NoKeys, Confidential::MayBeWithheld));
}

fn entry(bytes: &[u8]) {
    let Ok(read) = Entry::from_bytes(bytes) else { return };
    assert_eq!(read.to_bytes(), bytes, "a second encoding");
    if let Payload::Full(signed) = &read.payload {
        drop(signed.parse());
    }
}

/// The first byte chooses the kind.
fn body(bytes: &[u8]) {
    fn check<B: Body>(bytes: &[u8]) {
        if let Ok(read) = B::from_bytes(bytes) {
            assert_eq!(read.to_bytes(), bytes, "a second encoding of a {:?}", B::KIND);
        }
    }
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let Some(kind) = Kind::from_number(u16::from(*kind)) else { return };
    match kind {
        Kind::Election => check::<kinds::Election>(bytes),
        Kind::DefinitionPart => check::<kinds::DefinitionPart>(bytes),
        Kind::Key => check::<kinds::KeyRegistration>(bytes),
        Kind::KeyRevocation => check::<kinds::KeyRevocation>(bytes),
        Kind::RollChunk => check::<kinds::RollChunk>(bytes),
        Kind::RollAmendment => check::<kinds::RollAmendment>(bytes),
        Kind::StationPhase => check::<kinds::StationPhase>(bytes),
        Kind::Identification => check::<kinds::Identification>(bytes),
        Kind::IdentificationVoid => check::<kinds::IdentificationVoid>(bytes),
        Kind::BallotBatch => check::<kinds::BallotBatch>(bytes),
        Kind::TotalOpening => check::<kinds::TotalOpening>(bytes),
        Kind::Protocol => check::<kinds::Protocol>(bytes),
        Kind::LegalAct => check::<kinds::LegalAct>(bytes),
        Kind::Case => check::<kinds::Case>(bytes),
        Kind::Governance => check::<kinds::Governance>(bytes),
        Kind::Seal => check::<kinds::Seal>(bytes),
        Kind::RefusalSummary => check::<kinds::RefusalSummary>(bytes),
        Kind::Countersign => check::<kinds::Countersign>(bytes),
        Kind::SummaryTable => check::<kinds::SummaryTable>(bytes),
        Kind::Custody => check::<kinds::Custody>(bytes),
    }
}

fn note(bytes: &[u8]) {
    if let Ok(read) = SignedNote::from_bytes(bytes) {
        assert_eq!(read.to_string().as_bytes(), bytes, "a second text");
    }
    drop(UnverifiedCheckpoint::from_bytes(bytes));
}

fn vkey(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = text.parse::<VerifierKey>() {
        assert_eq!(read.to_string(), text, "a second text");
    }
}

fn policy(bytes: &[u8]) {
    if let Ok(read) = Policy::from_bytes(bytes) {
        assert!(std::str::from_utf8(bytes).is_ok());
        assert!(read.organisations().len() <= 256, "more than can be parsed");
    }
}

fn receipt(bytes: &[u8]) {
    if let Ok(read) = Receipt::from_bytes(bytes) {
        assert_eq!(read.to_bytes(), bytes, "a second encoding");
    }
}

fn history(bytes: &[u8]) {
    if let Ok(read) = History::from_bytes(bytes) {
        assert_eq!(read.to_bytes(), bytes, "a second encoding");
    }
}

fn bundle(bytes: &[u8]) {
    let Ok(read) = ProofBundle::from_bytes(bytes) else { return };
    if !read.history.is_empty() {
        assert_eq!(read.to_bytes(), bytes, "a second encoding");
    }
    assert!(read.verify(&ElectionId::ZERO).is_err(), "of no election");
}

fn court(bytes: &[u8]) {
    let Ok(read) = CourtBundle::from_bytes(bytes) else { return };
    assert!(CourtBundle::is_one(bytes) && read.verify(&ElectionId::ZERO).is_err());
}

fn evidence(bytes: &[u8]) {
    if let Ok(read) = Evidence::from_bytes(bytes) {
        assert_eq!(read.to_bytes(), bytes, "a second encoding");
    }
}

/// What nodes send: nothing verifies under a key that is none.
fn message(bytes: &[u8]) {
    let nobody = PublicKey([2; 32]);
    assert!(Promise::verify(bytes, |_| [nobody]).is_err());
    assert!(NodeRefusal::verify(bytes, |_| [nobody]).is_err());
    assert!(tamga_ledger::batch::SignedBatch::verify(bytes, &ElectionId::ZERO, |_| Some(nobody)).is_err());
}

fn tiles(bytes: &[u8]) {
    if let Ok(entries) = decode_bundle(bytes) {
        assert_eq!(encode_bundle(&entries).ok().as_deref(), Some(bytes), "a second encoding");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text, "a second text");
    }
}

fn commitment(bytes: &[u8]) {
    let Ok(encoded) = <[u8; 32]>::try_from(bytes) else { return };
    if let Ok(read) = Commitment::from_bytes(encoded) {
        assert_eq!(read.to_bytes(), encoded, "a second encoding");
    }
}

/// Size, place and an older size, how much of the true path is kept, what is changed in it: we and `ct-merkle` say the same of every
/// inclusion and consistency proof.
fn proofs(bytes: &[u8]) {
    let [size, at, old, keep, place, change, rest @ ..] = bytes else { return };
    let size = u64::from(*size) % 64 + 1;
    let (at, old) = (u64::from(*at) % (size + 2), u64::from(*old) % size + 1);
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    (0..size).for_each(|number| oracle.push(entry_of(number)));
    let root = Hash::new(oracle.root().as_bytes().as_slice().try_into().unwrap_or([0; 32]));
    let (Ok(now), Ok(before), Ok(leaf)) = (TreeSize::new(size), TreeSize::new(old), LeafIndex::new(at)) else { return };
    let altered = |path: &[Hash]| {
        let mut hashes: Vec<Hash> = path.iter().copied().take(usize::from(*keep)).collect();
        if let Some(hash) = hashes.get_mut(usize::from(*place)) {
            let mut bytes = hash.to_bytes();
            bytes[usize::from(*change) % 32] ^= change >> 5;
            *hash = Hash::new(bytes);
        }
        hashes.extend(rest.as_chunks::<32>().0.iter().copied().map(Hash::new));
        hashes
    };
    let path = prove_inclusion::<Sha256Tree, _>(&mut reader, leaf, now).map(|proof| altered(proof.path()));
    let path = path.unwrap_or_else(|_| altered(&[]));
    let flat: Vec<u8> = path.iter().flat_map(|hash| hash.to_bytes()).collect();
    let ours = InclusionProof::<Sha256Tree>::new(path.clone())
        .is_ok_and(|proof| proof.verify(Sha256Tree::leaf(&entry_of(at)), leaf, now, &root).is_ok());
    let theirs = ct_merkle::InclusionProof::<Sha256>::try_from_bytes(flat)
        .is_ok_and(|proof| at < size && oracle.root().verify_inclusion(&entry_of(at), at, &proof).is_ok());
    assert_eq!(ours, theirs, "inclusion of {at} in {size}: ours, theirs");
    // The same through the proof for several leaves: it takes its hashes in another order, so it may refuse, never accept more.
    let several = SeveralProof::<Sha256Tree>::new(path);
    let accepted = several.verify(&[(leaf, Sha256Tree::leaf(&entry_of(at)))], now, &root).is_ok();
    assert!(!accepted || at < size);

    let Ok(old_root) = tamga_ledger::tree::root_at::<Sha256Tree, _>(&mut reader, before);
    let Ok(proof) = prove_consistency::<Sha256Tree, _>(&mut reader, before, now) else { return };
    let path = altered(proof.path());
    let flat: Vec<u8> = path.iter().flat_map(|hash| hash.to_bytes()).collect();
    let ours = ConsistencyProof::<Sha256Tree>::new(path)
        .is_ok_and(|proof| proof.verify(before, &old_root, now, &root).is_ok());
    let digest = Output::<Sha256>::from(old_root.to_bytes());
    let theirs = ct_merkle::ConsistencyProof::<Sha256>::try_from_bytes(flat).is_ok_and(|proof| {
        oracle.root().verify_consistency(&ct_merkle::RootHash::<Sha256>::new(digest, old), &proof).is_ok()
    });
    // Of equal sizes there is nothing to prove; ct-merkle has no such proof.
    assert!(ours == theirs || old == size, "consistency of {old} with {size}: ours {ours}, theirs {theirs}");
}

fn inquiry(bytes: &[u8]) {
    assert!(Inquiry::admit(bytes, &State::empty(), 1, 0).is_err(), "nobody may ask of an empty ledger");
}

fn frontier(bytes: &[u8]) {
    if let Ok(read) = Frontier::<Sha256Tree>::from_bytes(bytes) {
        assert_eq!(read.to_bytes(), bytes, "a second encoding");
    }
    if let Ok(read) = TwinFrontier::from_bytes(bytes) {
        assert_eq!(read.to_bytes(), bytes, "a second encoding");
    }
}

/// The first two bytes say where the head ends and the journal begins.
fn saved_state(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first_chunk::<2>() else { return };
    let (head, mut journal) = bytes.split_at(usize::from(u16::from_be_bytes(*cut)).min(bytes.len()));
    drop(saved::peek(head, &ElectionId::ZERO));
    drop(saved::load(head, &mut journal, &ElectionId::ZERO));
}

/// A small ledger with one file exchanged: the first byte chooses which.
fn store(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let files = store_files();
    let disk = MemDisk::default();
    for (number, (path, sound)) in files.iter().enumerate() {
        let exchanged = number == usize::from(*which) % files.len();
        let folder = path.parent().unwrap_or(Path::new("/"));
        assert!(
            disk.create_dir_all(folder).is_ok() && disk.replace(path, if exchanged { bytes } else { sound }).is_ok()
        );
    }
    let disk: Arc<dyn Disk> = Arc::new(disk);
    drop(fsck(&disk, Path::new(STORE)));
    if let Ok((store, _)) = Store::open(Arc::clone(&disk), Path::new(STORE), STORE_OPTIONS) {
        assert!(store.size().get() <= 2 * STORE_ENTRIES, "more entries than were ever written");
    }
}

const STORE: &str = "/ledger";
const STORE_ENTRIES: u64 = 300;
const STORE_OPTIONS: Options = Options { segment_bytes: 4 << 10, verify_all: true };

/// Every file of a ledger of 300 entries in several segments, with archived checkpoints.
///
/// # Panics
/// Never: it is made in memory.
pub fn store_files() -> &'static [(PathBuf, Vec<u8>)] {
    static FILES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| make_store().unwrap_or_default())
}

fn make_store() -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let disk = Arc::new(MemDisk::default());
    let (store, _) = Store::open(disk.clone(), Path::new(STORE), STORE_OPTIONS).ok()?;
    for index in 0..STORE_ENTRIES / 20 {
        let entries: Vec<Vec<u8>> = (0..20).map(|at| entry_of(index * 20 + at)).collect();
        let new: Vec<NewEntry<'_>> =
            entries.iter().map(|entry| NewEntry { entry, confidential: &[], class: 0 }).collect();
        store.append(LogPosition { term: 1, leader: 1, index }, &new).ok()?;
        store.archive_checkpoint(store.size(), index * 1000, &format!("note {index}")).ok()?;
        store.sync().ok()?;
    }
    drop(store);
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::from(STORE)]);
    while let Some(folder) = folders.pop() {
        for name in disk.list(&folder).ok()? {
            let path = folder.join(name);
            match disk.read(&path, 1 << 20) {
                Ok(bytes) => files.push((path, bytes)),
                Err(_) => folders.push(path),
            }
        }
    }
    files.sort();
    Some(files)
}

fn draft(bytes: &[u8]) {
    if let Ok(read) = Draft::from_bytes(bytes) {
        assert_eq!(read.bytes(), bytes, "a second encoding");
    }
    drop(GenesisDraft::from_bytes(bytes));
}

fn roll(bytes: &[u8]) {
    let Ok((read, _)) = ImportedRoll::read(&mut &*bytes) else { return };
    let mut again = Vec::new();
    assert!(read.write(&mut again).is_ok() && again == bytes, "a second encoding");
}

fn form(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(FormFile::parse("form", text));
}

/// A definition without other files.
fn election(bytes: &[u8]) {
    struct One<'a>(&'a [u8]);
    impl tamga_client::election::Files for One<'_> {
        fn read(&self, name: &str) -> Result<Vec<u8>, String> {
            if name == "one" { Ok(self.0.to_vec()) } else { Err("there is no other file".to_owned()) }
        }
    }
    drop(ElectionFile::read(&One(bytes), "one"));
}

/// What a scanner counted, for two constituencies of two candidates each.
fn counts(bytes: &[u8]) {
    static DEFINITION: OnceLock<Definition> = OnceLock::new();
    let definition = DEFINITION.get_or_init(|| {
        let title = || kinds::Title { ky: "t".to_owned(), ru: "t".to_owned(), en: "t".to_owned() };
        let candidate = |position| kinds::Candidate {
            position,
            name_ky: position.to_string(),
            name_ru: position.to_string(),
            sex: 0,
        };
        let candidates = || [1, 2].map(candidate).to_vec();
        let constituency = |number| kinds::Constituency { number, title: title(), seats: 1, candidates: candidates() };
        let content = codec::encode(&[1, 2].map(constituency).to_vec());
        let mut definition = Definition::default();
        let added = definition.add(&kinds::DefinitionPart { part_kind: 1, number: 0, content });
        assert!(added.is_ok(), "{added:?}");
        definition
    });
    match read_counts(bytes, definition) {
        Ok(batches) => {
            for (number, of) in batches.values().flatten() {
                assert!(definition.constituency(*number).is_some_and(|one| one.positions() == of.len()));
            }
        }
        Err(faults) => assert!((1..=20).contains(&faults.len()) && faults.is_sorted_by_key(|fault| fault.line)),
    }
}

fn part(bytes: &[u8]) {
    if let Ok(read) = Part::from_json(bytes) {
        assert_eq!(Part::from_json(read.to_json().as_bytes()), Ok(read), "written and read again it is another");
    }
}

const FORM: &str = include_str!("../../client/data/forms/ru-20fz-12.toml");
const MAPPINGS: [&str; 2] = [
    include_str!("../../client/data/mappings/sample-utf8.toml"),
    include_str!("../../client/data/mappings/sample-windows1251.toml"),
];

fn mapping(bytes: &[u8]) {
    let (Ok(text), Ok(form)) = (std::str::from_utf8(bytes), FormFile::parse("form", FORM)) else { return };
    drop(Mapping::parse("mapping", text, &form.form));
}

/// The first byte chooses the mapping, and with it the encoding.
fn table(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let Ok(form) = FormFile::parse("form", FORM) else { return };
    let Ok(mapping) = Mapping::parse("mapping", MAPPINGS[usize::from(*which) % MAPPINGS.len()], &form.form) else {
        return;
    };
    let mut found = 0_u64;
    let heard = |_| {
        found += 1;
        Ok(())
    };
    if let Ok(report) = check(bytes, &form, &mapping, heard, |_, _| {}) {
        assert_eq!(report.rows, report.malformed + report.accepted);
        assert_eq!(report.is_clean(), found == 0, "{report:?}");
    }
}

fn entry_of(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// The complete subtrees over made-up entries, computed from RFC 9162's definition with the `sha2` crate.
fn reader(level: u8, index: u64) -> Result<Hash, std::convert::Infallible> {
    fn hash(level: u8, index: u64) -> [u8; 32] {
        match level.checked_sub(1) {
            None => Sha256::new_with_prefix([0]).chain_update(entry_of(index)).finalize().into(),
            Some(below) => Sha256::new_with_prefix([1])
                .chain_update(hash(below, 2 * index))
                .chain_update(hash(below, 2 * index + 1))
                .finalize()
                .into(),
        }
    }
    Ok(Hash::new(hash(level, index)))
}

/// Runs one by name.
///
/// # Panics
/// Where a promise is broken, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(one, _)| *one == name).map(|(_, target)| target);
    match target {
        Some(target) => target(bytes),
        None => panic!("there is no target {name}"),
    }
}
