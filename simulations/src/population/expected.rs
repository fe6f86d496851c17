//! What all ballots together must give, computed from the voters alone: no station, no batch, no ledger is asked.

use super::{Population, Voter, hand_count};

/// Totals of the whole day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Machine counts by constituency (index 0 is constituency 1) and position.
    pub machine: Vec<Vec<u64>>,
    /// Hand counts, where every station's own count is shown.
    pub hand: Vec<Vec<u64>>,
    /// Own counts of each ordinary station (index 0 is station 1) by machine.
    pub own: Vec<Vec<u64>>,
    /// Ballots cast elsewhere by constituency and position.
    pub remote: Vec<Vec<u64>>,
}

impl Expected {
    /// Sum of a constituency's votes over all positions.
    #[must_use]
    pub fn ballots(&self) -> u64 {
        self.machine.iter().flatten().sum()
    }
}

impl Population {
    /// Adds up every voter's ballot; own counts of at least `cell_papers_min` papers are counted by hand too.
    #[must_use]
    pub fn expected(&self, cell_papers_min: u64) -> Expected {
        let zeros = |constituency: u32| vec![0_u64; self.positions(constituency)];
        let mut remote: Vec<Vec<u64>> = (1..=self.constituencies.len() as u32).map(zeros).collect();
        let stations = 1..=self.size.ordinary;
        let home_of = |station: u32| crate::definition::constituency_of(&self.size, station);
        let mut own: Vec<Vec<u64>> = stations.clone().map(|station| zeros(home_of(station))).collect();
        for place in 0..self.size.voting {
            let visit = self.visit(place);
            let choice = self.choice(visit.voter);
            let row = if visit.remote {
                remote.get_mut(self.home(visit.voter) as usize - 1)
            } else {
                own.get_mut(visit.station as usize - 1)
            };
            if let Some(count) = row.and_then(|row| row.get_mut(choice)) {
                *count += 1;
            }
        }
        let (mut machine, mut hand) = (remote.clone(), remote.clone());
        for (station, counts) in stations.zip(&own) {
            let at = home_of(station) as usize - 1;
            add(&mut machine[at], counts);
            let shown = counts.iter().sum::<u64>() >= cell_papers_min;
            add(&mut hand[at], &if shown { hand_count(&self.chance, station, counts) } else { counts.clone() });
        }
        Expected { machine, hand, own, remote }
    }

    /// All who came, for the root over admitted voters.
    pub fn admitted(&self) -> impl Iterator<Item = Voter> + '_ {
        (0..self.size.voting).map(|place| self.in_line(place))
    }
}

/// Adds `more` to `sum`, position by position.
pub(crate) fn add(sum: &mut [u64], more: &[u64]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Size;

    #[test]
    fn every_ballot_is_counted_once_by_machine_and_by_hand() {
        let population = Population::new(11, Size::at(0.005).unwrap());
        let expected = population.expected(10);
        assert_eq!(expected.ballots(), population.size().voting);
        assert_eq!(expected.hand.iter().flatten().sum::<u64>(), population.size().voting);
        let apart: u64 = expected.own.iter().chain(&expected.remote).flatten().sum();
        assert_eq!(apart, population.size().voting);
        assert_ne!(expected.hand, expected.machine);
        assert_eq!(expected, Population::new(11, Size::at(0.005).unwrap()).expected(10));
        // Against all and invalid get a few in a hundred.
        let invalid: u64 = expected.machine.iter().filter_map(|row| row.last()).sum();
        assert!(invalid * 100 / population.size().voting < 6 && invalid > 0);
    }
}
