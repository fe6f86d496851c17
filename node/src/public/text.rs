//! Times as people read them.

/// `2025-01-26T10:00:00.123Z` for milliseconds since 1970.
pub(super) fn iso_utc(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second, milli) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Milliseconds since 1970 of `2025-01-26T10:00Z`, `2025-01-26T10:00:00Z` or a bare number of milliseconds.
pub(super) fn parse_utc(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str, digits: usize| -> Option<u64> {
        let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { text.parse().ok() } else { None }
    };
    let mut date = date.split('-');
    let (year, month, day) = (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
    let mut time = time.split(':');
    let (hour, minute) = (number(time.next()?, 2)?, number(time.next()?, 2)?);
    let second = time.next().map_or(Some(0), |second| number(second, 2))?;
    let whole = date.next().is_none() && time.next().is_none();
    if !whole || year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_before(year, month, day).filter(|days| civil(*days) == (year, month, day))?;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000)
}

/// Days from 1970 to a date (Howard Hinnant's `days_from_civil`, unsigned).
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// Year, month and day of a number of days since 1970 (Howard Hinnant's `civil_from_days`, unsigned).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{iso_utc, parse_utc};

    #[test]
    fn known_times() {
        assert_eq!(iso_utc(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso_utc(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso_utc(1_764_460_799_999), "2025-11-29T23:59:59.999Z");
        assert_eq!(iso_utc(1_735_689_600_000), "2025-01-01T00:00:00.000Z");
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for ms in [0, 951_782_400_000, 1_764_460_799_000, 1_735_689_600_000, 4_102_444_800_000] {
            assert_eq!(parse_utc(&iso_utc(ms).replace(".000", "")), Some(ms));
            assert_eq!(parse_utc(&ms.to_string()), Some(ms));
        }
        assert_eq!(parse_utc("2025-11-30T14:15Z"), Some(1_764_512_100_000));
        for bad in [
            "",
            "20:15",
            "2025-02-30T00:00Z",
            "2025-11-30T24:00Z",
            "2025-11-30T14:15:00",
            "2025-11-30T14:15:0Z",
            "1969-12-31T23:59Z",
        ] {
            assert_eq!(parse_utc(bad), None, "{bad}");
        }
    }
}
