//! One file that verifies offline: a receipt with the genesis entry, and the decisions that changed the trust policy in between.

use minicbor::{Decode, Encode};
use tamga_ledger::codec::{self, CodecError};
use tamga_ledger::entry::ENTRY_BYTES_MAX;
use tamga_ledger::history::{HISTORY_BYTES_MAX, History, HistoryError};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::receipt::{RECEIPT_BYTES_MAX, Receipt, ReceiptError, VerifiedReceipt};
use tamga_ledger::trust::Trust;

/// Longest bundle file.
pub const BUNDLE_BYTES_MAX: usize = RECEIPT_BYTES_MAX + ENTRY_BYTES_MAX + HISTORY_BYTES_MAX + 64;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct BundleBytes {
    #[n(0)]
    version: u64,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    genesis: Vec<u8>,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    receipt: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct BundleBytes2 {
    #[n(0)]
    version: u64,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    genesis: Vec<u8>,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    receipt: Vec<u8>,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    history: Vec<u8>,
}

/// A receipt and the genesis entry that its verification starts from. Nothing is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofBundle {
    /// Entry 0.
    pub genesis: Vec<u8>,
    /// The receipt.
    pub receipt: Receipt,
    /// The organisations' decisions with their proofs; empty while nothing was decided.
    pub history: History,
}

/// Bytes that are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFileError {
    /// Not canonical.
    #[error("not a proof bundle: {0}")]
    Codec(#[from] CodecError),
    /// A later version.
    #[error("proof bundle version {0} is not known here; this software reads versions 1 and 2")]
    Version(u64),
    /// The receipt in it.
    #[error("the receipt in the bundle: {0}")]
    Receipt(#[from] ReceiptError),
    /// The history in it.
    #[error("the history in the bundle: {0}")]
    History(#[from] HistoryError),
}

impl ProofBundle {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (genesis, receipt) = (self.genesis.clone(), self.receipt.to_bytes());
        if self.history.is_empty() {
            return codec::encode(&BundleBytes { version: 1, genesis, receipt });
        }
        codec::encode(&BundleBytes2 { version: 2, genesis, receipt, history: self.history.to_bytes() })
    }

    /// Reads canonical bytes; verifies nothing.
    ///
    /// # Errors
    /// [`BundleFileError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleFileError> {
        if let Ok(raw) = codec::decode::<BundleBytes2>(bytes, BUNDLE_BYTES_MAX) {
            if raw.version != 2 {
                return Err(BundleFileError::Version(raw.version));
            }
            let (receipt, history) = (Receipt::from_bytes(&raw.receipt)?, History::from_bytes(&raw.history)?);
            return Ok(Self { genesis: raw.genesis, receipt, history });
        }
        let raw: BundleBytes = codec::decode(bytes, BUNDLE_BYTES_MAX)?;
        if raw.version != 1 {
            return Err(BundleFileError::Version(raw.version));
        }
        let receipt = Receipt::from_bytes(&raw.receipt)?;
        Ok(Self { genesis: raw.genesis, receipt, history: History::default() })
    }

    /// The trust that the genesis entry gives, if it is the pinned one, and the history leads to.
    ///
    /// # Errors
    /// [`super::VerifyError`].
    pub fn trust(&self, pinned: &ElectionId) -> Result<Trust, super::VerifyError> {
        Ok(Trust::from_entry(&self.genesis, pinned)?.follow(&self.history)?)
    }

    /// Verifies everything from the pinned genesis digest on.
    ///
    /// # Errors
    /// [`super::VerifyError`].
    pub fn verify(&self, pinned: &ElectionId) -> Result<VerifiedReceipt, super::VerifyError> {
        Ok(self.receipt.verify(&self.trust(pinned)?)?)
    }
}
