//! Errors as RFC 9457 problem documents: one type a situation, a sentence about what to do, and nothing of the inside.

use std::fmt::Display;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use tamga_ledger::store::StoreError;
use tamga_ledger::tree::{LeafIndex, TreeSize};

use super::edge;
use crate::core::ReceiptError;

/// What a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// Last part of the problem's type.
    pub(super) slug: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
    /// When asking again makes sense, in seconds.
    pub(super) retry_after_s: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, slug: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, slug, title, detail: detail.into(), retry_after_s: None }
    }

    const fn retry(mut self, after_s: u32) -> Self {
        self.retry_after_s = Some(after_s);
        self
    }

    pub(super) fn bad_parameter(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-parameter", "A parameter cannot be used", detail)
    }

    pub(super) fn no_such_route(path: &str) -> Self {
        let shown: String = path.chars().take(100).collect();
        let detail = format!("There is nothing at {shown}; the list of what there is stands at /api/.");
        Self::new(StatusCode::NOT_FOUND, "no-such-route", "No such address", detail)
    }

    pub(super) fn wrong_method(method: &Method) -> Self {
        let detail =
            format!("{method} is not possible here: HTTP is for reading (GET). Records are submitted over gRPC.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "Reading only", detail)
    }

    pub(super) fn nothing_published() -> Self {
        let detail = "No checkpoint has been published yet: the organisations have not cosigned one. Ask again soon.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "nothing-published", "Nothing published yet", detail).retry(1)
    }

    pub(super) fn bad_tile_path(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-tile-path", "Not the path of a tile", detail)
    }

    pub(super) fn no_such_tile(path: &impl Display, published: TreeSize) -> Self {
        let detail = format!(
            "{path} is not part of the latest published checkpoint, whose size is {published}; ask for the width that \
             belongs to this size, or again later."
        );
        Self::new(StatusCode::NOT_FOUND, "no-such-tile", "No such tile yet", detail)
    }

    pub(super) fn not_published(leaf: u64, published: TreeSize) -> Self {
        let detail =
            format!("Leaf {leaf} is not covered by the latest published checkpoint, whose size is {published}.");
        Self::new(StatusCode::NOT_FOUND, "not-published", "Not published", detail)
    }

    pub(super) fn size_not_published(size: u64, published: TreeSize) -> Self {
        let detail = format!("Size {size} is beyond the latest published checkpoint, whose size is {published}.");
        Self::new(StatusCode::NOT_FOUND, "size-not-published", "Not published", detail)
    }

    pub(super) fn no_such_checkpoint(size: TreeSize) -> Self {
        let detail = format!(
            "No checkpoint of exactly {size} entries was published; /api/v1/checkpoints?covering={size} gives the first one \
             of at least this size."
        );
        Self::new(StatusCode::NOT_FOUND, "no-such-checkpoint", "No such checkpoint", detail)
    }

    pub(super) fn no_checkpoint_by_then() -> Self {
        let detail = "This node had published no checkpoint by then.";
        Self::new(StatusCode::NOT_FOUND, "no-such-checkpoint", "No such checkpoint", detail)
    }

    pub(super) fn no_such_record() -> Self {
        let detail = "This node has no record with this id. If you hold a promise for it, ask the node that signed the \
                      promise; after its deadline the promise is evidence.";
        Self::new(StatusCode::NOT_FOUND, "no-such-record", "No such record", detail)
    }

    pub(super) fn no_such_piece() -> Self {
        let detail = "Nothing that is published names this serial number. /api/v1/custody lists those that are in the inventory.";
        Self::new(StatusCode::NOT_FOUND, "no-such-piece", "No such piece of equipment", detail)
    }

    pub(super) fn no_such_station(station: u64) -> Self {
        let detail = format!("The published definition has no station {station}.");
        Self::new(StatusCode::NOT_FOUND, "no-such-station", "No such station", detail)
    }

    pub(super) fn no_such_constituency(constituency: u32) -> Self {
        let detail = format!("The published definition has no constituency {constituency}.");
        Self::new(StatusCode::NOT_FOUND, "no-such-constituency", "No such constituency", detail)
    }

    pub(super) fn too_many_requests(after_s: u32) -> Self {
        let detail = format!(
            "Your address has asked for more than this node gives to one. Ask again in {after_s} s, ask another node, or use \
             a mirror: all serve the same bytes."
        );
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "too-many-requests", "Too many requests", detail).retry(after_s)
    }

    pub(super) fn too_many_streams() -> Self {
        let detail =
            "This node keeps as many streams open as it may. Ask another node, or ask /checkpoint from time to time.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", "Too many streams", detail).retry(30)
    }

    pub(super) fn confidential() -> Self {
        let detail = "Confidential bodies become public when a published checkpoint covers the Voting seal, which ends \
                      voting everywhere. Until then only the nodes hold them.";
        Self::new(StatusCode::FORBIDDEN, "confidential", "Not public yet", detail)
    }

    pub(super) fn media_type() -> Self {
        let detail = "An inquiry is sent as application/cbor, or as application/json with the same bytes in base64.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Another media type", detail)
    }

    pub(super) fn bad_inquiry(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-inquiry", "Not an inquiry", detail)
    }

    pub(super) fn may_not_ask(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "may-not-ask", "Not allowed to ask", detail)
    }

    pub(super) fn no_quorum_now(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-answer-now", "No answer that holds now", detail).retry(2)
    }

    pub(super) fn too_slow() -> Self {
        let detail = "The node did not answer in time. Asking again is safe.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "too-slow", "Too slow", detail).retry(2)
    }

    /// A failure inside: the operator gets the reason, the caller a way out.
    pub(super) fn internal(reason: &impl Display) -> Self {
        tracing::error!(%reason, request = edge::request_id(), "a public request failed inside");
        let detail = "This node cannot read its ledger now. Every other node holds the same ledger: ask another one.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "This node has a problem", detail)
    }

    pub(super) fn receipt(error: &ReceiptError) -> Self {
        match error {
            ReceiptError::NotYet { leaf, published } => Self::not_published(leaf.get(), *published).retry(1),
            ReceiptError::Store(StoreError::NoSuchLeaf { leaf, size }) => Self::not_published(*leaf, *size),
            ReceiptError::Store(store) => Self::internal(store),
            ReceiptError::Stopping => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "Shutting down", error.to_string())
            }
        }
    }

    /// The same for gRPC.
    pub(super) fn into_grpc(self) -> tonic::Status {
        tonic::Status::new(grpc_code(self.status), self.detail)
    }
}

const fn grpc_code(status: StatusCode) -> tonic::Code {
    match status {
        StatusCode::BAD_REQUEST => tonic::Code::InvalidArgument,
        StatusCode::NOT_FOUND => tonic::Code::NotFound,
        StatusCode::FORBIDDEN => tonic::Code::PermissionDenied,
        StatusCode::SERVICE_UNAVAILABLE => tonic::Code::Unavailable,
        StatusCode::TOO_MANY_REQUESTS => tonic::Code::ResourceExhausted,
        StatusCode::GATEWAY_TIMEOUT => tonic::Code::DeadlineExceeded,
        _ => tonic::Code::Internal,
    }
}

/// What an answer over HTTP that is not the document says, for gRPC. An address that no route has comes without a body.
pub(super) fn grpc_status(status: StatusCode, body: &[u8], address: &str) -> tonic::Status {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let shown: String = address.chars().take(80).collect();
    let detail = problem["detail"].as_str().map_or_else(|| format!("there is nothing at {shown}"), str::to_owned);
    tonic::Status::new(grpc_code(status), detail)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:tamga:problem:{}", self.slug),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (Some(id), Some(fields)) = (edge::request_id(), body.as_object_mut()) {
            fields.insert("instance".to_owned(), format!("urn:tamga:request:{id}").into());
        }
        let body = Json(body);
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after_s) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after_s));
        }
        response
    }
}

/// A leaf index out of a number that was asked for.
pub(super) fn leaf(index: u64, published: TreeSize) -> Result<LeafIndex, Problem> {
    let leaf = LeafIndex::new(index).map_err(|_| Problem::not_published(index, published))?;
    leaf.within(published).map_err(|_| Problem::not_published(index, published))
}

/// A tree size out of a number that was asked for.
pub(super) fn size(size: u64, published: TreeSize) -> Result<TreeSize, Problem> {
    let beyond = || Problem::size_not_published(size, published);
    TreeSize::new(size).ok().filter(|size| *size <= published).ok_or_else(beyond)
}
