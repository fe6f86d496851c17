//! Records: what a frame carries.
//!
//! `kind u8 ‖ zero [3] ‖ length u32 ‖ crc u32 ‖ body`; the checksum covers salt, sequence, kind, length and body, so that
//! a record read back alone is checked by itself.

use bytes::{BufMut, Bytes};

use crate::codec::{Reader, put_position};
use crate::error::Malformed;
use crate::types::{EntryKind, LogPosition, NodeId, PAYLOAD_BYTES_MAX};

/// Raft's vote, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) term: u64,
    pub(crate) node: NodeId,
    /// A quorum granted it: `node` leads.
    pub(crate) committed: bool,
}

/// An entry of the log. The payload of a membership entry is its encoding (codec).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) position: LogPosition,
    pub(crate) kind: EntryKind,
    pub(crate) payload: Bytes,
}

/// One step of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Entry(Entry),
    Ballot(Ballot),
    Committed(Option<LogPosition>),
    /// Entries behind this index are gone; `None`: all are.
    Truncate(Option<u64>),
    /// Entries up to this one are gone.
    Purge(LogPosition),
    /// What the first frame of a segment restates.
    Head {
        ballot: Option<Ballot>,
        committed: Option<LogPosition>,
        purged: Option<LogPosition>,
    },
}

/// Bytes before a record's body.
pub(crate) const RECORD_HEADER_BYTES: usize = 12;
/// Bytes of an entry's body before its payload.
const ENTRY_FIXED_BYTES: usize = 25;
/// The longest record, header included.
pub(crate) const RECORD_BYTES_MAX: usize = RECORD_HEADER_BYTES + ENTRY_FIXED_BYTES + PAYLOAD_BYTES_MAX;

/// Length of an entry's record, header included.
pub(crate) fn entry_record_bytes(entry: &Entry) -> usize {
    RECORD_HEADER_BYTES + ENTRY_FIXED_BYTES + entry.payload.len()
}

impl Record {
    const fn kind(&self) -> u8 {
        match self {
            Self::Entry(_) => 1,
            Self::Ballot(_) => 2,
            Self::Committed(_) => 3,
            Self::Truncate(_) => 4,
            Self::Purge(_) => 5,
            Self::Head { .. } => 6,
        }
    }

    /// An upper bound of its length, header included.
    pub(crate) fn bytes_max(&self) -> usize {
        match self {
            Self::Entry(entry) => entry_record_bytes(entry),
            // The longest of the others is a head: a ballot and two positions.
            _ => RECORD_HEADER_BYTES + 18 + 25 + 25,
        }
    }

    /// Appends the record; `seed` is the segment's.
    pub(crate) fn encode(&self, seed: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[self.kind(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.put_body(out);
        let body = start + RECORD_HEADER_BYTES;
        // Frames are bounded far below 4 GiB (writer), and so is each record in them.
        let length = u32::try_from(out.len() - body).unwrap_or(u32::MAX);
        out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
        let crc = checksum(seed, self.kind(), &out[body..]);
        out[start + 8..body].copy_from_slice(&crc.to_le_bytes());
    }

    fn put_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Entry(entry) => {
                out.put_u64_le(entry.position.term);
                out.put_u64_le(entry.position.leader.0);
                out.put_u64_le(entry.position.index);
                out.put_u8(kind_code(entry.kind));
                out.put_slice(&entry.payload);
            }
            Self::Ballot(ballot) => put_ballot(out, Some(*ballot)),
            Self::Committed(position) => put_position(out, *position),
            Self::Truncate(after) => {
                out.put_u8(after.is_some().into());
                out.put_u64_le(after.unwrap_or_default());
            }
            Self::Purge(upto) => put_position(out, Some(*upto)),
            Self::Head { ballot, committed, purged } => {
                put_ballot(out, *ballot);
                put_position(out, *committed);
                put_position(out, *purged);
            }
        }
    }

    /// Reads the record at the start of `bytes`; returns it with its length. Payloads are copied, so that they do not
    /// hold a whole segment in memory.
    pub(crate) fn decode(seed: u32, bytes: &[u8]) -> Result<(Self, usize), Malformed> {
        let mut reader = Reader::new("record", bytes);
        let kind = reader.u8()?;
        if reader.take(3)? != [0; 3] {
            return Err(Malformed::Kind("reserved bytes of a record", kind.into()));
        }
        let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        let max = RECORD_BYTES_MAX - RECORD_HEADER_BYTES;
        if length > max {
            return Err(Malformed::TooLarge { what: "record", bytes: length, max });
        }
        let crc = reader.u32()?;
        let body = reader.take(length)?;
        if checksum(seed, kind, body) != crc {
            return Err(Malformed::Missing("a matching checksum of a record"));
        }
        Ok((Self::decode_body(kind, body)?, RECORD_HEADER_BYTES + length))
    }

    fn decode_body(kind: u8, body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("body of a record", body);
        if kind == 1 {
            let position = LogPosition { term: reader.u64()?, leader: NodeId(reader.u64()?), index: reader.u64()? };
            let kind = kind_of(reader.u8()?)?;
            return Ok(Self::Entry(Entry { position, kind, payload: Bytes::copy_from_slice(reader.rest()) }));
        }
        let record = match kind {
            2 => Self::Ballot(ballot(&mut reader)?.ok_or(Malformed::Missing("ballot"))?),
            3 => Self::Committed(reader.position()?),
            4 => {
                let some = reader.flag()?;
                let after = reader.u64()?;
                Self::Truncate(some.then_some(after))
            }
            5 => Self::Purge(reader.position()?.ok_or(Malformed::Missing("position of a purge"))?),
            6 => Self::Head { ballot: ballot(&mut reader)?, committed: reader.position()?, purged: reader.position()? },
            other => return Err(Malformed::Kind("record", other.into())),
        };
        reader.end()?;
        Ok(record)
    }
}

fn checksum(seed: u32, kind: u8, body: &[u8]) -> u32 {
    let length = (body.len() as u64).to_le_bytes();
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c_append(seed, &[kind]), &length), body)
}

fn put_ballot(out: &mut Vec<u8>, ballot: Option<Ballot>) {
    out.put_u8(ballot.is_some().into());
    if let Some(Ballot { term, node, committed }) = ballot {
        out.put_u64_le(term);
        out.put_u64_le(node.0);
        out.put_u8(committed.into());
    }
}

fn ballot(reader: &mut Reader<'_>) -> Result<Option<Ballot>, Malformed> {
    if !reader.flag()? {
        return Ok(None);
    }
    Ok(Some(Ballot { term: reader.u64()?, node: NodeId(reader.u64()?), committed: reader.flag()? }))
}

/// The code of a kind of entry, on disk and on the wire.
pub(crate) const fn kind_code(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::Blank => 0,
        EntryKind::Normal => 1,
        EntryKind::Membership => 2,
    }
}

/// The inverse of [`kind_code`].
pub(crate) fn kind_of(code: u8) -> Result<EntryKind, Malformed> {
    match code {
        0 => Ok(EntryKind::Blank),
        1 => Ok(EntryKind::Normal),
        2 => Ok(EntryKind::Membership),
        other => Err(Malformed::Kind("entry", other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_reads_back_and_every_flipped_bit_is_seen() {
        let at = |index| LogPosition { term: 3, leader: NodeId(7), index };
        let ballot = Ballot { term: 3, node: NodeId(7), committed: true };
        let entry = Entry { position: at(9), kind: EntryKind::Normal, payload: Bytes::from_static(b"abc") };
        let records = [
            Record::Entry(entry),
            Record::Ballot(ballot),
            Record::Committed(Some(at(1))),
            Record::Committed(None),
            Record::Truncate(None),
            Record::Truncate(Some(4)),
            Record::Purge(at(2)),
            Record::Head { ballot: Some(ballot), committed: None, purged: Some(at(2)) },
        ];
        for record in records {
            let mut bytes = Vec::new();
            record.encode(5, &mut bytes);
            assert_eq!(Record::decode(5, &bytes), Ok((record.clone(), bytes.len())));
            assert!(Record::decode(6, &bytes).is_err(), "another salt must not pass");
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(Record::decode(5, &bytes).is_err(), "{record:?} with bit {bit} flipped");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
