//! The simulator: a thin shell around the library, and the one file with `unsafe` in it (`shim`). See `simulate --help`.

mod shim;

use std::process::ExitCode;

use clap::Parser as _;
use tamga_simulate::arguments::Arguments;
use tamga_simulate::harness;

fn main() -> ExitCode {
    harness::main(&Arguments::parse(), shim::Shim)
}
