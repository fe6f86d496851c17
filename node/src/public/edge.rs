//! What every HTTP answer has in common: its request's id, its caller's budget, its tag.
//!
//! Limits are by *cost*, not by requests: a proof reads the disk, a full tile comes from anybody's cache. One address gets
//! [`Limits::cost_per_second`](crate::config::Limits) and may save up a burst. Whole provinces stand behind one address of a mobile
//! network, so that the defaults only stop what no crowd of readers does; a proxy in front knows better and switches them off.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use super::SiteState;
use super::problem::Problem;
use crate::listeners::Caller;

/// Names the request in its answer, in problems and in the node's log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Addresses whose budgets are remembered. One that is forgotten starts anew, which costs less than memory without end.
const CALLERS_MAX: usize = 100_000;

tokio::task_local! {
    static CURRENT: Cell<u64>;
}

/// Numbers requests since the process began.
#[derive(Debug, Default)]
pub(super) struct Requests(AtomicU64);

impl Requests {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// The id of a request that is answered outside of [`identified`].
    pub(super) fn next_id(&self) -> String {
        format!("{:08x}", self.next())
    }
}

/// The id of the request that is being answered; none outside of one.
pub(super) fn request_id() -> Option<String> {
    CURRENT.try_with(|current| format!("{:08x}", current.get())).ok()
}

/// Gives each request an id. It is this node's own: a caller's would let anybody write into our log.
pub(super) async fn identified(State(site): SiteState, request: Request, next: Next) -> Response {
    let number = site.requests.next();
    CURRENT
        .scope(Cell::new(number), async move {
            let mut response = next.run(request).await;
            if let Some(id) = request_id().and_then(|id| HeaderValue::try_from(id).ok()) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            response
        })
        .await
}

/// What a request costs, in units of "a small answer from memory".
fn cost(route: &str) -> u32 {
    match route {
        // Written by hand for caches: a copy of the whole ledger must be possible.
        "/checkpoint" | "/tile/{*path}" | "/blake3/tile/{*path}" | "/site/{file}" => 1,
        "/admitted/leaves/{*path}" | "/admitted/tile/{*path}" => 1,
        "/api/v1/proofs/inclusion" | "/api/v1/proofs/consistency" | "/api/v1/receipts/{leaf}" => 5,
        // A quorum is asked and a signature made: a key that asks without end costs everybody.
        super::inquiry::INQUIRIES => 50,
        "/api/v1/results" | "/api/v1/constituencies" | "/api/v1/stations" => 10,
        _ if route.starts_with("/{lang}") => 10,
        _ => 2,
    }
}

/// What callers may still spend.
#[derive(Debug)]
pub(super) struct Budgets {
    per_second: f64,
    burst: f64,
    left: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl Budgets {
    /// `per_second` 0 lets everybody do everything.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.into(), burst: burst.max(per_second).into(), left: Mutex::default() }
    }

    /// Takes what a route costs from a caller's budget, if it is there.
    pub(super) fn pays(&self, caller: IpAddr, route: &str) -> bool {
        self.spend(caller, cost(route), Instant::now()).is_ok()
    }

    /// Takes `cost` from a caller's budget, or says in how many seconds it will be there.
    fn spend(&self, caller: IpAddr, cost: u32, now: Instant) -> Result<(), u32> {
        if self.per_second == 0.0 {
            return Ok(());
        }
        let cost = f64::from(cost);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() >= CALLERS_MAX {
            // Whoever has a full budget again need not be remembered.
            let full_after = Duration::from_secs_f64(self.burst / self.per_second);
            left.retain(|_, (_, since)| now.saturating_duration_since(*since) < full_after);
            if left.len() >= CALLERS_MAX {
                left.clear();
            }
        }
        let (budget, since) = left.entry(network(caller)).or_insert((self.burst, now));
        let earned = now.saturating_duration_since(*since).as_secs_f64() * self.per_second;
        *budget = (*budget + earned).min(self.burst);
        *since = now;
        if *budget >= cost {
            *budget -= cost;
            return Ok(());
        }
        // At most burst / per_second + 1.
        Err(((cost - *budget) / self.per_second).ceil().max(1.0) as u32)
    }
}

/// One household or server: an address, or the /64 of one.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            address.to_ipv4_mapped().map_or(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), IpAddr::V4)
        }
    }
}

/// Refuses what is beyond the caller's budget.
pub(super) async fn within_budget(State(site): SiteState, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let caller = request.extensions().get::<Caller>().map(|caller| caller.0);
    match caller.map_or(Ok(()), |caller| site.budgets.spend(caller, cost(route), Instant::now())) {
        Ok(()) => next.run(request).await,
        Err(after_s) => Problem::too_many_requests(after_s).into_response(),
    }
}

/// Whether the caller already has what this tag names (RFC 9110 §13.1.2: weak comparison, lists, `*`).
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let wanted = opaque(tag);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == "*" || opaque(known) == wanted)
}

/// The answer with its tag and how long it may be kept, or "not modified".
pub(super) fn conditional(
    headers: &HeaderMap,
    tag: String,
    cache: &'static str,
    answer: impl FnOnce() -> Response,
) -> Response {
    let known = is_known(headers, &tag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { answer() };
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        fields.insert(header::ETAG, tag);
    }
    response
}

/// A weak tag for these bytes: the answer may travel compressed.
pub(super) fn tag_of(bytes: &[u8]) -> String {
    let digest = blake3::hash(bytes).to_hex();
    format!("W/\"{}\"", &digest[..24])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_budget_runs_out_and_comes_back() {
        let budgets = Budgets::new(10, 30);
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(budgets.spend(one, 10, now), Ok(()));
        }
        assert_eq!(budgets.spend(one, 25, now), Err(3));
        assert_eq!(budgets.spend(other, 10, now), Ok(()), "everybody has their own");
        assert_eq!(budgets.spend(one, 25, now + Duration::from_secs(3)), Ok(()));
        assert_eq!(Budgets::new(0, 0).spend(one, 1_000, now), Ok(()), "0 switches it off");
    }

    #[tokio::test]
    async fn an_ipv6_network_is_one_caller_and_memory_is_bounded() {
        let budgets = Budgets::new(1, 1);
        let now = Instant::now();
        assert_eq!(budgets.spend("2001:db8::1".parse().unwrap(), 1, now), Ok(()));
        assert_eq!(budgets.spend("2001:db8::2".parse().unwrap(), 1, now), Err(1));
        for n in 0..(CALLERS_MAX as u32 + 10) {
            let _ = budgets.spend(IpAddr::V4(n.into()), 1, now);
        }
        assert!(budgets.left.lock().unwrap().len() <= CALLERS_MAX);
    }

    #[test]
    fn tags_are_compared_weakly_in_lists() {
        let known = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            is_known(&headers, "W/\"a-1\"")
        };
        assert!(known("\"a-1\"") && known("W/\"a-1\"") && known("\"x\", W/\"a-1\"") && known("*"));
        assert!(!known("\"a-2\"") && !known("") && !known("a-1"));
    }
}
