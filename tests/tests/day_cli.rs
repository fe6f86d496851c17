//! A commission does its whole day with the programs, on running nodes: keys, custody, phases, a void, protocols, copies, tables.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::{Value, json};
use tamga_node::proto::GetDocumentRequest;
use tamga_node::proto::reading_client::ReadingClient;
use tamga_tests::desk::{Desk, Person};
use tamga_tests::program::{run, tamga};
use tamga_tests::wait::until;
use tamga_tests::world::Voter;
use tamga_tests::{Plan, Rehearsal, http};

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
    everybody_sees_the_equipment(&desk).await;
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

/// The inventory and the history of one piece in the API, over gRPC the same, and on pages in three languages.
async fn everybody_sees_the_equipment(desk: &Desk<'_>) {
    let address = desk.rehearsal.public(1);
    let history = "/api/v1/custody/%D0%90%D0%A1%D0%A3-2";
    until("the list of the piece", async || {
        let answer = http::get(address, history).await.unwrap();
        if answer.status == 200 && answer.json()["total"] == 6 { Ok(()) } else { Err(answer.text().to_owned()) }
    })
    .await;
    let events = http::found(address, history).await.json();
    let told: Vec<_> = events["items"].as_array().unwrap().iter().map(|one| (&one["what"], &one["verdict"])).collect();
    assert_eq!(told[3], (&json!("unseal"), &json!("accepted-with-flags")), "{events:#}");
    let pieces = http::found(address, "/api/v1/custody?station=1").await.json();
    let piece = &pieces["items"][0];
    assert_eq!(
        (&piece["serial"], &piece["item"], &piece["stand"]),
        (&json!("АСУ-2"), &json!("scanner"), &json!("deployed"))
    );
    assert_eq!(
        (&piece["missing"], &piece["ready"], &piece["about"]["unit"]),
        (&json!([]), &json!(true), &json!(1)),
        "{piece:#}"
    );
    assert_eq!(http::found(address, "/api/v1/custody?station=2").await.json()["total"], 0);
    let unit = http::found(address, "/api/v1/stations/1").await.json()["units"][0]["equipment"].clone();
    assert_eq!(
        (&unit["deployed"], &unit["ready"], &unit["unused"]),
        (&json!(1), &json!(1), &json!(["АСУ-2"])),
        "{unit:#}"
    );
    let document = http::found(address, "/api/openapi.json").await.json();
    for (schema, value) in [("Piece", piece), ("UnitEquipment", &unit)] {
        let described = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        assert!(described.keys().eq(value.as_object().unwrap().keys()), "{schema}: {value:#}");
    }
    assert_eq!(http::get(address, "/api/v1/custody/nobody").await.unwrap().status, 404);
    let mut reading = ReadingClient::connect(format!("http://{address}")).await.unwrap();
    let request = GetDocumentRequest { address: "/api/v1/custody".to_owned() };
    let reply = reading.get_document(request).await.unwrap().into_inner();
    assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap()["items"][0], *piece);
    for (lang, words) in [
        ("ky", ["АСУ-2", "иште", "Даяр"]),
        ("ru", ["АСУ-2", "в работе", "Готово"]),
        ("en", ["АСУ-2", "in use", "Ready"]),
    ] {
        let station = http::found(address, &format!("/{lang}/stations/1")).await;
        let own = http::found(address, &format!("/{lang}/equipment/%D0%90%D0%A1%D0%A3-2")).await;
        for word in words {
            assert!(station.text().contains(word) && own.text().contains(word), "{lang}: {word}");
        }
    }
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

/// A reading box's counts from the first batch to the nation's sum. Cells of fewer than three papers are never shown by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machines_count_is_committed_and_opened_with_the_programs() {
    let rehearsal = Rehearsal::ready(Plan::of(3)).await;
    let desk = Desk::of(&rehearsal);
    let mut scanners = Vec::new();
    for station in 1..=5_u32 {
        scanners.push(desk.person(&format!("scanner-{station}")).await);
        desk.tamga(&["day", "seed", "--out", &desk.path(&format!("{station}.seed"))]).await.ended_with(0);
    }
    desk.tamga(&["day", "seed", "--out", &desk.path("1.seed")]).await.ended_with(2);
    let (a, b, c) = (desk.person("chair").await, desk.person("secretary").await, desk.person("member").await);
    let places: Vec<String> = (1..=5).map(|station| station.to_string()).collect();
    let units: Vec<[&str; 4]> = places.iter().map(|place| ["--station", place, "--unit", "1"]).collect();
    let mut people: Vec<(&Person, &str, &[&str])> =
        scanners.iter().zip(&units).map(|(person, unit)| (person, "scanner", &unit[..])).collect();
    people.extend([&a, &b, &c].map(|member| (member, "member", &["--station", "1"][..])));
    desk.registered(&people).await;
    opened(&desk, &[&a, &b, &c]).await;
    for station in 2..=5 {
        rehearsal.open_station(station).await;
    }
    // Four of their own and one from the second constituency at station 1; one at station 2; two of station 1 at station 5.
    for (station, home, number) in
        [(1, 1, 0), (1, 1, 1), (1, 1, 2), (1, 1, 3), (1, 3, 0), (2, 2, 0), (5, 1, 4), (5, 1, 5)]
    {
        rehearsal.admit(station, Voter { home, number }).await;
    }

    first_unit(&desk, &scanners[0], &[&a, &b, &c]).await;
    let commission =
        Person { folder: desk.path("organisations/org-1").into(), public: "org-1".to_owned(), id: String::new() };
    let parts: Vec<String> = (1..=5).map(|station| desk.path(&format!("{station}.part"))).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let first = [&["total", "--basis", "machine"], &parts[..1]].concat();
    let early = desk.drafted(&[&commission], &["--constituency", "1"], &first).await.ended_with(2).json();
    assert!(early["error"].as_str().unwrap().contains("Waiting for units 2/1, 3/1, 4/1, 5/1."), "{early:#}");
    for (station, counts) in [(2, "1,1,0,1,0,0,0\n"), (3, "# nobody came\n"), (4, ""), (5, "1;1;1;0;0;1;0\n")] {
        std::fs::write(desk.path(&format!("{station}.counts")), counts).unwrap();
        let batch = batch(&desk, station, 1, true);
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        desk.recorded(&[&scanners[station - 1]], &units[station - 1], &batch, "accepted").await;
    }

    let lacking = [&["total", "--basis", "machine"], &parts[..4]].concat();
    let lacking = desk.drafted(&[&commission], &["--constituency", "1"], &lacking).await.ended_with(2).json();
    assert!(lacking["error"].as_str().unwrap().contains("missing: 5/1"), "{lacking:#}");
    let all = [&["total", "--basis", "machine"], &parts[..]].concat();
    let small = desk.drafted(&[&commission], &["--constituency", "2"], &all).await.ended_with(2).json();
    assert!(small["error"].as_str().unwrap().contains("small-cell"), "one paper would be shown: {small:#}");
    desk.recorded(&[&commission], &["--constituency", "1"], &all, "accepted").await;
    by_hand(&desk, &commission, &units).await;

    let audit = desk.shown(&["audit"]).await.ended_with(0).json();
    assert_eq!(audit["audit"]["findings"], json!([]), "{audit:#}");
    let results = desk.shown(&["results"]).await.ended_with(0).json();
    let machine = &results["results"]["tally"]["constituencies"][0]["machine"];
    // What the papers above say: [2,0,0,0,0] + [0,1,0,0,1] of station 1, and [0,1,0,0,0] + [1,0,0,1,0] from stations 2 and 5.
    assert_eq!((&machine["counts"], &machine["remote_counts"]), (&json!([3, 2, 0, 1, 1]), &json!([1, 1, 0, 1, 0])));
    let hand = &results["results"]["tally"]["constituencies"][0]["hand"];
    assert_eq!((&hand["counts"], &hand["remote_counts"]), (&machine["counts"], &machine["remote_counts"]), "{hand:#}");
    let unit = desk.shown(&["unit", "--station", "1"]).await.ended_with(0).json();
    assert_eq!(unit["report"]["papers"], 5, "{unit:#}");
}

/// The same papers counted by hand, in protocols that the commission types in from paper, and their nation's sum.
async fn by_hand(desk: &Desk<'_>, commission: &Person, units: &[[&str; 4]]) {
    let scan = desk.path("scan");
    std::fs::write(&scan, "a photograph").unwrap();
    // List, own and other papers, and what is in them.
    let stations: [(u32, u32, u32, &[&str]); 5] = [
        (50, 4, 1, &["--counts", "2,1,0,0,1", "--remote", "2=0,1,0,0,0"]),
        (50, 1, 0, &["--remote", "1=0,1,0,0,0"]),
        (50, 0, 0, &[]),
        (50, 0, 0, &[]),
        (0, 0, 2, &["--remote", "1=1,0,0,1,0"]),
    ];
    let mut parts = Vec::new();
    for (place, (list, own, other, papers)) in stations.into_iter().enumerate() {
        let (invalid, valid) = if place == 0 { (1, 3) } else { (0, 0) };
        let figures = [list, own, other, own, other, 0, own, other, invalid, valid];
        let lines = (1..).zip(figures).flat_map(|(code, figure)| ["--line".to_owned(), format!("{code}={figure}")]);
        let (seed, part) = (desk.path(&format!("{}.seed", place + 1)), desk.path(&format!("{}.hand", place + 1)));
        let head = ["protocol", "--form", "kg-2025-rehearsal", "--basis", "transcribed", "--scan", &scan];
        let files = ["--seed", &seed, "--part", &part];
        let all = [&head[..], &files, papers].concat();
        let all: Vec<String> = all.into_iter().map(str::to_owned).chain(lines).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        desk.recorded(&[commission], &units[place], &all, "accepted with flags transcribed").await;
        parts.push(part);
    }
    let total = ["total", "--basis", "hand"].into_iter().chain(parts.iter().map(String::as_str)).collect::<Vec<_>>();
    desk.recorded(&[commission], &["--constituency", "1"], &total, "accepted").await;
    let mixed = ["total", "--basis", "machine", &parts[0]];
    let mixed = desk.drafted(&[commission], &["--constituency", "1"], &mixed).await.ended_with(2).json();
    assert!(mixed["error"].as_str().unwrap().contains("opening-exists"), "{mixed:#}");
}

/// Station 1 opens: who is there and as what, what is in use, under which seals, how many are on the list, nothing counted yet.
async fn opened(desk: &Desk<'_>, members: &[&Person; 3]) {
    let role = |name: &str, key: &str| ["--role".to_owned(), format!("{name}={key}")];
    let [a, b, c] = members;
    let roles = [role("chair", &a.public), role("secretary", &b.id), role("member", &c.id)].concat();
    let zero = ["open", "--list-total", "50", "--seal", "S-1", "--equipment", "АСУ-1"];
    let with = |roles: &[String]| [UNIT.map(str::to_owned).to_vec(), roles.to_vec()].concat();
    for (wrong, why) in [
        (role("chair", &b.id), "a unit has one chair"),
        (role("secretary", &a.id), "is named twice"),
        (role("driver", &c.id), "is no role, but chair, secretary, member"),
        (role("chair", "nobody"), "neither a public key nor the id of one"),
    ] {
        let more = with(&[role("chair", &a.id), wrong].concat());
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let refused = desk.drafted(members, &more, &zero).await.ended_with(2);
        assert!(refused.out.contains(why) || refused.err.contains(why), "{why}: {refused:?}");
    }
    let more = with(&roles);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let void = desk.drafted(members, &more, &["countersign", "not-posted"]).await.ended_with(2).json();
    assert!(void["error"].as_str().unwrap().contains("only a phase"), "{void:#}");
    let russian = [&more[..], &["--lang", "ru"]].concat();
    let said = desk.drafted(members, &russian, &zero).await.ended_with(0).json();
    let said = said["says"].as_str().unwrap();
    for line in ["открытие, нулевой отчёт", "в списке: 50", "пломбы: S-1", &format!("председатель: {}", a.id)]
    {
        assert!(said.contains(line), "{said}");
    }
    desk.recorded(members, &more, &zero, "accepted").await;
    let unit = desk.shown(&["unit", "--station", "1"]).await.ended_with(0).json();
    let present = json!([{ "key": a.id, "role": 1 }, { "key": b.id, "role": 2 }, { "key": c.id, "role": 3 }]);
    assert_eq!(unit["report"]["phases"][0]["roles"], present, "{unit:#}");
    assert_eq!(unit["report"]["status"], "open");
}

/// The command line of a batch of a station's only unit.
fn batch(desk: &Desk<'_>, station: usize, number: u32, last: bool) -> Vec<String> {
    let file = |what: &str| desk.path(&format!("{station}.{what}"));
    let number = number.to_string();
    let mut all: Vec<String> = ["batch", "--number", &number].map(str::to_owned).into();
    for what in ["counts", "seed", "part"] {
        all.extend([format!("--{what}"), file(what)]);
    }
    all.extend(last.then(|| "--last".to_owned()));
    all
}

/// Station 1: two windows, a file with faults, a change behind the scanner's back, the opening.
async fn first_unit(desk: &Desk<'_>, scanner: &Person, members: &[&Person; 3]) {
    let counts = |text: &str| std::fs::write(desk.path("1.counts"), text).unwrap();
    let (one, two) = (batch(desk, 1, 1, false), batch(desk, 1, 2, true));
    let one: Vec<&str> = one.iter().map(String::as_str).collect();
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    counts("# window 1\n1,1,2,1,0\n1,9,0,0,0,0,0\n1,1,two,0,0,0,0\n");
    let faults = desk.drafted(&[scanner], &UNIT, &one).await.ended_with(2).json();
    let faults = faults["error"].as_str().unwrap();
    for fault in ["line 2: 3 counts", "line 3: the election has no constituency 9", "line 4: \"two\""] {
        assert!(faults.contains(fault), "{faults}");
    }
    counts("1,1,2,0,0,0,0\n1,2,0,1,0,0,0\n");
    desk.drafted(&[scanner], &UNIT, &two).await.ended_with(2);
    desk.recorded(&[scanner], &UNIT, &one, "accepted").await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(desk.path("1.part")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "what opens cells is its owner's");

    counts("1,1,1,1,0,0,0\n1,2,0,1,0,0,0\n2,1,0,1,0,0,1\n");
    let changed = desk.drafted(&[scanner], &UNIT, &two).await.ended_with(2).json();
    assert!(changed["error"].as_str().unwrap().contains("constituency 1 differs"), "{changed:#}");
    counts("1,1,2,0,0,0,0\n1,2,0,1,0,0,0\n2,1,0,1,0,0,1\n");
    let opening = ["opening", "--part", &desk.path("1.part")];
    let early = desk.drafted(members, &UNIT, &opening).await.ended_with(2).json();
    assert!(early["error"].as_str().unwrap().contains("with the last one"), "{early:#}");
    desk.recorded(&[scanner], &UNIT, &two, "accepted").await;
    desk.recorded(members, &UNIT, &opening, "accepted").await;
    let again = desk.drafted(members, &UNIT, &opening).await.ended_with(2).json();
    assert!(again["error"].as_str().unwrap().contains("opening-exists"), "{again:#}");
}
