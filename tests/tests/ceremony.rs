//! Five organisations found an election on five machines: nobody ever holds another's key, everybody reads before signing, and
//! a cluster starts from the result.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a story")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tamga_ledger::kinds::Body as _;
use tamga_node::config::Peer;
use tamga_node::provision::{loopback_config, write_config};
use tamga_node::run::{ADDRESSES_FILE, Addresses};
use tamga_platform::disk::OsDisk;
use tamga_tests::program::{Ran, run, tamga, tamga_node};
use tamga_tests::wait::GENEROUS;
use tamga_tests::{Plan, World, http};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

const PLAN: &str = r#"
real = false
origin_prefix = "rehearsal.ceremony.example"
embargo_ms = 1764500000000
official_hours = [{ label = "10:00", at_ms = 1764475200000 }, { label = "20:00", at_ms = 1764511200000 }]
checkpoint_interval_ms = 250
cell_papers_min = 10
attestation_validity_ms = 600000
member_quorum = 2
offline_identifications_max = 200
retention_months = 12
[title]
ky = "Машыгуу"
ru = "Учения"
en = "Rehearsal"
[decree]
number = "1"
date = "2025-11-30"
file = "decree.txt"
"#;

/// What one organisation has: a folder with its secrets, and one with what it was handed.
struct Organisation {
    name: String,
    id: u32,
    secret: PathBuf,
    desk: PathBuf,
    passphrase: String,
}

impl Organisation {
    fn new(root: &Path, id: u32) -> Self {
        let own = root.join(format!("machine-{id}"));
        let (secret, desk) = (own.join("secret"), own.join("desk"));
        std::fs::create_dir_all(&secret).unwrap();
        std::fs::create_dir_all(&desk).unwrap();
        let passphrase = secret.join("passphrase");
        std::fs::write(&passphrase, format!("the own passphrase of organisation {id}\n")).unwrap();
        std::fs::set_permissions(&passphrase, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self { name: format!("org-{id}"), id, secret, desk, passphrase: passphrase.to_str().unwrap().to_owned() }
    }

    fn secret(&self, name: &str) -> String {
        self.secret.join(name).to_str().unwrap().to_owned()
    }

    fn desk(&self, name: &str) -> String {
        self.desk.join(name).to_str().unwrap().to_owned()
    }

    async fn node(&self, arguments: &[&str]) -> Ran {
        run(tamga_node(), &[arguments, &["--passphrase-file", &self.passphrase]].concat()).await
    }

    async fn makes_keys_and_card(&self) -> String {
        let id = self.id.to_string();
        let keys = ["keygen", "--node", &id, "--organisation", &self.name, "--out", &self.secret("node")];
        self.node(&keys).await.ended_with(0);
        self.node(&["keygen-organisation", "--out", &self.secret("organisation")]).await.ended_with(0);
        self.node(&["card", &self.secret("node"), "--out", &self.desk("node.card.json")]).await.ended_with(0);
        let (titles, own) =
            (["--title-ky", "Уюм", "--title-ru", "Организация", "--title-en", "Organisation"], self.own_card());
        let (keys, node) = (self.secret("organisation"), self.desk("node.card.json"));
        let made =
            ["ceremony", "card", "--name", &self.name, "--keys", &keys, "--node", &node, "--out", &own, "--json"];
        let made = [&made[..], &titles].concat();
        let made = run(tamga(), &[&made[..], &["--passphrase-file", &self.passphrase]].concat()).await.ended_with(0);
        made.json()["fingerprint"].as_str().unwrap().to_owned()
    }

    fn own_card(&self) -> String {
        self.desk(&format!("{}.card.json", self.name))
    }

    /// Draft, cards and parts as they lie on this desk.
    fn papers(&self, all: &[Self], parts: usize) -> Vec<String> {
        let mut papers = vec![self.desk("draft.cbor")];
        all.iter().for_each(|one| papers.extend(["--card".to_owned(), self.desk(&format!("{}.card.json", one.name))]));
        (0..parts).for_each(|part| papers.extend(["--part".to_owned(), self.desk(&format!("part-{part}.cbor"))]));
        papers
    }

    /// The draft as a person reads it before signing.
    async fn reads(&self, papers: &[String], lang: &str) -> Ran {
        let papers: Vec<&str> = papers.iter().map(String::as_str).collect();
        run(tamga(), &[&["ceremony", "show", "--lang", lang], &papers[..]].concat()).await
    }

    async fn ceremony(&self, step: &str, papers: &[String], more: &[&str]) -> Ran {
        let papers: Vec<&str> = papers.iter().map(String::as_str).collect();
        run(tamga(), &[&["ceremony", step, "--json"], &papers[..], more].concat()).await
    }
}

/// One file goes from one desk to all others: the only way anything travels.
fn hand_out(from: &Organisation, all: &[Organisation], name: &str) {
    for to in all.iter().filter(|to| to.id != from.id) {
        std::fs::copy(from.desk(name), to.desk(name)).unwrap();
    }
}

/// Everything secret that a folder holds, as its bytes.
fn secrets(organisation: &Organisation) -> Vec<Vec<u8>> {
    let files = ["node/cosigner.key", "node/log.key", "node/promise.key", "node/batch.key", "node/tls.key"];
    let own = ["organisation/record.key", "organisation/standby.key", "passphrase"];
    files.iter().chain(&own).map(|name| std::fs::read(organisation.secret(name)).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_organisations_found_an_election_and_nobody_ever_holds_anothers_key() {
    let root = tempfile::tempdir().unwrap();
    let all: Vec<Organisation> = (1..=5).map(|id| Organisation::new(root.path(), id)).collect();
    // Cards: each makes its own and hands it out.
    let mut fingerprints = BTreeSet::new();
    for one in &all {
        fingerprints.insert(one.makes_keys_and_card().await);
        hand_out(one, &all, &format!("{}.card.json", one.name));
    }
    assert_eq!(fingerprints.len(), 5);
    // The commission has the definition and the plan, assembles, and hands everything out.
    let commission = &all[0];
    let parts = World::found(Plan::of(1), &root.path().join("elsewhere")).1.parts;
    for (number, part) in parts.iter().enumerate() {
        std::fs::write(commission.desk(&format!("part-{number}.cbor")), part.to_bytes()).unwrap();
        hand_out(commission, &all, &format!("part-{number}.cbor"));
    }
    std::fs::write(commission.desk("plan.toml"), PLAN).unwrap();
    std::fs::write(commission.desk("decree.txt"), "the decree").unwrap();
    let papers = commission.papers(&all, parts.len());
    let drafted = commission.ceremony("draft", &papers, &["--plan", &commission.desk("plan.toml")]).await.ended_with(0);
    let id = drafted.json()["election_id"].as_str().unwrap().to_owned();
    hand_out(commission, &all, "draft.cbor");

    somebody_deceives(&all, parts.len(), &id).await;

    // Each reads the same aloud, signs on its own machine, and the signatures are merged.
    let mut shares = Vec::new();
    for one in &all {
        let papers = one.papers(&all, parts.len());
        let shown = one.ceremony("show", &papers, &[]).await.ended_with(0).json();
        assert_eq!(shown["election_id"].as_str(), Some(id.as_str()));
        assert_eq!((shown["quorum"].as_u64(), shown["real"].as_bool()), (Some(4), Some(false)));
        let told: BTreeSet<String> = shown["organisations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| pair[1].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(told, fingerprints);
        for (lang, first) in [("ky", "МАШЫГУУ"), ("ru", "РЕПЕТИЦИЯ"), ("en", "A REHEARSAL")] {
            let read = one.reads(&papers, lang).await.ended_with(0).out;
            assert!(read.starts_with(first) && read.contains(shown["read_aloud"].as_str().unwrap()), "{read}");
            assert!(fingerprints.iter().all(|fingerprint| read.contains(fingerprint)), "{read}");
            let english = ["organisation", "record key", "quorum", "stations", "checkpoints", "cards", "rules"];
            assert_eq!(english.iter().any(|word| read.contains(word)), lang == "en", "{read}");
        }
        let (key, share) = (one.secret("organisation/record.key"), format!("{}.share.json", one.name));
        let more = ["--id", &id, "--key", &key, "--passphrase-file", &one.passphrase, "--out", &one.desk(&share)];
        one.ceremony("sign", &papers, &more).await.ended_with(0);
        hand_out(one, &all, &share);
        shares.push(commission.desk(&share));
    }
    let genesis = commission.desk("genesis.cbor");
    let draft = [commission.desk("draft.cbor")];
    let few: Vec<&str> = shares[..4].iter().map(String::as_str).chain(["--out", &genesis]).collect();
    assert_ne!(commission.ceremony("merge", &draft, &few).await.code, 0, "all five have to sign");
    let enough: Vec<&str> = shares.iter().map(String::as_str).chain(["--out", &genesis]).collect();
    commission.ceremony("merge", &draft, &enough).await.ended_with(0);
    hand_out(commission, &all, "genesis.cbor");

    // Nobody holds what is another's: no secret of one is anywhere on the machine of another.
    for one in &all {
        for secret in secrets(one) {
            for other in all.iter().filter(|other| other.id != one.id) {
                let files = std::fs::read_dir(&other.desk).unwrap().chain(std::fs::read_dir(&other.secret).unwrap());
                let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
                assert!(files.into_iter().all(|path| std::fs::read(path).unwrap() != secret));
            }
        }
    }
    the_cluster_starts(&all, &id).await;
}

/// What each of these looks like to whoever reads before signing.
async fn somebody_deceives(all: &[Organisation], parts: usize, id: &str) {
    let (victim, liar) = (&all[2], &all[4]);
    let papers = victim.papers(all, parts);
    let card = victim.desk(&format!("{}.card.json", liar.name));
    let honest = std::fs::read_to_string(&card).unwrap();
    // A card altered on its way, the proofs left as they were.
    std::fs::write(&card, honest.replace("Organisation", "Orgamisation")).unwrap();
    let refuted = victim.ceremony("show", &papers, &[]).await.ended_with(1);
    assert!(refuted.out.contains("did not sign this card"), "{refuted:?}");
    std::fs::write(&card, &honest).unwrap();
    // The draft lists keys of the drafter's instead of those on the card that was handed over.
    let other = Organisation::new(&liar.desk.join("second"), liar.id);
    other.makes_keys_and_card().await;
    std::fs::copy(other.own_card(), &card).unwrap();
    let refuted = victim.ceremony("show", &papers, &[]).await.ended_with(1);
    assert!(refuted.out.contains("DO NOT SIGN") && refuted.out.contains(&liar.name), "{refuted:?}");
    std::fs::write(&card, honest).unwrap();
    std::fs::remove_dir_all(liar.desk.join("second")).unwrap();
    // Another definition than the one that was handed out.
    let refuted = victim.ceremony("show", &victim.papers(all, parts - 1), &[]).await.ended_with(1);
    assert!(refuted.out.contains("definition parts"), "{refuted:?}");
    for (lang, stop) in [("ky", "КОЛ КОЙБОҢУЗ"), ("ru", "НЕ ПОДПИСЫВАЙТЕ"), ("en", "DO NOT SIGN")]
    {
        let refuted = victim.reads(&victim.papers(all, parts - 1), lang).await.ended_with(1);
        assert!(refuted.out.starts_with(stop), "{refuted:?}");
    }
    // Another id than the one that was read aloud: nothing is signed.
    let (key, out) = (victim.secret("organisation/record.key"), victim.desk("never.json"));
    let wrong = id.chars().rev().collect::<String>();
    let more = ["--id", &wrong, "--key", &key, "--passphrase-file", &victim.passphrase, "--out", &out];
    victim.ceremony("sign", &papers, &more).await.ended_with(2);
    assert!(!Path::new(&out).exists());
    // A key of another organisation is not one of the signers' own.
    let more =
        ["--id", id, "--key", &victim.secret("organisation/standby.key"), "--passphrase-file", &victim.passphrase];
    let more = [&more[..], &["--out", &out]].concat();
    victim.ceremony("sign", &papers, &more).await.ended_with(2);
}

async fn the_cluster_starts(all: &[Organisation], id: &str) {
    let listeners: Vec<_> = all.iter().map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let peers: Vec<Peer> = all
        .iter()
        .zip(&listeners)
        .map(|(one, listener)| Peer { id: one.id, address: listener.local_addr().unwrap().to_string() })
        .collect();
    drop(listeners);
    let mut running: Vec<(Child, PathBuf)> = Vec::new();
    for (one, peer) in all.iter().zip(&peers) {
        let mut config =
            loopback_config(one.id, Path::new("genesis.cbor"), peer.address.parse().unwrap(), peers.clone());
        (config.data_dir, config.keys_dir) = ("../data".into(), "../secret/node".into());
        let file = one.desk("node.toml");
        write_config(&OsDisk, Path::new(&file), &config).unwrap();
        // Every organisation checks the record with its own program, and its own keys in it.
        let genesis = one.desk("genesis.cbor");
        run(tamga(), &["ceremony", "check", &genesis, "--id", id]).await.ended_with(0);
        one.node(&["check-genesis", "--config", &file, "--id", id]).await.ended_with(0);
        let mut command = Command::new(tamga_node());
        command.args(["run", "--config", &file, "--passphrase-file", &one.passphrase]).kill_on_drop(true);
        command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        running.push((command.spawn().unwrap(), one.desk.join("../data").join(ADDRESSES_FILE)));
    }
    // All of them serve a checkpoint that a quorum has published and that verifies against the id read aloud.
    for (child, file) in &mut running {
        let began = Instant::now();
        loop {
            assert!(child.try_wait().unwrap().is_none(), "a node ended by itself");
            assert!(began.elapsed() < GENEROUS, "no checkpoint is published");
            if let Ok(text) = std::fs::read(&*file)
                && let Ok(addresses) = serde_json::from_slice::<Addresses>(&text)
                && http::get(addresses.public, "/api/v1/checkpoint").await.is_ok_and(|answer| answer.status == 200)
            {
                let url = format!("http://{}", addresses.public);
                let shown = run(tamga(), &["checkpoint", &url, "--genesis", id, "--json"]).await.ended_with(0).json();
                assert!(shown["checkpoint"]["size"].as_u64() >= Some(1), "{shown}");
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    for (child, _) in &mut running {
        child.kill().await.unwrap();
    }
}
