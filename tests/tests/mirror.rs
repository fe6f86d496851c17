//! `tamga mirror` over a real cluster: made, grown, killed in the middle, lied to; what it publishes, a plain web server serves and
//! `tamga audit` accepts. The web server is Python's `http.server`: nobody here wrote it.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tamga_tests::faults::needs;
use tamga_tests::program::{Ran, run, tamga};
use tamga_tests::{Plan, Rehearsal, Voter, day, http};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

/// What a relay does with an answer: its number from 1, its path, its bytes. `None`: never answered.
type Change = Box<dyn Fn(u32, &str, Vec<u8>) -> Option<Vec<u8>> + Send + Sync>;

/// Stands in front of a node and changes what it says. Stops when it is dropped.
struct Relay {
    address: SocketAddr,
    stalled: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    async fn before(node: SocketAddr, change: Change) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (change, asked, stalled) = (Arc::new(change), Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let told = Arc::clone(&stalled);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (change, asked, told) = (Arc::clone(&change), Arc::clone(&asked), Arc::clone(&told));
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        request.push(byte);
                    }
                    let path = String::from_utf8(request).unwrap().split(' ').nth(1).unwrap().to_owned();
                    let answer = http::get(node, &path).await.unwrap();
                    let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
                    let Some(body) = change(number, &path, answer.body) else {
                        told.notify_one();
                        return std::future::pending().await;
                    };
                    let head = format!(
                        "HTTP/1.1 {} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        answer.status,
                        body.len()
                    );
                    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
                });
            }
        });
        Self { address, stalled, task }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Python's web server over a folder.
async fn serve(python: &Path, folder: &Path) -> (Child, String) {
    let mut server = Command::new(python)
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    // "Serving HTTP on 127.0.0.1 port 40123 (http://127.0.0.1:40123/) ..."
    let port: u16 = line.split("port ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    (server, format!("http://127.0.0.1:{port}"))
}

struct Story {
    rehearsal: Rehearsal,
    mirror: PathBuf,
    server: String,
}

impl Story {
    async fn tamga(&self, arguments: &[&str]) -> Ran {
        let genesis = self.rehearsal.world.trust.election_id().to_string();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--genesis", &genesis, "--json"]).collect();
        run(tamga(), &arguments).await
    }

    async fn update(&self, source: &str) -> Ran {
        self.tamga(&["mirror", source, self.mirror.to_str().unwrap()]).await
    }

    /// Anybody's audit of what the web server serves; the entries it covers.
    async fn audited(&self) -> u64 {
        let audit = self.tamga(&["audit", &self.server]).await.ended_with(0).json();
        assert_eq!(audit["audit"]["ok"], true, "{audit:#}");
        audit["audit"]["entries"].as_u64().unwrap()
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        walk(&self.mirror).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    fn node(&self, id: u32) -> SocketAddr {
        self.rehearsal.public(id)
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn size(answer: &Value) -> u64 {
    answer["checkpoint"]["size"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_is_published_by_a_plain_web_server_and_never_shows_what_was_not_audited() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let python = std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|file| file.is_file());
    let Some(python) = python else { return needs::skipped("mirror", "it needs python3 as a web server") };
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let mirror = rehearsal.folder().join("published");
    std::fs::create_dir(&mirror).unwrap();
    let (_server, server) = serve(&python, &mirror).await;
    let story = Story { rehearsal, mirror, server };

    // Made.
    let node = format!("http://{}", story.node(1));
    let made = story.update(&node).await.ended_with(0).json();
    assert_eq!((&made["before"], &made["changed"]), (&Value::Null, &true.into()), "{made:#}");
    assert_eq!(story.audited().await, size(&made));
    let page = story.tamga(&["checkpoint", &story.server]).await.ended_with(0).json();
    assert_eq!(size(&page), size(&made));

    // Grown, from another node.
    day::pass(&story.rehearsal, false).await;
    story.rehearsal.agreed(story.rehearsal.ids()).await;
    let grown = story.update(&format!("http://{}", story.node(2))).await.ended_with(0).json();
    assert_eq!((&grown["before"], size(&grown) > size(&made)), (&made["checkpoint"]["size"], true), "{grown:#}");
    assert_eq!(story.audited().await, size(&grown));

    // Voters come too late and are refused; an update is killed at several requests, and the mirror stays what it was.
    for number in 20..30 {
        let late = story.rehearsal.world.identification(1, Voter { home: 1, number });
        assert!(!story.rehearsal.judged(&late).await.verdict.is_accepted());
    }
    story.rehearsal.agreed(story.rehearsal.ids()).await;
    let before = story.files();
    for asked in [1, 3, 5, 8, 11] {
        let relay =
            Relay::before(story.node(3), Box::new(move |number, _, body| (number < asked).then_some(body))).await;
        let genesis = story.rehearsal.world.trust.election_id().to_string();
        let mut update = Command::new(tamga())
            .args(["mirror", &relay.url(), story.mirror.to_str().unwrap(), "--genesis", &genesis])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        relay.stalled.notified().await;
        update.kill().await.unwrap();
        assert_eq!(story.files(), before, "killed at request {asked}");
    }
    assert_eq!(story.audited().await, size(&grown));

    // A source that lies about an entry, a tile, or what was signed is refused.
    let lies: [(&str, &str); 3] =
        [("/tile/entries/", "an entry"), ("/blake3/tile/0/", "a tile"), ("/checkpoint", "the checkpoint")];
    for (prefix, name) in lies {
        let change = move |_, path: &str, mut body: Vec<u8>| {
            if path.starts_with(prefix) && !path.starts_with("/checkpoints") {
                let place = body.len() / 2;
                body[place] ^= 1;
            }
            Some(body)
        };
        let relay = Relay::before(story.node(1), Box::new(change)).await;
        let refused = story.update(&relay.url()).await.ended_with(1).json();
        assert_eq!(refused["outcome"], "refuted", "{name}: {refused:#}");
        assert_eq!(story.files(), before, "{name}");
    }
    // One that is not there, or shows less, is no reason for anything.
    story.update("http://127.0.0.1:9").await.ended_with(2);
    assert_eq!(story.files(), before);

    // And then the honest one is believed, because it is checked.
    let whole = story.update(&node).await.ended_with(0).json();
    assert_eq!(whole["confidential"], true, "{whole:#}");
    assert_eq!(story.audited().await, size(&whole));
    let again = story.update(&node).await.ended_with(0).json();
    assert_eq!(again["changed"], false);
    // People's pages, as the web server gives them.
    let address: SocketAddr = story.server.strip_prefix("http://").unwrap().parse().unwrap();
    for (page, words) in [("/ky/", "Явка"), ("/ru/", "Явка"), ("/en/constituencies/1.html", "By hand")] {
        let text = http::found(address, page).await.text().to_owned();
        let words = if page == "/ky/" { "Катышуу" } else { words };
        assert!(text.contains(words) && text.contains("tamga audit URL"), "{page}: {text}");
    }
}
