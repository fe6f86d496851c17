//! The anomaly report over a ledger in which every rule is broken once: the conformance vectors, read as JSON. What belongs into which
//! group is written here once more, by the vectors' own names and numbers, and not by the program's tables.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{CLOSES_MS, EMBARGO_MS, World, form, protocol, unit};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tamga_client::author::phase;
use tamga_client::report::{Anomalies, anomalies};
use tamga_ledger::audit::Auditor;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::{Basis, Phase};
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::Verdict;

/// Every group but the one for other refusals, with what the vectors call its entries. `after-hours` and `late-protocol` take a day of
/// their own, below.
const GROUPS: [(&str, &[&str]); 22] = [
    (
        "second-attempt",
        &[
            "the same voter again",
            "the same voter elsewhere",
            "whose ballot did not come out, again",
            "online, admitted offline before",
        ],
    ),
    ("offline-conflict", &["offline, admitted before"]),
    (
        "identification-refused",
        &[
            "by a key that is not valid any more",
            "by a revoked key",
            "before the unit is open",
            "at a wrong station of the same constituency",
            "on no roll",
            "a local voter as a remote one",
            "while voting pauses",
            "without attestation",
            "with another voter's attestation",
            "with a used attestation",
            "with an attestation that is too old",
        ],
    ),
    (
        "balance-broken",
        &[
            "station 2 opens with another list",
            "station 3 opens with a counter above zero",
            "a balance that does not add up",
            "more voters than the ledger has",
            "counters fall",
            "station 2 closes with figures that do not fit, its box still out",
        ],
    ),
    (
        "papers-above-voters",
        &["a paper without a voter", "station 2 closes with figures that do not fit, its box still out"],
    ),
    (
        "offline-undeclared",
        &["offline, not declared", "offline, of another station's roll", "offline, more than the cap"],
    ),
    (
        "number-gap",
        &[
            "with its own, after a later number of the device",
            "offline, not declared",
            "offline, admitted before",
            "a number is left out",
        ],
    ),
    ("relation-broken", &["a hard relation is broken"]),
    (
        "correction",
        &[
            "the machine protocol, corrected without a reason",
            "a correction",
            "a recount that nobody ordered",
            "typed in by the commission above",
            "the table, corrected",
        ],
    ),
    ("counts-differ", &["another protocol than the closing record's", "a paper more than the machine took"]),
    ("dissent", &["dissent, and a soft relation is broken"]),
    ("copy-differs", &["a copy with other figures"]),
    ("copy-withheld", &["a copy was refused"]),
    ("table-flagged", &["a table with a wrong line and a foreign protocol", "the nation's table, a unit missing"]),
    ("suspension", &["station 1 pauses"]),
    ("void-identification", &["no ballot came out of the printer", "a ballot printed and kept back"]),
    (
        "replacement",
        &["a device is replaced", "the same device is replaced again, by one that the inventory has elsewhere"],
    ),
    (
        "custody-flagged",
        &[
            "the mobile box comes back under another seal",
            "on its way, a seal less",
            "taken back from where it never was",
            "deployed, never checked",
            "half of the checklist",
            "handed over by who has it no more",
            "the device is lost",
            "the commission revokes its key",
            "the same device is replaced again, by one that the inventory has elsewhere",
            "station 2 closes with figures that do not fit, its box still out",
        ],
    ),
    ("keys-revoked", &["a device's key revoked"]),
    (
        "act-flagged",
        &[
            "others are declared elected than those who are",
            "a lot without a tie",
            "a man for a woman",
            "its number for another act",
            "suspended by a lower issuer",
            "dismissed after its deadline",
        ],
    ),
    (
        "other-flagged",
        &[
            "a batch after the close",
            "dissent, and a soft relation is broken",
            "a recount that nobody ordered",
            "typed in by the commission above",
            "assent to another record",
        ],
    ),
    // Checked by number: all refusals that are no identification's.
    ("other-refused", &[]),
];

fn by_group(report: &Anomalies) -> BTreeMap<String, Value> {
    let report = serde_json::to_value(report).unwrap();
    let groups = report["groups"].as_array().unwrap().iter();
    groups.map(|group| (group["anomaly"].as_str().unwrap().to_owned(), group.clone())).collect()
}

#[test]
fn every_broken_rule_of_the_vectors_stands_in_its_group() {
    let path = format!("{}/../ledger/tests/vectors/json/ledger.json", env!("CARGO_MANIFEST_DIR"));
    let ledger: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = ledger["entries"].as_array().unwrap();
    let bytes = |field: &str| -> Vec<Vec<u8>> {
        rows.iter().map(|row| hex::decode(row[field].as_str().unwrap()).unwrap()).collect()
    };
    let (entries, confidential) = (bytes("entry"), bytes("confidential"));
    let election: ElectionId = ledger["election_id"].as_str().unwrap().parse().unwrap();
    let mut auditor = Auditor::new(Trust::from_entry(&entries[0], &election).unwrap());
    auditor.add(&entries, &confidential);
    let all = (0..).zip(entries.iter().map(Vec::as_slice));
    let report = anomalies(auditor.state(), all, rows.len());

    let found = by_group(&report);
    let leaves = |group: &Value| -> BTreeSet<u64> {
        let findings = group["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["leaf"].as_u64().unwrap()).collect()
    };
    let names: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, GROUPS.iter().map(|(name, _)| *name).collect());
    for (name, due) in GROUPS.iter().filter(|(name, _)| *name != "other-refused") {
        let what: BTreeSet<&str> =
            leaves(&found[*name]).iter().map(|leaf| rows[*leaf as usize]["what"].as_str().unwrap()).collect();
        assert_eq!(what, due.iter().copied().collect(), "{name}");
    }
    // Verdict 2 is a refusal, kind 8 an identification (FORMAT.md).
    let number = |row: &Value, field: &str| row[field].as_u64().unwrap();
    let refused = rows.iter().filter(|row| number(row, "verdict") == 2 && number(row, "kind") != 8);
    let refused: BTreeSet<u64> = refused.map(|row| number(row, "leaf")).collect();
    assert!(refused.len() > 100);
    assert_eq!(leaves(&found["other-refused"]), refused);
    // Nobody who broke no rule and reported nothing unusual is in it.
    let named: BTreeSet<u64> = found.values().flat_map(leaves).collect();
    let quiet = rows.iter().filter(|row| number(row, "verdict") != 2 && row["flags"] == serde_json::json!([]));
    let told: BTreeSet<&str> =
        quiet.filter(|row| named.contains(&number(row, "leaf"))).map(|row| row["what"].as_str().unwrap()).collect();
    let reported = [
        "station 1 pauses",
        "no ballot came out of the printer",
        "a ballot printed and kept back",
        "a device is replaced",
        "a copy was refused",
        "a device's key revoked",
    ];
    assert_eq!(told, reported.into_iter().collect());
}

/// Of a ledger that the small election's own builders wrote.
fn of(world: &World, listed: usize) -> Anomalies {
    let all = (0..).zip(world.entries.iter().map(|(entry, _)| entry.as_slice()));
    anomalies(&world.state, all, listed)
}

#[test]
fn who_votes_after_hours_and_whose_protocol_is_late_is_named() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    let early = world.identify(1, "10000000000001");
    world.accept(early);
    world.time_ms = CLOSES_MS - 101;
    let last = world.identify(1, "10000000000002");
    world.accept(last);
    assert!(!by_group(&of(&world, 9)).contains_key("after-hours"));
    let late = world.identify(1, "10000000000003");
    assert!(matches!(world.submit(late), Verdict::Accepted(flags) if flags.len() == 1));
    let leaf = world.entries.len() - 1;
    let report = by_group(&of(&world, 9));
    let finding = &report["after-hours"]["findings"][0];
    assert_eq!(report["after-hours"]["count"], 1);
    assert_eq!((&finding["leaf"], &finding["station"], &finding["unit"]), (&leaf.into(), &1.into(), &1.into()));

    // Twelve hours after the embargo a hand protocol is due; nobody is late because of the embargo.
    const DUE_MS: u64 = EMBARGO_MS + 12 * 3_600_000;
    for (station, time_ms, late) in [(1, DUE_MS, 0), (2, DUE_MS + 1, 1)] {
        world.time_ms = time_ms - 100;
        let (body, _) = protocol(&world, station, Basis::Hand);
        let [chair, secretary] = World::members(station);
        let signed = world.scribe.protocol(&[&chair, &secretary], unit(station), &form(), &body, None).unwrap();
        assert!(matches!(world.submit(signed), Verdict::Accepted(_)));
        let report = of(&world, 9);
        assert_eq!(by_group(&report).get("late-protocol").map_or(0, |group| group["count"].as_u64().unwrap()), late);
        assert!(!report.without_hand_protocol.contains(&unit(station).to_string()));
    }
    let report = of(&world, 9);
    let group = &by_group(&report)["late-protocol"];
    assert_eq!(group["findings"][0]["station"], 2);
    // Nobody has closed; two have no protocol.
    let of_stations = |stations: &[u32]| stations.iter().map(|station| unit(*station).to_string()).collect::<Vec<_>>();
    assert_eq!(report.never_closed, of_stations(&[1, 2, 3, 4]));
    assert_eq!(report.without_hand_protocol, of_stations(&[3, 4]));
    assert_eq!((report.never_opened.len(), report.still_offline.len(), report.on_two_rolls.len()), (0, 0, 0));
}

#[test]
fn who_is_silent_is_named_and_long_lists_are_counted() {
    let mut world = World::prepared();
    world.seal_roll();
    assert_eq!(of(&world, 9).never_opened.len(), 4);
    world.open_all();
    let offline = world.report(4, &phase(Phase::OfflineStart));
    world.accept(offline);
    for _ in 0..3 {
        for which in [Phase::Suspend, Phase::Resume] {
            let report = world.report(1, &phase(which));
            world.accept(report);
        }
    }
    let report = of(&world, 2);
    assert_eq!((report.never_opened.len(), report.still_offline), (0, vec![unit(4).to_string()]));
    let group = &by_group(&of(&world, 2))["suspension"];
    assert_eq!((&group["count"], group["findings"].as_array().unwrap().len()), (&3.into(), 2));
}
