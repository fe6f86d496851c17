//! What a key is for.

/// What a key is for. One public key never has two purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Cosigns checkpoints.
    Cosigner,
    /// Signs published checkpoints as the log.
    Log,
    /// Signs promises and refusals.
    Promise,
    /// Signs batches.
    Batch,
    /// An organisation's records.
    Record,
    /// An organisation's cosigner for the day a node's own key is lost.
    Standby,
}

impl Purpose {
    /// As it stands in a key file and in the file's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosigner => "cosigner",
            Self::Log => "log",
            Self::Promise => "promise",
            Self::Batch => "batch",
            Self::Record => "record",
            Self::Standby => "standby",
        }
    }

    /// The file's name.
    #[must_use]
    pub fn file(self) -> String {
        format!("{}.key", self.name())
    }
}
