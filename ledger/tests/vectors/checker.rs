//! The independent checker (`tests/checker/`, Python) over the vectors and over copies of the ledger, honest and tampered with.

use crate::day::Day;
use crate::notes;
use std::path::{Path, PathBuf};
use std::process::Command;
use tamga_ledger::tree::{
    Blake3Tree, Hash, Sha256Tree, TILE_WIDTH, TileKind, TilePath, TreeHash, TreeSize, encode_bundle, tile_root,
};

/// A Python that has what the checker needs, or none.
fn python() -> Option<String> {
    let python = std::env::var("TAMGA_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import blake3, cryptography, zcbor"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(
        std::env::var_os("TAMGA_TESTS_NOTHING_SKIPPED").is_none(),
        "{python} with tests/checker/requirements.txt is not installed"
    );
    eprintln!(
        "SKIPPED: no Python with blake3, cryptography and zcbor: see tests/checker/README.md, and set TAMGA_PYTHON"
    );
    None
}

/// Whether it found nothing, and what it said.
fn check(python: &str, arguments: &[&str]) -> (bool, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/checker");
    let mut command = Command::new(python);
    command.args(["-B", "-m", "tamga_check"]).args(arguments).current_dir(folder);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.code().is_some_and(|code| code < 2) && !said.contains("Traceback"), "{said}");
    (output.status.success(), said)
}

#[test]
fn an_independent_checker_agrees_with_every_vector_and_shape() {
    let Some(python) = python() else { return };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/json");
    let (good, said) = check(&python, &["vectors", vectors.to_str().unwrap()]);
    assert!(good, "{said}");
    let shapes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tamga.cddl");
    let (good, said) = check(&python, &["shapes", shapes.to_str().unwrap(), vectors.to_str().unwrap()]);
    assert!(good, "{said}");
}

/// A copy of the ledger as `tamga download` makes it.
pub struct Copy {
    pub entries: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
    pub note: String,
    history: Vec<u8>,
    archive: Vec<(u64, String)>,
}

impl Copy {
    pub fn of(day: &Day) -> Self {
        let (note, history) = notes::published(day);
        let leaves = &day.world.leaves;
        Self {
            entries: leaves.iter().map(|leaf| leaf.entry.clone()).collect(),
            bodies: leaves.iter().map(|leaf| leaf.confidential.clone()).collect(),
            note,
            history,
            archive: notes::archive(day),
        }
    }

    pub fn write(&self, folder: &Path) {
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        file("checkpoint", self.note.as_bytes());
        file("genesis", &self.entries[0]);
        file("history", &self.history);
        let sizes: String = self.archive.iter().map(|(size, _)| format!("{size}\n")).collect();
        file("checkpoints/index", sizes.as_bytes());
        for (size, note) in &self.archive {
            file(&format!("checkpoints/{size}"), note.as_bytes());
        }
        let size = TreeSize::new(self.entries.len() as u64).unwrap();
        for (index, (entries, bodies)) in self.entries.chunks(256).zip(self.bodies.chunks(256)).enumerate() {
            let path = TilePath::in_tree(TileKind::Entries, index as u64, size).unwrap().to_string();
            file(&path, &encode_bundle(entries).unwrap());
            file(&path.replace("entries", "confidential"), &encode_bundle(bodies).unwrap());
        }
        write_tiles::<Sha256Tree>(&self.entries, size, "", &file);
        write_tiles::<Blake3Tree>(&self.entries, size, "blake3/", &file);
    }
}

fn write_tiles<H: TreeHash>(entries: &[Vec<u8>], size: TreeSize, prefix: &str, file: &dyn Fn(&str, &[u8])) {
    let mut row: Vec<Hash> = entries.iter().map(|entry| H::leaf(entry)).collect();
    for level in 0.. {
        for (index, tile) in row.chunks(TILE_WIDTH as usize).enumerate() {
            let path = TilePath::in_tree(TileKind::Hashes(level), index as u64, size).unwrap();
            let bytes: Vec<u8> = tile.iter().flat_map(|hash| hash.to_bytes()).collect();
            file(&format!("{prefix}{path}"), &bytes);
        }
        row = row.as_chunks::<{ TILE_WIDTH as usize }>().0.iter().map(|tile| tile_root::<H>(tile)).collect();
        if row.is_empty() {
            return;
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found.sort();
    found
}

#[test]
fn an_independent_checker_audits_a_ledger_and_finds_what_was_done_to_it() {
    let Some(python) = python() else { return };
    let day = Day::whole();
    let digest = day.world.state.election_id().to_string();
    let honest = Copy::of(&day);
    let audit = |copy: &Copy, tamper: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        copy.write(folder.path());
        tamper(folder.path());
        check(&python, &["audit", folder.path().to_str().unwrap(), &digest])
    };
    let (good, said) = audit(&honest, &|_| {});
    assert!(good && said.contains(" entries, cosigned by org1, org2, org3; 0 verdicts taken over"), "{said}");

    let names = {
        let folder = tempfile::tempdir().unwrap();
        honest.write(folder.path());
        files(folder.path()).iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_owned()).collect::<Vec<_>>()
    };
    for name in &names {
        let flip = |folder: &Path| {
            let mut bytes = std::fs::read(folder.join(name)).unwrap();
            let place = bytes.len() / 2;
            bytes[place] ^= 4;
            std::fs::write(folder.join(name), bytes).unwrap();
        };
        let (good, said) = audit(&honest, &flip);
        assert!(!good, "a bit of {} is flipped: {said}", name.display());
    }
    type Change = fn(&mut Copy);
    let changes: [(&str, Change); 9] = [
        ("dropped", |copy| drop((copy.entries.remove(90), copy.bodies.remove(90)))),
        ("twice", |copy| {
            copy.entries.insert(90, copy.entries[90].clone());
            copy.bodies.insert(90, copy.bodies[90].clone());
        }),
        ("swapped", |copy| {
            copy.entries.swap(90, 91);
            copy.bodies.swap(90, 91);
        }),
        ("cut", |copy| drop((copy.entries.pop(), copy.bodies.pop()))),
        ("replaced", |copy| copy.entries[90] = copy.entries[91].clone()),
        ("a body gone to another", |copy| {
            let pair = copy.bodies.windows(2).position(|pair| pair[0] != pair[1] && !pair[0].is_empty()).unwrap();
            copy.bodies.swap(pair, pair + 1);
        }),
        ("an archived checkpoint under another size", |copy| copy.archive[0].0 = 11),
        ("the epoch published by the new policy alone", |copy| drop(copy.archive.remove(2))),
        ("the archive cut", |copy| drop(copy.archive.pop())),
    ];
    for (what, change) in changes {
        let mut copy = Copy::of(&day);
        change(&mut copy);
        let (good, said) = audit(&copy, &|_| {});
        assert!(!good, "{what}: {said}");
    }
}

/// Evidence that refers to a copy of the ledger holds with an honest one and with no other.
#[test]
fn an_independent_checker_verifies_evidence_against_a_copy() {
    let Some(python) = python() else { return };
    let day = Day::whole();
    let digest = day.world.state.election_id().to_string();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/json/evidence.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(vectors).unwrap()).unwrap();
    let what = "4: the entries are in a copy, which is not at hand";
    let case = vectors["evidence"].as_array().unwrap().iter().find(|case| case["what"] == what).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, copied) = (folder.path().join("evidence"), folder.path().join("copy"));
    std::fs::write(&file, hex::decode(case["evidence"].as_str().unwrap()).unwrap()).unwrap();
    let (file, place) = (file.to_str().unwrap(), copied.to_str().unwrap());
    let mut copy = Copy::of(&day);
    copy.write(&copied);
    let (good, said) = check(&python, &["evidence", file, &digest, place]);
    assert!(good && said.contains("holds; convicted: ['"), "{said}");
    assert!(!check(&python, &["evidence", file, &digest]).0);
    let last = copy.entries[4].len() - 1;
    copy.entries[4][last] ^= 1;
    copy.write(&copied);
    let (good, said) = check(&python, &["evidence", file, &digest, place]);
    assert!(!good && said.contains("not the entries that the checkpoint covers"), "{said}");
}
