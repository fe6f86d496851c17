//! Five organisations replace a node with the programs alone, each with its own key file: the commands of
//! docs/OPERATIONS.md, from the new node's keys to the removal of the old one.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};
use tamga_client::author::standby_cosigner_name;
use tamga_node::config::Peer;
use tamga_node::provision::{GeneratedNode, generate_node};
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;
use tamga_tests::program::{Ran, run, tamga, tamga_node};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, Voter};

const NEW: u32 = 6;
const OLD: u32 = 5;
/// Four of five are the policy's quorum; the organisation of the node that joins has to be among them.
const SIGNERS: [&str; 4] = ["org-2", "org-1", "org-3", "org-5"];

/// Where the organisations meet: the same folder here, machines of their own out there.
struct Desk {
    folder: PathBuf,
    url: String,
    genesis: String,
}

impl Desk {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn record_key(&self, organisation: &str) -> String {
        self.path(&format!("organisations/{organisation}/record.key"))
    }

    async fn governance(&self, arguments: &[&str]) -> Ran {
        run(tamga(), &[&["--json", "governance"], arguments].concat()).await
    }

    /// `what` is the end of the command line: the decision.
    async fn draft(&self, by: &[&str], out: &str, what: &[&str]) -> Ran {
        let by: Vec<&str> = by.iter().flat_map(|name| ["--by", name]).collect();
        let place = ["draft", &self.url, "--genesis", &self.genesis];
        self.governance(&[&place, &by[..], &["--out", out], what].concat()).await
    }

    async fn sign(&self, draft: &str, organisation: &str) -> (Ran, String) {
        let (key, out) = (self.record_key(organisation), self.path(&format!("{organisation}.json")));
        (self.governance(&["sign", draft, "--key", &key, "--out", &out]).await, out)
    }

    async fn submit(&self, record: &str, rehearsal: &Rehearsal) -> Ran {
        let node = |id: u32| format!("{id}={}", rehearsal.public(id));
        let (first, second) = (node(1), node(2));
        let place = ["submit", record, &self.url, "--genesis", &self.genesis];
        self.governance(&[&place[..], &["--node", &first, "--node", &second]].concat()).await
    }

    /// All steps of a decision, by these organisations; what `submit` said.
    async fn decided(&self, rehearsal: &Rehearsal, by: &[&str], what: &[&str]) -> Ran {
        let (draft, record) = (self.path("decision.cbor"), self.path("decision.record"));
        let drafted = self.draft(by, &draft, what).await.ended_with(0).json();
        let mut shares = Vec::new();
        for organisation in by {
            let (signed, share) = self.sign(&draft, organisation).await;
            // Whoever signs reads the same decision.
            let signed = signed.ended_with(0).json();
            assert_eq!((&signed["decision"], &signed["record"]), (&drafted["decision"], &drafted["record"]));
            shares.push(share);
        }
        let shares: Vec<&str> = shares.iter().map(String::as_str).collect();
        self.governance(&[&["merge", &draft], &shares[..], &["--out", &record]].concat()).await.ended_with(0);
        self.submit(&record, rehearsal).await
    }
}

async fn is(rehearsal: &Rehearsal, node: u32, what: Option<&str>) {
    until("the members as decided", async || {
        let status = rehearsal.status(1).await?;
        let nodes = status["nodes"].as_array().ok_or("no nodes")?;
        let found = nodes.iter().find(|one| one["id"] == node).map(|one| one["member"].as_str().unwrap_or_default());
        if found == what { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// The new operator's keys, with the organisation's standby key as cosigner, and what is handed round.
async fn keys(desk: &Desk, rehearsal: &Rehearsal) -> (GeneratedNode, String) {
    let organisation = &rehearsal.founded.organisations[OLD as usize - 1];
    let mut node = generate_node(&OsEntropy, NEW, "unused").unwrap();
    node.identity.secrets.cosigner = organisation.standby.clone();
    node.public = node.identity.public(NEW, &standby_cosigner_name(&organisation.name));
    let folder = desk.path("new-keys");
    node.write(&OsDisk, Path::new(&folder)).unwrap();
    let public = Path::new(&folder).join("public.json");
    let handed: serde_json::Value = serde_json::from_slice(&std::fs::read(&public).unwrap()).unwrap();
    let shown = run(tamga_node(), &["show-keys", &folder]).await.ended_with(0).json();
    for key in ["cosigner_key", "log_key", "promise_key", "batch_key", "tls_spki_sha256"] {
        assert_eq!(shown[key], handed[key], "{key}");
    }
    (node, public.to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_organisations_replace_a_node_with_the_programs_and_their_key_files() {
    let mut rehearsal = Rehearsal::open(Plan::of(5)).await;
    rehearsal.keep_addresses();
    let desk = Desk {
        folder: rehearsal.folder().to_owned(),
        url: format!("http://{}", rehearsal.public(1)),
        genesis: rehearsal.world.trust.election_id().to_string(),
    };
    let (node, public) = keys(&desk, &rehearsal).await;

    // What cannot be is said before anybody signs.
    let (draft, share) = (desk.path("refused.cbor"), desk.path("org-4.json"));
    let add = ["add", "--organisation", "org-5", "--role", "learner", "--keys", &public];
    let few = desk.draft(&SIGNERS[..3], &draft, &add).await.ended_with(2);
    assert!(few.out.contains("name more with --by"), "{few:?}");
    let unknown = desk.draft(&["org-1", "org-9"], &draft, &add).await.ended_with(2);
    assert!(unknown.out.contains("org-9"), "{unknown:?}");
    desk.draft(&SIGNERS, &draft, &add).await.ended_with(0);
    let (stranger, _) = desk.sign(&draft, "org-4").await;
    assert!(stranger.ended_with(2).out.contains("not one of the record's signers") && !Path::new(&share).exists());
    let (_, alone) = desk.sign(&draft, "org-1").await;
    let record = desk.path("refused.record");
    let incomplete = desk.governance(&["merge", &draft, &alone, "--out", &record]).await.ended_with(2);
    assert!(!Path::new(&record).exists(), "{incomplete:?}");

    // The node comes: added, then a voter.
    let peers = vec![Peer { id: 1, address: rehearsal.node(1).config().unwrap().listen.peer.to_string() }];
    let folder = rehearsal.folder().to_owned();
    rehearsal.cluster.join(&node, &folder, &tamga_node(), peers).unwrap();
    let added = desk.decided(&rehearsal, &SIGNERS, &add).await.ended_with(0).json();
    assert_eq!(added["accepted"], true, "{added:#}");
    is(&rehearsal, NEW, Some("learner")).await;
    rehearsal.serves(NEW).await;
    // The same record again adds nothing and is told the same.
    let again = desk.submit(&desk.path("decision.record"), &rehearsal).await.ended_with(0).json();
    assert_eq!(again["leaf"], added["leaf"]);
    let id = NEW.to_string();
    // Another author, whose number nobody has to remember either.
    let others = ["org-4", "org-1", "org-2", "org-3"];
    desk.decided(&rehearsal, &others, &["role", "--node", &id, "--role", "voter"]).await.ended_with(0);
    is(&rehearsal, NEW, Some("voter")).await;

    // The old one goes.
    assert!(rehearsal.node_mut(OLD).end_in_order().await.is_some_and(|status| status.success()));
    let old = OLD.to_string();
    let remove = ["remove", "--node", &old, "--reason", "replaced"];
    desk.decided(&rehearsal, &others, &remove).await.ended_with(0);
    is(&rehearsal, OLD, None).await;
    // Decided twice: the ledger keeps it as refused, and the command says so.
    let twice = desk.decided(&rehearsal, &SIGNERS, &remove).await.ended_with(1).json();
    assert_eq!((&twice["accepted"], &twice["outcome"]), (&false.into(), &"refuted".into()), "{twice:#}");

    // Its organisation cosigns by the new one.
    let (_, judged) = rehearsal.admit(1, Voter { home: 1, number: 3 }).await;
    rehearsal.published(NEW, judged.leaf.get() + 1).await;
    let agreed = rehearsal.agreed([1, 2, 3, 4, NEW]).await;
    assert_eq!(agreed.organisations().len(), 5);
}
