//! What is new, as it is published: server-sent events (WHATWG HTML §9.2), for pages and for anybody's `curl`.
//!
//! | event | when | data |
//! |---|---|---|
//! | `checkpoint` | a checkpoint is published | it, roll, identified, protocols in |
//! | `turnout` | that changed how many were identified | it, and the figures of `/api/v1/turnout` for the nation |
//! | `protocol` | a machine or hand protocol stands below it | its line, as in `/api/v1/records?kind=protocol` |
//! | `missed` | more protocols came than are sent again | where to read them |
//!
//! Each event's id is the leaf before which every protocol has been sent, so that whoever comes back with `Last-Event-ID` gets those
//! that came meanwhile, each once.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use tamga_ledger::kinds::Kind;
use tamga_ledger::tree::TreeSize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::checkpoint::Source;
use super::problem::Problem;
use super::{Site, SiteState, catalogue, chronicle, figures};
use crate::core::Published;

/// Streams of one node. Each costs a connection and little else; beyond them pages ask again by themselves.
pub(super) const STREAMS_MAX: usize = 2_048;
/// Proxies close what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// Protocols sent again to whoever comes back; a whole election has some six thousand.
const AGAIN_MAX: usize = 1_000;

/// `GET /api/v1/events`. A slow reader misses checkpoints in between, never the latest, and no protocol.
pub(super) async fn stream(State(site): SiteState, headers: HeaderMap) -> Result<Response, Problem> {
    let place = Arc::clone(&site.streams).try_acquire_owned().map_err(|_| Problem::too_many_streams())?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let stop = site.stop.stopped();
    let feed = Feed::new(site, last, place);
    let events = futures::stream::unfold(feed, async |mut feed| {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    let stream = Box::pin(events.take_until(stop));
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise collect the stream before it passes it on.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// What one reader has been told, and what comes next.
struct Feed {
    site: Arc<Site>,
    published: watch::Receiver<Option<Arc<Published>>>,
    covered: watch::Receiver<u64>,
    /// Every protocol before this leaf has been sent.
    next_leaf: u64,
    /// The checkpoint's size, as last told.
    size: Option<TreeSize>,
    /// Identified and roll, as last told.
    told: Option<(u64, u64)>,
    ready: VecDeque<(&'static str, Value)>,
    /// The place is given back when the stream ends.
    _place: OwnedSemaphorePermit,
}

impl Feed {
    fn new(site: Arc<Site>, last: Option<u64>, place: OwnedSemaphorePermit) -> Self {
        let mut published = site.core.published();
        // So that the first event is the checkpoint that there is.
        published.mark_changed();
        let covered = site.chronicle.covered();
        let mut ready = VecDeque::new();
        let next_leaf = {
            let lists = site.chronicle.now();
            let all = lists.kind(Kind::Protocol as u16);
            // A leaf that is not there yet was never told by this ledger: such a reader begins anew.
            let from = last.filter(|leaf| *leaf <= lists.size()).unwrap_or_else(|| lists.size());
            let waiting = all.get(all.partition_point(|line| line.leaf < from)..).unwrap_or_default();
            match waiting.get(waiting.len().saturating_sub(AGAIN_MAX)) {
                Some(first) if waiting.len() > AGAIN_MAX => {
                    let read = format!("/api/v1/records?kind=protocol&from={from}");
                    let count = waiting.len() - AGAIN_MAX;
                    ready.push_back(("missed", json!({ "protocols": count, "before_leaf": first.leaf, "read": read })));
                    first.leaf
                }
                _ => from,
            }
        };
        Self { site, published, covered, next_leaf, size: None, told: None, ready, _place: place }
    }

    /// The next event; none when the node stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((name, data)) = self.ready.pop_front() {
                return Some(Event::default().event(name).id(self.next_leaf.to_string()).data(data.to_string()));
            }
            if self.published.has_changed().ok()? {
                self.checkpoint();
            } else if let Some(event) = self.protocol() {
                return Some(event);
            } else {
                tokio::select! {
                    changed = self.published.changed() => changed.ok()?,
                    changed = self.covered.changed() => { changed.ok()?; continue; }
                }
                self.published.mark_changed();
            }
        }
    }

    fn checkpoint(&mut self) {
        let Some(published) = self.published.borrow_and_update().clone() else { return };
        // A node hears of further signatures under a checkpoint; that is no news.
        if self.size.replace(published.checkpoint.size) == Some(published.checkpoint.size) {
            return;
        }
        let view = &published.view;
        let nation = figures::cumulative(&view.turnout);
        let identified = nation.last().map_or(0, |row| row.total);
        let source = Source::of(&published);
        self.ready.push_back((
            "checkpoint",
            json!({
                "checkpoint": source,
                "roll": view.turnout.roll,
                "identified": identified,
                "machine_protocols": view.results.machine_protocols,
                "hand_protocols": view.results.hand_protocols,
            }),
        ));
        let now = Some((identified, view.turnout.roll));
        if self.told != now {
            self.told = now;
            let turnout = json!({ "checkpoint": source, "roll": view.turnout.roll, "nation_cumulative": nation });
            self.ready.push_back(("turnout", turnout));
        }
    }

    /// The next protocol that is listed and not yet sent.
    fn protocol(&mut self) -> Option<Event> {
        let lists = self.site.chronicle.now();
        let (here, _) = chronicle::page(lists.kind(Kind::Protocol as u16), self.next_leaf, 1);
        let Some(line) = here.first() else {
            // Lists only grow: nothing below their size comes later.
            self.next_leaf = self.next_leaf.max(lists.size());
            return None;
        };
        self.next_leaf = line.leaf + 1;
        let event = Event::default().event("protocol").id(self.next_leaf.to_string());
        Some(event.data(catalogue::line_json(line).to_string()))
    }
}
