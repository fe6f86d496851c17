//! `courts.json`: courts' bundles over the ledger of `day`, and bundles that must be refused. `copies.json`: the index of a copy's
//! archive, and the files by which whoever knows a tag finds out whether it was admitted.

use crate::day::Day;
use crate::notes::{Publisher, cosigner, history, new_cosigners};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tamga_ledger::court::{CourtBundle, Item, Link, Subject, concerns};
use tamga_ledger::definition::Definition;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::history::History;
use tamga_ledger::ids::RecordId;
use tamga_ledger::kinds::{Body as _, DefinitionPart, Kind};
use tamga_ledger::record::Record;
use tamga_ledger::tree::{
    Blake3Tree, Frontier, Hash, LeafIndex, SeveralProof, Sha256Tree, TILE_WIDTH, TileKind, TilePath, TreeHash,
    TreeSize, TwinConsistencyProof, tile_root,
};

fn record_of(day: &Day, leaf: u64) -> Option<Record> {
    match Entry::from_bytes(&day.world.leaves[leaf as usize].entry).unwrap().payload {
        Payload::Full(signed) => signed.parse().ok(),
        Payload::Stub(_) => None,
    }
}

struct Maker<'a> {
    day: &'a Day,
    publisher: Publisher,
    definition: Definition,
    cases: Vec<Value>,
}

impl Maker<'_> {
    fn note(&self, size: u64) -> String {
        let epoch = self.day.world.state.nodes().epochs()[0].leaf;
        let old: Vec<_> = (1..=3).map(cosigner).collect();
        if size <= epoch { self.publisher.note(size, &old) } else { self.publisher.note(size, &new_cosigners()) }
    }

    fn links(&self, sizes: &[u64]) -> Vec<Link> {
        let mut before: Option<TreeSize> = None;
        let link = |size: &u64| {
            let now = TreeSize::new(*size).unwrap();
            let from = before.replace(now).unwrap_or(now);
            let proof = TwinConsistencyProof {
                sha256: self.publisher.store.consistency_proof(from, now).unwrap(),
                blake3: self.publisher.store.consistency_proof(from, now).unwrap(),
            };
            Link { note: self.note(*size), proof }
        };
        sizes.iter().map(link).collect()
    }

    fn several<H: TreeHash>(&self, leaves: &[u64], size: u64) -> SeveralProof<H> {
        let entries = &self.day.world.leaves;
        let mut reader = |level: u8, index: u64| -> Result<Hash, ()> {
            let first = (index << level) as usize;
            let mut frontier = Frontier::<H>::new();
            for leaf in &entries[first..first + (1 << level)] {
                frontier.push(H::leaf(&leaf.entry)).unwrap();
            }
            Ok(frontier.root())
        };
        let leaves: Vec<_> = leaves.iter().map(|leaf| LeafIndex::new(*leaf).unwrap()).collect();
        SeveralProof::prove(&mut reader, &leaves, TreeSize::new(size).unwrap()).unwrap()
    }

    /// What the subject is about below the last size, and these leaves besides.
    fn bundle(&self, subject: Subject, order: &str, sizes: &[u64], besides: &[u64], history: History) -> CourtBundle {
        let size = *sizes.last().unwrap();
        let about = |leaf: u64| {
            let id = self.day.world.leaves[leaf as usize].id;
            match record_of(self.day, leaf) {
                Some(record) => concerns(&subject, &record, &id, &self.definition),
                None => matches!(&subject, Subject::Records(ids) if ids.contains(&id)),
            }
        };
        let asked: BTreeSet<u64> = (0..size).filter(|leaf| about(*leaf)).collect();
        let all: Vec<u64> =
            asked.iter().chain(besides).copied().chain([0]).collect::<BTreeSet<_>>().into_iter().collect();
        let item = |leaf: &u64| {
            let made = &self.day.world.leaves[*leaf as usize];
            let body = !order.is_empty() && asked.contains(leaf);
            Item {
                leaf: LeafIndex::new(*leaf).unwrap(),
                asked: asked.contains(leaf),
                entry: made.entry.clone(),
                body: if body { made.confidential.clone() } else { vec![] },
            }
        };
        CourtBundle {
            tool: "tamga 1".to_owned(),
            order: order.to_owned(),
            history,
            checkpoints: self.links(sizes),
            items: all.iter().map(item).collect(),
            sha256: self.several::<Sha256Tree>(&all, size),
            blake3: self.several::<Blake3Tree>(&all, size),
            subject,
        }
    }

    fn say(&mut self, what: &str, bytes: &[u8], accepted: bool) {
        let pinned = self.day.world.state.election_id();
        let read = CourtBundle::from_bytes(bytes).map_err(|error| error.to_string());
        let verified = read.and_then(|bundle| bundle.verify(&pinned).map_err(|error| error.to_string()));
        assert_eq!(verified.is_ok(), accepted, "{what}: {:?}", verified.err());
        let asked = verified.iter().flat_map(|verified| &verified.items).filter(|item| item.asked);
        let asked: Vec<u64> = asked.map(|item| item.leaf.get()).collect();
        self.cases.push(json!({"what": what, "court": hex::encode(bytes), "accepted": accepted, "asked": asked}));
    }
}

/// The accepted Key records and definition parts: what every other entry needs.
fn foundation(day: &Day) -> Vec<u64> {
    let kinds = [Kind::Key, Kind::DefinitionPart, Kind::Governance];
    let due = |leaf: &u64| {
        let made = &day.world.leaves[*leaf as usize];
        kinds.contains(&made.kind) && made.verdict.is_accepted()
    };
    (0..day.world.leaves.len() as u64).filter(due).collect()
}

pub fn courts(day: &Day) -> Value {
    let mut definition = Definition::default();
    for leaf in foundation(day).into_iter().filter(|leaf| day.world.leaves[*leaf as usize].kind == Kind::DefinitionPart)
    {
        definition.add(&DefinitionPart::from_bytes(&record_of(day, leaf).unwrap().body).unwrap()).unwrap();
    }
    let mut maker = Maker { day, publisher: Publisher::of(day), definition, cases: vec![] };
    let (epoch, size) = (day.world.state.nodes().epochs()[0].leaf, day.world.state.size().get());
    let besides = foundation(day);
    let way = history(day);
    let station = maker.bundle(Subject::Station(2), "", &[epoch, size - 3, size], &besides, way.clone());
    maker.say("a station, before and after a policy epoch", &station.to_bytes(), true);
    let mut without = station;
    without.history = History { steps: vec![] };
    maker.say("a station, the policy epoch left out", &without.to_bytes(), false);
    let district = maker.bundle(Subject::Constituency(2), "", &[size], &besides, way.clone());
    maker.say("a constituency", &district.to_bytes(), true);
    let mut nobodys = district;
    nobodys.subject = Subject::Constituency(1);
    maker.say("another constituency's bundle", &nobodys.to_bytes(), false);
    handed_over(&mut maker, &besides, size, way);
    small(&mut maker, epoch);
    json!({"courts": maker.cases})
}

/// One identification with what only a court sees.
fn handed_over(maker: &mut Maker<'_>, besides: &[u64], size: u64, way: History) {
    let day = maker.day;
    let place =
        day.world.leaves.iter().position(|leaf| leaf.kind == Kind::Identification && leaf.verdict.is_accepted());
    let id = day.world.leaves[place.unwrap()].id;
    let subject = || Subject::Records(vec![id]);
    let keys: Vec<u64> =
        besides.iter().copied().filter(|leaf| day.world.leaves[*leaf as usize].kind == Kind::Key).collect();
    let good = maker.bundle(subject(), "order 7", &[size], &keys, way.clone());
    maker.say("a record with its confidential body, by an order", &good.to_bytes(), true);
    let mut silent = good.clone();
    silent.order.clear();
    maker.say("a confidential body without an order", &silent.to_bytes(), false);
    let mut altered = good;
    let body = &mut altered.items.iter_mut().find(|item| item.asked).unwrap().body;
    *body.last_mut().unwrap() ^= 1;
    maker.say("another confidential body", &altered.to_bytes(), false);
    let others = day.world.leaves.iter().rposition(|leaf| leaf.kind == Kind::Identification).unwrap() as u64;
    assert!(Some(others as usize) != place, "another identification");
    let besides: Vec<u64> = keys.iter().copied().chain([others]).collect();
    let crowded = maker.bundle(subject(), "", &[size], &besides, way.clone());
    maker.say("somebody else's identification beside it", &crowded.to_bytes(), false);
    let withheld = maker.bundle(subject(), "", &[size], &keys, way.clone());
    maker.say("the same record, its body withheld", &withheld.to_bytes(), true);
    let unknown = maker.bundle(subject(), "", &[size], &[], way);
    maker.say("the key of its signer is missing", &unknown.to_bytes(), false);
}

/// Two records below the first decision: nothing but the genesis record is needed.
fn small(maker: &mut Maker<'_>, epoch: u64) {
    let none = || History { steps: vec![] };
    let mut ids: Vec<RecordId> = [4, 6].map(|leaf: usize| maker.day.world.leaves[leaf].id).into();
    ids.sort();
    let good = maker.bundle(Subject::Records(ids.clone()), "", &[10, epoch], &[], none());
    maker.say("two records, two checkpoints", &good.to_bytes(), true);
    type Change = fn(&mut CourtBundle);
    let changes: [(&str, Change); 14] = [
        ("an item left out", |bundle| drop(bundle.items.pop())),
        ("an item twice", |bundle| bundle.items.push(bundle.items[2].clone())),
        ("items exchanged", |bundle| bundle.items.swap(1, 2)),
        ("no genesis record", |bundle| drop(bundle.items.remove(0))),
        ("an item that is not asked for said to be", |bundle| bundle.items[0].asked = true),
        ("an item that is asked for said not to be", |bundle| bundle.items[1].asked = false),
        ("another leaf", |bundle| bundle.items[2].leaf = LeafIndex::new(7).unwrap()),
        ("another entry", |bundle| bundle.items[2].entry = bundle.items[1].entry.clone()),
        ("a hash left out", |bundle| {
            bundle.sha256 = SeveralProof::new(bundle.sha256.hashes()[1..].to_vec());
        }),
        ("a hash more", |bundle| {
            let hashes = bundle.blake3.hashes();
            bundle.blake3 = SeveralProof::new([hashes, &hashes[..1]].concat());
        }),
        ("the other tree's hashes", |bundle| bundle.blake3 = SeveralProof::new(bundle.sha256.hashes().to_vec())),
        ("checkpoints exchanged", |bundle| bundle.checkpoints.swap(0, 1)),
        ("the first checkpoint left out: the second does not begin a chain", |bundle| {
            bundle.checkpoints.remove(0);
        }),
        ("no checkpoint", |bundle| bundle.checkpoints.clear()),
    ];
    for (what, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        maker.say(what, &bad.to_bytes(), false);
    }
    let mut more = ids.clone();
    more.push(RecordId([0xff; 32]));
    let bad = CourtBundle { subject: Subject::Records(more), ..good.clone() };
    maker.say("a record that is asked for is not there", &bad.to_bytes(), false);
    let mut bad = good.clone();
    bad.checkpoints[1].note = maker.publisher.note(epoch, &[cosigner(1), cosigner(2)]);
    maker.say("a checkpoint without quorum", &bad.to_bytes(), false);
    let mut later = good.to_bytes();
    let at = later.windows(8).position(|window| window == b"court/v1").unwrap() + 7;
    later[at] = b'2';
    maker.say("another version", &later, false);
}

/// Files by path, as a node and a mirror serve them (FORMAT.md §9).
pub fn copies(day: &Day) -> Value {
    let mut rows = day.world.state.admitted();
    let small = admitted(&rows);
    // Enough for three buckets and a second level.
    let (count, step) = (600_u64, 0x0123_4567_89ab_cdef_u128);
    rows = (0..count)
        .map(|number| (tamga_ledger::ids::RollLeaf((u128::from(number) * step).to_be_bytes()), number))
        .collect();
    let (epoch, size) = (day.world.state.nodes().epochs()[0].leaf, day.world.state.size().get());
    let sizes = [1, 9, epoch, epoch + 1, size];
    let index: String = sizes.iter().map(|size| format!("{size}\n")).collect();
    let wrong = ["9\n1\n", "1\n1\n", "01\n", "1 \n", "1\n9", "1\n\n9\n", "-1\n", "9007199254740992\n", "x\n"];
    json!({
        "admitted": [small, admitted(&rows)],
        "archive_index": {"sizes": sizes, "text": index, "not_an_index": wrong},
    })
}

fn admitted(rows: &[(tamga_ledger::ids::RollLeaf, u64)]) -> Value {
    let size = TreeSize::new(rows.len() as u64).unwrap();
    let mut files = serde_json::Map::new();
    let first: Vec<u8> = rows.iter().step_by(TILE_WIDTH as usize).flat_map(|(leaf, _)| leaf.0).collect();
    files.insert("admitted/index".to_owned(), hex::encode(first).into());
    for (index, bucket) in rows.chunks(TILE_WIDTH as usize).enumerate() {
        let path = TilePath::in_tree(TileKind::Entries, index as u64, size).unwrap().to_string();
        let bytes: Vec<u8> = bucket.iter().flat_map(|(leaf, by)| [&leaf.0[..], &by.to_be_bytes()].concat()).collect();
        files.insert(path.replace("tile/entries", "admitted/leaves"), hex::encode(bytes).into());
    }
    let mut row: Vec<Hash> = rows.iter().map(|(leaf, _)| Blake3Tree::leaf(&leaf.0)).collect();
    let mut frontier = Frontier::<Blake3Tree>::new();
    for leaf in &row {
        frontier.push(*leaf).unwrap();
    }
    for level in 0.. {
        for (index, tile) in row.chunks(TILE_WIDTH as usize).enumerate() {
            let path = TilePath::in_tree(TileKind::Hashes(level), index as u64, size).unwrap();
            let bytes: Vec<u8> = tile.iter().flat_map(|hash| hash.to_bytes()).collect();
            files.insert(format!("admitted/{path}"), hex::encode(bytes).into());
        }
        row = row.as_chunks::<{ TILE_WIDTH as usize }>().0.iter().map(|tile| tile_root::<Blake3Tree>(tile)).collect();
        if row.is_empty() {
            break;
        }
    }
    json!({"count": rows.len(), "root": frontier.root().to_string(), "files": files})
}
