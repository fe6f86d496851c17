//! The arguments of `election-day`.

use clap::Parser;
use std::path::PathBuf;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_possible_days_are_taken() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        let arguments = parse("election-day").unwrap();
        assert_eq!((arguments.nodes, arguments.seed, arguments.rate, arguments.serve), (5, 2025, None, false));
        assert_eq!(parse("election-day --nodes 7 --rate 200").unwrap().rate, Some(200.0));
        for wrong in ["--nodes 4", "--rate 0", "--rate fast", "--scale x"] {
            assert!(parse(&format!("election-day {wrong}")).is_err(), "{wrong}");
        }
    }
}
