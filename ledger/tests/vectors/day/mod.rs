//! A whole small ledger: three organisations, two constituencies, four stations, from the genesis record to the archive.
//!
//! | file | what |
//! |---|---|
//! | `founding` | definition, keys, roll |
//! | `governing` | decisions of the organisations |
//! | `custody` | equipment |
//! | `voting` | phases and identifications |
//! | `counting` | batches, openings, protocols, seals |
//! | `papers` | corrections, observers' copies, summary tables |
//! | `acts` | legal acts, cases |
//! | `refusing` | what never becomes a leaf |
//! | `second` | another ledger, of five organisations: what this one cannot show |
//!
//! Each step names what it shows. The order matters: every verdict is a function of what stands before it.

mod acts;
mod counting;
mod custody;
mod founding;
mod governing;
mod papers;
mod refusing;
mod second;
mod voting;

use crate::kit::{self, Outcome, World};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::kinds::Body;
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::submission::{Rejection, Submission, authenticate};
use tamga_ledger::tally::tally;
use tamga_ledger::tree::{LeafHashes, TreeHead};
use tamga_ledger::verdict::Verdict;

pub struct Day {
    pub world: World,
    /// What each leaf shows.
    what: Vec<String>,
    submissions: Vec<Submission>,
    /// Size and roots after each leaf.
    pub heads: Vec<TreeHead>,
    not_leaves: Vec<Value>,
    surprises: Vec<String>,
}

impl Day {
    /// The day from its first record to its last.
    pub fn whole() -> Self {
        let mut day = Self::begun(3);
        founding::run(&mut day);
        governing::run(&mut day);
        voting::run(&mut day);
        refusing::run(&mut day);
        counting::run(&mut day);
        assert!(day.surprises.is_empty(), "{:#?}", day.surprises);
        day
    }

    /// The second ledger.
    pub fn second() -> Self {
        let mut day = Self::begun(5);
        second::run(&mut day);
        assert!(day.surprises.is_empty(), "{:#?}", day.surprises);
        day
    }

    /// The genesis record of so many organisations.
    fn begun(organisations: u32) -> Self {
        let world = World::of(organisations);
        let heads = vec![world.state.head()];
        Self {
            world,
            what: vec!["the genesis record".into()],
            submissions: vec![kit::sign_genesis(&kit::election_of(organisations))],
            heads,
            not_leaves: Vec::new(),
            surprises: Vec::new(),
        }
    }

    /// Submits and expects a leaf with this verdict: flags by code, or a refusal.
    pub fn expect(&mut self, what: &str, submission: Submission, due: &Due) -> u64 {
        let leaf = match self.world.try_submit(&submission) {
            Outcome::Leaf(leaf) => leaf,
            other => panic!("{what}: {other:?}"),
        };
        let found = match &leaf.verdict {
            Verdict::Accepted(flags) => Due::Flags(flags.iter().map(|flag| flag.code).collect()),
            Verdict::Refused(refusal) => Due::Code(refusal.number()),
        };
        if found != *due {
            self.surprises.push(format!("leaf {}: {what}: {found:?}, and not {due:?}", leaf.index));
        }
        self.what.push(what.to_owned());
        self.submissions.push(submission);
        self.heads.push(self.world.state.head());
        leaf.index.get()
    }

    pub fn record<B: Body>(&mut self, what: &str, scope: Scope, keys: &[&SigningKey], body: &B, due: &Due) -> u64 {
        self.altered(what, scope, keys, body, |_| {}, due)
    }

    /// As `record`, with a change to the header before it is signed.
    pub fn altered<B: Body>(
        &mut self,
        what: &str,
        scope: Scope,
        keys: &[&SigningKey],
        body: &B,
        change: impl FnOnce(&mut Record),
        due: &Due,
    ) -> u64 {
        let mut record = self.world.draft(scope, keys, body);
        change(&mut record);
        let signed = record.sign(keys).unwrap();
        self.expect(what, Submission::public(signed), due)
    }

    pub fn members<B: Body>(&mut self, what: &str, station: u32, body: &B, due: &Due) -> u64 {
        let keys = [kit::member_key(station, 1), kit::member_key(station, 2)];
        self.record(what, Scope::Unit(kit::unit(station)), &[&keys[0], &keys[1]], body, due)
    }

    /// Something that never becomes a leaf: its bytes, and why.
    pub fn rejected(&mut self, what: &str, bytes: &[u8], due: &str) {
        let rejection = authenticate(bytes, &self.world.state.election_id(), &self.world.state).expect_err(what);
        if rejection.slug() != due {
            self.surprises.push(format!("{what}: {}, and not {due}: {rejection}", rejection.slug()));
        }
        // A key that nobody has registered may be registered later; everything else is decided by the bytes alone.
        let by_bytes = !matches!(rejection, Rejection::Record(_)) || !rejection.wants_key();
        let size = self.world.state.size().get();
        self.not_leaves.push(json!({
            "what": what, "at_size": size, "submission": hex::encode(bytes), "rejection": due, "by_bytes_alone": by_bytes,
        }));
    }

    pub fn vectors(&self) -> Value {
        let entries: Vec<Value> = (0..self.what.len()).map(|leaf| self.entry(leaf)).collect();
        let state = &self.world.state;
        let digests: Vec<String> = kit::parts()
            .iter()
            .map(|part| tamga_ledger::definition::part_digest(&part.to_bytes()).to_string())
            .collect();
        let results = tally(state);
        let rows: Vec<(u32, &Vec<u64>, &Vec<u64>)> = results
            .constituencies
            .iter()
            .map(|row| (row.constituency, &row.machine.counts, &row.hand.counts))
            .collect();
        json!({
            "election_id": state.election_id().to_string(),
            "part_digests": digests,
            "admitted_root": state.admitted_root().to_string(),
            "tally": hex::encode(tamga_ledger::codec::encode(&rows)), "tally_digest": results.digest().to_string(),
            "entries": entries,
            "not_leaves": self.not_leaves,
        })
    }

    fn entry(&self, leaf: usize) -> Value {
        let made = &self.world.leaves[leaf];
        let entry = Entry::from_bytes(&made.entry).unwrap();
        let (hashes, head) = (LeafHashes::of(&made.entry), &self.heads[leaf]);
        let flags: Vec<[u64; 2]> =
            made.verdict.flags().iter().map(|flag| [u64::from(flag.code), flag.detail]).collect();
        json!({
            "leaf": leaf, "what": self.what[leaf], "kind": made.kind as u16, "record_id": made.id.to_string(),
            "submission": hex::encode(self.submissions[leaf].to_bytes()),
            "time_ms": entry.time_ms, "verdict": made.verdict.number(), "code": made.verdict.code(), "flags": flags,
            "form": u8::from(matches!(entry.payload, Payload::Stub(_))),
            "entry": hex::encode(&made.entry), "confidential": hex::encode(&made.confidential),
            "sha256_leaf": hashes.sha256.to_string(), "blake3_leaf": hashes.blake3.to_string(),
            "sha256_root": head.roots.sha256.to_string(), "blake3_root": head.roots.blake3.to_string(),
        })
    }
}

/// The verdict that a step expects.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Accepted, with these flags.
    Flags(Vec<u16>),
    /// Refused.
    Code(u16),
}

pub fn clean() -> Due {
    Due::Flags(vec![])
}

pub fn flagged(codes: &[u16]) -> Due {
    Due::Flags(codes.to_vec())
}

pub const fn refused(code: u16) -> Due {
    Due::Code(code)
}
