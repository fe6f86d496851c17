//! What anybody can check who has the genesis digest and nothing else.
//!
//! | file | what |
//! |---|---|
//! | `open` | [`Opened`]: a source, the trust pinned to it, its verified checkpoint |
//! | `extends` | whether one published checkpoint extends another |
//! | `prove` | receipts made from tiles, verified before they are given out; where a record is, an author's last number |
//! | `bundle` | [`ProofBundle`]: receipt and genesis entry in one file, for checking offline |
//! | `tiles` | whether a copy's tiles hash up to the published roots |
//! | `audit` | the ledger's audit over a source |
//! | `entries` | all entries, held against the checkpoint's roots while they are read |
//! | `definition` | the election's definition, without an audit |
//! | `rolls` | the stations' rolls as the organisations cosigned them, without an audit |
//! | `results` | turnout and results out of the audited state |

mod audit;
mod bundle;
mod definition;
mod entries;
mod error;
mod extends;
mod open;
mod prove;
mod results;
mod rolls;
mod tiles;

pub use audit::{Audited, Memory, Scratch, audit, audit_keeping, audit_remembering};
pub use bundle::{BUNDLE_BYTES_MAX, BundleFileError, ProofBundle};
pub use definition::definition;
pub use entries::over_entries;
pub use error::{VerifyError, Weight};
pub use extends::check_extends;
use extends::extends_head;
pub(crate) use extends::extends_of;
pub use open::Opened;
pub use prove::{find_record, last_sequence, prove};
pub use results::{About, ActView, ConstituencyView, HourTurnout, ResultsView, results};
pub use rolls::{RecordedRoll, rolls};
