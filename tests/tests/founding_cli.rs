//! What an election stands on reaches the ledger with the programs, on running nodes: the definition, the voters' roll.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::json;
use tamga_tests::desk::{Desk, Person};
use tamga_tests::http;
use tamga_tests::program::{Ran, run_with, tamga};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definition_and_roll_reach_the_ledger_by_command() {
    let rehearsal = Rehearsal::start(Plan::of(3)).await;
    let desk = Desk::of(&rehearsal);
    definition(&desk).await;
    roll(&desk).await;
}

async fn definition(desk: &Desk<'_>) {
    let mut parts = Vec::new();
    for (number, record) in desk.rehearsal.world.definition_records().iter().enumerate() {
        let path = desk.path(&format!("part-{number}.cbor"));
        std::fs::write(&path, &record.signed.parse().unwrap().body).unwrap();
        parts.push(path);
    }
    let key = desk.path("organisations/org-1/record.key");
    let submit = async |parts: &[String], records: &str| {
        let (node, records) = (format!("1={}", desk.rehearsal.public(1)), desk.path(records));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let place = ["election", "submit", &desk.url, "--genesis", &desk.genesis, "--node", &node];
        desk.tamga(&[&place[..], &["--key", &key, "--records", &records], &parts].concat()).await
    };
    let other = desk.path("other");
    desk.tamga(&["election", "parts", "example-small", "--out", &other]).await.ended_with(0);
    let refused = submit(&[format!("{other}/part-0.cbor")], "other.records").await.ended_with(2).json();
    assert!(refused["error"].as_str().unwrap().contains("is not the part"), "{refused:#}");
    let done = submit(&parts, "definition.records").await.ended_with(0).json();
    assert_eq!((&done["records"], &done["accepted"]), (&json!(parts.len()), &json!(parts.len())), "{done:#}");
    // As after an interruption: the same records, and nothing is recorded twice.
    let applied = desk.rehearsal.applied(1).await;
    let again = submit(&parts, "definition.records").await.ended_with(0).json();
    assert_eq!((&again["accepted"], desk.rehearsal.applied(1).await), (&json!(parts.len()), applied));
    assert!(done["published"].as_u64().unwrap() <= again["published"].as_u64().unwrap());
}

/// The number of one who does not exist.
fn number(one: u32) -> String {
    format!("2{one:013}")
}

async fn roll(desk: &Desk<'_>) {
    let registry = desk.person("registry").await;
    desk.registered(&[(&registry, "registry", &[])]).await;
    for (name, byte) in [("registry.hex", "5a"), ("commission.hex", "c3")] {
        std::fs::write(desk.path(name), byte.repeat(32)).unwrap();
    }
    let (own, commission) = (desk.path("registry.hex"), desk.path("commission.hex"));
    let keys = ["--genesis", &desk.genesis, "--registry-key", &own, "--commission-key", &commission];
    let import = async |name: &str, voters: &[(u32, u32)]| {
        let rows: String = voters.iter().map(|(one, station)| format!("{},{station}\n", number(*one))).collect();
        let (table, out) = (desk.path(&format!("{name}.csv")), desk.path(name));
        std::fs::write(&table, format!("pin,station\n{rows}")).unwrap();
        desk.tamga(&[&["roll", "import", &table, "--out", &out][..], &keys].concat()).await.ended_with(0);
        out
    };
    let (key, node) = (registry.key(), format!("1={}", desk.rehearsal.public(1)));
    let submit = async |roll: &str, records: &str| {
        let (records, place) = (desk.path(records), [roll, &desk.url, "--genesis", &desk.genesis, "--node", &node]);
        desk.tamga(&[&["roll", "submit"][..], &place, &["--key", &key, "--records", &records]].concat()).await
    };
    let voters: Vec<(u32, u32)> = (0..40).map(|one| (one, 1 + one % 2)).collect();
    let roll = import("roll.tamga", &voters).await;
    let foreign = import("foreign.tamga", &[(1, 77)]).await;
    let refused = submit(&foreign, "foreign.records").await.ended_with(2).json();
    assert!(refused["error"].as_str().unwrap().contains("station 77"), "{refused:#}");
    let done = submit(&roll, "roll.records").await.ended_with(0).json();
    assert_eq!((&done["accepted"], &done["flagged"]), (&done["records"], &json!(0)), "{done:#}");
    assert_eq!(submit(&foreign, "roll.records").await.code, 2, "the kept records are others");

    listed(desk, &registry, &keys, &roll).await;
    amendments(desk, &registry, &voters, &import).await;

    // The commission's own program has used these numbers.
    let commission = desk.rehearsal.world.trust.election().organisations[0].record_key;
    desk.rehearsal.world.scribe.resume(commission.id(), 100);
    let sealed = desk.rehearsal.published(1, desk.rehearsal.applied(1).await).await;
    desk.rehearsal.accepted(&desk.rehearsal.world.roll_seal(&sealed.checkpoint().head())).await;
    let late = import("late.tamga", &[(99, 1)]).await;
    let closed = submit(&late, "late.records").await.ended_with(1).json();
    assert!(closed["stopped"]["verdict"].as_str().unwrap().contains("stage-closed"), "{closed:#}");
    let ghost = amend(desk, &registry, &late, "late").await.ended_with(1).json();
    assert!(ghost["stopped"]["verdict"].as_str().unwrap().contains("stage-closed"), "no ghost voters: {ghost:#}");
}

/// "Am I on the list, and where": an operator asks for a voter, and the node answers the registry and nobody else.
async fn listed(desk: &Desk<'_>, registry: &Person, keys: &[&str], roll: &str) {
    let node = format!("1={}", desk.rehearsal.public(1));
    let ask = async |voter: u32, at: &[&str], key: &str, lang: &str| {
        let place = ["--json", "roll", "listed", &desk.url, "--node", &node, "--key", key, "--lang", lang];
        run_with(tamga(), &[&place[..], keys, at].concat(), &format!("{}\n", number(voter))).await
    };
    let key = registry.key();
    let found = ask(3, &["--roll", roll], &key, "en").await.ended_with(0).json();
    assert_eq!(
        (&found["listed"], &found["station"], &found["admitted"]),
        (&json!(true), &json!(2), &json!(null)),
        "{found:#}"
    );
    assert_eq!(found["node"], 1);
    let elsewhere = ask(3, &["--station", "1"], &key, "ru").await.ended_with(1).json();
    assert_eq!((&elsewhere["listed"], &elsewhere["size"].is_u64()), (&json!(false), &true), "{elsewhere:#}");
    let nowhere = ask(99, &["--roll", roll], &key, "ky").await.ended_with(1).json();
    assert_eq!((&nowhere["station"], &nowhere["node"]), (&json!(null), &json!(null)), "{nowhere:#}");
    let stranger = desk.person("stranger").await;
    let refused = ask(3, &["--roll", roll], &stranger.key(), "en").await.ended_with(2);
    assert!(refused.out.contains("not registered"), "{refused:?}");
    for (lang, words) in
        [("ky", "тизмесинде бар: 2"), ("ru", "есть в списке участка: 2"), ("en", "is on the roll of station: 2")]
    {
        let place = ["roll", "listed", &desk.url, "--node", &node, "--key", &key, "--lang", lang, "--roll", roll];
        let said = run_with(tamga(), &[&place[..], keys].concat(), &number(3)).await.ended_with(0).out;
        assert!(said.contains(words) && !said.contains(&number(3)), "{said}");
    }
}

async fn amend(desk: &Desk<'_>, registry: &Person, roll: &str, name: &str) -> Ran {
    let (key, node, records) =
        (registry.key(), format!("1={}", desk.rehearsal.public(1)), desk.path(&format!("{name}.amendments")));
    let place = ["roll", "amend", roll, &desk.url, "--genesis", &desk.genesis, "--node", &node];
    desk.tamga(&[&place[..], &["--key", &key, "--records", &records, "--basis", "moved"]].concat()).await
}

/// One moves, one is struck off, one is added; then the ledger has what the corrected table has.
async fn amendments(
    desk: &Desk<'_>,
    registry: &Person,
    voters: &[(u32, u32)],
    import: &impl AsyncFn(&str, &[(u32, u32)]) -> String,
) {
    let mut corrected: Vec<(u32, u32)> = voters.iter().copied().filter(|(one, _)| *one != 5).collect();
    corrected.push((77, 1));
    corrected[0].1 = 2;
    let corrected = import("corrected.tamga", &corrected).await;
    let done = amend(desk, registry, &corrected, "first").await.ended_with(0).json();
    // Station 1 loses the mover, station 2 the one struck off; then station 1 gains one and station 2 the mover.
    assert_eq!((&done["records"], &done["accepted"]), (&json!(4), &json!(4)), "{done:#}");
    let again = amend(desk, registry, &corrected, "second").await.ended_with(0).json();
    assert_eq!(again["records"], 0, "nothing is left to amend: {again:#}");
    let place = desk.rehearsal.public(1);
    // Lists are made behind the checkpoint.
    let leaf = until("amendments are listed", async || {
        let listed = http::found(place, "/api/v1/records?kind=roll-amendment").await.json();
        let leaf = listed["items"][0]["leaf"].as_u64();
        leaf.filter(|_| listed["total"] == 4).ok_or_else(|| listed.to_string())
    })
    .await;
    let entry = http::found(place, &format!("/api/v1/entries/{leaf}")).await.text().to_owned();
    assert!(entry.contains("moved") && !entry.contains(&number(0)), "{entry}");
    // An auditor derives every verdict again.
    desk.shown(&["audit"]).await.ended_with(0);
}
