//! Turnout by official hour as SVG. The table beside it says the same; the picture adds nothing that only eyes get.

use maud::{Markup, html};
use tamga_ledger::state::HourCount;
use tamga_ledger::tally::{WHOLE, share};

use super::lang::Lang;
use super::{Scene, words};
use crate::view::Hour;

/// Narrow, so that its letters stay readable on a phone of 360 pixels.
const WIDTH: u32 = 420;
const HEIGHT: u32 = 240;
const LEFT: u32 = 44;
const TOP: u32 = 16;
const BOTTOM: u32 = 36;

/// Everybody identified up to a point of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    /// The hour's name; none for "now".
    pub(super) hour: Option<String>,
    pub(super) local: u64,
    pub(super) remote: u64,
}

impl Point {
    pub(super) const fn total(&self) -> u64 {
        self.local + self.remote
    }
}

/// The official hours that have passed at `now_ms`, and now. `counts` has one element more than there are hours.
pub(super) fn points(hours: &[Hour], counts: &[HourCount], now_ms: u64) -> Vec<Point> {
    let (mut local, mut remote) = (0, 0);
    let mut points = Vec::new();
    for (place, count) in counts.iter().enumerate() {
        local += u64::from(count.local);
        remote += u64::from(count.remote);
        if let Some(hour) = hours.get(place).filter(|hour| hour.at_ms <= now_ms) {
            points.push(Point { hour: Some(hour.label.clone()), local, remote });
        }
    }
    points.push(Point { hour: None, local, remote });
    points
}

/// The chart and its table.
pub(super) fn turnout(scene: &Scene, points: &[Point], roll: u64, id: &str) -> Markup {
    html! {
        figure {
            (svg(scene, points, roll, id))
            (table(scene, points, roll))
        }
    }
}

fn label(lang: Lang, point: &Point) -> &str {
    point.hour.as_deref().unwrap_or_else(|| lang.of(words::SO_FAR))
}

/// A share of the roll in hundredths of a per cent; none if there can be none.
fn part(point: &Point, roll: u64) -> Option<u32> {
    share(point.total(), roll).ok()
}

fn svg(scene: &Scene, points: &[Point], roll: u64, id: &str) -> Markup {
    let lang = scene.lang;
    let (plot, area) = (WIDTH - LEFT, HEIGHT - TOP - BOTTOM);
    // The axis ends at the next ten per cent, never above 100.
    let top = points.iter().filter_map(|point| part(point, roll)).max().unwrap_or(0);
    let top = (top / 1_000 + 1).saturating_mul(1_000).min(WHOLE);
    let step = plot / u32::try_from(points.len().max(1)).unwrap_or(1);
    let bar = (step * 3 / 5).clamp(4, 90);
    let y = |hundredths: u32| TOP + area - hundredths * area / top;
    let (title, text) = (format!("{id}-title"), format!("{id}-text"));
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(format!("{title} {text}")) {
            title id=(title) { (scene.t(words::TURNOUT_CHART)) }
            desc id=(text) {
                @for point in points { (label(lang, point)) ": " (lang.share(point.total(), roll)) "; " }
            }
            @for line in [0, top / 2, top] {
                line.grid x1=(LEFT) x2=(WIDTH) y1=(y(line)) y2=(y(line)) {}
                text.scale x=(LEFT - 6) y=(y(line) + 4) text-anchor="end" { (line / 100) " %" }
            }
            @for (place, point) in (0_u32..).zip(points) {
                @let height = part(point, roll).unwrap_or(0);
                @let x = LEFT + place * step + (step - bar) / 2;
                rect.bar x=(x) y=(y(height)) width=(bar) height=(HEIGHT - BOTTOM - y(height)) {}
                text.value x=(x + bar / 2) y=(y(height).max(TOP + 4) - 4) text-anchor="middle" {
                    (lang.share(point.total(), roll))
                }
                text.scale x=(x + bar / 2) y=(HEIGHT - BOTTOM + 20) text-anchor="middle" { (label(lang, point)) }
            }
        }
    }
}

fn table(scene: &Scene, points: &[Point], roll: u64) -> Markup {
    let lang = scene.lang;
    html! {
        div.wide tabindex="0" role="region" aria-label=(scene.t(words::TURNOUT_CHART)) {
            table {
                caption { (scene.t(words::TURNOUT_CHART)) }
                thead {
                    tr {
                        th scope="col" { (scene.t(words::HOUR)) }
                        th.n scope="col" { (scene.column(words::IDENTIFIED)) }
                        th.n scope="col" { (scene.column(words::REMOTELY)) }
                        th.n scope="col" { (scene.column(words::SHARE)) }
                    }
                }
                tbody {
                    @for point in points {
                        tr {
                            th scope="row" { (label(lang, point)) }
                            td.n { (lang.number(point.total())) }
                            td.n { (lang.number(point.remote)) }
                            td.n { (lang.share(point.total(), roll)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_have_not_come_are_not_shown() {
        let hour = |label: &str, at_ms| Hour { label: label.to_owned(), at_ms };
        let hours = [hour("10:00", 10), hour("12:00", 12), hour("14:00", 14)];
        let counts = [(5, 1), (3, 0), (0, 0), (0, 0)].map(|(local, remote)| HourCount { local, remote });
        let found = points(&hours, &counts, 12);
        let shown: Vec<(Option<&str>, u64)> =
            found.iter().map(|point| (point.hour.as_deref(), point.total())).collect();
        assert_eq!(shown, [(Some("10:00"), 6), (Some("12:00"), 9), (None, 9)]);
    }
}
