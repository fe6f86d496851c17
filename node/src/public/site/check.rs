//! How to check this yourself: in words, and in the browser.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use tamga_ledger::kinds::Kind;

use super::assets::{self, Asset};
use super::frame::{Page, constant};
use super::lang::Lang;
use super::{SiteState, guarded, lists, scene, words};
use crate::public::edge;
use crate::public::openapi;

/// What the script says, by language.
const SAID: [&str; 3] =
    [include_str!("static/said.ky.json"), include_str!("static/said.ru.json"), include_str!("static/said.en.json")];
const SCRIPTS: [Asset; 4] = [assets::BLAKE3, assets::VERIFY, assets::COURT, assets::VERIFY_PAGE];

/// The script's sentences, as data that browsers do not run.
pub(super) fn words_for_script(lang: Lang) -> Markup {
    let [ky, ru, en] = SAID;
    let text = match lang {
        Lang::Ky => ky,
        Lang::Ru => ru,
        Lang::En => en,
    };
    html! { script #said type="application/json" { (PreEscaped(with_kinds(text, lang))) } }
}

/// The sentences, and under `kinds` what kinds of records are called, by number.
fn with_kinds(sentences: &str, lang: Lang) -> String {
    let kinds: BTreeMap<u16, &str> = (1..=u16::from(u8::MAX))
        .filter(|number| Kind::from_number(*number).is_some())
        .map(|number| (number, lang.of(lists::kind_word(number))))
        .collect();
    // Both are this program's own words; a test sees to it that no word ends the element.
    let kinds = serde_json::to_string(&kinds).unwrap_or_else(|_| "{}".to_owned());
    let open = sentences.trim_end().trim_end_matches('}').trim_end();
    format!("{open},\n  \"kinds\": {kinds}\n}}")
}

/// `GET /{lang}/how`.
pub(super) async fn how(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let id = site.core.trust().election_id();
    let main = html! {
        p { (scene.t(words::HOW_1)) }
        ol {
            li { (scene.t(words::HOW_5)) br; code { (id) } }
            li { (scene.t(words::HOW_2)) " " a href=(scene.link("verify")) { (scene.t(words::VERIFY)) } }
            li { (scene.t(words::HOW_3)) " " a href=(scene.link("verify.html")) { (scene.t(words::VERIFY_SAVE)) } }
            li {
                (scene.t(words::HOW_4))
                pre tabindex="0" { "tamga audit URL --genesis " (id) }
            }
        }
        p.note { (scene.t(words::HOW_6)) }
    };
    Page { path: "how", title: scene.t(words::HOW), json: None, main, scripts: &[] }.answer(&scene, &headers)
}

/// `GET /{lang}/verify`.
pub(super) async fn verify(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let main = html! {
        (words_for_script(scene.lang))
        noscript { p.note.preliminary { (scene.t(words::VERIFY_NOSCRIPT)) } }
        (forms(scene.lang, ""))
        @if !scene.view().voting_sealed { p.aside { (scene.t(words::OWN)) ": " (scene.t(words::OWN_NOT_YET)) } }
        p { a href=(scene.link("verify.html")) download="tamga-verify.html" { (scene.t(words::VERIFY_SAVE)) } }
        p {
            (scene.t(words::VERIFY_SCRIPT)) ": "
            @for script in SCRIPTS { a href=(format!("/site/{}", script.name)) { (script.name) } " " }
        }
    };
    Page { path: "verify", title: scene.t(words::VERIFY), json: None, main, scripts: &SCRIPTS }.answer(&scene, &headers)
}

/// The forms of the verification page. They do nothing without the script, and say so.
fn forms(lang: Lang, node: &str) -> Markup {
    let t = |word| lang.of(word);
    html! {
        p { (t(words::VERIFY_INTRO)) }
        form #verify-form .script-only hidden {
            p {
                label for="election" { (t(words::VERIFY_ID)) }
                input #election type="text" autocomplete="off" spellcheck="false" aria-describedby="election-hint";
                small #election-hint { (t(words::VERIFY_ID_HINT)) }
            }
            p {
                label for="node" { (t(words::VERIFY_NODE)) }
                input #node type="url" value=(node) autocomplete="off" spellcheck="false";
            }
            fieldset {
                legend { (t(words::VERIFY_RECEIPT)) }
                p { label for="receipt-file" { (t(words::VERIFY_FILE)) } input #receipt-file type="file"; }
                p { label for="receipt" { (t(words::VERIFY_PASTE)) } textarea #receipt rows="4" spellcheck="false" {} }
                p { label for="genesis-file" { (t(words::VERIFY_GENESIS)) } input #genesis-file type="file"; }
                p { button #verify-receipt type="submit" { (t(words::VERIFY)) } }
            }
            fieldset {
                legend { (t(words::RECORD)) }
                p { label for="leaf" { (t(words::VERIFY_LEAF)) } input #leaf type="number" min="0" inputmode="numeric"; }
                p { button #verify-leaf type="button" { (t(words::VERIFY)) } }
            }
            fieldset {
                legend { (t(words::OWN)) }
                p { (t(words::OWN_NOTE)) }
                p { label for="tag" { (t(words::OWN_TAG)) } input #tag type="text" autocomplete="off" spellcheck="false"; }
                p { button #verify-tag type="button" { (t(words::FIND)) } }
            }
            fieldset {
                legend { (t(words::COMPARE)) }
                p { (t(words::COMPARE_NOTE)) }
                p { label for="nodes-list" { (t(words::VERIFY_NODE)) } textarea #nodes-list rows="3" spellcheck="false" {} }
                p { button #compare type="button" { (t(words::COMPARE_BUTTON)) } }
            }
        }
        div #verify-result role="status" aria-live="polite" tabindex="-1" {}
    }
}

/// `GET /{lang}/verify.html`: the same in one file, for a computer without a network.
pub(super) async fn saved(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let lang = scene.lang;
    // The host that was asked, so that the saved page knows where to ask; a wrong one can be overwritten in the form.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let whole = html! {
        (DOCTYPE)
        html lang=(lang.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (lang.of(words::VERIFY)) " · Tamga" }
                style { (constant(assets::STYLE.text)) }
            }
            body data-site=(host) {
                main #main {
                    h1 { (lang.of(words::VERIFY)) }
                    noscript { p.note.preliminary { (lang.of(words::VERIFY_NOSCRIPT)) } }
                    (words_for_script(lang))
                    (forms(lang, ""))
                }
                @for script in SCRIPTS { script { (constant(script.text)) } }
            }
        }
    }
    .into_string();
    let tag = edge::tag_of(whole.as_bytes());
    let answer = || {
        let disposition = HeaderValue::from_static("attachment; filename=\"tamga-verify.html\"");
        (
            [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (header::CONTENT_DISPOSITION, disposition),
            ],
            whole,
        )
            .into_response()
    };
    guarded(edge::conditional(&headers, tag, "no-cache", answer), "default-src 'none'; sandbox")
}

/// `GET /{lang}/api`: the OpenAPI document for people.
pub(super) async fn api(State(site): SiteState, Path(lang): Path<String>, headers: HeaderMap) -> Response {
    let scene = match scene(&site, &lang) {
        Ok(scene) => scene,
        Err(answer) => return *answer,
    };
    let main = html! {
        // The document is in English: its readers write programs.
        div lang="en" { (described(&openapi::described())) }
    };
    let json = Some("/api/openapi.json");
    Page { path: "api", title: scene.t(words::API), json, main, scripts: &[] }.answer(&scene, &headers)
}

/// What stands between backticks in the document (CommonMark), as code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn described(document: &Value) -> Markup {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let paths = document["paths"].as_object();
    html! {
        p { (with_code(&text(&document["info"]["description"]))) }
        @for (path, item) in paths.into_iter().flatten() {
            @let (method, operation) = [("GET", &item["get"]), ("POST", &item["post"])][usize::from(item["get"].is_null())];
            section.operation {
                h2 { code { (method) " " (path) } }
                p { (with_code(&text(&operation["summary"]))) }
                @if let Some(parameters) = operation["parameters"].as_array() {
                    dl {
                        @for parameter in parameters {
                            dt { code { (text(&parameter["name"])) } }
                            dd { (with_code(&text(&parameter["description"]))) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_script_speaks_all_three_languages() {
        let keys = |text: &str| -> BTreeSet<String> {
            serde_json::from_str::<Value>(text).unwrap().as_object().unwrap().keys().cloned().collect()
        };
        let [ky, ru, en] = SAID.map(keys);
        assert_eq!((&ky, &ru), (&en, &en));
        for key in &en {
            let used = SCRIPTS.iter().any(|script| script.text.contains(&format!("\"{key}\"")));
            assert!(used, "nobody says {key}");
        }
        for (text, lang) in SAID.into_iter().zip([Lang::Ky, Lang::Ru, Lang::En]) {
            let whole = with_kinds(text, lang);
            assert!(!whole.contains("</"), "it stands inside a script element");
            let whole: Value = serde_json::from_str(&whole).unwrap();
            assert_eq!(whole["kinds"]["20"], lang.of(lists::kind_word(20)));
            assert_eq!(whole["working"], serde_json::from_str::<Value>(text).unwrap()["working"]);
        }
    }
}
