//! What every page has: head, navigation, rehearsal banner, and the checkpoint at which its figures hold.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets::{self, Asset};
use super::lang::{Lang, Word};
use super::{Scene, Site, guarded, words};
use crate::public::edge;

/// Scripts and styles are this node's own files; nothing else is fetched from anywhere, and no page may frame this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Verification asks the nodes that its reader names.
const POLICY_ASKING: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src *; \
                             form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Pages of one checkpoint are alike for everybody; a cache in front may answer for two seconds by itself.
const CACHE: &str = "public, max-age=2";

const SECTIONS: [(&str, Word); 8] = [
    ("", words::OVERVIEW),
    ("results", words::RESULTS),
    ("constituencies", words::CONSTITUENCIES),
    ("stations", words::STATIONS),
    ("irregularities", words::IRREGULARITIES),
    ("acts", words::ACTS),
    ("verify", words::VERIFY),
    ("how", words::HOW),
];

/// A page's own part.
pub(super) struct Page<'a> {
    /// Its address behind the language.
    pub(super) path: &'a str,
    /// Its heading.
    pub(super) title: &'a str,
    /// Where programs find the same, if there is one place.
    pub(super) json: Option<&'a str>,
    /// What it says.
    pub(super) main: Markup,
    /// Scripts besides the one that updates pages.
    pub(super) scripts: &'a [Asset],
}

impl Page<'_> {
    /// The whole page as an answer.
    pub(super) fn answer(self, scene: &Scene, headers: &HeaderMap) -> Response {
        let lang = scene.lang;
        let policy = if self.scripts.is_empty() { POLICY } else { POLICY_ASKING };
        let main = html! {
            h1 { (self.title) }
            (self.main)
            @if let Some(json) = self.json { p.aside { a href=(json) { (scene.t(words::AS_JSON)) } } }
            (checkpoint(scene))
        };
        let whole = document(&scene.site, lang, self.path, self.title, &main, self.scripts).into_string();
        let tag = edge::tag_of(whole.as_bytes());
        guarded(edge::conditional(headers, tag, CACHE, || html_answer(lang, whole)), policy)
    }
}

fn html_answer(lang: Lang, whole: String) -> Response {
    let fields = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_LANGUAGE, lang.code())];
    (fields, whole).into_response()
}

/// A page without a checkpoint: something is not there.
fn bare(site: &Arc<Site>, lang: Lang, status: StatusCode, title: Word, text: Word) -> Response {
    let main = html! { h1 { (lang.of(title)) } p { (lang.of(text)) } };
    let whole = document(site, lang, "", lang.of(title), &main, &[]).into_string();
    let mut response = html_answer(lang, whole);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guarded(response, POLICY)
}

pub(super) fn nothing_yet(site: &Arc<Site>, lang: Lang) -> Response {
    bare(site, lang, StatusCode::SERVICE_UNAVAILABLE, words::NOTHING_YET, words::NOTHING_YET_TEXT)
}

pub(super) fn not_found(scene: &Scene) -> Response {
    bare(&scene.site, scene.lang, StatusCode::NOT_FOUND, words::NOT_FOUND, words::NOT_FOUND_TEXT)
}

pub(super) fn trouble(scene: &Scene) -> Response {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    bare(&scene.site, scene.lang, status, words::NODE_TROUBLE, words::NODE_TROUBLE_TEXT)
}

fn document(site: &Site, lang: Lang, path: &str, title: &str, main: &Markup, scripts: &[Asset]) -> Markup {
    let election = site.core.trust().election();
    let name = lang.title(&election.title);
    html! {
        (DOCTYPE)
        html lang=(lang.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (name) }
                (assets::stylesheet())
                link rel="icon" href="/site/icon.svg" type="image/svg+xml";
                (assets::script(&assets::LIVE))
                @for script in scripts { (assets::script(script)) }
            }
            body data-events="/api/v1/events" {
                a.skip href="#main" { (lang.of(words::SKIP)) }
                @if election.real != 1 { p.rehearsal role="note" { (lang.of(words::REHEARSAL)) } }
                header {
                    p.name { a href=(format!("/{}/", lang.code())) { (name) } }
                    nav.languages aria-label=(lang.of(words::LANGUAGES)) {
                        @for other in Lang::ALL {
                            a href=(format!("/{}/{path}", other.code())) hreflang=(other.code()) lang=(other.code())
                                aria-current=[(other == lang).then_some("true")] { (other.name()) }
                        }
                    }
                    nav.sections aria-label=(lang.of(words::SECTIONS)) {
                        ul {
                            @for (section, word) in SECTIONS {
                                li {
                                    a href=(format!("/{}/{section}", lang.code()))
                                        aria-current=[(section == path).then_some("page")] { (lang.of(word)) }
                                }
                            }
                        }
                    }
                }
                // What came while the page was open; scripts fill it, screen readers speak it.
                p.news #news role="status" data-protocol=(lang.of(words::PROTOCOL)) data-station=(lang.of(words::STATION))
                    data-machine=(lang.of(words::MACHINE)) data-hand=(lang.of(words::HAND))
                    data-recount=(lang.of(words::RECOUNT)) data-transcribed=(lang.of(words::TRANSCRIBED)) {}
                main #main tabindex="-1" { (main) }
                footer {
                    p { (lang.of(words::TIMES)) " " a href=(format!("/{}/api", lang.code())) { (lang.of(words::API)) } }
                    p { (lang.of(words::ELECTION_ID)) ": " code { (site.core.trust().election_id()) } }
                }
            }
        }
    }
}

/// At which checkpoint the figures hold, and who vouches for it.
fn checkpoint(scene: &Scene) -> Markup {
    let (lang, published) = (scene.lang, &scene.published);
    let of = scene.site.core.trust_now().policy_at(published.checkpoint.size).organisations().len() as u64;
    let signed = published.organisations.len() as u64;
    html! {
        section.checkpoint #checkpoint aria-labelledby="checkpoint-title" data-size=(published.checkpoint.size) {
            h2 #checkpoint-title { (scene.t(words::CHECKPOINT)) }
            p { (scene.t(words::CHECKPOINT_WHAT)) }
            dl {
                dt { (scene.t(words::ENTRIES)) }
                dd { (lang.number(published.checkpoint.size.get())) }
                dt { (scene.t(words::LAST_ENTRY)) }
                dd { (lang.time(published.sequenced_ms)) }
                dt { (scene.t(words::SIGNED_BY)) }
                dd { (lang.number(signed)) " / " (lang.number(of)) ": " (published.organisations.join(", ")) }
                dt { (scene.t(words::ROOT)) }
                dd { code { (published.checkpoint.roots.sha256) } }
            }
            p {
                a href="/checkpoint" { (scene.t(words::SIGNED_NOTE)) } " · "
                a href=(scene.link("verify")) { (scene.t(words::VERIFY)) }
            }
        }
    }
}

/// Text that is trusted because it is a constant of this program.
pub(super) const fn constant(text: &'static str) -> PreEscaped<&'static str> {
    PreEscaped(text)
}
