//! Dates and times of day as milliseconds of UTC. The proleptic Gregorian calendar, no leap seconds, no time zone names: a
//! definition states offsets, which do not change with somebody's data base.

use tamga_platform::calendar;
use toml::value::{Date, Time};

/// An instant; none before 1970.
pub(super) fn instant_ms(date: Date, time: Time, offset_minutes: i64) -> Option<u64> {
    let second = time.second.unwrap_or(0);
    let of_day = (time.hour.into(), time.minute.into(), second.into());
    calendar::instant((date.year, date.month.into(), date.day.into(), of_day.0, of_day.1, of_day.2), offset_minutes)
}

/// `+06:00`, `-03:30`, `Z` as minutes east of Greenwich.
pub(super) fn offset_minutes(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let time = time_of_day(rest)?;
    (time.hour <= 14).then(|| sign * (i64::from(time.hour) * 60 + i64::from(time.minute)))
}

/// `HH:MM`.
pub(super) fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, max: u8| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &u8| plain && *number <= max)
    };
    Some(Time { hour: number(hour, 23)?, minute: number(minute, 59)?, second: None, nanosecond: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
        let at = |year, month, day, hour: u8, offset| {
            let time = Time { hour, minute: 0, second: None, nanosecond: None };
            instant_ms(Date { year, month, day }, time, offset)
        };
        assert_eq!(at(1970, 1, 1, 0, 0), Some(0));
        assert_eq!(at(1970, 1, 1, 0, 60), None);
        assert_eq!(at(2000, 2, 29, 0, 0), Some(951_782_400_000));
        // 30 November 2025, 20:00 in San Francisco is 10:00 on 1 December in Bishkek.
        assert_eq!(at(2025, 11, 30, 20, -480), Some(1_764_561_600_000));
        assert_eq!(at(2025, 11, 30, 20, -480), at(2025, 12, 1, 10, 360));
        assert_eq!(at(2100, 3, 1, 0, 0), Some(4_107_542_400_000));
    }

    #[test]
    fn offsets_and_times() {
        assert_eq!(offset_minutes("+06:00"), Some(360));
        assert_eq!(offset_minutes("-03:30"), Some(-210));
        for wrong in ["", "06:00", "+6:00", "+15:00", "+06:60", "x"] {
            assert_eq!(offset_minutes(wrong), None, "{wrong}");
        }
        assert!(time_of_day("23:59").is_some() && time_of_day("24:00").is_none() && time_of_day("8:00").is_none());
    }
}
