//! The client side of Tamga: everyone who does not trust a node.
//!
//! | module | who uses it | what for |
//! |---|---|---|
//! | [`author`] | commissions, devices, scanners | typed builders for every kind of record; nobody else touches bytes |
//! | [`registry`] | the population register | voter tags, the roll from a file, attestations |
//! | [`counting`] | scanners, the commission | committed cells, and the sums that may be opened |
//! | [`device`] | polling-station devices | submission over gRPC: failover, promises, receipts, a durable spool |
//! | [`election`] | commissions | the election as files that people write, checked as a whole |
//! | [`protocols`] | auditors of elections held elsewhere | tables of protocols against a form's relations |
//! | [`document`], [`streams`] | both | files with every fault by line and column |
//! | [`source`] | verifiers | a ledger as static files: over HTTP or in a folder; copies of it |
//! | [`verify`] | everybody | proofs, bundles that verify offline, audit, results |
//! | [`court`] | courts, whoever goes to one | one file about a station, a constituency or records, judged offline |
//! | [`mirror`] | whoever publishes a copy | a verified static copy, updated whole or not at all |
//! | [`report`] | prosecutors, journalists | anomalies with their entries, results as tables |
//! | [`monitor`] | observers | looks at all nodes again and again; alarms and evidence |
//! | [`evidence`] | courts, observers | evidence files in plain words |
//!
//! The program `tamga` is a thin shell over [`source`] and [`verify`].
//!
//! Architecture invariants: knows nothing of how nodes are built (only their two public protocols); believes nothing that
//! is not derived from the pinned genesis digest; time, randomness and disks come from outside.

pub mod author;
pub mod counting;
pub mod court;
pub mod device;
pub mod document;
pub mod election;
pub mod evidence;
pub mod mirror;
pub mod monitor;
pub mod pin;
pub mod protocols;
pub mod registry;
pub mod report;
pub mod source;
pub mod streams;
pub mod verify;

/// The node's public protocols, as tonic generates them.
#[allow(missing_docs, clippy::all, unreachable_pub, unused_qualifications, reason = "generated")]
pub mod proto {
    tonic::include_proto!("tamga.v1");
}
