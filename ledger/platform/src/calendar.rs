//! Instants as people write and read them. The calendar is the crate `time`'s; no time zone names, no leap seconds.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// `2025-01-26T10:00:00.123Z` for milliseconds since 1970. Behind the year 9999 the number itself.
#[must_use]
pub fn iso_utc(ms: u64) -> String {
    match OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000) {
        Ok(at) => {
            let (year, month, day) = at.to_calendar_date();
            let (hour, minute, second, milli) = at.to_hms_milli();
            let month = u8::from(month);
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
        }
        Err(_) => format!("{ms} ms"),
    }
}

/// Milliseconds since 1970 of `2025-01-26T10:00Z`, `2025-01-26T10:00:00Z` or a bare number of milliseconds.
#[must_use]
pub fn parse_utc(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) = (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
    let mut time = time.split(':');
    let (hour, minute) = (number(time.next()?, 2)?, number(time.next()?, 2)?);
    let second = time.next().map_or(Some(0), |second| number(second, 2))?;
    let whole = date.next().is_none() && time.next().is_none();
    whole.then_some((year, month, day, hour, minute, second)).and_then(|at| instant(at, 0))
}

fn number(text: &str, digits: usize) -> Option<u16> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// Milliseconds since 1970 of a date and time of a place whose clocks are so many minutes ahead of UTC; none of what is no date, no
/// time, or before 1970. In order: year, month, day, hour, minute, second.
#[must_use]
pub fn instant(at: (u16, u16, u16, u16, u16, u16), offset_minutes: i64) -> Option<u64> {
    let (year, month, day, hour, minute, second) = at;
    let small = |number: u16| u8::try_from(number).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(year.into(), month, small(day)?).ok()?;
    let time = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    let utc_s = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp() - offset_minutes * 60;
    u64::try_from(utc_s).ok()?.checked_mul(1_000)
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
        assert_eq!(iso_utc(253_402_300_800_000), "253402300800000 ms");
        assert_eq!(iso_utc(u64::MAX), format!("{} ms", u64::MAX));
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
