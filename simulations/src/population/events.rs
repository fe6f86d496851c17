//! What happens at the stations, interval by interval, in the order in which it begins.

use super::{Population, Voter};
use crate::chance::below;
use crate::definition::{StationKind, constituency_of};
use crate::schedule::HOURS;

/// Second attempts, of a million voters who come.
const SECOND_PER_MILLION: u64 = 5_000;
/// Attempts at a wrong station of the own constituency.
const WRONG_PER_MILLION: u64 = 5_000;
/// Remote voters who are identified at two stations at once.
const RACE_PER_MILLION_REMOTE: u64 = 10_000;

/// A voter at a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// Who.
    pub voter: Voter,
    /// Where.
    pub station: u32,
    /// With another constituency's ballot.
    pub remote: bool,
}

/// Something that a station's device reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A voter comes for the first time: to be admitted.
    Admission(Visit),
    /// The same voter is identified at two stations at once: exactly one admits.
    Race(Visit, Visit),
    /// A voter who was admitted comes again: to be refused.
    SecondAttempt(Visit),
    /// A voter who has not voted comes to a wrong station of the own constituency: to be refused.
    WrongStation(Visit),
}

impl Population {
    /// The events of one interval.
    pub fn events(&self, interval: usize) -> impl Iterator<Item = Event> + '_ {
        self.places(interval).flat_map(move |place| {
            let second = self.second_attempt(interval, place);
            let wrong = self.wrong_station(interval, place);
            [Some(self.first_attempt(interval, place)), second, wrong].into_iter().flatten()
        })
    }

    fn first_attempt(&self, interval: usize, place: u64) -> Event {
        let visit = self.visit(place);
        let races = visit.remote && interval < HOURS;
        if races && self.chance.happens("race", visit.voter.0, RACE_PER_MILLION_REMOTE) {
            let elsewhere = (0..8).map(|attempt| {
                self.remote_place(visit.voter, self.chance.fact("race place", visit.voter.0 * 8 + attempt))
            });
            if let Some(station) = elsewhere.into_iter().find(|station| *station != visit.station) {
                return Event::Race(visit, Visit { station, ..visit });
            }
        }
        Event::Admission(visit)
    }

    /// Somebody admitted long enough ago that the answer is surely in.
    fn second_attempt(&self, interval: usize, place: u64) -> Option<Event> {
        let settled = match interval {
            0 => 0,
            1 => self.cumulative[0] / 2,
            later => self.cumulative[later - 2],
        };
        if settled == 0 || !self.chance.happens("second attempt", place, SECOND_PER_MILLION) {
            return None;
        }
        let voter = self.in_line(below(self.chance.fact("who again", place), settled));
        let bits = self.chance.fact("where again", place);
        let home = self.home_station(voter);
        let station = if interval >= HOURS {
            self.nth(StationKind::Abroad, bits)
        } else if bits.is_multiple_of(2) {
            home
        } else {
            self.remote_place(voter, bits)
        };
        Some(Event::SecondAttempt(Visit { voter, station, remote: station != home }))
    }

    fn wrong_station(&self, interval: usize, place: u64) -> Option<Event> {
        let stay_at_home = self.size.roll - self.size.voting;
        if interval >= HOURS || stay_at_home == 0 || !self.chance.happens("wrong station", place, WRONG_PER_MILLION) {
            return None;
        }
        // In a small day most constituencies have one station only: look for somebody who can go wrong.
        (0..64).find_map(|attempt| {
            let who = below(self.chance.fact("who goes wrong", place * 64 + attempt), stay_at_home);
            let voter = self.in_line(self.size.voting + who);
            let station = self.neighbour(self.home_station(voter))?;
            Some(Event::WrongStation(Visit { voter, station, remote: false }))
        })
    }

    /// Another ordinary station of the same constituency.
    fn neighbour(&self, station: u32) -> Option<u32> {
        let step = crate::scale::CONSTITUENCIES;
        let other = if station + step <= self.size.ordinary { station + step } else { (station - 1) % step + 1 };
        let same = constituency_of(&self.size, other) == constituency_of(&self.size, station);
        (other != station && same).then_some(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Size;
    use crate::schedule::INTERVALS;
    use std::collections::BTreeSet;

    #[test]
    fn a_day_has_every_kind_of_event_and_everybody_is_admitted_once() {
        let population = Population::new(5, Size::at(0.01).unwrap());
        let (mut admitted, mut counts) = (BTreeSet::new(), [0_u64; 4]);
        for interval in 0..INTERVALS {
            for event in population.events(interval) {
                let (kind, visits) = match event {
                    Event::Admission(visit) => (0, vec![visit]),
                    Event::Race(one, other) => {
                        assert_ne!(one.station, other.station);
                        (1, vec![one, other])
                    }
                    Event::SecondAttempt(visit) => {
                        assert!(admitted.contains(&visit.voter));
                        (2, vec![visit])
                    }
                    Event::WrongStation(visit) => {
                        assert!(!admitted.contains(&visit.voter));
                        assert_ne!(visit.station, population.home_station(visit.voter));
                        assert_eq!(constituency_of(population.size(), visit.station), population.home(visit.voter));
                        (3, vec![visit])
                    }
                };
                assert!(visits.iter().all(|visit| population.open_in(visit.station, interval)));
                counts[kind] += 1;
                if kind < 2 {
                    assert!(admitted.insert(visits[0].voter));
                }
            }
        }
        assert_eq!(counts[0] + counts[1], population.size().voting);
        assert!((10..40).contains(&counts[1]), "{counts:?}");
        assert!((50..110).contains(&counts[2]), "{counts:?}");
        assert!((50..110).contains(&counts[3]), "{counts:?}");
    }
}
