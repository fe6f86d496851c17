//! Each kind of evidence convinces from the genesis digest alone; whatever does not prove anything is refused.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use ed25519_dalek::{Signer as _, SigningKey};
use kit::*;
use proptest::prelude::*;
use tamga_ledger::batch::{Batch, Item};
use tamga_ledger::codec;
use tamga_ledger::evidence::*;
use tamga_ledger::ids::{ElectionId, PublicKey, RecordId, Signature};
use tamga_ledger::kinds::*;
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, LogKey, UnverifiedCheckpoint};
use tamga_ledger::promise::{Judged, Promise};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::record::{Scope, SignedRecord};
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::*;
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::Verdict;

const NOW_S: u64 = NOON_MS / 1_000;

/// A ledger, and everything to make a file about it.
struct Case {
    world: World,
    trust: Trust,
    election: ElectionId,
    genesis: Vec<u8>,
}

impl Case {
    fn new() -> Self {
        let mut world = World::open();
        for number in 0..3 {
            assert!(world.identify(1, 1, voter(1, number)).is_accepted());
        }
        let genesis = sign_genesis(&election());
        let trust = Trust::from_submission(genesis.clone(), None).unwrap();
        Self { world, election: *trust.election_id(), trust, genesis: genesis.signed.to_bytes() }
    }

    fn file(&self, claim: Claim) -> Evidence {
        Evidence::new(self.election, self.genesis.clone(), claim)
    }

    /// Through its bytes and from the digest alone, as a court does it.
    fn verify(&self, claim: Claim) -> Result<VerifiedEvidence, EvidenceError> {
        self.verify_file(&self.file(claim))
    }

    fn verify_file(&self, file: &Evidence) -> Result<VerifiedEvidence, EvidenceError> {
        let bytes = file.to_bytes();
        let read = Evidence::from_bytes(&bytes).unwrap();
        assert_eq!(read, *file);
        assert_eq!(read.to_bytes(), bytes);
        read.verify(&read.trust(&self.election)?)
    }

    fn entries(&self, size: u64) -> Vec<Vec<u8>> {
        self.world.leaves[..size as usize].iter().map(|leaf| leaf.entry.clone()).collect()
    }

    fn head(&self, size: u64) -> TreeHead {
        head(&self.entries(size))
    }

    fn size(&self) -> u64 {
        self.world.leaves.len() as u64
    }

    fn note(&self, head: TreeHead, cosigners: &[u32], time_s: u64) -> String {
        let checkpoint = Checkpoint { origin: self.trust.origin().clone(), size: head.size, roots: head.roots };
        note(&checkpoint, cosigners, time_s)
    }

    fn receipt(&self, leaf: u64) -> Vec<u8> {
        let entries = self.entries(self.size());
        let (index, size) = (LeafIndex::new(leaf).unwrap(), TreeSize::new(self.size()).unwrap());
        let proof = TwinInclusionProof {
            sha256: prove_inclusion::<Sha256Tree, _>(&mut reader::<Sha256Tree>(&entries), index, size).unwrap(),
            blake3: prove_inclusion::<Blake3Tree, _>(&mut reader::<Blake3Tree>(&entries), index, size).unwrap(),
        };
        let checkpoint = self.note(self.head(self.size()), &[1, 2, 3], NOW_S + 1_000);
        Receipt { leaf: index, entry: entries[leaf as usize].clone(), proof, checkpoint }.to_bytes()
    }

    fn promise(&self, node: u32, record: RecordId, deadline_ms: u64, judged: Option<Judged>) -> Vec<u8> {
        let promise = Promise { election: self.election, record, node, deadline_ms, judged };
        promise.sign(&promise_key(node))
    }

    fn batch(&self, proposer: u32, number: u64, time_ms: u64, items: Vec<Vec<u8>>) -> Batch {
        Batch {
            version: 1,
            election: self.election,
            epoch: 0,
            term: 4,
            number,
            time_ms,
            proposer,
            cut: 0,
            items: items.into_iter().map(Item).collect(),
        }
    }

    fn signed(&self, proposer: u32, number: u64, time_ms: u64, items: Vec<Vec<u8>>) -> Vec<u8> {
        self.batch(proposer, number, time_ms, items).sign(&batch_key(proposer)).bytes().to_vec()
    }
}

fn head(entries: &[Vec<u8>]) -> TreeHead {
    let mut frontier = TwinFrontier::default();
    for entry in entries {
        frontier.push_entry(entry).unwrap();
    }
    frontier.head()
}

/// Cosigned by the nodes of these organisations and signed as the log by the first.
fn note(checkpoint: &Checkpoint, cosigners: &[u32], time_s: u64) -> String {
    let mut note = UnverifiedCheckpoint::unsigned(checkpoint.clone()).unwrap();
    for number in cosigners {
        let name = KeyName::new(&format!("node{number}.example/cosigner")).unwrap();
        let line = CosignerKey::new(name, cosigner_key(*number)).unwrap().cosign(note.note(), time_s).unwrap();
        note.add(line).unwrap();
    }
    if let Some(first) = cosigners.first() {
        let line = LogKey::new(checkpoint.origin.clone(), log_key(*first)).unwrap().sign(note.note());
        note.add(line).unwrap();
    }
    note.note().to_string()
}

/// Subtree hashes computed from scratch.
fn reader<H: TreeHash>(entries: &[Vec<u8>]) -> impl FnMut(u8, u64) -> Result<Hash, ()> {
    move |level, index| {
        let first = (index << level) as usize;
        let mut frontier = Frontier::<H>::new();
        for entry in &entries[first..first + (1 << level)] {
            frontier.push(H::leaf(entry)).unwrap();
        }
        Ok(frontier.root())
    }
}

fn consistency<H: TreeHash>(entries: &[Vec<u8>], old: u64) -> Vec<Hash> {
    let (old, new) = (TreeSize::new(old).unwrap(), TreeSize::new(entries.len() as u64).unwrap());
    prove_consistency::<H, _>(&mut reader::<H>(entries), old, new).unwrap().path().to_vec()
}

fn convicted(verified: &VerifiedEvidence) -> Vec<(Option<u32>, KeyUse)> {
    verified.convicted().iter().map(|holder| (holder.node, holder.key_use)).collect()
}

/// The same ledger with one byte of time moved in one entry.
fn rewritten(entries: &[Vec<u8>], leaf: usize) -> Vec<Vec<u8>> {
    let mut other = entries.to_vec();
    *other[leaf].last_mut().unwrap() ^= 1;
    other
}

// ---- checkpoints ----

#[test]
fn one_key_under_two_roots_of_one_size_is_convicted() {
    let case = Case::new();
    let true_head = case.head(case.size());
    let false_head = head(&rewritten(&case.entries(case.size()), 5));
    let (first, second) = (case.note(true_head, &[1, 2, 3], NOW_S), case.note(false_head, &[2], NOW_S + 9));
    let verified = case.verify(Claim::Notes { first: first.clone(), second: second.clone(), link: None }).unwrap();
    assert_eq!(verified.kind(), EvidenceKind::OtherRoots);
    assert_eq!(convicted(&verified), [(Some(2), KeyUse::Cosigner)]);
    assert_eq!(verified.statements()[0].signers.len(), 4);
    assert_eq!(verified.convicted()[0].organisation.as_deref(), Some("org2"));

    // Swapped it says the same; the same note twice says nothing; a note that nobody signed binds nobody.
    assert!(case.verify(Claim::Notes { first: second.clone(), second: first.clone(), link: None }).is_ok());
    let same = case.verify(Claim::Notes { first: first.clone(), second: first.clone(), link: None });
    assert!(matches!(same, Err(EvidenceError::NoContradiction(_))), "{same:?}");
    let unsigned = format!("{}\n— stranger AAAAAAAA\n", second.split("\n\n").next().unwrap().to_owned() + "\n");
    let nobody = case.verify(Claim::Notes { first, second: unsigned, link: None });
    assert!(matches!(nobody, Err(EvidenceError::Unsigned("second"))), "{nobody:?}");
}

#[test]
fn a_signature_moved_to_another_text_convicts_nobody() {
    let case = Case::new();
    let (honest, lie) = (case.head(case.size()), head(&rewritten(&case.entries(case.size()), 5)));
    let first = case.note(honest, &[1, 2, 3], NOW_S);
    // The liar's text under an honest key's line.
    let stolen = first.lines().find(|line| line.contains("node1.example/cosigner")).unwrap();
    let forged = case.note(lie, &[2], NOW_S) + stolen + "\n";
    let verified = case.verify(Claim::Notes { first: first.clone(), second: forged, link: None }).unwrap();
    assert_eq!(convicted(&verified), [(Some(2), KeyUse::Cosigner)]);
    let only_forged =
        format!("{}\n{stolen}\n", Checkpoint { origin: case.trust.origin().clone(), size: lie.size, roots: lie.roots });
    let nobody = case.verify(Claim::Notes { first, second: only_forged, link: None });
    assert!(matches!(nobody, Err(EvidenceError::Unsigned("second"))), "{nobody:?}");
}

#[test]
fn a_rewritten_history_is_shown_by_a_valid_proof_from_another_root() {
    let case = Case::new();
    let (old, entries) = (case.size() - 3, case.entries(case.size()));
    let other = rewritten(&entries, 4);
    let first = case.note(case.head(old), &[1, 2, 3], NOW_S);
    let second = case.note(head(&other), &[1, 2], NOW_S + 60);
    let link = |tree, root, path| Some(Link { tree, root, path });
    let before = head(&other[..old as usize]).roots;
    let good = [
        link(WhichTree::Sha256, before.sha256, consistency::<Sha256Tree>(&other, old)),
        link(WhichTree::Blake3, before.blake3, consistency::<Blake3Tree>(&other, old)),
    ];
    for link in good {
        let claim = Claim::Notes { first: first.clone(), second: second.clone(), link };
        let verified = case.verify(claim).unwrap();
        assert_eq!(verified.kind(), EvidenceKind::OtherHistory);
        let keys = convicted(&verified);
        assert!(keys.contains(&(Some(1), KeyUse::Cosigner)) && keys.contains(&(Some(2), KeyUse::Cosigner)), "{keys:?}");
        assert!(!keys.iter().any(|(node, _)| *node == Some(3)), "node 3 signed one of them only: {keys:?}");
    }
    // A proof that fails proves nothing, whichever way it fails.
    let path = consistency::<Sha256Tree>(&other, old);
    let mut broken = path.clone();
    broken[0] = Hash::new([9; 32]);
    for (root, path) in
        [(before.sha256, broken), (case.head(old).roots.sha256, path.clone()), (before.sha256, path[1..].to_vec())]
    {
        let claim =
            Claim::Notes { first: first.clone(), second: second.clone(), link: link(WhichTree::Sha256, root, path) };
        let failing = case.verify(claim);
        assert!(matches!(failing, Err(EvidenceError::Proof(_))), "{failing:?}");
    }
    // Two honest sizes: a valid proof from the very root that was signed.
    let honest = case.note(case.head(case.size()), &[1, 2, 3], NOW_S + 60);
    let valid = consistency::<Sha256Tree>(&entries, old);
    let root = case.head(old).roots.sha256;
    let claim =
        Claim::Notes { first: first.clone(), second: honest.clone(), link: link(WhichTree::Sha256, root, valid) };
    assert!(matches!(case.verify(claim), Err(EvidenceError::NoContradiction(_))));
    let claim = Claim::Notes { first, second: honest, link: None };
    assert_eq!(case.verify(claim), Err(EvidenceError::NoLink));
}

#[test]
fn whoever_signs_alone_against_the_published_ledger_is_named_and_of_two_loners_neither_is_convicted() {
    let case = Case::new();
    let (honest, lie) = (case.head(case.size()), head(&rewritten(&case.entries(case.size()), 5)));
    let published = case.note(honest, &[1, 2, 3], NOW_S);
    // The standby key of organisation 3, which has not signed the published one.
    let standby = CosignerKey::new(KeyName::new("org3.example/standby").unwrap(), standby_key(3)).unwrap();
    let checkpoint = Checkpoint { origin: case.trust.origin().clone(), size: lie.size, roots: lie.roots };
    let mut liar = UnverifiedCheckpoint::unsigned(checkpoint).unwrap();
    let line = standby.cosign(liar.note(), NOW_S).unwrap();
    liar.add(line).unwrap();
    let liar = liar.note().to_string();
    let verified = case.verify(Claim::Notes { first: liar.clone(), second: published, link: None }).unwrap();
    assert!(verified.convicted().is_empty());
    let Consequence::AgainstPublished { keys, organisations } = verified.consequence() else { panic!("{verified:?}") };
    assert_eq!((keys.len(), organisations.as_slice()), (1, ["org3".to_owned()].as_slice()));
    let loner = case.note(honest, &[1], NOW_S);
    let verified = case.verify(Claim::Notes { first: loner, second: liar, link: None }).unwrap();
    assert!(matches!(verified.consequence(), Consequence::OneOfTwo { .. }));
}

// ---- batches ----

#[test]
fn two_batches_for_one_place_convict_their_proposer() {
    let case = Case::new();
    let item = Submission::public(signed(&case.world.leaves[2])).to_bytes();
    let first = case.signed(2, 7, NOON_MS, vec![item]);
    let second = case.signed(2, 7, NOON_MS, vec![]);
    let verified = case.verify(Claim::Batches { first: first.clone(), second: second.clone() }).unwrap();
    assert_eq!((verified.kind(), convicted(&verified)), (EvidenceKind::TwoBatches, vec![(Some(2), KeyUse::Batch)]));
    assert!(verified.is_confidential());
    let refused = |other: Vec<u8>| case.verify(Claim::Batches { first: first.clone(), second: other }).unwrap_err();
    assert!(matches!(refused(first.clone()), EvidenceError::NoContradiction(_)));
    assert!(matches!(refused(case.signed(2, 8, NOON_MS, vec![])), EvidenceError::NoContradiction(_)));
    // In one term of openraft a higher node may follow a lower one.
    assert!(matches!(refused(case.signed(3, 7, NOON_MS, vec![])), EvidenceError::NoContradiction(_)));
    let forged = case.batch(2, 7, NOON_MS + 1, vec![]).sign(&batch_key(3)).bytes().to_vec();
    assert!(matches!(refused(forged), EvidenceError::Batch(_)));
    let mut flipped = second;
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(refused(flipped), EvidenceError::Batch(_)));
}

#[test]
fn an_unauthentic_item_convicts_the_proposer_who_signed_it() {
    let mut case = Case::new();
    let good = case.world.identification(1, 1, voter(1, 9)).to_bytes();
    let mut bad = Submission::from_bytes(&good).unwrap();
    bad.signed.signatures[0].0[7] ^= 1;
    let bad = bad.to_bytes();
    let batch = case.signed(1, 1, NOON_MS, vec![good, bad.clone(), b"noise".to_vec()]);
    let device = public(&device_key(1));
    let item = |item, keys: &[PublicKey]| Claim::Item { batch: batch.clone(), item, keys: keys.to_vec() };
    let verified = case.verify(item(1, &[device])).unwrap();
    assert_eq!(
        (verified.kind(), convicted(&verified)),
        (EvidenceKind::UnauthenticItem, vec![(Some(1), KeyUse::Batch)])
    );
    assert!(case.verify(item(2, &[])).is_ok(), "noise needs no key");
    assert_eq!(case.verify(item(0, &[device])), Err(EvidenceError::Authentic));
    // Without the key, or with somebody else's, nothing is shown; beyond the items there is nothing.
    for keys in [vec![], vec![public(&device_key(2))]] {
        let undecided = case.verify(item(1, &keys)).unwrap_err();
        assert!(undecided.is_unchecked(), "{undecided}");
    }
    assert_eq!(case.verify(item(3, &[])), Err(EvidenceError::NoItem(3)));
    // The genesis record, and kinds of later software, convict nobody.
    let genesis = sign_genesis(&election()).to_bytes();
    let mut later = case.world.draft(Scope::Election, &[&record_key(1)], &parts()[0]);
    later.kind = 900;
    let later = Submission::public(later.sign(&[&record_key(1)]).unwrap()).to_bytes();
    let batch = case.signed(1, 1, NOON_MS, vec![genesis, later]);
    for item in 0..2 {
        let undecided = case.verify(Claim::Item { batch: batch.clone(), item, keys: vec![] }).unwrap_err();
        assert!(undecided.is_unchecked(), "{undecided}");
    }
    // What a node writes finds the keys by itself.
    let batch = case.signed(1, 1, NOON_MS, vec![bad.clone()]);
    assert!(case.verify(Claim::of_item(batch, 0, &bad, |id| case.world.state.key(id).map(|entry| entry.key))).is_ok());
}

// ---- promises ----

#[test]
fn a_promise_is_broken_when_a_quorum_cosigned_after_the_deadline_without_the_record() {
    let case = Case::new();
    let lost = RecordId([3; 32]);
    let deadline_ms = NOON_MS + 60_000;
    let promise = case.promise(2, lost, deadline_ms, None);
    let late_s = deadline_ms / 1_000 + 1;
    let all = case.entries(case.size());
    let claim = |promise: &[u8], note: String, entries: Vec<Vec<u8>>| Claim::Promise {
        promise: promise.to_vec(),
        checkpoint: note,
        entries: Entries::Here(entries),
    };
    let late = || case.note(case.head(case.size()), &[1, 2, 3], late_s);
    let verified = case.verify(claim(&promise, late(), all.clone())).unwrap();
    assert_eq!(
        (verified.kind(), convicted(&verified)),
        (EvidenceKind::BrokenPromise, vec![(Some(2), KeyUse::Promise)])
    );

    // The record is there; the quorum signed in time; an entry is missing, altered, or not the ledger's.
    let kept = case.promise(2, case.world.leaves[4].id, deadline_ms, None);
    assert!(matches!(case.verify(claim(&kept, late(), all.clone())), Err(EvidenceError::Kept(_))));
    let early = case.note(case.head(case.size()), &[1, 2, 3], deadline_ms / 1_000);
    assert!(matches!(case.verify(claim(&promise, early, all.clone())), Err(EvidenceError::NotDue { .. })));
    let mut short = all.clone();
    short.pop();
    for entries in [short, rewritten(&all, 3)] {
        let refused = case.verify(claim(&promise, late(), entries));
        assert!(matches!(refused, Err(EvidenceError::WrongEntries(_))), "{refused:?}");
    }
    let unpublished = case.note(case.head(case.size()), &[2], late_s);
    assert!(matches!(case.verify(claim(&promise, unpublished, all.clone())), Err(EvidenceError::Checkpoint(_))));
    let forged = Promise { election: case.election, record: lost, node: 2, deadline_ms, judged: None };
    let forged = forged.sign(&promise_key(1));
    assert!(matches!(case.verify(claim(&forged, late(), all.clone())), Err(EvidenceError::Promise(_))));

    // Of a large ledger the file refers to a copy.
    struct Copy(Vec<Vec<u8>>);
    impl LedgerCopy for Copy {
        fn entries(&mut self, from: u64) -> Result<Vec<Vec<u8>>, String> {
            Ok(self.0.iter().skip(from as usize).take(3).cloned().collect())
        }
    }
    let by_copy = Claim::Promise { promise, checkpoint: late(), entries: Entries::Copy };
    assert!(case.verify(by_copy.clone()).unwrap_err().is_unchecked());
    let file = case.file(by_copy);
    assert!(file.verify_with(&case.trust, &mut Copy(all.clone())).is_ok());
    let wrong = file.verify_with(&case.trust, &mut Copy(rewritten(&all, 3)));
    assert!(matches!(wrong, Err(EvidenceError::WrongEntries(_))));
    let short = file.verify_with(&case.trust, &mut Copy(all[1..].to_vec()));
    assert!(short.unwrap_err().is_unchecked());
}

#[test]
fn one_late_cosignature_over_an_old_size_breaks_no_promise() {
    let case = Case::new();
    let deadline_ms = NOON_MS + 60_000;
    let promise = case.promise(2, RecordId([3; 32]), deadline_ms, None);
    let head = case.head(case.size());
    // Published in time by all; node 2 was away and its late signature was merged.
    let checkpoint = Checkpoint { origin: case.trust.origin().clone(), size: head.size, roots: head.roots };
    let mut merged = UnverifiedCheckpoint::from_bytes(note(&checkpoint, &[1, 3], NOW_S).as_bytes()).unwrap();
    let late = UnverifiedCheckpoint::from_bytes(note(&checkpoint, &[2], NOW_S + 3_600).as_bytes()).unwrap();
    merged.merge(late.note()).unwrap();
    let claim = Claim::Promise {
        promise,
        checkpoint: merged.note().to_string(),
        entries: Entries::Here(case.entries(case.size())),
    };
    assert!(matches!(case.verify(claim), Err(EvidenceError::NotDue { .. })));
}

#[test]
fn a_verdict_that_is_not_what_the_ledger_has_convicts_whoever_promised_it() {
    let case = Case::new();
    let leaf = case.size() - 2;
    let entry = &case.world.leaves[leaf as usize];
    let time_ms = tamga_ledger::entry::Entry::from_bytes(&entry.entry).unwrap().time_ms;
    let judged = |verdict: Verdict, time_ms| Some(Judged { leaf: LeafIndex::new(leaf).unwrap(), time_ms, verdict });
    let claim = |promise| Claim::PromisedLeaf { promise, receipt: case.receipt(leaf) };
    let truth = case.promise(3, entry.id, NOON_MS, judged(entry.verdict.clone(), time_ms));
    assert!(matches!(case.verify(claim(truth)), Err(EvidenceError::AsPromised(_))));
    let refused = Verdict::Refused(tamga_ledger::verdict::Refusal::AlreadyAdmitted);
    let lies = [
        case.promise(3, entry.id, NOON_MS, judged(refused, time_ms)),
        case.promise(3, entry.id, NOON_MS, judged(entry.verdict.clone(), time_ms + 1)),
        case.promise(3, RecordId([8; 32]), NOON_MS, judged(entry.verdict.clone(), time_ms)),
    ];
    for lie in lies {
        let verified = case.verify(claim(lie)).unwrap();
        assert_eq!(convicted(&verified), [(Some(3), KeyUse::Promise)]);
    }
    let pending = case.promise(3, entry.id, NOON_MS, None);
    assert_eq!(case.verify(claim(pending)), Err(EvidenceError::NothingPromised));
    let elsewhere = case.promise(3, entry.id, NOON_MS, judged(entry.verdict.clone(), time_ms));
    let other = case.verify(Claim::PromisedLeaf { promise: elsewhere, receipt: case.receipt(1) });
    assert!(matches!(other, Err(EvidenceError::OtherLeaf { .. })));
}

// ---- keys ----

fn two_records(case: &mut Case, key: &SigningKey) -> [SignedRecord; 2] {
    let body = parts().remove(0);
    let first = case.world.draft(Scope::Election, &[key], &body);
    let mut second = first.clone();
    second.nonce.0[0] ^= 1;
    [first, second].map(|record| record.sign(&[key]).unwrap())
}

#[test]
fn a_number_used_twice_convicts_its_author() {
    let mut case = Case::new();
    let key = device_key(1);
    let [first, second] = two_records(&mut case, &key);
    let claim = |author: &SigningKey, first: &SignedRecord, second: &SignedRecord| Claim::Sequence {
        author: public(author),
        first: first.to_bytes(),
        second: second.to_bytes(),
    };
    let verified = case.verify(claim(&key, &first, &second)).unwrap();
    assert_eq!(convicted(&verified), [(None, KeyUse::Unknown)]);
    // With the receipt of its registration the file also says whose the key is.
    let registered = case.world.leaves.iter().position(|leaf| {
        let record = signed(leaf).parse().unwrap();
        record.kind == Kind::Key as u16
            && KeyRegistration::from_bytes(&record.body).unwrap().grants.iter().any(|grant| grant.key == public(&key))
    });
    let mut file = case.file(claim(&key, &first, &second));
    file.receipts.push(case.receipt(registered.unwrap() as u64));
    let verified = case.verify_file(&file).unwrap();
    assert_eq!(convicted(&verified), [(None, KeyUse::Device)]);
    assert_eq!(verified.convicted()[0].place, "unit 1/1");

    let once = case.verify(claim(&key, &first, &first));
    assert!(matches!(once, Err(EvidenceError::NoContradiction(_))));
    assert_eq!(case.verify(claim(&device_key(2), &first, &second)), Err(EvidenceError::OtherKey));
    let mut forged = second;
    forged.signatures[0].0[3] ^= 1;
    assert_eq!(case.verify(claim(&key, &first, &forged)), Err(EvidenceError::Signature));
    let [next, _] = two_records(&mut case, &key);
    assert!(matches!(case.verify(claim(&key, &first, &next)), Err(EvidenceError::NoContradiction(_))));
}

#[test]
fn a_key_that_signs_what_it_is_not_for_is_convicted() {
    let case = Case::new();
    let sign = |key: &SigningKey, domain: Domain| {
        let (message, signature) = (b"something".as_slice(), sign::sign(key, domain, b"something"));
        Claim::Misuse { key: public(key), message: [domain.line(), message].concat(), signature }
    };
    for (key, domain, key_use) in [
        (batch_key(1), Domain::Promise, KeyUse::Batch),
        (cosigner_key(2), Domain::Record, KeyUse::Cosigner),
        (record_key(3), Domain::Attestation, KeyUse::Record),
        (log_key(1), Domain::Batch, KeyUse::Log),
    ] {
        let verified = case.verify(sign(&key, domain)).unwrap();
        assert_eq!(verified.convicted()[0].key_use, key_use);
    }
    for (key, domain) in
        [(batch_key(1), Domain::Batch), (promise_key(1), Domain::Answer), (record_key(1), Domain::Record)]
    {
        assert_eq!(case.verify(sign(&key, domain)), Err(EvidenceError::RightfulUse));
    }
    assert_eq!(case.verify(sign(&key(77), Domain::Batch)), Err(EvidenceError::UnknownKey));
    // A cosigner key that signs the bare text is not a log.
    let head = case.head(3);
    let text = Checkpoint { origin: case.trust.origin().clone(), size: head.size, roots: head.roots }.to_string();
    let bare = |key: &SigningKey, text: &str| Claim::Misuse {
        key: public(key),
        message: text.as_bytes().to_vec(),
        signature: Signature(key.sign(text.as_bytes()).to_bytes()),
    };
    assert!(case.verify(bare(&cosigner_key(1), &text)).is_ok());
    assert_eq!(case.verify(bare(&log_key(1), &text)), Err(EvidenceError::RightfulUse));
    let cosigned = tamga_ledger::note::cosigned_message(&text, NOW_S);
    assert!(case.verify(bare(&log_key(1), &cosigned)).is_ok());
    assert_eq!(case.verify(bare(&standby_key(1), &cosigned)), Err(EvidenceError::RightfulUse));
    assert_eq!(case.verify(bare(&log_key(1), "anything else\n")), Err(EvidenceError::UnknownPurpose));
    let Claim::Misuse { key, message, .. } = sign(&batch_key(1), Domain::Promise) else { unreachable!() };
    let forged = Claim::Misuse { key, message, signature: Signature([5; 64]) };
    assert_eq!(case.verify(forged), Err(EvidenceError::Signature));
}

// ---- files ----

#[test]
fn nothing_is_believed_but_the_pinned_digest() {
    let case = Case::new();
    let claim = Claim::Batches { first: case.signed(2, 7, 1, vec![]), second: case.signed(2, 7, 2, vec![]) };
    let file = case.file(claim);
    assert!(matches!(file.trust(&ElectionId([1; 32])), Err(EvidenceError::Trust(_))));
    let other = Trust::from_submission(sign_genesis(&election_of(4)), None).unwrap();
    assert!(matches!(file.verify(&other), Err(EvidenceError::OtherElection(_))));
    let mut swapped = file.clone();
    swapped.genesis = sign_genesis(&election_of(4)).signed.to_bytes();
    assert!(matches!(swapped.trust(&case.election), Err(EvidenceError::Trust(_))));
    let mut forged = file;
    let mut receipt = Receipt::from_bytes(&case.receipt(3)).unwrap();
    receipt.entry = case.world.leaves[4].entry.clone();
    forged.receipts.push(receipt.to_bytes());
    assert!(matches!(forged.trust(&case.election), Err(EvidenceError::Receipt(_))));
}

/// A node that Governance added later is convicted with the receipt of its addition, and unknown without.
#[test]
fn nodes_that_came_later_are_known_by_receipts() {
    let mut case = Case::new();
    let keys = node_keys(9);
    assert!(case.world.govern(&[1, 2, 3], &node_add(2, NodeRole::Voter, keys)).is_accepted());
    let own = key(100_000 + 9 * 10 + 4);
    let batch = |time_ms| case.batch(9, 1, time_ms, vec![]).sign(&own).bytes().to_vec();
    let mut file = case.file(Claim::Batches { first: batch(1), second: batch(2) });
    assert!(matches!(case.verify_file(&file), Err(EvidenceError::Batch(_))));
    file.receipts.push(case.receipt(case.size() - 1));
    let verified = case.verify_file(&file).unwrap();
    assert_eq!(verified.convicted()[0].organisation.as_deref(), Some("org2"));
    assert_eq!(verified.convicted()[0].node, Some(9));
}

fn samples(case: &mut Case) -> Vec<Evidence> {
    let [first, second] = two_records(case, &record_key(1));
    let size = case.size();
    let other = head(&rewritten(&case.entries(size), 5));
    vec![
        case.file(Claim::Batches { first: case.signed(2, 7, 1, vec![]), second: case.signed(2, 7, 2, vec![]) }),
        case.file(Claim::Item { batch: case.signed(1, 1, 1, vec![b"x".to_vec()]), item: 0, keys: vec![] }),
        case.file(Claim::Notes {
            first: case.note(case.head(size), &[1], NOW_S),
            second: case.note(other, &[1], NOW_S),
            link: None,
        }),
        case.file(Claim::Sequence {
            author: public(&record_key(1)),
            first: first.to_bytes(),
            second: second.to_bytes(),
        }),
    ]
}

#[test]
fn no_flipped_byte_convicts_anybody_else() {
    let mut case = Case::new();
    for file in samples(&mut case) {
        let honest = case.verify_file(&file).unwrap();
        let bytes = file.to_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let verified = Evidence::from_bytes(&flipped).and_then(|file| file.verify(&file.trust(&case.election)?));
            if let Ok(verified) = verified {
                // A signature may be lost by it, never one be won.
                let known = |holder| honest.convicted().contains(holder);
                assert!(verified.convicted().iter().all(known), "byte {at}: {verified:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Evidence::from_bytes(&bytes);
    }

    /// Any content under any kind, with a sound file around it.
    #[test]
    fn no_content_makes_it_panic(kind in 0_u16..10, content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let genesis = sign_genesis(&election());
        let trust = Trust::from_submission(genesis.clone(), None).unwrap();
        let bytes = codec::encode(&(
            "tamga/evidence/v1",
            trust.election_id(),
            minicbor::bytes::ByteVec::from(genesis.signed.to_bytes()),
            Vec::<u64>::new(),
            kind,
            minicbor::bytes::ByteVec::from(content),
        ));
        if let Ok(file) = Evidence::from_bytes(&bytes) {
            prop_assert!(file.verify(&trust).is_err());
        }
    }
}
