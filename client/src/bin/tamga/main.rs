//! `tamga`: everybody who does not trust the nodes.
//!
//! Exit codes: 0 verified, 1 refuted (something shown is false), 2 could not check (not reached, not there, wrong use).

mod act;
mod args;
mod audit;
mod bundle;
mod ceremony;
mod checkpoint;
mod counts;
mod custody;
mod day;
mod download;
mod election;
mod evidence;
mod failure;
mod governance;
mod mirror;
mod output;
mod protocols;
mod prove;
mod report;
mod results;
mod roll;
mod submit;
mod unit;
mod verify;
mod watch;
mod words;

use args::{Arguments, Command};
use clap::Parser as _;
use output::Output;
use std::process::ExitCode;
use std::sync::Arc;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::{Disk, OsDisk};

fn main() -> ExitCode {
    // clap itself exits with 2 on wrong use: nothing was checked.
    let Arguments { json, lang, command } = Arguments::parse();
    let output = Output::new(json, lang.into());
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let done = match &command {
        Command::Checkpoint(arguments) => checkpoint::run(arguments, &disk, &SystemClock, &output),
        Command::Prove(arguments) => prove::run(arguments, &disk, &output),
        Command::Bundle(arguments) => bundle::run(arguments, &disk, &output),
        Command::Verify(arguments) => verify::run(arguments, &disk, &output),
        Command::Audit(arguments) => audit::run(arguments, &disk, &output),
        Command::Results(arguments) => results::run(arguments, &disk, &output),
        Command::Unit(arguments) => unit::run(arguments, &disk, &output),
        Command::Tables(arguments) => unit::run_tables(arguments, &disk, &output),
        Command::Anomalies(arguments) => report::run_anomalies(arguments, &disk, &output),
        Command::Export(arguments) => report::run_export(arguments, &disk, &output),
        Command::Download(arguments) => download::run(arguments, &disk, &output),
        Command::Mirror(arguments) => mirror::run(arguments, &output),
        Command::Ceremony(arguments) => ceremony::run(arguments, &disk, &output),
        Command::Governance(arguments) => governance::run(arguments, &disk, &output),
        Command::Act(arguments) => act::run(arguments, &disk, &output),
        Command::Case(arguments) => act::run_case(arguments, &disk, &output),
        Command::Custody(arguments) => custody::run(arguments, &disk, &output),
        Command::Day(arguments) => day::run(arguments, &disk, &output),
        Command::Key(arguments) => day::run_key(arguments, &disk, &output),
        Command::Evidence(arguments) => evidence::run(arguments, &disk, &output),
        Command::Protocols(arguments) => protocols::run(arguments, &disk, &output),
        Command::Watch(arguments) => watch::run(arguments, &disk, &output),
        Command::Election(arguments) => election::run(arguments, &disk, &output),
        Command::Roll(arguments) => roll::run(arguments, &disk, &output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(command.name(), failure),
    }
}
