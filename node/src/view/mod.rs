//! What the public sees at the last published checkpoint, as one value, and its projection on disk.
//!
//! | file | what |
//! |---|---|
//! | `compute` | [`View`] from the judging state at a cut |
//! | `decisions` | acts, cases, summary tables |
//! | `equipment` | custody: pieces, and what each unit has of them |
//! | `store` | [`ViewStore`]: sled, and its twin in memory |
//!
//! A view is a pure function of the entries below its size. What is on disk is never believed without its size and roots,
//! and rebuilt on any doubt.

mod compute;
mod decisions;
mod equipment;
mod store;

pub(crate) use compute::Views;
pub use decisions::{About, ActView, CaseView, Decisions, TableView, Unequal};
pub use equipment::{PieceView, UnitEquipment};
pub use store::{MemViews, SledViews, ViewStore, ViewStoreError};

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tamga_ledger::balance::Discrepancy;
use tamga_ledger::kinds::{Counters, LineValue, OfficialHour, ProtocolBasis};
use tamga_ledger::record::UnitId;
use tamga_ledger::state::{Counts, HourCount, UnitStatus};
use tamga_ledger::tally::Tally;
use tamga_ledger::tree::TreeHead;

/// Figures at one tree size, a pure function of the entries below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// At which size and roots.
    pub head: TreeHead,
    /// Sequenced time of the last leaf, ms UTC.
    pub time_ms: u64,
    /// Identifications by official hour.
    pub turnout: Turnout,
    /// Results.
    pub results: Arc<Tally>,
    /// Legal acts, cases, summary tables.
    #[serde(default)]
    pub decisions: Arc<Decisions>,
    /// Equipment in custody, in the order of entering the inventory.
    #[serde(default)]
    pub equipment: Arc<Vec<Arc<PieceView>>>,
    /// Units, ascending.
    pub units: Vec<Arc<UnitView>>,
    /// Counters over the whole ledger.
    pub counts: Counts,
    /// Registered keys.
    pub keys: u64,
    /// Whether the Voting seal is covered, so that class V bodies are public.
    pub voting_sealed: bool,
}

/// Turnout: identifications that count, by official hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turnout {
    /// Voters on the roll.
    pub roll: u64,
    /// The official hours, ascending; each list of counts has one more element, for what came after the last hour.
    pub hours: Vec<Hour>,
    /// Whole country: identifications in the interval that ends at each hour.
    pub nation: Vec<HourCount>,
    /// By constituency of the *station*, ascending; number 0 is stations without one.
    pub constituencies: Vec<ConstituencyTurnout>,
}

/// An official hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// How it is called.
    pub label: String,
    /// When it is, ms UTC.
    pub at_ms: u64,
}

impl From<&OfficialHour> for Hour {
    fn from(hour: &OfficialHour) -> Self {
        Self { label: hour.label.clone(), at_ms: hour.at_ms }
    }
}

/// Turnout at the stations of one constituency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstituencyTurnout {
    /// Its number; 0 for stations without one.
    pub constituency: u32,
    /// Voters on the rolls of its stations.
    pub roll: u64,
    /// Identifications by interval.
    pub hours: Vec<HourCount>,
}

/// A unit of a polling station, as far as it is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitView {
    /// Which.
    pub unit: UnitId,
    /// Constituency of its station; 0 for none.
    pub constituency: u32,
    /// Where it stands.
    pub status: UnitStatus,
    /// In a declared offline phase.
    pub offline: bool,
    /// Voters on the station's roll.
    pub roll: u64,
    /// Voters admitted with the own constituency's ballot.
    pub identified_local: u32,
    /// Voters admitted with another constituency's ballot.
    pub identified_remote: u32,
    /// Identifications refused.
    pub refused: u32,
    /// Offline identifications of voters admitted before.
    pub conflicts: u32,
    /// Ballot batches.
    pub batches: u32,
    /// Whether the last one is in.
    pub batches_complete: bool,
    /// Papers in them.
    pub papers: u64,
    /// Identifications whose voter got no ballot.
    #[serde(default)]
    pub without_ballot: u32,
    /// The mobile box is out.
    #[serde(default)]
    pub box_out: bool,
    /// Counters of the last balance or final report.
    #[serde(default)]
    pub reported: Option<Counters>,
    /// What does not add up in them, compared with the ledger at this size.
    #[serde(default)]
    pub discrepancies: Vec<Discrepancy>,
    /// Counters of the final report.
    pub closing: Option<Counters>,
    /// The machine protocol in force.
    pub machine: Option<ProtocolView>,
    /// The hand protocol in force.
    pub hand: Option<ProtocolView>,
    /// Whether the machine's own-constituency total is opened.
    pub own_opened: bool,
    /// What others said of its protocols.
    #[serde(default)]
    pub countersigned: CountersignedView,
    /// Equipment in custody, against what it says that it uses.
    #[serde(default)]
    pub equipment: UnitEquipment,
}

/// A protocol in force, as far as it is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolView {
    /// Its leaf.
    pub leaf: u64,
    /// Its record id, hexadecimal.
    pub id: String,
    /// Kept out of every sum by a broken hard relation.
    pub blocked: bool,
    /// Its lines.
    pub lines: Vec<LineValue>,
    /// Own counts by ballot position; empty where not shown.
    pub counts: Vec<u64>,
    /// What it rests on.
    pub basis: ProtocolBasis,
    /// Short code on the paper.
    pub code: String,
    /// What the QR code on the paper says.
    pub qr: String,
    /// Code of the reason given for it (FORMAT.md §5); 0 for none.
    pub explanation: u32,
    /// Keys that signed.
    pub signers: u32,
    /// Members with another opinion, as it names them.
    pub dissenting: u32,
    /// Registered members who neither signed nor are named as present.
    pub absent: u32,
    /// Registered members.
    pub members: u32,
}

/// What observers, organisations and members said of a unit's protocols.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersignedView {
    /// Saw the same figures on paper.
    pub assents: u32,
    /// Copies with the same figures.
    pub copies_same: u32,
    /// Copies with other figures.
    pub copies_differing: u32,
    /// Copies that there was nothing to compare with.
    pub copies_uncompared: u32,
    /// A copy was refused.
    pub copies_refused: u32,
    /// The protocol was not posted.
    pub not_posted: u32,
}
