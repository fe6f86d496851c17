//! TLS certificates change while a node runs: what readers see, by files; a node's own, by a decision that takes the old key back.

#![allow(clippy::unwrap_used, reason = "test code")]

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tamga_client::author::node_rotate_keys;
use tamga_consensus::{Dialer as _, NodeId, TcpDialer};
use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::{NodeKeys, RotationReason};
use tamga_ledger::sign::public_key;
use tamga_node::tls::{LivePins, Shown, TlsDialer, TlsIdentity};
use tamga_tests::load::Load;
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, Voter, http};

const SOON: Duration = Duration::from_secs(10);
/// The node whose certificates change.
const NODE: u32 = 1;

/// A certificate and its key as files have them.
struct Pair {
    certificate: String,
    key: String,
    pin: Digest,
}

impl Pair {
    fn write(&self, chain: &Path, key: &Path) {
        std::fs::write(key, &self.key).unwrap();
        std::fs::write(chain, &self.certificate).unwrap();
    }
}

/// For the loopback address, ending after so many days.
fn pair(days: u64) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    // An hour more: the day that has begun counts.
    params.not_after = (SystemTime::now() + Duration::from_secs(days * 86_400 + 3_600)).into();
    let certificate = params.self_signed(&key).unwrap().pem();
    let pin = TlsIdentity::from_pem(&certificate, &key.serialize_pem()).unwrap().spki_sha256();
    Pair { certificate, key: key.serialize_pem(), pin }
}

/// Whether whoever listens there shows a certificate of this key, towards a node with that one.
async fn shows(address: SocketAddr, pin: Digest, own: &TlsIdentity) -> Result<(), String> {
    let pins = LivePins::new([(pin, NodeId(u64::from(NODE)))].into_iter().collect());
    let dialer = TlsDialer::new(&Shown::new(own).unwrap(), &pins, Arc::new(TcpDialer), SOON).unwrap();
    let dialled = dialer.dial(NodeId(u64::from(NODE)), &address.to_string()).await;
    dialled.map(drop).map_err(|error| error.to_string())
}

async fn status(rehearsal: &Rehearsal) -> serde_json::Value {
    http::found(rehearsal.node(NODE).admin_address(), "/certificates").await.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_readers_see_is_renewed_without_a_restart_and_its_end_is_warned_of() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    let folder = rehearsal.folder().to_owned();
    let (chain, key) = (folder.join("readers.crt"), folder.join("readers.key"));
    let old = pair(3);
    old.write(&chain, &key);
    rehearsal
        .node(NODE)
        .configure(|config| {
            config.public.certificate = Some(chain.clone());
            config.public.key = Some(key.clone());
            config.public.certificate_check_ms = Some(200);
        })
        .unwrap();
    assert!(rehearsal.node_mut(NODE).end_in_order().await.is_some_and(|status| status.success()));
    rehearsal.restart(NODE).await;
    let public = rehearsal.public(NODE);
    let anybody = rehearsal.founded.nodes[NODE as usize].identity.tls.clone();
    shows(public, old.pin, &anybody).await.unwrap();

    until("a warning", async || {
        if rehearsal.log(NODE).contains("ends within a week") { Ok(()) } else { Err("none".to_owned()) }
    })
    .await;
    let told = status(&rehearsal).await;
    assert_eq!((&told["public_days_left"], &told["public_fault"]), (&json!(3), &json!(null)), "{told}");
    let metrics = http::found(rehearsal.node(NODE).admin_address(), "/metrics").await.text().to_owned();
    let left = metrics.lines().find_map(|line| line.strip_prefix("tamga_certificate_expires_seconds ")).unwrap();
    // Three days and an hour, and as fresh as that hour.
    assert!((259_200.0..=262_800.0).contains(&left.parse::<f64>().unwrap()), "{left}");

    // Half of a renewal: the certificate is there, its key is not. The one from before is still shown.
    let new = pair(90);
    std::fs::write(&chain, &new.certificate).unwrap();
    until("the fault to be told", async || {
        let told = status(&rehearsal).await;
        if told["public_fault"].is_string() { Ok(()) } else { Err(told.to_string()) }
    })
    .await;
    shows(public, old.pin, &anybody).await.unwrap();
    // The other half.
    new.write(&chain, &key);
    until("the new certificate", async || shows(public, new.pin, &anybody).await).await;
    assert!(shows(public, old.pin, &anybody).await.is_err());
    let told = status(&rehearsal).await;
    assert_eq!((&told["public_days_left"], &told["public_fault"]), (&json!(90), &json!(null)), "{told}");

    // A start with what is not whole says which file.
    assert!(rehearsal.node_mut(NODE).end_in_order().await.is_some_and(|status| status.success()));
    std::fs::write(&key, old.key).unwrap();
    rehearsal.node_mut(NODE).restart().unwrap();
    assert!(rehearsal.node_mut(NODE).ended_within(SOON).await.is_some_and(|status| !status.success()));
    assert!(rehearsal.log(NODE).contains("readers.crt"), "{}", rehearsal.log(NODE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_tls_key_leaked_gets_another_without_a_restart() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let config = rehearsal.node(NODE).config().unwrap();
    let own = rehearsal.founded.nodes[NODE as usize - 1].identity.tls.clone();
    let other = rehearsal.founded.nodes[NODE as usize].identity.tls.clone();
    let addresses = std::fs::read_to_string(rehearsal.data(NODE).join("addresses.json")).unwrap();
    let addresses: serde_json::Value = serde_json::from_str(&addresses).unwrap();
    let peer: SocketAddr = addresses["peer"].as_str().unwrap().parse().unwrap();
    shows(peer, own.spki_sha256(), &other).await.unwrap();

    // Its operator lays the next key beside the old one; a decision takes the old one back.
    let next = pair(30);
    let folder = config.keys_dir.join("next");
    std::fs::create_dir_all(&folder).unwrap();
    next.write(&folder.join("tls.crt"), &folder.join("tls.key"));
    let load = Load::begin(&rehearsal);
    load.more(20).await;
    let keys = rehearsal.world.trust.registry().get(NODE).unwrap().keys.clone();
    let keys = NodeKeys { tls_spki_sha256: next.pin, ..keys };
    let organisations = &rehearsal.founded.organisations;
    let authors: Vec<_> = organisations.iter().map(|one| public_key(&one.record)).collect();
    let change = node_rotate_keys(keys, RotationReason::Compromised);
    let draft = rehearsal.world.scribe.governance(&authors, &change).unwrap();
    let shares: Vec<_> = organisations.iter().map(|one| draft.share(&one.record).unwrap()).collect();
    rehearsal.accepted(&draft.merge(&shares).unwrap()).await;

    until("the next key to be shown", async || shows(peer, next.pin, &other).await).await;
    assert!(shows(peer, own.spki_sha256(), &other).await.is_err());
    let told = status(&rehearsal).await;
    assert_eq!(told["peer_spki_sha256"], json!(next.pin.to_string()), "{told}");
    // Whoever has the old key is nobody any more, towards any node.
    let addresses = std::fs::read_to_string(rehearsal.data(2).join("addresses.json")).unwrap();
    let addresses: serde_json::Value = serde_json::from_str(&addresses).unwrap();
    let second: SocketAddr = addresses["peer"].as_str().unwrap().parse().unwrap();
    let pins = LivePins::new([(other.spki_sha256(), NodeId(2))].into_iter().collect());
    let thief = TlsDialer::new(&Shown::new(&own).unwrap(), &pins, Arc::new(TcpDialer), SOON).unwrap();
    until("the old key to be refused", async || {
        let Ok(mut stream) = thief.dial(NodeId(2), &second.to_string()).await else { return Ok(()) };
        // TLS 1.3 tells a client of its refusal with the first read.
        let mut byte = [0];
        match tokio::io::AsyncReadExt::read(&mut stream, &mut byte).await {
            Ok(0) | Err(_) => Ok(()),
            Ok(_) => Err("it is still let in".to_owned()),
        }
    })
    .await;

    // All three go on together: what is published needs each organisation.
    load.more(20).await;
    load.end().await;
    let (_, judged) = rehearsal.admit(2, Voter { home: 2, number: 49 }).await;
    for node in rehearsal.ids() {
        rehearsal.published(node, judged.leaf.get() + 1).await;
    }
}
