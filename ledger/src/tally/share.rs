//! Percentages that cannot mislead: each with what it is a share of, never above 100, withheld with the reason where inputs do not
//! support one.

use serde::{Deserialize, Serialize};

/// One hundred per cent, in hundredths of a per cent.
pub const WHOLE: u32 = 10_000;

/// Shares of one whole, in hundredths of a per cent, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "shares")]
pub enum Shares {
    /// One a count, in their order. They add up to exactly 10,000.
    Shown {
        /// In hundredths of a per cent.
        hundredths: Vec<u32>,
    },
    /// No percentage is shown.
    Withheld {
        /// Why.
        reason: Withheld,
    },
}

/// Why no percentage is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// There is nothing to be a share of.
    NothingCounted,
    /// The part is larger than the whole: one of the two is wrong.
    PartAboveWhole,
    /// The sum cannot be represented: the inputs are no counts.
    TooLarge,
}

/// `part` of `whole` in hundredths of a per cent, rounded down.
///
/// # Errors
/// [`Withheld`]; a share above 100 % is never returned.
pub fn share(part: u64, whole: u64) -> Result<u32, Withheld> {
    match (part, whole) {
        (_, 0) => Err(Withheld::NothingCounted),
        _ if part > whole => Err(Withheld::PartAboveWhole),
        // At most 10,000.
        _ => Ok((u128::from(part) * u128::from(WHOLE) / u128::from(whole)) as u32),
    }
}

/// The shares of counts in their own sum, by the method of the largest remainder: a table of them adds up to 100.00 %, not to
/// 99.98 and never to more. Equal remainders are served in the order of the counts, so that everybody computes the same.
#[must_use]
pub fn shares(counts: &[u64]) -> Shares {
    let Some(whole) = counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count)) else {
        return Shares::Withheld { reason: Withheld::TooLarge };
    };
    if whole == 0 {
        return Shares::Withheld { reason: Withheld::NothingCounted };
    }
    let scaled = |count: &u64| u128::from(*count) * u128::from(WHOLE);
    let mut hundredths: Vec<u32> = counts.iter().map(|count| (scaled(count) / u128::from(whole)) as u32).collect();
    let missing = WHOLE - hundredths.iter().sum::<u32>();
    let mut places: Vec<usize> = (0..counts.len()).collect();
    places.sort_by_key(|place| {
        std::cmp::Reverse(counts.get(*place).map_or(0, |count| scaled(count) % u128::from(whole)))
    });
    for place in places.into_iter().take(missing as usize) {
        if let Some(one) = hundredths.get_mut(place) {
            *one += 1;
        }
    }
    Shares::Shown { hundredths }
}
