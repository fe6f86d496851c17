//! The small parts of the state as CBOR, and back.
//!
//! [`Parts::of`] takes the state apart without `..`: a field that is added to it and forgotten here does not compile. What
//! has a canonical form already (genesis body, frontier) is kept in it; long lists of fixed size are packed into one byte
//! string each.

use super::SavedError;
use super::units::{self, UnitBytes};
use crate::codec;
use crate::definition::Definition;
use crate::ids::{Digest, ElectionId, PublicKey, RecordId};
use crate::kinds::{Basis, Election, HolderClass, Kind, Stage};
use crate::nodes::Nodes;
use crate::record::{RECORD_BYTES_MAX, Scope, UnitId};
use crate::state::{
    Counts, HourCount, KeyEntry, Piece, RecordIndex, RecordedAct, RecordedCase, RemoteOpening, SequenceWindow, State,
    StationRoll, UsedAttestations,
};
use crate::summary::TableInForce;
use crate::tree::{Hash, Roots, TreeHead, TreeSize, TwinFrontier};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Everything of a state that is not in the journal.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct Parts {
    #[n(0)]
    election_id: Option<ElectionId>,
    /// Canonical bytes of the genesis body; empty for none.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    election: Vec<u8>,
    #[n(2)]
    #[cbor(with = "shared")]
    definition: Arc<Definition>,
    #[n(3)]
    parts: u32,
    #[n(4)]
    keys: Vec<KeyBytes>,
    #[n(5)]
    #[cbor(with = "shared")]
    nodes: Arc<Nodes>,
    #[n(6)]
    rolls: Vec<RollBytes>,
    #[n(7)]
    units: Vec<UnitBytes>,
    #[n(8)]
    /// In the order of recording for each basis and constituency.
    remote_openings: Vec<OpeningBytes>,
    #[n(9)]
    seals: Vec<(u8, u64)>,
    /// Packed: until u64, nonce.
    #[n(10)]
    #[cbor(with = "minicbor::bytes")]
    attestations: Vec<u8>,
    #[n(11)]
    turnout: Vec<Vec<(u32, u32)>>,
    #[n(12)]
    counts: CountsBytes,
    #[n(13)]
    time_ms: u64,
    #[n(14)]
    #[cbor(with = "minicbor::bytes")]
    frontier: Vec<u8>,
    /// Packed: size u64, SHA-256 root, BLAKE3 root.
    #[n(15)]
    #[cbor(with = "minicbor::bytes")]
    cuts: Vec<u8>,
    #[n(16)]
    last_cut_size: u64,
    #[n(17)]
    admitted_unseen: u64,
    #[n(18)]
    acts: Vec<RecordedAct>,
    #[n(19)]
    cases: Vec<(RecordId, RecordedCase)>,
    #[n(20)]
    tables: Vec<(RecordId, TableInForce)>,
    #[n(21)]
    pieces: Vec<(Digest, Piece)>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct OpeningBytes {
    #[n(0)]
    basis: u8,
    #[n(1)]
    constituency: u32,
    #[n(2)]
    leaf: u64,
    #[n(3)]
    counts: Vec<u64>,
    #[n(4)]
    without: Vec<UnitId>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct KeyBytes {
    #[n(0)]
    key: PublicKey,
    #[n(1)]
    class: u8,
    #[n(2)]
    scope: Scope,
    #[n(3)]
    kinds: Vec<u16>,
    #[n(4)]
    valid_from_ms: u64,
    #[n(5)]
    valid_until_ms: u64,
    #[n(6)]
    leaf: u64,
    #[n(7)]
    sequences: SequenceWindow,
    #[n(8)]
    device_counter: u64,
    #[n(9)]
    revoked: Option<u64>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct RollBytes {
    #[n(0)]
    station: u32,
    #[n(1)]
    list_version: u32,
    #[n(2)]
    chunks: u32,
    #[n(3)]
    received: u32,
    #[n(4)]
    total: u32,
    #[n(5)]
    amendments: u32,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct CountsBytes {
    #[n(0)]
    by_kind: Vec<(u16, [u64; 3])>,
    #[n(1)]
    second_attempts: u64,
    #[n(2)]
    wrong_station: u64,
    #[n(3)]
    conflicts: u64,
    #[n(4)]
    roll: u64,
    #[n(5)]
    papers: u64,
}

/// What an `Arc` holds.
mod shared {
    use minicbor::decode::{Decode, Decoder};
    use minicbor::encode::{Encode, Encoder, Error, Write};
    use std::sync::Arc;

    pub(super) fn encode<C, T: Encode<C>, W: Write>(
        value: &Arc<T>,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), Error<W::Error>> {
        T::encode(value, encoder, context)
    }

    pub(super) fn decode<'b, C, T: Decode<'b, C>>(
        decoder: &mut Decoder<'b>,
        context: &mut C,
    ) -> Result<Arc<T>, minicbor::decode::Error> {
        T::decode(decoder, context).map(Arc::new)
    }
}

const ATTESTATION: usize = 8 + 16;
const CUT: usize = 8 + 32 + 32;

impl Parts {
    /// Takes a state apart.
    pub(super) fn of(state: &State) -> Self {
        // No `..` here: every field is either saved or named as saved elsewhere.
        let State {
            election_id,
            election,
            definition,
            parts,
            keys,
            nodes,
            ids: _in_the_journal,
            rolls,
            units,
            remote_openings,
            acts,
            cases,
            tables,
            pieces,
            seals,
            attestations,
            turnout,
            counts,
            time_ms,
            frontier,
            cuts,
            last_cut_size,
            admitted_unseen,
        } = state;
        Self {
            election_id: *election_id,
            election: election.as_ref().map(|election| codec::encode(&**election)).unwrap_or_default(),
            definition: Arc::clone(definition),
            parts: *parts as u32,
            keys: keys.values().map(key_bytes).collect(),
            nodes: Arc::clone(nodes),
            rolls: rolls.iter().map(|(station, roll)| roll_bytes(*station, roll)).collect(),
            units: units.iter().map(|(id, unit)| UnitBytes::of(*id, unit)).collect(),
            remote_openings: remote_openings
                .iter()
                .flat_map(|(place, openings)| openings.iter().map(|opening| opening_bytes(*place, opening)))
                .collect(),
            acts: acts.clone(),
            cases: cases.iter().map(|(id, case)| (*id, case.clone())).collect(),
            tables: tables.iter().map(|(id, table)| (*id, table.clone())).collect(),
            pieces: pieces.iter().map(|(serial, piece)| (*serial, piece.clone())).collect(),
            seals: seals.iter().map(|(stage, leaf)| (*stage as u8, *leaf)).collect(),
            attestations: attestations.recent().iter().fold(Vec::new(), |mut bytes, (until_ms, nonce)| {
                bytes.extend_from_slice(&until_ms.to_le_bytes());
                bytes.extend_from_slice(nonce);
                bytes
            }),
            turnout: turnout.iter().map(|row| row.iter().map(|hour| (hour.local, hour.remote)).collect()).collect(),
            counts: counts_bytes(counts),
            time_ms: *time_ms,
            frontier: frontier.to_bytes(),
            cuts: cuts.iter().fold(Vec::new(), |mut bytes, head| {
                bytes.extend_from_slice(&head.size.get().to_le_bytes());
                bytes.extend_from_slice(head.roots.sha256.as_bytes());
                bytes.extend_from_slice(head.roots.blake3.as_bytes());
                bytes
            }),
            last_cut_size: *last_cut_size,
            admitted_unseen: *admitted_unseen,
        }
    }
}

/// Puts a state together; ids, roll leaves and admissions are still missing.
pub(super) fn read(parts: Parts) -> Result<State, SavedError> {
    let shape = |what: &str| SavedError::Shape(what.to_owned());
    let election = match parts.election.as_slice() {
        [] => None,
        bytes => Some(Arc::new(
            codec::decode::<Election>(bytes, RECORD_BYTES_MAX).map_err(|error| shape(&error.to_string()))?,
        )),
    };
    let keys = parts.keys.into_iter().map(key_entry).collect::<Option<BTreeMap<_, _>>>();
    let seal = |(stage, leaf)| Some((Stage::from_number(stage)?, leaf));
    Ok(State {
        election_id: parts.election_id,
        election,
        definition: parts.definition,
        parts: parts.parts as usize,
        keys: keys.ok_or_else(|| shape("a key of an unknown class"))?,
        nodes: parts.nodes,
        ids: RecordIndex::default(),
        rolls: parts.rolls.into_iter().map(station_roll).collect(),
        units: units::read(parts.units)?,
        remote_openings: openings(parts.remote_openings).ok_or_else(|| shape("an opening on an unknown basis"))?,
        acts: parts.acts,
        cases: parts.cases.into_iter().collect(),
        tables: parts.tables.into_iter().collect(),
        pieces: parts.pieces.into_iter().collect(),
        seals: parts.seals.into_iter().map(seal).collect::<Option<_>>().ok_or_else(|| shape("an unknown stage"))?,
        attestations: attestations(&parts.attestations).ok_or_else(|| shape("a part of an attestation"))?,
        turnout: parts
            .turnout
            .into_iter()
            .map(|row| row.into_iter().map(|(local, remote)| HourCount { local, remote }).collect())
            .collect(),
        counts: counts(parts.counts).ok_or_else(|| shape("an unknown kind"))?,
        time_ms: parts.time_ms,
        frontier: TwinFrontier::from_bytes(&parts.frontier).map_err(|error| shape(&error.to_string()))?,
        cuts: cuts(&parts.cuts).ok_or_else(|| shape("a part of a cut"))?,
        last_cut_size: parts.last_cut_size,
        admitted_unseen: parts.admitted_unseen,
    })
}

fn opening_bytes((basis, constituency): (Basis, u32), opening: &RemoteOpening) -> OpeningBytes {
    let RemoteOpening { leaf, counts, without } = opening.clone();
    OpeningBytes { basis: basis as u8, constituency, leaf, counts, without }
}

fn openings(bytes: Vec<OpeningBytes>) -> Option<BTreeMap<(Basis, u32), Vec<RemoteOpening>>> {
    let mut openings: BTreeMap<_, Vec<RemoteOpening>> = BTreeMap::new();
    for OpeningBytes { basis, constituency, leaf, counts, without } in bytes {
        let place = (Basis::from_number(basis)?, constituency);
        openings.entry(place).or_default().push(RemoteOpening { leaf, counts, without });
    }
    Some(openings)
}

fn key_bytes(entry: &KeyEntry) -> KeyBytes {
    let KeyEntry { key, class, scope, kinds, valid_from_ms, valid_until_ms, leaf, revoked, sequences, device_counter } =
        entry;
    KeyBytes {
        key: *key,
        class: *class as u8,
        scope: *scope,
        kinds: kinds.clone(),
        valid_from_ms: *valid_from_ms,
        valid_until_ms: *valid_until_ms,
        leaf: *leaf,
        sequences: sequences.clone(),
        device_counter: *device_counter,
        revoked: *revoked,
    }
}

fn key_entry(bytes: KeyBytes) -> Option<(crate::ids::KeyId, KeyEntry)> {
    let KeyBytes { key, class, scope, kinds, valid_from_ms, valid_until_ms, leaf, sequences, device_counter, revoked } =
        bytes;
    let class = HolderClass::from_number(class)?;
    let entry =
        KeyEntry { key, class, scope, kinds, valid_from_ms, valid_until_ms, leaf, revoked, sequences, device_counter };
    Some((key.id(), entry))
}

const fn roll_bytes(station: u32, roll: &StationRoll) -> RollBytes {
    let StationRoll {
        list_version,
        chunks,
        received,
        total,
        amendments,
        leaves: _in_the_journal,
        admitted: _there_too,
    } = roll;
    RollBytes {
        station,
        list_version: *list_version,
        chunks: *chunks,
        received: *received,
        total: *total,
        amendments: *amendments,
    }
}

fn station_roll(bytes: RollBytes) -> (u32, StationRoll) {
    let RollBytes { station, list_version, chunks, received, total, amendments } = bytes;
    let roll =
        StationRoll { list_version, chunks, received, total, amendments, leaves: Vec::new(), admitted: Vec::new() };
    (station, roll)
}

fn counts_bytes(counts: &Counts) -> CountsBytes {
    let Counts { by_kind, second_attempts, wrong_station, conflicts, roll, papers } = counts;
    CountsBytes {
        by_kind: by_kind.iter().map(|(kind, verdicts)| (*kind as u16, *verdicts)).collect(),
        second_attempts: *second_attempts,
        wrong_station: *wrong_station,
        conflicts: *conflicts,
        roll: *roll,
        papers: *papers,
    }
}

fn counts(bytes: CountsBytes) -> Option<Counts> {
    let CountsBytes { by_kind, second_attempts, wrong_station, conflicts, roll, papers } = bytes;
    let by_kind = by_kind.into_iter().map(|(kind, verdicts)| Some((Kind::from_number(kind)?, verdicts)));
    Some(Counts { by_kind: by_kind.collect::<Option<_>>()?, second_attempts, wrong_station, conflicts, roll, papers })
}

fn attestations(bytes: &[u8]) -> Option<UsedAttestations> {
    let (packed, []) = bytes.as_chunks::<ATTESTATION>() else { return None };
    packed
        .iter()
        .map(|one| {
            let (until_ms, nonce) = one.split_first_chunk::<8>()?;
            Some((u64::from_le_bytes(*until_ms), nonce.try_into().ok()?))
        })
        .collect()
}

fn cuts(bytes: &[u8]) -> Option<VecDeque<TreeHead>> {
    let (packed, []) = bytes.as_chunks::<CUT>() else { return None };
    packed
        .iter()
        .map(|one| {
            let (size, roots) = one.split_first_chunk::<8>()?;
            let (sha256, blake3) = roots.split_first_chunk::<32>()?;
            let roots = Roots { sha256: Hash::new(*sha256), blake3: Hash::new(blake3.try_into().ok()?) };
            Some(TreeHead { size: TreeSize::new(u64::from_le_bytes(*size)).ok()?, roots })
        })
        .collect()
}
