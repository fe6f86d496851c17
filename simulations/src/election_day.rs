//! The program `election-day`: the order of things from the ceremony to the verdict.

use crate::aftermath::{AftermathError, Agreement, DiskUse, Examined, agreement, examine};
use crate::arguments::Arguments;
use crate::cluster::{Cluster, ClusterError, Founded, FoundingError, found, node_binary};
use crate::console::Console;
use crate::day::{Day, DayError};
use crate::folder::Folder;
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
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tamga_client::device::DeviceError;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::clock::{Clock, SystemClock};
use tamga_platform::entropy::{Entropy, OsEntropy};

/// Fewest ms between two official hours, so that hours stay apart in the smallest day.
const INTERVAL_MS_MIN: u64 = 400;
/// How much slower than offered the hours are laid out, so that voters do not run over them.
const SLACK: f64 = 0.93;

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

pub(crate) fn io_error(what: String) -> impl FnOnce(std::io::Error) -> RunError {
    |source| RunError::Io { what, source }
}

/// Runs a whole day. Returns whether everything that was promised holds; `verdict` says the same as soon as it is known.
///
/// # Errors
/// [`RunError`] if the day could not be run. No process is left in any case; files are only if asked for, or to find the
/// reason of an error.
pub async fn run(arguments: &Arguments, console: &Console, verdict: &OnceLock<bool>) -> Result<bool, RunError> {
    let size = Size::at(arguments.scale)?;
    let binary = tokio::task::block_in_place(node_binary).map_err(ClusterError::from)?;
    let mut folder = Folder::new(arguments.dir.as_deref(), "election-day")?;
    console.line(&format!("data in {}", folder.path.display()));
    let done = run_in(arguments, size, &binary, &folder, console, verdict).await;
    if done.is_err() && !folder.keep {
        // Whoever looks for the reason needs the nodes' logs.
        folder.keep = true;
        console.line(&format!("{} is kept; remove it when the reason is found", folder.path.display()));
    }
    done
}

async fn run_in(
    arguments: &Arguments,
    size: Size,
    binary: &Path,
    folder: &Folder,
    console: &Console,
    verdict: &OnceLock<bool>,
) -> Result<bool, RunError> {
    // Building the program is not part of the day.
    let started = Instant::now();
    let (entropy, clock): (Arc<dyn Entropy>, Arc<dyn Clock>) = (Arc::new(OsEntropy), Arc::new(SystemClock));
    let (founded, world) = create(arguments, size, &folder.path, &entropy, &clock, console)?;
    let phase = console.phase("nodes", u64::from(arguments.nodes));
    let mut cluster = Cluster::start(&founded, &folder.path, binary).await?;
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
    let good = conclude(arguments, &day, &cluster, last, folder, started, console).await?;
    // Whoever interrupts the serving nodes gets the exit code of the day, not of the interrupt.
    let _ = verdict.set(good);
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
