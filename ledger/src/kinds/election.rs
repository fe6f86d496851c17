//! The genesis record: organisations, keys, parameters.

use super::{Body, Kind, Title};
use crate::ids::{Digest, PublicKey};
use minicbor::{Decode, Encode};

/// The genesis record's body. Its record is signed by the record key of every organisation: proof of possession.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Election {
    /// 1 for a real election, 0 for a rehearsal.
    #[n(0)]
    pub real: u8,
    /// Name of the election.
    #[n(1)]
    pub title: Title,
    /// Start of the checkpoint origin; a slash and 16 hexadecimal digits of the election id follow. A rehearsal's starts
    /// with `rehearsal.`, a real election's does not.
    #[n(2)]
    pub origin_prefix: String,
    /// The legal act that appoints the election.
    #[n(3)]
    pub decree: Decree,
    /// Version of the judging rules, from the first leaf on.
    #[n(4)]
    pub rules_version: u32,
    /// Digests of the definition parts, in the order in which they must follow.
    #[n(5)]
    pub parts: Vec<Digest>,
    /// Who runs nodes; the first is the commission.
    #[n(6)]
    pub organisations: Vec<Organisation>,
    /// Trust policy, C2SP tlog-policy text without `log` lines.
    #[n(7)]
    pub trust_policy: String,
    /// Cluster epoch the nodes start with.
    #[n(8)]
    pub cluster_epoch: u32,
    /// Counts per candidate may not appear in the clear before this sequenced time, ms UTC.
    #[n(9)]
    pub embargo_ms: u64,
    /// Times at which turnout is announced.
    #[n(10)]
    pub official_hours: Vec<OfficialHour>,
    /// Checkpoints are cut when sequenced time crosses a multiple of this, ms.
    #[n(11)]
    pub checkpoint_interval_ms: u64,
    /// Fewest papers whose distribution may be shown.
    #[n(12)]
    pub cell_papers_min: u32,
    /// How long a registry attestation may be used, ms.
    #[n(13)]
    pub attestation_validity_ms: u64,
    /// Members of a unit that must sign a protocol or a phase.
    #[n(14)]
    pub member_quorum: u32,
    /// Most identifications of one declared offline phase.
    #[n(15)]
    pub offline_identifications_max: u32,
    /// Months after the results seal for which confidential bodies are kept.
    #[n(16)]
    pub retention_months: u32,
}
body!(Election, Election);

/// The decree, by what identifies it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(array)]
pub struct Decree {
    /// Its number, or what stands in place of one.
    #[n(0)]
    pub number: String,
    /// Its date, ISO 8601.
    #[n(1)]
    pub date: String,
    /// BLAKE3 of its text as published.
    #[n(2)]
    pub blake3: Digest,
    /// SHA-256 of the same bytes.
    #[n(3)]
    pub sha256: Digest,
}

/// One time of the day at which turnout is announced.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(array)]
pub struct OfficialHour {
    /// How it is called, for example `10:00`.
    #[n(0)]
    pub label: String,
    /// When it is, ms UTC.
    #[n(1)]
    pub at_ms: u64,
}

/// An organisation with its keys. One public key never has two roles.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Organisation {
    /// Short name, as in the trust policy: letters, digits, hyphens.
    #[n(0)]
    pub name: String,
    /// What it is called.
    #[n(1)]
    pub title: Title,
    /// Signs records in the organisation's name.
    #[n(2)]
    pub record_key: PublicKey,
    /// Cosigns if a node's own key is lost.
    #[n(3)]
    pub standby_cosigner_key: PublicKey,
    /// Its nodes.
    #[n(4)]
    pub nodes: Vec<NodeKeys>,
}

/// One node's public keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct NodeKeys {
    /// Node id, never reused.
    #[n(0)]
    pub id: u32,
    /// Name of its cosigner, a C2SP key name.
    #[n(1)]
    pub cosigner_name: String,
    /// Cosigns checkpoints (0x04).
    #[n(2)]
    pub cosigner_key: PublicKey,
    /// Signs published checkpoints under the origin (0x01).
    #[n(3)]
    pub log_key: PublicKey,
    /// Signs promises and refusals.
    #[n(4)]
    pub promise_key: PublicKey,
    /// Signs batches it proposes.
    #[n(5)]
    pub batch_key: PublicKey,
    /// SHA-256 of the SubjectPublicKeyInfo of its TLS certificate.
    #[n(6)]
    pub tls_spki_sha256: Digest,
}
