//! Why a key file cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use crate::passphrase::PassphraseError;
use crate::pbes2::EncryptError;
use crate::purpose::Purpose;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others on this machine could read a secret.
    #[error(
        "{path} has mode {mode:04o}: others on this machine could read it; run chmod 600 on it, and replace the key if they may have"
    )]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key file.
    #[error("{path} is not a key file: expected a first line \"tamga-key/v2 {} <public key>\" and the key", .purpose.name())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        purpose: Purpose,
    },
    /// A key that was made for something else.
    #[error("{path} holds a {found} key where a {} key belongs; one key never has two purposes", .expected.name())]
    OtherPurpose {
        /// Which file.
        path: PathBuf,
        /// What belongs there.
        expected: Purpose,
        /// What the file says it is.
        found: String,
    },
    /// No passphrase is to be had.
    #[error("{path}: {source}")]
    Passphrase {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: PassphraseError,
    },
    /// The passphrase does not open it.
    #[error("{path}: {source}")]
    Encryption {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: EncryptError,
    },
    /// The secret is not that of the public key the file states.
    #[error(
        "{path}: the secret in it is not that of the public key in its first line; the file was altered: restore it"
    )]
    OtherKey {
        /// Which file.
        path: PathBuf,
    },
    /// The device that holds the key.
    #[error("{path}: {what}")]
    Device {
        /// Which file names it.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// For `map_err`.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_owned();
    move |source| KeyFileError::Io { action, path, source }
}
