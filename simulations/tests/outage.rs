//! A region was cut off: its stations went on offline, and everything that their devices kept arrives at once. Some of these voters
//! had been admitted elsewhere while nobody could know.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

mod dry;

use dry::Dry;
use tamga_client::author::{IdentificationFacts, Mode, phase};
use tamga_ledger::kinds::Phase;
use tamga_ledger::submission::Submission;
use tamga_ledger::verdict::{FlagCode, Verdict};
use tamga_simulations::population::{Visit, Voter};

const SECOND_VOTES: usize = 20;

fn everything_at_once(scale: f64, stations: u32, each: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut dry = Dry::new(21, scale, folder.path());
    dry.set_up();
    let offline: Vec<u32> = (1..=stations).collect();
    for station in &offline {
        report(&mut dry, *station, Phase::OfflineStart);
    }
    let voters: Vec<(u32, u64)> = offline
        .iter()
        .flat_map(|station| dry.world.population.roll(*station).take(each as usize).map(|voter| (*station, voter)))
        .collect();
    assert_eq!(voters.len() as u64, u64::from(stations) * each, "rolls are large enough for this story");

    // Abroad, with a connection: one voter of each of the first stations, the last one in line there.
    let abroad = dry.world.desks.last().unwrap().unit.station;
    let twice: Vec<u64> = (0..SECOND_VOTES).map(|place| voters[(place + 1) * each as usize - 1].1).collect();
    let mut first_leaves = Vec::new();
    for voter in &twice {
        dry.admit(&Visit { voter: Voter(*voter), station: abroad, remote: true });
        first_leaves.push(dry.admitted.last().unwrap().0);
    }

    // All devices' spools at once: the clock stands still.
    let records: Vec<(u64, Submission)> =
        voters.iter().map(|(station, voter)| (*voter, kept(&dry, *station, *voter))).collect();
    let mut collided = Vec::new();
    for (voter, record) in &records {
        let verdict = dry.judge(record);
        let Verdict::Accepted(flags) = &verdict else { panic!("a fact was refused: {verdict}") };
        match flags.as_slice() {
            [] => {}
            [flag] if flag.code == FlagCode::OfflineCollision.number() => collided.push((*voter, flag.detail)),
            other => panic!("{other:?}"),
        }
    }
    let due: Vec<(u64, u64)> = twice.iter().copied().zip(first_leaves).collect();
    assert_eq!(collided, due, "each second vote names the leaf of the first, and nobody else is flagged");
    assert_eq!(dry.state.counts().conflicts, SECOND_VOTES as u64);
    let admitted: u64 = dry.state.units().values().map(tamga_ledger::state::UnitState::identified).sum();
    assert_eq!(admitted, voters.len() as u64, "everybody is counted once, at home or abroad");
    assert_eq!(dry.state.admitted().len() as u64, admitted);

    for station in &offline {
        report(&mut dry, *station, Phase::OfflineEnd);
    }
    // One of those who came offline tries again, online: the ledger knows by now.
    let (station, voter) = voters[0];
    let again = dry.identify(&Visit { voter: Voter(voter), station, remote: false });
    assert_eq!(again, Verdict::Refused(tamga_ledger::verdict::Refusal::AlreadyAdmitted));
}

fn report(dry: &mut Dry, station: u32, which: Phase) {
    let members = dry.world.keys.members(station);
    let unit = dry.world.desk(station).unwrap().unit;
    let record = dry.world.scribe.phase(&members.iter().collect::<Vec<_>>(), unit, &phase(which)).unwrap();
    assert_eq!(dry.judge(&record), Verdict::Accepted(vec![]));
}

/// What the device kept: without attestation, its counter going on without a gap.
fn kept(dry: &Dry, station: u32, voter: u64) -> Submission {
    let desk = dry.world.desk(station).unwrap();
    let mut device = desk.device.try_lock().unwrap();
    device.counter += 1;
    let facts = IdentificationFacts {
        unit: desk.unit,
        tag: dry.world.tag(Voter(voter)),
        home_station: station,
        method: 4,
        mode: Mode::Local,
        device_counter: device.counter,
        attestation: None,
    };
    dry.world.scribe.identification(&device.key, &facts).unwrap()
}

#[test]
fn a_region_comes_back_with_six_thousand_identifications_twenty_of_them_second_votes() {
    everything_at_once(0.012, 30, 200);
}

#[test]
#[ignore = "the whole region of 300 stations: about a minute in a release build"]
fn a_region_comes_back_with_sixty_thousand_identifications_twenty_of_them_second_votes() {
    everything_at_once(0.125, 300, 200);
}
