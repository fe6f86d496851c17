//! A whole day without a cluster: every record of the simulated country goes straight to the rules, in one thread.
//!
//! What this shows needs no sockets: the records are canonical and signed by the right keys, no rule flags any of them,
//! refusals come where they are due, and the tally equals what the voters cast.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

mod dry;

use dry::Dry;
use tamga_ledger::kinds::Kind;
use tamga_simulations::truth::Truth;

fn whole_day(seed: u64, scale: f64) {
    let folder = tempfile::tempdir().unwrap();
    let mut dry = Dry::new(seed, scale, folder.path());
    dry.set_up();
    dry.vote();
    dry.count();
    let differences = Truth::of(&dry.world).differences(&dry.world, &dry.measures, &dry.state);
    assert_eq!(differences, Vec::<String>::new());
    let flagged: u64 = dry.state.counts().by_kind.values().map(|counts| counts[1]).sum();
    assert_eq!(flagged, 0);
    assert_eq!(dry.state.counts().by_kind[&Kind::Protocol][0], u64::from(dry.world.population.size().stations()) * 2);
}

#[test]
fn every_record_of_a_small_day_is_accepted_and_the_tally_is_what_the_voters_cast() {
    whole_day(1, 0.002);
}

#[test]
fn a_day_so_small_that_remote_totals_stay_closed_still_adds_up() {
    whole_day(2, 0.000_5);
}
