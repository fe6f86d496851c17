//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Simulates a cluster under faults, deterministically: the same seed gives the same trace.
#[derive(Debug, Clone, Parser)]
#[command(name = "simulate", version, group = clap::ArgGroup::new("what").required(true))]
pub struct Arguments {
    /// Simulate one seed.
    #[arg(long, group = "what")]
    pub seed: Option<u64>,
    /// Simulate so many seeds, each in a process of its own.
    #[arg(long, group = "what")]
    pub seeds: Option<u64>,
    /// Simulate a seed again, with a readable trace and the plan it ran.
    #[arg(long, group = "what")]
    pub reproduce: Option<u64>,
    /// Simulate a scenario file.
    #[arg(long, group = "what")]
    pub scenario: Option<PathBuf>,
    /// Find the shortest list of faults with which a seed still fails.
    #[arg(long, group = "what")]
    pub reduce: Option<u64>,
    /// The first of --seeds.
    #[arg(long, default_value_t = 1)]
    pub start: u64,
    /// Simulations at once.
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Write the trace to this file.
    #[arg(long)]
    pub trace: Option<PathBuf>,
    /// Write what the nodes log to this file, with simulated times.
    #[arg(long)]
    pub log: Option<PathBuf>,
    /// Write the plan as a scenario file.
    #[arg(long)]
    pub plan: Option<PathBuf>,
    /// With a bug planted in the product's code (only in builds with the feature `planted-bugs`).
    #[arg(long)]
    pub bug: Option<String>,
    /// Stop at the first seed that fails (with --seeds).
    #[arg(long)]
    pub until_failure: bool,
}
