//! `evidence.json`: each kind of evidence, what it proves of whom, and files that prove nothing.

use crate::day::Day;
use crate::kit::*;
use crate::notes::{Publisher, TIME_S, cosigner, joined, standby};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tamga_ledger::batch::{Batch, Item};
use tamga_ledger::entry::Entry;
use tamga_ledger::evidence::{Claim, Consequence, Entries, Evidence, Holder, Link, WhichTree};
use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::{Judged, Promise};
use tamga_ledger::record::SignedRecord;
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_ledger::verdict::{Refusal, Verdict};

/// A size below every decision of the organisations: the genesis record's policy and keys are all there is.
const EARLY: u64 = 8;

struct Maker<'a> {
    day: &'a Day,
    /// The ledger, and one in which leaf 4 is another.
    honest: Publisher,
    lying: Publisher,
    cases: Vec<Value>,
}

pub fn vectors(day: &Day) -> Value {
    let mut other: Vec<Vec<u8>> = day.world.leaves.iter().map(|leaf| leaf.entry.clone()).collect();
    *other[4].last_mut().unwrap() ^= 1;
    let (honest, lying) = (Publisher::of(day), Publisher::over(day, &other));
    let mut maker = Maker { day, honest, lying, cases: Vec::new() };
    maker.contradictions();
    maker.batches();
    maker.promises();
    maker.keys();
    maker.files();
    json!({"evidence": maker.cases})
}

impl Maker<'_> {
    fn file(&self, claim: Claim) -> Evidence {
        let Ok(Entry { payload: tamga_ledger::entry::Payload::Full(genesis), .. }) =
            Entry::from_bytes(&self.day.world.leaves[0].entry)
        else {
            panic!("entry 0 is the genesis record");
        };
        Evidence::new(self.day.world.state.election_id(), genesis.to_bytes(), claim)
    }

    fn say(&mut self, what: &str, claim: Claim, holds: bool) {
        let file = self.file(claim);
        self.say_file(what, &file.to_bytes(), holds);
    }

    fn say_file(&mut self, what: &str, bytes: &[u8], holds: bool) {
        let pinned = self.day.world.state.election_id();
        let verified = Evidence::from_bytes(bytes).and_then(|file| file.verify(&file.trust(&pinned)?));
        assert_eq!(verified.is_ok(), holds, "{what}: {verified:?}");
        let ids = |keys: &[Holder]| {
            let mut ids: Vec<String> = keys.iter().map(|holder| holder.key.to_string()).collect();
            ids.sort();
            ids
        };
        let (convicts, against) = match verified.as_ref().map(|verified| verified.consequence()) {
            Ok(Consequence::Convicts { keys, .. }) => (ids(keys), vec![]),
            Ok(Consequence::AgainstPublished { keys, .. }) => (vec![], ids(keys)),
            _ => (vec![], vec![]),
        };
        self.cases.push(json!({
            "what": what, "evidence": hex::encode(bytes), "holds": holds, "convicts": convicts,
            "against_published": against,
        }));
    }

    fn contradictions(&mut self) {
        let all: Vec<_> = (1..=3).map(cosigner).collect();
        let (first, second) = (self.honest.note(EARLY, &all), self.lying.note(EARLY, &all[1..2]));
        let notes =
            |first: &str, second: &str, link| Claim::Notes { first: first.to_owned(), second: second.to_owned(), link };
        self.say("1: two roots of one size", notes(&first, &second, None), true);
        self.say("1: one note twice", notes(&first, &first, None), false);
        let alone =
            joined(&self.lying.text(EARLY), &Publisher::cosigned(&self.lying.text(EARLY), &[standby(3)], TIME_S));
        self.say("1: a key that signed one side only, against the published one", notes(&alone, &first, None), true);
        let loner = self.honest.note(EARLY, &all[..1]);
        self.say("1: neither side is published", notes(&loner, &alone, None), true);
        let stranger = Publisher::cosigned(&self.lying.text(EARLY), &[("s.example".to_owned(), key(9_999))], TIME_S);
        self.say("1: a stranger's note", notes(&first, &joined(&self.lying.text(EARLY), &stranger), None), false);

        // Leaf 4 is in both.
        let (old, later) = (EARLY - 2, self.lying.note(EARLY, &all[..2]));
        let before = self.honest.note(old, &all);
        let (from, to) = (TreeSize::new(old).unwrap(), TreeSize::new(EARLY).unwrap());
        let roots = self.lying.store.roots_at(from).unwrap();
        let sha256: Vec<_> =
            self.lying.store.consistency_proof::<tamga_ledger::tree::Sha256Tree>(from, to).unwrap().path().to_vec();
        let blake3: Vec<_> =
            self.lying.store.consistency_proof::<tamga_ledger::tree::Blake3Tree>(from, to).unwrap().path().to_vec();
        let link = |tree, root, path: &[_]| Some(Link { tree, root, path: path.to_vec() });
        let by_sha256 = link(WhichTree::Sha256, roots.sha256, &sha256);
        self.say("1: another history, in the SHA-256 tree", notes(&before, &later, by_sha256), true);
        let by_blake3 = link(WhichTree::Blake3, roots.blake3, &blake3);
        self.say("1: another history, in the BLAKE3 tree", notes(&before, &later, by_blake3), true);
        self.say("1: another history, and nothing links the sizes", notes(&before, &later, None), false);
        let wrong = link(WhichTree::Blake3, roots.blake3, &sha256);
        self.say("1: a proof that fails proves nothing", notes(&before, &later, wrong), false);
        let signed = self.honest.store.roots_at(from).unwrap().sha256;
        let fails = link(WhichTree::Sha256, signed, &sha256);
        self.say("1: the signed root does not lead there: a failing proof", notes(&before, &later, fails), false);
        let honest: Vec<_> =
            self.honest.store.consistency_proof::<tamga_ledger::tree::Sha256Tree>(from, to).unwrap().path().to_vec();
        let extends = link(WhichTree::Sha256, signed, &honest);
        self.say("1: the second extends the first", notes(&before, &first, extends), false);
    }

    fn batch(&self, proposer: u32, number: u64, time_ms: u64, items: Vec<Vec<u8>>) -> Vec<u8> {
        let batch = Batch {
            version: 1,
            election: self.day.world.state.election_id(),
            epoch: 0,
            term: 4,
            number,
            time_ms,
            proposer,
            cut: 0,
            items: items.into_iter().map(Item).collect(),
        };
        batch.sign(&batch_key(proposer)).bytes().to_vec()
    }

    fn batches(&mut self) {
        let two = |first: &[u8], second: &[u8]| Claim::Batches { first: first.to_vec(), second: second.to_vec() };
        let item = Submission::public(signed(&self.day.world.leaves[2])).to_bytes();
        let first = self.batch(2, 7, NOON_MS, vec![item]);
        self.say("2: two batches for one place", two(&first, &self.batch(2, 7, NOON_MS, vec![])), true);
        self.say("2: one batch twice", two(&first, &first), false);
        self.say("2: for two places", two(&first, &self.batch(2, 8, NOON_MS, vec![])), false);
        self.say("2: by two proposers", two(&first, &self.batch(3, 7, NOON_MS, vec![])), false);
        let mut flipped = self.batch(2, 7, NOON_MS, vec![]);
        *flipped.last_mut().unwrap() ^= 1;
        self.say("2: a signature that does not verify", two(&first, &flipped), false);

        let place = self.day.world.leaves.iter().position(|leaf| !leaf.confidential.is_empty()).unwrap();
        let leaf = &self.day.world.leaves[place];
        let good = Submission { signed: signed(leaf), confidential: leaf.confidential.clone() };
        let mut bad = good.clone();
        bad.signed.signatures[0].0[7] ^= 1;
        let signer = signed(leaf).parse().unwrap().signers[0];
        let key = self.day.world.state.key(&signer).unwrap().key;
        let mut unknown = signed(&self.day.world.leaves[2]).parse().unwrap();
        unknown.kind = 900;
        let unknown = Submission::public(unknown.sign(&[&record_key(1)]).unwrap());
        let genesis = sign_genesis(&election()).to_bytes();
        let items = vec![good.to_bytes(), bad.to_bytes(), b"noise".to_vec(), genesis, unknown.to_bytes()];
        let batch = self.batch(1, 1, NOON_MS, items);
        let item = |item, keys: Vec<_>| Claim::Item { batch: batch.clone(), item, keys };
        self.say("3: a false signature under the key given", item(1, vec![key]), true);
        self.say("3: noise", item(2, vec![]), true);
        self.say("3: an authentic item", item(0, vec![key]), false);
        self.say("3: without the key nothing is shown", item(1, vec![]), false);
        self.say("3: another key shows nothing", item(1, vec![public(&registry_key())]), false);
        self.say("3: a genesis record", item(3, vec![]), false);
        self.say("3: a kind of later software", item(4, vec![]), false);
        self.say("3: an item that is not there", item(5, vec![]), false);
    }

    fn promise(
        &self,
        node: u32,
        record: RecordId,
        deadline_ms: u64,
        judged: Option<Judged>,
        key: &SigningKey,
    ) -> Vec<u8> {
        let election = self.day.world.state.election_id();
        Promise { election, record, node, deadline_ms, judged }.sign(key)
    }

    fn promises(&mut self) {
        let all: Vec<_> = (1..=3).map(cosigner).collect();
        let (lost, deadline_ms) = (RecordId([3; 32]), TIME_S * 1_000 + 60_000);
        let entries: Vec<Vec<u8>> =
            self.day.world.leaves[..EARLY as usize].iter().map(|leaf| leaf.entry.clone()).collect();
        let text = self.honest.text(EARLY);
        let log = self.honest.logged(&text, log_key(1));
        let dated =
            |time_s: u64| joined(&text, &[Publisher::cosigned(&text, &all, time_s), vec![log.clone()]].concat());
        let late = dated(deadline_ms / 1_000 + 1);
        let claim = |promise: &[u8], note: &str, entries: &[Vec<u8>]| Claim::Promise {
            promise: promise.to_vec(),
            checkpoint: note.to_owned(),
            entries: Entries::Here(entries.to_vec()),
        };
        let promise = self.promise(2, lost, deadline_ms, None, &promise_key(2));
        self.say("4: a promise that was not kept", claim(&promise, &late, &entries), true);
        let kept = self.promise(2, self.day.world.leaves[4].id, deadline_ms, None, &promise_key(2));
        self.say("4: a promise that was kept", claim(&kept, &late, &entries), false);
        self.say("4: not due", claim(&promise, &dated(deadline_ms / 1_000), &entries), false);
        let mut mixed = Publisher::cosigned(&text, &all[..2], deadline_ms / 1_000 + 1);
        mixed.extend(Publisher::cosigned(&text, &all[2..], deadline_ms / 1_000));
        mixed.push(log.clone());
        self.say("4: two late cosignatures of three", claim(&promise, &joined(&text, &mixed), &entries), false);
        self.say("4: an entry is missing", claim(&promise, &late, &entries[1..]), false);
        let forged = self.promise(2, lost, deadline_ms, None, &promise_key(1));
        self.say("4: a promise by another node's key", claim(&forged, &late, &entries), false);
        let copy = Claim::Promise { promise, checkpoint: late, entries: Entries::Copy };
        self.say("4: the entries are in a copy, which is not at hand", copy, false);

        let leaf = EARLY - 1;
        let there = &self.day.world.leaves[leaf as usize];
        let time_ms = Entry::from_bytes(&there.entry).unwrap().time_ms;
        let judged = |leaf: u64, verdict: &Verdict, time_ms| {
            Some(Judged { leaf: LeafIndex::new(leaf).unwrap(), time_ms, verdict: verdict.clone() })
        };
        let receipt = self.honest.receipt(leaf, &self.honest.note(EARLY, &all)).to_bytes();
        let promised = |promise: Vec<u8>| Claim::PromisedLeaf { promise, receipt: receipt.clone() };
        let said = [
            ("5: what was promised is there", judged(leaf, &there.verdict, time_ms), there.id, false),
            ("5: another verdict", judged(leaf, &Verdict::Refused(Refusal::AlreadyAdmitted), time_ms), there.id, true),
            ("5: another time", judged(leaf, &there.verdict, time_ms + 1), there.id, true),
            ("5: another record", judged(leaf, &there.verdict, time_ms), lost, true),
            ("5: another leaf than the receipt's", judged(leaf - 1, &there.verdict, time_ms), there.id, false),
            ("5: nothing was promised yet", None, there.id, false),
        ];
        for (what, judged, record, holds) in said {
            let promise = self.promise(3, record, NOON_MS, judged, &promise_key(3));
            self.say(what, promised(promise), holds);
        }
    }

    fn keys(&mut self) {
        let author = key(53);
        let first = {
            let mut record = signed(&self.day.world.leaves[2]).parse().unwrap();
            (record.signers, record.author) = (vec![id(&author)], 0);
            record
        };
        let mut second = first.clone();
        second.nonce.0[0] ^= 1;
        let mut next = second.clone();
        next.sequence += 1;
        let sign_all = |record: &tamga_ledger::record::Record| record.clone().sign(&[&author]).unwrap();
        let (first, second, next) = (sign_all(&first), sign_all(&second), sign_all(&next));
        let claim = |author: &SigningKey, first: &SignedRecord, second: &SignedRecord| Claim::Sequence {
            author: public(author),
            first: first.to_bytes(),
            second: second.to_bytes(),
        };
        self.say("6: a number used twice", claim(&author, &first, &second), true);
        self.say("6: one record twice", claim(&author, &first, &first), false);
        self.say("6: two numbers", claim(&author, &first, &next), false);
        self.say("6: another author's key", claim(&key(50), &first, &second), false);
        let mut forged = second;
        forged.signatures[0].0[3] ^= 1;
        self.say("6: a signature that does not verify", claim(&author, &first, &forged), false);

        let misuse = |key: &SigningKey, domain: Domain, by: &SigningKey| Claim::Misuse {
            key: public(key),
            message: [domain.line(), b"something"].concat(),
            signature: sign::sign(by, domain, b"something"),
        };
        for (what, key, domain, holds) in [
            ("7: a batch key under a promise", batch_key(1), Domain::Promise, true),
            ("7: a cosigner key under a record", cosigner_key(2), Domain::Record, true),
            ("7: a record key under an attestation", record_key(3), Domain::Attestation, true),
            ("7: a batch key under a batch", batch_key(1), Domain::Batch, false),
            ("7: a promise key under an answer", promise_key(1), Domain::Answer, false),
            ("7: a record key under a possession", record_key(1), Domain::Possession, false),
            ("7: nobody's key", key(77), Domain::Batch, false),
        ] {
            self.say(what, misuse(&key, domain, &key), holds);
        }
        let forged = misuse(&batch_key(1), Domain::Promise, &batch_key(2));
        self.say("7: a signature that does not verify", forged, false);
        let bare = |key: &SigningKey, text: &str| Claim::Misuse {
            key: public(key),
            message: text.as_bytes().to_vec(),
            signature: tamga_ledger::ids::Signature(ed25519_dalek::Signer::sign(key, text.as_bytes()).to_bytes()),
        };
        let text = self.honest.text(EARLY);
        let cosigned = tamga_ledger::note::cosigned_message(&text, TIME_S);
        self.say("7: a cosigner key under the bare checkpoint", bare(&cosigner_key(1), &text), true);
        self.say("7: a log key under the bare checkpoint", bare(&log_key(1), &text), false);
        self.say("7: a log key under a cosignature", bare(&log_key(1), &cosigned), true);
        self.say("7: a standby key under a cosignature", bare(&standby_key(1), &cosigned), false);
        self.say("7: no known purpose", bare(&log_key(1), "anything else\n"), false);
    }

    /// What a file brings with it.
    fn files(&mut self) {
        let epoch = self.day.world.state.nodes().epochs()[0].leaf;
        let all: Vec<_> = (1..=3).map(cosigner).collect();
        let (before, size) = (self.honest.note(epoch, &all), self.day.world.state.size().get());
        // Node 4 joined by a decision: unknown without its receipt.
        let own = node_keys(4).batch_key;
        let (place, joined) = self.day.world.leaves[..epoch as usize]
            .iter()
            .enumerate()
            .find(|(_, leaf)| {
                leaf.kind == tamga_ledger::kinds::Kind::Governance
                    && leaf.verdict.is_accepted()
                    && leaf.entry.windows(32).any(|window| window == own.0)
            })
            .unwrap();
        assert!(joined.verdict.is_accepted() && size > epoch);
        let batch = |time_ms| Batch {
            version: 1,
            election: self.day.world.state.election_id(),
            epoch: 0,
            term: 4,
            number: 1,
            time_ms,
            proposer: 4,
            cut: 0,
            items: vec![],
        };
        let signer = key(100_044);
        assert_eq!(public(&signer), own);
        let sealed = |time_ms| batch(time_ms).sign(&signer).bytes().to_vec();
        let mut file = self.file(Claim::Batches { first: sealed(1), second: sealed(2) });
        self.say_file("2: by a node that came later, without the receipt", &file.to_bytes(), false);
        file.receipts.push(self.honest.receipt(place as u64, &before).to_bytes());
        self.say_file("2: by a node that came later, with the receipt of its addition", &file.to_bytes(), true);
        let mut forged = file.clone();
        let mut receipt = self.honest.receipt(place as u64, &before);
        receipt.entry = self.day.world.leaves[place + 1].entry.clone();
        forged.receipts = vec![receipt.to_bytes()];
        self.say_file("2: with a receipt of another entry", &forged.to_bytes(), false);
        let mut swapped = file.clone();
        swapped.genesis = sign_genesis(&election_of(4)).signed.to_bytes();
        self.say_file("2: another genesis record", &swapped.to_bytes(), false);
        let mut other = file.to_bytes();
        let at = other.windows(5).position(|window| window == b"ce/v1").unwrap() + 4;
        other[at] = b'2';
        self.say_file("another version", &other, false);
        let grants = self.day.world.leaves.iter().position(|leaf| {
            leaf.kind == tamga_ledger::kinds::Kind::Key
                && leaf.verdict.is_accepted()
                && leaf.entry.windows(32).any(|window| window == public(&scanner_key(1)).0)
        });
        let message = [Domain::Batch.line(), b"something"].concat();
        let signature = sign::sign(&scanner_key(1), Domain::Batch, b"something");
        let mut file = self.file(Claim::Misuse { key: public(&scanner_key(1)), message, signature });
        self.say_file("7: a key that nothing in the file names", &file.to_bytes(), false);
        file.receipts.push(self.honest.receipt(grants.unwrap() as u64, &before).to_bytes());
        self.say_file("7: with the receipt of its registration", &file.to_bytes(), true);
    }
}
