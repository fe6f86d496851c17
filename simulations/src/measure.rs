//! What is measured and counted while the day runs.

use crate::schedule::INTERVALS;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest latency told apart, µs.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Problems kept word by word; further ones are counted.
const PROBLEMS_MAX: usize = 50;

/// Latencies in µs, in buckets of three digits.
#[derive(Debug)]
pub struct Latencies(Mutex<Option<Histogram<u64>>>);

/// Latencies as reported, ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "percentiles by name")]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        // These bounds are valid, so there always is a histogram.
        Self(Mutex::new(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).ok()))
    }
}

impl Latencies {
    /// Adds one.
    pub fn add(&self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX).clamp(1, LATENCY_US_MAX);
        if let Some(histogram) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            histogram.saturating_record(us);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, Histogram::len)
    }

    /// As reported.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(histogram) = histogram.as_ref().filter(|histogram| !histogram.is_empty()) else {
            return Percentiles::default();
        };
        let ms = |us: u64| us as f64 / 1_000.0;
        Percentiles {
            p50: ms(histogram.value_at_quantile(0.5)),
            p99: ms(histogram.value_at_quantile(0.99)),
            max: ms(histogram.max()),
        }
    }
}

/// A number that many tasks add to.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one and returns how many there were before.
    pub fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything counted.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "counters by name")]
pub struct Measures {
    pub admitted: Counter,
    pub second_attempts: Counter,
    pub wrong_stations: Counter,
    /// Races between two stations that admitted exactly one.
    pub conflicts: Counter,
    pub batches: Counter,
    pub machine_protocols: Counter,
    pub hand_protocols: Counter,
    pub own_openings: Counter,
    pub remote_openings: Counter,
    /// Admissions by interval, by the sequenced time that the promises state.
    pub hours: [Counter; INTERVALS],
    pub verdict: Latencies,
    pub receipt: Latencies,
    problems: Mutex<(Vec<String>, u64)>,
}

impl Measures {
    /// Something that must not happen, in words.
    pub fn problem(&self, text: String) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.1 += 1;
        if problems.0.len() < PROBLEMS_MAX {
            problems.0.push(text);
        }
    }

    /// What must not happen and did, with how many there were in all.
    #[must_use]
    pub fn problems(&self) -> (Vec<String>, u64) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Identifications refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.second_attempts.get() + self.wrong_stations.get() + self.conflicts.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let latencies = Latencies::default();
        assert_eq!(latencies.percentiles(), Percentiles::default());
        (1..=100).for_each(|ms| latencies.add(Duration::from_millis(ms)));
        let Percentiles { p50, p99, max } = latencies.percentiles();
        assert!((49.9..50.2).contains(&p50) && (98.9..99.2).contains(&p99) && (99.9..100.2).contains(&max));
        assert_eq!(latencies.count(), 100);
    }
}
