//! Signed notes, checkpoints and cosignatures, against `signed_note`, `tlog_tiles` and published examples.

#![allow(clippy::unwrap_used, reason = "helpers of the tests fail the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use tamga_ledger::note::{
    Checkpoint, CheckpointError, CheckpointVerifyError, CosignError, CosignerKey, KeyName, KeyRole, LogKey, NoteError,
    NoteSignature, SignatureError, SignedNote, UnverifiedCheckpoint, VerifierKey, VerifierKeyError,
};
use tamga_ledger::policy::Policy;
use tamga_ledger::tree::{Hash, Roots, TreeSize};

const ORIGIN: &str = "ledger.example.kg/2025/0123456789abcdef";

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn secret(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn log_key(number: u8) -> LogKey {
    LogKey::new(name(ORIGIN), secret(number)).unwrap()
}

fn cosigner(number: u8) -> CosignerKey {
    CosignerKey::new(name(&format!("node{number}.example.kg")), secret(number)).unwrap()
}

fn checkpoint() -> Checkpoint {
    let roots = Roots { sha256: Hash::new([0xab; 32]), blake3: Hash::new([0xcd; 32]) };
    Checkpoint { origin: name(ORIGIN), size: TreeSize::new(20_852_163).unwrap(), roots }
}

/// Three organisations of two nodes each (keys 1 and 2, 3 and 4, 5 and 6), two log keys (11, 12); k of them.
fn policy(k: usize) -> Policy {
    let mut text = format!("log {}\nlog {}\n", log_key(11).verifier_key(), log_key(12).verifier_key());
    for number in 1..=6 {
        text += &format!("witness n{number} {}\n", cosigner(number).verifier_key());
    }
    text += &format!("group a any n1 n2\ngroup b any n3 n4\ngroup c any n5 n6\ngroup q {k} a b c\nquorum q\n");
    text.parse().unwrap()
}

fn note_by(cosigners: &[u8], logs: &[u8]) -> UnverifiedCheckpoint {
    let mut unverified = UnverifiedCheckpoint::unsigned(checkpoint()).unwrap();
    for number in logs {
        let line = log_key(*number).sign(unverified.note());
        assert_eq!(unverified.add(line), Ok(true));
    }
    for number in cosigners {
        let line = cosigner(*number).cosign(unverified.note(), 1_700_000_000 + u64::from(*number)).unwrap();
        assert_eq!(unverified.add(line), Ok(true));
    }
    unverified
}

// ---- published examples ----

/// The example of Go's golang.org/x/mod/sumdb/note, where the format comes from.
#[test]
fn the_go_example_verifies() {
    let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let note: SignedNote = text.parse().unwrap();
    assert_eq!(key.verify(note.text(), &note.signatures()[0]), Ok(None));
    assert_eq!(note.to_string(), text);
}

/// The examples printed in C2SP signed-note and tlog-cosignature (their keys are not published): read and written back.
#[test]
fn the_examples_of_the_specifications_are_read() {
    let quasimodo = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
        — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    let sofa = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    for (text, signatures) in [(quasimodo, 1), (sofa, 2)] {
        let note: SignedNote = text.parse().unwrap();
        assert_eq!((note.signatures().len(), note.to_string().as_str()), (signatures, text));
    }
    let note: SignedNote = sofa.parse().unwrap();
    let (time, signature) = note.signatures()[1].signature().split_first_chunk::<8>().unwrap();
    assert_eq!((u64::from_be_bytes(*time), signature.len()), (1_679_315_147, 64));
    // A checkpoint, but not one of this ledger: it has no BLAKE3 root.
    let refused = UnverifiedCheckpoint::from_note(note);
    assert_eq!(refused, Err(CheckpointVerifyError::Text(CheckpointError::WrongLines(3))));
}

#[test]
fn a_working_witness_key_is_read() {
    let text = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    let key: VerifierKey = text.parse().unwrap();
    assert_eq!(
        (key.role(), key.name().as_str(), key.to_string().as_str()),
        (KeyRole::Cosigner, "remora.n621.de", text)
    );
}

// ---- other implementations ----

#[test]
fn signed_note_verifies_ours() {
    let ours = log_key(11);
    let note = note_by(&[1, 2, 3], &[11]).note().to_string();
    let theirs = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&ours.verifier_key().to_string()).unwrap();
    let (verified, unknown) = theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 3));
    assert_eq!(theirs.to_bytes(), note.as_bytes());
}

#[test]
fn we_verify_signed_notes() {
    let public = log_key(11).verifier_key().clone();
    let private = BASE64.encode([&[0x01][..], &[11; 32]].concat());
    let skey = format!("PRIVATE+KEY+{ORIGIN}+{}+{private}", public.hash());
    let signer = StandardSigner::new(&skey).unwrap();
    let mut theirs = signed_note::Note::new(checkpoint().to_string().as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    let note = SignedNote::from_bytes(&theirs.to_bytes()).unwrap();
    assert_eq!(public.verify(note.text(), &note.signatures()[0]), Ok(None));
}

#[test]
fn tlog_tiles_reads_our_checkpoints() {
    let ours = checkpoint();
    let theirs = tlog_tiles::Checkpoint::from_bytes(ours.to_string().as_bytes()).unwrap();
    assert_eq!((theirs.origin(), theirs.size()), (ORIGIN, ours.size.get()));
    assert_eq!(theirs.hash().0, ours.roots.sha256.to_bytes());
    assert_eq!(theirs.extension(), format!("blake3 {}\n", ours.roots.blake3.to_base64()));
    assert_eq!(String::from_utf8(theirs.to_bytes()).unwrap().parse(), Ok(ours));
}

/// The payload assembled by hand from the words of tlog-cosignature.
#[test]
fn a_cosignature_is_time_and_signature_over_the_prefixed_text() {
    let note = SignedNote::unsigned(checkpoint().to_string()).unwrap();
    let line = cosigner(1).cosign(&note, 1_679_315_147).unwrap();
    let message = ["cosignature/v1\n", "time 1679315147\n", note.text()].concat();
    let expected = [&1_679_315_147_u64.to_be_bytes()[..], &secret(1).sign(message.as_bytes()).to_bytes()].concat();
    assert_eq!(line.signature(), expected);
    assert_eq!(cosigner(1).verifier_key().verify(note.text(), &line), Ok(Some(1_679_315_147)));
    let late = cosigner(1).cosign(&note, 1 << 63);
    assert_eq!(late, Err(CosignError::TimeTooLarge(1 << 63)));
}

// ---- refusals ----

#[test]
fn a_cosigned_checkpoint_is_verified_and_says_by_whom() {
    let unverified = note_by(&[1, 2, 5, 6], &[12]);
    let bytes = unverified.note().to_string();
    let verified =
        UnverifiedCheckpoint::from_bytes(bytes.as_bytes()).unwrap().verify(&policy(2), &name(ORIGIN)).unwrap();
    assert_eq!(verified.checkpoint(), &checkpoint());
    let organisations: Vec<_> = verified.organisations().iter().map(|name| name.as_str()).collect();
    assert_eq!(organisations, ["a", "c"]);
    let by: Vec<_> = verified
        .cosignatures()
        .iter()
        .map(|one| (one.cosigner.as_str(), one.organisation.as_ref().unwrap().as_str(), one.time_s - 1_700_000_000))
        .collect();
    assert_eq!(by, [("n1", "a", 1), ("n2", "a", 2), ("n5", "c", 5), ("n6", "c", 6)]);
}

#[test]
fn two_nodes_of_one_organisation_count_once() {
    let refused = note_by(&[1, 2], &[11]).verify(&policy(2), &name(ORIGIN)).unwrap_err();
    assert!(matches!(&refused, CheckpointVerifyError::NoQuorum { organisations } if organisations.len() == 1));
    assert!(refused.to_string().ends_with("cosigned by: a"), "{refused}");
}

#[test]
fn everything_else_fails_closed() {
    let origin = name(ORIGIN);
    let refuse = |unverified: UnverifiedCheckpoint| unverified.verify(&policy(2), &origin).unwrap_err();

    assert!(matches!(refuse(note_by(&[1, 3], &[])), CheckpointVerifyError::NoLogSignature { .. }));
    assert!(matches!(refuse(note_by(&[], &[11])), CheckpointVerifyError::NoQuorum { .. }));
    assert!(matches!(refuse(note_by(&[7, 8, 9], &[11])), CheckpointVerifyError::NoQuorum { .. }), "strangers");
    let other = note_by(&[1, 3], &[11]).verify(&policy(2), &name("other.example/log")).unwrap_err();
    assert!(matches!(other, CheckpointVerifyError::OtherOrigin { .. }));

    // Every byte of the text counts.
    let good = note_by(&[1, 3], &[11]).note().to_string();
    assert!(UnverifiedCheckpoint::from_bytes(good.as_bytes()).unwrap().verify(&policy(2), &origin).is_ok());
    let text = checkpoint().to_string();
    let forged = [text.replace("20852163", "20852164"), text.replace("zc3Nz", "zc3Ny"), text.replace("q6urq", "q6uqq")];
    for forged in forged {
        assert_ne!(forged, text);
        let Ok(unverified) = UnverifiedCheckpoint::from_bytes(good.replace(&text, &forged).as_bytes()) else {
            continue;
        };
        assert!(matches!(refuse(unverified), CheckpointVerifyError::BadSignature { .. }));
    }

    // A cosignature whose time was moved, one good signature beside a bad one of the same key, and its removal.
    let mut unverified = note_by(&[1, 3], &[11]);
    let line = cosigner(5).cosign(unverified.note(), 1_700_000_005).unwrap().to_string();
    let moved = moved_by_a_second(&line);
    unverified.add(moved).unwrap();
    assert!(matches!(refuse(unverified.clone()), CheckpointVerifyError::BadSignature { .. }));
    unverified.drop_bad_signatures(&policy(2));
    assert!(unverified.verify(&policy(2), &origin).is_ok());
}

fn moved_by_a_second(line: &str) -> NoteSignature {
    let (start, encoded) = line.rsplit_once(' ').unwrap();
    let mut bytes = BASE64.decode(encoded).unwrap();
    bytes[11] ^= 1;
    format!("{start} {}", BASE64.encode(bytes)).parse().unwrap()
}

#[test]
fn roles_are_not_interchangeable() {
    let note = SignedNote::unsigned(checkpoint().to_string()).unwrap();
    // The same secret and name in both roles: key hashes differ, and neither verifies as the other.
    let log = LogKey::new(name(ORIGIN), secret(1)).unwrap();
    let cosigner = CosignerKey::new(name(ORIGIN), secret(1)).unwrap();
    assert_ne!(log.verifier_key().hash(), cosigner.verifier_key().hash());
    let line = log.sign(&note);
    assert_eq!(cosigner.verifier_key().verify(note.text(), &line), Err(SignatureError::OtherKey));
    assert!(line.claims(log.verifier_key()) && !line.claims(cosigner.verifier_key()));
}

#[test]
fn late_and_surplus_cosignatures_join() {
    let mut archived = note_by(&[1, 3], &[11]);
    let late = note_by(&[3, 5, 9], &[12]);
    archived.merge(late.note()).unwrap();
    let by: Vec<_> = archived.note().signatures().iter().map(|line| line.name().as_str()).collect();
    let nodes = ["node1.example.kg", "node3.example.kg", "node5.example.kg", "node9.example.kg"];
    assert_eq!(by, [ORIGIN, nodes[0], nodes[1], ORIGIN, nodes[2], nodes[3]]);
    assert_eq!(archived.clone().verify(&policy(3), &name(ORIGIN)).unwrap().organisations().len(), 3);
    archived.merge(late.note()).unwrap();
    assert_eq!(archived.note().signatures().len(), 6, "nothing twice");

    let other = SignedNote::unsigned("another text\n".to_owned()).unwrap();
    assert_eq!(archived.merge(&other), Err(NoteError::DifferentTexts));
}

#[test]
fn notes_have_one_shape() {
    let line = "— example.com/a AAAAAAE=\n";
    let read = |text: String| SignedNote::from_bytes(text.as_bytes());
    assert!(read(format!("text\n\n{line}")).is_ok());
    assert!(read(format!("\n\n{line}")).is_ok_and(|note| note.text() == "\n"), "an empty line is a text");
    assert_eq!(read(format!("text\n{line}")), Err(NoteError::NoText));
    assert_eq!(read("text\n\n".to_owned()), Err(NoteError::NoSignatures));
    assert_eq!(read(format!("text\n\n{}", line.trim_end())), Err(NoteError::NoSignatures));
    assert_eq!(read(format!("te\txt\n\n{line}")), Err(NoteError::ControlCharacter { at: 2, character: 9 }));
    assert_eq!(read(format!("text\r\n\n{line}")), Err(NoteError::ControlCharacter { at: 4, character: 13 }));
    assert_eq!(SignedNote::from_bytes(b"te\xffxt\n\n"), Err(NoteError::NotUtf8(2)));
    assert_eq!(read(format!("text\n\n{}", line.repeat(65))), Err(NoteError::TooManySignatures));
    assert!(read(format!("text\n\n{}", line.repeat(64))).is_ok());
    let huge = "x".repeat(65_536);
    assert_eq!(read(format!("{huge}\n\n{line}")), Err(NoteError::TooLarge(65_538 + line.len())));
    let bad_lines = [
        "- example.com/a AAAAAAE=",
        "—  AAAAAAE=",
        "— example.com/a  AAAAAAE=",
        "— a+b AAAAAAE=",
        "— a\u{a0}b AAAAAAE=",
        "— example.com/a AAAAAAE",
        "— example.com/a AAAAAAF=",
        "— example.com/a AAAAAA==",
        "— example.com/a AAAAAA-_",
        "— example.com/a AAAAAAE= ",
        "— example.com/a",
        "— example.com/a ",
        "",
    ];
    for bad in bad_lines {
        let refused = read(format!("text\n\n{line}{bad}\n"));
        let last_blank = bad.is_empty(); // then the last empty line moves, and nothing is left below it
        let expected = if last_blank { NoteError::NoSignatures } else { NoteError::BadSignatureLine { line: 2 } };
        assert_eq!(refused, Err(expected), "{bad:?}");
    }
    assert_eq!(SignedNote::unsigned("no newline".to_owned()), Err(NoteError::TextWithoutNewline));
    assert_eq!(SignedNote::unsigned(String::new()), Err(NoteError::TextWithoutNewline));
}

#[test]
fn checkpoints_have_one_shape() {
    let good = checkpoint().to_string();
    assert_eq!(good.parse(), Ok(checkpoint()));
    let lines: Vec<&str> = good.lines().collect();
    let with = |place: usize, line: &str| {
        let mut lines = lines.clone();
        lines[place] = line;
        (lines.join("\n") + "\n").parse::<Checkpoint>().unwrap_err()
    };
    assert_eq!(with(0, ""), CheckpointError::BadOrigin);
    assert_eq!(with(0, "a b"), CheckpointError::BadOrigin);
    for size in ["", "01", "+1", "-1", "1 ", "1e3", "٣", "18446744073709551616"] {
        assert_eq!(with(1, size), CheckpointError::BadSize, "{size}");
    }
    assert!(matches!(with(1, "9007199254740992"), CheckpointError::SizeTooLarge(_)));
    assert!(matches!(with(2, "q6s="), CheckpointError::BadSha256(_)));
    assert_eq!(with(3, "blake2 x"), CheckpointError::NoBlake3Line);
    assert_eq!(with(3, &lines[3].replace("blake3 ", "blake3")), CheckpointError::NoBlake3Line);
    assert!(matches!(with(3, &lines[3].replace("blake3 ", "blake3  ")), CheckpointError::BadBlake3(_)));
    assert_eq!(format!("{good}more\n").parse::<Checkpoint>(), Err(CheckpointError::WrongLines(5)));
    assert_eq!(good.trim_end().parse::<Checkpoint>(), Err(CheckpointError::WrongLines(4)));
    assert_eq!("".parse::<Checkpoint>(), Err(CheckpointError::WrongLines(0)));
    assert!(good.replacen("20852163", "0", 1).parse::<Checkpoint>().is_ok(), "the empty tree is written 0");
}

#[test]
fn verifier_keys_have_one_shape() {
    let good = cosigner(1).verifier_key().to_string();
    assert_eq!(good.parse(), Ok(cosigner(1).verifier_key().clone()));
    let (start, key) = good.rsplit_once('+').unwrap();
    let (name, hash) = start.split_once('+').unwrap();
    let refuse = |text: String| text.parse::<VerifierKey>().unwrap_err();
    assert_eq!(refuse(name.to_owned()), VerifierKeyError::Shape);
    assert_eq!(refuse(start.to_owned()), VerifierKeyError::Shape);
    assert_eq!(refuse(format!("+{hash}+{key}")), VerifierKeyError::BadName);
    assert!(matches!(refuse(format!("{name}x+{hash}+{key}")), VerifierKeyError::WrongHash { .. }));
    assert!(matches!(refuse(format!("{name}+{}+{key}", &hash[1..])), VerifierKeyError::BadHash { .. }));
    assert!(matches!(refuse(format!("{name}+ABCDEF01+{key}")), VerifierKeyError::BadHash { .. }));
    assert!(matches!(refuse(format!("{good}A")), VerifierKeyError::BadKeyBytes { .. }));
    let mldsa = BASE64.encode([6; 33]);
    assert!(matches!(refuse(format!("{name}+{hash}+{mldsa}")), VerifierKeyError::UnknownType { found: 6, .. }));
}

/// Keys under which a signature says nothing: small order, and second encodings of a point.
#[test]
fn weak_and_ambiguous_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut not_canonical = [0xff; 32]; // y = p + 1, another way to write the identity
    (not_canonical[0], not_canonical[31]) = (0xee, 0x7f);
    let zero = [0; 32]; // order 4
    for key in [identity, not_canonical, zero, [0xff; 32]] {
        for role in [KeyRole::Log, KeyRole::Cosigner] {
            assert_eq!(VerifierKey::new(name("a"), role, &key), Err(VerifierKeyError::BadPoint));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(note) = SignedNote::from_bytes(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn what_is_read_is_written_back_and_signed_note_agrees(text in "(— [a+ ]{0,3}[A-D=/]{0,12}\n|[a\n]{0,4}\n){0,6}") {
        let ours = SignedNote::from_bytes(text.as_bytes());
        let theirs = signed_note::Note::from_bytes(text.as_bytes());
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        if let Ok(note) = ours {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn any_text_is_a_checkpoint_or_refused(text in "[a+ ]{0,2}\n[0-9]{0,3}\n(blake3 )?[A-Za-z0-9+/=]{0,44}\n?") {
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }

    /// No flipped bit of a signature verifies (strict verification: no second encoding of a good signature either).
    #[test]
    fn no_flipped_bit_verifies(bit in 0..72 * 8_usize) {
        let note = SignedNote::unsigned(checkpoint().to_string()).unwrap();
        let key = cosigner(1);
        let line = key.cosign(&note, 1_700_000_000).unwrap();
        let mut payload = line.signature().to_vec();
        payload[bit / 8] ^= 1 << (bit % 8);
        let bytes = [&key.verifier_key().hash().to_bytes()[..], &payload].concat();
        let forged: NoteSignature = format!("— {} {}", line.name(), BASE64.encode(bytes)).parse().unwrap();
        prop_assert!(key.verifier_key().verify(note.text(), &forged).is_err());
    }
}
