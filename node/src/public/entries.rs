//! Where a record is, and what an entry says in words.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header;
use serde_json::{Value, json};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::RecordId;
use tamga_ledger::kinds::Kind;
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::verdict::{FlagCode, Refusal, Verdict};

use super::problem::{self, Problem};
use super::{SiteState, body, number};
use tamga_platform::calendar::iso_utc;

/// `GET /api/v1/records/{id}`: only who knows the id can ask, and ids cannot be guessed.
pub(super) async fn record(State(site): SiteState, Path(id): Path<String>) -> Result<Response, Problem> {
    let id: RecordId = id
        .parse()
        .map_err(|error: tamga_ledger::ids::ParseIdError| Problem::bad_parameter(format!("record id: {error}")))?;
    let leaf = site.core.lookup(&id).ok_or_else(Problem::no_such_record)?;
    let published = site.published().map(|published| published.checkpoint.size).unwrap_or_default();
    let covered = leaf.get() < published.get();
    let answer = json!({
        "record": id,
        "leaf": leaf,
        // Not covered: this node has judged the record, but no published checkpoint proves it yet.
        "published": covered,
        "published_size": published,
        "entry": covered.then(|| format!("/api/v1/entries/{leaf}")),
        "receipt": covered.then(|| format!("/api/v1/receipts/{leaf}")),
    });
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(answer)).into_response())
}

/// `GET /api/v1/entries/{index}`.
pub(super) async fn entry(State(site): SiteState, Path(index): Path<String>) -> Result<Response, Problem> {
    let leaf = problem::leaf(number("the entry's index", &index)?, site.published_size()?)?;
    let bytes = site.read(move |core| core.store().entry(leaf)).await.map_err(|error| Problem::internal(&error))?;
    let entry = Entry::from_bytes(&bytes).map_err(|error| Problem::internal(&error))?;
    let answer = entry_json(leaf, &entry, &bytes);
    Ok(([(header::CACHE_CONTROL, super::tiles::IMMUTABLE)], Json(answer)).into_response())
}

pub(super) fn entry_json(leaf: LeafIndex, entry: &Entry, bytes: &[u8]) -> Value {
    let mut answer = json!({
        "leaf": leaf,
        "time_ms": entry.time_ms,
        "time": iso_utc(entry.time_ms),
        "verdict": verdict_name(&entry.verdict),
        "refusal": refusal_json(&entry.verdict),
        "flags": flags_json(&entry.verdict),
        "record_id": entry.record_id(),
        "raw": BASE64.encode(bytes),
    });
    let details = match &entry.payload {
        Payload::Full(signed) => match signed.parse() {
            Ok(record) => record_json(&record),
            Err(error) => json!({ "form": "full", "unreadable": error.to_string() }),
        },
        Payload::Stub(stub) => json!({
            "form": "stub",
            "kind": kind_json(stub.kind),
            "signers": stub.signers,
            "author": stub.author,
            "sequence": stub.sequence,
        }),
    };
    merge(&mut answer, details);
    answer
}

fn verdict_name(verdict: &Verdict) -> &'static str {
    match verdict.number() {
        0 => "accepted",
        1 => "accepted-with-flags",
        _ => "refused",
    }
}

fn record_json(record: &Record) -> Value {
    json!({
        "form": "full",
        "kind": kind_json(record.kind),
        "kind_version": record.kind_version,
        "scope": scope_json(&record.scope),
        "signers": record.signers,
        "author": record.author,
        "author_key": record.author_key(),
        "sequence": record.sequence,
        "not_after_ms": record.not_after_ms,
        "supersedes": record.supersedes.0,
        "body": body::to_json(record.kind, &record.body),
        "confidential_digest": record.confidential.0,
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn refusal_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Accepted(_) => Value::Null,
        Verdict::Refused(refusal) => code_json(*refusal),
    }
}

fn code_json(refusal: Refusal) -> Value {
    json!({ "code": refusal.number(), "name": refusal.slug(), "text": refusal.text() })
}

fn flags_json(verdict: &Verdict) -> Vec<Value> {
    let flag_json = |flag: &tamga_ledger::verdict::Flag| {
        let code = FlagCode::from_number(flag.code);
        json!({
            "code": flag.code,
            "detail": flag.detail,
            "name": code.map(FlagCode::slug),
            "text": code.map(FlagCode::text),
        })
    };
    verdict.flags().iter().map(flag_json).collect()
}

fn kind_json(number: u16) -> Value {
    json!({ "number": number, "name": Kind::from_number(number) })
}

pub(super) fn scope_json(scope: &Scope) -> Value {
    match scope {
        Scope::Election => json!({ "level": "election" }),
        Scope::Constituency(constituency) => json!({ "level": "constituency", "constituency": constituency }),
        Scope::Station(station) => json!({ "level": "station", "station": station }),
        Scope::Unit(unit) => json!({ "level": "unit", "station": unit.station, "unit": unit.unit }),
    }
}
