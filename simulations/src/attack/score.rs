//! How far an attack came, against the truth and against guessing.

use super::Claims;
use super::seen::{Identified, Seen, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tamga_ledger::ids::Tag;
use tamga_ledger::kinds::Basis;
use tamga_ledger::record::UnitId;

/// What really happened. The attacker has none of it.
#[derive(Debug, Default)]
pub struct Truth {
    /// By leaf of the admission: constituency and position of the ballot.
    pub votes: BTreeMap<u64, (u32, usize)>,
    /// Personal numbers of those who did not come.
    pub stayed_at_home: BTreeSet<String>,
    /// All tags: none may stand in a public byte before the Voting seal, those of who stayed at home never.
    pub tags: Vec<Tag>,
}

/// The comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Admissions seen.
    pub voters: u64,
    /// Votes that the attack gets right by its best guess for each voter.
    pub right: u64,
    /// Votes that anybody gets right who takes the most frequent choice of the published result that the voter is part of.
    pub by_guessing: u64,
    /// Sets of papers below the minimum that were opened.
    pub opened: u64,
    /// Of these, by what.
    pub how: BTreeSet<&'static str>,
    /// People named as staying at home, rightly.
    pub abstainers_named: u64,
    /// People who stayed at home.
    pub abstainers: u64,
    /// Tags that stand in bytes where they may not.
    pub tags_in_the_clear: u64,
}

impl Report {
    /// The attack gained nothing.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.right <= self.by_guessing && self.opened == 0 && self.abstainers_named == 0 && self.tags_in_the_clear == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { voters, right, by_guessing, opened, how, abstainers_named, abstainers, tags_in_the_clear } = self;
        write!(
            f,
            "votes told rightly: {right} of {voters}, by guessing {by_guessing}; sets opened below the minimum: {opened} {how:?}; \
             abstainers named: {abstainers_named} of {abstainers}; tags in the clear: {tags_in_the_clear}"
        )
    }
}

/// Compares. `bytes` is everything in which no tag may stand.
#[must_use]
pub fn score<'b>(seen: &Seen, claims: &Claims, truth: &Truth, bytes: impl IntoIterator<Item = &'b [u8]>) -> Report {
    let mut report = Report {
        voters: seen.identified.len() as u64,
        opened: claims.opened.len() as u64,
        how: claims.opened.iter().map(|one| one.how).collect(),
        abstainers: truth.stayed_at_home.len() as u64,
        ..Report::default()
    };
    let guess = Guess::new(seen, claims);
    for voter in &seen.identified {
        let Some((constituency, choice)) = truth.votes.get(&voter.leaf) else { continue };
        let place = guess.constituency(voter);
        report.by_guessing += u64::from(guess.published(voter, place) == Some((*constituency, *choice)));
        report.right += u64::from(guess.best(voter, place) == Some((*constituency, *choice)));
    }
    let rightly = |one: &&super::Named| one.stayed_at_home && truth.stayed_at_home.contains(&one.number);
    report.abstainers_named = claims.named.iter().filter(rightly).count() as u64;
    let tags: BTreeSet<[u8; 32]> = truth.tags.iter().map(|tag| tag.0).collect();
    let inside = |bytes: &[u8]| {
        bytes
            .windows(32)
            .filter(|window| <[u8; 32]>::try_from(*window).is_ok_and(|window| tags.contains(&window)))
            .count()
    };
    report.tags_in_the_clear = bytes.into_iter().map(|bytes| inside(bytes) as u64).sum();
    report
}

/// The most frequent choice of the smallest set that a voter is known to be in.
struct Guess<'s> {
    seen: &'s Seen,
    by_unit: BTreeMap<(UnitId, u32), Vec<u64>>,
    elsewhere: BTreeMap<u32, &'s Statement>,
    opened: BTreeMap<(UnitId, u32), Vec<u64>>,
}

impl<'s> Guess<'s> {
    fn new(seen: &'s Seen, claims: &Claims) -> Self {
        let (mut by_unit, mut elsewhere) = (BTreeMap::new(), BTreeMap::new());
        for one in seen.statements.iter().filter(|one| one.basis == Basis::Machine) {
            match one.units.first() {
                Some(unit) if one.units.len() == 1 => {
                    drop(by_unit.insert((*unit, one.constituency), one.counts.clone()))
                }
                _ => drop(elsewhere.insert(one.constituency, one)),
            }
        }
        let mut opened: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for one in claims.opened.iter().filter(|one| one.units.len() == 1 && !one.counts.is_empty()) {
            for unit in &one.units {
                opened.insert((*unit, one.constituency), one.counts.clone());
            }
        }
        Self { seen, by_unit, elsewhere, opened }
    }

    /// Whose ballot the voter got: the station's own, or the home station's, where the attacker knows it.
    fn constituency(&self, voter: &Identified) -> Option<u32> {
        if !voter.remote {
            return Some(self.seen.home(voter.unit));
        }
        let station = self.seen.definition.station(voter.voter?.1)?;
        Some(station.constituency)
    }

    fn published(&self, voter: &Identified, place: Option<u32>) -> Option<(u32, usize)> {
        let constituency = place?;
        let own = self.by_unit.get(&(voter.unit, constituency));
        let counts = own.or_else(|| self.elsewhere.get(&constituency).map(|one| &one.counts))?;
        Some((constituency, mode(counts)))
    }

    fn best(&self, voter: &Identified, place: Option<u32>) -> Option<(u32, usize)> {
        let constituency = place?;
        let known = self.opened.get(&(voter.unit, constituency)).map(|counts| (constituency, mode(counts)));
        known.or_else(|| self.published(voter, place))
    }
}

fn mode(counts: &[u64]) -> usize {
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|count| *count == most).unwrap_or(0)
}
