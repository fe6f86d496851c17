//! The device client: many nodes, none trusted; nothing kept is lost.
//!
//! ```text
//! record ─► spool (fsync) ─► submit ─► promise or refusal, signature verified ─► receipt, verified ─► spool forgets
//!                             │ no answer, bad answer, unavailable: the same bytes to the next node
//! ```
//!
//! | file | what |
//! |---|---|
//! | `dial` | how a connection is made: TCP, or whatever a simulation brings |
//! | `channel` | one node's channel: TLS pinned to its key in the genesis record, or plaintext |
//! | `client` | [`DeviceClient`]: unary submission with failover; receipts |
//! | `stream` | [`SubmitStream`]: many submissions in flight on one stream, failover included |
//! | `inquire` | has this voter been admitted? a signed question to any node |
//! | `answer` | what nodes say, verified |
//! | `promises` | [`PromiseBook`]: promises kept until the ledger has what was promised, or a file that convicts |
//! | `spool` | [`Spool`]: records kept until their receipt verified |

mod answer;
mod channel;
mod client;
mod dial;
mod error;
mod inquire;
mod promises;
mod spool;
mod stream;

pub use answer::{Answered, Outcome};
pub use channel::{NodeEndpoint, Transport};
pub use client::{DeviceClient, DeviceOptions, VerifiedBytes};
pub use dial::{Connection, Dial, Dialing, TcpDial};
pub use error::{Attempt, DeviceError};
pub use inquire::{Question, VerifiedAnswer};
pub use promises::{Broken, PromiseBook, PromiseBookError};
pub use spool::{SPOOL_BYTES_MAX, Spool, SpoolError, SpoolOpened};
pub use stream::SubmitStream;
