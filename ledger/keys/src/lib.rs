//! Secret keys at rest, what unlocks them, and the cards that show their public half.
//!
//! | module | what |
//! |---|---|
//! | `purpose` | what a key is for; one key never has two purposes |
//! | `card` | the public half, with a proof that whoever hands it out has the secret half |
//! | `file` | key files: encrypted, in a device, or (tests, rehearsals) in the clear |
//! | `pbes2` | PKCS #8 under a passphrase, as OpenSSL reads and writes it |
//! | `passphrase` | where a passphrase comes from; never from an argument |
//! | `mode` | files that others on the machine could read |
//! | `uri`, `pkcs11` | keys that a device holds (RFC 7512; feature `pkcs11`) |
//!
//! ```text
//! file ─► KeyFile (public key known, nothing unlocked) ─► unlock(passphrase) ─► Key ─► Signer
//! ```
//!
//! Architecture invariants:
//! - a secret is wiped from memory when it is dropped, and is never printed;
//! - what is read is bounded before memory or time is spent, the cost of a passphrase's derivation included;
//! - a file that states a public key gives no other: a wrong passphrase, or an altered file, is an error.

mod card;
mod error;
mod file;
mod mode;
mod passphrase;
mod pbes2;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod purpose;
mod uri;

pub use card::{CardError, NodeCard, OrganisationCard, grouped};
pub use error::KeyFileError;
pub use file::{KEY_FILE_BYTES_MAX, Key, KeyFile, read_key, read_text, rewrite_key, write_key, write_new};
pub use mode::check_mode;
pub use passphrase::{PASSPHRASE_CHARACTERS_MIN, PASSPHRASE_VARIABLE, Passphrase, PassphraseError, Passphrases};
pub use pbes2::{EncryptError, is_encrypted, protect_pem, unprotect_pem};
#[cfg(feature = "pkcs11")]
pub use pkcs11::{DeviceKey, make_device_key};
pub use purpose::Purpose;
pub use uri::{TokenUri, UriError};
