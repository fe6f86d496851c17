//! The kinds of records and their bodies (DESIGN §5, FORMAT.md §5). Shapes only; what is allowed is decided in
//! [`crate::judge`].
//!
//! Every body is an array of fixed arity. A new field is a new kind version, never an addition.

use crate::codec::{self, CodecError};
use crate::commitment::Commitment;
use crate::ids::{Digest, KeyId, Maybe, Nonce, PublicKey, RollLeaf, Signature, Tag};
use crate::record::{Scope, UnitId};
use minicbor::{Decode, Encode};

/// Kinds of records. The numbers are part of the format; gaps are kinds of later versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u16)]
pub enum Kind {
    /// Leaf 0.
    Election = 1,
    /// Constituencies, stations, forms, the seat rule.
    DefinitionPart = 2,
    /// Registration of keys.
    Key = 3,
    /// A part of one station's roll.
    RollChunk = 5,
    /// A unit opens, closes, or something between.
    StationPhase = 7,
    /// A voter was identified.
    Identification = 8,
    /// Ballots counted by a scanner since its last batch, committed.
    BallotBatch = 10,
    /// A sum of cells, opened.
    TotalOpening = 11,
    /// A polling station's protocol.
    Protocol = 12,
    /// The end of a stage.
    Seal = 21,
}

impl Kind {
    /// All kinds of this version.
    pub const ALL: [Self; 10] = [
        Self::Election,
        Self::DefinitionPart,
        Self::Key,
        Self::RollChunk,
        Self::StationPhase,
        Self::Identification,
        Self::BallotBatch,
        Self::TotalOpening,
        Self::Protocol,
        Self::Seal,
    ];

    /// The kind with this number, if this version knows it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }

    /// The only body version that this software writes and reads.
    #[must_use]
    pub const fn version(self) -> u16 {
        1
    }

    /// The confidentiality class of this kind's confidential body, if the kind has one.
    #[must_use]
    pub const fn confidential_class(self) -> Option<ConfidentialClass> {
        match self {
            Self::Identification => Some(ConfidentialClass::UntilVotingSeal),
            _ => None,
        }
    }
}

/// Who may see a confidential body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ConfidentialClass {
    /// V: the nodes now, everybody after the Voting seal.
    UntilVotingSeal = 1,
    /// C: the commission and a court.
    CommissionAndCourt = 2,
}

/// Most bytes of a confidential body.
pub const CONFIDENTIAL_BYTES_MAX: usize = 16 * 1024;

/// A body of one kind.
pub trait Body: Encode<()> + for<'b> Decode<'b, ()> + Sized {
    /// Which kind it belongs to.
    const KIND: Kind;

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// As [`codec::decode`].
    fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes, crate::record::RECORD_BYTES_MAX)
    }

    /// Canonical bytes.
    fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }
}

macro_rules! body {
    ($name:ident, $kind:ident) => {
        impl Body for $name {
            const KIND: Kind = Kind::$kind;
        }
    };
}

/// Text in the three languages a citizen reads.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Title {
    /// Kyrgyz.
    #[n(0)]
    pub ky: String,
    /// Russian.
    #[n(1)]
    pub ru: String,
    /// English.
    #[n(2)]
    pub en: String,
}

// ---------------------------------------------------------------- Election

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

// ---------------------------------------------------------------- DefinitionPart

/// A part of the definition. Its digest stands in the genesis record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DefinitionPart {
    /// 1 constituencies, 2 stations, 3 protocol forms, 4 seat rule.
    #[n(0)]
    pub part_kind: u8,
    /// Position among all parts, from 0.
    #[n(1)]
    pub number: u32,
    /// Canonical bytes of `Vec<Constituency>`, `Vec<Station>`, `Vec<Form>` or `SeatRule`.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub content: Vec<u8>,
}
body!(DefinitionPart, DefinitionPart);

/// A constituency with its candidates.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Constituency {
    /// Its number, from 1.
    #[n(0)]
    pub number: u32,
    /// Its name.
    #[n(1)]
    pub title: Title,
    /// How many seats it fills.
    #[n(2)]
    pub seats: u32,
    /// Candidates in the order of the ballot.
    #[n(3)]
    pub candidates: Vec<Candidate>,
}

impl Constituency {
    /// Length of a count vector: candidates, against all, invalid.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.candidates.len() + 2
    }
}

/// A candidate on the ballot.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Candidate {
    /// Position on the ballot, from 1.
    #[n(0)]
    pub position: u32,
    /// Name in Kyrgyz.
    #[n(1)]
    pub name_ky: String,
    /// Name in Russian.
    #[n(2)]
    pub name_ru: String,
    /// 0 man, 1 woman: the seat rule needs it.
    #[n(3)]
    pub sex: u8,
}

/// A polling station.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Station {
    /// Its number.
    #[n(0)]
    pub number: u32,
    /// 0 ordinary, 1 remote voting only, 2 abroad.
    #[n(1)]
    pub station_kind: u8,
    /// Own constituency; 0 for none.
    #[n(2)]
    pub constituency: u32,
    /// Where it is.
    #[n(3)]
    pub title: String,
    /// Voting starts, ms UTC. For people and for flags: phases open and close by records.
    #[n(4)]
    pub opens_ms: u64,
    /// Voting ends, ms UTC.
    #[n(5)]
    pub closes_ms: u64,
    /// Numbers of its units.
    #[n(6)]
    pub units: Vec<u32>,
}

/// A protocol form: lines and the relations between them are data.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Form {
    /// Its code, for example `kg-2025`.
    #[n(0)]
    pub code: String,
    /// Version of the form.
    #[n(1)]
    pub version: u32,
    /// Lines in order.
    #[n(2)]
    pub lines: Vec<FormLine>,
    /// Control relations; the position, from 0, is the number a flag names.
    #[n(3)]
    pub relations: Vec<Relation>,
}

/// A line of a form.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct FormLine {
    /// Its code, for example `1` or `1a`.
    #[n(0)]
    pub code: String,
    /// What it counts.
    #[n(1)]
    pub title: Title,
    /// 1 if it says something about how the own cell's papers were filled in: it is zero where that cell is not shown.
    #[n(2)]
    pub discloses: u8,
}

/// `left comparator right`, each side a sum of terms.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Relation {
    /// Left side.
    #[n(0)]
    pub left: Vec<Term>,
    /// 0 `=`, 1 `>=`, 2 `<=`.
    #[n(1)]
    pub comparator: u8,
    /// Right side.
    #[n(2)]
    pub right: Vec<Term>,
    /// 1 hard (a device refuses to sign, the ledger keeps the protocol out of the summary), 0 soft (flagged).
    #[n(3)]
    pub hard: u8,
}

/// A coefficient and what it multiplies.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Term {
    /// At least 1.
    #[n(0)]
    pub coefficient: u32,
    /// A line's code, or `@valid` (all votes of the own cell), `@invalid`.
    #[n(1)]
    pub line: String,
}

/// How seats are given.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct SeatRule {
    /// Most elected of one sex in a constituency; 0 for no limit. (Two of three: Kyrgyz election law of 2025.)
    #[n(0)]
    pub same_sex_max: u32,
    /// BLAKE3 of the ballot design: printed ballots of a design are identical.
    #[n(1)]
    pub ballot_design: Digest,
}

// ---------------------------------------------------------------- Key

/// Registers keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KeyRegistration {
    /// 1 to 64 keys.
    #[n(0)]
    pub grants: Vec<KeyGrant>,
}
body!(KeyRegistration, Key);

/// Most keys in one registration.
pub const GRANTS_MAX: usize = 64;

/// Who holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum HolderClass {
    /// An organisation's record key (genesis only).
    Organisation = 1,
    /// The population register.
    Registry = 2,
    /// An identification device.
    Device = 3,
    /// A reading box (АСУ).
    Scanner = 4,
    /// A member of a precinct commission.
    Member = 5,
}

impl HolderClass {
    /// The class with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Organisation,
            2 => Self::Registry,
            3 => Self::Device,
            4 => Self::Scanner,
            5 => Self::Member,
            _ => return None,
        })
    }
}

/// One key and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KeyGrant {
    /// The key.
    #[n(0)]
    pub key: PublicKey,
    /// Number of a [`HolderClass`].
    #[n(1)]
    pub class: u8,
    /// Where it may sign.
    #[n(2)]
    pub scope: Scope,
    /// Numbers of kinds it may sign, ascending.
    #[n(3)]
    pub kinds: Vec<u16>,
    /// First valid sequenced time, ms.
    #[n(4)]
    pub valid_from_ms: u64,
    /// Last valid sequenced time, ms.
    #[n(5)]
    pub valid_until_ms: u64,
    /// The holder's signature over [`KeyGrant::possession_message`].
    #[n(6)]
    pub possession: Signature,
}

impl KeyGrant {
    /// What the holder signs to show that they have the key: election, key, class and scope.
    #[must_use]
    pub fn possession_message(election: &crate::ids::ElectionId, key: &PublicKey, class: u8, scope: Scope) -> Vec<u8> {
        codec::encode(&(election, key, class, scope))
    }
}

// ---------------------------------------------------------------- RollChunk

/// Part of one station's roll, before the Roll seal. Scope: the station.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RollChunk {
    /// Version of the list.
    #[n(0)]
    pub list_version: u32,
    /// Position of this chunk, from 0.
    #[n(1)]
    pub number: u32,
    /// How many chunks the station's roll has.
    #[n(2)]
    pub chunks: u32,
    /// Voters on the station's whole roll.
    #[n(3)]
    pub total: u32,
    /// Roll leaves, ascending across all chunks, 16 bytes each, concatenated.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub leaves: Vec<u8>,
}
body!(RollChunk, RollChunk);

/// Most roll leaves in a chunk: 3,400 × 16 = 54,400 bytes, which fit a record.
pub const ROLL_CHUNK_LEAVES_MAX: usize = 3_400;

impl RollChunk {
    /// The leaves, or `None` if the bytes are not whole leaves.
    #[must_use]
    pub fn roll_leaves(&self) -> Option<Vec<RollLeaf>> {
        let chunks = self.leaves.chunks_exact(RollLeaf::LEN);
        if !chunks.remainder().is_empty() {
            return None;
        }
        chunks.map(|bytes| RollLeaf::try_from(bytes).ok()).collect()
    }
}

// ---------------------------------------------------------------- StationPhase

/// Phases that a unit reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Phase {
    /// Voting may start: the zero report.
    Open = 1,
    /// Voting pauses.
    Suspend = 2,
    /// Voting goes on.
    Resume = 3,
    /// The connection is lost; identifications will be reported later.
    OfflineStart = 4,
    /// The connection is back.
    OfflineEnd = 5,
    /// A running balance.
    Balance = 6,
    /// Voting has ended: the final report.
    Close = 7,
}

impl Phase {
    /// The phase with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Open,
            2 => Self::Suspend,
            3 => Self::Resume,
            4 => Self::OfflineStart,
            5 => Self::OfflineEnd,
            6 => Self::Balance,
            7 => Self::Close,
            _ => return None,
        })
    }
}

/// A phase record. Scope: the unit; signed by the member quorum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StationPhase {
    /// Number of a [`Phase`].
    #[n(0)]
    pub phase: u8,
    /// Voters on the list that the station holds.
    #[n(1)]
    pub list_total: u32,
    /// Counters of equipment and paper.
    #[n(2)]
    pub counters: Counters,
    /// Seal numbers put on or found intact.
    #[n(3)]
    pub seals: Vec<String>,
    /// Serial numbers of devices in use.
    #[n(4)]
    pub equipment: Vec<String>,
    /// Members present with their roles (1 chair, 2 secretary, 3 member), by key.
    #[n(5)]
    pub roles: Vec<MemberRole>,
    /// Size of the last checkpoint the station has seen; 0 for none.
    #[n(6)]
    pub checkpoint_size_seen: u64,
    /// At the close: salted digest of the machine protocol's body ([`Protocol::closing_digest`]).
    #[n(7)]
    pub protocol_digest: Maybe<Digest>,
}
body!(StationPhase, StationPhase);

/// Counters that must be zero at the opening and add up at the close.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Counters {
    /// Voters identified with the own constituency's ballot.
    #[n(0)]
    pub identified_local: u32,
    /// Voters identified with another constituency's ballot.
    #[n(1)]
    pub identified_remote: u32,
    /// Slips kept.
    #[n(2)]
    pub slips: u32,
    /// Signatures in the paper list.
    #[n(3)]
    pub signatures: u32,
    /// Ballots printed, own constituency.
    #[n(4)]
    pub printed_own: u32,
    /// Ballots printed, other constituencies.
    #[n(5)]
    pub printed_other: u32,
    /// Printed ballots spoiled and replaced.
    #[n(6)]
    pub spoiled: u32,
    /// Papers the scanner took.
    #[n(7)]
    pub scanned: u32,
}

/// A member on duty.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct MemberRole {
    /// The member's key.
    #[n(0)]
    pub key: KeyId,
    /// 1 chair, 2 secretary, 3 member.
    #[n(1)]
    pub role: u8,
}

// ---------------------------------------------------------------- Identification

/// A voter was identified. Scope: the unit; signed by its device. Public part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Identification {
    /// 0 local (own station), 1 remote (another constituency's voter).
    #[n(0)]
    pub mode: u8,
    /// 1 online: permission is asked; 0 offline: a fact is reported.
    #[n(1)]
    pub online: u8,
    /// The device's own counter of identifications, without gaps.
    #[n(2)]
    pub device_counter: u64,
}
body!(Identification, Identification);

/// Confidential part of an identification, class V.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct IdentificationSecret {
    /// Makes the digest unguessable.
    #[n(0)]
    pub salt: Digest,
    /// The voter.
    #[n(1)]
    pub tag: Tag,
    /// The station on whose roll the voter is.
    #[n(2)]
    pub home_station: u32,
    /// 1 fingerprint, 2 face, 3 Tunduk application, 4 document shown.
    #[n(3)]
    pub method: u8,
    /// The registry's word that this voter stood at this unit. Empty offline.
    #[n(4)]
    pub attestation: Vec<Attestation>,
}

/// The registry's word on one voter at one unit through one device, for one use.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Attestation {
    /// Which registry key.
    #[n(0)]
    pub registry: KeyId,
    /// When, ms UTC.
    #[n(1)]
    pub at_ms: u64,
    /// Single use.
    #[n(2)]
    pub nonce: Nonce,
    /// Over [`Attestation::message`].
    #[n(3)]
    pub signature: Signature,
}

/// What an attestation speaks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedVoter {
    /// Where the voter stands.
    pub unit: UnitId,
    /// The device that asked.
    pub device: KeyId,
    /// The voter.
    pub tag: Tag,
    /// Whose roll the voter is on.
    pub home_station: u32,
    /// How the voter was recognised.
    pub method: u8,
}

impl Attestation {
    /// The bytes the registry signs.
    #[must_use]
    pub fn message(election: &crate::ids::ElectionId, voter: &AttestedVoter, at_ms: u64, nonce: &Nonce) -> Vec<u8> {
        codec::encode(&(
            election,
            voter.unit,
            voter.device,
            voter.tag,
            voter.home_station,
            voter.method,
            (at_ms, nonce),
        ))
    }
}

// ---------------------------------------------------------------- BallotBatch

/// Papers a scanner took since its last batch: one committed cell for every constituency. Scope: the unit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BallotBatch {
    /// Number of the batch, from 1, without gaps.
    #[n(0)]
    pub number: u32,
    /// One cell a constituency, in the order of the definition, empty ones included.
    #[n(1)]
    pub cells: Vec<Cell>,
    /// 1 for the last batch of the unit.
    #[n(2)]
    pub last: u8,
}
body!(BallotBatch, BallotBatch);

/// Papers of one constituency, and a commitment to how they were filled in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cell {
    /// Constituency number.
    #[n(0)]
    pub constituency: u32,
    /// How many papers; public.
    #[n(1)]
    pub papers: u32,
    /// Pedersen vector commitment to the counts by position.
    #[n(2)]
    pub commitment: Commitment,
}

/// A commitment is its 32 canonical bytes; others are refused while decoding, so every [`Commitment`] is a group element.
impl<C> Encode<C> for Commitment {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.to_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Commitment {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("a commitment has 32 bytes"))?;
        Self::from_bytes(bytes).map_err(|error| minicbor::decode::Error::message(error.to_string()))
    }
}

// ---------------------------------------------------------------- TotalOpening

/// Which count a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Basis {
    /// The scanner's count (АСУ): preliminary.
    Machine = 0,
    /// The hand count: the legal result.
    Hand = 1,
}

impl Basis {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Machine, Self::Hand];

    /// The basis with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Machine),
            1 => Some(Self::Hand),
            _ => None,
        }
    }
}

/// Opens a sum of cells. Scope: a unit (its own constituency's papers) or a constituency (all papers cast for it in other
/// places, nationwide).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TotalOpening {
    /// Number of a [`Basis`]: the cells of ballot batches, or those of hand protocols.
    #[n(0)]
    pub basis: u8,
    /// Whose papers.
    #[n(1)]
    pub constituency: u32,
    /// Counts by position: candidates, against all, invalid.
    #[n(2)]
    pub counts: Vec<u64>,
    /// The sum of the cells' blinding factors.
    #[n(3)]
    pub blinding: Digest,
}
body!(TotalOpening, TotalOpening);

// ---------------------------------------------------------------- Protocol

/// A unit's protocol. Scope: the unit; signed by the member quorum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Protocol {
    /// Code of the form.
    #[n(0)]
    pub form: String,
    /// Version of the form.
    #[n(1)]
    pub form_version: u32,
    /// Number of a [`Basis`].
    #[n(2)]
    pub basis: u8,
    /// All lines of the form, in its order.
    #[n(3)]
    pub lines: Vec<LineValue>,
    /// Counts of the own constituency by position; empty where there is none or its cell is too small to show.
    #[n(4)]
    pub counts: Vec<u64>,
    /// Hand protocols: one cell a constituency other than those in `counts`, as counted. Machine protocols: empty.
    #[n(5)]
    pub cells: Vec<Cell>,
    /// Seal numbers on the packed papers.
    #[n(6)]
    pub seals: Vec<String>,
    /// Members present.
    #[n(7)]
    pub present: Vec<KeyId>,
    /// Members who hold another opinion.
    #[n(8)]
    pub dissenting: Vec<KeyId>,
    /// Code of an explanation; 0 for none.
    #[n(9)]
    pub explanation: u32,
    /// BLAKE3 of the scanned paper, or nothing.
    #[n(10)]
    pub scan: Maybe<Digest>,
    /// Machine protocols: the salt of the digest that the closing record carried.
    #[n(11)]
    pub closing_salt: Maybe<Nonce>,
}
body!(Protocol, Protocol);

impl Protocol {
    /// What the closing record carries of this protocol while the embargo lasts: BLAKE3 (context `tamga 2025 closing
    /// digest v1`) of the body, whose own salt makes it unguessable.
    #[must_use]
    pub fn closing_digest(&self) -> Digest {
        Digest(
            *blake3::Hasher::new_derive_key("tamga 2025 closing digest v1")
                .update(&self.to_bytes())
                .finalize()
                .as_bytes(),
        )
    }
}

/// A line with its figure.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct LineValue {
    /// Code of the line.
    #[n(0)]
    pub code: String,
    /// Its figure.
    #[n(1)]
    pub value: u64,
}

// ---------------------------------------------------------------- Seal

/// Stages that a seal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Stage {
    /// The roll is frozen.
    Roll = 1,
    /// Voting is over everywhere; class V becomes public.
    Voting = 2,
    /// Results are final.
    Results = 3,
    /// Nothing follows.
    Archive = 4,
}

impl Stage {
    /// The stage with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Roll,
            2 => Self::Voting,
            3 => Self::Results,
            4 => Self::Archive,
            _ => return None,
        })
    }

    /// Kinds that this seal closes for good.
    #[must_use]
    pub const fn closes(self) -> &'static [Kind] {
        match self {
            Self::Roll => &[Kind::DefinitionPart, Kind::RollChunk],
            Self::Voting => &[Kind::StationPhase, Kind::Identification, Kind::BallotBatch],
            Self::Results => &[Kind::TotalOpening, Kind::Protocol],
            Self::Archive => &[],
        }
    }
}

/// Ends a stage. Scope: the election; signed by the commission.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Seal {
    /// Number of a [`Stage`].
    #[n(0)]
    pub stage: u8,
    /// A tree size that was cut before this seal.
    #[n(1)]
    pub size: u64,
    /// SHA-256 root at that size.
    #[n(2)]
    pub sha256_root: Digest,
    /// BLAKE3 root at that size.
    #[n(3)]
    pub blake3_root: Digest,
    /// Voting: root over the sorted roll leaves of admitted voters ([`crate::state::State::admitted_root`]). Else nothing.
    #[n(4)]
    pub admitted_root: Maybe<Digest>,
    /// Results: digest of the tally. Else nothing.
    #[n(5)]
    pub tally: Maybe<Digest>,
}
body!(Seal, Seal);
