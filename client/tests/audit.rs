//! The audit as people run it: the archive of checkpoints, going on from an earlier run, sentences and pages.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/copy.rs"]
mod copy;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World, phase_filler};
use copy::{Copy, Published, large, publish, small};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tamga_client::evidence::Language;
use tamga_client::report::audit::{Page, check_name, page, sentence};
use tamga_client::source::{Fetched, Resource, Source, SourceError};
use tamga_client::verify::{Audited, Memory, Opened, VerifyError, audit, audit_remembering, over_entries, rolls};
use tamga_ledger::audit::{Check, Finding, NotProven, Report};
use tamga_ledger::ids::RecordId;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::disk::{Disk, MemDisk};

fn numbers(report: &Report) -> Vec<u16> {
    report.findings.iter().map(|finding| finding.number).collect()
}

#[test]
fn every_archived_checkpoint_is_looked_at() {
    let copy = large();
    let report = copy.audit().unwrap();
    let index = String::from_utf8(copy.files["checkpoints/index"].clone()).unwrap();
    let sizes: Vec<u64> = index.lines().map(|line| line.parse().unwrap()).collect();
    assert!(report.ok && sizes.len() == 9, "{:#?}", report.findings);
    assert_eq!((report.checkpoints_archived, report.checkpoints_confirmed), (9, 9));
    assert!(!report.not_proven.contains(&NotProven::Archive));
    for size in sizes {
        let file = format!("checkpoints/{size}");
        // Gone, though the index has it.
        let mut gone = copy.clone();
        gone.files.remove(&file);
        let report = gone.audit().unwrap();
        let found: Vec<_> = report.findings.iter().map(|finding| (finding.number, finding.leaf)).collect();
        assert_eq!(found, [(208, Some(size - 1))], "size {size}");
        // A cosignature altered; one taken away: three of three are due.
        let note = String::from_utf8(copy.files[&file].clone()).unwrap();
        let cosigned = note.lines().position(|line| line.starts_with("— cec-1 ")).unwrap();
        let altered = |change: &dyn Fn(&str) -> String| {
            let mut copy = copy.clone();
            let lines: String = note
                .lines()
                .enumerate()
                .map(|(at, line)| if at == cosigned { change(line) } else { format!("{line}\n") })
                .collect();
            copy.files.insert(file.clone(), lines.into_bytes());
            let report = copy.audit().unwrap();
            report.findings.iter().map(|finding| (finding.number, finding.leaf)).collect::<Vec<_>>()
        };
        let last = Some(size - 1);
        assert_eq!(altered(&|_| String::new()), [(201, last)], "size {size}");
        let other = |line: &str| format!("{}{}\n", &line[..line.len() - 6], "AAAAAA");
        assert_eq!(altered(&other), [(201, last)], "size {size}");
    }
}

#[test]
fn a_copy_without_an_archive_says_so_and_a_broken_index_is_found() {
    let mut copy = small();
    copy.files.retain(|name, _| !name.starts_with("checkpoints/"));
    let report = copy.audit().unwrap();
    assert!(report.ok && report.checkpoints_archived == 0 && report.not_proven.contains(&NotProven::Archive));
    for index in ["9\n8\n", "x\n", "1,2", "-1\n"] {
        copy.files.insert("checkpoints/index".to_owned(), index.as_bytes().to_vec());
        assert_eq!(numbers(&copy.audit().unwrap()), [208], "{index:?}");
    }
    // An index that has forgotten the latest one.
    copy.files.insert("checkpoints/index".to_owned(), Vec::new());
    assert_eq!(numbers(&copy.audit().unwrap()), [208]);
}

#[test]
fn a_checkpoint_of_another_history_in_the_archive_is_named() {
    let copy = small();
    // The same election, signed by everybody at the same size, and other entries.
    let mut world = World::prepared();
    phase_filler_before(&mut world);
    let mut published = Published::new();
    publish(&world, &mut published);
    let (size, note) = published.pop_first().unwrap();
    let mut other = copy.clone();
    other.files.insert(format!("checkpoints/{size}"), note.into_bytes());
    assert!(other.files["checkpoints/index"] == copy.files["checkpoints/index"], "{size} is a published size");
    let report = other.audit().unwrap();
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.number, finding.leaf)).collect();
    assert_eq!(found, [(202, Some(size.get() - 1))]);
}

/// One record more, so that the size is that of the sealed roll and the root is not.
fn phase_filler_before(world: &mut World) {
    world.time_ms = common::OPENS_MS;
    let report = world.report(1, &tamga_client::author::phase(tamga_ledger::kinds::Phase::Balance));
    world.submit(report);
}

/// A source that breaks off, and writes down what it was asked for.
struct Breaking<'a> {
    copy: &'a Copy,
    breaks_at: String,
    asked: Mutex<Vec<String>>,
}

impl<'a> Breaking<'a> {
    fn at(copy: &'a Copy, breaks_at: &str) -> Self {
        Self { copy, breaks_at: breaks_at.to_owned(), asked: Mutex::new(Vec::new()) }
    }

    fn bundles(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|name| name.contains("/entries/")).cloned().collect()
    }
}

impl Source for Breaking<'_> {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        let name = resource.to_string();
        if name == self.breaks_at {
            return Err(SourceError::Unreadable { place: name, what: "the line is dead".to_owned() });
        }
        self.asked.lock().unwrap().push(name);
        self.copy.fetch(resource)
    }

    fn find(&self, _: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        Ok(None)
    }

    fn name(&self) -> &str {
        "breaking"
    }
}

fn memory(disk: &Arc<dyn Disk>) -> Memory {
    Memory::new(Arc::clone(disk), Path::new("/memory")).saving_every(1)
}

fn remembering(source: &dyn Source, copy: &Copy, disk: &Arc<dyn Disk>) -> Result<Audited, VerifyError> {
    let opened = Opened::open(source, &copy.election)?;
    audit_remembering(&opened, &mut memory(disk), |_, _| {})
}

/// The same findings and figures, whatever was read when.
fn same(resumed: &Report, whole: &Report) {
    let stripped = |report: &Report| {
        let mut value = serde_json::to_value(report).unwrap();
        value.as_object_mut().unwrap().remove("entries_before");
        // Of the archive a later run looks only at what is new.
        value.as_object_mut().unwrap().remove("not_proven");
        value
    };
    assert_eq!(stripped(resumed), stripped(whole));
}

#[test]
fn an_interrupted_audit_goes_on_where_it_stopped() {
    // Large enough for two reads of bundles: each is put down.
    let (mut world, mut published) = (World::prepared(), Published::new());
    world.seal_roll();
    world.open_all();
    phase_filler(&mut world, 4_300);
    publish(&world, &mut published);
    let copy = Copy::of(&world, &published);
    let whole = copy.audit().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(MemDisk::default());
    let broken = Breaking::at(&copy, &copy.bundle_path("entries", 16));
    assert!(remembering(&broken, &copy, &disk).is_err());
    let healed = Breaking::at(&copy, "");
    let done = remembering(&healed, &copy, &disk).unwrap();
    same(&done.report, &whole);
    assert_eq!((done.report.entries_before, done.memory_unused), (4_096, None));
    assert_eq!(healed.bundles(), [broken.breaks_at], "what was read before is not read again");
    assert!(done.report.not_proven.contains(&NotProven::EarlierRun));
}

#[test]
fn a_later_audit_reads_only_what_is_new_and_finds_the_same() {
    let (mut world, mut published) = (World::prepared(), Published::new());
    let disk: Arc<dyn Disk> = Arc::new(MemDisk::default());
    let mut before = 0;
    let mut step = |world: &World, published: &mut Published| {
        publish(world, published);
        let copy = Copy::of(world, published);
        let done = remembering(&copy, &copy, &disk).unwrap();
        same(&done.report, &copy.audit().unwrap());
        assert!(done.report.ok && done.memory_unused.is_none(), "{:?}", done);
        assert_eq!(done.report.entries_before, before, "it begins where the last one ended");
        before = copy.size;
    };
    step(&world, &mut published);
    world.seal_roll();
    step(&world, &mut published);
    // Nothing new: nothing is read.
    step(&world, &mut published);
    world.open_all();
    phase_filler(&mut world, 300);
    step(&world, &mut published);
    world.vote();
    let builders = world.count_and_close();
    world.seal_voting();
    world.publish_counts(&builders);
    step(&world, &mut published);
    world.seal_results();
    step(&world, &mut published);
}

#[test]
fn a_ledger_that_does_not_continue_what_was_verified_is_a_split_view() {
    let disk: Arc<dyn Disk> = Arc::new(MemDisk::default());
    let (mut first, mut second) = (World::prepared(), World::prepared());
    first.seal_roll();
    let copy = Copy::of(&first, &Published::new());
    assert!(remembering(&copy, &copy, &disk).unwrap().report.ok);
    phase_filler_before(&mut second);
    second.seal_roll();
    second.open_all();
    let copy = Copy::of(&second, &Published::new());
    assert!(copy.audit().unwrap().ok, "by itself it holds");
    let report = remembering(&copy, &copy, &disk).unwrap().report;
    assert!(numbers(&report).contains(&Check::SplitView.number()) && !report.ok, "{:#?}", report.findings);
    // The other side does not replace what was verified.
    first.open_all();
    let copy = Copy::of(&first, &Published::new());
    let report = remembering(&copy, &copy, &disk).unwrap().report;
    assert!(report.ok && report.entries_before > 0, "{:#?}", report.findings);
}

#[test]
fn findings_of_an_earlier_run_are_not_forgotten() {
    let (copy, disk): (_, Arc<dyn Disk>) = (small(), Arc::new(MemDisk::default()));
    let (file, offset, _) = copy.offset("entries", 11);
    let bad = copy.flipped(&file, offset + 30, 1);
    let first = remembering(&bad, &bad, &disk).unwrap().report;
    let second = remembering(&copy, &copy, &disk).unwrap().report;
    assert!(!first.ok && !second.ok);
    assert_eq!(second.findings.first().unwrap(), first.findings.first().unwrap());
}

#[test]
fn a_damaged_memory_costs_a_full_run_and_nothing_else() {
    let (copy, disk): (_, Arc<dyn Disk>) = (small(), Arc::new(MemDisk::default()));
    let whole = remembering(&copy, &copy, &disk).unwrap().report;
    let names = disk.list(Path::new("/memory")).unwrap();
    assert!(names.contains(&"audit".to_owned()) && names.contains(&"journal".to_owned()), "{names:?}");
    for name in ["audit", "journal", "head-a", "head-b"] {
        let path = Path::new("/memory").join(name);
        let Ok(good) = disk.read(&path, 1 << 30) else { continue };
        for at in (0..good.len()).step_by(1 + good.len() / 40) {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            disk.replace(&path, &bad).unwrap();
            let again = remembering(&copy, &copy, &disk).unwrap();
            assert!(again.memory_unused.is_some() || again.report.entries_before == copy.size, "{name} byte {at}");
            same(&again.report, &whole);
            disk.replace(&path, &good).unwrap();
            assert!(remembering(&copy, &copy, &disk).unwrap().memory_unused.is_none() || again.memory_unused.is_some());
        }
    }
}

#[test]
fn a_finding_names_index_station_and_says_what_it_means_in_three_languages() {
    let copy = large();
    // An identification: an entry of a unit.
    let leaf = copy.items("confidential").iter().position(|body| !body.is_empty()).unwrap() as u64;
    let (file, offset, length) = copy.offset("confidential", leaf);
    let report = copy.flipped(&file, offset + length - 1, 0).audit().unwrap();
    let finding = report.findings.first().unwrap();
    assert_eq!((finding.number, finding.leaf, finding.unit), (102, Some(leaf), Some(1)));
    let station = finding.station.unwrap();
    let said = [Language::Ky, Language::Ru, Language::En].map(|language| sentence(finding, language));
    for text in &said {
        assert!(text.contains(&leaf.to_string()) && text.contains(&format!("{station}/1")), "{text}");
    }
    assert!(said[0] != said[1] && said[1] != said[2]);
}

#[test]
fn each_check_is_documented_and_has_words_in_three_languages() {
    let read = |name: &str| std::fs::read_to_string(format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (format, manual) = (read("FORMAT.md"), read("docs/AUDIT.md"));
    for check in Check::ALL {
        let name = serde_json::to_value(check).unwrap();
        let row = format!("| {} | {} |", check.number(), name.as_str().unwrap());
        assert!(format.contains(&row), "FORMAT.md §17: {row}");
        assert!(manual.contains(&row), "docs/AUDIT.md: {row}");
        let finding = Finding::new(check, None, String::new());
        let mut said: Vec<String> = Vec::new();
        for language in [Language::Ky, Language::Ru, Language::En] {
            said.push(sentence(&finding, language));
            said.push(check_name(check, language).to_owned());
        }
        let all = said.len();
        said.sort();
        said.dedup();
        assert_eq!(said.len(), all, "{check:?}");
    }
}

#[test]
fn the_page_is_one_file_in_three_languages_and_escapes_what_it_shows() {
    let copy = small();
    let (file, offset, _) = copy.offset("entries", 11);
    for copy in [copy.clone(), copy.flipped(&file, offset + 30, 1)] {
        let opened = Opened::open(&copy, &copy.election).unwrap();
        let report = audit(&opened, |_, _| {}).unwrap().report;
        let election = copy.election.to_string();
        let organisations = ORGANISATIONS.map(str::to_owned);
        let html = page(&Page {
            title: &opened.trust.election().title,
            election: &election,
            rehearsal: true,
            source: "<script>alert(1)</script>",
            organisations: &organisations,
            organisations_of: 3,
            policy_epoch: 0,
            version: "0",
            report: &report,
        });
        assert!(!html.contains("<script") && !html.contains("http") && !html.contains("src="), "nothing is fetched");
        for part in ["id=\"ky\"", "id=\"ru\"", "id=\"en\"", &election, &report.head.roots.sha256.to_base64()] {
            assert!(html.contains(part), "{part}");
        }
        assert_eq!(html.matches(">105<").count(), 3 + 3 * numbers(&report).iter().filter(|n| **n == 105).count());
        assert_eq!(html.contains("class=\"yes\""), report.ok);
    }
}

/// A roll's chunks have 54 KB each, and a bundle of them more than is checked at once: it is read once, and audited in parts.
#[test]
fn a_bundle_that_is_checked_in_parts_is_audited_whole() {
    let mut world = World::with_voters(500_000);
    world.seal_roll();
    world.open_all();
    phase_filler(&mut world, 40);
    let copy = Copy::of(&world, &Published::new());
    let bundle = copy.files[&copy.bundle_path("entries", 0)].len();
    assert!(bundle > 7 << 20 && world.entries.len() < 256, "{bundle} bytes, {} entries", world.entries.len());
    let whole = copy.audit().unwrap();
    assert!(whole.ok && whole.entries == world.entries.len() as u64, "{:#?}", whole.findings);
    // Interrupted after each part, and gone on with.
    let disk: Arc<dyn Disk> = Arc::new(MemDisk::default());
    same(&remembering(&copy, &copy, &disk).unwrap().report, &whole);
    // What is false behind the first part is found where it is.
    let mut items = copy.items("entries");
    let last = items.len() - 1;
    let byte = items[last].len() / 2;
    items[last][byte] ^= 1;
    let mut damaged = copy;
    damaged.set_items("entries", &items);
    let found = damaged.audit().unwrap();
    assert!(
        !found.ok && found.findings.iter().all(|finding| finding.leaf == Some(last as u64)),
        "{:#?}",
        found.findings
    );
}

#[test]
fn what_is_read_beside_an_audit_is_held_against_the_roots_too() {
    let (mut world, mut published) = (World::prepared(), Published::new());
    world.seal_roll();
    publish(&world, &mut published);
    let honest = Copy::of(&world, &published);
    let opened = Opened::open(&honest, &honest.election).unwrap();
    let all: Vec<(u64, Vec<u8>)> = over_entries(&opened, |_, _| {}, |entries| entries.collect()).unwrap();
    assert_eq!(all.len() as u64, honest.size);
    assert!(all.iter().zip(&world.entries).zip(0..).all(|((read, due), leaf)| *read == (leaf, due.0.clone())));
    assert_eq!(rolls(&opened, |_, _| {}).unwrap().len(), 4);

    // The same checkpoint over other entries: the last one is another, one is missing, two change places.
    let items = honest.items("entries");
    let lied = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let (mut copy, mut items) = (honest.clone(), items.clone());
        change(&mut items);
        copy.set_items("entries", &items);
        copy
    };
    let last = items.len() - 1;
    let lies = [
        lied(&|items| *items[last].last_mut().unwrap() ^= 1),
        lied(&|items| items[last].clear()),
        lied(&|items| items.swap(1, 2)),
    ];
    for copy in &lies {
        let opened = Opened::open(copy, &copy.election).unwrap();
        // Of a reader too who has seen enough before the lie comes.
        let first = over_entries(&opened, |_, _| {}, |entries| entries.next().is_some());
        assert!(matches!(first, Err(VerifyError::OtherEntries(size)) if size.get() == copy.size), "{first:?}");
        assert!(matches!(rolls(&opened, |_, _| {}), Err(VerifyError::OtherEntries(_))));
    }
    let mut short = honest;
    short.files.remove(&short.bundle_path("entries", 0));
    let opened = Opened::open(&short, &short.election).unwrap();
    assert!(matches!(over_entries(&opened, |_, _| {}, |entries| entries.count()), Err(VerifyError::Source(_))));
}
