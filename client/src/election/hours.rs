//! When stations are open: stated once, and again by groups of stations elsewhere.

use super::instant::{instant_ms, offset_minutes, time_of_day};
use crate::document::Section;
use toml::value::{Date, Time};

/// Hours of voting as the definition's head states them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hours {
    pub(super) day: Option<Date>,
    offset_minutes: Option<i64>,
    opens: Option<Time>,
    closes: Option<Time>,
}

impl Hours {
    /// From the head, where all of them have to be.
    pub(super) fn read(file: &Section<'_, '_>) -> Self {
        let due = |key: &str, there: bool| {
            if !there && !file.has(key) {
                file.problem(&file.span(), format!("{key} is missing"));
            }
        };
        let day = file.date("day");
        due("day", day.is_some());
        let read = Self { day: day.map(|day| day.value), ..Self::stated(file) };
        for key in ["utc_offset", "opens", "closes"] {
            due(key, false);
        }
        read
    }

    fn stated(section: &Section<'_, '_>) -> Self {
        let time = |key: &str| {
            let text = section.text(key)?;
            let time = time_of_day(&text.value);
            if time.is_none() {
                section.problem(&text.span, format!("{key} is a time of day like \"08:00\""));
            }
            time
        };
        let offset = section.text("utc_offset").and_then(|text| {
            let minutes = offset_minutes(&text.value);
            if minutes.is_none() {
                section.problem(&text.span, "utc_offset is like \"+06:00\"");
            }
            minutes
        });
        Self { day: None, offset_minutes: offset, opens: time("opens"), closes: time("closes") }
    }

    /// When a group of stations opens and closes, ms UTC: what it states itself, else the head. The day is the same date
    /// everywhere.
    pub(super) fn of(&self, section: &Section<'_, '_>) -> Option<(u64, u64)> {
        let own = Self::stated(section);
        let (opens, closes) = (own.opens.or(self.opens)?, own.closes.or(self.closes)?);
        let (day, offset) = (self.day?, own.offset_minutes.or(self.offset_minutes)?);
        let (opens_ms, closes_ms) = (instant_ms(day, opens, offset)?, instant_ms(day, closes, offset)?);
        if opens_ms >= closes_ms {
            section.problem(&section.span(), "closes before it opens");
            return None;
        }
        Some((opens_ms, closes_ms))
    }

    /// A time of the day of voting by the clock of the head, ms UTC.
    pub(super) fn at(&self, time: Time) -> Option<u64> {
        instant_ms(self.day?, time, self.offset_minutes?)
    }
}
