//! The journal: blocks that are written once and chained, so that bytes of an earlier save, of another election or of a lost
//! write cannot pass for the ones the head names.

use super::head::Stamp;
use super::{Mark, SavedError};
use crate::ids::{Digest, ElectionId, RollLeaf};
use crate::state::{State, StationRoll};
use std::io::{ErrorKind, Read};

/// Context of the chain.
const CHAIN: &str = "tamga 2025 saved state journal v1";
const ROLL: u32 = u32::from_le_bytes(*b"TSR1");
const LEAVES: u32 = u32::from_le_bytes(*b"TSL1");
const BLOCK_HEADER: usize = 8;
/// Ids of one block; its admissions are at most as many.
const BLOCK_LEAVES: u32 = 1 << 16;
/// Longest payload: a whole leaves block with each admission at another station.
const PAYLOAD_MAX: usize = 8 + BLOCK_LEAVES as usize * (16 + 8 + 8);
/// Roll leaves of one block.
const BLOCK_ROLL: usize = 1 << 16;
/// Leaves, and roll leaves, of one step: what is copied while somebody may wait for the state.
const STEP_LEAVES: u32 = 1 << 18;
const STEP_ROLL: usize = 1 << 19;

/// Whether a mark can be of this state, earlier.
pub(super) fn continues(state: &State, mark: &Mark) -> bool {
    let has = |(station, saved): (&u32, &u32)| {
        state.rolls.get(station).is_some_and(|roll| roll.leaves.len() >= *saved as usize)
    };
    mark.leaves as usize <= state.ids.len() && mark.rolls.iter().all(has) && mark.amendments == amendments(state)
}

fn amendments(state: &State) -> u64 {
    state.rolls.values().map(|roll| u64::from(roll.amendments)).sum()
}

/// Whether nothing of the state is missing in the journal.
pub(super) fn is_whole(state: &State, mark: &Mark) -> bool {
    let saved = |station: &u32| mark.rolls.get(station).copied().unwrap_or(0) as usize;
    mark.leaves as usize == state.ids.len()
        && state.rolls.iter().all(|(station, roll)| saved(station) == roll.leaves.len())
}

/// The next blocks, and the mark after them.
///
/// Rolls come first: an admission names a roll leaf that is there before it.
pub(super) fn append(state: &State, mark: &Mark) -> (Vec<u8>, Mark) {
    let mut out = Writer {
        bytes: Vec::new(),
        mark: Mark { amendments: amendments(state), ..mark.clone() },
        election: state.election_id(),
    };
    let rolls_are_whole = append_rolls(state, &mut out);
    if rolls_are_whole {
        append_leaves(state, &mut out);
    }
    (out.bytes, out.mark)
}

fn append_rolls(state: &State, out: &mut Writer) -> bool {
    let mut room = STEP_ROLL;
    for (station, roll) in &state.rolls {
        let saved = out.mark.rolls.get(station).copied().unwrap_or(0) as usize;
        let missing = roll.leaves.get(saved..).unwrap_or_default();
        for leaves in missing.chunks(BLOCK_ROLL) {
            if leaves.len() > room {
                return false;
            }
            room -= leaves.len();
            out.block(ROLL, |payload| {
                payload.extend_from_slice(&station.to_le_bytes());
                leaves.iter().for_each(|leaf| payload.extend_from_slice(&leaf.0));
            });
            *out.mark.rolls.entry(*station).or_default() += leaves.len() as u32;
        }
        out.mark.rolls.entry(*station).or_default();
    }
    true
}

fn append_leaves(state: &State, out: &mut Writer) {
    let from = out.mark.leaves;
    let to = (state.ids.len() as u32).min(from.saturating_add(STEP_LEAVES));
    let admitted = admissions(state, from, to);
    for (first, admitted) in (from..to).step_by(BLOCK_LEAVES as usize).zip(admitted) {
        let end = to.min(first + BLOCK_LEAVES);
        out.block(LEAVES, |payload| {
            payload.extend_from_slice(&first.to_le_bytes());
            payload.extend_from_slice(&(end - first).to_le_bytes());
            payload.extend_from_slice(state.ids.ids(first, end).as_flattened());
            for (station, voters) in admitted {
                payload.extend_from_slice(&station.to_le_bytes());
                payload.extend_from_slice(&(voters.len() as u32).to_le_bytes());
                for (position, leaf) in voters {
                    payload.extend_from_slice(&position.to_le_bytes());
                    payload.extend_from_slice(&leaf.to_le_bytes());
                }
            }
        });
    }
    out.mark.leaves = to;
}

/// A station with (position on its roll, leaf) of voters.
type Admitted = (u32, Vec<(u32, u32)>);

/// Who was admitted by the leaves from `from` to `to`: for each block of them by station, ascending. One pass over all
/// rolls; at four million voters that is a few milliseconds, and nothing has to be remembered between saves.
fn admissions(state: &State, from: u32, to: u32) -> Vec<Vec<Admitted>> {
    let blocks = (to - from).div_ceil(BLOCK_LEAVES) as usize;
    let mut found: Vec<Vec<Admitted>> = vec![Vec::new(); blocks];
    for (station, roll) in &state.rolls {
        for (position, admitted) in roll.admitted.iter().enumerate() {
            // 0 is nobody, otherwise leaf + 1.
            if *admitted <= from || *admitted > to {
                continue;
            }
            let leaf = admitted - 1;
            let Some(block) = found.get_mut(((leaf - from) / BLOCK_LEAVES) as usize) else { continue };
            match block.last_mut() {
                Some((last, voters)) if last == station => voters.push((position as u32, leaf)),
                _ => block.push((*station, vec![(position as u32, leaf)])),
            }
        }
    }
    found
}

struct Writer {
    bytes: Vec<u8>,
    mark: Mark,
    election: ElectionId,
}

impl Writer {
    fn block(&mut self, tag: u32, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&tag.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        fill(&mut self.bytes);
        let length = (self.bytes.len() - start - BLOCK_HEADER) as u32;
        self.bytes[start + 4..start + BLOCK_HEADER].copy_from_slice(&length.to_le_bytes());
        let chain = chained(&before(self.mark.chain, &self.election), &self.bytes[start..]);
        self.bytes.extend_from_slice(&chain.0);
        self.mark.chain = Some(chain);
        self.mark.journal_bytes += (self.bytes.len() - start) as u64;
    }
}

fn before(chain: Option<Digest>, election: &ElectionId) -> Digest {
    chain.unwrap_or_else(|| {
        Digest(*blake3::Hasher::new_derive_key(CHAIN).update(election.as_ref()).finalize().as_bytes())
    })
}

fn chained(before: &Digest, block: &[u8]) -> Digest {
    Digest(*blake3::Hasher::new_derive_key(CHAIN).update(&before.0).update(block).finalize().as_bytes())
}

/// Fills `state`, which has every roll without leaves, from the journal that the stamp names.
pub(super) fn read(state: &mut State, journal: &mut dyn Read, stamp: &Stamp) -> Result<Mark, SavedError> {
    let mut blocks = Blocks { journal, at: 0, end: stamp.journal_bytes, buffer: Vec::new() };
    let mut mark = Mark::new();
    while let Some((at, tag)) = blocks.next(before(mark.chain, &stamp.election), &mut mark.chain)? {
        let payload = blocks.payload();
        let damaged = |what| SavedError::Journal { at, what };
        match tag {
            ROLL => read_roll(state, &mut mark, payload).map_err(damaged)?,
            LEAVES => read_leaves(state, &mut mark, payload).map_err(damaged)?,
            _ => return Err(damaged("a block of an unknown kind")),
        }
    }
    mark.journal_bytes = blocks.at;
    mark.amendments = amendments(state);
    if mark.chain != stamp.chain {
        return Err(SavedError::Journal { at: blocks.at, what: "it does not end as the head says" });
    }
    for (station, roll) in &state.rolls {
        if mark.rolls.entry(*station).or_default() != &(roll.leaves.len() as u32) || !is_plausible(roll) {
            return Err(SavedError::Shape(format!("the roll of station {station} is not whole")));
        }
    }
    Ok(mark)
}

/// As many leaves as the chunks can have brought, in order.
fn is_plausible(roll: &StationRoll) -> bool {
    let whole = !roll.is_complete() || roll.leaves.len() == roll.total as usize;
    whole && roll.admitted.len() == roll.leaves.len() && roll.leaves.is_sorted_by(|a, b| a < b)
}

fn read_roll(state: &mut State, mark: &mut Mark, payload: &[u8]) -> Result<(), &'static str> {
    let (station, leaves) = number(payload).ok_or("a roll block without station")?;
    let (leaves, []) = leaves.as_chunks::<16>() else { return Err("a roll block with a part of a leaf") };
    let roll = state.rolls.get_mut(&station).ok_or("a roll block of a station without roll")?;
    roll.leaves.extend(leaves.iter().map(|leaf| RollLeaf(*leaf)));
    roll.admitted.resize(roll.leaves.len(), 0);
    *mark.rolls.entry(station).or_default() += leaves.len() as u32;
    Ok(())
}

/// Adds the block's ids, and marks its admissions.
fn read_leaves(state: &mut State, mark: &mut Mark, payload: &[u8]) -> Result<(), &'static str> {
    let (first, rest) = number(payload).ok_or("a leaves block without its first leaf")?;
    let (count, rest) = number(rest).ok_or("a leaves block without count")?;
    if first != mark.leaves || count > BLOCK_LEAVES {
        return Err("leaves that are not the next ones");
    }
    let end = first.checked_add(count).ok_or("leaves beyond the end of the ledger")?;
    let (ids, mut admissions) = rest.split_at_checked(count as usize * 16).ok_or("a leaves block that ends early")?;
    while !admissions.is_empty() {
        let (station, rest) = number(admissions).ok_or("a part of a station")?;
        let (voters, rest) = number(rest).ok_or("a part of a station")?;
        let bytes = (voters as usize).saturating_mul(8);
        let (voters, rest) = rest.split_at_checked(bytes).ok_or("a part of a station's admissions")?;
        let roll = state.rolls.get_mut(&station).ok_or("an admission at a station without roll")?;
        for voter in voters.as_chunks::<8>().0 {
            let (position, leaf) = number(voter).ok_or("a part of an admission")?;
            let (leaf, _) = number(leaf).ok_or("a part of an admission")?;
            let slot = roll.admitted.get_mut(position as usize).ok_or("an admission of nobody on the roll")?;
            if *slot != 0 || !(first..end).contains(&leaf) {
                return Err("an admission that cannot be");
            }
            *slot = leaf + 1;
        }
        admissions = rest;
    }
    mark.leaves = end;
    // Where there is no id, there are zeros, which are nobody's.
    ids.as_chunks::<16>().0.iter().for_each(|id| state.ids.push(Some(*id)));
    Ok(())
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// Blocks of a journal, read one at a time into one buffer.
struct Blocks<'a> {
    journal: &'a mut dyn Read,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl Blocks<'_> {
    /// Reads the next block and checks its chain value against `before`. Its offset and tag; none at the end.
    fn next(&mut self, before: Digest, chain: &mut Option<Digest>) -> Result<Option<(u64, u32)>, SavedError> {
        if self.at == self.end {
            return Ok(None);
        }
        let at = self.at;
        self.buffer.clear();
        self.read(at, BLOCK_HEADER)?;
        let damaged = |what| SavedError::Journal { at, what };
        let (tag, length) = number(&self.buffer).ok_or(damaged("no header"))?;
        let (length, _) = number(length).ok_or(damaged("no header"))?;
        if length as usize > PAYLOAD_MAX {
            return Err(damaged("a block longer than any"));
        }
        self.read(at, length as usize)?;
        let found = chained(&before, &self.buffer);
        let block = self.buffer.len();
        self.read(at, 32)?;
        if self.buffer.get(block..) != Some(&found.0[..]) {
            return Err(damaged("its digest differs"));
        }
        self.buffer.truncate(block);
        *chain = Some(found);
        Ok(Some((at, tag)))
    }

    /// The payload of the block read last.
    fn payload(&self) -> &[u8] {
        self.buffer.get(BLOCK_HEADER..).unwrap_or_default()
    }

    /// Reads so many bytes more into the buffer; `block` is where the block began.
    fn read(&mut self, block: u64, bytes: usize) -> Result<(), SavedError> {
        let short = SavedError::JournalShort { at: block, bytes: self.end };
        if self.end - self.at < bytes as u64 {
            return Err(short);
        }
        let have = self.buffer.len();
        self.buffer.resize(have + bytes, 0);
        match self.journal.read_exact(&mut self.buffer[have..]) {
            Ok(()) => {
                self.at += bytes as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(short),
            Err(error) => Err(error.into()),
        }
    }
}
