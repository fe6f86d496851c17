//! A commission does its whole day with the programs, on running nodes: keys, custody, phases, a void, protocols, copies, tables.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::json;
use tamga_tests::desk::{Desk, Person};
use tamga_tests::program::{run, tamga};
use tamga_tests::world::Voter;
use tamga_tests::{Plan, Rehearsal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commission_does_its_whole_day_with_the_programs() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let desk = Desk::of(&rehearsal);
    let (a, b, c) = (desk.person("chair").await, desk.person("secretary").await, desk.person("member").await);
    let (keeper, observer) = (desk.person("keeper").await, desk.person("observer").await);
    let station: &[&str] = &["--station", "1"];
    desk.registered(&[
        (&a, "member", station),
        (&b, "member", station),
        (&c, "member", station),
        (&keeper, "custodian", &[]),
        (&observer, "observer", &[]),
    ])
    .await;

    equipment(&desk, &keeper, &a).await;
    phases(&desk, &[&a, &b, &c]).await;
    papers(&desk, &[&a, &b, &c], &observer).await;
}

const UNIT: [&str; 4] = ["--station", "1", "--unit", "1"];

/// A scanner from the store into the unit, lost afterwards.
async fn equipment(desk: &Desk<'_>, keeper: &Person, chair: &Person) {
    let piece = |event: &'static str| ["custody", event, "--serial", "АСУ-2", "--item", "scanner"];
    let both = [keeper, chair];
    let at = |event, more: &[&'static str]| [&piece(event)[..], more].concat();
    desk.recorded(&both, &UNIT, &at("enter", &["--store", "склад 1"]), "accepted").await;
    desk.recorded(&both, &UNIT, &at("seal", &["--seal", "P-1"]), "accepted").await;
    let hand = [&piece("hand-over")[..], &["--seal", "P-1", "--from", &keeper.id, "--to", &chair.id]].concat();
    desk.recorded(&both, &UNIT, &hand, "accepted").await;
    let wrong = at("unseal", &["--seal", "P-9"]);
    desk.recorded(&both, &UNIT, &wrong, "accepted with flags seals-differ").await;
    desk.recorded(&both, &UNIT, &at("check", &["--holds", "all"]), "accepted").await;
    desk.recorded(&both, &UNIT, &at("deploy", &[]), "accepted").await;

    let known = desk.shown(&["custody"]).await.ended_with(0).json();
    assert_eq!((&known["counts"]["deployed"], &known["unused"]), (&json!(1), &json!(["АСУ-2"])), "{known:#}");
    let history = desk.shown(&["custody", "--serial", "АСУ-2", "--lang", "ru"]).await.ended_with(0).json();
    let events: Vec<_> = history["events"].as_array().unwrap().iter().map(|one| one["event"].clone()).collect();
    assert_eq!(json!(events), json!(["enter", "seal", "hand-over", "unseal", "check", "deploy"]));
    desk.shown(&["custody", "--serial", "nobody"]).await.ended_with(1);
    let words = ["custody", "--lang", "ru", &desk.url, "--genesis", &desk.genesis];
    let words = run(tamga(), &words).await.ended_with(0).out;
    assert!(words.contains("АСУ: в работе, единица 1/1"), "{words}");
}

async fn phases(desk: &Desk<'_>, members: &[&Person; 3]) {
    let say = async |what: &[&str], verdict: &str| desk.recorded(members, &UNIT, what, verdict).await;
    say(&["suspend", "--seal", "S-1"], "accepted").await;
    say(&["suspend"], "refused: phase-invalid").await;
    say(&["resume", "--seal", "S-2"], "accepted with flags seals-differ").await;
    say(&["box-out", "--seal", "B-1"], "accepted").await;
    say(&["box-in", "--seal", "B-1"], "accepted").await;
    say(&["replace", "АСУ-1", "АСУ-2"], "accepted with flags equipment-unknown").await;
    say(&["offline-start"], "accepted").await;
    say(&["offline-end"], "accepted").await;
    let (admitted, _) = desk.rehearsal.admit(1, Voter { home: 1, number: 0 }).await;
    let id = admitted.signed.id().to_string();
    desk.recorded(&members[..2], &UNIT, &["void", &id], "accepted").await;
    say(&["balance", "--list-total", "50", "--identified-local", "1", "--signatures", "1"], "accepted").await;
    let close = ["close", "--list-total", "50", "--identified-local", "1", "--signatures", "1", "--printed-own", "1"];
    say(&close, "accepted with flags balance-broken").await;
}

/// A protocol, its correction, an observer's copy, a table.
async fn papers(desk: &Desk<'_>, members: &[&Person; 3], observer: &Person) {
    let seed = desk.path("unit.seed");
    std::fs::write(&seed, "07".repeat(32)).unwrap();
    let lines = |voters: &'static str, valid: &'static str| {
        let line = |code: &'static str, figure: &str| ["--line".to_owned(), format!("{code}={figure}")];
        let figures = [
            ("1", "50"),
            ("2", voters),
            ("3", "0"),
            ("4", voters),
            ("5", "0"),
            ("6", "0"),
            ("7", "5"),
            ("8", "0"),
            ("9", "0"),
            ("10", valid),
        ];
        figures.iter().flat_map(|(code, figure)| line(code, figure)).collect::<Vec<_>>()
    };
    let protocol = |figures: &[String], more: &[&str]| {
        let head = ["protocol", "--form", "kg-2025-rehearsal", "--counts", "3,1,1,0,0", "--seed", &seed];
        let figures = figures.iter().map(String::as_str);
        head.into_iter().chain(figures).chain(more.iter().copied()).map(str::to_owned).collect::<Vec<_>>()
    };
    let args = |all: &[String]| {
        all.iter().map(String::as_str).collect::<Vec<_>>().iter().map(|one| (*one).to_owned()).collect::<Vec<String>>()
    };

    let broken = args(&protocol(&lines("5", "4"), &[]));
    let broken: Vec<&str> = broken.iter().map(String::as_str).collect();
    let refused = desk.drafted(members, &UNIT, &broken).await.ended_with(2).json();
    assert!(refused["error"].as_str().unwrap().contains("5 against 4"), "the device insists: {refused:#}");

    let first = protocol(&lines("5", "5"), &[]);
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let id = desk.recorded(members, &UNIT, &first, "accepted with flags papers-differ").await;
    let second = protocol(&lines("6", "5"), &["--explanation", "2"]);
    let second: Vec<&str> = second.iter().map(String::as_str).collect();
    let corrects = [&UNIT[..], &["--supersedes", &id]].concat();
    let id = desk.recorded(members, &corrects, &second, "accepted with flags papers-differ correction").await;

    let unit = desk.shown(&["unit", "--station", "1"]).await.ended_with(0).json();
    let changes = &unit["report"]["protocols"][1]["changes"];
    assert_eq!(
        *changes,
        json!([
            { "figure": "line 2", "before": 5, "after": 6 },
            { "figure": "line 4", "before": 5, "after": 6 },
        ])
    );
    assert_eq!(unit["report"]["protocols"][1]["explanation"], 2);

    let copy = ["countersign", "copy", "--target", &id, "--line", "2=5", "--counts", "3,1,1,0,0"];
    desk.recorded(&[observer], &UNIT, &copy, "accepted with flags copy-differs").await;
    let table = lines("6", "5");
    let table = ["table", "--form", "kg-2025-rehearsal", "--source-record", &id]
        .into_iter()
        .chain(table.iter().map(String::as_str));
    let table: Vec<&str> = table.collect();
    let commission =
        Person { folder: desk.path("organisations/org-1").into(), public: "org-1".to_owned(), id: String::new() };
    let district = ["--constituency", "1"];
    desk.recorded(&[&commission], &district, &table, "accepted with flags summary-incomplete").await;
    let tables = desk.shown(&["tables"]).await.ended_with(0).json();
    assert_eq!(tables["tables"][0]["check"]["lines"], json!([]), "{tables:#}");
}
