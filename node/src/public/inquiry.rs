//! Is this voter listed, and admitted? The signed question of `ledger::inquiry` over HTTP, as gRPC has it (`submission`).
//!
//! The question comes in the body of a POST and nowhere else: addresses are kept by logs, caches and browsers, and a tag must not be.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::json;
use tamga_ledger::inquiry::{INQUIRY_BYTES_MAX, InquiryError};

use super::SiteState;
use super::problem::Problem;
use crate::core::InquiryFailed;

/// Where.
pub(super) const INQUIRIES: &str = "/api/v1/inquiries";
const CBOR: &str = "application/cbor";
const JSON: &str = "application/json";
/// Longest body: an inquiry in base64, with room for the braces around it.
const BODY_BYTES_MAX: usize = 2 * INQUIRY_BYTES_MAX;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    inquiry: String,
}

/// `POST /api/v1/inquiries`: the signed inquiry as CBOR, or as JSON with the same bytes in base64; the signed answer comes as it was asked.
pub(super) async fn ask(State(site): SiteState, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    let as_json = media.eq_ignore_ascii_case(JSON);
    if !as_json && !media.eq_ignore_ascii_case(CBOR) {
        return Err(Problem::media_type());
    }
    let body = to_bytes(body, BODY_BYTES_MAX).await;
    let body = body.map_err(|_| Problem::bad_inquiry(&format!("the body is longer than {BODY_BYTES_MAX} bytes")))?;
    let inquiry = if as_json { unpacked(&body)? } else { body };
    let answer = site.core.inquire(inquiry).await.map_err(|error| problem(&error))?;
    let mut response = if as_json {
        Json(json!({ "answer": BASE64.encode(answer) })).into_response()
    } else {
        ([(header::CONTENT_TYPE, CBOR)], answer).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What is wrong is said without repeating any of it.
fn unpacked(body: &[u8]) -> Result<Bytes, Problem> {
    let asked: Option<Asked> = serde_json::from_slice(body).ok();
    let inquiry = asked.and_then(|asked| BASE64.decode(asked.inquiry).ok());
    inquiry.map(Bytes::from).ok_or_else(|| {
        Problem::bad_inquiry(
            "the body is not a JSON object whose only field, inquiry, has the signed inquiry in base64",
        )
    })
}

fn problem(error: &InquiryFailed) -> Problem {
    match error {
        InquiryFailed::Refused(why @ (InquiryError::Codec(_) | InquiryError::Content)) => {
            Problem::bad_inquiry(&why.to_string())
        }
        InquiryFailed::Refused(why) => Problem::may_not_ask(&why.to_string()),
        InquiryFailed::Unavailable(why) => Problem::no_quorum_now(&why.to_string()),
    }
}
