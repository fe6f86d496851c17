//! What a ledger tells beyond its results, for prosecutors, observers and journalists. Pure: entries and state in, tables out.
//!
//! | file | what |
//! |---|---|
//! | `anomalies` | everything that was refused, flagged or is missing, each with its entries |
//! | `audit` | an audit's report in sentences and as one page |
//! | `custody` | the inventory against what units use, the history of one serial number |
//! | `export` | results as CSV tables with documented columns |
//! | `nist` | results as NIST SP 1500-100 |
//! | `unit` | one unit in full, with every version of its protocols; summary tables checked |

mod anomalies;
pub mod audit;
mod custody;
mod export;
mod nist;
mod unit;

pub use anomalies::{Anomalies, AnomalyKind, Finding, Group, anomalies};
pub use custody::{Event, Inventory, PieceLine, history, inventory};
pub use export::{Stamp, Table, tables};
pub(crate) use nist::instant;
pub use nist::{NIST_FILE, nist_report};
pub use unit::{
    Change, Figure, PhaseLine, TableReport, UnitReport, Version, Word, changes, table_reports, unit_report,
};
