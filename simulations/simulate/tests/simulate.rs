//! The program as it is called: seeds pass, the same seed gives the same trace in two processes, a command line that
//! makes no sense is told so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Seeds that run whenever the tests run, unless [`SEEDS_VARIABLE`] says another number. Before a release thousands run.
const SEEDS: u64 = 12;
/// How many seeds run, for the gate.
const SEEDS_VARIABLE: &str = "TAMGA_SIMULATE_SEEDS";

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulate")).args(arguments).output().expect("the program runs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The first line in which two traces differ.
fn first_difference(one: &Path, two: &Path) -> Option<String> {
    let read = |path| std::fs::read_to_string(path).expect("a trace");
    let (one, two): (String, String) = (read(one), read(two));
    let mut lines = one.lines().zip(two.lines()).zip(1..);
    let differ = lines.find(|((a, b), _)| a != b).map(|((a, b), number)| format!("line {number}:\n  {a}\n  {b}"));
    differ.or_else(|| (one != two).then(|| "one trace is longer than the other".to_owned()))
}

#[test]
fn every_seed_holds_all_invariants_and_recovers() {
    let seeds = std::env::var(SEEDS_VARIABLE).map_or(SEEDS, |text| text.parse().expect("a number of seeds"));
    let output = simulate(&["--seeds", &seeds.to_string(), "--jobs", "2"]);
    assert!(output.status.success(), "{}", text(&output));
    let lines = text(&output).lines().filter(|line| line.starts_with("seed ") && line.contains(" ok trace ")).count();
    assert_eq!(lines as u64, seeds, "{}", text(&output));
}

#[test]
fn the_same_seed_gives_the_same_trace_in_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    for seed in ["1", "2", "3"] {
        let traces: Vec<PathBuf> = (1..=2).map(|run| folder.path().join(format!("{seed}-{run}.trace"))).collect();
        let lines: Vec<String> = traces
            .iter()
            .map(|trace| {
                let output = simulate(&["--seed", seed, "--trace", &trace.display().to_string()]);
                String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
            })
            .collect();
        assert_eq!(first_difference(&traces[0], &traces[1]), None, "seed {seed}");
        assert_eq!(lines[0], lines[1]);
        assert!(std::fs::read_to_string(&traces[0]).unwrap().lines().count() > 100, "a trace says what happened");
    }
}

#[test]
fn every_scenario_that_once_failed_holds() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    for entry in std::fs::read_dir(scenarios).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let output = simulate(&["--scenario", &path.display().to_string()]);
            assert!(output.status.success(), "{}: {}", path.display(), text(&output));
        }
    }
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    for (arguments, expected) in [
        (vec!["--scenario", "/nowhere.toml"], "cannot read /nowhere.toml"),
        (vec!["--seed", "1", "--seeds", "2"], "cannot be used with"),
        (vec![], "required"),
    ] {
        let output = simulate(&arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(expected), "{}", text(&output));
    }
}
