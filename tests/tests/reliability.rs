//! docs/RELIABILITY.md and SECURITY.md say which test shows which claim. Here: every file they link to is there, and holds the
//! test it names.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;
use std::path::Path;

/// Links of a Markdown text: what is shown, and where it leads.
fn links(text: &str) -> Vec<(&str, &str)> {
    let after = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or_default());
    let shown = text.split("](").map(|before| before.rsplit('[').next().unwrap_or_default());
    shown.zip(after).collect()
}

/// What is wrong with one link of a document in `folder`; leaving the repository is not looked at.
fn fault(folder: &Path, shown: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with('#') {
        return None;
    }
    let path = folder.join(target.split('#').next().unwrap_or_default());
    if !path.exists() {
        return Some(format!("{target} does not exist"));
    }
    let name = shown.trim_matches('`').rsplit("::").next().unwrap_or_default();
    let is_name = name.contains('_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name || path.extension().is_none_or(|extension| extension != "rs") {
        return None;
    }
    let holds = std::fs::read_to_string(&path).unwrap().contains(&format!("fn {name}("));
    (!holds).then(|| format!("{target} holds no test {name}"))
}

fn faults(folder: &Path, text: &str) -> Vec<String> {
    links(text).into_iter().filter_map(|(shown, target)| fault(folder, shown, target)).collect()
}

/// The names of tests in a document of the repository, all of which exist.
fn named_tests(document: &str) -> (String, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let found = faults(path.parent().unwrap(), &text);
    assert!(found.is_empty(), "{found:#?}");
    let named: BTreeSet<&str> =
        links(&text).into_iter().map(|(shown, _)| shown).filter(|shown| shown.starts_with('`')).collect();
    let count = named.len();
    (text, count)
}

#[test]
fn every_test_that_the_table_of_faults_names_exists() {
    let (_, named) = named_tests("docs/RELIABILITY.md");
    assert!(named >= 30, "only {named} tests are named");
}

#[test]
fn every_test_that_the_table_of_threats_names_exists() {
    let (text, named) = named_tests("SECURITY.md");
    assert!(named >= 30, "only {named} tests are named");
    // Each threat has a test, in the table's third column.
    let rows = text.lines().skip_while(|line| !line.starts_with("| threat |")).skip(2);
    for row in rows.take_while(|line| line.starts_with('|')) {
        let shown = row.split('|').nth(3).unwrap_or_default();
        assert!(shown.contains("](") && row.matches('|').count() == 5, "no test shows this defence: {row}");
    }
}

#[test]
fn a_test_that_does_not_exist_is_missed() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    assert!(
        faults(&here, "[`a_test_that_does_not_exist_is_missed`](reliability.rs), [x](https://example.org)").is_empty()
    );
    assert_eq!(faults(&here, "[`nobody_wrote_this`](reliability.rs)").len(), 1);
    assert_eq!(faults(&here, "see [here](nowhere.rs)").len(), 1);
}
