//! Numbers written as ranges: `1-2492`, `1, 3, 7-9`.

/// The numbers of a text in its order, each from 1 to `max`.
///
/// # Errors
/// What is wrong, for people; also if there are more than `count_max`.
pub(super) fn numbers(text: &str, max: u32, count_max: usize) -> Result<Vec<u32>, String> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim) {
        let number = |text: &str| {
            let text = text.trim();
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| plain && (1..=max).contains(number));
            number.ok_or_else(|| format!("{text:?} is not a number from 1 to {max}; write \"1-30\" or \"1, 3, 7-9\""))
        };
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if first > last {
            return Err(format!("{first} to {last} goes backwards"));
        }
        if all.len() + (last - first) as usize >= count_max {
            return Err(format!("more than {count_max} numbers"));
        }
        all.extend(first..=last);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn ranges_and_lists() {
        assert_eq!(numbers("1-3, 7", 9, 10).unwrap(), [1, 2, 3, 7]);
        assert_eq!(numbers("5", 9, 10).unwrap(), [5]);
        for wrong in ["", "0", "3-1", "1-", "10", "1-9999999999", "-1", "a", "1,,2"] {
            assert!(numbers(wrong, 9, 10).is_err(), "{wrong}");
        }
        assert!(numbers("1-4294967295", u32::MAX, 1_000).is_err());
    }
}
