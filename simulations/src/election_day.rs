//! The program `election-day`: arguments, the order of things, and the exit code.

use crate::aftermath::{AftermathError, Agreement, DiskUse, Examined, agreement, examine};
use crate::cluster::{Cluster, ClusterError, Founded, FoundingError, found, node_binary};
use crate::console::Console;
use crate::day::{Day, DayError};
use crate::keys::Keyring;
use crate::measure::Measures;
use crate::nodes::Nodes;
use crate::pace::Pace;
use crate::population::Population;
use crate::report::{CheckpointReport, Identifications, Openings, Protocols, Report};
use crate::scale::{CONSTITUENCIES, ScaleError, Size};
use crate::schedule::Schedule;
use crate::tables;
use crate::truth::Truth;
use crate::world::{Founding, World, WorldError};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tamga_client::device::DeviceError;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::clock::{Clock, SystemClock};
use tamga_platform::disk::{Disk as _, OsDisk};
use tamga_platform::entropy::{Entropy, OsEntropy};

/// Fewest ms between two official hours, so that hours stay apart in the smallest day.
const INTERVAL_MS_MIN: u64 = 400;
/// How much slower than offered the hours are laid out, so that voters do not run over them.
const SLACK: f64 = 0.93;

/// A national election day on real nodes: keys, five organisations' nodes, the day, the results, an offline audit.
///
/// Exit codes: 0 all nodes agree, the audit passes and every opened total equals what the simulated voters cast; 1 one of
/// these does not hold; 2 the day could not be run.
#[derive(Debug, Clone, Parser)]
#[command(version, about, long_about = None, after_help = "Exit codes: 0 everything holds, 1 something does not hold, 2 the day could not be run.")]
pub struct Arguments {
    /// Fraction of the voters and stations of 30 November 2025, from 0.0005 to 1.
    #[arg(long, value_name = "F", default_value_t = 0.01)]
    pub scale: f64,
    /// Nodes, one an organisation.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = nodes_possible)]
    pub nodes: u32,
    /// The same seed gives the same voters and the same votes.
    #[arg(long, value_name = "S", default_value_t = 2025)]
    pub seed: u64,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Keep keys, configurations, logs and ledgers in this folder, which must be new or empty.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Keep the nodes running at the end, print their addresses, and wait to be interrupted.
    #[arg(long)]
    pub serve: bool,
    /// Offer so many identifications a second, whether or not the cluster keeps up, instead of as many as it takes.
    #[arg(long, value_name = "R", value_parser = rate_possible)]
    pub rate: Option<f64>,
}

fn nodes_possible(text: &str) -> Result<u32, String> {
    match text {
        "3" => Ok(3),
        "5" => Ok(5),
        "7" => Ok(7),
        _ => Err("3, 5 or 7 nodes are possible".to_owned()),
    }
}

fn rate_possible(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=100_000.0).contains(&rate) { Ok(rate) } else { Err("from 0.1 to 100000 a second".to_owned()) }
}

/// Why the day could not be run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the part that failed")]
#[non_exhaustive]
pub enum RunError {
    #[error(transparent)]
    Scale(#[from] ScaleError),
    #[error(transparent)]
    Founding(#[from] FoundingError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    World(#[from] WorldError),
    #[error(transparent)]
    Day(#[from] DayError),
    #[error(transparent)]
    Aftermath(#[from] AftermathError),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("{0} is not empty; keys and ledgers of another run are never written over")]
    FolderUsed(PathBuf),
}

fn io_error(what: String) -> impl FnOnce(std::io::Error) -> RunError {
    |source| RunError::Io { what, source }
}

/// Where everything of a run lies; removed at the end unless it is to be kept.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn new(wanted: Option<&Path>) -> Result<Self, RunError> {
        let (path, keep) = match wanted {
            Some(path) => (path.to_owned(), true),
            None => (std::env::temp_dir().join(format!("tamga-election-day-{}", std::process::id())), false),
        };
        OsDisk.create_dir_all(&path).map_err(io_error(format!("create {}", path.display())))?;
        let path = path.canonicalize().map_err(io_error(format!("find {}", path.display())))?;
        let listing = std::fs::read_dir(&path).map_err(io_error(format!("read {}", path.display())))?;
        if listing.count() > 0 {
            return Err(RunError::FolderUsed(path));
        }
        Ok(Self { path, keep })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing in it is worth an error at the very end.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Runs a whole day. Returns whether everything that was promised holds.
///
/// # Errors
/// [`RunError`] if the day could not be run. No process and, unless asked for, no file is left in any case.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<bool, RunError> {
    let began = Instant::now();
    let size = Size::at(arguments.scale)?;
    let binary = tokio::task::block_in_place(node_binary).map_err(ClusterError::from)?;
    let folder = Folder::new(arguments.dir.as_deref())?;
    // Building the program is not part of the day.
    let started = Instant::now();
    let (entropy, clock): (Arc<dyn Entropy>, Arc<dyn Clock>) = (Arc::new(OsEntropy), Arc::new(SystemClock));
    let (founded, world) = create(arguments, size, &folder.path, &entropy, &clock, console)?;
    console.line(&format!("data in {} (prepared in {:.1} s)", folder.path.display(), began.elapsed().as_secs_f64()));
    let phase = console.phase("nodes", u64::from(arguments.nodes));
    let mut cluster = Cluster::start(&founded, &folder.path, &binary).await?;
    phase.advance(u64::from(arguments.nodes));
    phase.finish("");
    let nodes = Nodes::new(&Arc::new(founded.trust.clone()), &cluster.endpoints(), &entropy)?;
    let day = Day::new(world, nodes, arguments.rate);
    let last = match day.run(&founded.parts, console).await {
        Ok(last) => last,
        Err(error) => {
            // A node that died explains more than the silence it leaves.
            cluster.check_alive()?;
            return Err(error.into());
        }
    };
    let good = conclude(arguments, &day, &cluster, last, &folder, started, console).await?;
    if arguments.serve {
        serve(&cluster).await;
    }
    cluster.stop().await;
    Ok(good)
}

/// Lays out the day and holds the ceremony.
fn create(
    arguments: &Arguments,
    size: Size,
    folder: &Path,
    entropy: &Arc<dyn Entropy>,
    clock: &Arc<dyn Clock>,
    console: &Console,
) -> Result<(Founded, World), RunError> {
    let phase = console.phase("keys and genesis", 1);
    let population = Population::new(arguments.seed, size);
    let pace = Pace::measure(&size, arguments.nodes);
    let rate = arguments.rate.unwrap_or(pace.rate) * SLACK;
    let opens_ms = clock.now_ms() + u64::try_from(pace.setup.as_millis()).unwrap_or(u64::MAX);
    let schedule = Schedule::new(&size, opens_ms, rate, INTERVAL_MS_MIN);
    let founded = found(&population, &schedule, arguments.nodes, folder, entropy)?;
    let commission = founded.commission().cloned().ok_or(WorldError::Order("no commission"))?;
    let world = World::new(Founding {
        population,
        schedule,
        definition: founded.definition.clone(),
        trust: founded.trust.clone(),
        commission,
        keys: Keyring::new(&**entropy),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    })?;
    phase.advance(1);
    phase.finish(&format!("election {}, {rate:.0} identifications/s expected", founded.trust.election_id()));
    Ok((founded, world))
}

/// Compares, audits, reports.
async fn conclude(
    arguments: &Arguments,
    day: &Day,
    cluster: &Cluster,
    last: LeafIndex,
    folder: &Folder,
    started: Instant,
    console: &Console,
) -> Result<bool, RunError> {
    let phase = console.phase("nodes agree", 1);
    let agreed = agreement(&day.nodes, last).await?;
    phase.advance(1);
    phase.finish("");
    let rss = cluster.rss_mib_max();
    let disk = disk_use(cluster)?;
    let url = cluster.nodes.first().map(|node| format!("http://{}", node.public_address())).unwrap_or_default();
    let copy = folder.path.join("copy");
    let examined = tokio::task::block_in_place(|| examine(&url, &day.world.trust, &copy, console))?;
    let differences = Truth::of(&day.world).differences(&day.world, &day.measures, &examined.state);
    let (problems, problems_total) = day.measures.problems();
    let wall_seconds = started.elapsed().as_secs_f64();
    let matches = differences.is_empty() && problems_total == 0;
    let report = report(arguments, day, &agreed, &examined, Observed { rss, disk, wall_seconds, matches });
    println!("\n{}", tables::turnout(&day.world, &day.measures, &examined.state));
    println!("{}", tables::results(&examined.state));
    println!("{}", tables::summary(&report, &disk, &agreed.checkpoint));
    tell(&agreed, &examined, &differences, (&problems, problems_total));
    if let Some(file) = &arguments.report {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default() + "\n";
        std::fs::write(file, text).map_err(io_error(format!("write {}", file.display())))?;
    }
    Ok(report.is_good())
}

/// What does not hold, in words.
fn tell(agreed: &Agreement, examined: &Examined, differences: &[String], problems: (&[String], u64)) {
    if !agreed.agree {
        agreed.words.iter().for_each(|words| println!("not agreed: {words}"));
    }
    for finding in &examined.report.findings {
        println!("audit: {}", finding.text);
    }
    differences.iter().for_each(|text| println!("difference: {text}"));
    problems.0.iter().for_each(|text| println!("problem: {text}"));
    if problems.1 > problems.0.len() as u64 {
        println!("problems in all: {}", problems.1);
    }
}

/// What was seen from outside.
struct Observed {
    rss: u64,
    disk: DiskUse,
    wall_seconds: f64,
    matches: bool,
}

fn report(arguments: &Arguments, day: &Day, agreed: &Agreement, examined: &Examined, seen: Observed) -> Report {
    let measures: &Measures = &day.measures;
    let size = day.world.population.size();
    Report {
        scale: arguments.scale,
        nodes: arguments.nodes,
        seed: arguments.seed,
        constituencies: CONSTITUENCIES,
        stations: size.stations(),
        roll: size.roll,
        identifications: Identifications::of(measures),
        batches: measures.batches.get(),
        ballots: examined.state.counts().papers,
        protocols: Protocols { machine: measures.machine_protocols.get(), hand: measures.hand_protocols.get() },
        openings: Openings { own: measures.own_openings.get(), remote: measures.remote_openings.get() },
        entries: examined.report.entries,
        wall_seconds: seen.wall_seconds,
        verdict_ms: measures.verdict.percentiles(),
        receipt_ms: measures.receipt.percentiles(),
        node_rss_mib_max: seen.rss,
        disk_bytes: seen.disk.beside_raft(),
        entry_bytes: examined.entry_bytes,
        checkpoint: CheckpointReport::of(&agreed.checkpoint),
        nodes_agree: agreed.agree,
        results_match_simulation: seen.matches,
        audit: examined.report.clone(),
    }
}

/// What the largest node keeps.
fn disk_use(cluster: &Cluster) -> Result<DiskUse, RunError> {
    let mut most = DiskUse::default();
    for node in &cluster.nodes {
        let found = DiskUse::of(&node.data).map_err(io_error(format!("read {}", node.data.display())))?;
        if found.beside_raft() > most.beside_raft() {
            most = found;
        }
    }
    Ok(most)
}

/// Keeps the nodes until somebody interrupts.
async fn serve(cluster: &Cluster) {
    println!("The nodes keep running; interrupt to end.");
    for node in &cluster.nodes {
        println!("  node {}  public http://{}  admin http://{}", node.id, node.public_address(), node.admin_address());
    }
    // The program's own handler ends everything: this waits for it.
    std::future::pending::<()>().await;
}
