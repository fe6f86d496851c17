//! What everybody may ask: HTTP for readers, gRPC for programs, on one port.
//!
//! | file | serves |
//! |---|---|
//! | `checkpoint` | `/checkpoint`, `/api/v1/checkpoint`, `/api/v1/genesis` |
//! | `archive` | `/checkpoints/{size}`, `/api/v1/checkpoints`, `/history` |
//! | `tiles` | `/tile/…`, `/blake3/tile/…`, `/tile/entries/…`, `/tile/confidential/…` (C2SP tlog-tiles) |
//! | `shelf` | tiles in memory, for those addresses and for proofs |
//! | `quick` | some of those at once, before the router |
//! | `entries` | `/api/v1/records/{id}`, `/api/v1/entries/{index}` |
//! | `proofs` | `/api/v1/proofs/…`, `/api/v1/receipts/{leaf}` |
//! | `figures` | `/api/v1/turnout`, `/api/v1/results`, `/api/v1/units/{station}` |
//! | `custody` | `/api/v1/custody/…`: equipment |
//! | `decisions` | `/api/v1/acts`, `/api/v1/cases`, `/api/v1/tables` |
//! | `catalogue`, `chronicle` | the definition, stations, lists of records; the lists it pages through |
//! | `admitted` | `/api/v1/admitted`, `/admitted/…`: was I identified, asked without saying who I am |
//! | `inquiry` | `POST /api/v1/inquiries`: the signed question of a registry or a device about one voter |
//! | `events` | `/api/v1/events`: checkpoints, turnout and protocols as they come |
//! | `openapi` | `/api/openapi.json`, and the table of routes it is checked against |
//! | `edge` | request ids, budgets, tags: what all answers have in common |
//! | `site` | pages for people: `/ky/`, `/ru/`, `/en/` |
//! | `submission`, `reading` | the gRPC services |
//! | `body` | record bodies as JSON |
//! | `problem` | every error, as RFC 9457 says |
//!
//! Invariants: nothing beyond the latest published checkpoint is served; confidential bodies only once it covers the
//! Voting seal, and of class V only; what goes wrong inside is told to the operator, not to the caller.

mod admitted;
mod archive;
mod body;
mod catalogue;
mod checkpoint;
mod chronicle;
mod custody;
mod decisions;
mod edge;
mod entries;
mod events;
mod figures;
mod inquiry;
mod openapi;
mod problem;
mod proofs;
mod quick;
mod reading;
mod shelf;
mod site;
mod submission;
mod tiles;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, Method, Uri, header};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_platform::blocking::{Blocking, BlockingExt as _};
use tamga_platform::clock::Clock;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::service::Routes;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::cors::{Any, CorsLayer, Vary};

use crate::config::Limits;
use crate::core::{Core, Published};
use crate::listeners::Stop;
use crate::proto::DESCRIPTORS;
use crate::proto::reading_server::ReadingServer;
use crate::proto::submission_server::SubmissionServer;
use chronicle::Chronicle;
use problem::Problem;

/// Longest gRPC message from outside: a submission (about 75 KiB) with room for its frame.
const REQUEST_BYTES_MAX: usize = 128 * 1024;

/// What the handlers stand on.
#[derive(Debug)]
pub struct Site {
    core: Arc<Core>,
    blocking: Arc<dyn Blocking>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    stop: Stop,
    chronicle: Chronicle,
    requests: edge::Requests,
    budgets: edge::Budgets,
    admitted: admitted::Admitted,
    shelf: Arc<shelf::Shelf>,
    /// Places of streams that go on for ever.
    streams: Arc<Semaphore>,
}

type SiteState = State<Arc<Site>>;

impl Site {
    /// The public side of a core, with a task that keeps its lists. `stop` ends it, and answers that would go on for ever.
    #[must_use]
    pub fn new(
        core: Arc<Core>,
        blocking: Arc<dyn Blocking>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        stop: Stop,
    ) -> Arc<Self> {
        let budgets = edge::Budgets::new(limits.cost_per_second, limits.cost_burst);
        let (chronicle, requests) = (Chronicle::default(), edge::Requests::default());
        let (admitted, streams) = (admitted::Admitted::default(), Arc::new(Semaphore::new(events::STREAMS_MAX)));
        let shelf = Arc::default();
        let site = Arc::new(Self {
            core,
            blocking,
            clock,
            limits,
            stop,
            chronicle,
            requests,
            budgets,
            admitted,
            shelf,
            streams,
        });
        tokio::spawn(Arc::clone(&site).keep_lists());
        site
    }

    /// The latest published checkpoint.
    fn published(&self) -> Result<Arc<Published>, Problem> {
        self.core.published().borrow().clone().ok_or_else(Problem::nothing_published)
    }

    fn published_size(&self) -> Result<TreeSize, Problem> {
        Ok(self.published()?.checkpoint.size)
    }

    /// Runs a read of the ledger where it may block.
    async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Core) -> T + Send + 'static) -> T {
        let core = Arc::clone(&self.core);
        self.blocking.run(move || work(&core)).await
    }

    /// Follows the published checkpoint until the node stops.
    async fn keep_lists(self: Arc<Self>) {
        let mut published = self.core.published();
        loop {
            let size = published.borrow_and_update().as_ref().map(|published| published.checkpoint.size);
            if let Some(size) = size {
                let site = Arc::clone(&self);
                match self.blocking.run(move || site.chronicle.advance(site.core.store(), size)).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    // The ledger's own checks stop the node if its files are damaged; lists only stay behind.
                    Err(error) => tracing::warn!(%error, "the lists of published records cannot be continued now"),
                }
            }
            tokio::select! {
                changed = published.changed() => if changed.is_err() { return },
                () = self.stop.stopped() => return,
            }
        }
    }

    /// How long a caller may wait who asked for `wait_ms`; 0 leaves it to the node.
    fn wait(&self, wait_ms: u32) -> Option<Duration> {
        (wait_ms > 0).then(|| Duration::from_millis(u64::from(wait_ms.min(self.limits.wait_ms_max))))
    }
}

/// Answers that need neither the router nor a thread that may block.
pub(crate) fn quick(site: &Arc<Site>) -> Arc<quick::Quick> {
    Arc::new(quick::Quick::new(Arc::clone(site)))
}

/// Everything on the public port.
pub fn router(site: &Arc<Site>) -> Router {
    let reading = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([header::ACCEPT, header::IF_NONE_MATCH])
        .expose_headers(Any)
        // Every origin gets the same answer: a cache need not keep one for each.
        .vary(Vary::list([]))
        .max_age(Duration::from_secs(86_400));
    let mut pages = Router::new().route("/api/", get(index));
    for (path, route) in openapi::routes().into_iter().chain(site::routes()) {
        pages = pages.route(path, route);
    }
    let pages = pages
        // Before the layers: a browser's preflight (OPTIONS) is no method that a route has, and CORS has to see it.
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(site), edge::within_budget))
        .layer(CompressionLayer::new().compress_when(worth_compressing()))
        .layer(reading)
        .with_state(Arc::clone(site));
    services(site)
        .merge(pages)
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(site), bounded))
        .layer(from_fn_with_state(Arc::clone(site), edge::identified))
}

/// Texts. Hashes and signed bytes do not become smaller, and what tiles look like on the wire is C2SP's.
fn worth_compressing() -> impl Predicate {
    DefaultPredicate::new()
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/cbor"))
}

fn services(site: &Arc<Site>) -> Router {
    let submission =
        SubmissionServer::new(submission::Service::new(Arc::clone(site))).max_decoding_message_size(REQUEST_BYTES_MAX);
    let reading =
        ReadingServer::new(reading::Service::new(Arc::clone(site))).max_decoding_message_size(REQUEST_BYTES_MAX);
    // What is not set explicitly is "unknown"; the process's own health stands on the admin listener.
    let health = tonic_health::server::HealthService::from_health_reporter(health(&site.stop));
    let mut routes = Routes::new(submission)
        .add_service(reading)
        .add_service(tonic_health::pb::health_server::HealthServer::new(health));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    match reflection {
        Ok(reflection) => routes = routes.add_service(reflection),
        Err(error) => tracing::error!(%error, "gRPC reflection is not available"),
    }
    std::mem::take(routes.axum_router_mut())
}

/// Says "serving" until the node stops.
fn health(stop: &Stop) -> tonic_health::server::HealthReporter {
    let reporter = tonic_health::server::HealthReporter::new();
    let (after, stopped) = (reporter.clone(), stop.stopped());
    tokio::spawn(async move {
        after.set_serving::<SubmissionServer<submission::Service>>().await;
        after.set_serving::<ReadingServer<reading::Service>>().await;
        stopped.await;
        after.set_not_serving::<SubmissionServer<submission::Service>>().await;
        after.set_not_serving::<ReadingServer<reading::Service>>().await;
    });
    reporter
}

/// Bounds the time until an answer begins, and counts.
async fn bounded(State(site): SiteState, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let grpc = is_grpc(&request);
    let started = Instant::now();
    let limit = Duration::from_millis(site.limits.request_timeout_ms);
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) if grpc => {
            tonic::Status::deadline_exceeded("the node did not answer in time; retrying is safe").into_http()
        }
        Err(_) => Problem::too_slow().into_response(),
    };
    let status = response.status().as_str().to_owned();
    metrics::counter!("tamga_public_requests_total", "route" => route.clone(), "status" => status).increment(1);
    metrics::histogram!("tamga_public_request_seconds", "route" => route).record(started.elapsed());
    response
}

fn is_grpc(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|value| value.starts_with(b"application/grpc"))
}

async fn no_such_route(request: Request) -> Response {
    if is_grpc(&request) {
        return tonic::Status::unimplemented("no such service or method; reflection lists those there are").into_http();
    }
    Problem::no_such_route(request.uri().path()).into_response()
}

async fn wrong_method(request: Request) -> Response {
    Problem::wrong_method(request.method()).into_response()
}

async fn index(State(site): SiteState) -> String {
    let trust = site.core.trust();
    format!(
        "A node of the ledger {}\nelection id (genesis digest): {}\n\n{}",
        trust.origin(),
        trust.election_id(),
        include_str!("index.txt")
    )
}

/// The query's parameters; each may stand once, and only those in `known`.
fn parameters(uri: &Uri, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Problem::bad_parameter("the query string cannot be read".to_owned()))?;
    let mut found = BTreeMap::new();
    for (name, value) in pairs {
        if !known.contains(&name.as_str()) {
            let shown: String = name.chars().take(40).collect();
            return Err(Problem::bad_parameter(format!("unknown parameter {shown:?}; known: {}", known.join(", "))));
        }
        if found.insert(name.clone(), value).is_some() {
            return Err(Problem::bad_parameter(format!("parameter {name:?} stands twice")));
        }
    }
    Ok(found)
}

/// The leaf if the tree has it.
fn check_leaf(leaf: u64, size: TreeSize) -> Option<LeafIndex> {
    LeafIndex::new(leaf).ok()?.within(size).ok()
}

/// A decimal number out of a path or a query.
fn number(name: &str, text: &str) -> Result<u64, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Problem::bad_parameter(format!("{name} is a decimal number, not {shown:?}"))
    })
}
