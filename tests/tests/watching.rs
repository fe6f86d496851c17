//! `tamga watch` as people run it: for hours, with a webhook, a command, and a view on a terminal.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::json;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tamga_tests::program::{run, tamga};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, Voter};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

type Posted = Arc<Mutex<Vec<serde_json::Value>>>;

/// A webhook: keeps the bodies of what is posted.
async fn webhook() -> (SocketAddr, Posted) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, posted) = (listener.local_addr().unwrap(), Posted::default());
    let kept = Arc::clone(&posted);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while let Ok(length) = stream.read_buf(&mut request).await {
                let text = String::from_utf8_lossy(&request);
                let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
                if let Some(body) = body {
                    kept.lock().unwrap().push(body);
                    break;
                }
                if length == 0 {
                    break;
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
    });
    (address, posted)
}

/// A port at which nobody listens any more.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn urls(rehearsal: &Rehearsal) -> Vec<String> {
    rehearsal.ids().map(|node| format!("http://{}", rehearsal.public(node))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_reaches_the_webhook_the_command_and_the_exit_code_once() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (hook, posted) = webhook().await;
    let genesis = rehearsal.world.trust.election_id().to_string();
    let (state, told, url) = (path("state"), path("told.json"), format!("http://{hook}"));
    let command = format!("cat >> {told}");
    let options = [
        "watch",
        "--plain",
        "--interval",
        "1",
        "--exit-on-alarm",
        "--genesis",
        &genesis,
        "--state",
        &state,
        "--webhook",
        &url,
        "--command",
        &command,
    ];
    let dead = format!("http://{}", nobody().await);
    let mut arguments = options.to_vec();
    let nodes = urls(&rehearsal);
    arguments.extend(nodes.iter().map(String::as_str));
    arguments.push(&dead);
    // Nobody has lied, and one source could not be checked.
    let ran = run(tamga(), &arguments).await.ended_with(2);
    assert!(ran.out.contains("unreachable") && ran.out.contains(&dead) && ran.out.contains(" UTC "), "{ran:?}");
    let posted = posted.lock().unwrap().clone();
    assert_eq!(posted.len(), 1, "{posted:?}");
    assert_eq!((&posted[0]["alarm"], &posted[0]["about"]), (&json!("unreachable"), &json!(dead)));
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&told).unwrap()).unwrap();
    assert_eq!(written, posted[0]);

    // A webhook that cannot be told does not keep the command from it, nor the watcher from watching.
    let gone = format!("http://{}", nobody().await);
    let arguments: Vec<&str> = arguments.iter().map(|word| if *word == url { gone.as_str() } else { word }).collect();
    std::fs::remove_file(&told).unwrap();
    let ran = run(tamga(), &arguments).await.ended_with(2);
    assert!(ran.err.contains("the webhook was not told"), "{ran:?}");
    assert!(std::fs::metadata(&told).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_who_shows_what_and_end_it_with_a_key() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let folder = tempfile::tempdir().unwrap();
    let (screen, state) = (folder.path().join("screen"), folder.path().join("state"));
    let genesis = rehearsal.world.trust.election_id().to_string();
    let watch = format!(
        "stty cols 120 rows 40; {} watch --interval 1 --genesis {genesis} --state {} {}",
        tamga().display(),
        state.display(),
        urls(&rehearsal).join(" ")
    );
    // `script` gives it a terminal.
    let mut program = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command", &watch, screen.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let seen = || String::from_utf8_lossy(&std::fs::read(&screen).unwrap_or_default()).into_owned();
    until("the first look", async || {
        let seen = seen();
        // Painted cell by cell: words, not lines.
        let all = ["nothing", "wrong", "confirmed", "organisations", "source"].iter().all(|word| seen.contains(word));
        if all && urls(&rehearsal).iter().all(|url| seen.contains(url)) { Ok(()) } else { Err(seen) }
    })
    .await;
    rehearsal.admit(1, Voter { home: 1, number: 3 }).await;
    let published = rehearsal.agreed(rehearsal.ids()).await.checkpoint().size.to_string();
    until("the new size", async || if seen().contains(&published) { Ok(()) } else { Err(seen()) }).await;
    program.stdin.as_mut().unwrap().write_all(b"q").await.unwrap();
    let status = tokio::time::timeout(tamga_tests::wait::GENEROUS, program.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    // The terminal is put back.
    assert!(seen().contains("\u{1b}[?1049l"));
}
