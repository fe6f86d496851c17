//! The national election day: a thin shell around the library. See `election-day --help`.

use clap::Parser as _;
use std::process::ExitCode;
use std::sync::OnceLock;
use tamga_simulations::arguments::Arguments;
use tamga_simulations::console::Console;
use tamga_simulations::election_day::run;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Something that was promised does not hold.
const REFUTED: u8 = 1;
/// The day could not be run.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (console, verdict) = (Console::default(), OnceLock::new());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&console, &error),
    };
    runtime.block_on(async {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return failed(&console, &"signals cannot be caught, so nodes could be left behind");
        };
        // Leaving by a signal drops the run, and with it every child process.
        tokio::select! {
            biased;
            () = either(&mut interrupt, &mut terminate) => {
                console.line("interrupted: nodes are stopped");
                match verdict.get() {
                    Some(true) => ExitCode::SUCCESS,
                    Some(false) => ExitCode::from(REFUTED),
                    None => ExitCode::from(FAILED),
                }
            }
            done = run(&arguments, &console, &verdict) => match done {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::from(REFUTED),
                Err(error) => failed(&console, &error),
            },
        }
    })
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn failed(console: &Console, error: &dyn std::fmt::Display) -> ExitCode {
    console.line(&format!("election-day: {error}"));
    ExitCode::from(FAILED)
}
