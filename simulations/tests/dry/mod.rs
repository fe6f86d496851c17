//! A whole day without a cluster: every record of the simulated country goes straight to the rules, in one thread.

#![allow(dead_code, reason = "each test uses its part")]

use std::path::Path;
use std::sync::Arc;
use tamga_client::author::{results_seal, roll_seal, voting_seal};
use tamga_ledger::judge::{Integrated, NewLeaf};
use tamga_ledger::kinds::Basis;
use tamga_ledger::state::State;
use tamga_ledger::submission::{Submission, authenticate};
use tamga_ledger::tree::TreeHead;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_platform::clock::ManualClock;
use tamga_platform::entropy::{Entropy, SeededEntropy};
use tamga_simulations::cluster::{Founded, found};
use tamga_simulations::keys::Keyring;
use tamga_simulations::measure::Measures;
use tamga_simulations::population::{Event, Population, Visit};
use tamga_simulations::scale::Size;
use tamga_simulations::schedule::{HOURS, INTERVALS, Schedule};
use tamga_simulations::truth::Truth;
use tamga_simulations::world::{Desk, Founding, Sums, World};

pub struct Dry {
    pub world: World,
    pub state: State,
    clock: Arc<ManualClock>,
    pub measures: Measures,
    founded: Founded,
    /// Every leaf, with its confidential body.
    pub leaves: Vec<NewLeaf>,
    /// By leaf: who was admitted.
    pub admitted: Vec<(u64, Visit)>,
}

impl Dry {
    pub fn new(seed: u64, scale: f64, folder: &Path) -> Self {
        let population = Population::new(seed, Size::at(scale).unwrap());
        let schedule = Schedule::new(population.size(), 2_000_000, 1_000.0, 400);
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let founded = found(&population, &schedule, 3, folder, &entropy).unwrap();
        let clock = Arc::new(ManualClock::at(1_000_000));
        let world = World::new(Founding {
            population,
            schedule,
            definition: founded.definition.clone(),
            trust: founded.trust.clone(),
            commission: founded.commission().unwrap().clone(),
            keys: Keyring::new(&*entropy),
            clock: Arc::<ManualClock>::clone(&clock),
            entropy,
        });
        let mut dry = Self {
            world: world.unwrap(),
            state: State::empty(),
            clock,
            measures: Measures::default(),
            founded,
            leaves: vec![],
            admitted: vec![],
        };
        dry.clean(&dry.founded.genesis.clone());
        dry
    }

    pub fn judge(&mut self, submission: &Submission) -> Verdict {
        let now_ms = self.world.now_ms();
        let authentic = authenticate(&submission.to_bytes(), &self.state.election_id(), &self.state).unwrap();
        self.state.advance_time(now_ms);
        match self.state.integrate(now_ms, authentic) {
            Integrated::Leaf(leaf) => {
                self.leaves.push((*leaf).clone());
                leaf.verdict
            }
            other => panic!("{other:?}"),
        }
    }

    fn clean(&mut self, submission: &Submission) {
        let verdict = self.judge(submission);
        assert_eq!(verdict, Verdict::Accepted(Vec::new()), "{:?}", submission.signed.parse().map(|record| record.kind));
    }

    fn head(&self) -> TreeHead {
        // A seal names a head at which an interval of checkpoints ended: the seal's own time ends this one.
        self.clock.advance(1_100);
        self.state.head()
    }

    fn seal(&mut self, seal: &tamga_ledger::kinds::Seal) {
        let seal = self.world.scribe.seal(&self.world.commission, seal).unwrap();
        self.clean(&seal);
    }

    fn at_desks(&mut self, which: impl Fn(&Desk) -> bool, write: impl Fn(&World, &Desk) -> Option<Submission>) {
        for place in 0..self.world.desks.len() {
            let desk = &self.world.desks[place];
            if which(desk)
                && let Some(submission) = write(&self.world, desk)
            {
                self.clean(&submission);
            }
        }
    }

    pub fn set_up(&mut self) {
        let election = *self.world.scribe.election();
        for record in self.world.scribe.definition(&self.world.commission, &self.founded.parts).unwrap() {
            self.clean(&record);
        }
        let mut grants = vec![self.world.keys.registry_grant(&election)];
        let stations = self.world.population.size().stations();
        grants.extend((1..=stations).flat_map(|station| self.world.keys.station_grants(&election, station)));
        for record in self.world.scribe.register_keys(&self.world.commission, &grants).unwrap() {
            self.clean(&record);
        }
        for station in 1..=stations {
            for record in self.world.roll(station).unwrap() {
                self.clean(&record);
            }
        }
        let head = self.head();
        self.seal(&roll_seal(&head));
        self.at_desks(|_| true, |world, desk| Some(world.opening(desk, 1).unwrap()));
    }

    pub fn identify(&mut self, visit: &Visit) -> Verdict {
        let desk = self.world.desk(visit.station).unwrap();
        let mut device = desk.device.try_lock().unwrap();
        let record = self.world.identification(desk, &mut device, visit).unwrap();
        drop(device);
        self.judge(&record)
    }

    pub fn admit(&mut self, visit: &Visit) {
        assert_eq!(self.identify(visit), Verdict::Accepted(Vec::new()));
        self.admitted.push((self.leaves.last().unwrap().index.get(), *visit));
        self.world.cast(self.world.desk(visit.station).unwrap(), visit);
        self.measures.admitted.count();
        self.measures.hours[self.world.schedule.column(self.world.now_ms())].count();
    }

    fn play(&mut self, event: Event) {
        match event {
            Event::Admission(visit) => self.admit(&visit),
            Event::Race(one, other) => {
                self.admit(&one);
                assert_eq!(self.identify(&other), Verdict::Refused(Refusal::AlreadyAdmitted));
                self.measures.conflicts.count();
            }
            Event::SecondAttempt(visit) => {
                assert_eq!(self.identify(&visit), Verdict::Refused(Refusal::AlreadyAdmitted));
                self.measures.second_attempts.count();
            }
            Event::WrongStation(visit) => {
                assert_eq!(self.identify(&visit), Verdict::Refused(Refusal::WrongStation));
                self.measures.wrong_stations.count();
            }
        }
    }

    pub fn vote(&mut self) {
        for interval in 0..INTERVALS {
            self.clock.set(self.world.schedule.ends_ms[interval] - 100);
            let events: Vec<Event> = self.world.population.events(interval).collect();
            events.into_iter().for_each(|event| self.play(event));
            let closes = |desk: &Desk| if desk.abroad { interval == HOURS } else { interval + 1 == HOURS };
            let open = |desk: &Desk| desk.abroad || interval < HOURS;
            self.at_desks(open, |world, desk| Some(world.batch(desk, closes(desk)).unwrap()));
            self.at_desks(closes, |world, desk| Some(world.closing(desk, tamga_ledger::ids::Nonce([7; 16])).unwrap()));
        }
        self.clock.set(self.world.schedule.embargo_ms() + 1);
    }

    pub fn count(&mut self) {
        let sums = Sums::new(30);
        self.at_desks(|_| true, |world, desk| Some(world.machine_protocol(desk).unwrap()));
        self.at_desks(|_| true, |world, desk| world.own_opening(desk).unwrap());
        self.at_desks(|_| true, |world, desk| Some(world.hand_protocol(desk, &sums).unwrap()));
        for basis in Basis::ALL {
            for constituency in 1..=30 {
                if let Some(opening) = self.world.remote_opening(&sums, basis, constituency).unwrap() {
                    self.clean(&opening);
                }
            }
        }
        let (head, root) = (self.head(), self.world.admitted_root());
        self.seal(&voting_seal(&head, root));
        let (head, digest) = (self.head(), Truth::of(&self.world).tally().digest());
        self.seal(&results_seal(&head, digest));
    }
}
