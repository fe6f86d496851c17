//! Stylesheet, scripts, icon: files of this program, each with its integrity hash (W3C Subresource Integrity), so that a page
//! that was checked does not run another script than the one that was read.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, header};
use maud::{Markup, html};
use sha2::{Digest as _, Sha384};

use super::guarded;
use crate::public::edge;
use crate::public::problem::Problem;

/// A file of the site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asset {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    media: &'static str,
}

macro_rules! asset {
    ($name:literal, $media:literal) => {
        Asset { name: $name, text: include_str!(concat!("static/", $name)), media: $media }
    };
}

pub(super) const STYLE: Asset = asset!("site.css", "text/css; charset=utf-8");
/// Updates a page when a new checkpoint is there.
pub(super) const LIVE: Asset = asset!("live.js", "text/javascript; charset=utf-8");
/// BLAKE3, which browsers do not have.
pub(super) const BLAKE3: Asset = asset!("blake3.js", "text/javascript; charset=utf-8");
/// Verifies: trees, notes, receipts.
pub(super) const VERIFY: Asset = asset!("verify.js", "text/javascript; charset=utf-8");
/// Verifies courts' bundles.
pub(super) const COURT: Asset = asset!("court.js", "text/javascript; charset=utf-8");
/// The verification page's buttons.
pub(super) const VERIFY_PAGE: Asset = asset!("verify-page.js", "text/javascript; charset=utf-8");
const ICON: Asset = asset!("icon.svg", "image/svg+xml");

const ALL: [Asset; 7] = [STYLE, LIVE, BLAKE3, VERIFY, COURT, VERIFY_PAGE, ICON];

impl Asset {
    /// `sha384-…`.
    pub(super) fn integrity(&self) -> String {
        format!("sha384-{}", BASE64.encode(Sha384::digest(self.text.as_bytes())))
    }

    /// Its address, which names its content: it may be kept for ever, and a new version is another address.
    fn address(&self) -> String {
        let digest = blake3::hash(self.text.as_bytes()).to_hex();
        format!("/site/{}?{}", self.name, &digest[..12])
    }
}

pub(super) fn stylesheet() -> Markup {
    html! { link rel="stylesheet" href=(STYLE.address()) integrity=(STYLE.integrity()); }
}

pub(super) fn script(asset: &Asset) -> Markup {
    html! { script src=(asset.address()) integrity=(asset.integrity()) defer {} }
}

/// `GET /site/{file}`.
pub(super) async fn serve(Path(file): Path<String>, uri: http::Uri, headers: HeaderMap) -> Response {
    let Some(asset) = ALL.iter().find(|asset| asset.name == file) else {
        return Problem::no_such_route(&format!("/site/{file}")).into_response();
    };
    let tag = edge::tag_of(asset.text.as_bytes());
    let named = uri.query().is_some_and(|query| asset.address().ends_with(&format!("?{query}")));
    let cache = if named { crate::public::tiles::IMMUTABLE } else { "no-cache" };
    let answer = || ([(header::CONTENT_TYPE, asset.media)], asset.text).into_response();
    guarded(edge::conditional(&headers, tag, cache, answer), "default-src 'none'; style-src 'unsafe-inline'")
}
