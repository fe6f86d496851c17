//! Units as bytes. Their cells are group elements, decoded when they are needed ([`Commitment::recalled`]).

use super::SavedError;
use crate::commitment::Commitment;
use crate::ids::{Digest, KeyId, RecordId};
use crate::kinds::{Counters, Finding, HolderClass, LineValue, ProtocolBasis, VoidedBallot};
use crate::record::UnitId;
use crate::state::{CellSum, Countersigned, ProtocolInForce, UnitState, UnitStatus};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct UnitBytes {
    #[n(0)]
    id: UnitId,
    #[n(1)]
    status: u8,
    #[n(2)]
    offline: bool,
    /// Identified local, remote, refused, conflicts, identified offline.
    #[n(3)]
    counts: [u32; 5],
    #[n(4)]
    last_batch: u32,
    #[n(5)]
    batches_complete: bool,
    /// Packed: papers u32, commitment.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    cells: Vec<u8>,
    #[n(7)]
    closing: Option<Counters>,
    #[n(8)]
    closing_digest: Option<Digest>,
    #[n(9)]
    protocols: [Option<ProtocolBytes>; 2],
    #[n(10)]
    own_opening: Option<Vec<u64>>,
    /// Packed: leaf u32.
    #[n(11)]
    #[cbor(with = "minicbor::bytes")]
    admissions: Vec<u8>,
    #[n(12)]
    voided: Vec<(u32, u8)>,
    #[n(13)]
    reported: Option<Counters>,
    #[n(14)]
    box_seals: Option<Digest>,
    #[n(15)]
    pause_seals: Option<Digest>,
    #[n(16)]
    equipment: Vec<Digest>,
    #[n(17)]
    countersigned: Vec<CountersignedBytes>,
}

/// Leaf, leaf of the protocol, class, finding, compared, differing.
type CountersignedBytes = (u64, Option<u64>, u8, u8, bool, u64);

#[derive(Encode, Decode)]
#[cbor(array)]
struct ProtocolBytes {
    #[n(0)]
    leaf: u64,
    #[n(1)]
    id: RecordId,
    #[n(2)]
    blocked: bool,
    #[n(3)]
    lines: Vec<LineValue>,
    #[n(4)]
    counts: Vec<u64>,
    /// Packed: constituency u32, papers u32, commitment.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    cells: Vec<u8>,
    /// Basis, rank, members, absent.
    #[n(6)]
    standing: (u8, u8, u32, u32),
    #[n(7)]
    explanation: u32,
    #[n(8)]
    signers: Vec<KeyId>,
    #[n(9)]
    present: Vec<KeyId>,
    #[n(10)]
    dissenting: Vec<KeyId>,
}

const CELL: usize = 4 + 32;
const PROTOCOL_CELL: usize = 4 + CELL;

impl UnitBytes {
    pub(super) fn of(id: UnitId, unit: &UnitState) -> Self {
        let UnitState {
            status,
            offline,
            identified_local,
            identified_remote,
            refused,
            conflicts,
            identified_offline,
            last_batch,
            batches_complete,
            cells,
            admissions,
            voided,
            reported,
            box_seals,
            pause_seals,
            equipment,
            closing,
            closing_digest,
            protocols,
            own_opening,
            countersigned,
        } = unit;
        let mut packed = Vec::with_capacity(cells.len() * CELL);
        for CellSum { papers, commitment } in cells {
            packed.extend_from_slice(&papers.to_le_bytes());
            packed.extend_from_slice(&commitment.to_bytes());
        }
        Self {
            id,
            status: status_number(*status),
            offline: *offline,
            counts: [*identified_local, *identified_remote, *refused, *conflicts, *identified_offline],
            last_batch: *last_batch,
            batches_complete: *batches_complete,
            cells: packed,
            closing: *closing,
            closing_digest: *closing_digest,
            protocols: protocols.each_ref().map(|protocol| protocol.as_ref().map(ProtocolBytes::of)),
            own_opening: own_opening.clone(),
            admissions: admissions.iter().flat_map(|leaf| leaf.to_le_bytes()).collect(),
            voided: voided.iter().map(|(leaf, ballot)| (*leaf, *ballot as u8)).collect(),
            reported: *reported,
            box_seals: *box_seals,
            pause_seals: *pause_seals,
            equipment: equipment.iter().copied().collect(),
            countersigned: countersigned.iter().map(countersigned_bytes).collect(),
        }
    }

    fn read(self) -> Option<(UnitId, UnitState)> {
        let (cells, []) = self.cells.as_chunks::<CELL>() else { return None };
        let (admissions, []) = self.admissions.as_chunks::<4>() else { return None };
        let [identified_local, identified_remote, refused, conflicts, identified_offline] = self.counts;
        let [machine, hand] = self.protocols;
        let unit = UnitState {
            status: status(self.status)?,
            offline: self.offline,
            identified_local,
            identified_remote,
            refused,
            conflicts,
            identified_offline,
            last_batch: self.last_batch,
            batches_complete: self.batches_complete,
            cells: cells.iter().map(|cell| cell_sum(cell)).collect::<Option<_>>()?,
            closing: self.closing,
            closing_digest: self.closing_digest,
            protocols: [read_protocol(machine)?, read_protocol(hand)?],
            own_opening: self.own_opening,
            admissions: admissions.iter().map(|leaf| u32::from_le_bytes(*leaf)).collect(),
            voided: self.voided.into_iter().map(voided).collect::<Option<_>>()?,
            reported: self.reported,
            box_seals: self.box_seals,
            pause_seals: self.pause_seals,
            equipment: self.equipment.into_iter().collect(),
            countersigned: self.countersigned.into_iter().map(read_countersigned).collect::<Option<_>>()?,
        };
        Some((self.id, unit))
    }
}

const fn countersigned_bytes(one: &Countersigned) -> CountersignedBytes {
    let Countersigned { leaf, protocol, class, finding, compared, differing } = one;
    (*leaf, *protocol, *class as u8, *finding as u8, *compared, *differing)
}

fn read_countersigned(
    (leaf, protocol, class, finding, compared, differing): CountersignedBytes,
) -> Option<Countersigned> {
    let (class, finding) = (HolderClass::from_number(class)?, Finding::from_number(finding)?);
    Some(Countersigned { leaf, protocol, class, finding, compared, differing })
}

fn voided((leaf, ballot): (u32, u8)) -> Option<(u32, VoidedBallot)> {
    Some((leaf, VoidedBallot::from_number(ballot)?))
}

impl ProtocolBytes {
    fn of(protocol: &ProtocolInForce) -> Self {
        let ProtocolInForce {
            leaf,
            id,
            blocked,
            basis,
            rank,
            explanation,
            signers,
            present,
            dissenting,
            members,
            absent,
            lines,
            counts,
            cells,
        } = protocol;
        let mut packed = Vec::with_capacity(cells.len() * PROTOCOL_CELL);
        for (constituency, (papers, commitment)) in cells {
            packed.extend_from_slice(&constituency.to_le_bytes());
            packed.extend_from_slice(&papers.to_le_bytes());
            packed.extend_from_slice(&commitment.to_bytes());
        }
        Self {
            leaf: *leaf,
            id: *id,
            blocked: *blocked,
            lines: lines.clone(),
            counts: counts.clone(),
            cells: packed,
            standing: (*basis as u8, *rank, *members, *absent),
            explanation: *explanation,
            signers: signers.clone(),
            present: present.clone(),
            dissenting: dissenting.clone(),
        }
    }

    fn read(self) -> Option<ProtocolInForce> {
        let (cells, []) = self.cells.as_chunks::<PROTOCOL_CELL>() else { return None };
        let cell = |bytes: &[u8; PROTOCOL_CELL]| {
            let (constituency, cell) = bytes.split_first_chunk::<4>()?;
            let CellSum { papers, commitment } = cell_sum(cell)?;
            Some((u32::from_le_bytes(*constituency), (papers, commitment)))
        };
        Some(ProtocolInForce {
            leaf: self.leaf,
            id: self.id,
            blocked: self.blocked,
            basis: ProtocolBasis::from_number(self.standing.0)?,
            rank: self.standing.1,
            explanation: self.explanation,
            signers: self.signers,
            present: self.present,
            dissenting: self.dissenting,
            members: self.standing.2,
            absent: self.standing.3,
            cells: cells.iter().map(cell).collect::<Option<_>>()?,
            lines: self.lines,
            counts: self.counts,
        })
    }
}

/// The outer absence is damage, the inner one a unit without this protocol.
fn read_protocol(bytes: Option<ProtocolBytes>) -> Option<Option<ProtocolInForce>> {
    bytes.map_or(Some(None), |bytes| bytes.read().map(Some))
}

fn cell_sum(bytes: &[u8]) -> Option<CellSum> {
    let (papers, commitment) = bytes.split_first_chunk::<4>()?;
    let commitment = Commitment::recalled(commitment.try_into().ok()?);
    Some(CellSum { papers: u32::from_le_bytes(*papers), commitment })
}

/// Reads all units.
pub(super) fn read(units: Vec<UnitBytes>) -> Result<BTreeMap<UnitId, UnitState>, SavedError> {
    let read: Option<BTreeMap<_, _>> = units.into_iter().map(UnitBytes::read).collect();
    read.ok_or_else(|| SavedError::Shape("a unit that cannot be".to_owned()))
}

const fn status_number(status: UnitStatus) -> u8 {
    match status {
        UnitStatus::NotOpened => 0,
        UnitStatus::Open => 1,
        UnitStatus::Suspended => 2,
        UnitStatus::Closed => 3,
    }
}

const fn status(number: u8) -> Option<UnitStatus> {
    match number {
        0 => Some(UnitStatus::NotOpened),
        1 => Some(UnitStatus::Open),
        2 => Some(UnitStatus::Suspended),
        3 => Some(UnitStatus::Closed),
        _ => None,
    }
}
