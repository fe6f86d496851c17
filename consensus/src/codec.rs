//! Bytes of the few structures that consensus itself stores and sends, little-endian, bounded on reading.
//!
//! A membership, version 1:
//!
//! | bytes | what |
//! |---|---|
//! | u8 | version, 1 |
//! | u8 | number of voter sets: 1, or 2 in the middle of a change; 0 before the first one |
//! | each set | u16 number of ids, then each id as u64, ascending |
//! | u16 | number of members, then each: u64 id, u16 length of the address, the address in UTF-8; ascending by id |

use std::collections::{BTreeMap, BTreeSet};

use bytes::BufMut;

use crate::error::Malformed;
use crate::types::{ADDRESS_BYTES_MAX, LogPosition, MEMBERS_MAX, NodeId};

/// Members of the cluster: who votes (two sets in the middle of a change) and where everybody is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) voters: Vec<BTreeSet<u64>>,
    pub(crate) addresses: BTreeMap<u64, String>,
}

const MEMBERSHIP_VERSION: u8 = 1;

impl Membership {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![MEMBERSHIP_VERSION, narrow(self.voters.len())];
        for set in &self.voters {
            out.put_u16_le(narrow(set.len()));
            set.iter().for_each(|id| out.put_u64_le(*id));
        }
        out.put_u16_le(narrow(self.addresses.len()));
        for (id, address) in &self.addresses {
            out.put_u64_le(*id);
            out.put_u16_le(narrow(address.len()));
            out.put_slice(address.as_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "membership";
        let mut reader = Reader::new(WHAT, bytes);
        let version = reader.u8()?;
        if version != MEMBERSHIP_VERSION {
            return Err(Malformed::Kind("version of a membership", version.into()));
        }
        let sets = usize::from(reader.u8()?);
        at_most("voter sets", sets, 2)?;
        let mut voters = Vec::with_capacity(sets);
        for _ in 0..sets {
            let count = reader.u16()?.into();
            at_most("voters", count, MEMBERS_MAX)?;
            voters.push((0..count).map(|_| reader.u64()).collect::<Result<BTreeSet<_>, _>>()?);
        }
        let count = reader.u16()?.into();
        at_most("members", count, MEMBERS_MAX)?;
        let mut addresses = BTreeMap::new();
        for _ in 0..count {
            let id = reader.u64()?;
            let length = reader.u16()?.into();
            at_most("address", length, ADDRESS_BYTES_MAX)?;
            let address = std::str::from_utf8(reader.take(length)?).map_err(|_| Malformed::Utf8("address"))?;
            addresses.insert(id, address.to_owned());
        }
        reader.end()?;
        let homeless = voters.iter().flatten().copied().find(|id| !addresses.contains_key(id));
        homeless.map_or(Ok(Self { voters, addresses }), |id| Err(Malformed::NoAddress(NodeId(id))))
    }
}

/// Lengths that are encoded were checked against the limits of `types` when they entered; saturation never happens.
fn narrow<T: TryFrom<usize> + Default>(length: usize) -> T {
    debug_assert!(T::try_from(length).is_ok(), "a length beyond its limit reached the encoder");
    T::try_from(length).unwrap_or_default()
}

fn at_most(what: &'static str, bytes: usize, max: usize) -> Result<(), Malformed> {
    if bytes > max { Err(Malformed::TooLarge { what, bytes, max }) } else { Ok(()) }
}

/// `None` is one zero byte; `Some` is a one, then term, leader, index.
pub(crate) fn put_position(out: &mut Vec<u8>, position: Option<LogPosition>) {
    out.put_u8(position.is_some().into());
    if let Some(LogPosition { term, leader, index }) = position {
        out.put_u64_le(term);
        out.put_u64_le(leader.0);
        out.put_u64_le(index);
    }
}

/// Reads little-endian values and never past the end.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Length(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Length(self.what))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Malformed::Kind("flag", other.into())),
        }
    }

    pub(crate) fn position(&mut self) -> Result<Option<LogPosition>, Malformed> {
        if !self.flag()? {
            return Ok(None);
        }
        Ok(Some(LogPosition { term: self.u64()?, leader: NodeId(self.u64()?), index: self.u64()? }))
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Length(self.what)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Membership {
        let addresses = [(1, "a:1".to_owned()), (2, "b:2".to_owned()), (9, String::new())];
        Membership { voters: vec![[1, 2].into(), [1].into()], addresses: addresses.into() }
    }

    #[test]
    fn a_membership_reads_back() {
        for membership in [sample(), Membership::default()] {
            assert_eq!(Membership::decode(&membership.encode()), Ok(membership));
        }
    }

    #[test]
    fn a_membership_cut_anywhere_or_lengthened_is_refused() {
        let bytes = sample().encode();
        (0..bytes.len()).for_each(|cut| assert!(Membership::decode(&bytes[..cut]).is_err(), "cut at {cut}"));
        assert!(Membership::decode(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn a_voter_without_address_is_refused() {
        let mut membership = sample();
        membership.addresses.remove(&2);
        assert_eq!(Membership::decode(&membership.encode()), Err(Malformed::NoAddress(NodeId(2))));
    }
}
