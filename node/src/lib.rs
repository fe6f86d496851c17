//! A Tamga node: joins ledger and consensus, and owns time, disk, sockets and keys.
//!
//! ```text
//!            ┌ public listener (gRPC, HTTP) ┐                       ┌ peers' listener (mTLS) ┐
//!            └──────────────┬───────────────┘                       └───────────┬────────────┘
//!                           ▼                                                   ▼
//!   submit ─► admission ─► outbox ─► sequencer ─► consensus ─► apply ─► state, store ─► cut ─► cosigning ─► published
//!                                                                          │                                   │
//!                              promise with verdict ◄──────────────────────┘          view, receipt ◄──────────┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`core`] | everything between the listeners: [`core::Core`] |
//! | [`view`] | what the public sees at the last published checkpoint, and its projection on disk |
//! | [`proto`] | the generated gRPC services |
//! | [`config`], [`keys`], [`provision`] | what an operator configures and generates |
//! | [`tls`], [`listeners`], [`public`], [`peer`], [`admin`] | the edges |
//! | [`certificates`] | TLS certificates that change while the node runs |
//! | [`witnesses`] | outside witnesses, asked to cosign what is published |
//! | [`run`] | the whole node from a configuration |
//! | [`repair`] | a damaged node, repaired from the others |
//!
//! Architecture invariants: nothing here asks the operating system for time, randomness, files or blocking threads except
//! through the seams of `tamga_platform`; a verdict is signed only from this node's own apply; nothing is published that
//! the trust policy does not accept.

pub mod admin;
pub mod certificates;
pub mod config;
pub mod core;
pub mod keys;
pub mod listeners;
pub mod peer;
pub mod proto;
pub mod provision;
pub mod public;
pub mod recovery;
pub mod repair;
pub mod run;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tls;
pub mod view;
pub mod witnesses;
