//! One file that verifies offline: a receipt with the genesis entry.

use minicbor::{Decode, Encode};
use tamga_ledger::codec::{self, CodecError};
use tamga_ledger::entry::ENTRY_BYTES_MAX;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::receipt::{RECEIPT_BYTES_MAX, Receipt, ReceiptError, VerifiedReceipt};
use tamga_ledger::trust::{Trust, TrustError};

/// Longest bundle file.
pub const BUNDLE_BYTES_MAX: usize = RECEIPT_BYTES_MAX + ENTRY_BYTES_MAX + 64;

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

/// A receipt and the genesis entry that its verification starts from. Nothing is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofBundle {
    /// Entry 0.
    pub genesis: Vec<u8>,
    /// The receipt.
    pub receipt: Receipt,
}

/// Bytes that are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFileError {
    /// Not canonical.
    #[error("not a proof bundle: {0}")]
    Codec(#[from] CodecError),
    /// A later version.
    #[error("proof bundle version {0} is not known here; this software reads version 1")]
    Version(u64),
    /// The receipt in it.
    #[error("the receipt in the bundle: {0}")]
    Receipt(#[from] ReceiptError),
}

impl ProofBundle {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(&BundleBytes { version: 1, genesis: self.genesis.clone(), receipt: self.receipt.to_bytes() })
    }

    /// Reads canonical bytes; verifies nothing.
    ///
    /// # Errors
    /// [`BundleFileError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleFileError> {
        let raw: BundleBytes = codec::decode(bytes, BUNDLE_BYTES_MAX)?;
        if raw.version != 1 {
            return Err(BundleFileError::Version(raw.version));
        }
        Ok(Self { genesis: raw.genesis, receipt: Receipt::from_bytes(&raw.receipt)? })
    }

    /// The trust that the genesis entry gives, if it is the pinned one.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn trust(&self, pinned: &ElectionId) -> Result<Trust, TrustError> {
        Trust::from_entry(&self.genesis, pinned)
    }

    /// Verifies everything from the pinned genesis digest on.
    ///
    /// # Errors
    /// [`super::VerifyError`].
    pub fn verify(&self, pinned: &ElectionId) -> Result<VerifiedReceipt, super::VerifyError> {
        Ok(self.receipt.verify(&self.trust(pinned)?)?)
    }
}
