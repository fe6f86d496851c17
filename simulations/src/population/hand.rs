//! How a hand count differs from the machine's: in about a quarter of the stations by a few votes (from a
//! country that publishes both): |δ| p50 2, p90 8, p99 27, at most 85; 28 % of them swaps between candidates.

use crate::chance::{Chance, below};

const DIFFERS_PER_MILLION: u64 = 250_000;
const SWAP_PER_MILLION: u64 = 280_000;

/// The hand count of one station's own papers, from the machine's count of them. Papers are neither lost nor found.
#[must_use]
pub fn hand_count(chance: &Chance, station: u32, machine: &[u64]) -> Vec<u64> {
    let index = u64::from(station);
    let mut counts = machine.to_vec();
    let total: u64 = counts.iter().sum();
    let Some(invalid) = counts.len().checked_sub(1) else { return counts };
    if total == 0 || !chance.happens("hand differs", index, DIFFERS_PER_MILLION) {
        return counts;
    }
    let pick = |purpose: &str| position_of(machine, below(chance.fact(purpose, index), total));
    let from = pick("hand takes from");
    let to = if chance.happens("hand swaps", index, SWAP_PER_MILLION) {
        // Between two candidates, or for and against all.
        if from == invalid { return counts } else { (from + 1) % invalid.max(1) }
    } else if from == invalid {
        pick("hand gives to").min(invalid.saturating_sub(1))
    } else {
        invalid
    };
    let moved = size(chance, index).min(counts[from]);
    counts[from] -= moved;
    counts[to] += moved;
    counts
}

/// The position of the paper at `at` when papers lie sorted.
fn position_of(counts: &[u64], mut at: u64) -> usize {
    for (position, count) in counts.iter().enumerate() {
        if at < *count {
            return position;
        }
        at -= count;
    }
    0
}

fn size(chance: &Chance, index: u64) -> u64 {
    let within = |low: u64, high: u64| low + below(chance.fact("hand size", index), high - low + 1);
    match below(chance.fact("hand size class", index), 100) {
        0..50 => within(1, 2),
        50..90 => within(3, 8),
        90..99 => within(9, 27),
        _ => within(28, 85),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_stations_differ_and_no_paper_is_lost() {
        let chance = Chance::new(3);
        let machine = [200, 90, 40, 20, 12, 9];
        let mut sizes = Vec::new();
        for station in 1..=4_000 {
            let hand = hand_count(&chance, station, &machine);
            assert_eq!(hand.iter().sum::<u64>(), machine.iter().sum::<u64>());
            let moved: u64 = hand.iter().zip(machine).map(|(hand, machine)| hand.abs_diff(machine)).sum::<u64>() / 2;
            if moved > 0 {
                sizes.push(moved);
            }
        }
        sizes.sort_unstable();
        assert!((850..1_150).contains(&sizes.len()), "{}", sizes.len());
        assert_eq!(sizes[sizes.len() / 2], 2);
        assert!((5..=8).contains(&sizes[sizes.len() * 9 / 10]));
        assert_eq!(hand_count(&chance, 1, &[0, 0, 0]), [0, 0, 0]);
    }
}
