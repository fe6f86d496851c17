//! Keys, policies, signed notes, cosignatures, receipts, histories, bundles: over the ledger of `day`.

use crate::day::Day;
use crate::kit::*;
use ed25519_dalek::SigningKey;
use minicbor::bytes::ByteVec;
use serde_json::{Value, json};
use std::sync::Arc;
use tamga_ledger::codec;
use tamga_ledger::history::History;
use tamga_ledger::note::{
    Checkpoint, CosignerKey, KeyName, KeyRole, LogKey, SignedNote, UnverifiedCheckpoint, VerifierKey,
};
use tamga_ledger::policy::Policy;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::{LogPosition, NewEntry, Options, Store};
use tamga_ledger::tree::{Hash, LeafIndex, TreeSize, TwinInclusionProof};
use tamga_ledger::trust::Trust;
use tamga_platform::disk::MemDisk;

pub const TIME_S: u64 = 1_764_489_700;

/// A cosigner by its name and its key.
pub type Cosigner = (String, SigningKey);

pub fn cosigner(organisation: u32) -> Cosigner {
    (format!("node{organisation}.example/cosigner"), cosigner_key(organisation))
}

pub fn standby(organisation: u32) -> Cosigner {
    (format!("org{organisation}.example/standby"), standby_key(organisation))
}

pub struct Publisher {
    pub store: Store,
    genesis: Trust,
    /// Who knows every decision of the ledger.
    all: Trust,
}

impl Publisher {
    pub fn of(day: &Day) -> Self {
        Self::over(day, &day.world.leaves.iter().map(|leaf| leaf.entry.clone()).collect::<Vec<_>>())
    }

    /// Whoever publishes these entries instead.
    pub fn over(day: &Day, entries: &[Vec<u8>]) -> Self {
        let (store, _) = Store::open(Arc::new(MemDisk::default()), "/ledger".as_ref(), Options::default()).unwrap();
        let entries: Vec<NewEntry<'_>> = entries.iter().map(|entry| NewEntry::public(entry)).collect();
        store.append(LogPosition::default(), &entries).unwrap();
        let genesis = Trust::from_submission(sign_genesis(&election()), None).unwrap();
        let all = genesis.with_nodes(day.world.state.nodes()).unwrap();
        Self { store, genesis, all }
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        let size = TreeSize::new(size).unwrap();
        Checkpoint { origin: self.genesis.origin().clone(), size, roots: self.store.roots_at(size).unwrap() }
    }

    pub fn text(&self, size: u64) -> String {
        self.checkpoint(size).to_string()
    }

    pub fn cosigned(text: &str, cosigners: &[Cosigner], time_s: u64) -> Vec<String> {
        let note = SignedNote::unsigned(text.to_owned()).unwrap();
        let line = |(name, key): &Cosigner| {
            CosignerKey::new(KeyName::new(name).unwrap(), key.clone())
                .unwrap()
                .cosign(&note, time_s)
                .unwrap()
                .to_string()
        };
        cosigners.iter().map(line).collect()
    }

    pub fn logged(&self, text: &str, key: SigningKey) -> String {
        let note = SignedNote::unsigned(text.to_owned()).unwrap();
        LogKey::new(self.genesis.origin().clone(), key).unwrap().sign(&note).to_string()
    }

    pub fn note(&self, size: u64, cosigners: &[Cosigner]) -> String {
        let text = self.text(size);
        let mut lines = Self::cosigned(&text, cosigners, TIME_S);
        lines.push(self.logged(&text, log_key(1)));
        joined(&text, &lines)
    }

    pub fn receipt(&self, leaf: u64, note: &str) -> Receipt {
        let size = UnverifiedCheckpoint::from_bytes(note.as_bytes()).unwrap().claimed().size;
        let leaf = LeafIndex::new(leaf).unwrap();
        let proof = TwinInclusionProof {
            sha256: self.store.inclusion_proof(leaf, size).unwrap(),
            blake3: self.store.inclusion_proof(leaf, size).unwrap(),
        };
        Receipt { leaf, entry: self.store.entry(leaf).unwrap(), proof, checkpoint: note.to_owned() }
    }
}

pub fn joined(text: &str, lines: &[String]) -> String {
    format!("{text}\n{}\n", lines.join("\n"))
}

pub fn vectors(day: &Day) -> Value {
    let publisher = Publisher::of(day);
    let epoch = day.world.state.nodes().epochs()[0].leaf;
    let size = day.world.state.size().get();
    let steps = Steps::of(day, &publisher, epoch, size);
    json!({
        "origin": publisher.genesis.origin().as_str(), "epoch_leaf": epoch, "size": size,
        "genesis_policy": election().trust_policy,
        "vkeys": vkeys(&publisher), "not_vkeys": not_vkeys(), "policies": policies(),
        "checkpoints": checkpoints(&publisher, epoch, size),
        "receipts": receipts(&publisher, size), "histories": steps.histories(&publisher),
        "bundles": steps.bundles(day, &publisher, size),
    })
}

/// Every decision of the organisations.
pub fn history(day: &Day) -> History {
    let publisher = Publisher::of(day);
    let (epoch, size) = (day.world.state.nodes().epochs()[0].leaf, day.world.state.size().get());
    History { steps: Steps::of(day, &publisher, epoch, size).0 }
}

/// Published checkpoints by size: before the policy epoch, at it by both policies, after it.
pub fn archive(day: &Day) -> Vec<(u64, String)> {
    let publisher = Publisher::of(day);
    let (epoch, size) = (day.world.state.nodes().epochs()[0].leaf, day.world.state.size().get());
    let old = [cosigner(1), cosigner(2), cosigner(3)];
    let both = [&old[..], &new_cosigners()[2..]].concat();
    let note = |size, by: &[Cosigner]| (size, publisher.note(size, by));
    vec![note(10, &old), note(epoch, &old), note(epoch + 1, &both), note(size, &new_cosigners())]
}

/// The last published checkpoint and the history, as a copy of the ledger has them.
pub fn published(day: &Day) -> (String, Vec<u8>) {
    let publisher = Publisher::of(day);
    (publisher.note(day.world.state.size().get(), &new_cosigners()), history(day).to_bytes())
}

/// The receipt of a leaf under the last published checkpoint.
pub fn receipt(day: &Day, leaf: u64) -> Receipt {
    let publisher = Publisher::of(day);
    publisher.receipt(leaf, &publisher.note(day.world.state.size().get(), &new_cosigners()))
}

fn vkeys(publisher: &Publisher) -> Vec<Value> {
    let origin = publisher.genesis.origin().clone();
    let cosigner = KeyName::new("node1.example/cosigner").unwrap();
    [(cosigner, KeyRole::Cosigner, cosigner_key(1)), (origin, KeyRole::Log, log_key(1))]
        .map(|(name, role, key)| {
            let key = VerifierKey::new(name, role, &public(&key).0).unwrap();
            json!({
                "name": key.name().as_str(), "type": role.type_byte(), "public_key": hex::encode(key.key_bytes()),
                "key_hash": key.hash().to_string(), "vkey": key.to_string(),
            })
        })
        .into()
}

fn not_vkeys() -> Vec<Value> {
    let good = VerifierKey::new(KeyName::new("a/b").unwrap(), KeyRole::Cosigner, &public(&cosigner_key(1)).0).unwrap();
    let good = good.to_string();
    let (name, rest) = good.split_once('+').unwrap();
    let (hash, key) = rest.split_once('+').unwrap();
    let cases = [
        ("no name", format!("+{rest}")),
        ("a blank in the name", format!("a b+{rest}")),
        ("another name: the hash does not fit", format!("{name}c+{rest}")),
        ("hash in capitals", format!("{name}+{}+{key}", hash.to_uppercase())),
        ("a short hash", format!("{name}+{}+{key}", &hash[..7])),
        ("no key", format!("{name}+{hash}+")),
        ("base64 with padding that is not due", format!("{good}=")),
        ("a plus sign more", format!("{good}+")),
        ("one part", name.to_owned()),
    ];
    let case = |(what, text): (&str, String)| {
        assert!(text.parse::<VerifierKey>().is_err(), "{what}");
        json!({"what": what, "text": text})
    };
    cases.map(case).into()
}

fn policies() -> Vec<Value> {
    let genesis = election().trust_policy;
    let line = |start: &str| genesis.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let five = election_of(5).trust_policy;
    let cases = [
        ("three organisations, all three", genesis.clone()),
        ("five organisations, four", five.clone()),
        ("five organisations, three: two histories", five.replace("group organisations 4", "group organisations 3")),
        ("two of three", genesis.replace("group organisations 3", "group organisations 2")),
        (
            "comments, blank lines, tabs",
            format!("# x\n\n\t{}", genesis.replace("group organisations 3 ", "group\torganisations  3 ")),
        ),
        ("all and any", genesis.replace("group organisations 3", "group organisations all")),
        ("nobody needed", genesis.replace("quorum organisations", "quorum none")),
        ("one witness is enough", format!("{}\nquorum org1-a\n", line("witness org1-a"))),
        ("no quorum line", genesis.replace("quorum organisations\n", "")),
        ("two quorum lines", format!("{genesis}quorum organisations\n")),
        ("no newline at the end", genesis.trim_end().to_owned()),
        ("carriage returns", genesis.replace('\n', "\r\n")),
        ("an unknown keyword", format!("{genesis}gruop x any org1\n")),
        ("a name twice", format!("{}\n{genesis}", line("witness org1-a"))),
        ("a name that is not defined", genesis.replace("group org1 any org1-a", "group org1 any org9-a")),
        ("a member of two groups", genesis.replace("group org2 any org2-a", "group org2 any org1-a")),
        ("threshold above the members", genesis.replace("group organisations 3", "group organisations 4")),
        ("threshold zero", genesis.replace("group organisations 3", "group organisations 0")),
        ("threshold with a leading zero", genesis.replace("group organisations 3", "group organisations 03")),
        ("a key twice", genesis.replace("witness org1-b", &format!("{}2 x\nwitness org1-b", line("witness org1-a")))),
        ("a group named none", genesis.replace("group org1 ", "group none ")),
    ];
    let case = |(what, text): (&str, String)| {
        let policy = text.parse::<Policy>();
        let organisations: Vec<String> = policy
            .iter()
            .flat_map(|policy| policy.organisations().iter().map(|one| one.name.as_str().to_owned()))
            .collect();
        let intersects = policy.as_ref().is_ok_and(|policy| policy.check_quorum().is_ok());
        json!({
            "what": what, "text": text, "parses": policy.is_ok(), "organisations": organisations,
            "intersects": intersects,
        })
    };
    cases.map(case).into()
}

fn checkpoints(publisher: &Publisher, epoch: u64, size: u64) -> Vec<Value> {
    let all: Vec<Cosigner> = (1..=3).map(cosigner).collect();
    let text = publisher.text(epoch);
    let log = publisher.logged(&text, log_key(1));
    let by = |cosigners: &[Cosigner]| Publisher::cosigned(&text, cosigners, TIME_S);
    let with = |lines: Vec<String>| joined(&text, &lines);
    let lines = by(&all);
    let [a, b, c] = [lines[0].clone(), lines[1].clone(), lines[2].clone()];
    let other_text = publisher.text(epoch - 1);
    let elsewhere = Publisher::cosigned(&other_text, &all, TIME_S);
    let stranger = by(&[("stranger.example".to_owned(), key(9_999))]).remove(0);
    let impostor = by(&[("node1.example/cosigner".to_owned(), key(9_999))]).remove(0);
    let good = with(vec![a.clone(), b.clone(), c.clone(), log.clone()]);
    let replaced = |from: &str, to: &str| good.replacen(from, to, 1);
    let altered = |text: &str| {
        joined(text, &[Publisher::cosigned(text, &all, TIME_S), vec![publisher.logged(text, log_key(1))]].concat())
    };
    let roots = publisher.checkpoint(epoch).roots;
    let root = |hash: Hash| hash.to_base64();
    let crowd: Vec<String> =
        (0..62).map(|number| by(&[(format!("w{number}.example"), key(20_000 + number))]).remove(0)).collect();
    let many =
        |count: usize| with([vec![a.clone(), b.clone(), c.clone(), log.clone()], crowd[..count].to_vec()].concat());
    let node4 = ("node4.example/cosigner".to_owned(), key(100_041));
    let cases: Vec<(&str, String)> = vec![
        ("all three organisations", good.clone()),
        ("in another order", with(vec![log.clone(), c.clone(), a.clone(), b.clone()])),
        ("by a standby key", with(vec![by(&[standby(1)]).remove(0), b.clone(), c.clone(), log.clone()])),
        ("a line twice", with(vec![a.clone(), a.clone(), b.clone(), c.clone(), log.clone()])),
        ("a stranger beside", with(vec![stranger.clone(), a.clone(), b.clone(), c.clone(), log.clone()])),
        (
            "an impostor under a known name, whose key hash is another",
            with(vec![impostor, a.clone(), b.clone(), c.clone(), log.clone()]),
        ),
        ("60 strangers beside: 64 signatures", many(60)),
        ("61 strangers beside: 65 signatures", many(61)),
        ("two organisations", with(vec![a.clone(), b.clone(), log.clone()])),
        (
            "two organisations, one with both keys",
            with(vec![a.clone(), by(&[standby(1)]).remove(0), b.clone(), log.clone()]),
        ),
        ("one cosigner three times", with(vec![a.clone(), a.clone(), a.clone(), log.clone()])),
        ("no log signature", with(lines)),
        (
            "a log signature by a key that is no node's",
            with(vec![a.clone(), b.clone(), c.clone(), publisher.logged(&text, key(9_998))]),
        ),
        ("a log signature by a key that its node has no more", good.clone()),
        ("a cosignature of another size", with(vec![elsewhere[0].clone(), b.clone(), c.clone(), log.clone()])),
        (
            "a false cosignature beside a sufficient quorum",
            with(vec![a.clone(), elsewhere[0].clone(), b.clone(), c.clone(), log.clone()]),
        ),
        ("nobody", with(vec![stranger])),
        ("no signature line", format!("{text}\n")),
        ("no newline at the end", good.trim_end().to_owned()),
        ("carriage returns", good.replace('\n', "\r\n")),
        ("a blank line less", replaced("\n\n", "\n")),
        ("a hyphen for the dash", replaced("\u{2014} ", "- ")),
        ("another origin", altered(&text.replacen("test/", "test2/", 1))),
        ("the size with a leading zero", altered(&text.replacen(&format!("\n{epoch}\n"), &format!("\n0{epoch}\n"), 1))),
        ("the size with a plus sign", altered(&text.replacen(&format!("\n{epoch}\n"), &format!("\n+{epoch}\n"), 1))),
        (
            "roots exchanged",
            altered(
                &text
                    .replacen(&root(roots.sha256), "x", 1)
                    .replacen(&root(roots.blake3), &root(roots.sha256), 1)
                    .replacen("\nx\n", &format!("\n{}\n", root(roots.blake3)), 1),
            ),
        ),
        ("no blake3 line", altered(&format!("{}\n", text.trim_end().rsplit_once('\n').unwrap().0))),
        ("a second extension line", altered(&format!("{text}more\n"))),
        ("a root of 31 bytes", altered(&text.replacen(&root(roots.sha256), &root(roots.sha256)[..42], 1))),
        ("before the epoch, by the genesis record's policy", publisher.note(epoch - 1, &all)),
        ("covers the epoch, by the old cosigners only", publisher.note(epoch + 1, &all)),
        (
            "covers the epoch, by both",
            publisher.note(epoch + 1, &[cosigner(1), cosigner(2), cosigner(3), node4.clone()]),
        ),
        ("after the epoch, by the new policy", publisher.note(size, &[cosigner(1), cosigner(2), node4.clone()])),
        ("before the epoch, by the new policy only", publisher.note(epoch, &[cosigner(1), cosigner(2), node4])),
        ("a time above 2^63 - 1", with(vec![late(&text), b, c, log])),
    ];
    let case = |(what, note): (&str, String)| {
        let told = |trust: &Trust| match trust.verify_checkpoint(note.as_bytes()) {
            Ok(verified) => {
                let organisations: Vec<&str> = verified.organisations().iter().map(|name| name.as_str()).collect();
                json!({"accepted": true, "organisations": organisations})
            }
            Err(_) => json!({"accepted": false}),
        };
        json!({"what": what, "note": note, "by_genesis": told(&publisher.genesis), "by_all": told(&publisher.all)})
    };
    cases.into_iter().map(case).collect()
}

/// A cosignature that states a time no cosignature may state; its equation holds.
fn late(text: &str) -> String {
    use base64::Engine as _;
    use ed25519_dalek::Signer as _;
    let time_s = 1_u64 << 63;
    let signature = cosigner_key(1).sign(format!("cosignature/v1\ntime {time_s}\n{text}").as_bytes());
    let name = KeyName::new("node1.example/cosigner").unwrap();
    let hash = VerifierKey::new(name, KeyRole::Cosigner, &public(&cosigner_key(1)).0).unwrap().hash();
    let bytes = [&hash.to_bytes()[..], &time_s.to_be_bytes(), &signature.to_bytes()].concat();
    format!("\u{2014} node1.example/cosigner {}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

pub fn new_cosigners() -> Vec<Cosigner> {
    vec![cosigner(1), cosigner(2), ("node4.example/cosigner".to_owned(), key(100_041))]
}

fn receipts(publisher: &Publisher, size: u64) -> Vec<Value> {
    let note = publisher.note(size, &new_cosigners());
    let good = |leaf| publisher.receipt(leaf, &note);
    let mut cases: Vec<(String, Receipt)> =
        [0, 1, 40, size - 1].map(|leaf| (format!("leaf {leaf}"), good(leaf))).into();
    let mut other = good(40);
    other.leaf = LeafIndex::new(41).unwrap();
    cases.push(("another leaf".into(), other));
    let mut other = good(40);
    other.entry = good(41).entry;
    cases.push(("another entry".into(), other));
    for cut in [false, true] {
        let mut other = good(40);
        let mut path = other.proof.blake3.path().to_vec();
        if cut {
            path.pop();
        } else {
            path.push(path[0]);
        }
        other.proof.blake3 = tamga_ledger::tree::InclusionProof::new(path).unwrap();
        let how = if cut { "cut" } else { "extended" };
        cases.push((format!("the BLAKE3 proof {how}, the SHA-256 proof holds"), other));
    }
    let mut other = good(40);
    let path = other.proof.sha256.path().to_vec();
    other.proof.blake3 = tamga_ledger::tree::InclusionProof::new(path).unwrap();
    cases.push(("the SHA-256 proof twice".into(), other));
    let mut other = good(40);
    other.checkpoint = publisher.note(size, &new_cosigners()[..2]);
    cases.push(("a checkpoint without quorum".into(), other));
    let mut other = good(40);
    other.checkpoint = publisher.note(size - 1, &new_cosigners());
    cases.push(("the checkpoint of another size".into(), other));
    let case = |(what, receipt): (String, Receipt)| {
        let bytes = receipt.to_bytes();
        json!({"what": what, "receipt": hex::encode(bytes), "accepted": receipt.verify(&publisher.all).is_ok()})
    };
    let mut cases: Vec<Value> = cases.into_iter().map(case).collect();
    let mut later = good(1).to_bytes();
    later[1] = 2;
    cases.push(
        json!({"what": "version 2", "receipt": hex::encode(&later), "accepted": Receipt::from_bytes(&later).is_ok()}),
    );
    cases
}

/// The steps of the history of this ledger: every accepted decision.
struct Steps(Vec<Receipt>);

impl Steps {
    fn of(day: &Day, publisher: &Publisher, epoch: u64, size: u64) -> Self {
        let both = [cosigner(1), cosigner(2), cosigner(3), new_cosigners().remove(2)];
        let (before, joining) = (publisher.note(epoch, &both[..3]), publisher.note(epoch + 1, &both));
        let after = publisher.note(size, &new_cosigners());
        let receipt = |leaf: u64| match leaf.cmp(&epoch) {
            std::cmp::Ordering::Less => publisher.receipt(leaf, &before),
            std::cmp::Ordering::Equal => publisher.receipt(leaf, &joining),
            std::cmp::Ordering::Greater => publisher.receipt(leaf, &after),
        };
        Self(day.world.state.nodes().leaves().into_iter().map(receipt).collect())
    }

    fn histories(&self, publisher: &Publisher) -> Vec<Value> {
        let steps = &self.0;
        let mut swapped = steps.clone();
        swapped.swap(0, 1);
        let mut twice = steps.clone();
        twice.insert(0, steps[0].clone());
        let epoch = steps.iter().position(|step| publisher.all.registry().epochs()[0].leaf == step.leaf.get()).unwrap();
        let mut skipped = steps.clone();
        skipped.remove(epoch);
        let mut not_joint = steps.clone();
        let size = steps[epoch].leaf.get() + 1;
        not_joint[epoch] = publisher.receipt(steps[epoch].leaf.get(), &publisher.note(size, &new_cosigners()));
        let mut other = steps.clone();
        other.push(publisher.receipt(publisher.store.size().get() - 1, &steps.last().unwrap().checkpoint));
        let cases = [
            ("every decision", steps.clone()),
            ("none", vec![]),
            ("the first only", steps[..1].to_vec()),
            ("two exchanged", swapped),
            ("one twice", twice),
            ("the epoch left out", skipped),
            ("the epoch under a checkpoint of the new policy only", not_joint),
            ("a leaf that is no decision", other),
        ];
        let case = |(what, steps): (&str, Vec<Receipt>)| {
            let history = History { steps };
            let followed = publisher.genesis.follow(&history);
            let epochs: Vec<u64> =
                followed.iter().flat_map(|trust| trust.registry().epochs().iter().map(|epoch| epoch.leaf)).collect();
            json!({
                "what": what, "history": hex::encode(history.to_bytes()), "accepted": followed.is_ok(),
                "epochs": epochs,
            })
        };
        cases.map(case).into()
    }

    fn bundles(&self, day: &Day, publisher: &Publisher, size: u64) -> Vec<Value> {
        let bytes = |bytes: &[u8]| ByteVec::from(bytes.to_vec());
        let genesis = &day.world.leaves[0].entry;
        let early = publisher.receipt(3, &publisher.note(20, &[cosigner(1), cosigner(2), cosigner(3)]));
        let late = publisher.receipt(40, &publisher.note(size, &new_cosigners()));
        let history = History { steps: self.0.clone() }.to_bytes();
        let one = codec::encode(&(1_u64, bytes(genesis), bytes(&early.to_bytes())));
        let alone = codec::encode(&(1_u64, bytes(genesis), bytes(&late.to_bytes())));
        let two = codec::encode(&(2_u64, bytes(genesis), bytes(&late.to_bytes()), bytes(&history)));
        let other = codec::encode(&(1_u64, bytes(&day.world.leaves[1].entry), bytes(&early.to_bytes())));
        [
            ("version 1: before anything was decided", one, true),
            ("version 1 where the policy has changed", alone, false),
            ("version 2: with the history", two, true),
            ("another entry as genesis", other, false),
        ]
        .map(|(what, bundle, accepted)| json!({"what": what, "bundle": hex::encode(bundle), "accepted": accepted}))
        .into()
    }
}
