//! Outside witnesses: one written here after the specification, and litewitness, which nobody here wrote. None of them is waited
//! for, and what they sign stands under the archived checkpoint.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a story")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::SigningKey;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tamga_ledger::note::{CosignerKey, KeyName, SignedNote, VerifierKey};
use tamga_node::config::Witnesses;
use tamga_tests::program::{run, tamga};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// RFC 9162 §2.1.4.2, written down here once more: nothing of the ledger's own verifier is used.
fn consistent(old: u64, old_root: [u8; 32], new: u64, new_root: [u8; 32], proof: &[[u8; 32]]) -> bool {
    let node = |left: &[u8; 32], right: &[u8; 32]| -> [u8; 32] {
        Sha256::digest([&[1], &left[..], &right[..]].concat()).into()
    };
    if old == new || old == 0 {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    let mut path: Vec<[u8; 32]> = proof.to_vec();
    if old.is_power_of_two() {
        path.insert(0, old_root);
    }
    let (mut f, mut s) = (old - 1, new - 1);
    while f & 1 == 1 {
        (f, s) = (f >> 1, s >> 1);
    }
    let Some((first, rest)) = path.split_first() else { return false };
    let (mut fr, mut sr) = (*first, *first);
    for c in rest {
        if s == 0 {
            return false;
        }
        if f & 1 == 1 || f == s {
            (fr, sr) = (node(c, &fr), node(c, &sr));
            while f & 1 == 0 && f != 0 {
                (f, s) = (f >> 1, s >> 1);
            }
        } else {
            sr = node(&sr, c);
        }
        (f, s) = (f >> 1, s >> 1);
    }
    s == 0 && fr == old_root && sr == new_root
}

/// What the witness of this test remembers.
struct Memory {
    origin: String,
    logs: Vec<VerifierKey>,
    key: CosignerKey,
    size: u64,
    root: [u8; 32],
    statuses: Vec<u16>,
}

impl Memory {
    /// Status, content type, body: `add-checkpoint` of C2SP tlog-witness.
    fn add_checkpoint(&mut self, body: &str) -> (u16, &'static str, String) {
        let answered = self.judged(body);
        self.statuses.push(answered.0);
        answered
    }

    fn judged(&mut self, body: &str) -> (u16, &'static str, String) {
        let bad = (400, "text/plain", String::new());
        let Some((head, note)) = body.split_once("\n\n") else { return bad };
        let mut lines = head.lines();
        let Some(old) = lines.next().and_then(|line| line.strip_prefix("old ")?.parse::<u64>().ok()) else {
            return bad;
        };
        let proof: Vec<[u8; 32]> = lines.map(|line| BASE64.decode(line).unwrap().try_into().unwrap()).collect();
        let note = SignedNote::from_bytes(note.as_bytes()).unwrap();
        let text: Vec<&str> = note.text().lines().collect();
        if text[0] != self.origin {
            return (404, "text/plain", String::new());
        }
        let signed = |key: &VerifierKey| note.signatures().iter().any(|line| key.verify(note.text(), line).is_ok());
        if !self.logs.iter().any(signed) {
            return (403, "text/plain", String::new());
        }
        let (size, root) = (text[1].parse().unwrap(), BASE64.decode(text[2]).unwrap().try_into().unwrap());
        if old > size {
            return bad;
        }
        if old != self.size || (old == size && root != self.root) {
            return (409, "text/x.tlog.size", format!("{}\n", self.size));
        }
        if !consistent(old, self.root, size, root, &proof) {
            return (422, "text/plain", String::new());
        }
        (self.size, self.root) = (size, root);
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        (200, "text/plain", format!("{}\n", self.key.cosign(&note, now_s).unwrap()))
    }
}

async fn serve(listener: TcpListener, memory: Arc<Mutex<Memory>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(stream, Arc::clone(&memory)));
    }
}

async fn answer(mut stream: TcpStream, memory: Arc<Mutex<Memory>>) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
    let (status, kind, body) = loop {
        let read = stream.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("POST /prefix/add-checkpoint HTTP/1.1\r\n"), "{head}");
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break memory.lock().unwrap().add_checkpoint(body);
        }
    };
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

/// The standing of node 1's witnesses.
async fn standing(rehearsal: &Rehearsal) -> Result<Value, String> {
    let answer = http::get(rehearsal.node(1).admin_address(), "/witnesses").await.map_err(|error| error.to_string())?;
    if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
}

/// Waits until the first witness has cosigned at least this size.
async fn witnessed(rehearsal: &Rehearsal, size: u64) -> Value {
    until("an outside cosignature", async || {
        let standing = standing(rehearsal).await?;
        let cosigned = standing["witnesses"][0]["cosigned_size"].as_u64();
        if cosigned >= Some(size) && standing["satisfied_size"].as_u64() >= Some(size) {
            Ok(standing)
        } else {
            Err(standing)
        }
    })
    .await
}

/// Node 1 begins to ask, or asks others from now on.
async fn ask(rehearsal: &mut Rehearsal, policy: &str) {
    let path = rehearsal.folder().join("witnesses.txt");
    std::fs::write(&path, policy).unwrap();
    let witnesses = Witnesses { policy: path, interval_s: 600, timeout_ms: 2_000, ca_file: None };
    rehearsal.node(1).configure(|config| config.witnesses = Some(witnesses)).unwrap();
    assert!(rehearsal.node_mut(1).end_in_order().await.is_some_and(|status| status.success()));
    rehearsal.restart(1).await;
}

fn log_keys(rehearsal: &Rehearsal) -> Vec<VerifierKey> {
    rehearsal.world.trust.policy().logs().iter().map(|log| log.key.clone()).collect()
}

/// The checkpoint that node 1 serves has a line of this key that verifies, and the ledger's own readers take it.
async fn stands_under_the_checkpoint(rehearsal: &Rehearsal, key: &VerifierKey) {
    let served = rehearsal.checkpoint(1).await.unwrap();
    let note = served.note();
    assert!(
        note.signatures().iter().any(|line| key.verify(note.text(), line).is_ok_and(|time_s| time_s.is_some())),
        "{note}"
    );
    let (url, id) = (format!("http://{}", rehearsal.public(1)), rehearsal.world.trust.election_id().to_string());
    run(tamga(), &["checkpoint", &url, "--genesis", &id]).await.ended_with(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_witnesses_cosign_what_is_published_and_nobody_waits_for_them() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    let origin = rehearsal.world.trust.origin().to_string();
    let key = CosignerKey::new(KeyName::new("witness.example").unwrap(), SigningKey::from_bytes(&[42; 32])).unwrap();
    let public = key.verifier_key().clone();
    let (logs, statuses) = (log_keys(&rehearsal), Vec::new());
    let memory = Memory { origin: "not yet".to_owned(), logs, key, size: 0, root: [0; 32], statuses };
    let memory = Arc::new(Mutex::new(memory));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Arc::clone(&memory)));
    // One that takes connections and says nothing, and one that is not there.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = |seed: u8, name: &str| {
        let key = CosignerKey::new(KeyName::new(name).unwrap(), SigningKey::from_bytes(&[seed; 32])).unwrap();
        key.verifier_key().to_string()
    };
    let policy = format!(
        "witness good {public} http://{place}/prefix\nwitness silent {} http://{}\nwitness gone {} http://127.0.0.1:1\n\
         group outside any good silent gone\nquorum outside\n",
        other(43, "silent.example"),
        silent.local_addr().unwrap(),
        other(44, "gone.example"),
    );
    // The witness does not know this log yet: said, and nothing else happens.
    rehearsal.agreed(rehearsal.ids()).await;
    ask(&mut rehearsal, &policy).await;
    until("the witness's refusal", async || {
        let standing = standing(&rehearsal).await?;
        let hindrance = standing["witnesses"][0]["hindrance"].as_str().unwrap_or_default().to_owned();
        if hindrance.contains("404") { Ok(()) } else { Err(hindrance) }
    })
    .await;
    let before = rehearsal.applied(1).await;
    rehearsal.admit(1, tamga_tests::Voter { home: 1, number: 0 }).await;
    assert!(rehearsal.published(1, before + 1).await.checkpoint().size.get() > before, "publication goes on");
    // Now it does.
    memory.lock().unwrap().origin = origin;
    let newest = rehearsal.agreed(rehearsal.ids()).await.checkpoint().size.get();
    let first = witnessed(&rehearsal, newest).await;
    assert_eq!(first["witnesses"][0]["hindrance"], Value::Null);
    assert!(
        first["witnesses"][1]["hindrance"].as_str().is_some_and(|what| what.contains("no answer within")),
        "{first}"
    );
    assert!(first["witnesses"][2]["hindrance"].is_string(), "{first}");
    stands_under_the_checkpoint(&rehearsal, &public).await;
    // A milestone (the next seal would be one too): the node starts anew, knows nothing of what it asked, and recovers by 409.
    let asked = memory.lock().unwrap().statuses.len();
    rehearsal.admit(1, tamga_tests::Voter { home: 1, number: 1 }).await;
    let size = rehearsal.agreed(rehearsal.ids()).await.checkpoint().size.get();
    ask(&mut rehearsal, &policy).await;
    witnessed(&rehearsal, size).await;
    stands_under_the_checkpoint(&rehearsal, &public).await;
    let statuses = memory.lock().unwrap().statuses[asked..].to_vec();
    assert_eq!(&statuses[..2], &[409, 200], "{statuses:?}");
    // Keys of the log that the witness trusts are none of ours: 403, said as what it is.
    memory.lock().unwrap().logs.clear();
    rehearsal.admit(1, tamga_tests::Voter { home: 1, number: 2 }).await;
    ask(&mut rehearsal, &policy).await;
    until("the witness's refusal", async || {
        let standing = standing(&rehearsal).await?;
        let hindrance = standing["witnesses"][0]["hindrance"].as_str().unwrap_or_default().to_owned();
        if hindrance.contains("403") { Ok(()) } else { Err(hindrance) }
    })
    .await;
}

/// litewitness with its key in an ssh-agent, as its documentation runs it.
struct LiteWitness {
    key: VerifierKey,
    url: String,
    _processes: Vec<Child>,
}

/// What has to be there: the program (in the path, or made by `go install`), ssh-agent, sqlite3.
async fn litewitness(folder: &Path) -> Result<PathBuf, String> {
    for program in ["ssh-agent", "ssh-keygen", "ssh-add", "sqlite3"] {
        let there = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().await.unwrap();
        if !there.status.success() {
            return Err(format!("{program} is not installed"));
        }
    }
    let found = Command::new("sh").args(["-c", "command -v litewitness"]).output().await.unwrap();
    if found.status.success() {
        return Ok(String::from_utf8(found.stdout).unwrap().trim().into());
    }
    let install = ["install", "filippo.io/torchwood/cmd/litewitness@v0.9.0"];
    let made = Command::new("go").args(install).env("GOBIN", folder).env("GOFLAGS", "-buildvcs=false").output().await;
    match made {
        Ok(made) if made.status.success() => Ok(folder.join("litewitness")),
        Ok(made) => Err(format!("litewitness cannot be built: {}", String::from_utf8_lossy(&made.stderr).trim())),
        Err(error) => Err(format!("litewitness is not installed, and neither is go ({error})")),
    }
}

impl LiteWitness {
    async fn start(program: &Path, folder: &Path, origin: &str, logs: &[VerifierKey]) -> Self {
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let ran = async |program: &str, arguments: &[&str], socket: &str| {
            let output = Command::new(program).args(arguments).env("SSH_AUTH_SOCK", socket).output().await.unwrap();
            assert!(output.status.success(), "{program}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let (socket, key) = (at("agent.sock"), at("witness_key"));
        ran("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key], "").await;
        let fingerprint = ran("ssh-keygen", &["-l", "-f", &key], "").await.split(' ').nth(1).unwrap().to_owned();
        let agent =
            Command::new("ssh-agent").args(["-D", "-a", &socket]).kill_on_drop(true).stdout(Stdio::null()).spawn();
        let agent = agent.unwrap();
        until("the agent", async || if Path::new(&socket).exists() { Ok(()) } else { Err("no socket") }).await;
        ran("ssh-add", &["-q", &key], &socket).await;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (database, log, address) = (at("witness.db"), at("witness.log"), port.to_string());
        let empty = BASE64.encode(Sha256::digest([]));
        let mut sql = format!(
            "CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);\
             CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));\
             INSERT INTO log VALUES ('{origin}', 0, '{empty}');"
        );
        logs.iter().for_each(|key| sql.push_str(&format!("INSERT INTO key VALUES ('{origin}', '{key}');")));
        ran("sqlite3", &[&database, &sql], "").await;
        let file = std::fs::File::create(&log).unwrap();
        let arguments = [
            "-name",
            "lite.example",
            "-db",
            &database,
            "-ssh-agent",
            &socket,
            "-listen",
            &address,
            "-key",
            &fingerprint,
        ];
        let mut command = Command::new(program);
        let process = command.args(arguments).kill_on_drop(true).stderr(file).spawn().unwrap();
        let key = until("litewitness's key", async || {
            let text = std::fs::read_to_string(&log).unwrap();
            let found =
                text.split("vkey=").nth(1).map(|rest| rest.split_whitespace().next().unwrap_or_default().to_owned());
            let listening = TcpStream::connect(&address).await.is_ok();
            found.filter(|_| listening).and_then(|key| key.trim_matches('"').parse::<VerifierKey>().ok()).ok_or(text)
        })
        .await;
        Self { key, url: format!("http://{address}"), _processes: vec![agent, process] }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_nobody_here_wrote_cosigns_and_follows() {
    let folder = tempfile::tempdir().unwrap();
    let program = match litewitness(folder.path()).await {
        Ok(program) => program,
        Err(why) => {
            eprintln!("SKIPPED: {why}; what outside witnesses do is then shown by the specification's flows only");
            return;
        }
    };
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    let origin = rehearsal.world.trust.origin().to_string();
    let witness = LiteWitness::start(&program, folder.path(), &origin, &log_keys(&rehearsal)).await;
    let policy = format!("witness lite {} {}\nquorum lite\n", witness.key, witness.url);
    let size = rehearsal.agreed(rehearsal.ids()).await.checkpoint().size.get();
    ask(&mut rehearsal, &policy).await;
    witnessed(&rehearsal, size).await;
    stands_under_the_checkpoint(&rehearsal, &witness.key).await;
    // A larger tree, a consistency proof that it verifies, and 409 after a restart that forgot what it knows.
    for number in 0..5 {
        rehearsal.admit(1, tamga_tests::Voter { home: 1, number }).await;
    }
    let size = rehearsal.agreed(rehearsal.ids()).await.checkpoint().size.get();
    ask(&mut rehearsal, &policy).await;
    let standing = witnessed(&rehearsal, size).await;
    assert_eq!(standing["witnesses"][0]["contradiction"], Value::Bool(false), "{standing}");
    stands_under_the_checkpoint(&rehearsal, &witness.key).await;
}
