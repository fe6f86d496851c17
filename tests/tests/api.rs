//! The HTTP side for programs, against a running cluster: lists page by page, tags, compression, budgets, problems, and the
//! OpenAPI document that describes them.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tamga_node::proto::GetDocumentRequest;
use tamga_node::proto::reading_client::ReadingClient;
use tamga_tests::faults::needs::skipped;
use tamga_tests::http::{self, Answer};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, day};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_read_the_day_page_by_page() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let early = Stream::open(rehearsal.public(2), None).await;
    let day = day::pass(&rehearsal, false).await;
    let agreed = rehearsal.agreed(rehearsal.ids()).await.checkpoint().size.get();
    let address = rehearsal.public(2);
    // Lists follow the checkpoint in the background.
    until("the lists to have come up to the checkpoint", async || {
        let lists = http::found(address, "/api/v1/irregularities").await.json();
        if lists["covered_size"] == json!(agreed) { Ok(()) } else { Err(lists["covered_size"].to_string()) }
    })
    .await;
    the_definition_is_there(address, &rehearsal).await;
    lists_are_paged_without_gap(address).await;
    irregularities_name_what_was_refused(address, day.second_attempt).await;
    ranges_are_bounded(address).await;
    answers_are_conditional(address).await;
    texts_are_compressed_and_tiles_are_not(address).await;
    other_sites_may_read(address).await;
    the_document_is_true_of_the_answers(address, day.voting_seal).await;
    the_quick_way_answers_like_the_long_one(address).await;
    decisions_are_listed(address).await;
    the_same_documents_come_over_grpc(address).await;
    what_is_new_is_told(address, early).await;
}

/// What is in memory is answered before the router; HEAD never is. Both say the same.
async fn the_quick_way_answers_like_the_long_one(address: SocketAddr) {
    let fields = |answer: &Answer| {
        let own = |name: &str| !matches!(name, "x-request-id" | "date");
        let kept = answer.headers.iter().filter(|(name, _)| own(name)).cloned();
        kept.collect::<BTreeSet<_>>()
    };
    for path in [
        "/tile/0/000.p/9",
        "/blake3/tile/0/000.p/64",
        "/tile/entries/000.p/3",
        "/api/v1/proofs/inclusion?leaf=5&size=60",
        "/api/v1/proofs/inclusion?leaf=5",
    ] {
        let long = http::ask(address, "HEAD", path, &[]).await.unwrap();
        let first = http::found(address, path).await;
        let second = http::found(address, path).await;
        assert_eq!(first.body, second.body, "{path}");
        assert_eq!(fields(&long), fields(&second), "{path}");
        let (one, next) = (first.header("x-request-id").unwrap(), second.header("x-request-id").unwrap());
        assert!(one < next, "{path}: {one} {next}");
    }
    for (path, status) in [("/tile/0/999", 404), ("/tile/0/zzz", 400), ("/blake3/tile/entries/000.p/3", 400)] {
        assert_eq!(http::get(address, path).await.unwrap().status, status, "{path}");
    }
    let packed = [("Accept-Encoding", "gzip")];
    let packed = http::ask(address, "GET", "/api/v1/proofs/inclusion?leaf=5", &packed).await.unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
}

/// An act set aside by another, and a complaint: listed with what stands now.
async fn decisions_are_listed(address: SocketAddr) {
    let acts = whole_list(address, "/api/v1/acts?", 1).await;
    let told: Vec<_> = acts.iter().map(|act| (&act["effect"], &act["issuer"], &act["in_force"])).collect();
    let expected =
        [(&json!("annul"), &json!("precinct"), &json!(false)), (&json!("cancel"), &json!("court"), &json!(true))];
    assert_eq!(told, expected);
    assert_eq!(acts[1]["act"], acts[0]["id"]);
    assert_eq!(acts[0]["about"], json!({ "constituency": null, "station": 2, "unit": 1 }));
    let cases = whole_list(address, "/api/v1/cases?", 200).await;
    assert_eq!((&cases[0]["state"], &cases[0]["open"]), (&json!("filed"), &json!(true)));
    assert_eq!(whole_list(address, "/api/v1/tables?", 200).await, Vec::<Value>::new());
    let detail = http::found(address, "/api/v1/constituencies/1").await.json();
    let candidates = detail["constituency"]["candidates"].as_array().unwrap().len();
    assert_eq!(detail["margins"].as_array().unwrap().len(), candidates, "as on the page");
}

/// gRPC gives the same bytes for the same address, and the same problems.
async fn the_same_documents_come_over_grpc(address: SocketAddr) {
    let mut reading = ReadingClient::connect(format!("http://{address}")).await.unwrap();
    let document = http::found(address, "/api/openapi.json").await.json();
    let plain =
        |path: &&String| !path.contains('{') && !matches!(path.as_str(), "/api/v1/events" | "/api/v1/inquiries");
    let mut compared = 0;
    for path in document["paths"].as_object().unwrap().keys().filter(plain) {
        let path = match path.as_str() {
            "/api/v1/records" => "/api/v1/records?kind=protocol",
            "/api/v1/proofs/inclusion" => "/api/v1/proofs/inclusion?leaf=3",
            "/api/v1/proofs/consistency" => "/api/v1/proofs/consistency?from=3",
            path => path,
        };
        let answer = http::found(address, path).await;
        let request = GetDocumentRequest { address: path.to_owned() };
        let reply = reading.get_document(request).await.unwrap().into_inner();
        assert_eq!(Some(reply.content_type.as_str()), answer.header("content-type"), "{path}");
        assert_eq!(reply.etag, answer.header("etag").unwrap_or_default(), "{path}");
        // How long ago something was is another number at another moment.
        if !matches!(path, "/api/v1/nodes" | "/api/v1/checkpoint") {
            assert!(reply.body == answer.body, "{path}");
        }
        compared += 1;
    }
    assert!(compared > 15, "{compared}");
    for (path, code) in [
        ("/api/v1/stations/99999", Code::NotFound),
        ("/api/v1/stations?limit=0", Code::InvalidArgument),
        ("/api/v1/nothing", Code::NotFound),
        ("/api/v1/events", Code::NotFound),
        ("/ru/", Code::NotFound),
        ("http://elsewhere/api/v1/turnout", Code::InvalidArgument),
        ("", Code::InvalidArgument),
        ("not an address", Code::InvalidArgument),
    ] {
        let refused = reading.get_document(GetDocumentRequest { address: path.to_owned() }).await.unwrap_err();
        assert_eq!(refused.code(), code, "{path}: {refused}");
    }
}

/// A stream of events, read line by line.
struct Stream(BufReader<TcpStream>);

#[derive(Debug)]
struct Event {
    name: String,
    id: u64,
    data: Value,
}

impl Stream {
    async fn open(address: SocketAddr, last: Option<u64>) -> Self {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        // HTTP/1.0 has no chunks.
        let request = format!("GET /api/v1/events HTTP/1.0\r\nHost: {address}\r\n{last}\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Self(BufReader::new(connection));
        assert!(stream.line().await.contains(" 200 "));
        while !stream.line().await.is_empty() {}
        stream
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(Duration::from_secs(60), self.0.read_line(&mut line)).await;
        assert!(read.expect("a line within a minute").unwrap() > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    async fn event(&mut self) -> Event {
        let mut event = Event { name: String::new(), id: 0, data: Value::Null };
        loop {
            let line = self.line().await;
            match line.split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = id.parse().unwrap(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line.is_empty() && !event.name.is_empty() => return event,
                _ => {}
            }
        }
    }

    /// Events until so many protocols have come.
    async fn until_protocols(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while of(&events, "protocol").count() < count {
            events.push(self.event().await);
        }
        events
    }
}

fn of<'a>(events: &'a [Event], name: &str) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |event| event.name == name)
}

/// Who listened since before the day was told all of it; who comes back is told what came meanwhile, once.
async fn what_is_new_is_told(address: SocketAddr, mut early: Stream) {
    let listed = whole_list(address, "/api/v1/records?kind=protocol&", 200).await;
    let told = early.until_protocols(listed.len()).await;
    let protocols: Vec<&Value> = of(&told, "protocol").map(|event| &event.data).collect();
    assert_eq!(protocols, listed.iter().collect::<Vec<_>>(), "each protocol as the list has it, in order");
    let sizes: Vec<u64> =
        of(&told, "checkpoint").map(|event| event.data["checkpoint"]["size"].as_u64().unwrap()).collect();
    assert!(sizes.len() > 1 && sizes.is_sorted_by(|one, next| one < next), "{sizes:?}");
    let came = |event: &Event| event.data["nation_cumulative"].as_array().unwrap().last().unwrap()["total"].as_u64();
    let turnout: Vec<u64> = of(&told, "turnout").filter_map(came).collect();
    let now = http::found(address, "/api/v1/turnout").await.json();
    let now = now["nation_cumulative"].as_array().unwrap().last().unwrap()["total"].as_u64().unwrap();
    assert!(turnout.len() > 1 && turnout.is_sorted() && turnout.last() == Some(&now), "{turnout:?} {now}");
    let third = of(&told, "protocol").nth(2).unwrap().id;
    let missed = Stream::open(address, Some(third)).await.until_protocols(listed.len() - 3).await;
    let again: Vec<&Value> = of(&missed, "protocol").map(|event| &event.data).collect();
    assert_eq!(again, listed.iter().skip(3).collect::<Vec<_>>());
    // Whoever has everything, or names a place that this ledger does not have, waits for what is new.
    for id in [told.last().unwrap().id, u64::MAX] {
        let mut stream = Stream::open(address, Some(id)).await;
        let first = [stream.event().await, stream.event().await].map(|event| event.name);
        assert_eq!(first, ["checkpoint", "turnout"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_much_is_told_when_to_come_again() {
    let mut rehearsal = Rehearsal::start(Plan::of(1)).await;
    rehearsal.published(1, 1).await;
    rehearsal.node(1).configure(|config| (config.limits.cost_per_second, config.limits.cost_burst) = (1, 25)).unwrap();
    rehearsal.node_mut(1).kill().await;
    rehearsal.restart(1).await;
    let address = rehearsal.public(1);
    let mut last = None;
    for _ in 0..30 {
        let answer = http::get(address, "/api/v1/proofs/inclusion?leaf=0").await.unwrap();
        let status = answer.status;
        last = Some(answer);
        if status != 200 {
            break;
        }
    }
    let refused = last.unwrap();
    assert_eq!(refused.status, 429, "{refused:?}");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait), "{refused:?}");
    assert_eq!(refused.json()["type"], json!("urn:tamga:problem:too-many-requests"));
    // What the operator asks is not counted.
    assert_eq!(http::get(rehearsal.node(1).admin_address(), "/healthz").await.unwrap().status, 200);
}

/// Checks of the document that hold for every request that schemathesis makes of it.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance";

/// A tool nobody here wrote makes requests out of the document, sensible ones and others, and holds the answers against it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_that_the_document_does_not_describe() {
    let tool = std::env::var("TAMGA_SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".to_owned());
    if tokio::process::Command::new(&tool).arg("--version").output().await.is_err() {
        return skipped("schemathesis", "it needs schemathesis in PATH or in TAMGA_SCHEMATHESIS");
    }
    let rehearsal = Rehearsal::open(Plan::of(1)).await;
    day::pass(&rehearsal, false).await;
    rehearsal.agreed(rehearsal.ids()).await;
    let document = format!("http://{}/api/openapi.json", rehearsal.public(1));
    // A fixed seed: what the gate asks today it asks tomorrow. Streams never end, so they are left out.
    let ran = tokio::process::Command::new(&tool)
        .args(["run", &document, "--phases", "coverage,fuzzing", "--max-examples", "20", "--seed", "1", "--no-color"])
        .args(["--exclude-path", "/api/v1/events", "--request-timeout", "60", "--checks", CHECKS])
        .current_dir(rehearsal.folder())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

async fn the_definition_is_there(address: SocketAddr, rehearsal: &Rehearsal) {
    let election = http::found(address, "/api/v1/election").await.json();
    assert_eq!(election["election_id"], json!(rehearsal.world.trust.election_id().to_string()));
    assert_eq!((&election["real"], election["organisations"].as_array().unwrap().len()), (&json!(false), 3));
    let one = http::found(address, "/api/v1/constituencies/1").await.json();
    assert_eq!(one["constituency"]["candidates"].as_array().unwrap().len(), 3, "{one}");
    assert_eq!(one["stations"], json!([1, 2]));
    let hundredths: u64 = one["hand_shares"]["hundredths"].as_array().unwrap().iter().filter_map(Value::as_u64).sum();
    assert_eq!(hundredths, 10_000, "{one}");
    let station = http::found(address, "/api/v1/stations/5").await.json();
    assert_eq!((&station["station"]["station_kind"], &station["units"][0]["status"]), (&json!(1), &json!("closed")));
    let of_two = http::found(address, "/api/v1/stations?constituency=2").await.json();
    let numbers: Vec<&Value> = of_two["items"].as_array().unwrap().iter().map(|item| &item["number"]).collect();
    assert_eq!(numbers, [&json!(3), &json!(4)]);
}

async fn whole_list(address: SocketAddr, path: &str, limit: u64) -> Vec<Value> {
    let (mut items, mut from) = (Vec::new(), 0);
    loop {
        let page = http::found(address, &format!("{path}from={from}&limit={limit}")).await.json();
        let here = page["items"].as_array().unwrap();
        assert!(here.len() as u64 <= limit);
        items.extend(here.iter().cloned());
        match page["next"].as_u64() {
            Some(next) => from = next,
            None => break items,
        }
    }
}

async fn lists_are_paged_without_gap(address: SocketAddr) {
    for path in [
        "/api/v1/constituencies?",
        "/api/v1/stations?",
        "/api/v1/stations/1/records?",
        "/api/v1/records?kind=protocol&",
    ] {
        let (small, large) = (whole_list(address, path, 2).await, whole_list(address, path, 200).await);
        assert_eq!(small, large, "{path}");
        assert!(small.len() > 1, "{path}: {small:?}");
    }
    let records = whole_list(address, "/api/v1/stations/1/records?", 200).await;
    let kinds: Vec<&str> = records.iter().filter_map(|record| record["kind"].as_str()).collect();
    let expected = ["station-phase", "ballot-batch", "station-phase", "protocol", "total-opening", "protocol"];
    assert_eq!(kinds, expected, "identifications are not listed");
    assert_eq!(records[2]["what"], json!("close"));
}

async fn irregularities_name_what_was_refused(address: SocketAddr, leaf: u64) {
    let found = whole_list(address, "/api/v1/irregularities?", 50).await;
    let refused = found.iter().find(|line| line["leaf"] == json!(leaf)).unwrap();
    assert_eq!((&refused["verdict"], &refused["kind"]), (&json!("refused"), &json!("identification")));
    let entry = http::found(address, refused["entry"].as_str().unwrap()).await.json();
    assert_eq!(entry["refusal"]["name"], json!("already-admitted"), "{entry}");
}

async fn problem_of(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = http::get(address, path).await.unwrap();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}: {answer:?}");
    let problem = answer.json();
    let instance = format!("urn:tamga:request:{}", answer.header("x-request-id").unwrap());
    assert_eq!(problem["instance"], json!(instance), "a problem can be found again in the node's log");
    (answer.status, problem["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned())
}

async fn ranges_are_bounded(address: SocketAddr) {
    let cases = [
        ("/api/v1/stations?limit=0", 400, "bad-parameter"),
        ("/api/v1/stations?limit=201", 400, "bad-parameter"),
        ("/api/v1/stations?from=-1", 400, "bad-parameter"),
        ("/api/v1/stations?from=1&from=2", 400, "bad-parameter"),
        ("/api/v1/stations?form=1", 400, "bad-parameter"),
        ("/api/v1/records", 400, "bad-parameter"),
        ("/api/v1/records?kind=identification", 400, "bad-parameter"),
        ("/api/v1/stations/99999999999", 404, "no-such-station"),
        ("/api/v1/stations/77/records", 404, "no-such-station"),
        ("/api/v1/constituencies/3", 404, "no-such-constituency"),
        ("/api/v2/checkpoint", 404, "no-such-route"),
    ];
    for (path, status, slug) in cases {
        assert_eq!(problem_of(address, path).await, (status, slug.to_owned()), "{path}");
    }
    let beyond = http::found(address, "/api/v1/stations?from=18446744073709551615").await.json();
    assert_eq!((&beyond["items"], &beyond["next"]), (&json!([]), &Value::Null));
}

async fn answers_are_conditional(address: SocketAddr) {
    let paths =
        ["/checkpoint", "/api/v1/election", "/api/v1/results", "/api/v1/stations/1", "/api/v1/records?kind=seal"];
    for path in paths {
        let tag = http::found(address, path).await.header("etag").unwrap().to_owned();
        let again = http::ask(address, "GET", path, &[("If-None-Match", &format!("\"other\", {tag}"))]).await.unwrap();
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
        let other = http::ask(address, "GET", path, &[("If-None-Match", "\"other\"")]).await.unwrap();
        assert_eq!(other.status, 200, "{path}");
        let head = http::ask(address, "HEAD", path, &[]).await.unwrap();
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(tag.as_str())), "{path}");
    }
}

async fn texts_are_compressed_and_tiles_are_not(address: SocketAddr) {
    let zip = [("Accept-Encoding", "gzip")];
    let plain = http::found(address, "/api/openapi.json").await;
    let packed = http::ask(address, "GET", "/api/openapi.json", &zip).await.unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"), "{:?}", packed.headers);
    assert!(packed.body.len() * 4 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
    let tile = http::ask(address, "GET", "/tile/entries/000.p/60", &zip).await.unwrap();
    assert_eq!((tile.status, tile.header("content-encoding")), (200, None));
}

async fn other_sites_may_read(address: SocketAddr) {
    let asked = [
        ("Origin", "https://observers.example"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "if-none-match"),
    ];
    let allowed = http::ask(address, "OPTIONS", "/api/v1/results", &asked).await.unwrap();
    assert_eq!(allowed.header("access-control-allow-origin"), Some("*"), "{allowed:?}");
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("if-none-match"), "{allowed:?}");
    assert!(!allowed.header("access-control-allow-methods").unwrap().contains("POST"), "{allowed:?}");
    let written = http::ask(address, "POST", "/api/v1/results", &[("Content-Length", "0")]).await.unwrap();
    assert_eq!(written.status, 405);
}

/// Every address of the document, with real parameters, against the schema it names: required fields and plain types. A tool
/// nobody here wrote goes further (`.ci/run`).
async fn the_document_is_true_of_the_answers(address: SocketAddr, leaf: u64) {
    let document = http::found(address, "/api/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let id = http::found(address, &format!("/api/v1/entries/{leaf}")).await.json()["record_id"].clone();
    let size = http::found(address, "/api/v1/checkpoint").await.json()["size"].to_string();
    let real = |path: &str| {
        let leaf = leaf.to_string();
        let filled = [
            ("{index}", leaf.as_str()),
            ("{leaf}", &leaf),
            ("{number}", "1"),
            ("{size}", &size),
            ("{station}", "1"),
            ("{id}", id.as_str().unwrap()),
            ("{path}", "0/000.p/9"),
        ];
        let path = filled.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
        match path.as_str() {
            "/api/v1/records" => path + "?kind=seal",
            "/api/v1/proofs/inclusion" => path + "?leaf=1",
            "/api/v1/proofs/consistency" => path + "?from=1",
            // 44 voters were admitted.
            "/admitted/leaves/0/000.p/9" => "/admitted/leaves/000.p/44".to_owned(),
            "/admitted/tile/0/000.p/9" => "/admitted/tile/0/000.p/44".to_owned(),
            _ if path.starts_with("/api/v1/receipts/") => path + "?format=json",
            _ => path,
        }
    };
    let mut strange = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let described = &item["get"]["responses"]["200"]["content"];
        if described.get("text/event-stream").is_some() {
            // It never ends; the browser reads it.
            continue;
        }
        if item.get("get").is_none() || path.contains("{serial}") {
            // Asked by those who may (`members`); of equipment that there is (`day_cli`).
            continue;
        }
        let answer: Answer = http::found(address, &real(path)).await;
        assert!(answer.header("x-request-id").is_some(), "{path}");
        let media = answer.header("content-type").unwrap().split(';').next().unwrap();
        let Some(schema) = described.get(media).map(|content| &content["schema"]) else {
            panic!("{path}: {media} is not described: {described}");
        };
        if media == "application/json" {
            holds(&document, schema, &answer.json(), path, &mut strange);
        }
    }
    assert!(strange.is_empty(), "not described: {strange:#?}");
}

/// Whether a value is as its schema says; fields that the schema does not name go to `strange`.
fn holds(document: &Value, schema: &Value, value: &Value, place: &str, strange: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return holds(document, &document["components"]["schemas"][name], value, place, strange);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let nothing = choices.iter().any(|choice| choice["type"] == "null");
        if !(nothing && value.is_null()) {
            holds(document, &choices[0], value, place, strange);
        }
        return;
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    assert!(fits, "{place}: {value} is no {schema}");
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(value.get(name).is_some(), "{place}: {name} is missing");
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        strange
            .extend(fields.keys().filter(|name| !properties.contains_key(*name)).map(|name| format!("{place} {name}")));
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(found) = value.get(name) {
            holds(document, inner, found, &format!("{place} {name}"), strange);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(inner) = schema.get("items") {
            holds(document, inner, item, place, strange);
        }
    }
}
