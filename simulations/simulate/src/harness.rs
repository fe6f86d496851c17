//! What the program does: one plan in this process, or many seeds with a process each.
//!
//! A process of its own for each seed: task ids, thread-locals and lazily made values of libraries are counted and drawn
//! once a process, and would make a seed depend on those before it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::Arguments;
use crate::generate;
use crate::machine::Machine;
use crate::plan::Plan;
use crate::world::{self, Outcome};

/// Something did not hold.
const FAILED: u8 = 1;
/// The simulation could not be run.
const BROKEN: u8 = 2;

/// Why nothing could be simulated.
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Runs what the arguments ask for.
pub fn main<M: Machine + Send>(arguments: &Arguments, machine: M) -> ExitCode {
    match dispatch(arguments, machine) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("simulate: {error}");
            ExitCode::from(BROKEN)
        }
    }
}

fn dispatch<M: Machine + Send>(arguments: &Arguments, machine: M) -> Result<bool, Broken> {
    if let Some(count) = arguments.seeds {
        return many(arguments, count);
    }
    if let Some(seed) = arguments.reduce {
        return reduce(arguments, generate::plan(seed));
    }
    let plan = match (&arguments.scenario, arguments.seed.or(arguments.reproduce)) {
        (Some(path), _) => Plan::read(path)?,
        (None, Some(seed)) => generate::plan(seed),
        (None, None) => return Err("nothing to simulate: see --help".into()),
    };
    one(arguments, &plan, machine)
}

/// Simulates a plan in this process.
fn one<M: Machine + Send>(arguments: &Arguments, plan: &Plan, machine: M) -> Result<bool, Broken> {
    plant(arguments.bug.as_deref())?;
    if let Some(path) = &arguments.plan {
        std::fs::write(path, toml::to_string_pretty(plan)?)?;
    }
    let mut trace = arguments.trace.clone();
    if let Some(seed) = arguments.reproduce {
        trace.get_or_insert_with(|| PathBuf::from(format!("seed-{seed}.trace")));
        print!("{}", toml::to_string_pretty(plan)?);
    }
    if let Some(path) = &arguments.log {
        crate::log::start(path)?;
    }
    let started = Instant::now();
    let outcome = world::run(plan, machine, trace.as_deref())?;
    if let Some(path) = trace {
        println!("trace: {}", path.display());
    }
    tell(plan.seed, &outcome, started.elapsed());
    Ok(outcome.failure.is_none())
}

fn tell(seed: u64, outcome: &Outcome, took: Duration) {
    let figures = outcome.figures;
    println!(
        "{} ms simulated in {} ms: {} leaves, {} acknowledged, {} reads, {} starts, term {}",
        outcome.simulated_ms,
        took.as_millis(),
        figures.leaves,
        figures.acknowledged,
        figures.reads,
        figures.starts,
        figures.terms
    );
    if let Some(failure) = &outcome.failure {
        println!("{} at {} ms: {}", failure.what, failure.at_ms, failure.why.replace('\n', " "));
    }
    let word = if outcome.failure.is_some() { "FAILED" } else { "ok" };
    println!("seed {seed} {word} trace {}", outcome.trace);
}

/// Chooses the planted bug.
fn plant(bug: Option<&str>) -> Result<(), Broken> {
    #[cfg(feature = "planted-bugs")]
    {
        if let Some(name) = bug
            && !crate::bugs::ALL.iter().any(|bug| bug.name == name)
        {
            let names: Vec<&str> = crate::bugs::ALL.iter().map(|bug| bug.name).collect();
            return Err(format!("there is no bug {name}; there are {}", names.join(", ")).into());
        }
        tamga_platform::planted::choose(bug);
        Ok(())
    }
    #[cfg(not(feature = "planted-bugs"))]
    match bug {
        None => Ok(()),
        Some(_) => Err("this build has no planted bugs; build it with --features planted-bugs".into()),
    }
}

/// A child that simulates with the given arguments.
fn child(arguments: &Arguments, what: &[&str]) -> io::Result<Output> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(what);
    if let Some(bug) = &arguments.bug {
        command.args(["--bug", bug]);
    }
    command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped()).output()
}

/// Simulates many seeds, each in a process of its own.
fn many(arguments: &Arguments, count: u64) -> Result<bool, Broken> {
    let end = arguments.start.saturating_add(count);
    let (next, failed, stop) = (AtomicU64::new(arguments.start), AtomicU64::new(0), AtomicBool::new(false));
    let broken: Mutex<Option<Broken>> = Mutex::default();
    let bar = progress(count);
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    match simulate_seed(arguments, seed, &bar) {
                        Ok(true) => {}
                        Ok(false) => {
                            let failures = failed.fetch_add(1, Ordering::Relaxed) + 1;
                            bar.set_message(format!("{failures} failed"));
                            stop.fetch_or(arguments.until_failure, Ordering::Relaxed);
                        }
                        Err(error) => {
                            *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    if let Some(error) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let failed = failed.into_inner();
    let seconds = bar.elapsed().as_secs_f64();
    let done = bar.position();
    println!("{done} seeds in {seconds:.0} s ({:.0} a minute): {failed} failed", done as f64 / seconds * 60.0);
    Ok(failed == 0)
}

fn simulate_seed(arguments: &Arguments, seed: u64, bar: &ProgressBar) -> Result<bool, Broken> {
    let output = child(arguments, &["--seed", &seed.to_string()])?;
    let text = String::from_utf8_lossy(&output.stdout);
    let good = output.status.success();
    let mut shown = text.lines().last().map_or_else(|| format!("seed {seed} FAILED trace -"), str::to_owned);
    if !good {
        let why: Vec<&str> = text.lines().rev().skip(1).take(1).collect();
        let died = if output.status.code() == Some(1) { String::new() } else { format!(" ({})", output.status) };
        shown = format!("{}{died}\n{shown}", why.join("\n"));
        if output.status.code() == Some(i32::from(BROKEN)) {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
    }
    bar.suspend(|| {
        let mut out = io::stdout().lock();
        // Whoever closed our output wants no more of it.
        let _ = writeln!(out, "{shown}");
    });
    Ok(good)
}

fn progress(count: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {elapsed} gone, {eta} to go {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Removes faults one by one, as long as the simulation still fails in the same way.
fn reduce(arguments: &Arguments, plan: Plan) -> Result<bool, Broken> {
    let path = arguments.plan.clone().unwrap_or_else(|| PathBuf::from(format!("seed-{}.toml", plan.seed)));
    let Some(first) = failure_of(arguments, &plan, &path)? else {
        println!("seed {} does not fail", plan.seed);
        return Ok(true);
    };
    println!("{} faults: {first}", plan.faults.len());
    let mut plan = plan;
    let mut size = plan.faults.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < plan.faults.len() {
            let mut fewer = plan.clone();
            fewer.faults.drain(at..(at + size).min(plan.faults.len()));
            match failure_of(arguments, &fewer, &path)? {
                Some(why) if kind(&why) == kind(&first) => {
                    println!("{} faults: {why}", fewer.faults.len());
                    plan = fewer;
                }
                _ => at += size,
            }
        }
        if size == 1 {
            break;
        }
        size = size.div_ceil(2);
    }
    failure_of(arguments, &plan, &path)?;
    println!("{} faults are left: {}", plan.faults.len(), path.display());
    Ok(false)
}

fn kind(why: &str) -> &str {
    why.split_whitespace().next().unwrap_or_default()
}

fn failure_of(arguments: &Arguments, plan: &Plan, path: &Path) -> Result<Option<String>, Broken> {
    std::fs::write(path, toml::to_string_pretty(plan)?)?;
    let output = child(arguments, &["--scenario", &path.display().to_string()])?;
    if output.status.success() {
        return Ok(None);
    }
    if output.status.code() == Some(i32::from(BROKEN)) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Some(text.lines().rev().nth(1).unwrap_or("died").to_owned()))
}
