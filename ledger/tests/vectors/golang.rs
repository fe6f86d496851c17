//! Go's own notes, trees, policies, proofs and tlog clients (`golang.org/x/mod/sumdb`, `transparency-dev/merkle` and `/formats`,
//! `filippo.io/torchwood`) against the vectors and against a copy of a ledger, and ours against what they make. Skipped, loudly, where there is no Go or its module proxy cannot be reached, even where nothing else may
//! be skipped: these modules need Go 1.26, Debian's package is older, so that the gate cannot install one.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tamga_ledger::note::{Checkpoint, KeyName, KeyRole, SignedNote, VerifierKey};
use tamga_ledger::tree::{
    ConsistencyProof, Hash, InclusionProof, LeafIndex, Sha256Tree, TileKind, TilePath, TileWidth, TreeHash as _,
    TreeSize,
};

/// The program, built; or none where that is not possible.
fn program(folder: &Path) -> Option<std::path::PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/checker/go");
    let program = folder.join("interop");
    let built = Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(source).output();
    match built {
        Ok(output) if output.status.success() => Some(program),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let unreachable = ["dial tcp", "no such host", "proxy", "toolchain not available", "requires go"];
            assert!(unreachable.iter().any(|word| said.contains(word)), "{said}");
            eprintln!("SKIPPED: Go's modules cannot be had here: {said}");
            None
        }
        Err(error) => {
            eprintln!("SKIPPED: no Go toolchain: {error}");
            None
        }
    }
}

#[test]
fn go_agrees_with_our_trees_and_notes_and_we_with_its() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = program(folder.path()) else { return };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/json");
    let output = Command::new(&program).arg("check").arg(vectors).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(" comparisons, 0 wrong"), "{said}");

    let made = Command::new(&program).arg("make").output().unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let key: VerifierKey = text("Vkey").parse().unwrap();
    assert_eq!(key.to_string(), text("Vkey"));
    let note = SignedNote::from_bytes(text("Note").as_bytes()).unwrap();
    assert_eq!(note.to_string(), text("Note"));
    assert_eq!(key.verify(note.text(), &note.signatures()[0]), Ok(None));
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    let root: Hash = text("Root").parse().unwrap();
    assert_eq!(checkpoint.roots.sha256, root);

    let path = |value: &Value| -> Vec<Hash> {
        value.as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().parse().unwrap()).collect()
    };
    let size = TreeSize::new(made["Size"].as_u64().unwrap()).unwrap();
    for (place, proof) in made["Inclusion"].as_object().unwrap() {
        let number: u64 = place.parse().unwrap();
        let leaf = Sha256Tree::leaf(&crate::trees::entry(number));
        let proof = InclusionProof::<Sha256Tree>::new(path(proof)).unwrap();
        proof.verify(leaf, LeafIndex::new(number).unwrap(), size, &root).unwrap();
    }
    let old = TreeSize::new(made["OldSize"].as_u64().unwrap()).unwrap();
    let proof = ConsistencyProof::<Sha256Tree>::new(path(&made["Consistency"])).unwrap();
    proof.verify(old, &text("OldRoot").parse().unwrap(), size, &root).unwrap();

    for (what, theirs) in made["TilePaths"].as_object().unwrap() {
        let numbers: Vec<i64> = what.split(' ').map(|number| number.parse().unwrap()).collect();
        let (kind, theirs) = match numbers[0] {
            -1 => (TileKind::Entries, theirs.as_str().unwrap().replace("/data/", "/entries/")),
            level => (TileKind::Hashes(level as u8), theirs.as_str().unwrap().to_owned()),
        };
        let ours = TilePath::new(kind, numbers[1] as u64, TileWidth::new(numbers[2] as u64).unwrap()).unwrap();
        // Go's paths name the height; C2SP's, which is always 8, do not.
        assert_eq!(ours.to_string(), theirs.replacen("tile/8/", "tile/", 1));
    }
}

/// `c2sp.org/tlog-proof@v1`, read as the specification says and checked with `ct-merkle` and `signed_note`.
#[test]
fn a_receipt_as_tlog_proof_holds_for_those_who_know_nothing_of_us() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let day = crate::day::Day::whole();
    for leaf in [0, 40, 177] {
        let receipt = crate::notes::receipt(&day, leaf);
        let proof = receipt.to_tlog_proof();
        let (head, checkpoint) = proof.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
        assert_eq!(lines.next(), Some(format!("index {leaf}").as_str()));
        let path: Vec<u8> = lines.flat_map(|line| base64.decode(line).unwrap()).collect();

        let note = signed_note::Note::from_bytes(checkpoint.as_bytes()).unwrap();
        let text = String::from_utf8(note.text().to_vec()).unwrap();
        let fields: Vec<&str> = text.lines().collect();
        let root = sha2::digest::Output::<sha2::Sha256>::try_from(&base64.decode(fields[2]).unwrap()[..]).unwrap();
        let root = ct_merkle::RootHash::<sha2::Sha256>::new(root, fields[1].parse().unwrap());
        let path = ct_merkle::InclusionProof::<sha2::Sha256>::try_from_bytes(path).unwrap();
        root.verify_inclusion(&day.world.leaves[leaf as usize].entry, leaf, &path).unwrap();
    }
}

/// Somebody else's client (`filippo.io/torchwood`) reads a copy of the ledger as any C2SP tlog: tiles, entry bundles, checkpoint by
/// tlog-policy; and every `.tlog-proof` of ours is what it would write itself.
#[test]
fn a_client_that_nobody_here_wrote_reads_a_copy_of_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = program(folder.path()) else { return };
    let day = crate::day::Day::whole();
    let (copy, proofs, policy) =
        (folder.path().join("copy"), folder.path().join("proofs"), folder.path().join("policy"));
    let mut ledger = crate::checker::Copy::of(&day);
    ledger.write(&copy);
    std::fs::create_dir(&proofs).unwrap();
    for leaf in 0..day.world.leaves.len() as u64 {
        std::fs::write(proofs.join(leaf.to_string()), crate::notes::receipt(&day, leaf).to_tlog_proof()).unwrap();
    }
    let origin = KeyName::new(ledger.note.lines().next().unwrap()).unwrap();
    let log = VerifierKey::new(origin, KeyRole::Log, &crate::kit::public(&crate::kit::log_key(1)).0).unwrap();
    let in_force = day.world.state.nodes().epochs().last().unwrap().policy.clone();
    std::fs::write(&policy, format!("log {log}\n{in_force}")).unwrap();
    let read = || {
        let output = Command::new(&program).arg("read").args([&copy, &policy, &proofs]).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    let (good, said) = read();
    assert!(good && said.contains(" comparisons, 0 wrong"), "{said}");
    // The entry and not the checkpoint is what is false.
    let last = ledger.entries[90].len() - 1;
    ledger.entries[90][last] ^= 1;
    let (tiles, bundle) = (copy.join("tile/0/000"), copy.join("tile/entries/000"));
    let sound = std::fs::read(&tiles).unwrap();
    ledger.write(&copy);
    std::fs::write(&tiles, sound).unwrap();
    assert!(bundle.exists() && !read().0);
    // The genesis record's policy accepts no checkpoint behind the change.
    std::fs::write(&policy, format!("log {log}\n{}", crate::kit::election().trust_policy)).unwrap();
    ledger.entries[90][last] ^= 1;
    ledger.write(&copy);
    assert!(!read().0);
}
