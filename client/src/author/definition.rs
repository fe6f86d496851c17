//! The election's definition, cut into parts that fit records.

use super::Scribe;
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};
use tamga_ledger::codec;
use tamga_ledger::definition::{Definition, part_digest};
use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::{Body as _, Constituency, DefinitionPart, Form, SeatRule, Station};
use tamga_ledger::record::Scope;
use tamga_ledger::submission::Submission;

/// Most bytes of a part's content: the record's header, one signer and the part's own fields need less than 1 KiB.
pub const PART_CONTENT_BYTES_MAX: usize = 55 * 1024;

/// What is to be elected, where, and on which forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionPlan {
    /// Ascending by number from 1.
    pub constituencies: Vec<Constituency>,
    /// In any order.
    pub stations: Vec<Station>,
    /// Protocol forms.
    pub forms: Vec<Form>,
    /// How seats are given.
    pub seat_rule: SeatRule,
}

impl DefinitionPlan {
    /// Cuts the definition into parts, checks them with the ledger's own rules, and returns them in their order.
    ///
    /// # Errors
    /// [`AuthorError::PartItem`], [`AuthorError::Definition`].
    pub fn into_parts(self) -> Result<(Vec<DefinitionPart>, Definition), AuthorError> {
        let mut contents: Vec<(u8, Vec<u8>)> = Vec::new();
        let mut add = |kind: u8, lists: Vec<Vec<u8>>| contents.extend(lists.into_iter().map(|bytes| (kind, bytes)));
        add(1, split("constituency", self.constituencies)?);
        add(2, split("station", self.stations)?);
        add(3, split("form", self.forms)?);
        add(4, vec![codec::encode(&self.seat_rule)]);
        let mut definition = Definition::default();
        let mut parts = Vec::with_capacity(contents.len());
        for ((part_kind, content), number) in contents.into_iter().zip(0..) {
            let part = DefinitionPart { part_kind, number, content };
            definition.add(&part)?;
            parts.push(part);
        }
        Ok((parts, definition))
    }
}

/// The digests that the genesis record lists.
pub(super) fn digests(parts: &[DefinitionPart]) -> Vec<Digest> {
    parts.iter().map(|part| part_digest(&part.to_bytes())).collect()
}

/// Encodes items as lists, each as long as fits a part.
fn split<T: Encode<()> + for<'b> Decode<'b, ()>>(
    what: &'static str,
    items: Vec<T>,
) -> Result<Vec<Vec<u8>>, AuthorError> {
    // An array's head takes at most 9 bytes.
    const HEAD: usize = 9;
    let (mut lists, mut list, mut bytes) = (Vec::new(), Vec::new(), HEAD);
    for item in items {
        let size = codec::encode(&item).len();
        if HEAD + size > PART_CONTENT_BYTES_MAX {
            return Err(AuthorError::PartItem { what, bytes: size });
        }
        if bytes + size > PART_CONTENT_BYTES_MAX {
            lists.push(codec::encode(&std::mem::take(&mut list)));
            bytes = HEAD;
        }
        bytes += size;
        list.push(item);
    }
    if !list.is_empty() {
        lists.push(codec::encode(&list));
    }
    Ok(lists)
}

impl Scribe {
    /// The definition's records, in the order in which they must be submitted.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn definition(
        &self,
        commission: &SigningKey,
        parts: &[DefinitionPart],
    ) -> Result<Vec<Submission>, AuthorError> {
        parts.iter().map(|part| self.write(Scope::Election, &[commission], part)).collect()
    }
}
