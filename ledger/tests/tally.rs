//! Results: percentages, successors, margins. Oracles try everything.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use tamga_ledger::kinds::Candidate;
use tamga_ledger::tally::{Contest, Seats, Shares, Succession, WHOLE, Withheld, seats, share, shares, successor};

fn candidates(sexes: &[u8]) -> Vec<Candidate> {
    let one =
        |(sex, position): (&u8, u32)| Candidate { position, name_ky: String::new(), name_ru: String::new(), sex: *sex };
    sexes.iter().zip(1..).map(one).collect()
}

#[test]
fn a_share_above_the_whole_is_withheld() {
    assert_eq!(share(1, 3), Ok(3_333));
    assert_eq!(share(3, 3), Ok(WHOLE));
    assert_eq!(share(4, 3), Err(Withheld::PartAboveWhole));
    assert_eq!(share(0, 0), Err(Withheld::NothingCounted));
    assert_eq!(share(u64::MAX, u64::MAX), Ok(WHOLE));
    assert_eq!(shares(&[0, 0]), Shares::Withheld { reason: Withheld::NothingCounted });
    assert_eq!(shares(&[u64::MAX, 1]), Shares::Withheld { reason: Withheld::TooLarge });
    assert_eq!(shares(&[1, 1, 1]), Shares::Shown { hundredths: vec![3_334, 3_333, 3_333] });
}

fn next(position: u32, votes: u64) -> Succession {
    Succession::Next { position, votes }
}

#[test]
fn a_womans_seat_goes_to_the_next_woman() {
    let list = candidates(&[0, 0, 1, 0, 1, 1]);
    let counts = [90, 80, 70, 60, 50, 40, 5, 5];
    let seated = [1, 2, 3];
    assert_eq!(successor(&list, &counts, &seated, 3, &[], 2), next(5, 50));
    assert_eq!(successor(&list, &counts, &seated, 3, &[5], 2), next(6, 40));
    assert_eq!(successor(&list, &counts, &seated, 3, &[5, 6], 2), Succession::Nobody);
    // A man's seat goes to the next by votes.
    assert_eq!(successor(&list, &counts, &seated, 1, &[], 2), next(4, 60));
    assert_eq!(successor(&list, &counts, &seated, 9, &[], 2), Succession::Nobody);
}

#[test]
fn the_most_of_one_sex_is_kept_and_ties_ask_for_a_lot() {
    // A man leaves beside two women: a third woman may not follow.
    let list = candidates(&[1, 1, 0, 1, 0]);
    assert_eq!(successor(&list, &[90, 80, 70, 60, 50], &[1, 2, 3], 3, &[], 2), next(5, 50));
    let list = candidates(&[0, 1, 0, 0, 0]);
    let tied = successor(&list, &[90, 80, 70, 60, 60], &[1, 2, 3], 1, &[], 2);
    // The man at position 3 stays, so one more man may follow.
    assert_eq!(tied, Succession::NeedsLot { tied: vec![4, 5] });
    assert_eq!(successor(&list, &[90, 80, 70, 0, 0], &[1, 2, 3], 1, &[], 2), Succession::Nobody);
}

#[test]
fn margins_know_the_sex_rule() {
    let list = candidates(&[0, 0, 0, 1, 1]);
    let contest = Contest { candidates: &list, counts: &[50, 40, 30, 20, 10, 0, 0], seats: 3, same_sex_max: 2 };
    let votes: Vec<Option<u64>> = contest.margins().unwrap().iter().map(|margin| margin.votes).collect();
    // The third man has to reach the second man, not the woman who is elected with fewer votes; a lot is enough.
    assert_eq!(votes, [Some(20), Some(10), Some(10), Some(10), Some(10)]);
}

#[test]
fn a_station_that_moves_the_womans_seat_is_decisive() {
    let list = candidates(&[0, 0, 1, 1]);
    let contest = Contest { candidates: &list, counts: &[50, 40, 30, 20, 0, 0], seats: 3, same_sex_max: 2 };
    // The last one is no part of the result and is left out.
    let parts: [(u32, &[u64]); 3] = [(7, &[0, 0, 15, 0, 0, 0]), (8, &[10, 0, 0, 0, 0, 0]), (9, &[99, 0, 0, 0, 0, 0])];
    let decisive = contest.decisive(parts);
    let [(7, Seats::Filled { elected })] = &decisive[..] else { panic!("{decisive:?}") };
    assert_eq!(elected.iter().map(|one| one.position).collect::<Vec<_>>(), [1, 2, 4]);
}

/// Whether a candidate has a seat for sure, and whether at all, if one count were another.
fn with(contest: &Contest<'_>, place: usize, votes: u64) -> (bool, bool) {
    let mut counts = contest.counts.to_vec();
    counts[place] = votes;
    let position = place as u32 + 1;
    match seats(contest.candidates, &counts, contest.seats, contest.same_sex_max) {
        Seats::Filled { elected } => {
            let has = elected.iter().any(|one| one.position == position);
            (has, has)
        }
        Seats::NeedsLot { tied, elected } => {
            let has = elected.iter().any(|one| one.position == position);
            (has, has || tied.contains(&position))
        }
        Seats::Incomplete | Seats::Annulled | Seats::Uncertain { .. } => panic!("nothing is missing"),
    }
}

proptest! {
    #[test]
    fn shares_add_up_and_are_less_than_one_hundredth_off(
        counts in prop::collection::vec(prop_oneof![0..50_u64, 0..10_000_000_u64], 1..70),
    ) {
        prop_assume!(counts.iter().any(|count| *count > 0));
        let whole: u64 = counts.iter().sum();
        let Shares::Shown { hundredths } = shares(&counts) else { panic!("withheld") };
        prop_assert_eq!(hundredths.iter().sum::<u32>(), WHOLE);
        for (count, shown) in counts.iter().zip(hundredths) {
            let (exact, shown) = (u128::from(*count) * u128::from(WHOLE), u128::from(shown) * u128::from(whole));
            prop_assert!(exact.abs_diff(shown) < u128::from(whole));
        }
    }

    /// Against trying every number of votes, each with the seat rule itself.
    #[test]
    fn margins_are_the_least_changes(
        people in prop::collection::vec((0..2_u8, 0..25_u64), 2..7),
        seats in 1..4_u32,
        same_sex_max in 0..3_u32,
    ) {
        let (sexes, counts): (Vec<u8>, Vec<u64>) = people.into_iter().unzip();
        let list = candidates(&sexes);
        let contest = Contest { candidates: &list, counts: &counts, seats, same_sex_max };
        let Some(margins) = contest.margins() else { return Ok(()) };
        for (place, margin) in margins.iter().enumerate() {
            let own = counts[place];
            let tried = if margin.elected {
                (0..=own).find(|less| !with(&contest, place, own - less).0)
            } else {
                (0..=60).find(|more| with(&contest, place, own + more).1)
            };
            prop_assert_eq!(margin.votes, tried, "{:?} {:?}", contest, margin);
        }
    }
}
