//! The monitor: silent while everybody is honest; whoever shows something else is alarmed on, and a file convicts them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World, key, phase_filler};
use mirror::StoreSource;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tamga_client::device::{Outcome, PromiseBook};
use tamga_client::monitor::{Alarm, AlarmKind, Event, Monitor, MonitorError, MonitorOptions, Round};
use tamga_client::source::{Fetched, Resource, Source, SourceError, Tree};
use tamga_ledger::evidence::{Evidence, EvidenceKind, VerifiedEvidence};
use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::Promise;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::disk::OsDisk;
use tempfile::TempDir;

/// How a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Honest,
    Down,
    ForgesTiles,
    AltersEntries,
    ForgesSignatures,
}

/// A server whose ledger and manners change under the monitor's eyes.
#[derive(Clone)]
struct Server {
    name: &'static str,
    shows: Arc<Mutex<(Arc<StoreSource>, Manner)>>,
}

impl Server {
    fn of(name: &'static str, world: &World) -> Self {
        Self { name, shows: Arc::new(Mutex::new((store(world), Manner::Honest))) }
    }

    fn show(&self, world: &World) {
        self.shows.lock().unwrap().0 = store(world);
    }

    fn behave(&self, manner: Manner) {
        self.shows.lock().unwrap().1 = manner;
    }
}

fn store(world: &World) -> Arc<StoreSource> {
    Arc::new(StoreSource::of(world, world.checkpoint(&ORGANISATIONS)))
}

impl Source for Server {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        let (store, manner) = self.shows.lock().unwrap().clone();
        if manner == Manner::Down {
            return Err(SourceError::Unreadable { place: self.name.to_owned(), what: "connection refused".to_owned() });
        }
        let found = store.fetch(resource)?;
        let Fetched::Found(mut bytes) = found else { return Ok(found) };
        match (manner, resource) {
            (Manner::ForgesTiles, Resource::Tile(Tree::Sha256, _)) => bytes[3] ^= 1,
            (Manner::AltersEntries, Resource::Entries(_)) => {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
            }
            (Manner::ForgesSignatures, Resource::Checkpoint) => {
                bytes = String::from_utf8(bytes).unwrap().replace("cec-1 ", "cec-2 ").into_bytes();
            }
            _ => {}
        }
        Ok(Fetched::Found(bytes))
    }

    fn find(&self, _: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        Ok(None)
    }

    fn name(&self) -> &str {
        self.name
    }
}

struct Watch {
    folder: TempDir,
    servers: Vec<Server>,
    options: MonitorOptions,
}

impl Watch {
    fn new(servers: &[&Server]) -> Self {
        let servers = servers.iter().map(|server| (*server).clone()).collect();
        Self { folder: tempfile::tempdir().unwrap(), servers, options: MonitorOptions::default() }
    }

    fn sources(&self) -> Vec<Box<dyn Source>> {
        self.servers.iter().map(|server| Box::new(server.clone()) as Box<dyn Source>).collect()
    }

    fn try_open(&self, world: &World) -> Result<Monitor, MonitorError> {
        let (folder, election) = (self.folder.path().join("state"), world.scribe.election());
        let options = self.options.clone();
        Monitor::open(Arc::new(OsDisk), &folder, election, &self.sources(), options, world.time_ms)
    }

    /// As a process that was killed and comes back.
    fn open(&self, world: &World) -> Monitor {
        self.try_open(world).unwrap()
    }

    fn round(&self, monitor: &mut Monitor, now_ms: u64) -> Round {
        monitor.round(&self.sources(), now_ms).unwrap()
    }

    fn evidence(&self, world: &World) -> Vec<VerifiedEvidence> {
        let folder = self.folder.path().join("state/evidence");
        let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| verified(path, world)).collect()
    }
}

fn verified(path: &Path, world: &World) -> VerifiedEvidence {
    let file = Evidence::from_bytes(&std::fs::read(path).unwrap()).unwrap();
    file.verify(&file.trust(world.scribe.election()).unwrap()).unwrap()
}

fn alarms(round: &Round) -> Vec<&Alarm> {
    round.events.iter().filter_map(Event::alarm).collect()
}

fn kinds(round: &Round) -> Vec<AlarmKind> {
    alarms(round).iter().map(|alarm| alarm.kind).collect()
}

/// A world with more than one bundle of entries.
fn world() -> World {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    phase_filler(&mut world, 300);
    world
}

/// The same until now, and something else afterwards.
fn forked(reports: u32) -> World {
    let mut world = world();
    world.time_ms += 7;
    phase_filler(&mut world, reports);
    world
}

#[test]
fn while_everybody_is_honest_it_says_what_is_published_and_nothing_else() {
    let mut world = world();
    let (one, other) = (Server::of("one", &world), Server::of("other", &world));
    let watch = Watch::new(&[&one, &other]);
    let mut monitor = watch.open(&world);
    for _ in 0..4 {
        phase_filler(&mut world, 11);
        one.show(&world);
        let first = watch.round(&mut monitor, world.time_ms);
        other.show(&world);
        let second = watch.round(&mut monitor, world.time_ms + 1_000);
        assert_eq!((kinds(&first), kinds(&second)), (vec![], vec![]), "{first:?} {second:?}");
        assert!(matches!(first.events.as_slice(), [Event::Checkpoint { .. }]), "{first:?}");
        assert_eq!((second.size, second.followed), (world.entries.len() as u64, world.entries.len() as u64));
        assert_eq!(second.organisations.len(), 3);
        // Killed at any time: it goes on where it was.
        monitor = watch.open(&world);
        assert_eq!(monitor.size(), world.entries.len() as u64);
    }
    assert!(watch.evidence(&world).is_empty());
}

#[test]
fn two_views_of_one_size_become_a_file_against_all_who_signed_both() {
    let (mut honest, lie) = (world(), forked(20));
    phase_filler(&mut honest, 20);
    assert_eq!(honest.entries.len(), lie.entries.len());
    let (one, other) = (Server::of("one", &honest), Server::of("other", &lie));
    let watch = Watch::new(&[&one, &other]);
    let mut monitor = watch.open(&honest);
    let round = watch.round(&mut monitor, honest.time_ms);
    assert_eq!(kinds(&round), [AlarmKind::SplitView], "{round:?}");
    assert!(round.has_lie());
    let evidence = watch.evidence(&honest);
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0].kind(), EvidenceKind::OtherRoots);
    // Three cosigners and the log key.
    assert_eq!(evidence[0].convicted().len(), 4);
    // Told once.
    assert!(kinds(&watch.round(&mut monitor, honest.time_ms)).is_empty());
}

#[test]
fn a_history_rewritten_while_the_monitor_was_down_is_found_by_its_durable_checkpoint() {
    let before = world();
    let server = Server::of("one", &before);
    let watch = Watch::new(&[&server]);
    let size = watch.round(&mut watch.open(&before), before.time_ms).size;
    // Restored from a backup and continued otherwise: entries in front of the seen size are others.
    let mut rewritten = World::prepared();
    rewritten.seal_roll();
    rewritten.open_all();
    rewritten.time_ms += 3;
    phase_filler(&mut rewritten, 340);
    server.show(&rewritten);
    let mut monitor = watch.open(&before);
    let round = watch.round(&mut monitor, rewritten.time_ms);
    assert_eq!(kinds(&round), [AlarmKind::SplitView], "{round:?}");
    assert_eq!(round.size, size, "the lie is not taken over");
    let evidence = watch.evidence(&before);
    assert_eq!((evidence.len(), evidence[0].kind()), (1, EvidenceKind::OtherHistory));
    assert_eq!(evidence[0].convicted().len(), 4);
}

#[test]
fn a_smaller_fork_shown_by_another_server_is_found_with_the_tiles_of_the_first() {
    let mut honest = world();
    let lie = forked(5);
    phase_filler(&mut honest, 60);
    let (one, other) = (Server::of("one", &honest), Server::of("other", &lie));
    let watch = Watch::new(&[&one, &other]);
    let mut monitor = watch.open(&honest);
    let round = watch.round(&mut monitor, honest.time_ms);
    assert_eq!(kinds(&round), [AlarmKind::SplitView], "{round:?}");
    assert_eq!(watch.evidence(&honest)[0].kind(), EvidenceKind::OtherHistory);
}

#[test]
fn a_replayed_checkpoint_is_a_regress() {
    let old = world();
    let mut new = world();
    phase_filler(&mut new, 30);
    let server = Server::of("one", &new);
    let watch = Watch::new(&[&server]);
    watch.round(&mut watch.open(&new), new.time_ms);
    server.show(&old);
    let round = watch.round(&mut watch.open(&new), new.time_ms);
    assert_eq!(kinds(&round), [AlarmKind::Regress], "{round:?}");
    assert_eq!(round.size, new.entries.len() as u64);
}

#[test]
fn false_tiles_entries_and_signatures_are_told_and_accuse_nobody() {
    let mut world = world();
    let server = Server::of("one", &world);
    let watch = Watch::new(&[&server]);
    let mut monitor = watch.open(&world);
    watch.round(&mut monitor, world.time_ms);
    let before = monitor.size();
    phase_filler(&mut world, 30);
    server.show(&world);
    for (manner, kind, size) in [
        (Manner::Down, AlarmKind::Unreachable, before),
        (Manner::ForgesSignatures, AlarmKind::Invalid, before),
        (Manner::ForgesTiles, AlarmKind::FalseFiles, before),
        // The checkpoint holds; what it covers is not what is served.
        (Manner::AltersEntries, AlarmKind::FalseFiles, before + 30),
    ] {
        server.behave(manner);
        let round = watch.round(&mut monitor, world.time_ms);
        assert_eq!((kinds(&round), round.size), (vec![kind], size), "{manner:?} {round:?}");
        assert!(kinds(&watch.round(&mut monitor, world.time_ms)).is_empty(), "told once");
        if manner != Manner::AltersEntries {
            server.behave(Manner::Honest);
            let mut fresh = watch.servers[0].clone();
            fresh.shows = Arc::new(Mutex::new((store(&common_before(&world)), Manner::Honest)));
            let sources: Vec<Box<dyn Source>> = vec![Box::new(fresh)];
            let over = monitor.round(&sources, world.time_ms).unwrap();
            assert!(over.events.iter().any(|event| matches!(event, Event::Over { .. })), "{over:?}");
        }
    }
    server.behave(Manner::Honest);
    let round = watch.round(&mut monitor, world.time_ms);
    assert_eq!((round.followed, kinds(&round)), (before + 30, vec![]));
    assert!(watch.evidence(&world).is_empty());
}

/// The ledger before the thirty entries.
fn common_before(_: &World) -> World {
    world()
}

#[test]
fn standing_still_lagging_and_clocks_are_told_when_they_last() {
    let mut world = world();
    let (one, other) = (Server::of("one", &world), Server::of("other", &world));
    let mut watch = Watch::new(&[&one, &other]);
    let outsider =
        tamga_ledger::note::CosignerKey::new(tamga_ledger::note::KeyName::new("outside").unwrap(), key("outside"))
            .unwrap();
    let policy = format!("witness outside {}\nquorum outside\n", outsider.verifier_key());
    watch.options.policy = Some(policy.parse().unwrap());
    let mut monitor = watch.open(&world);
    let start_ms = world.time_ms;
    assert!(kinds(&watch.round(&mut monitor, start_ms)).is_empty());
    phase_filler(&mut world, 1);
    one.show(&world);
    assert!(kinds(&watch.round(&mut monitor, start_ms)).is_empty());
    let round = watch.round(&mut monitor, start_ms + 700_000);
    assert_eq!(kinds(&round), [AlarmKind::Behind, AlarmKind::Stall, AlarmKind::MissingCosigner], "{round:?}");
    assert!(!round.has_lie());
    // A clock far behind the cosigners'.
    let round = watch.round(&mut monitor, start_ms - 500_000);
    assert!(kinds(&round).contains(&AlarmKind::StaleTime), "{round:?}");
}

#[test]
fn broken_promises_are_found_in_a_folder_and_kept_ones_are_not() {
    let mut world = world();
    let server = Server::of("one", &world);
    let mut watch = Watch::new(&[&server]);
    let folder = watch.folder.path().join("promises");
    std::fs::create_dir_all(&folder).unwrap();
    let keep = |name: &str, record, deadline_ms| {
        let promise = Promise { election: *world.scribe.election(), record, node: 2, deadline_ms, judged: None };
        std::fs::write(folder.join(name), promise.sign(&key("university/promise"))).unwrap();
    };
    let now_ms = world.time_ms;
    keep("kept", world.ids[40], now_ms - 60_000);
    keep("not due", RecordId([1; 32]), now_ms + 60_000);
    keep("broken", RecordId([2; 32]), now_ms - 60_000);
    std::fs::write(folder.join("noise"), b"noise").unwrap();
    watch.options.promises = Some(folder.clone());
    let mut monitor = watch.open(&world);
    let round = watch.round(&mut monitor, now_ms);
    assert_eq!(kinds(&round), [AlarmKind::BrokenPromise], "{round:?}");
    assert!(alarms(&round)[0].text.contains("university") && alarms(&round)[0].about.ends_with("broken"));
    let evidence = watch.evidence(&world);
    assert_eq!((evidence.len(), evidence[0].kind()), (1, EvidenceKind::BrokenPromise));
    assert_eq!(evidence[0].convicted()[0].organisation.as_deref(), Some("university"));
    // Told once, also by the next process; the one that was not due is found later.
    assert!(kinds(&watch.round(&mut watch.open(&world), now_ms)).is_empty());
    world.time_ms += 120_000;
    phase_filler(&mut world, 1);
    server.show(&world);
    let round = watch.round(&mut watch.open(&world), world.time_ms);
    assert_eq!(kinds(&round), [AlarmKind::BrokenPromise], "{round:?}");
}

#[test]
fn a_device_forgets_kept_promises_and_has_a_file_for_broken_ones() {
    let world = world();
    let server = Server::of("one", &world);
    let folder = tempfile::tempdir().unwrap();
    let book = PromiseBook::open(Arc::new(OsDisk), folder.path()).unwrap();
    let election = *world.scribe.election();
    let keep = |record, deadline_ms| {
        let promise = Promise { election, record, node: 3, deadline_ms, judged: None };
        let bytes = promise.sign(&key("observers/promise"));
        book.keep(&Outcome::Promised { promise, bytes });
    };
    keep(world.ids[12], world.time_ms - 60_000);
    keep(RecordId([1; 32]), world.time_ms + 60_000);
    keep(RecordId([2; 32]), world.time_ms - 60_000);
    assert_eq!(book.take_fault(), None);
    let names = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    // A server that cannot show the entries of its checkpoint makes nobody a liar, and nothing is forgotten.
    server.behave(Manner::AltersEntries);
    assert!(book.check(&server, &election).is_err());
    let left = names();
    assert!(left.iter().any(|name| name.starts_with(&RecordId([2; 32]).to_string())), "{left:?}");
    assert!(left.iter().all(|name| name.ends_with(".promise")), "{left:?}");
    server.behave(Manner::Honest);
    let broken = PromiseBook::open(Arc::new(OsDisk), folder.path()).unwrap().check(&server, &election).unwrap();
    assert_eq!((broken.len(), broken[0].record, broken[0].node), (1, RecordId([2; 32]), 3));
    assert_eq!(verified(&broken[0].file, &world).convicted()[0].organisation.as_deref(), Some("observers"));
    let (first, second) = (format!("{}-3.promise", RecordId([1; 32])), format!("{}-3.evidence", RecordId([2; 32])));
    assert_eq!(names(), [first, second]);
    assert!(book.check(&server, &election).unwrap().is_empty());
}

#[test]
fn a_damaged_memory_is_never_replaced_by_a_new_beginning() {
    let world = world();
    let server = Server::of("one", &world);
    let watch = Watch::new(&[&server]);
    watch.round(&mut watch.open(&world), world.time_ms);
    let path = watch.folder.path().join("state/state.json");
    let good = std::fs::read_to_string(&path).unwrap();
    for bad in [good.replace("cec-1", "cec-2"), good[..good.len() / 2].to_owned(), String::new()] {
        std::fs::write(&path, bad).unwrap();
        assert!(matches!(watch.try_open(&world), Err(MonitorError::State { .. })));
    }
    std::fs::write(&path, good).unwrap();
    assert!(watch.try_open(&world).is_ok());
}
