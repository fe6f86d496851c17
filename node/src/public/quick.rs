//! Answers out of memory before the router is asked: full of what a crowd asks for on a result night, tiles and proofs.
//!
//! The router's layers (time limit, tags, compression, other sites' leave to read) cost more than such an answer. What they would
//! add to it is added here; whatever is not in memory, not found, over its budget or in any way unusual goes the long way. A test
//! holds the two ways against each other, header by header.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use metrics::{Counter, Histogram};
use tamga_ledger::store::StoredTree;
use tamga_ledger::tree::{Blake3Tree, Sha256Tree, TileKind, TreeHash as _};
use tokio::time::Instant;

use super::{Site, edge, proofs, tiles};
use crate::listeners::Caller;

const SHA256: &str = "/tile/{*path}";
const BLAKE3: &str = "/blake3/tile/{*path}";
const JSON: &str = "application/json";
const INCLUSION: &str = "/api/v1/proofs/inclusion";

/// See the module.
pub(crate) struct Quick {
    site: Arc<Site>,
    sha256: Counted,
    blake3: Counted,
    inclusion: Counted,
}

/// What the long way counts for a route.
struct Counted {
    route: &'static str,
    requests: Counter,
    seconds: Histogram,
}

impl Counted {
    fn new(route: &'static str) -> Self {
        Self {
            route,
            requests: metrics::counter!("tamga_public_requests_total", "route" => route, "status" => "200"),
            seconds: metrics::histogram!("tamga_public_request_seconds", "route" => route),
        }
    }
}

/// An answer without what all answers have.
struct Found {
    content_type: &'static str,
    cache: &'static str,
    body: Bytes,
}

impl Quick {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self { site, sha256: Counted::new(SHA256), blake3: Counted::new(BLAKE3), inclusion: Counted::new(INCLUSION) }
    }

    /// The answer, if there is one at once; nothing has been counted or spent where there is none.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Option<Response> {
        if request.method() != Method::GET {
            return None;
        }
        let (started, path) = (Instant::now(), request.uri().path());
        let (counted, found) = if let Some(tile) = path.strip_prefix("/tile/") {
            (&self.sha256, self.tile::<Sha256Tree>(tile)?)
        } else if let Some(tile) = path.strip_prefix("/blake3/tile/") {
            (&self.blake3, self.tile::<Blake3Tree>(tile)?)
        } else if path == INCLUSION && !accepts_compressed(request) {
            let (json, cache) = proofs::quick_inclusion(&self.site, request.uri())?;
            (&self.inclusion, Found { content_type: JSON, cache, body: json.into() })
        } else {
            return None;
        };
        let caller = request.extensions().get::<Caller>().map(|caller| caller.0);
        if caller.is_some_and(|caller| !self.site.budgets.pays(caller, counted.route)) {
            return None;
        }
        counted.requests.increment(1);
        counted.seconds.record(started.elapsed());
        Some(self.complete(found))
    }

    fn tile<H: StoredTree>(&self, path: &str) -> Option<Found> {
        let published = self.site.published_size().ok()?;
        let tile = tiles::parse(path, published).ok()?;
        let body = match tile.kind() {
            TileKind::Hashes(_) => self.site.shelf.kept::<H>(&tile)?.bytes.clone(),
            TileKind::Entries if H::NAME == Sha256Tree::NAME => self.site.shelf.kept_bundle(&tile)?,
            TileKind::Entries => return None,
        };
        Some(Found { content_type: "application/octet-stream", cache: tiles::cache_of(&tile), body })
    }

    fn complete(&self, found: Found) -> Response {
        let mut answer = Response::new(Body::from(found.body));
        let fields = answer.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(found.content_type));
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(found.cache));
        fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        fields.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        if found.content_type == JSON {
            // Whoever accepts compression gets another answer, by the long way.
            fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Ok(id) = HeaderValue::try_from(self.site.requests.next_id()) {
            fields.insert(edge::REQUEST_ID, id);
        }
        answer
    }
}

fn accepts_compressed<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(header::ACCEPT_ENCODING)
}
