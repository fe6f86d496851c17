//! How many witnesses are enough.
//!
//! Let there be m other voters. A node is born once
//!
//! 1. more than m/2 of them have said yes who take part themselves. Whoever takes part has not been wiped, so it has forgotten
//!    nothing; and of any two such sets some node stands in both, and knows the first birth at the second; or
//! 2. it is a voter itself, and ⌈(m + f)/2⌉ have said yes, taking part or not, where f = ⌊m/2⌋ is the largest minority of
//!    all m + 1. Two such sets, or one and a set of the first kind, share at least f nodes, of which at most f − 1 can have
//!    been wiped together with this one. So a cluster begins, while nobody takes part: with 3 of 3, 3 of 4, 4 of 5, 6 of 7.
//!
//! **Its own yes is not counted**, unlike in a vote. Of three nodes, two could otherwise be born by each other's word while the
//! third is away; wiped, one of them and the third could be so again, and what the first two had agreed on would be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What the others have said so far.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    own: u32,
    voters: BTreeSet<u32>,
    /// How many decisions `voters` follow.
    decisions: usize,
    /// Who said yes, and whether it takes part itself.
    yes: BTreeMap<u32, bool>,
}

impl Heard {
    /// Nothing yet, with these voters as far as is known.
    pub(super) const fn nothing(own: u32, voters: BTreeSet<u32>) -> Self {
        Self { own, voters, decisions: 0, yes: BTreeMap::new() }
    }

    /// Somebody said yes.
    pub(super) fn yes(&mut self, from: u32, takes_part: bool) {
        self.yes.insert(from, takes_part);
    }

    /// Somebody showed who the voters are after so many decisions. The longest list is the newest: decisions are ordered.
    pub(super) fn voters(&mut self, decisions: usize, voters: BTreeSet<u32>) {
        if decisions >= self.decisions {
            (self.decisions, self.voters) = (decisions, voters);
        }
    }

    /// See the module.
    pub(super) fn is_enough(&self) -> bool {
        let (others, voter) = (self.others().count(), self.voters.contains(&self.own));
        let taking_part = self.others().filter(|id| self.yes.get(*id) == Some(&true)).count();
        2 * taking_part > others || voter && self.said_yes() >= at_the_beginning(others)
    }

    fn others(&self) -> impl Iterator<Item = &u32> {
        self.voters.iter().filter(|id| **id != self.own)
    }

    fn said_yes(&self) -> usize {
        self.others().filter(|id| self.yes.contains_key(*id)).count()
    }
}

/// How many must say yes, taking part or not, of so many other voters.
const fn at_the_beginning(others: usize) -> usize {
    let minority_max = others / 2;
    (others + minority_max).div_ceil(2)
}

impl fmt::Display for Heard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (yes, others) = (self.said_yes(), self.others().count());
        write!(out, "waits to be witnessed by the other voters: yes from {yes} of {others}, ")?;
        write!(out, "{} that take part themselves are needed", others / 2 + 1)?;
        if self.voters.contains(&self.own) {
            write!(out, ", or {} while the cluster begins", at_the_beginning(others))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(own: u32, n: u32, yes: impl IntoIterator<Item = (u32, bool)>) -> Heard {
        let mut heard = Heard::nothing(own, (1..=n).collect());
        yes.into_iter().for_each(|(from, takes_part)| heard.yes(from, takes_part));
        heard
    }

    /// All sets of the nodes 2 to n.
    fn sets(n: u32) -> impl Iterator<Item = BTreeSet<u32>> {
        (0_u32..1 << (n - 1)).map(move |bits| (2..=n).filter(|id| bits >> (id - 2) & 1 == 1).collect())
    }

    #[test]
    fn a_minority_that_is_wiped_at_once_is_never_born_again_whoever_is_away() {
        for n in 2..=7 {
            // Node 1 was witnessed by `first`. Then it was wiped, together with `wiped`, at most a minority in all.
            for first in sets(n).filter(|first| heard(1, n, first.iter().map(|id| (*id, false))).is_enough()) {
                for wiped in sets(n).filter(|wiped| 2 * (wiped.len() as u32 + 1) < n) {
                    let forgot = |id: &u32| !first.contains(id) || wiped.contains(id);
                    let yes = (2..=n).filter(forgot).map(|id| (id, !wiped.contains(&id)));
                    assert!(!heard(1, n, yes).is_enough(), "{n}: {first:?}, {wiped:?}");
                }
            }
        }
    }

    #[test]
    fn a_newcomer_is_never_born_again_however_many_are_wiped_with_it() {
        for n in 1..=7 {
            let newcomer = n + 1;
            let voters = || (1..=n).collect::<BTreeSet<u32>>();
            for bits in 0_u32..1 << n {
                let (first, others): (Vec<u32>, Vec<u32>) = voters().iter().partition(|id| bits >> (*id - 1) & 1 == 1);
                let born = heard(newcomer, n, first.iter().map(|id| (*id, true))).is_enough();
                // Those that knew have been wiped and take part no more; the others never knew.
                let again = first.into_iter().map(|id| (id, false)).chain(others.into_iter().map(|id| (id, true)));
                assert!(!born || !heard(newcomer, n, again).is_enough(), "{n}: {bits:b}");
            }
        }
    }

    #[test]
    fn as_many_as_the_module_says_begin_a_cluster() {
        for (n, begin) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 6)] {
            let with = |present: u32| heard(1, n, (2..=present).map(|id| (id, false))).is_enough();
            assert!(with(begin), "{begin} of {n}");
            assert!(begin == 1 || !with(begin - 1), "{} of {n}", begin - 1);
        }
    }

    #[test]
    fn a_newcomer_joins_while_a_minority_is_away_and_a_voter_comes_late() {
        assert!(heard(4, 3, [(1, true), (2, true)]).is_enough());
        assert!(!heard(4, 3, [(1, true), (2, false), (3, false)]).is_enough(), "it joins those that take part");
        assert!(heard(6, 5, [(1, true), (3, true), (5, true)]).is_enough());
        assert!(!heard(6, 5, [(1, true), (3, true), (9, true)]).is_enough(), "node 9 is no voter");
        assert!(heard(3, 5, [(1, true), (2, false), (4, false)]).is_enough());
    }

    #[test]
    fn the_newest_voters_count() {
        let mut heard = heard(7, 3, [(4, true), (5, true)]);
        assert!(!heard.is_enough());
        heard.voters(4, [1, 4, 5].into());
        heard.voters(2, [1, 2, 4, 5].into());
        assert!(heard.is_enough(), "{heard}");
    }
}
