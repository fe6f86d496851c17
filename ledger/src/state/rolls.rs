//! Each station's roll, and who is on two of them.

use super::State;
use crate::ids::RollLeaf;

/// One station's roll: leaves ascending, and beside each the leaf index + 1 of its admission (0: none).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StationRoll {
    pub(crate) list_version: u32,
    pub(crate) chunks: u32,
    pub(crate) received: u32,
    pub(crate) total: u32,
    /// Amendments so far: after each the leaves stand elsewhere.
    pub(crate) amendments: u32,
    pub(crate) leaves: Vec<RollLeaf>,
    pub(crate) admitted: Vec<u32>,
}

impl StationRoll {
    /// Voters on the roll.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.total
    }

    /// Whether all chunks are there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.received > 0 && self.received == self.chunks
    }

    /// How often it was amended.
    #[must_use]
    pub fn amendments(&self) -> u32 {
        self.amendments
    }

    /// Both lists ascend; those that go are on the roll and not admitted, those that come are not on it.
    pub(crate) fn amend(&mut self, removed: &[RollLeaf], added: &[RollLeaf]) {
        let stays = |(leaf, _): &(RollLeaf, u32)| removed.binary_search(leaf).is_err();
        let old = self.leaves.iter().copied().zip(self.admitted.iter().copied()).filter(stays);
        let mut all: Vec<(RollLeaf, u32)> = old.chain(added.iter().map(|leaf| (*leaf, 0))).collect();
        all.sort_unstable_by_key(|(leaf, _)| *leaf);
        (self.leaves, self.admitted) = all.into_iter().unzip();
        // Below 2^32, as the chunks' total and the amendment's are.
        self.total = self.leaves.len() as u32;
        self.amendments += 1;
    }

    pub(crate) fn find(&self, leaf: &RollLeaf) -> Option<usize> {
        self.leaves.binary_search(leaf).ok()
    }

    /// The leaf index of this voter's admission.
    #[must_use]
    pub fn admission(&self, leaf: &RollLeaf) -> Option<u64> {
        let admitted = self.admitted[self.find(leaf)?];
        u64::from(admitted).checked_sub(1)
    }
}

/// A voter on more than one roll.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OnTwoRolls {
    /// The voter's roll leaf.
    pub leaf: RollLeaf,
    /// The stations, ascending.
    pub stations: Vec<u32>,
}

/// Roll leaves are digests: so many parts of about the same size by their first byte.
const PARTS: u16 = 16;

impl State {
    /// Voters who are on the rolls of two stations or more, ascending by leaf; at most so many.
    ///
    /// Looks through all rolls in sixteen rounds, so that it needs room for a sixteenth of them only: half a second for four
    /// million voters, once, at the Roll seal.
    #[must_use]
    pub fn on_two_rolls(&self, most: usize) -> Vec<OnTwoRolls> {
        let mut found = Vec::new();
        for part in 0..PARTS {
            let mut leaves: Vec<(RollLeaf, u32)> = Vec::new();
            for (station, roll) in &self.rolls {
                // A roll ascends.
                let from = roll.leaves.partition_point(|leaf| part_of(leaf) < part);
                let to = roll.leaves.partition_point(|leaf| part_of(leaf) <= part);
                leaves.extend(roll.leaves.get(from..to).unwrap_or_default().iter().map(|leaf| (*leaf, *station)));
            }
            leaves.sort_unstable();
            for same in leaves.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
                if found.len() == most {
                    return found;
                }
                let stations = same.iter().map(|(_, station)| *station).collect();
                found.extend(same.first().map(|(leaf, _)| OnTwoRolls { leaf: *leaf, stations }));
            }
        }
        found
    }
}

fn part_of(leaf: &RollLeaf) -> u16 {
    u16::from(leaf.0[0]) * PARTS / 256
}
