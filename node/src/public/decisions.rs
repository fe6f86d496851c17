//! Legal acts, cases and summary tables, page by page, in the order of recording.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::json;

use super::SiteState;
use super::catalogue::{figures, range};
use super::checkpoint::Source;
use super::problem::Problem;
use crate::view::Decisions;

/// `GET /api/v1/acts?from=&limit=`.
pub(super) async fn acts(site: SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    page(site, &uri, &headers, "acts", |decisions| &decisions.acts, |act| act.leaf)
}

/// `GET /api/v1/cases?from=&limit=`.
pub(super) async fn cases(site: SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    page(site, &uri, &headers, "cases", |decisions| &decisions.cases, |case| case.leaf)
}

/// `GET /api/v1/tables?from=&limit=`.
pub(super) async fn tables(site: SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    page(site, &uri, &headers, "tables", |decisions| &decisions.tables, |table| table.leaf)
}

/// One page of a list that ascends by leaf.
fn page<T: Serialize>(
    State(site): SiteState,
    uri: &Uri,
    headers: &HeaderMap,
    what: &str,
    list: fn(&Decisions) -> &[T],
    leaf: fn(&T) -> u64,
) -> Result<Response, Problem> {
    let (range, _) = range(uri, &[])?;
    let published = site.published()?;
    let all = list(&published.view.decisions);
    let rest = all.get(all.partition_point(|one| leaf(one) < range.from)..).unwrap_or_default();
    let (here, after) = rest.split_at(range.limit.min(rest.len()));
    let answer = json!({
        "checkpoint": Source::of(&published),
        "total": all.len(),
        "items": here,
        "next": after.first().map(leaf),
    });
    Ok(figures(headers, &published, what, answer))
}
