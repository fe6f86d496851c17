//! Signed notes, checkpoints and cosignatures, exactly as C2SP writes them.
//!
//! | file | specification |
//! |---|---|
//! | `signed` | [signed-note]: text, blank line, signature lines |
//! | `key` | [signed-note] verifier keys: `name+hash+base64(type ‖ key)` |
//! | `signer` | [signed-note] Ed25519 (0x01) and [tlog-cosignature] v1 (0x04) signatures |
//! | `checkpoint` | [tlog-checkpoint] with exactly one extension line, the BLAKE3 root |
//! | `verified` | a checkpoint that satisfies a trust policy; only the verifier makes one |
//!
//! Knows nothing of elections, and no clock: cosigning times are reported, not judged.
//!
//! [signed-note]: https://c2sp.org/signed-note
//! [tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [tlog-cosignature]: https://c2sp.org/tlog-cosignature

mod checkpoint;
mod key;
mod signed;
mod signer;
mod verified;

pub use checkpoint::{Checkpoint, CheckpointError, ORIGIN_BYTES_MAX};
pub use key::{KEY_NAME_BYTES_MAX, KeyHash, KeyName, KeyRole, VerifierKey, VerifierKeyError};
pub use signed::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, NoteError, NoteSignature, SIGNATURE_BYTES_MAX, SignedNote};
pub use signer::{CosignError, CosignerKey, LogKey, SignatureError, cosigned_message};
pub use verified::{CheckpointVerifyError, Cosignature, Standing, UnverifiedCheckpoint, VerifiedCheckpoint};
