//! How fast this machine will probably go. The hours of the day stand in the genesis record, so they have to be fixed
//! before anything is known about the cluster.
//!
//! A guess that is too low makes the day wait for its hours; one that is too high lets voters run over them, and the
//! ledger then counts them in a later interval. Neither changes a result.

use crate::keys::Keyring;
use crate::scale::{Size, VOTED_2025};
use ed25519_dalek::SigningKey;
use std::time::{Duration, Instant};
use tamga_ledger::sign::{self, Domain};

/// How long signature checks are timed.
const TIMED: Duration = Duration::from_millis(150);
/// What a node does for an identification beside two verifications, µs (measured: admission, outbox, Raft, both trees,
/// system calls).
const NODE_US: f64 = 400.0;
/// What this program does for one, µs.
const AUTHOR_US: f64 = 220.0;
/// What a node does for one voter on the roll, µs.
const ROLL_US: f64 = 2.0;
/// Starting a process, s a node.
const START_S: f64 = 0.3;
/// Electing a leader and waiting for the checkpoints that seals speak about, s.
const ROUNDS_S: f64 = 3.5;
/// How much of the machine is counted on.
const SHARE: f64 = 0.7;
/// The longest that voting is laid out for: this, and so much more for the whole country. A machine that is busy for a
/// moment must not make the day wait for hours that come too late.
const PATIENCE_S: f64 = 40.0;
const PATIENCE_SCALED_S: f64 = 1_200.0;
/// No guess above this: latency, not arithmetic, limits then.
const RATE_MAX: f64 = 3_000.0;

/// What is expected of this machine.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Identifications a second.
    pub rate: f64,
    /// From the genesis record to the first voter.
    pub setup: Duration,
}

impl Pace {
    /// Times signature checks and reckons from there.
    #[must_use]
    pub fn measure(size: &Size, nodes: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        Self::reckon(size, f64::from(nodes), cores, verification_us(cores as usize))
    }

    fn reckon(size: &Size, nodes: f64, cores: f64, verify_us: f64) -> Self {
        let identification_us = nodes * (2.0 * verify_us + NODE_US) + AUTHOR_US;
        let patience_s = PATIENCE_S + PATIENCE_SCALED_S * size.voting as f64 / VOTED_2025 as f64;
        let rate = (cores * SHARE * 1e6 / identification_us).max(size.voting as f64 / patience_s).min(RATE_MAX);
        let keys_us = Keyring::count(size) as f64 * (nodes + 1.0) * verify_us;
        let roll_us = size.roll as f64 * nodes * ROLL_US;
        let stations_us = f64::from(size.stations()) * nodes * 4.0 * verify_us;
        let setup_s = ROUNDS_S + nodes * START_S + (keys_us + roll_us + stations_us) / (cores * SHARE * 1e6);
        Self { rate, setup: Duration::from_secs_f64(setup_s) }
    }
}

/// One strict verification on one core while all cores verify, µs: whatever else runs on the machine counts.
fn verification_us(cores: usize) -> f64 {
    let began = Instant::now();
    let count = || {
        let key = SigningKey::from_bytes(&[7; 32]);
        let (public, message) = (sign::public_key(&key), [0_u8; 250]);
        let signature = sign::sign(&key, Domain::Record, &message);
        let mut checks = 0_u32;
        while began.elapsed() < TIMED {
            checks += u32::from(sign::verify(&public, Domain::Record, &message, &signature));
        }
        checks
    };
    let checks: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    began.elapsed().as_secs_f64() * 1e6 * cores as f64 / f64::from(checks.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_nodes_are_slower_and_more_cores_faster() {
        let size = Size::at(0.01).unwrap();
        let rate = |nodes, cores| Pace::reckon(&size, nodes, cores, 37.0).rate;
        assert!(rate(3.0, 4.0) > rate(5.0, 4.0) && rate(5.0, 8.0) > rate(5.0, 4.0));
        assert!(rate(3.0, 1_000.0) <= RATE_MAX);
        // However slow: a hundredth of the country votes within a minute, all of it within half an hour.
        let whole = Size::at(1.0).unwrap();
        for (size, most_s) in [(size, 60.0), (whole, 1_800.0)] {
            assert!(size.voting as f64 / Pace::reckon(&size, 7.0, 1.0, 10_000.0).rate < most_s);
        }
    }
}
