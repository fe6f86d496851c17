//! What happens in one simulation: the cluster, the network, the faults with their times, the load. A plan follows from a
//! seed, or is read from a scenario file; it is the same thing.

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What the plan is there for; for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub story: String,
    /// Decides everything that the plan does not say: delays, election timeouts, order of tasks.
    pub seed: u64,
    /// Nodes from the beginning on, numbered from 1.
    pub nodes: u32,
    /// How long faults happen, ms.
    pub faults_ms: u64,
    /// The network.
    #[serde(default)]
    pub network: NetworkPlan,
    /// What clients do.
    #[serde(default)]
    pub load: Load,
    /// Faults by time.
    #[serde(default)]
    pub faults: Vec<Timed>,
}

/// The network while faults happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkPlan {
    /// Shortest way of a message, ms.
    pub latency_ms_min: u64,
    /// Longest, ms.
    pub latency_ms_max: u64,
    /// Of a million messages, how many break their link for a moment.
    pub loss_per_million: u64,
    /// Of a thousand calls, how many arrive twice.
    pub twice_permille: u64,
    /// Of a thousand calls, how many arrive late, and so out of order.
    pub late_permille: u64,
    /// How late, ms.
    pub late_ms_max: u64,
}

impl Default for NetworkPlan {
    fn default() -> Self {
        Self {
            latency_ms_min: 1,
            latency_ms_max: 10,
            loss_per_million: 0,
            twice_permille: 0,
            late_permille: 0,
            late_ms_max: 0,
        }
    }
}

/// What clients do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Load {
    /// Clients at once.
    pub clients: u32,
    /// Voters on each of two rolls: few, so that clients race for them.
    pub voters: u32,
    /// Identifications in all.
    pub identifications: u32,
    /// Longest pause of a client between two things it does, ms.
    pub pause_ms_max: u64,
    /// Whether faults wait until the polls are open.
    pub calm_start: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self { clients: 4, voters: 12, identifications: 60, pause_ms_max: 400, calm_start: true }
    }
}

/// A fault and when it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// Since the beginning of the faults, ms.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}

/// What can go wrong. Everything that lasts says for how long, so that each fault stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The process dies; what it wrote stays, synced or not.
    Crash {
        /// Which nodes.
        nodes: Vec<u32>,
        /// For how long.
        down_ms: u64,
    },
    /// The power fails; what was not synced is lost or torn.
    PowerLoss {
        /// Which nodes.
        nodes: Vec<u32>,
        /// For how long.
        down_ms: u64,
        /// What remains of what was not synced.
        remains: Remains,
    },
    /// The power fails in the middle of what the disk does.
    PowerCut {
        /// Which node.
        node: u32,
        /// After so many more changes of its disk.
        after_changes: u64,
        /// For how long.
        down_ms: u64,
        /// What remains of what was not synced.
        remains: Remains,
    },
    /// Writes and syncs report errors.
    FailingDisk {
        /// Whose.
        node: u32,
        /// Of a million writes, how many fail.
        writes_per_million: u32,
        /// Of a million syncs, how many fail; what was to be synced may be lost.
        syncs_per_million: u32,
        /// For how long.
        lasting_ms: u64,
    },
    /// Nothing more fits on the disk.
    FullDisk {
        /// Whose.
        node: u32,
        /// Bytes that still fit.
        spare_bytes: u64,
        /// For how long.
        lasting_ms: u64,
    },
    /// Bits flip on the disk. From here on the fault may be beyond repair: see [`Fault::damages`].
    Rot {
        /// Whose.
        node: u32,
        /// In files below this folder.
        folder: String,
        /// How many.
        bits: u32,
    },
    /// Writes are reported done and never arrive, or arrive elsewhere.
    LyingDisk {
        /// Whose.
        node: u32,
        /// Of files below this folder.
        folder: String,
        /// Of a million writes, how many are lost.
        lost_per_million: u32,
        /// Of a million writes, how many go astray.
        stray_per_million: u32,
        /// For how long.
        lasting_ms: u64,
    },
    /// The machine is gone with everything on it, and does not come back under its number.
    Destroy {
        /// Which node.
        node: u32,
    },
    /// The disk is lost, and the node is started with an empty one under its old number, which it must refuse.
    Wipe {
        /// Which node.
        node: u32,
    },
    /// The organisations decide that a new node takes the place of one: it is added, promoted once it has everything, and
    /// the old one, which may be lost by then, is removed.
    Replace {
        /// Which node leaves; one of those from the beginning.
        node: u32,
        /// The new node's number, which nobody has had.
        by: u32,
    },
    /// The organisations take a node's vote away, and give it back later.
    Demote {
        /// Which node.
        node: u32,
        /// For how long at least.
        lasting_ms: u64,
    },
    /// No message passes between the two groups.
    Partition {
        /// One group.
        a: Vec<u32>,
        /// The other one. Nodes of neither reach both: a partial partition.
        b: Vec<u32>,
        /// For how long.
        lasting_ms: u64,
    },
    /// No message passes from one group to the other; the other way they do.
    OneWay {
        /// Who is not heard.
        from: Vec<u32>,
        /// Who does not hear.
        to: Vec<u32>,
        /// For how long.
        lasting_ms: u64,
    },
    /// Messages take up to so long.
    SlowNetwork {
        /// Longest way, ms.
        latency_ms_max: u64,
        /// For how long.
        lasting_ms: u64,
    },
    /// A clock is wrong.
    Clock {
        /// Whose.
        node: u32,
        /// By how much.
        off_by_ms: i64,
        /// For how long.
        lasting_ms: u64,
    },
    /// Disk and computing are slow: a grey failure.
    SlowDisk {
        /// Whose.
        node: u32,
        /// Each piece of work takes up to so much longer.
        upto_ms: u64,
        /// For how long.
        lasting_ms: u64,
    },
}

/// What remains on a disk, of what was not synced, when the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remains {
    /// Nothing.
    Nothing,
    /// Any sectors, lengths and names.
    Anything,
    /// Everything up to some point, torn there.
    Beginning,
}

/// Why a plan cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its content.
    #[error("{path} is no scenario: {source}")]
    Parse {
        /// Which.
        path: std::path::PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// What it asks for.
    #[error("{0}")]
    Invalid(String),
}

impl Plan {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn read(path: &std::path::Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
        let plan: Self = toml::from_str(&text)
            .map_err(|source| PlanError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        plan.check()?;
        Ok(plan)
    }

    /// Whether the plan makes sense.
    ///
    /// # Errors
    /// [`PlanError::Invalid`].
    pub fn check(&self) -> Result<(), PlanError> {
        if !(1..=9).contains(&self.nodes) {
            return Err(PlanError::Invalid(format!("{} nodes; 1 to 9 can be simulated", self.nodes)));
        }
        let mut used: Vec<u32> = (1..=self.nodes).collect();
        for (by, node) in self.newcomers() {
            if used.contains(&by) || !(1..=self.nodes).contains(&node) || by > NUMBER_MAX {
                return Err(PlanError::Invalid(format!("node {by} cannot take the place of node {node}")));
            }
            used.push(by);
        }
        let unknown = self.faults.iter().flat_map(|timed| timed.fault.nodes()).find(|node| !used.contains(node));
        match unknown {
            Some(node) => Err(PlanError::Invalid(format!("a fault names node {node}; there are {used:?}"))),
            None => Ok(()),
        }
    }

    /// Nodes that come during the simulation, each with the one whose place it takes.
    pub fn newcomers(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.faults.iter().filter_map(|timed| match timed.fault {
            Fault::Replace { node, by } => Some((by, node)),
            _ => None,
        })
    }
}

/// Highest number of a node.
const NUMBER_MAX: u32 = 99;

impl Fault {
    /// The node whose disk it may damage beyond what the node itself can mend.
    #[must_use]
    pub const fn damages(&self) -> Option<u32> {
        match self {
            Self::Rot { node, .. } | Self::LyingDisk { node, .. } | Self::Destroy { node } | Self::Wipe { node } => {
                Some(*node)
            }
            _ => None,
        }
    }

    /// The nodes it names.
    #[must_use]
    pub fn nodes(&self) -> Vec<u32> {
        match self {
            Self::Crash { nodes, .. } | Self::PowerLoss { nodes, .. } => nodes.clone(),
            Self::Partition { a, b, .. } => [a.as_slice(), b].concat(),
            Self::OneWay { from, to, .. } => [from.as_slice(), to].concat(),
            Self::SlowNetwork { .. } => Vec::new(),
            Self::Clock { node, .. }
            | Self::SlowDisk { node, .. }
            | Self::PowerCut { node, .. }
            | Self::FailingDisk { node, .. }
            | Self::FullDisk { node, .. }
            | Self::Rot { node, .. }
            | Self::LyingDisk { node, .. }
            | Self::Demote { node, .. }
            | Self::Destroy { node }
            | Self::Wipe { node } => vec![*node],
            Self::Replace { node, by } => vec![*node, *by],
        }
    }
}
