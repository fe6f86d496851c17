//! A commission records an act with the programs, a complaint is filed by an observer, and anybody sees the results before and
//! after.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::{Value, json};
use tamga_tests::http::found;
use tamga_tests::program::{Ran, run, tamga};
use tamga_tests::{Plan, Rehearsal};

struct Desk<'a> {
    rehearsal: &'a Rehearsal,
    url: String,
    genesis: String,
}

impl Desk<'_> {
    fn path(&self, name: &str) -> String {
        self.rehearsal.folder().join(name).to_str().unwrap().to_owned()
    }

    async fn tamga(&self, arguments: &[&str]) -> Ran {
        run(tamga(), &[&["--json"], arguments].concat()).await
    }

    /// Draft, signature, record, verdict: what `submit` said. `what` is the end of the draft's command line.
    async fn recorded(&self, command: &str, by: &str, what: &[&str]) -> Value {
        let (draft, share, record) = (self.path("a.cbor"), self.path("a.json"), self.path("a.record"));
        let key = self.path(&format!("organisations/{by}/record.key"));
        let document = self.path("document.pdf");
        std::fs::write(&document, by).unwrap();
        let place = [command, "draft", &self.url, "--genesis", &self.genesis, "--by", by];
        let files = ["--document", &document, "--out", &draft];
        self.tamga(&[&place[..], &files, what].concat()).await.ended_with(0);
        self.tamga(&[command, "sign", &draft, "--key", &key, "--out", &share]).await.ended_with(0);
        // What is read before it is signed, in the language of whoever signs.
        for (lang, words) in [("ky", "кол коюшу керек"), ("ru", "должны подписать"), ("en", "to be signed by")]
        {
            let again = self.path(&format!("{lang}.json"));
            let sign = [command, "sign", &draft, "--key", &key, "--out", &again, "--lang", lang];
            let told = run(tamga(), &sign).await.ended_with(0);
            let place = if lang == "en" { "station" } else { "участок" };
            let about_station = told.out.contains(place) || what.contains(&"cancel") || what.contains(&"--unit");
            assert!(told.out.contains(words) && about_station, "{}", told.out);
        }
        self.tamga(&[command, "merge", &draft, &share, "--out", &record]).await.ended_with(0);
        let node = format!("1={}", self.rehearsal.public(1));
        let submit = [command, "submit", &record, &self.url, "--genesis", &self.genesis, "--node", &node];
        let said = self.tamga(&submit).await.ended_with(0).json();
        assert_eq!(said["command"], command, "{said:#}");
        said
    }

    async fn results(&self, more: &[&str]) -> Value {
        let place = ["results", &self.url, "--genesis", &self.genesis];
        self.tamga(&[&place[..], more].concat()).await.ended_with(0).json()["results"].clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_before_and_after_an_act_by_the_programs() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let desk = Desk {
        rehearsal: &rehearsal,
        url: format!("http://{}", rehearsal.public(1)),
        genesis: rehearsal.world.trust.election_id().to_string(),
    };
    let act = ["--number", "12/3", "--date", "2025-12-05", "--issuer", "central"];
    let annulled = desk.recorded("act", "org-1", &[&act[..], &["--station", "1", "annul"]].concat()).await;
    assert_eq!((&annulled["accepted"], &annulled["verdict"]), (&json!(true), &json!("accepted")), "{annulled:#}");
    let after = desk.results(&[]).await;
    assert_eq!(after["tally"]["annulled"][0]["station"], 1, "{after:#}");
    assert_eq!((&after["acts"][0]["effect"], &after["acts"][0]["in_force"]), (&json!("annul"), &json!(true)));

    let court = ["--number", "S-1", "--date", "2025-12-09", "--issuer", "supreme", "--final"];
    let id = annulled["record"].as_str().unwrap();
    let cancelled = desk.recorded("act", "org-1", &[&court[..], &["cancel", id]].concat()).await;
    let leaf = cancelled["leaf"].as_u64().unwrap();
    assert_eq!(desk.results(&[]).await["tally"]["annulled"], json!([]));
    let before = desk.results(&["--before", &leaf.to_string()]).await;
    assert_eq!(before["tally"]["annulled"][0]["station"], 1, "before the court's decision");

    let filed = ["--station", "1", "--unit", "1", "--state", "filed", "--deadline-ms", "9000000000000"];
    let case = desk.recorded("case", "org-2", &filed).await;
    assert_eq!(case["accepted"], true, "{case:#}");
    assert_eq!(desk.results(&[]).await["tally"]["open_cases"], 1);
    let shown = run(tamga(), &["results", &desk.url, "--genesis", &desk.genesis]).await.ended_with(0);
    let words = "12/3, 2025-12-05 (central commission), annuls the vote: station 1; not in force";
    assert!(shown.out.contains(words), "{}", shown.out);
    for (lang, words) in
        [("ky", "участок 1; күчүндө эмес"), ("ru", "голосование недействительно: участок 1; не действует")]
    {
        let told =
            run(tamga(), &["results", &desk.url, "--genesis", &desk.genesis, "--lang", lang]).await.ended_with(0);
        assert!(told.out.contains(words), "{}", told.out);
    }
    assert!(shown.out.contains("Undecided cases: 1"), "{}", shown.out);
    let entry = found(rehearsal.public(1), &format!("/api/v1/entries/{leaf}")).await.json();
    assert!(entry.to_string().contains("\"effect\":\"cancel\""), "{entry:#}");
}
