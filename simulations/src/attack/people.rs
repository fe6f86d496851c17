//! Naming people: from personal numbers to tags and roll leaves, by every hash that somebody might have taken instead of the keyed one.

use super::seen::Seen;
use std::collections::{BTreeMap, BTreeSet};
use tamga_client::registry::{CommissionKey, PersonalNumber, RegistryKey, TagKeys};
use tamga_ledger::ids::{RollLeaf, Tag};

/// Somebody whom the attacker finds on a roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The personal number.
    pub number: String,
    /// On which station's roll.
    pub station: u32,
    /// The attacker says that this person did not vote.
    pub stayed_at_home: bool,
}

/// Everybody of the register whom the attacker finds.
#[must_use]
pub fn named(seen: &Seen, register: &[String]) -> Vec<Named> {
    let rolls = seen.rolls.iter().flat_map(|(station, leaves)| leaves.iter().map(move |leaf| (*leaf, *station)));
    let rolls: BTreeMap<RollLeaf, u32> = rolls.collect();
    let came = seen.identified.iter().filter_map(|one| Some(one.voter?.0.roll_leaf()));
    let came: BTreeSet<RollLeaf> = came.collect();
    let guesses = Guesses::new(seen);
    let find = |number: &String| {
        let (leaf, station) = guesses.leaves(number).into_iter().find_map(|leaf| Some((leaf, *rolls.get(&leaf)?)))?;
        Some(Named { number: number.clone(), station, stayed_at_home: !came.contains(&leaf) })
    };
    register.iter().filter_map(find).collect()
}

/// Ways from a number to a roll leaf that need no key, or a key that is no secret.
struct Guesses {
    election: [u8; 32],
    keys: Vec<TagKeys>,
}

impl Guesses {
    fn new(seen: &Seen) -> Self {
        let known = [[0; 32], [0xff; 32], seen.election.0];
        let keys = known.map(|key| TagKeys::new(seen.election, RegistryKey::new(key), CommissionKey::new(key)));
        Self { election: seen.election.0, keys: keys.into() }
    }

    fn leaves(&self, number: &str) -> Vec<RollLeaf> {
        let plain = *blake3::hash(number.as_bytes()).as_bytes();
        let keyed = *blake3::keyed_hash(&self.election, number.as_bytes()).as_bytes();
        let derived = blake3::derive_key("tamga 2025 roll leaf v1", number.as_bytes());
        let parsed = number.parse::<PersonalNumber>().ok();
        let own = parsed.iter().flat_map(|number| self.keys.iter().map(|keys| keys.tag(number)));
        let tags: Vec<Tag> = [plain, keyed].map(Tag).into_iter().chain(own).collect();
        let cut = [plain, keyed, derived].map(|hash| RollLeaf(*hash.first_chunk().unwrap_or(&[0; 16])));
        tags.iter().map(Tag::roll_leaf).chain(cut).collect()
    }
}
