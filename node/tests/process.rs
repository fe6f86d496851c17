//! The program: exit codes, signals, and what it says when something is wrong.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod support;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::Cluster;
use tamga_node::run::{ADDRESSES_FILE, Addresses};

const PATIENCE: Duration = Duration::from_secs(30);

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamga-node"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run_to_end(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = program(arguments).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn config_of(cluster: &Cluster) -> String {
    cluster.path(1).join("node.toml").to_str().unwrap().to_owned()
}

/// Waits until the node says where it listens.
fn wait_until_started(child: &mut Child, data: &Path) -> Addresses {
    let start = Instant::now();
    loop {
        if let Ok(text) = std::fs::read(data.join(ADDRESSES_FILE))
            && let Ok(addresses) = serde_json::from_slice(&text)
        {
            return addresses;
        }
        assert!(child.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE, "the node did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signalled(mut child: Child, signal: Signal) -> (Option<i32>, String) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "the node did not stop");
        std::thread::sleep(Duration::from_millis(20));
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn signals_end_a_node_in_order_and_its_ledger_is_clean() {
    let cluster = Cluster::new(1);
    let (config, data) = (config_of(&cluster), cluster.path(1).join("data"));
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = program(&["run", "--config", &config]).spawn().unwrap();
        let addresses = wait_until_started(&mut child, &data);
        assert!(addresses.admin.ip().is_loopback());
        let (code, log) = signalled(child, signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("shutting down") && log.contains("stopped"), "{log}");
        assert!(log.contains(&cluster.trust.election_id().to_string()), "{log}");
        assert!(!data.join(ADDRESSES_FILE).exists());
    }
    let (code, text) = run_to_end(&["fsck", data.join("ledger").to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("sha256 "), "{text}");
}

#[test]
fn two_processes_never_share_a_folder() {
    let cluster = Cluster::new(1);
    let mut child = program(&["run", "--config", &config_of(&cluster)]).spawn().unwrap();
    wait_until_started(&mut child, &cluster.path(1).join("data"));
    // The same data under another configuration: the ports are free, the folder is not.
    let other = Cluster::new(1);
    let mut config = other.config(1);
    config.data_dir = cluster.path(1).join("data");
    config.genesis = cluster.folder.path().join("genesis.cbor");
    config.keys_dir = cluster.path(1).join("keys");
    let path = other.path(1).join("second.toml");
    tamga_node::provision::write_config(&tamga_platform::disk::OsDisk, &path, &config).unwrap();
    let (code, text) = run_to_end(&["run", "--config", path.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("in use by another process"), "{text}");
    let (code, log) = signalled(child, Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn misuse_is_told_from_failure() {
    let cluster = Cluster::new(1);
    let (code, text) = run_to_end(&["run", "--config", "/nonexistent/node.toml"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("cannot read the configuration /nonexistent/node.toml"), "{text}");
    let key = cluster.path(1).join("keys/log.key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (code, text) = run_to_end(&["run", "--config", &config_of(&cluster)]);
    assert_eq!(code, Some(2));
    assert!(text.contains("log.key has mode 0644"), "{text}");
    let (code, _) = run_to_end(&["run"]);
    assert_eq!(code, Some(2));
    let out = cluster.folder.path().join("new-keys");
    let keygen =
        ["keygen", "--node", "7", "--organisation", "observers", "--out", out.to_str().unwrap(), "--plaintext"];
    let (code, text) = run_to_end(&keygen);
    assert_eq!(code, Some(0), "{text}");
    assert!(std::fs::read_to_string(out.join("public.json")).unwrap().contains("observers/node-7"));
    let (code, text) = run_to_end(&keygen);
    assert_eq!(code, Some(1), "keys must never be replaced: {text}");
    let (code, text) = run_to_end(&["fsck", "/nonexistent"]);
    assert_eq!(code, Some(1), "{text}");
}

#[test]
fn a_node_with_encrypted_keys_starts_with_its_passphrase_only() {
    let cluster = Cluster::new(1);
    let (config, data, keys) = (config_of(&cluster), cluster.path(1).join("data"), cluster.path(1).join("keys"));
    let write = |name: &str, text: &str| {
        let path = cluster.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let phrase = "six random words are good here";
    let (right, wrong, short) =
        (write("right", phrase), write("wrong", "not that one, surely"), write("short", "short"));
    let folder = keys.to_str().unwrap();
    let (code, text) = run_to_end(&["protect-keys", folder, "--new-passphrase-file", &short]);
    assert!(code == Some(2) && text.contains("too short"), "{text}");
    let (code, text) = run_to_end(&["protect-keys", folder, "--new-passphrase-file", &right]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("cosigner.key") && text.contains("tls.key"), "{text}");
    let (code, text) = run_to_end(&["run", "--config", &config]);
    assert!(code == Some(1) && text.contains("--passphrase-file"), "{text}");
    let (code, text) = run_to_end(&["run", "--config", &config, "--passphrase-file", &wrong]);
    assert!(code == Some(1) && text.contains("the passphrase does not open it"), "{text}");
    assert!(!text.contains("surely"), "{text}");
    // By file, by descriptor, by environment.
    let by_file = program(&["run", "--config", &config, "--passphrase-file", &right]);
    let mut by_descriptor = program(&["run", "--config", &config, "--passphrase-fd", "0"]);
    by_descriptor.stdin(std::fs::File::open(&right).unwrap());
    let mut by_environment = program(&["run", "--config", &config]);
    by_environment.env("TAMGA_PASSPHRASE", phrase);
    for mut command in [by_file, by_descriptor, by_environment] {
        let mut child = command.spawn().unwrap();
        wait_until_started(&mut child, &data);
        let (code, log) = signalled(child, Signal::TERM);
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("IN THE CLEAR"), "{log}");
    }
}
