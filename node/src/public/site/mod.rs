//! The site for people: every node serves it at `/ky/`, `/ru/`, `/en/`. Readable without scripts, rendered here, one stylesheet.
//!
//! | file | what |
//! |---|---|
//! | `lang`, `words`, `codes` | three languages: numbers, phrases, what flags and refusals mean |
//! | `frame` | what every page has: head, navigation, rehearsal banner, checkpoint |
//! | `chart` | turnout as SVG, beside its table |
//! | `overview`, `results`, `constituency`, `station`, `lists`, `record` | the pages |
//! | `decisions` | acts in order of time, cases, summary tables; which concern a place |
//! | `hyphens` | where long Kyrgyz and Russian words may break |
//! | `equipment` | custody: what a station has, the history of one piece |
//! | `check` | how to check this yourself; verification in the browser |
//! | `assets` | stylesheet and scripts, with their integrity hashes |
//!
//! Invariants: no figure without its checkpoint and coverage; nothing that [`super`] would not serve; no request to anybody else,
//! no inline script or style (the policy in `frame` forbids them); everything out of the ledger is escaped (maud).

mod assets;
mod chart;
mod check;
mod codes;
mod constituency;
mod decisions;
mod equipment;
mod frame;
mod hyphens;
mod lang;
mod lists;
mod overview;
mod record;
mod results;
mod station;
mod words;

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tamga_ledger::definition::Definition;

use self::lang::{Lang, Word};
use super::problem::Problem;
use super::{Site, SiteState};
use crate::core::Published;
use crate::view::View;

/// Every address of the site, with its handler.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<Site>>)> {
    vec![
        ("/", get(choose)),
        ("/{lang}", get(home)),
        ("/{lang}/", get(overview::page)),
        ("/{lang}/results", get(results::page)),
        ("/{lang}/constituencies", get(constituency::list)),
        ("/{lang}/constituencies/{number}", get(constituency::page)),
        ("/{lang}/stations", get(station::list)),
        ("/{lang}/stations/{number}", get(station::page)),
        ("/{lang}/equipment/{serial}", get(equipment::page)),
        ("/{lang}/irregularities", get(lists::irregularities)),
        ("/{lang}/acts", get(decisions::page)),
        ("/{lang}/records/{leaf}", get(record::page)),
        ("/{lang}/how", get(check::how)),
        ("/{lang}/verify", get(check::verify)),
        ("/{lang}/verify.html", get(check::saved)),
        ("/{lang}/api", get(check::api)),
        ("/site/{file}", get(assets::serve)),
    ]
}

/// `GET /`: the caller's language.
async fn choose(headers: HeaderMap) -> Response {
    let place = format!("/{}/", Lang::accepted(&headers).code());
    let fields = [
        (header::LOCATION, place),
        (header::VARY, "accept-language".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (StatusCode::FOUND, fields).into_response()
}

/// `GET /ru` is `/ru/`.
async fn home(Path(lang): Path<String>) -> Response {
    match Lang::parse(&lang) {
        Some(lang) => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, format!("/{}/", lang.code()))]).into_response()
        }
        None => Problem::no_such_route(&format!("/{lang}")).into_response(),
    }
}

/// What a page is made of: one checkpoint, and the definition as far as it is published.
struct Scene {
    site: Arc<Site>,
    lang: Lang,
    published: Arc<Published>,
    definition: Arc<Definition>,
}

impl Scene {
    fn t(&self, word: Word) -> &'static str {
        self.lang.of(word)
    }

    /// The heading of a column of figures, which may be narrower than its longest word.
    fn column(&self, word: Word) -> String {
        match self.lang {
            Lang::Ky | Lang::Ru => hyphens::soft(self.t(word)),
            Lang::En => self.t(word).to_owned(),
        }
    }

    fn view(&self) -> &View {
        &self.published.view
    }

    /// An address of the site in this language.
    fn link(&self, rest: &str) -> String {
        format!("/{}/{rest}", self.lang.code())
    }
}

/// The scene of a page, or the answer if there is none.
fn scene(site: &Arc<Site>, lang: &str) -> Result<Scene, Box<Response>> {
    let Some(lang) = Lang::parse(lang) else {
        return Err(Box::new(Problem::no_such_route(&format!("/{lang}/")).into_response()));
    };
    let Ok(published) = site.published() else {
        return Err(Box::new(frame::nothing_yet(site, lang)));
    };
    let definition = Arc::clone(site.chronicle.now().definition());
    Ok(Scene { site: Arc::clone(site), lang, published, definition })
}

/// A page's query parameter as a number; anything else is as if it were not there.
fn query_number(uri: &http::Uri, name: &str) -> Option<u64> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

/// A text as one segment of an address (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Headers that every answer of the site has.
fn guarded(mut response: Response, policy: &'static str) -> Response {
    let fields = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    response
}
