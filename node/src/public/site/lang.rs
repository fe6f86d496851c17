//! The three languages, and how numbers, shares and times are written in them.

use http::{HeaderMap, header};
use maud::{Markup, html};
use tamga_ledger::kinds::{Candidate, Title};
use tamga_ledger::tally::{Coverage, share};

use tamga_platform::calendar::iso_utc;

/// Bishkek has had UTC+6 without summer time since 2005; every page says so beside its times.
const BISHKEK_MS: u64 = 6 * 3_600_000;

/// A language of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lang {
    /// Kyrgyz, the state language; the default.
    Ky,
    /// Russian.
    Ru,
    /// English.
    En,
}

/// A phrase in all three.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word(pub(super) [&'static str; 3]);

impl Lang {
    pub(super) const ALL: [Self; 3] = [Self::Ky, Self::Ru, Self::En];

    /// Its code, as in addresses and in `lang`.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Ky => "ky",
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// Its own name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ky => "Кыргызча",
            Self::Ru => "Русский",
            Self::En => "English",
        }
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.code() == code)
    }

    /// The caller's favourite among ours (RFC 9110 §12.5.4); Kyrgyz if there is none.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (Self::Ky, 0);
        for range in wanted.split(',').take(16) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Some(1_000), thousandths);
            let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let (Some(lang), Some(quality)) = (Self::parse(&primary), quality)
                && quality > best.1
            {
                best = (lang, quality);
            }
        }
        best.0
    }

    /// The phrase in this language.
    pub(super) const fn of(self, word: Word) -> &'static str {
        let Word([ky, ru, en]) = word;
        match self {
            Self::Ky => ky,
            Self::Ru => ru,
            Self::En => en,
        }
    }

    /// A name out of the ledger.
    pub(super) fn title(self, title: &Title) -> &str {
        match self {
            Self::Ky => &title.ky,
            Self::Ru => &title.ru,
            Self::En => &title.en,
        }
    }

    /// A candidate as on the ballot; the ballot has no English.
    pub(super) fn candidate(self, candidate: &Candidate) -> &str {
        if self == Self::Ru { &candidate.name_ru } else { &candidate.name_ky }
    }

    /// `1 584 446`, in English `1,584,446`.
    pub(super) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let gap = if self == Self::En { ',' } else { '\u{a0}' };
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(gap);
            }
            text.push(digit);
        }
        text
    }

    /// A difference with its sign.
    pub(super) fn difference(self, from: u64, to: u64) -> String {
        match to.cmp(&from) {
            std::cmp::Ordering::Less => format!("−{}", self.number(from - to)),
            std::cmp::Ordering::Equal => "0".to_owned(),
            std::cmp::Ordering::Greater => format!("+{}", self.number(to - from)),
        }
    }

    /// `36,90 %`, in English `36.90 %`.
    pub(super) fn hundredths(self, hundredths: u32) -> String {
        let point = if self == Self::En { '.' } else { ',' };
        format!("{}{point}{:02}\u{a0}%", hundredths / 100, hundredths % 100)
    }

    /// A share; a dash where the inputs support none, never more than 100 %.
    pub(super) fn share(self, part: u64, whole: u64) -> String {
        share(part, whole).map_or_else(|_| "–".to_owned(), |hundredths| self.hundredths(hundredths))
    }

    /// `12 / 40`.
    pub(super) fn coverage(self, coverage: Coverage) -> String {
        format!("{}\u{a0}/\u{a0}{}", self.number(coverage.n.into()), self.number(coverage.of.into()))
    }

    /// A time of Bishkek, machine-readable in UTC.
    pub(super) fn time(self, ms: u64) -> Markup {
        let local = iso_utc(ms.saturating_add(BISHKEK_MS));
        let (date, time) = (local.get(..10).unwrap_or_default(), local.get(11..19).unwrap_or_default());
        let date = match self {
            Self::En => date.to_owned(),
            _ => date.rsplit('-').collect::<Vec<_>>().join("."),
        };
        html! { time datetime=(iso_utc(ms)) { (date) " " (time) } }
    }
}

/// `0.8` as 800.
fn thousandths(quality: &str) -> Option<u32> {
    let (whole, part) = quality.trim().split_once('.').unwrap_or((quality.trim(), ""));
    let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    Some((whole * 1_000 + part).min(1_000))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn chosen(value: &'static str) -> Lang {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(value));
        Lang::accepted(&headers)
    }

    #[test]
    fn the_browser_chooses_the_language() {
        assert_eq!(chosen("ru-RU,ru;q=0.9,en;q=0.8"), Lang::Ru);
        assert_eq!(chosen("de, en;q=0.5, ky;q=0.7"), Lang::Ky);
        assert_eq!(chosen("en;q=0.2,ru;q=0"), Lang::En);
        assert_eq!(chosen("de"), Lang::Ky);
        assert_eq!(chosen(";;q=x,,q=9;ru;q=1.0000"), Lang::Ky);
        assert_eq!(Lang::accepted(&HeaderMap::new()), Lang::Ky);
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(Lang::Ru.number(1_584_446), "1\u{a0}584\u{a0}446");
        assert_eq!(Lang::En.number(999), "999");
        assert_eq!(Lang::En.number(1_000), "1,000");
        assert_eq!(Lang::Ky.share(1, 3), "33,33\u{a0}%");
        assert_eq!(Lang::En.share(3, 2), "–", "never above 100 %");
        assert_eq!(Lang::En.difference(7, 5), "−2");
        assert_eq!(
            Lang::Ru.time(1_764_512_100_000).into_string(),
            r#"<time datetime="2025-11-30T14:15:00.000Z">30.11.2025 20:15:00</time>"#
        );
    }
}
