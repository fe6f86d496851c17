//! `tamga-node`: a thin shell around the library. The only place that asks the operating system for time, randomness,
//! signals and arguments.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tamga_consensus::TcpDialer;
use tamga_keys::{Passphrase, TokenUri};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::store::fsck;
use tamga_ledger::store::repair::Step;
use tamga_ledger::submission::SUBMISSION_BYTES_MAX;
use tamga_ledger::trust::Trust;
use tamga_node::config::{Config, Log, LogFormat};
use tamga_node::core::CoreError;
use tamga_node::keys::{
    LoadedIdentity, Passphrases, Protection, PublicNode, Purpose, check_modes, protect_folder, read_key,
};
use tamga_node::listeners::TcpNetwork;
use tamga_node::provision::{generate_node_for, generate_organisation, read_genesis};
use tamga_node::recovery::{Standing, recover, standing};
use tamga_node::repair::{Outcome, RepairOptions, repair};
use tamga_node::run::{RunError, Seams, run};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::{Disk, OsDisk};
use tamga_platform::entropy::OsEntropy;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A node of a Tamga ledger.
///
/// Exit codes: 0 done (run: stopped by a signal; fsck: clean; repair: sound or repaired); 1 failed (run: did not start, or
/// its storage failed, or it differs from a quorum of organisations; fsck, repair --dry-run: faults found; repair: not
/// everything could be repaired); 2 wrong arguments or configuration; 3 run, repair: this node must not come back under its id.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, after_help = "Exit codes: 0 done, clean or repaired, 1 failed or faults found, 2 wrong arguments or configuration, 3 this node needs a new id.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node until SIGTERM or SIGINT.
    Run {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Make the keys of a node: four signing keys, a TLS key with its certificate, and public.json to hand out.
    Keygen {
        /// Node id, as agreed among the organisations; never reused.
        #[arg(long)]
        node: u32,
        /// Short name of the organisation; the cosigner is then called <organisation>/node-<id>.
        #[arg(long)]
        organisation: String,
        /// Names and addresses for the certificate, beside localhost.
        #[arg(long = "name", value_name = "NAME")]
        names: Vec<String>,
        /// Cosign with the organisation's standby key, whose folder this is: for a node that replaces one whose cosigner the
        /// trust policy names. Needs the name that the policy gives to the standby key.
        #[arg(long, value_name = "DIR", requires = "cosigner_name")]
        standby: Option<PathBuf>,
        /// The cosigner's name, if it is not <organisation>/node-<id>.
        #[arg(long, value_name = "NAME")]
        cosigner_name: Option<String>,
        /// An empty or new folder for the keys.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        protection: ProtectionArguments,
    },
    /// Encrypt the keys in a folder, or change their passphrase. Keys in devices stay as they are.
    ProtectKeys {
        /// A node's folder of keys, or an organisation's.
        dir: PathBuf,
        /// The old passphrase, if the keys are encrypted.
        #[command(flatten)]
        passphrase: PassphraseArguments,
        /// A file whose first line is the new passphrase; without it somebody is asked.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Print the public half of a node's keys, made from its secret files: what the organisations decide on.
    ShowKeys {
        /// The node's folder of keys.
        dir: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Make a node's card for the ceremony: its public keys, with a proof by each that it is at hand.
    Card {
        /// The node's folder of keys.
        dir: PathBuf,
        /// Where to write the card.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Check that a genesis record is the one agreed on, and registers the keys of this node. Starts nothing.
    CheckGenesis {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The election's id, as it was read aloud.
        #[arg(long)]
        id: ElectionId,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Make an organisation's own keys: the record key and the standby cosigner key. Keep them apart from the nodes.
    KeygenOrganisation {
        /// An empty or new folder for the keys.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        protection: ProtectionArguments,
    },
    /// Check the files of a ledger; changes nothing.
    Fsck {
        /// The ledger's folder: `ledger` in a node's data folder.
        dir: PathBuf,
    },
    /// Repair a node whose disk is damaged from the other nodes, which must be running while this one is stopped. Nothing is
    /// taken over that is not proven; damaged files are moved aside, not deleted.
    Repair {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Say what is damaged and what would be done; change nothing.
        #[arg(long)]
        dry_run: bool,
        /// One JSON object instead of lines.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Say what a stopped node has: for the organisations that decide from which size a cluster goes on that has lost too many
    /// nodes to go on by itself.
    Standing {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// One JSON object instead of lines.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Begin a new cluster epoch on this stopped node, by the organisations' decision (`tamga governance draft … cluster-epoch`):
    /// it goes on from the last published size, with the nodes that the decision names. What it had behind that size is
    /// submitted again; the files of before are kept.
    Recover {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The decision, signed: the file that `tamga governance merge` writes.
        #[arg(long, value_name = "FILE")]
        decision: PathBuf,
        /// One JSON object instead of lines.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
}

/// Where the passphrase of key files comes from. Without either option: the environment variable TAMGA_PASSPHRASE, or whoever
/// sits at the terminal. For keys in a device it is the PIN.
#[derive(Debug, Args)]
struct PassphraseArguments {
    /// A file whose first line is the passphrase; nobody else may be able to read it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// An open file descriptor whose first line is the passphrase.
    #[arg(long, value_name = "NUMBER", conflicts_with = "passphrase_file")]
    passphrase_fd: Option<u32>,
}

impl PassphraseArguments {
    fn source(&self) -> Passphrases {
        Passphrases::choose(self.passphrase_file.as_deref(), self.passphrase_fd)
    }
}

/// How new keys are kept.
#[derive(Debug, Args)]
struct ProtectionArguments {
    #[command(flatten)]
    passphrase: PassphraseArguments,
    /// Leave the secrets readable for whoever has the files: for tests and rehearsals. A node of a real election refuses them.
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    plaintext: bool,
    /// Make this key in a device: PURPOSE=pkcs11:token=LABEL;object=LABEL?module-path=FILE. The passphrase is the PIN.
    #[arg(long, value_name = "PURPOSE=URI", value_parser = device_argument)]
    device: Vec<(Purpose, TokenUri)>,
}

fn device_argument(text: &str) -> Result<(Purpose, TokenUri), String> {
    use Purpose::{Batch, Cosigner, Log, Promise, Record, Standby};
    let (name, uri) = text.split_once('=').ok_or("expected PURPOSE=pkcs11:…")?;
    let found = [Cosigner, Log, Promise, Batch, Record, Standby].into_iter().find(|one| one.name() == name);
    let purpose = found.ok_or_else(|| format!("{name:?} is no purpose of a key"))?;
    Ok((purpose, uri.parse().map_err(|error: tamga_keys::UriError| error.to_string())?))
}

/// What [`ProtectionArguments`] say, with the keys made in their devices.
struct Protected {
    passphrase: Option<Passphrase>,
    devices: Vec<(Purpose, TokenUri, tamga_ledger::ids::PublicKey)>,
}

impl Protected {
    fn of(arguments: &ProtectionArguments, purposes: &[Purpose]) -> Result<Self, Failure> {
        let passphrase = if arguments.plaintext {
            eprintln!("tamga-node: WARNING: these keys are written in the clear, for tests and rehearsals only");
            None
        } else {
            Some(arguments.passphrase.source().get_new().map_err(|error| failure(MISUSED)(&error))?)
        };
        let mut devices = Vec::new();
        for (purpose, uri) in &arguments.device {
            if !purposes.contains(purpose) {
                return Err((MISUSED, format!("no {} key is made here", purpose.name())));
            }
            let Some(pin) = &passphrase else {
                return Err((MISUSED, "a device needs its PIN as the passphrase".to_owned()));
            };
            devices.push((*purpose, uri.clone(), device_key(uri, pin)?));
        }
        Ok(Self { passphrase, devices })
    }

    fn as_protection(&self) -> Protection<'_> {
        let passphrase = self.passphrase.as_ref().map(|passphrase| (passphrase, &OsEntropy as _));
        Protection { passphrase, devices: &self.devices }
    }

    fn device(&self, purpose: Purpose) -> Option<tamga_ledger::ids::PublicKey> {
        self.devices.iter().find(|(held, ..)| *held == purpose).map(|(.., public)| *public)
    }
}

#[cfg(feature = "pkcs11")]
fn device_key(uri: &TokenUri, pin: &Passphrase) -> Result<tamga_ledger::ids::PublicKey, Failure> {
    tamga_keys::make_device_key(uri, pin).map_err(|error| failure(FAILED)(&error))
}

#[cfg(not(feature = "pkcs11"))]
fn device_key(_: &TokenUri, _: &Passphrase) -> Result<tamga_ledger::ids::PublicKey, Failure> {
    Err((MISUSED, "this program was built without PKCS #11 (feature pkcs11)".to_owned()))
}

/// Something failed, or is not right.
const FAILED: u8 = 1;
/// The caller has to change something.
const MISUSED: u8 = 2;
/// The node has to be set up anew under a new id.
const NEW_ID: u8 = 3;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run { config, passphrase } => run_node(&config, passphrase.source()),
        Command::Keygen { node, organisation, names, standby, cosigner_name, out, protection } => {
            let cosigner_name = cosigner_name.unwrap_or_else(|| format!("{organisation}/node-{node}"));
            keygen(node, &cosigner_name, names, standby.as_deref(), &out, &protection)
        }
        Command::ProtectKeys { dir, passphrase, new_passphrase_file } => {
            protect_keys(&dir, &passphrase.source(), new_passphrase_file.as_deref())
        }
        Command::ShowKeys { dir, passphrase } => show_keys(&dir, &passphrase.source()),
        Command::Card { dir, out, passphrase } => node_card(&dir, &out, &passphrase.source()),
        Command::CheckGenesis { config, id, passphrase } => check_genesis(&config, &id, &passphrase.source()),
        Command::KeygenOrganisation { out, protection } => keygen_organisation(&out, &protection),
        Command::Fsck { dir } => check_ledger(&dir),
        Command::Repair { config, dry_run, json, passphrase } => {
            repair_node(&config, dry_run, json, passphrase.source())
        }
        Command::Standing { config, json, passphrase } => show_standing(&config, json, passphrase.source()),
        Command::Recover { config, decision, json, passphrase } => {
            recover_node(&config, &decision, json, passphrase.source())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, what)) => {
            eprintln!("tamga-node: {what}");
            ExitCode::from(code)
        }
    }
}

/// An exit code and what to tell.
type Failure = (u8, String);

fn failure(code: u8) -> impl Fn(&dyn std::fmt::Display) -> Failure {
    move |error| (code, error.to_string())
}

fn run_node(path: &Path, passphrases: Passphrases) -> Result<(), Failure> {
    let config = Config::load(&OsDisk, path).map_err(|error| failure(MISUSED)(&error))?;
    start_logging(&config.log)?;
    check_modes(&config.keys_dir).map_err(|error| failure(MISUSED)(&error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failure(FAILED)(&error))?;
    // Readers have threads of their own: on shared ones, a crowd's requests stand in the queue before what Raft and the ledger wait for.
    let readers = tokio::runtime::Builder::new_multi_thread().thread_name("readers").enable_all().build();
    let readers = readers.map_err(|error| failure(FAILED)(&error))?;
    let ended = runtime.block_on(async {
        let metrics = install_metrics().map_err(|error| failure(FAILED)(&error))?;
        let seams = Seams { readers: Some(readers.handle().clone()), ..seams(passphrases, Some(metrics)) };
        let shutdown = shutdown_signal().map_err(|error| failure(FAILED)(&error))?;
        run(config, seams, shutdown).await.map_err(|error| failure(code_of(&error))(&error))
    });
    // Threads that still wait for a disk must not hold the process up.
    readers.shutdown_timeout(std::time::Duration::from_secs(1));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    ended
}

const fn code_of(error: &RunError) -> u8 {
    match error {
        RunError::LivedBefore(_) | RunError::Core(CoreError::LivedBefore { .. }) => NEW_ID,
        _ => FAILED,
    }
}

/// The operating system's.
fn seams(passphrases: Passphrases, metrics: Option<PrometheusHandle>) -> Seams {
    Seams {
        disk: Arc::new(OsDisk),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blocking: Arc::new(ThreadPool),
        dialer: Arc::new(TcpDialer),
        network: Arc::new(TcpNetwork),
        passphrases,
        metrics,
        readers: None,
    }
}

fn repair_node(path: &Path, dry_run: bool, json: bool, passphrases: Passphrases) -> Result<(), Failure> {
    let config = Config::load(&OsDisk, path).map_err(|error| failure(MISUSED)(&error))?;
    check_modes(&config.keys_dir).map_err(|error| failure(MISUSED)(&error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failure(FAILED)(&error))?;
    let progress = repair_progress(json);
    let bar = progress.clone();
    let shown = Box::new(move |step| show_step(&bar, step));
    let report = runtime.block_on(repair(config, seams(passphrases, None), RepairOptions { dry_run }, shown));
    progress.finish_and_clear();
    let report = report.map_err(|error| failure(FAILED)(&error))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print!("{report}");
    }
    let why = || report.error.clone().unwrap_or_else(|| "something is damaged".to_owned());
    match report.outcome {
        Outcome::Sound | Outcome::Repaired => Ok(()),
        Outcome::Damaged | Outcome::Failed => Err((FAILED, why())),
        Outcome::NewIdNeeded => Err((NEW_ID, why())),
    }
}

/// A node's configuration, and what runs work on its files.
fn offline(path: &Path) -> Result<(Config, tokio::runtime::Runtime), Failure> {
    let config = Config::load(&OsDisk, path).map_err(|error| failure(MISUSED)(&error))?;
    check_modes(&config.keys_dir).map_err(|error| failure(MISUSED)(&error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok((config, runtime.map_err(|error| failure(FAILED)(&error))?))
}

fn show_standing(path: &Path, json: bool, passphrases: Passphrases) -> Result<(), Failure> {
    let (config, runtime) = offline(path)?;
    let found =
        runtime.block_on(standing(config, seams(passphrases, None))).map_err(|error| failure(FAILED)(&error))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&found).unwrap_or_default());
        return Ok(());
    }
    let Standing { node, cluster_epoch, size, published_size, published_roots: [sha256, blake3], .. } = &found;
    println!("node {node}, cluster epoch {cluster_epoch}");
    println!("  entries     {size}");
    println!("  published   {published_size}\n    SHA-256   {sha256}\n    BLAKE3    {blake3}");
    for one in &found.cosigned {
        println!("  cosigned    {} by {}", one.size, one.key);
    }
    println!("  outbox      {} records", found.outbox_records);
    let members: Vec<String> = found.members.iter().map(u32::to_string).collect();
    println!("  members     {}", members.join(", "));
    if found.unfinished {
        println!("  a recovery was interrupted: run `tamga-node recover` with the same decision again");
    }
    Ok(())
}

fn recover_node(path: &Path, decision: &Path, json: bool, passphrases: Passphrases) -> Result<(), Failure> {
    let (config, runtime) = offline(path)?;
    let decision = OsDisk
        .read(decision, SUBMISSION_BYTES_MAX as u64)
        .map_err(|error| (MISUSED, format!("cannot read {}: {error}", decision.display())))?;
    let done = runtime.block_on(recover(config, seams(passphrases, None), decision));
    let done = done.map_err(|error| failure(FAILED)(&error))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&done).unwrap_or_default());
        return Ok(());
    }
    println!("node {} is in cluster epoch {}, at size {}", done.node, done.cluster_epoch, done.size);
    println!(
        "  {} entries behind that size are given up; {} records are submitted again, {} cannot be",
        done.entries_given_up, done.resubmitted, done.not_resubmitted
    );
    for one in &done.silenced {
        println!(
            "  key {} has cosigned size {}: it signs nothing any more; give this node another one (tamga governance draft … rotate)",
            one.key, one.size
        );
    }
    println!("  ledger and log of before are in {}", done.kept_in.display());
    Ok(())
}

/// A line that moves on a terminal; nothing elsewhere.
fn repair_progress(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{elapsed} {msg} {wide_bar} {human_pos}/{human_len}") {
        bar.set_style(style);
    }
    bar
}

fn show_step(bar: &ProgressBar, step: Step) {
    let (what, done, all) = match step {
        Step::Checking => ("checking every byte", 0, 0),
        Step::Segment(done, all) => ("segments", u64::from(done), u64::from(all)),
        Step::Fetched(leaves) => ("entries from peers", leaves, leaves),
        Step::Trees(leaves) => ("computing both trees", leaves, leaves),
        Step::CheckingAgain => ("checking every byte once more", 0, 0),
    };
    bar.set_message(what);
    bar.set_length(all);
    bar.set_position(done);
    bar.tick();
}

fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    let seconds = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
    let counts = [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)?
        .set_buckets(&counts)?
        .install_recorder()
}

fn shutdown_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn start_logging(log: &Log) -> Result<(), Failure> {
    let filter = std::env::var("TAMGA_LOG").unwrap_or_else(|_| log.filter.clone());
    let filter = EnvFilter::try_new(&filter).map_err(|error| (MISUSED, format!("log filter {filter:?}: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| (FAILED, error.to_string()))
}

fn keygen(
    node: u32,
    cosigner: &str,
    mut names: Vec<String>,
    standby: Option<&Path>,
    out: &Path,
    protection: &ProtectionArguments,
) -> Result<(), Failure> {
    use Purpose::{Batch, Cosigner, Log, Promise};
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let generated = generate_node_for(&OsEntropy, node, cosigner, &names);
    let mut generated = generated.map_err(|error| failure(MISUSED)(&error))?;
    if let Some(folder) = standby {
        let key = read_key(&OsDisk, folder, Purpose::Standby, &protection.passphrase.source());
        let tamga_keys::Key::Memory(key) = key.map_err(|error| failure(MISUSED)(&error))? else {
            let what = "a standby key in a device is not copied: let cosigner.key name the device, and make public.json with show-keys";
            return Err((MISUSED, what.to_owned()));
        };
        generated.identity.secrets.cosigner = *key;
        generated.public = generated.identity.public(node, cosigner);
    }
    let protected = Protected::of(protection, &[Cosigner, Log, Promise, Batch])?;
    let public = &mut generated.public;
    let keys = [
        (Cosigner, &mut public.cosigner_key),
        (Log, &mut public.log_key),
        (Promise, &mut public.promise_key),
        (Batch, &mut public.batch_key),
    ];
    for (purpose, key) in keys {
        *key = protected.device(purpose).unwrap_or(*key);
    }
    generated.write_protected(&OsDisk, out, protected.as_protection()).map_err(|error| failure(FAILED)(&error))?;
    println!("keys of node {node} are in {}; hand public.json to the other organisations", out.display());
    Ok(())
}

fn protect_keys(folder: &Path, old: &Passphrases, new: Option<&Path>) -> Result<(), Failure> {
    let new = Passphrases::choose(new, None).get_new().map_err(|error| failure(MISUSED)(&error))?;
    let done = protect_folder(&OsDisk, folder, old, (&new, &OsEntropy)).map_err(|error| failure(FAILED)(&error))?;
    println!("encrypted: {}", done.join(", "));
    Ok(())
}

fn show_keys(folder: &Path, passphrases: &Passphrases) -> Result<(), Failure> {
    let shown = PublicNode::of_folder(&OsDisk, folder, passphrases).map_err(|error| failure(FAILED)(&error))?;
    // Plain strings and numbers always become JSON.
    println!("{}", serde_json::to_string_pretty(&shown).unwrap_or_default());
    Ok(())
}

fn node_card(folder: &Path, out: &Path, passphrases: &Passphrases) -> Result<(), Failure> {
    let card = PublicNode::card_of_folder(&OsDisk, folder, passphrases).map_err(|error| failure(FAILED)(&error))?;
    let text = serde_json::to_string_pretty(&card).unwrap_or_default() + "\n";
    OsDisk.replace(out, text.as_bytes()).map_err(|error| failure(FAILED)(&error))?;
    print!("{}", card.text());
    println!("written to {}: for this organisation's own card (tamga ceremony card)", out.display());
    Ok(())
}

fn check_genesis(config: &Path, id: &ElectionId, passphrases: &Passphrases) -> Result<(), Failure> {
    let config = Config::load(&OsDisk, config).map_err(|error| failure(MISUSED)(&error))?;
    check_modes(&config.keys_dir).map_err(|error| failure(MISUSED)(&error))?;
    let genesis = read_genesis(&OsDisk, &config.genesis).map_err(|error| failure(FAILED)(&error))?;
    let trust = Trust::from_submission(genesis, Some(id)).map_err(|error| failure(FAILED)(&error))?;
    let identity = LoadedIdentity::load(&OsDisk, &config.keys_dir, passphrases);
    let identity = identity.map_err(|error| failure(FAILED)(&error))?;
    let registered = trust.node(config.node);
    let registered = registered.ok_or_else(|| (FAILED, format!("the genesis record has no node {}", config.node)))?;
    identity.check(&registered.keys, &config.keys_dir).map_err(|error| failure(FAILED)(&error))?;
    identity.check_clear(trust.election().real != 0).map_err(|error| failure(FAILED)(&error))?;
    println!(
        "election {}\nsigned by all organisations; the keys of node {} are registered in it",
        tamga_keys::grouped(&id.to_string()),
        config.node
    );
    Ok(())
}

fn keygen_organisation(out: &Path, protection: &ProtectionArguments) -> Result<(), Failure> {
    let title = tamga_ledger::kinds::Title { ky: String::new(), ru: String::new(), en: String::new() };
    let organisation = generate_organisation(&OsEntropy, "organisation", title);
    let protected = Protected::of(protection, &[Purpose::Record, Purpose::Standby])?;
    organisation.write_protected(&OsDisk, out, protected.as_protection()).map_err(|error| failure(FAILED)(&error))?;
    let public = [
        ("record_key", Purpose::Record, &organisation.record),
        ("standby_cosigner_key", Purpose::Standby, &organisation.standby),
    ];
    for (name, purpose, key) in public {
        println!("{name} {}", protected.device(purpose).unwrap_or_else(|| tamga_ledger::sign::public_key(key)));
    }
    Ok(())
}

fn check_ledger(folder: &Path) -> Result<(), Failure> {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let report = fsck(&disk, folder).map_err(|error| failure(FAILED)(&error))?;
    let roots = report.head.roots;
    println!("entries {}\nsha256 {}\nblake3 {}", report.head.size, roots.sha256, roots.blake3);
    if report.torn_bytes > 0 {
        println!("{} bytes of an unfinished append: no fault, cut at the next start", report.torn_bytes);
    }
    for fault in &report.faults {
        println!("FAULT {fault}");
    }
    match report.faults_total {
        0 => Ok(()),
        faults => {
            let what = format!("{faults} faults; `tamga-node repair --config FILE` repairs this ledger from its peers");
            Err((FAILED, what))
        }
    }
}
