//! From a seed to a plan: swarm testing. Each seed switches kinds of faults on or off and draws how often they come, so
//! that some simulations see one kind of fault alone and others everything at once.

use crate::chance::Chance;
use crate::plan::{Fault, Load, NetworkPlan, Plan, Remains, Timed};

/// How long faults happen, ms.
const FAULTS_MS: (u64, u64) = (6_000, 16_000);

/// The plan that belongs to a seed.
#[must_use]
pub fn plan(seed: u64) -> Plan {
    let mut chance = Chance::new(seed, "plan");
    let nodes = *chance.pick(&[3, 3, 3, 5, 5]);
    let faults_ms = chance.between(FAULTS_MS.0, FAULTS_MS.1);
    let load = load(&mut chance);
    let network = network(&mut chance);
    let mut faults = Faults { nodes: (1..=nodes).collect(), until_ms: faults_ms, chance, all: Vec::new() };
    faults.draw();
    let mut faults = faults.all;
    faults.sort_by_key(|timed| timed.at_ms);
    Plan { story: String::new(), seed, nodes, faults_ms, network, load, faults }
}

fn load(chance: &mut Chance) -> Load {
    Load {
        clients: chance.between(2, 6) as u32,
        voters: *chance.pick(&[3, 8, 20]),
        identifications: chance.between(20, 80) as u32,
        pause_ms_max: *chance.pick(&[50, 300, 800]),
        calm_start: chance.permille(750),
    }
}

fn network(chance: &mut Chance) -> NetworkPlan {
    let latency_ms_max = *chance.pick(&[3, 10, 10, 40]);
    NetworkPlan {
        latency_ms_min: 1,
        latency_ms_max,
        loss_per_million: *chance.pick(&[0, 0, 200, 2_000]),
        twice_permille: *chance.pick(&[0, 20, 100]),
        late_permille: *chance.pick(&[0, 20, 100]),
        late_ms_max: *chance.pick(&[50, 400, 1_500]),
    }
}

struct Faults {
    nodes: Vec<u32>,
    until_ms: u64,
    chance: Chance,
    all: Vec<Timed>,
}

impl Faults {
    fn draw(&mut self) {
        let kinds: [fn(&mut Self); 10] = [
            Self::crashes,
            Self::power_losses,
            Self::partitions,
            Self::flapping,
            Self::slow_network,
            Self::clocks,
            Self::slow_disks,
            Self::power_cuts,
            Self::failing_disks,
            Self::full_disks,
        ];
        for kind in kinds {
            if self.chance.permille(500) {
                kind(self);
            }
        }
        let damaged = self.chance.permille(250).then(|| self.damage());
        if self.chance.permille(300) {
            self.membership(damaged);
        }
    }

    /// Nodes are replaced, a damaged one mostly; votes are taken away and given back, as long as none is missing anyway.
    fn membership(&mut self, damaged: Option<u32>) {
        let count = self.times(2) as usize;
        let mut leaving = self.chance.some_of(&self.nodes, count);
        if let Some(damaged) = damaged.filter(|node| !leaving.contains(node))
            && self.chance.permille(700)
        {
            leaving[0] = damaged;
        }
        for (node, by) in leaving.into_iter().zip(self.nodes.len() as u32 + 1..) {
            self.at(Fault::Replace { node, by });
        }
        if damaged.is_none() && self.chance.permille(400) {
            let (node, lasting_ms) = (self.one(), self.chance.between(100, 5_000));
            self.at(Fault::Demote { node, lasting_ms });
        }
    }

    fn at(&mut self, fault: Fault) {
        let at_ms = self.chance.between(0, self.until_ms);
        self.all.push(Timed { at_ms, fault });
    }

    fn one(&mut self) -> u32 {
        *self.chance.pick(&self.nodes)
    }

    /// One node mostly, a few sometimes, all of them rarely.
    fn group(&mut self) -> Vec<u32> {
        let all = self.nodes.len() as u64;
        let count = match self.chance.between(0, 9) {
            0..=5 => 1,
            6..=8 => self.chance.between(1, all),
            _ => all,
        };
        self.chance.some_of(&self.nodes, count as usize)
    }

    fn times(&mut self, most: u64) -> u64 {
        self.chance.skewed(1, most)
    }

    fn crashes(&mut self) {
        for _ in 0..self.times(10) {
            let (nodes, down_ms) = (self.group(), self.chance.skewed(1, 4_000));
            self.at(Fault::Crash { nodes, down_ms });
        }
    }

    fn power_losses(&mut self) {
        for _ in 0..self.times(8) {
            let (nodes, down_ms) = (self.group(), self.chance.skewed(1, 4_000));
            let remains = self.remains();
            self.at(Fault::PowerLoss { nodes, down_ms, remains });
        }
    }

    fn sides(&mut self) -> (Vec<u32>, Vec<u32>) {
        let count = self.chance.between(1, self.nodes.len() as u64 - 1) as usize;
        let a = self.chance.some_of(&self.nodes, count);
        let mut b: Vec<u32> = self.nodes.iter().copied().filter(|node| !a.contains(node)).collect();
        if b.len() > 1 && self.chance.permille(400) {
            // Partial: somebody reaches both sides.
            b.pop();
        }
        (a, b)
    }

    fn partitions(&mut self) {
        for _ in 0..self.times(6) {
            let ((a, b), lasting_ms) = (self.sides(), self.chance.skewed(50, 6_000));
            if self.chance.permille(500) {
                self.at(Fault::Partition { a, b, lasting_ms });
            } else {
                self.at(Fault::OneWay { from: a, to: b, lasting_ms });
            }
        }
    }

    /// A link that comes and goes.
    fn flapping(&mut self) {
        let (a, b) = self.sides();
        let (mut at_ms, period_ms) = (self.chance.between(0, self.until_ms / 2), self.chance.between(200, 1_500));
        let one_way = self.chance.permille(500);
        for _ in 0..self.times(12) {
            let lasting_ms = period_ms / 2;
            let (a, b) = (a.clone(), b.clone());
            let fault = if one_way {
                Fault::OneWay { from: a, to: b, lasting_ms }
            } else {
                Fault::Partition { a, b, lasting_ms }
            };
            self.all.push(Timed { at_ms, fault });
            at_ms += period_ms;
        }
    }

    fn slow_network(&mut self) {
        for _ in 0..self.times(3) {
            let (latency_ms_max, lasting_ms) = (self.chance.between(50, 700), self.chance.between(500, 4_000));
            self.at(Fault::SlowNetwork { latency_ms_max, lasting_ms });
        }
    }

    fn clocks(&mut self) {
        for _ in 0..self.times(5) {
            let size_ms = self.chance.skewed(10, 55_000) as i64;
            let off_by_ms = if self.chance.permille(500) { size_ms } else { -size_ms };
            let (node, lasting_ms) = (self.one(), self.chance.between(100, 6_000));
            self.at(Fault::Clock { node, off_by_ms, lasting_ms });
        }
    }

    fn slow_disks(&mut self) {
        for _ in 0..self.times(4) {
            let (node, upto_ms) = (self.one(), self.chance.skewed(5, 800));
            let lasting_ms = self.chance.between(500, 5_000);
            self.at(Fault::SlowDisk { node, upto_ms, lasting_ms });
        }
    }

    fn remains(&mut self) -> Remains {
        *self.chance.pick(&[Remains::Nothing, Remains::Anything, Remains::Beginning])
    }

    fn power_cuts(&mut self) {
        for _ in 0..self.times(8) {
            let (node, after_changes) = (self.one(), self.chance.skewed(0, 200));
            let (down_ms, remains) = (self.chance.skewed(1, 3_000), self.remains());
            self.at(Fault::PowerCut { node, after_changes, down_ms, remains });
        }
    }

    fn failing_disks(&mut self) {
        for _ in 0..self.times(3) {
            let node = self.one();
            let writes_per_million = *self.chance.pick(&[0, 0, 5_000, 50_000]);
            let syncs_per_million = *self.chance.pick(&[0, 5_000, 50_000, 500_000]);
            let lasting_ms = self.chance.between(200, 3_000);
            self.at(Fault::FailingDisk { node, writes_per_million, syncs_per_million, lasting_ms });
        }
    }

    fn full_disks(&mut self) {
        for _ in 0..self.times(2) {
            let (node, spare_bytes) = (self.one(), self.chance.skewed(0, 400_000));
            let lasting_ms = self.chance.between(500, 5_000);
            self.at(Fault::FullDisk { node, spare_bytes, lasting_ms });
        }
    }

    /// Damage strikes one node, which is returned: a minority at most, and never so many that the others could not publish without them.
    ///
    /// Lies about writes spare the Raft log: a log that loses its synced end without a trace has forgotten votes and
    /// acknowledgements, and no replica can know. That a sync is true is what consensus assumes of a disk.
    fn damage(&mut self) -> u32 {
        let node = self.one();
        let folder = |chance: &mut Chance, of: &[&str]| (*chance.pick(of)).to_owned();
        for _ in 0..self.times(3) {
            let fault = match self.chance.between(0, 9) {
                0..=4 => {
                    let folder =
                        folder(&mut self.chance, &["/data/raft", "/data/ledger", "/data/outbox", "/data/ledger"]);
                    Fault::Rot { node, folder, bits: self.chance.skewed(1, 30) as u32 }
                }
                5..=8 => Fault::LyingDisk {
                    node,
                    folder: folder(&mut self.chance, &["/data/ledger", "/data/outbox"]),
                    lost_per_million: *self.chance.pick(&[0, 20_000, 200_000]),
                    stray_per_million: *self.chance.pick(&[0, 20_000, 200_000]),
                    lasting_ms: self.chance.between(200, 4_000),
                },
                _ if self.chance.permille(500) => Fault::Wipe { node },
                _ => Fault::Destroy { node },
            };
            self.at(fault);
        }
        node
    }
}
