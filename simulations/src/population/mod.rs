//! The voters of one day: who they are, when and where they come, how they vote.
//!
//! Nothing is stored per voter. The k-th to come is the k-th of a seeded permutation of all voters, and everything about a
//! voter is a hash of seed and voter number, so 4.3 million voters cost a table of stations.
//!
//! | file | what |
//! |---|---|
//! | `popularity` | how likely each position of a ballot is |
//! | `events` | what happens at the stations, in order |
//! | `expected` | what all ballots together must give, without any ledger |
//! | `hand` | how a hand count differs from the machine's |

mod events;
mod expected;
mod hand;
mod popularity;

pub use events::{Event, Visit};
pub use expected::Expected;
pub(crate) use expected::add;
pub use hand::hand_count;

use crate::chance::{Chance, Permutation, below};
use crate::definition::{self, StationKind, constituency_of, kind_of};
use crate::scale::{REMOTE_2025, Size, VOTED_2025};
use crate::schedule::{CURVE, HOURS, INTERVALS, cumulative};
use popularity::Popularity;
use tamga_ledger::kinds::Constituency;

/// Spoiled and reprinted ballots, of a million printed.
const SPOILED_PER_MILLION: u64 = 3_000;

/// A voter, by number: voters of a station follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voter(pub u64);

/// All voters of a day.
#[derive(Debug, Clone)]
pub struct Population {
    chance: Chance,
    size: Size,
    constituencies: Vec<Constituency>,
    /// First voter of each ordinary station, and one past the last.
    first_voter: Vec<u64>,
    order: Permutation,
    cumulative: [u64; INTERVALS],
    popularity: Vec<Popularity>,
}

impl Population {
    /// The voters that belong to a seed and a size.
    #[must_use]
    pub fn new(seed: u64, size: Size) -> Self {
        let chance = Chance::new(seed);
        let constituencies = definition::constituencies().to_vec();
        let popularity = constituencies.iter().map(|one| Popularity::draw(&chance, one)).collect();
        Self {
            chance,
            size,
            first_voter: station_rolls(&chance, &size),
            order: Permutation::new(&chance, "order of voters", size.roll),
            cumulative: cumulative(&size),
            popularity,
            constituencies,
        }
    }

    /// The seed.
    #[must_use]
    pub const fn chance(&self) -> &Chance {
        &self.chance
    }

    /// The sizes.
    #[must_use]
    pub const fn size(&self) -> &Size {
        &self.size
    }

    /// The constituencies.
    #[must_use]
    pub fn constituencies(&self) -> &[Constituency] {
        &self.constituencies
    }

    /// Length of the count vector of a constituency.
    #[must_use]
    pub fn positions(&self, constituency: u32) -> usize {
        (constituency as usize)
            .checked_sub(1)
            .and_then(|at| self.constituencies.get(at))
            .map_or(0, |one| one.positions())
    }

    /// The voters on a station's roll.
    #[must_use]
    pub fn roll(&self, station: u32) -> std::ops::Range<u64> {
        let at = (station as usize).wrapping_sub(1);
        match (self.first_voter.get(at), self.first_voter.get(at.wrapping_add(1))) {
            (Some(first), Some(end)) => *first..*end,
            _ => 0..0,
        }
    }

    /// On which station's roll a voter is.
    #[must_use]
    pub fn home_station(&self, voter: Voter) -> u32 {
        self.first_voter.partition_point(|first| *first <= voter.0) as u32
    }

    /// A voter's constituency.
    #[must_use]
    pub fn home(&self, voter: Voter) -> u32 {
        constituency_of(&self.size, self.home_station(voter))
    }

    /// Position of the count vector that this voter's ballot adds to.
    #[must_use]
    pub fn choice(&self, voter: Voter) -> usize {
        let popularity = self.popularity.get(self.home(voter) as usize - 1);
        popularity.map_or(0, |popularity| popularity.pick(self.chance.fact("choice", voter.0)))
    }

    /// Whether this voter spoils a first ballot and gets another.
    #[must_use]
    pub fn spoils(&self, voter: Voter) -> bool {
        self.chance.happens("spoils", voter.0, SPOILED_PER_MILLION)
    }

    /// How the voter is recognised, as identifications name it.
    #[must_use]
    pub fn method(&self, voter: Voter) -> u8 {
        match below(self.chance.fact("method", voter.0), 100) {
            0..70 => 1,
            70..90 => 2,
            90..97 => 3,
            _ => 4,
        }
    }

    /// The places in line of those who come in interval `interval`.
    #[must_use]
    pub fn places(&self, interval: usize) -> std::ops::Range<u64> {
        let start = interval.checked_sub(1).map_or(0, |before| self.cumulative[before]);
        start..self.cumulative[interval]
    }

    /// Who stands at a place in line. Places from `size.voting` on are voters who stay at home.
    #[must_use]
    pub fn in_line(&self, place: u64) -> Voter {
        Voter(self.order.at(place))
    }

    /// Where the voter at this place in line votes.
    #[must_use]
    pub fn visit(&self, place: u64) -> Visit {
        let voter = self.in_line(place);
        let home = self.home_station(voter);
        let tail = place >= self.cumulative[HOURS - 1];
        if tail {
            let station = self.nth(StationKind::Abroad, self.chance.fact("place abroad", voter.0));
            return Visit { voter, station, remote: true };
        }
        if !self.chance.happens("remote", voter.0, remote_per_million()) {
            return Visit { voter, station: home, remote: false };
        }
        Visit { voter, station: self.remote_place(voter, self.chance.fact("place", voter.0)), remote: true }
    }

    /// A station at which this voter votes remotely.
    fn remote_place(&self, voter: Voter, bits: u64) -> u32 {
        let home = self.home(voter);
        let pick = self.chance.fact("which place", bits);
        match below(bits, 100) {
            0..60 => {
                let station = self.nth(StationKind::Ordinary, pick);
                // Neighbours in number lie in different constituencies.
                let same = constituency_of(&self.size, station) == home;
                if same { station % self.size.ordinary + 1 } else { station }
            }
            60..80 => self.nth(StationKind::Remote, pick),
            _ => self.nth(StationKind::Abroad, pick),
        }
    }

    fn nth(&self, kind: StationKind, bits: u64) -> u32 {
        let (before, count) = match kind {
            StationKind::Ordinary => (0, self.size.ordinary),
            StationKind::Remote => (self.size.ordinary, self.size.remote),
            StationKind::Abroad => (self.size.ordinary + self.size.remote, self.size.abroad),
        };
        before + below(bits, u64::from(count)) as u32 + 1
    }

    /// Whether a station is still open in an interval.
    #[must_use]
    pub fn open_in(&self, station: u32, interval: usize) -> bool {
        interval < HOURS || kind_of(&self.size, station) == StationKind::Abroad
    }
}

/// Remote voters before 20:00, of a million; later all are remote.
const fn remote_per_million() -> u64 {
    let tail = VOTED_2025 - CURVE[HOURS - 1].1;
    (REMOTE_2025 - tail) * 1_000_000 / (VOTED_2025 - tail)
}

/// First voters of the ordinary stations: rolls from a third of the mean to one and two thirds of it.
fn station_rolls(chance: &Chance, size: &Size) -> Vec<u64> {
    let mut draws = chance.stream("station sizes");
    let weights: Vec<u64> = (0..size.ordinary).map(|_| 333 + draws.below(1_334)).collect();
    let total: u64 = weights.iter().sum();
    let mut first = vec![0];
    let mut sum = 0;
    for weight in weights {
        sum += weight;
        first.push((u128::from(size.roll) * u128::from(sum) / u128::from(total)) as u64);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(seed: u64) -> Population {
        Population::new(seed, Size::at(0.01).unwrap())
    }

    #[test]
    fn rolls_cover_every_voter_once() {
        let population = population(1);
        let mut next = 0;
        for station in 1..=population.size.ordinary {
            let roll = population.roll(station);
            assert_eq!(roll.start, next);
            assert!(roll.end > roll.start);
            assert_eq!(population.home_station(Voter(roll.start)), station);
            assert_eq!(population.home_station(Voter(roll.end - 1)), station);
            next = roll.end;
        }
        assert_eq!(next, population.size.roll);
        assert!(population.roll(0).is_empty() && population.roll(population.size.ordinary + 1).is_empty());
    }

    #[test]
    fn the_same_seed_gives_the_same_visits_and_votes() {
        let (one, same, other) = (population(1), population(1), population(2));
        let facts = |population: &Population| {
            let of = |place| (population.visit(place), population.choice(population.in_line(place)));
            (0..1_000).map(of).collect::<Vec<_>>()
        };
        assert_eq!(facts(&one), facts(&same));
        assert_ne!(facts(&one), facts(&other));
    }

    #[test]
    fn twelve_in_a_hundred_vote_elsewhere_and_never_in_their_own_constituency() {
        let population = population(3);
        let mut remote = 0;
        for place in 0..population.size.voting {
            let visit = population.visit(place);
            let here = constituency_of(&population.size, visit.station);
            if visit.remote {
                remote += 1;
                assert_ne!(here, population.home(visit.voter));
            } else {
                assert_eq!(visit.station, population.home_station(visit.voter));
            }
        }
        assert!((1_750..2_050).contains(&remote), "{remote}");
    }
}
