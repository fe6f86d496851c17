//! The table of HTTP routes, and the OpenAPI document that describes them.
//!
//! The document is written by hand (`openapi.json`): what a stranger needs is a sentence, not a type's name. A test holds the two
//! together route by route; other people's tools hold the document against a running node (`.ci/run`).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, header};
use serde_json::Value;

use super::{
    Site, SiteState, admitted, archive, catalogue, checkpoint, custody, decisions, edge, entries, events, figures,
    inquiry, proofs, tiles,
};

/// The one address whose answer does not end.
pub(super) const EVENTS: &str = "/api/v1/events";
const DOCUMENT: &str = include_str!("openapi.json");

/// Every HTTP address for programs, with its handler.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<Site>>)> {
    vec![
        ("/checkpoint", get(checkpoint::note)),
        ("/checkpoints/{size}", get(archive::note)),
        ("/history", get(archive::history)),
        ("/tile/{*path}", get(tiles::sha256)),
        ("/blake3/tile/{*path}", get(tiles::blake3)),
        ("/api/openapi.json", get(document)),
        ("/api/v1/checkpoint", get(checkpoint::summary)),
        ("/api/v1/checkpoints", get(archive::list)),
        ("/api/v1/genesis", get(checkpoint::genesis)),
        ("/api/v1/election", get(catalogue::election)),
        ("/api/v1/constituencies", get(catalogue::constituencies)),
        ("/api/v1/constituencies/{number}", get(catalogue::constituency)),
        ("/api/v1/stations", get(catalogue::stations)),
        ("/api/v1/stations/{number}", get(catalogue::station)),
        ("/api/v1/stations/{number}/records", get(catalogue::station_records)),
        ("/api/v1/units/{station}", get(figures::units)),
        ("/api/v1/turnout", get(figures::turnout)),
        ("/api/v1/results", get(figures::results)),
        ("/api/v1/acts", get(decisions::acts)),
        ("/api/v1/cases", get(decisions::cases)),
        ("/api/v1/tables", get(decisions::tables)),
        ("/api/v1/custody", get(custody::pieces)),
        ("/api/v1/custody/{serial}", get(custody::history)),
        ("/api/v1/records", get(catalogue::records)),
        ("/api/v1/records/{id}", get(entries::record)),
        ("/api/v1/irregularities", get(catalogue::irregularities)),
        ("/api/v1/entries/{index}", get(entries::entry)),
        ("/api/v1/proofs/inclusion", get(proofs::inclusion)),
        ("/api/v1/proofs/consistency", get(proofs::consistency)),
        ("/api/v1/receipts/{leaf}", get(proofs::receipt)),
        ("/api/v1/nodes", get(catalogue::nodes)),
        (EVENTS, get(events::stream)),
        (inquiry::INQUIRIES, post(inquiry::ask)),
        ("/api/v1/admitted", get(admitted::summary)),
        ("/admitted/index", get(admitted::index)),
        ("/admitted/leaves/{*path}", get(admitted::leaves)),
        ("/admitted/tile/{*path}", get(admitted::tile)),
    ]
}

/// `GET /api/openapi.json`.
async fn document(State(_): SiteState, headers: HeaderMap) -> Response {
    edge::conditional(&headers, edge::tag_of(DOCUMENT.as_bytes()), "public, max-age=300", || {
        ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
    })
}

/// The document as a value.
pub(super) fn described() -> Value {
    // A constant of this program, read by its tests; were it broken, there would be nothing to show.
    serde_json::from_str(DOCUMENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        // Axum's name of a rest of a path, and OpenAPI's.
        let served: BTreeSet<String> = routes().iter().map(|(path, _)| path.replace("{*", "{")).collect();
        let document = described();
        let documented: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(served, documented);
    }

    #[test]
    fn parameters_of_paths_are_those_in_braces_and_references_lead_somewhere() {
        let document = described();
        for (path, item) in document["paths"].as_object().unwrap() {
            let braces = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
            let braces: BTreeSet<&str> = braces.collect();
            let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
            let inside = parameters.iter().filter(|parameter| parameter["in"] == "path");
            let inside: BTreeSet<&str> = inside.filter_map(|parameter| parameter["name"].as_str()).collect();
            assert_eq!(braces, inside, "{path}");
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for reference in DOCUMENT.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}
