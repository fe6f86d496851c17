//! The published turnout curve, and how it is laid over the minutes that a run takes.
//!
//! The day is compressed and its hours are warped: an interval between two official hours takes as long as its share of
//! the identifications at an even rate. The hours in the election's definition are the UTC times at which this run is
//! meant to pass them, so the ledger's own turnout table fills up as on the day.

use crate::scale::{Size, VOTED_2025};

/// Voters who came until each official hour. The figure for 20:00 is what the final one leaves when some
/// three thousand voters abroad, where polls close up to fourteen hours later, are taken off; it was not published.
pub const CURVE: [(&str, u64); 8] = [
    ("10:00", 167_072),
    ("12:00", 518_473),
    ("14:00", 815_766),
    ("16:00", 1_073_444),
    ("18:00", 1_330_602),
    ("19:00", 1_473_264),
    ("20:00", 1_581_440),
    ("abroad", VOTED_2025),
];

/// Intervals of the day: up to each official hour, then the stations abroad.
pub const INTERVALS: usize = CURVE.len();
/// Official hours; the last interval ends without one.
pub const HOURS: usize = INTERVALS - 1;

/// How many of `size.voting` voters have come by the end of each interval.
#[must_use]
pub fn cumulative(size: &Size) -> [u64; INTERVALS] {
    CURVE.map(|(_, by_then)| {
        // Rounded to the nearest; below 2¹²⁸ by far.
        let product = u128::from(by_then) * u128::from(size.voting) * 2 + u128::from(VOTED_2025);
        u64::try_from(product / (2 * u128::from(VOTED_2025))).unwrap_or(size.voting)
    })
}

/// When this run passes the points of the day, ms UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Stations are meant to open.
    pub opens_ms: u64,
    /// Ends of the intervals; all but the last are official hours.
    pub ends_ms: [u64; INTERVALS],
}

impl Schedule {
    /// Lays the curve from `opens_ms` on at `rate` identifications a second, each interval at least `interval_ms_min` long.
    #[must_use]
    pub fn new(size: &Size, opens_ms: u64, rate: f64, interval_ms_min: u64) -> Self {
        let mut ends_ms = [0; INTERVALS];
        let (mut at_ms, mut before) = (opens_ms, 0);
        for (end_ms, by_then) in ends_ms.iter_mut().zip(cumulative(size)) {
            let lasts_ms = ((by_then - before) as f64 * 1_000.0 / rate).ceil() as u64;
            at_ms += lasts_ms.max(interval_ms_min);
            before = by_then;
            *end_ms = at_ms;
        }
        Self { opens_ms, ends_ms }
    }

    /// The official hours with their names.
    pub fn hours(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        CURVE.iter().zip(self.ends_ms).take(HOURS).map(|((label, _), at_ms)| (*label, at_ms))
    }

    /// When stations in the country close.
    #[must_use]
    pub const fn closes_ms(&self) -> u64 {
        self.ends_ms[HOURS - 1]
    }

    /// When the last station abroad closes: until then no count may be shown.
    #[must_use]
    pub const fn embargo_ms(&self) -> u64 {
        self.ends_ms[INTERVALS - 1]
    }

    /// The ledger's column of turnout for this sequenced time: the first official hour not before it.
    #[must_use]
    pub fn column(&self, time_ms: u64) -> usize {
        self.ends_ms[..HOURS].partition_point(|end_ms| *end_ms < time_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_sums_to_everybody_who_came() {
        for scale in [0.0005, 0.01, 0.1, 0.37, 1.0] {
            let size = Size::at(scale).unwrap();
            let cumulative = cumulative(&size);
            assert!(cumulative.is_sorted());
            assert_eq!(cumulative[INTERVALS - 1], size.voting);
        }
        let full = cumulative(&Size::at(1.0).unwrap());
        assert_eq!(full, CURVE.map(|(_, by_then)| by_then));
    }

    #[test]
    fn hours_follow_the_curve_at_an_even_rate() {
        let size = Size::at(0.01).unwrap();
        let schedule = Schedule::new(&size, 1_000_000, 500.0, 500);
        assert_eq!(schedule.ends_ms[0], 1_000_000 + 1_671 * 2);
        assert!(schedule.ends_ms.is_sorted_by(|a, b| a + 500 <= *b));
        assert_eq!(schedule.hours().count(), 7);
        assert_eq!(schedule.column(schedule.ends_ms[0]), 0);
        assert_eq!(schedule.column(schedule.ends_ms[0] + 1), 1);
        assert_eq!(schedule.column(u64::MAX), HOURS);
    }
}
