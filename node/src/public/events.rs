//! New checkpoints as they are published: server-sent events (WHATWG HTML §9.2), for pages and for anybody's `curl`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::{HeaderValue, header};
use serde_json::json;
use tokio_stream::wrappers::WatchStream;

use super::SiteState;
use super::checkpoint::Source;
use super::problem::Problem;
use crate::core::Published;

/// Streams of one node. Each costs a connection and little else; beyond them pages ask again by themselves.
pub(super) const STREAMS_MAX: usize = 2_048;
/// Proxies close what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

fn event(published: &Published) -> Event {
    let view = &published.view;
    let identified: u64 =
        view.turnout.nation.iter().map(|count| u64::from(count.local) + u64::from(count.remote)).sum();
    let answer = json!({
        "checkpoint": Source::of(published),
        "roll": view.turnout.roll,
        "identified": identified,
        "machine_protocols": view.results.machine_protocols,
        "hand_protocols": view.results.hand_protocols,
    });
    Event::default().event("checkpoint").id(published.checkpoint.size.to_string()).data(answer.to_string())
}

/// `GET /api/v1/events`. A slow reader misses checkpoints in between, never the latest.
pub(super) async fn stream(State(site): SiteState) -> Result<Response, Problem> {
    let place = Arc::clone(&site.streams).try_acquire_owned().map_err(|_| Problem::too_many_streams())?;
    let checkpoints = WatchStream::new(site.core.published()).filter_map(move |published| {
        // The place is given back when the stream ends.
        let _held = &place;
        let event = published.map(|published| Ok::<_, Infallible>(event(&published)));
        async move { event }
    });
    let stream = checkpoints.take_until(site.stop.stopped());
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise collect the stream before it passes it on.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
