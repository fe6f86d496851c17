//! A desk at which a commission runs the programs, against running nodes.

use crate::Rehearsal;
use crate::program::{Ran, run, tamga};
use serde_json::Value;
use std::path::PathBuf;

/// Where the programs are run from.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The cluster.
    pub rehearsal: &'a Rehearsal,
    /// Of node 1.
    pub url: String,
    /// The pinned digest.
    pub genesis: String,
}

/// Somebody with a key of their own.
#[derive(Debug)]
pub struct Person {
    /// Where their key is.
    pub folder: PathBuf,
    /// The public key.
    pub public: String,
    /// The key's id.
    pub id: String,
}

impl<'a> Desk<'a> {
    /// At node 1.
    #[must_use]
    pub fn of(rehearsal: &'a Rehearsal) -> Self {
        let url = format!("http://{}", rehearsal.public(1));
        Self { rehearsal, url, genesis: rehearsal.world.trust.election_id().to_string() }
    }

    /// A file in the rehearsal's folder.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.rehearsal.folder().join(name).to_str().unwrap().to_owned()
    }

    /// Runs `tamga --json`.
    ///
    /// # Panics
    /// If it fails.
    pub async fn tamga(&self, arguments: &[&str]) -> Ran {
        run(tamga(), &[&["--json"], arguments].concat()).await
    }

    /// Makes somebody a key.
    ///
    /// # Panics
    /// If it fails.
    pub async fn person(&self, name: &str) -> Person {
        let folder = self.path(&format!("people/{name}"));
        let made = self.tamga(&["key", "new", "--clear", "--out", &folder]).await.ended_with(0).json();
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        Person { folder: folder.into(), public: text("public_key"), id: text("key") }
    }

    /// Signs with these keys, merges and submits; what `submit` said.
    ///
    /// # Panics
    /// If it fails.
    pub async fn sealed(&self, draft: &str, keys: &[String]) -> Value {
        let mut shares = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            let share = self.path(&format!("share-{number}.json"));
            let said = self.tamga(&["day", "sign", draft, "--key", key, "--out", &share, "--lang", "ky"]).await;
            said.ended_with(0);
            shares.push(share);
        }
        let record = self.path("day.record");
        let shares: Vec<&str> = shares.iter().map(String::as_str).collect();
        self.tamga(&[&["day", "merge", draft], &shares[..], &["--out", &record]].concat()).await.ended_with(0);
        let node = format!("1={}", self.rehearsal.public(1));
        let submit = ["day", "submit", &record, &self.url, "--genesis", &self.genesis, "--node", &node];
        self.tamga(&submit).await.json()
    }

    /// Registers keys; each with its class and the rest of the request's command line.
    ///
    /// # Panics
    /// If it fails.
    pub async fn registered(&self, people: &[(&Person, &str, &[&str])]) {
        let mut requests = Vec::new();
        for (number, (person, class, about)) in people.iter().enumerate() {
            let (key, out) = (person.key(), self.path(&format!("request-{number}.cbor")));
            let ask = ["key", "request", "--key", &key, "--genesis", &self.genesis, "--class", class, "--out", &out];
            self.tamga(&[&ask[..], about].concat()).await.ended_with(0);
            requests.push(out);
        }
        let draft = self.path("keys.cbor");
        let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
        let place = ["key", "draft", "--genesis", &self.genesis, "--out", &draft, &self.url];
        self.tamga(&[&place[..], &requests[..]].concat()).await.ended_with(0);
        let judged = self.sealed(&draft, &[self.path("organisations/org-1/record.key")]).await;
        assert_eq!(judged["verdict"], "accepted", "{judged:#}");
    }

    /// `tamga day draft` into `day.cbor`.
    ///
    /// # Panics
    /// If it fails.
    pub async fn drafted(&self, by: &[&Person], more: &[&str], what: &[&str]) -> Ran {
        let draft = self.path("day.cbor");
        let mut arguments = vec!["day", "draft", &self.url, "--genesis", &self.genesis, "--out", &draft];
        by.iter().for_each(|person| arguments.extend(["--by", &person.public]));
        self.tamga(&[&arguments[..], more, what].concat()).await
    }

    /// Draft to verdict. Returns the record's id.
    ///
    /// # Panics
    /// If it fails.
    pub async fn recorded(&self, by: &[&Person], more: &[&str], what: &[&str], verdict: &str) -> String {
        let drafted = self.drafted(by, more, what).await.ended_with(0).json();
        assert!(!drafted["says"].as_str().unwrap().is_empty());
        let keys: Vec<String> = by.iter().map(|person| person.key()).collect();
        let judged = self.sealed(&self.path("day.cbor"), &keys).await;
        assert_eq!(judged["verdict"], verdict, "{what:?}: {judged:#}");
        judged["record"].as_str().unwrap().to_owned()
    }

    /// A command that reads the ledger.
    ///
    /// # Panics
    /// If it fails.
    pub async fn shown(&self, command: &[&str]) -> Ran {
        self.tamga(&[command, &[&self.url, "--genesis", &self.genesis]].concat()).await
    }
}

impl Person {
    /// Their record.key.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn key(&self) -> String {
        self.folder.join("record.key").to_str().unwrap().to_owned()
    }
}
