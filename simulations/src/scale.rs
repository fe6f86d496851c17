//! How large the day is: the numbers of 30 November 2025 times a fraction.

use serde::Serialize;

/// Voters on the rolls on 30 November 2025.
pub const ROLL_2025: u64 = 4_294_243;
/// Voters who voted.
pub const VOTED_2025: u64 = 1_584_446;
/// Those of them who voted at a station that is not their own.
pub const REMOTE_2025: u64 = 190_030;
/// Polling stations with a constituency.
pub const ORDINARY_2025: u64 = 2_492;
/// Stations for remote voting only.
pub const REMOTE_STATIONS_2025: u64 = 27;
/// Stations abroad.
pub const ABROAD_2025: u64 = 100;
/// Constituencies; not scaled.
pub const CONSTITUENCIES: u32 = 30;
/// Fewest ordinary stations: one a constituency, and a second one in six of them, so that there is a wrong station to go
/// to however small the day is.
pub const ORDINARY_MIN: u32 = CONSTITUENCIES + 6;

/// The sizes of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Ordinary stations.
    pub ordinary: u32,
    /// Stations for remote voting only.
    pub remote: u32,
    /// Stations abroad.
    pub abroad: u32,
    /// Voters on all rolls.
    pub roll: u64,
    /// Voters who come.
    pub voting: u64,
}

/// Not a fraction that a day can have.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a scale of {0} is not possible: use a fraction from 0.0005 to 1")]
pub struct ScaleError(pub f64);

impl Size {
    /// The sizes at a fraction of the real day.
    ///
    /// # Errors
    /// [`ScaleError`] outside 0.0005 … 1.
    pub fn at(scale: f64) -> Result<Self, ScaleError> {
        if !(0.000_5..=1.0).contains(&scale) {
            return Err(ScaleError(scale));
        }
        let stations = |full: u64, least: u32| u32::try_from(scaled(full, scale)).unwrap_or(u32::MAX).max(least);
        Ok(Self {
            ordinary: stations(ORDINARY_2025, ORDINARY_MIN),
            remote: stations(REMOTE_STATIONS_2025, 1),
            abroad: stations(ABROAD_2025, 1),
            roll: scaled(ROLL_2025, scale),
            voting: scaled(VOTED_2025, scale),
        })
    }

    /// All stations.
    #[must_use]
    pub const fn stations(&self) -> u32 {
        self.ordinary + self.remote + self.abroad
    }
}

/// `full` times `scale`, rounded to the nearest.
#[must_use]
pub fn scaled(full: u64, scale: f64) -> u64 {
    // Below 2⁵³, so exact as a float; the product is not negative.
    (full as f64 * scale).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_day_has_the_numbers_of_2025() {
        let size = Size::at(1.0).unwrap();
        assert_eq!((size.ordinary, size.remote, size.abroad, size.stations()), (2_492, 27, 100, 2_619));
        assert_eq!((size.roll, size.voting), (ROLL_2025, VOTED_2025));
    }

    #[test]
    fn fractions_round_to_the_nearest_and_keep_a_station_of_each_kind() {
        let size = Size::at(0.01).unwrap();
        assert_eq!((size.ordinary, size.remote, size.abroad), (ORDINARY_MIN, 1, 1));
        assert_eq!((size.roll, size.voting), (42_942, 15_844));
        let size = Size::at(0.1).unwrap();
        assert_eq!((size.ordinary, size.remote, size.abroad), (249, 3, 10));
        for wrong in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert!(Size::at(wrong).is_err());
        }
    }
}
