//! Nodes and mirrors that lie, over real processes and sockets: what honest nodes and a watcher see, and the files that convict,
//! verified by the program that a court would use.

#![allow(clippy::unwrap_used, reason = "test code")]

use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tamga_consensus::{Dialer as _, NodeId, TcpDialer};
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, LogKey, UnverifiedCheckpoint};
use tamga_ledger::tree::Hash;
use tamga_node::proto::OfferCosignatureRequest;
use tamga_node::proto::peer_client::PeerClient;
use tamga_node::tls::{LivePins, Pins, Shown, TlsDialer};
use tamga_tests::program::{Ran, run, tamga};
use tamga_tests::{Plan, Rehearsal, Voter};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

const SOON: Duration = Duration::from_secs(15);

/// A connection to `wanted` as node `own`, with its certificate.
async fn dial_as(rehearsal: &Rehearsal, own: u32, wanted: u32) -> Channel {
    let identity = &rehearsal.founded.nodes[own as usize - 1].identity.tls;
    let pins = Pins::of(&rehearsal.world.trust);
    let text = std::fs::read_to_string(rehearsal.data(wanted).join("addresses.json")).unwrap();
    let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
    let address: SocketAddr = addresses["peer"].as_str().unwrap().parse().unwrap();
    let dialer =
        TlsDialer::new(&Shown::new(identity).unwrap(), &LivePins::new(pins), Arc::new(TcpDialer), SOON).unwrap();
    let mut stream = Some(dialer.dial(NodeId(u64::from(wanted)), &address.to_string()).await.unwrap());
    let connector = tower::service_fn(move |_: tonic::transport::Uri| {
        let stream = stream.take().map(TokioIo::new);
        async move { stream.ok_or_else(|| std::io::Error::other("one connection only")) }
    });
    Endpoint::from_static("http://peer").timeout(SOON).connect_with_connector(connector).await.unwrap()
}

/// Another ledger's checkpoint of that size, cosigned by these nodes and signed as the log by the first.
fn forged(rehearsal: &Rehearsal, honest: &Checkpoint, nodes: &[u32]) -> String {
    let mut lie = honest.clone();
    lie.roots.sha256 = Hash::new([7; 32]);
    lie.roots.blake3 = Hash::new([8; 32]);
    let mut note = UnverifiedCheckpoint::unsigned(lie).unwrap();
    let trust = &rehearsal.world.trust;
    for node in nodes {
        let secrets = &rehearsal.founded.nodes[*node as usize - 1].identity.secrets;
        let name = KeyName::new(&trust.node(*node).unwrap().keys.cosigner_name).unwrap();
        let time_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let line = CosignerKey::new(name, secrets.cosigner.clone()).unwrap().cosign(note.note(), time_s).unwrap();
        note.add(line).unwrap();
    }
    if nodes.len() > 1 {
        let secrets = &rehearsal.founded.nodes[nodes[0] as usize - 1].identity.secrets;
        let line = LogKey::new(trust.origin().clone(), secrets.log.clone()).unwrap().sign(note.note());
        note.add(line).unwrap();
    }
    note.note().to_string()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "evidence"));
    paths.sort();
    paths
}

/// What the program says of a file.
async fn told(rehearsal: &Rehearsal, file: &Path) -> Ran {
    let genesis = rehearsal.world.trust.election_id().to_string();
    run(tamga(), &["evidence", "verify", file.to_str().unwrap(), "--genesis", &genesis]).await
}

async fn watch(rehearsal: &Rehearsal, state: &Path, sources: &[String]) -> Ran {
    let genesis = rehearsal.world.trust.election_id().to_string();
    let mut arguments = vec!["--json", "watch", "--once", "--genesis", &genesis, "--state", state.to_str().unwrap()];
    arguments.extend(sources.iter().map(String::as_str));
    run(tamga(), &arguments).await
}

/// A mirror that serves one checkpoint and nothing else.
async fn mirror_of(note: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let note = note.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4_096];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let found = request[..length].starts_with(b"GET /checkpoint ");
                let (status, body) = if found { ("200 OK", note.as_str()) } else { ("404 Not Found", "") };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                // Whoever went away does not need it.
                let _ = stream.write_all((head + body).as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cosigner_of_wrong_roots_is_named_by_every_node_and_the_program_confirms_it() {
    let rehearsal = Rehearsal::open(Plan::of(4)).await;
    let honest = rehearsal.agreed(rehearsal.ids()).await;
    let note = forged(&rehearsal, honest.checkpoint(), &[2]);
    for node in [1, 3, 4] {
        let mut client = PeerClient::new(dial_as(&rehearsal, 2, node).await);
        client.offer_cosignature(OfferCosignatureRequest { note: note.clone() }).await.unwrap();
        let folder = rehearsal.data(node).join("evidence");
        tamga_tests::wait::until("an evidence file", async || {
            if files(&folder).is_empty() { Err(format!("none in {}", folder.display())) } else { Ok(()) }
        })
        .await;
        for file in files(&folder) {
            let told = told(&rehearsal, &file).await.ended_with(0);
            let organisation = &rehearsal.world.trust.node(2).unwrap().organisation;
            assert!(told.out.contains(organisation.as_str()), "{told:?}");
            // With another election's digest it is nothing.
            let other = "ab".repeat(32);
            run(tamga(), &["evidence", "verify", file.to_str().unwrap(), "--genesis", &other]).await.ended_with(1);
        }
    }
    // Nothing false was published, and publishing goes on.
    let before = honest.checkpoint().size.get();
    rehearsal.admit(1, Voter { home: 1, number: 3 }).await;
    let after = rehearsal.agreed(rehearsal.ids()).await;
    assert!(after.checkpoint().size.get() > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_is_silent_over_honest_nodes_and_convicts_a_quorum_that_shows_another_ledger() {
    let rehearsal = Rehearsal::open(Plan::of(4)).await;
    let old = rehearsal.agreed(rehearsal.ids()).await;
    rehearsal.admit(1, Voter { home: 1, number: 4 }).await;
    let honest = rehearsal.agreed(rehearsal.ids()).await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("watch");
    let nodes: Vec<String> = rehearsal.ids().map(|node| format!("http://{}", rehearsal.public(node))).collect();
    let silent = watch(&rehearsal, &state, &nodes).await.ended_with(0);
    assert_eq!(silent.json()["size"], honest.checkpoint().size.get(), "{silent:?}");
    assert_eq!(silent.json()["followed"], honest.checkpoint().size.get());
    assert!(files(&state.join("evidence")).is_empty());

    // Three of four organisations sign another ledger, and a mirror shows it.
    let mirror = mirror_of(forged(&rehearsal, honest.checkpoint(), &[2, 3, 4])).await;
    let sources = [nodes.clone(), vec![format!("http://{mirror}")]].concat();
    let alarmed = watch(&rehearsal, &state, &sources).await.ended_with(1);
    assert!(alarmed.out.contains("split-view"), "{alarmed:?}");
    let convicting = files(&state.join("evidence"));
    assert_eq!(convicting.len(), 1);
    let told = told(&rehearsal, &convicting[0]).await.ended_with(0);
    assert!(told.out.contains("What follows"), "{told:?}");

    // A mirror that has shown the newest and then replays an old one.
    let mirror = mirror_of(old.note().to_string()).await;
    let replay = [format!("http://{mirror}"), nodes[0].clone()];
    watch(&rehearsal, &state, &replay).await.ended_with(0);
    let alone = [format!("http://{mirror}")];
    // Alone it gives nothing to compare with: nobody has lied, and nothing could be checked.
    watch(&rehearsal, &state, &alone).await.ended_with(2);
}
