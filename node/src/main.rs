//! `tamga-node`: a thin shell around the library. The only place that asks the operating system for time, randomness,
//! signals and arguments.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tamga_consensus::TcpDialer;
use tamga_ledger::store::fsck;
use tamga_node::config::{Config, Log, LogFormat};
use tamga_node::keys::check_modes;
use tamga_node::listeners::TcpNetwork;
use tamga_node::provision::{generate_node_for, generate_organisation};
use tamga_node::run::{Seams, run};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::{Disk, OsDisk};
use tamga_platform::entropy::OsEntropy;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A node of a Tamga ledger.
///
/// Exit codes: 0 done (run: stopped by a signal; fsck: clean); 1 failed (run: did not start, or its storage failed, or it
/// differs from a quorum of organisations; fsck: faults found); 2 wrong arguments or configuration.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, after_help = "Exit codes: 0 done or clean, 1 failed or faults found, 2 wrong arguments or configuration.")]
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
        /// An empty or new folder for the keys.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make an organisation's own keys: the record key and the standby cosigner key. Keep them apart from the nodes.
    KeygenOrganisation {
        /// An empty or new folder for the keys.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Check the files of a ledger; changes nothing.
    Fsck {
        /// The ledger's folder: `ledger` in a node's data folder.
        dir: PathBuf,
    },
}

/// Something failed, or is not right.
const FAILED: u8 = 1;
/// The caller has to change something.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run { config } => run_node(&config),
        Command::Keygen { node, organisation, names, out } => keygen(node, &organisation, names, &out),
        Command::KeygenOrganisation { out } => keygen_organisation(&out),
        Command::Fsck { dir } => check_ledger(&dir),
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

fn run_node(path: &Path) -> Result<(), Failure> {
    let config = Config::load(&OsDisk, path).map_err(|error| failure(MISUSED)(&error))?;
    start_logging(&config.log)?;
    check_modes(&config.keys_dir).map_err(|error| failure(MISUSED)(&error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failure(FAILED)(&error))?;
    let ended = runtime.block_on(async {
        let metrics = install_metrics().map_err(|error| failure(FAILED)(&error))?;
        let seams = Seams {
            disk: Arc::new(OsDisk),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            blocking: Arc::new(ThreadPool),
            dialer: Arc::new(TcpDialer),
            network: Arc::new(TcpNetwork),
            metrics: Some(metrics),
        };
        let shutdown = shutdown_signal().map_err(|error| failure(FAILED)(&error))?;
        run(config, seams, shutdown).await.map_err(|error| failure(FAILED)(&error))
    });
    // Threads that still wait for a disk must not hold the process up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    ended
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

fn keygen(node: u32, organisation: &str, mut names: Vec<String>, out: &Path) -> Result<(), Failure> {
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let cosigner = format!("{organisation}/node-{node}");
    let generated = generate_node_for(&OsEntropy, node, &cosigner, &names).map_err(|error| failure(MISUSED)(&error))?;
    generated.write(&OsDisk, out).map_err(|error| failure(FAILED)(&error))?;
    println!("keys of node {node} are in {}; hand public.json to the other organisations", out.display());
    Ok(())
}

fn keygen_organisation(out: &Path) -> Result<(), Failure> {
    let title = tamga_ledger::kinds::Title { ky: String::new(), ru: String::new(), en: String::new() };
    let organisation = generate_organisation(&OsEntropy, "organisation", title);
    organisation.write(&OsDisk, out).map_err(|error| failure(FAILED)(&error))?;
    let public = [("record_key", &organisation.record), ("standby_cosigner_key", &organisation.standby)];
    for (name, key) in public {
        println!("{name} {}", tamga_ledger::sign::public_key(key));
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
        faults => Err((FAILED, format!("{faults} faults; repair this ledger from its peers before the node serves"))),
    }
}
