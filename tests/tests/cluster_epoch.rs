//! Three of five nodes are lost with their disks, after records were acknowledged that nobody published. No majority can ever
//! meet again. The organisations decide that the two that are left begin a new cluster epoch from the last published size;
//! what came behind is submitted again; new nodes join; the published tree goes on as if nothing had been.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tamga_client::author::{node_add, standby_cosigner_name};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::kinds::{Governance, NodeRole};
use tamga_ledger::promise::Judged;
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;
use tamga_node::config::Peer;
use tamga_node::provision::{self, GeneratedNode, generate_node};
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;
use tamga_tests::copy::{Copy, Sha256, root};
use tamga_tests::program::{Ran, run, tamga, tamga_node};
use tamga_tests::rehearsal::judged;
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, Voter};

/// Those that are left, and those that are lost.
const LEFT: [u32; 2] = [1, 2];
const LOST: [u32; 3] = [3, 4, 5];
/// Who comes for those that are lost, of the same organisations.
const NEW: [u32; 3] = [6, 7, 8];
const SIGNERS: [&str; 4] = ["org-1", "org-2", "org-3", "org-4"];

struct Desk {
    folder: PathBuf,
    url: String,
    genesis: String,
}

impl Desk {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    async fn governance(&self, arguments: &[&str]) -> Ran {
        run(tamga(), &[&["--json", "governance"], arguments].concat()).await
    }

    /// The decision to go on with nodes, signed by four organisations, in a file.
    async fn decided(&self, name: &str, voters: &[&str]) -> (String, serde_json::Value) {
        let (draft, record) = (self.path(&format!("{name}.cbor")), self.path(&format!("{name}.record")));
        let by: Vec<&str> = SIGNERS.iter().flat_map(|name| ["--by", *name]).collect();
        let voters: Vec<&str> = voters.iter().flat_map(|id| ["--voter", *id]).collect();
        let place = ["draft", &self.url, "--genesis", &self.genesis];
        let what = [&place[..], &by, &["--out", &draft, "cluster-epoch"], &voters].concat();
        let drafted = self.governance(&what).await.ended_with(0).json();
        let mut shares = Vec::new();
        for organisation in SIGNERS {
            let key = self.path(&format!("organisations/{organisation}/record.key"));
            let out = self.path(&format!("{name}-{organisation}.json"));
            self.governance(&["sign", &draft, "--key", &key, "--out", &out]).await.ended_with(0);
            shares.push(out);
        }
        let shares: Vec<&str> = shares.iter().map(String::as_str).collect();
        self.governance(&[&["merge", &draft], &shares[..], &["--out", &record]].concat()).await.ended_with(0);
        (record, drafted)
    }
}

fn config_file(rehearsal: &Rehearsal, node: u32) -> String {
    rehearsal.data(node).parent().unwrap().join("node.toml").to_str().unwrap().to_owned()
}

async fn recover(rehearsal: &Rehearsal, node: u32, decision: &str) -> Ran {
    run(tamga_node(), &["recover", "--config", &config_file(rehearsal, node), "--decision", decision, "--json"]).await
}

/// The organisation's standby key beside a node's own, as its operator puts it there once the own one may not sign any more.
fn lay_out_standby(rehearsal: &Rehearsal, node: u32) {
    let folder = rehearsal.node(node).config().unwrap().keys_dir.join("next");
    std::fs::create_dir_all(&folder).unwrap();
    let secret = &rehearsal.founded.organisations[node as usize - 1].standby;
    let hex: String = secret.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join("cosigner.key");
    std::fs::write(&path, format!("tamga-key/v1 cosigner {hex}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A decision of all organisations, submitted to a node that is left.
async fn decide(rehearsal: &Rehearsal, change: &Governance) -> Judged {
    let organisations = &rehearsal.founded.organisations;
    let keys: Vec<_> = organisations.iter().map(|organisation| sign::public_key(&organisation.record)).collect();
    let draft = rehearsal.world.scribe.governance(&keys, change).unwrap();
    let shares: Vec<_> = organisations.iter().map(|organisation| draft.share(&organisation.record).unwrap()).collect();
    let judged = judged(&rehearsal.client_alone(1), &draft.merge(&shares).unwrap()).await;
    assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
    judged
}

/// A node in place of a lost one of the same organisation, cosigning with the standby key.
fn successor(rehearsal: &Rehearsal, id: u32, lost: u32) -> GeneratedNode {
    let organisation = &rehearsal.founded.organisations[lost as usize - 1];
    let mut node = generate_node(&OsEntropy, id, "unused").unwrap();
    node.identity.secrets.cosigner = organisation.standby.clone();
    node.public = node.identity.public(id, &standby_cosigner_name(&organisation.name));
    node
}

/// Starts a successor; of the new epoch it knows only what its operator states.
async fn join(rehearsal: &mut Rehearsal, node: &GeneratedNode, epoch: u32) {
    let (folder, id) = (rehearsal.folder().to_owned(), node.public.id);
    let peers = vec![Peer { id: 1, address: rehearsal.node(1).config().unwrap().listen.peer.to_string() }];
    rehearsal.cluster.join(node, &folder, &tamga_node(), peers).unwrap();
    rehearsal.node_mut(id).kill().await;
    let mut config = rehearsal.node(id).config().unwrap();
    config.cluster_epoch = Some(epoch);
    provision::write_config(&OsDisk, Path::new(&config_file(rehearsal, id)), &config).unwrap();
    rehearsal.node_mut(id).restart().unwrap();
}

/// Acknowledged, with a verdict, at a time when nothing can be published.
async fn admitted_unpublished(rehearsal: &Rehearsal, count: u32) -> Vec<Submission> {
    let client = rehearsal.client_alone(1);
    let mut records = Vec::new();
    for number in 20..20 + count {
        let record = rehearsal.world.identification(1, Voter { home: 1, number });
        assert!(judged(&client, &record).await.verdict.is_accepted());
        records.push(record);
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_lost_its_majority_goes_on_from_what_is_published() {
    let mut rehearsal = Rehearsal::open(Plan::of(5)).await;
    rehearsal.keep_addresses();
    let mut early = Vec::new();
    for number in 1..=5 {
        early.push(rehearsal.admit(1, Voter { home: 1, number }).await);
    }
    for (record, judged) in &early {
        rehearsal.receipt(record, judged).await;
    }
    // With two nodes gone three still agree and answer, and nothing is published any more. Then a third disk is lost.
    for lost in [4, 5] {
        rehearsal.node_mut(lost).kill().await;
    }
    let published = rehearsal.agreed([1, 2, 3]).await.checkpoint().clone();
    let behind = admitted_unpublished(&rehearsal, 10).await;
    until("a cut that is cosigned and not published", async || {
        for node in LEFT {
            let status = rehearsal.status(node).await?;
            if status["cosigned_size"].as_u64() <= Some(published.size.get()) {
                return Err(format!("node {node}: {status}"));
            }
        }
        Ok(())
    })
    .await;
    rehearsal.node_mut(3).kill().await;
    std::fs::remove_dir_all(rehearsal.data(3)).unwrap();
    let kept_of_four = rehearsal.data(4).join("raft");

    // Two of five never agree on anything again. They still show what is published, and the organisations decide by that.
    let desk = Desk {
        folder: rehearsal.folder().to_owned(),
        url: format!("http://{}", rehearsal.public(1)),
        genesis: rehearsal.world.trust.election_id().to_string(),
    };
    let (decision, drafted) = desk.decided("recovery", &["1", "2"]).await;
    assert!(drafted["decision"].as_str().unwrap().contains("the cluster begins anew from size"), "{drafted:#}");
    let (other, _) = desk.decided("other", &["1", "2", "4"]).await;

    // A running node is not recovered, nor one that the decision does not name.
    let running = recover(&rehearsal, 1, &decision).await.ended_with(1);
    assert!(running.out.contains("stop the node first") || running.err.contains("stop the node first"), "{running:?}");
    for node in LEFT {
        rehearsal.node_mut(node).kill().await;
    }
    let unnamed = recover(&rehearsal, 4, &decision).await.ended_with(1);
    assert!(unnamed.err.contains("does not name node 4"), "{unnamed:?}");

    let config = config_file(&rehearsal, 1);
    let standing = run(tamga_node(), &["standing", "--config", &config, "--json"]).await.ended_with(0).json();
    assert_eq!(standing["published_size"], published.size.get(), "{standing:#}");
    assert!(standing["size"].as_u64().unwrap() >= published.size.get() + 10, "{standing:#}");
    for node in LEFT {
        let done = recover(&rehearsal, node, &decision).await.ended_with(0).json();
        assert_eq!((&done["size"], &done["cluster_epoch"]), (&published.size.get().into(), &2.into()), "{done:#}");
        assert!(done["resubmitted"].as_u64().unwrap() >= 10, "{done:#}");
        // It cosigned cuts behind the size that nobody published: that key is over.
        assert_eq!(done["silenced"].as_array().unwrap().len(), 1, "{done:#}");
        assert!(rehearsal.data(node).join("before-epoch-2").join("ledger").is_dir());
        let again = recover(&rehearsal, node, &other).await.ended_with(1);
        assert!(again.err.contains("by another decision already"), "{again:?}");
        recover(&rehearsal, node, &decision).await.ended_with(0);
        lay_out_standby(&rehearsal, node);
    }

    // They begin: first the decision, at the very size, then everything that was given up.
    for node in LEFT {
        rehearsal.node_mut(node).restart().unwrap();
    }
    for node in LEFT {
        rehearsal.serves(node).await;
    }
    until("both nodes to have everything again", async || {
        for node in LEFT {
            let status = rehearsal.status(node).await?;
            let (applied, outbox) = (status["applied_size"].as_u64(), status["outbox_records"].as_u64());
            if applied < Some(published.size.get() + 11) || outbox != Some(0) {
                return Err(format!("node {node}: {status}"));
            }
        }
        Ok(())
    })
    .await;
    // Nobody publishes alone: two organisations are no quorum. New nodes come for the lost ones.
    assert_eq!(rehearsal.checkpoint(1).await.unwrap().checkpoint().size, published.size);
    for organisation in &rehearsal.founded.organisations {
        // The programs have drawn numbers of these keys meanwhile.
        rehearsal.world.scribe.resume(sign::public_key(&organisation.record).id(), 100);
    }
    for (id, lost) in NEW.into_iter().zip(LOST) {
        let node = successor(&rehearsal, id, lost);
        decide(&rehearsal, &node_add(&format!("org-{lost}"), NodeRole::Voter, node.public.clone())).await;
        join(&mut rehearsal, &node, 2).await;
    }
    let all = [1, 2, 6, 7, 8];
    for node in all {
        rehearsal.serves(node).await;
    }
    let (late, late_judged) = {
        let record = rehearsal.world.identification(1, Voter { home: 1, number: 40 });
        let judged = judged(&rehearsal.client_alone(1), &record).await;
        (record, judged)
    };
    assert!(late_judged.verdict.is_accepted());
    let agreed = until("a quorum to publish", async || {
        let agreed = rehearsal.checkpoint(1).await?;
        if agreed.checkpoint().size >= late_judged.leaf.size_after() && agreed.organisations().len() >= 4 {
            return Ok(agreed);
        }
        Err(format!("size {} by {}", agreed.checkpoint().size, agreed.organisations().len()))
    })
    .await;
    assert!(agreed.organisations().len() >= 4);

    // The published tree was never rolled back: the new one begins with it, then comes the decision, then what was given up.
    let copy = Copy::fetch(rehearsal.public(6), &rehearsal.walked(6).await.unwrap()).await;
    let size = usize::try_from(published.size.get()).unwrap();
    assert_eq!(root::<Sha256>(&copy.entries[..size]), *published.roots.sha256.as_bytes());
    let Payload::Full(first) = Entry::from_bytes(&copy.entries[size]).unwrap().payload else { panic!("a stub") };
    assert_eq!(first.parse().unwrap().kind, tamga_ledger::kinds::Kind::Governance as u16);
    for record in early.iter().map(|(record, _)| record).chain(&behind).chain([&late]) {
        assert!(copy.leaf(&record.signed.id()).is_some(), "an acknowledged record is gone");
    }
    for record in &behind {
        let leaf = usize::try_from(copy.leaf(&record.signed.id()).unwrap()).unwrap();
        assert!(Entry::from_bytes(&copy.entries[leaf]).unwrap().verdict.is_accepted());
    }

    // Who was left behind is heard by nobody, although its disk was never lost.
    assert!(kept_of_four.is_dir());
    rehearsal.node_mut(4).restart().unwrap();
    until("the node that was left behind to be refused", async || {
        let log = rehearsal.log(1);
        if log.contains("refused a connection to the listener for nodes") { Ok(()) } else { Err("not yet") }
    })
    .await;
    rehearsal.node_mut(4).kill().await;

    // And a court needs nothing but the election id.
    let url = format!("http://{}", rehearsal.public(7));
    run(tamga(), &["--json", "audit", &url, "--genesis", &desk.genesis]).await.ended_with(0);
}
