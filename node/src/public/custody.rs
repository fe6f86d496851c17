//! Equipment in custody: the inventory page by page, and what has happened to one piece.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::json;

use super::catalogue::{figures, list, range};
use super::checkpoint::Source;
use super::problem::Problem;
use super::{SiteState, number};
use crate::view::PieceView;

/// `GET /api/v1/custody?station=&from=&limit=`, in the order of entering the inventory.
pub(super) async fn pieces(State(site): SiteState, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let (range, given) = range(&uri, &["station"])?;
    let station = given.get("station").map(|text| number("station", text)).transpose()?;
    let published = site.published()?;
    let all = &published.view.equipment;
    let belongs = |piece: &&PieceView| station.is_none_or(|only| piece.about.station.map(u64::from) == Some(only));
    let pieces = || all.iter().map(|piece| &**piece).filter(belongs);
    let mut rest = pieces().filter(|piece| piece.entered >= range.from);
    let items: Vec<&PieceView> = rest.by_ref().take(range.limit).collect();
    let answer = json!({
        "checkpoint": Source::of(&published),
        "total": pieces().count(),
        "items": items,
        "next": rest.next().map(|piece| piece.entered),
    });
    Ok(figures(&headers, &published, "custody", answer))
}

/// `GET /api/v1/custody/{serial}?from=&limit=`: accepted events of a piece, and phases of units that name it.
pub(super) async fn history(
    State(site): SiteState,
    Path(serial): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (range, _) = range(&uri, &[])?;
    site.published()?;
    if site.chronicle.now().serial(&serial).is_empty() {
        return Err(Problem::no_such_piece());
    }
    list(&site, &headers, "custody-history", range, |lists| lists.serial(&serial))
}
