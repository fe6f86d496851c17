//! How fast a cluster is well again: a thin shell around the library. See `recovery --help`.

use clap::Parser as _;
use std::process::ExitCode;
use tamga_simulations::recovery::{Arguments, run};

/// It could not be measured.
const FAILED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(report) if arguments.json => {
            println!("{}", report.to_json());
            ExitCode::SUCCESS
        }
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("recovery: {error}");
            ExitCode::from(FAILED)
        }
    }
}
