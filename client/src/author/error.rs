//! Why a record cannot be written. All of it is found before anybody signs.

use super::protocol::BrokenRelation;
use tamga_ledger::definition::DefinitionError;
use tamga_ledger::ids::KeyId;
use tamga_ledger::judge::GenesisError;
use tamga_ledger::record::{RECORD_BYTES_MAX, SIGNERS_MAX};

/// Why a record cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// The record would not fit.
    #[error("the record has {bytes} bytes; at most {RECORD_BYTES_MAX} fit: split it")]
    TooLong {
        /// Bytes it would have.
        bytes: usize,
    },
    /// Bytes that are no draft.
    #[error("this is not the draft of a record: {0}")]
    Malformed(String),
    /// Nobody, or too many.
    #[error("{0} signers; a record has 1 to {SIGNERS_MAX}")]
    SignerCount(usize),
    /// One key twice.
    #[error("key {0} is named twice among the signers")]
    SignerTwice(KeyId),
    /// A share of somebody who need not sign.
    #[error("key {0} is not one of the record's signers; remove its share")]
    NotASigner(KeyId),
    /// Somebody has not signed yet.
    #[error("key {0} has not signed yet")]
    ShareMissing(KeyId),
    /// A share that does not verify.
    #[error("the signature of key {0} does not verify over this record; it may be of an earlier draft")]
    ShareInvalid(KeyId),
    /// An item that fits no definition part.
    #[error("one {what} alone has {bytes} bytes, more than a definition part holds")]
    PartItem {
        /// What kind of item.
        what: &'static str,
        /// Its bytes.
        bytes: usize,
    },
    /// The definition breaks a rule.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The genesis record breaks a rule.
    #[error("genesis record: {0}")]
    Genesis(#[from] GenesisError),
    /// No trust policy can be made of the organisations.
    #[error("trust policy: {0}")]
    Policy(String),
    /// A voter twice on one roll.
    #[error("a voter is {times} times on the roll of station {station}")]
    RollDuplicate {
        /// The station.
        station: u32,
        /// How often.
        times: usize,
    },
    /// Too many voters for one station.
    #[error("the roll of station {station} has {voters} voters, more than can be written")]
    RollTooLong {
        /// The station.
        station: u32,
        /// Voters.
        voters: usize,
    },
    /// Another form than the protocol names.
    #[error("the protocol names form {named}, but was checked against {form}")]
    OtherForm {
        /// Code and version in the protocol.
        named: String,
        /// Code and version of the form.
        form: String,
    },
    /// Lines that are not the form's.
    #[error("line {place} of the protocol is {found:?} where form line {due:?} is due")]
    Line {
        /// Place, from 1.
        place: usize,
        /// Code in the protocol; empty for none.
        found: String,
        /// Code in the form; empty for none.
        due: String,
    },
    /// The key is in a device, which did not sign.
    #[error(transparent)]
    Signer(#[from] tamga_ledger::sign::SignerError),
    /// Hard relations do not hold.
    #[error("not to be signed: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    RelationsBroken(Vec<BrokenRelation>),
}
