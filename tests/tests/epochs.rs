//! The organisations change who must cosign, and one of them changes its node's keys, while stations go on. Receipts from
//! before and after verify offline from the genesis digest; whoever does not know of the change is not fooled.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tamga_client::author::{node_rotate_keys, policy_text};
use tamga_ledger::court::CourtBundle;
use tamga_ledger::history::History;
use tamga_ledger::kinds::{Governance, NodeKeys, RotationReason};
use tamga_ledger::promise::Judged;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::sign::public_key;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::TreeSize;
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_node::provision::{GeneratedNode, generate_node};
use tamga_platform::entropy::OsEntropy;
use tamga_tests::load::Load;
use tamga_tests::program::{Ran, run, tamga};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, Voter, http, rehearsal};

const SOME: usize = 40;
/// So many to a roll that the load, which comes from both ends of it, does not reach the middle.
const VOTERS: u32 = 3_000;
/// A voter there.
const MIDDLE: u32 = VOTERS / 2;
/// The node whose keys change.
const NODE: u32 = 2;

/// A decision of all organisations: each signs where its key is, somebody merges.
fn decision(rehearsal: &Rehearsal, change: &Governance) -> Submission {
    let organisations = &rehearsal.founded.organisations;
    let keys: Vec<_> = organisations.iter().map(|organisation| public_key(&organisation.record)).collect();
    let draft = rehearsal.world.scribe.governance(&keys, change).unwrap();
    let shares: Vec<_> = organisations.iter().map(|organisation| draft.share(&organisation.record).unwrap()).collect();
    draft.merge(&shares).unwrap()
}

async fn decide(rehearsal: &Rehearsal, change: &Governance) -> Judged {
    rehearsal.accepted(&decision(rehearsal, change)).await
}

/// Who must cosign, as a node proves it.
async fn walked(rehearsal: &Rehearsal, node: u32) -> (Trust, History) {
    let bytes = http::found(rehearsal.public(node), "/history").await.body;
    let history = History::from_bytes(&bytes).unwrap();
    (rehearsal.world.trust.follow(&history).unwrap(), history)
}

/// Waits until a node proves a way on which a decision lies.
async fn proven(rehearsal: &Rehearsal, node: u32, judged: &Judged) -> (Trust, History) {
    until("a decision to be proven", async || {
        let (trust, history) = walked(rehearsal, node).await;
        let found = history.steps.iter().any(|step| step.leaf == judged.leaf);
        if found { Ok((trust, history)) } else { Err(format!("{} steps", history.steps.len())) }
    })
    .await
}

/// What a node has published last, by the policy that it proves.
async fn published_beyond(rehearsal: &Rehearsal, node: u32, leaf: u64) -> Vec<String> {
    until("a checkpoint beyond the change", async || {
        let (trust, _) = walked(rehearsal, node).await;
        let note = http::get(rehearsal.public(node), "/checkpoint").await.map_err(|error| error.to_string())?.body;
        let verified = trust.verify_checkpoint(&note).map_err(|error| error.to_string())?;
        if verified.checkpoint().size.get() <= leaf + 1 {
            return Err(format!("size {}", verified.checkpoint().size));
        }
        Ok(verified.cosignatures().iter().map(|one| one.cosigner.to_string()).collect())
    })
    .await
}

/// Puts new keys beside a node's, as its operator does.
fn lay_out(folder: &Path, new: &GeneratedNode) {
    std::fs::create_dir_all(folder).unwrap();
    let secrets = &new.identity.secrets;
    for (name, key) in [("cosigner", &secrets.cosigner), ("log", &secrets.log), ("promise", &secrets.promise)] {
        let path = folder.join(format!("{name}.key"));
        std::fs::write(&path, format!("tamga-key/v1 {name} {}\n", hex(&key.to_bytes()))).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Shell {
    genesis: String,
}

impl Shell {
    async fn tamga(&self, arguments: &[&str]) -> Ran {
        run(tamga(), &[arguments, &["--genesis", &self.genesis, "--json"]].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_and_keys_change_while_stations_go_on_and_everything_verifies_offline() {
    let mut rehearsal = Rehearsal::open(Plan { voters: VOTERS, ..Plan::of(3) }).await;
    rehearsal.keep_addresses();
    let shell = Shell { genesis: rehearsal.world.trust.election_id().to_string() };
    let url = |rehearsal: &Rehearsal, node: u32| format!("http://{}", rehearsal.public(node));
    let file = |rehearsal: &Rehearsal, name: &str| rehearsal.folder().join(name).to_str().unwrap().to_owned();

    // A receipt from before, in a file.
    let (first, judged) = rehearsal.admit(1, Voter { home: 1, number: MIDDLE }).await;
    let early = rehearsal.receipt(&first, &judged).await;
    assert!(early.history.is_empty());
    let before = file(&rehearsal, "before");
    let id = first.signed.id().to_string();
    shell.tamga(&["prove", &url(&rehearsal, 1), "--record", &id, "--out", &before]).await.ended_with(0);

    // The operator lays the new keys beside the old ones; the node that restarts for it is one of three.
    let keys_dir = rehearsal.node(NODE).config().unwrap().keys_dir;
    let new = generate_node(&OsEntropy, NODE, "org-2/node-2b").unwrap();
    lay_out(&keys_dir.join("next"), &new);
    assert!(rehearsal.node_mut(NODE).end_in_order().await.is_some_and(|status| status.success()));
    rehearsal.restart(NODE).await;

    let load = Load::begin(&rehearsal);
    load.more(SOME).await;
    // The organisations put the keys in force, then the policy that counts them.
    let old = rehearsal.world.trust.registry().get(NODE).unwrap().keys.clone();
    let keys = NodeKeys { batch_key: old.batch_key, tls_spki_sha256: old.tls_spki_sha256, ..new.public.clone() };
    let rotation = decide(&rehearsal, &node_rotate_keys(keys, RotationReason::Routine)).await;
    let (trust, _) = proven(&rehearsal, 1, &rotation).await;
    let text = policy_text(&trust, None, &[]).unwrap();
    assert!(text.contains("org-2/node-2b"), "{text}");
    let split = text.replace("group organisations 3", "group organisations 2");
    assert_ne!(split, text);
    let refusal = rehearsal::refused(
        &rehearsal.client(1),
        &decision(&rehearsal, &Governance::PolicyEpoch { number: 1, policy: split }),
    )
    .await;
    assert_eq!(refusal.code, "policy-splits");
    assert!(refusal.text.contains("both satisfy the policy and share only {org-"), "{}", refusal.text);
    let change = decide(&rehearsal, &Governance::PolicyEpoch { number: 1, policy: text }).await;
    load.more(SOME).await;

    // Every node proves the way, and the checkpoint on it satisfies both policies: node 2 signed it with both keys.
    for node in rehearsal.ids() {
        let (trust, history) = proven(&rehearsal, node, &change).await;
        assert_eq!(trust.epoch_at(TreeSize::new(change.leaf.get() + 1).unwrap()), 1);
        let joining = history.steps.iter().find(|step| step.leaf == change.leaf).unwrap();
        for name in ["org-2/node-2 ", "org-2/node-2b "] {
            assert!(joining.checkpoint.contains(&format!("\u{2014} {name}")), "{}", joining.checkpoint);
        }
        let cosigners = published_beyond(&rehearsal, node, change.leaf.get()).await;
        assert!(cosigners.contains(&"org-2/node-2b".to_owned()), "{cosigners:?}");
    }

    // The old keys go: the new ones are the node's main ones from its next start on.
    assert!(rehearsal.node_mut(NODE).end_in_order().await.is_some_and(|status| status.success()));
    for name in ["cosigner", "log", "promise"] {
        std::fs::rename(keys_dir.join("next").join(format!("{name}.key")), keys_dir.join(format!("{name}.key")))
            .unwrap();
    }
    rehearsal.restart(NODE).await;
    load.more(SOME).await;
    let acknowledged = load.end().await;
    assert!(acknowledged.len() >= 3 * SOME);

    // A client that knows the genesis record only learns the way by itself; promises of the node are signed with its new key.
    let (late, judged) = rehearsal.admit(1, Voter { home: 1, number: MIDDLE + 1 }).await;
    let receipt = rehearsal.receipt(&late, &judged).await;
    assert!(receipt.history.steps.len() >= 2);
    let again = rehearsal::judged(&rehearsal.client_alone(NODE), &late).await;
    assert_eq!(again, judged);
    // Offline: with the way it verifies, without it nothing does; the one from before verifies as ever.
    let trust = rehearsal.world.trust.follow(&receipt.history).unwrap();
    let bare = Receipt::from_bytes(&receipt.bytes).unwrap();
    assert!(bare.verify(&trust).is_ok());
    assert!(bare.verify(&rehearsal.world.trust).is_err());
    assert!(Receipt::from_bytes(&early.bytes).unwrap().verify(&trust).is_ok());
    let after = file(&rehearsal, "after");
    let id = late.signed.id().to_string();
    shell.tamga(&["prove", &url(&rehearsal, 3), "--record", &id, "--out", &after]).await.ended_with(0);
    for path in [&before, &after] {
        let verified = shell.tamga(&["verify", path]).await.ended_with(0).json();
        assert_eq!(verified["outcome"], json!("verified"));
    }

    // The whole ledger, from a node and from a copy.
    let copy = file(&rehearsal, "copy");
    shell.tamga(&["download", &url(&rehearsal, 1), &copy]).await.ended_with(0);
    for place in [url(&rehearsal, NODE), copy.clone()] {
        let audited = shell.tamga(&["audit", &place]).await.ended_with(0).json();
        assert_eq!((&audited["audit"]["ok"], &audited["checkpoint"]["policy_epoch"]), (&json!(true), &json!(1)));
        // Each checkpoint on both sides of the change, under the policy of its time; the node's list, the copy's index.
        assert!(audited["audit"]["checkpoints_archived"].as_u64() > Some(2), "{audited}");
    }
    std::fs::remove_file(Path::new(&copy).join("history")).unwrap();
    shell.tamga(&["audit", &copy]).await.ended_with(1);

    court(&rehearsal, &shell, [&first.signed.id().to_string(), &id]).await;
    browse(&rehearsal, &shell, &early.receipt.checkpoint().checkpoint().size).await;
    revoked(&rehearsal).await;

    // A power cut: every node starts by the policy that its own ledger puts in force, and goes on.
    rehearsal.power_cut().await;
    rehearsal.power_back().await;
    let (_, judged) = rehearsal.admit(2, Voter { home: 2, number: MIDDLE }).await;
    for node in rehearsal.ids() {
        published_beyond(&rehearsal, node, judged.leaf.get() - 1).await;
    }
}

/// A court's bundle out of a running node, over the change: each record under the checkpoint that first covered it, by the policy of
/// its time.
async fn court(rehearsal: &Rehearsal, shell: &Shell, [early, late]: [&str; 2]) {
    let url = |node: u32| format!("http://{}", rehearsal.public(node));
    let file = |name: &str| rehearsal.folder().join(name).to_str().unwrap().to_owned();
    let records = file("records.court");
    let asked = ["bundle", &url(NODE), "--record", early, "--record", late, "--out", &records];
    let made = shell.tamga(&asked).await.ended_with(0).json();
    assert_eq!((&made["asked"], &made["checkpoint"]["policy_epoch"]), (&json!(2), &json!(1)), "{made}");
    let told = shell.tamga(&["verify", &records]).await.ended_with(0).json();
    let sizes = told["checkpoints"].as_array().unwrap();
    assert!(told["outcome"] == json!("verified") && sizes.len() >= 2, "{told}");
    let station = file("station.court");
    shell.tamga(&["bundle", &url(1), "--station", "1", "--out", &station]).await.ended_with(0);
    // Also by what audits ledgers; by nothing else than the pinned digest.
    shell.tamga(&["audit", &station]).await.ended_with(0);
    run(tamga(), &["verify", &station, "--genesis", &"ab".repeat(32)]).await.ended_with(1);
    // Without the way over the change it proves nothing.
    let mut bundle = CourtBundle::from_bytes(&std::fs::read(&records).unwrap()).unwrap();
    bundle.history = History::default();
    std::fs::write(&records, bundle.to_bytes()).unwrap();
    shell.tamga(&["verify", &records]).await.ended_with(1);
}

/// The archive: by size and by time, each proven against the latest.
async fn browse(rehearsal: &Rehearsal, shell: &Shell, early: &TreeSize) {
    let url = format!("http://{}", rehearsal.public(1));
    let size = early.to_string();
    let shown = shell.tamga(&["checkpoint", &url, "--size", &size]).await.ended_with(0).json();
    assert_eq!((&shown["checkpoint"]["size"], &shown["checkpoint"]["policy_epoch"]), (&json!(early.get()), &json!(0)));
    assert!(shown["confirmed"].as_str().unwrap().ends_with("UTC by 3 of 3 organisations"), "{shown}");
    let since = shell.tamga(&["checkpoint", &url, "--since", &size]).await.ended_with(0).json();
    assert_eq!((&since["extends"]["size"], &since["checkpoint"]["policy_epoch"]), (&json!(early.get()), &json!(1)));
    shell.tamga(&["checkpoint", &url, "--size", "999999"]).await.ended_with(2);
    // "As of" the moment at which that one was published, by the node's clock: that one, or a later one of the same instant.
    let page = http::found(rehearsal.public(1), &format!("/api/v1/checkpoints?covering={size}")).await.json();
    let at = page["published_ms"].as_u64().unwrap().to_string();
    let shown = shell.tamga(&["checkpoint", &url, "--at", &at]).await.ended_with(0).json();
    assert!(shown["checkpoint"]["size"].as_u64().unwrap() >= early.get(), "{shown}");
    shell.tamga(&["checkpoint", &url, "--at", "1970-01-02T00:00Z"]).await.ended_with(2);
    // Page by page, without a gap.
    let (mut from, mut sizes) = (Some(0), Vec::new());
    while let Some(next) = from {
        let page = http::found(rehearsal.public(1), &format!("/api/v1/checkpoints?from={next}&limit=7")).await.json();
        let page_sizes = page["checkpoints"].as_array().unwrap().iter().map(|one| one["size"].as_u64().unwrap());
        sizes.extend(page_sizes);
        from = page["next_from"].as_u64();
    }
    assert!(sizes.is_sorted_by(|a, b| a < b) && sizes.contains(&early.get()), "{sizes:?}");
    let latest = http::found(rehearsal.public(1), "/api/v1/checkpoint").await.json();
    assert_eq!(sizes.last(), latest["size"].as_u64().as_ref());
    assert!(latest["confirmed"].as_str().unwrap().starts_with("confirmed to "), "{latest}");
    for bad in ["?from=x", "?limit=0", "?limit=101", "?at=noon", "?at=1&from=2"] {
        let answer = http::get(rehearsal.public(1), &format!("/api/v1/checkpoints{bad}")).await.unwrap();
        assert_eq!(answer.status, 400, "{bad}");
    }
}

/// A device's key is taken back: what it signed stays, nothing more of it is taken.
async fn revoked(rehearsal: &Rehearsal) {
    let world = &rehearsal.world;
    let device = public_key(&world.keys.device(3));
    let late = world.identification(3, Voter { home: 3, number: MIDDLE });
    let commission = public_key(&world.commission);
    let draft = world.scribe.revoke_keys(&[commission], &[device.id()], RotationReason::Compromised).unwrap();
    let share = draft.share(&world.commission).unwrap();
    rehearsal.accepted(&draft.merge(&[share]).unwrap()).await;
    for node in rehearsal.ids() {
        until("the revocation at each node", async || {
            let answered = rehearsal.client_alone(node).submit(&late).await.map_err(|error| error.to_string())?;
            match answered.outcome {
                tamga_client::device::Outcome::Refused { refusal, .. } if refusal.code == "key-revoked" => Ok(()),
                // A node that has not applied it yet promises; then the rules refuse.
                tamga_client::device::Outcome::Promised { promise, .. } => match promise.judged {
                    Some(judged) => {
                        assert_eq!(judged.verdict, Verdict::Refused(Refusal::KeyRevoked));
                        Ok(())
                    }
                    None => Err("pending".to_owned()),
                },
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}
