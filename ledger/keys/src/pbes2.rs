//! PKCS #8 under a passphrase: EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018), scrypt (RFC 7914) and AES-256-CBC, in
//! PEM (RFC 7468). `openssl pkey` reads and writes the same.
//!
//! New files cost N = 2¹⁴, r = 8, p = 5: 16 MiB and five passes, one of the settings OWASP counts as equal to 128 MiB in one pass.
//! A larger N would be beyond what OpenSSL allows itself (32 MiB). CBC does not authenticate; whoever reads compares the
//! public key with the one that is known.

use pkcs8::der::pem::PemLabel as _;
use pkcs8::der::{Decode as _, Document, Encode as _};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf, Salt, ScryptParams};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoOwned, LineEnding, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};
use tamga_platform::entropy::{Entropy, random_bytes};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;

/// Ed25519 (RFC 8410).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// A 32-byte string inside the private key's string (RFC 8410 §7).
const SEED_HEAD: [u8; 2] = [0x04, 0x20];
const COST: u64 = 1 << 14;
const BLOCK_SIZE: u16 = 8;
const PARALLELIZATION: u16 = 5;
/// Most memory that a file may make its reader spend, bytes: 128 · N · r.
const SCRYPT_BYTES_MAX: u64 = 256 << 20;
/// Most passes over that memory.
const SCRYPT_PASSES_MAX: u16 = 16;
/// Most rounds of the older derivation, which OpenSSL may have used.
const PBKDF2_ROUNDS_MAX: u32 = 10_000_000;
/// Label of an unencrypted key.
const CLEAR: &str = "PRIVATE KEY";

/// Why a key cannot be encrypted, or decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// Not what it should be.
    #[error("it is not a PKCS #8 key in PEM")]
    Malformed,
    /// Another algorithm than those this software reads.
    #[error(
        "it is encrypted in a way this software does not read; use PBES2 with scrypt or PBKDF2, and AES in CBC mode"
    )]
    Algorithm,
    /// A derivation that would cost too much.
    #[error("opening it would cost more memory or time than this software spends on one file")]
    Cost,
    /// Most likely the passphrase.
    #[error("the passphrase does not open it")]
    Passphrase,
    /// A key, and not of this kind.
    #[error("it does not hold an Ed25519 key")]
    OtherKind,
}

/// An Ed25519 seed as an encrypted PEM block.
pub(crate) fn seal_seed(
    seed: &[u8; 32],
    passphrase: &Passphrase,
    entropy: &dyn Entropy,
) -> Result<String, EncryptError> {
    let mut inner = Zeroizing::new([0; 34]);
    inner[..2].copy_from_slice(&SEED_HEAD);
    inner[2..].copy_from_slice(seed);
    let algorithm = AlgorithmIdentifierRef { oid: ED25519, parameters: None };
    let inner = pkcs8::der::asn1::OctetStringRef::new(&*inner).map_err(|_| EncryptError::Malformed)?;
    let info = PrivateKeyInfoRef::new(algorithm, inner);
    let document = SecretDocument::try_from(info).map_err(|_| EncryptError::Malformed)?;
    seal(document.as_bytes(), passphrase, entropy)
}

/// The seed in an encrypted PEM block.
pub(crate) fn open_seed(pem: &str, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, EncryptError> {
    let document = open(pem, passphrase)?;
    let info = PrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| EncryptError::Passphrase)?;
    if info.algorithm.oid != ED25519 {
        return Err(EncryptError::OtherKind);
    }
    let inner = info.private_key.as_bytes().strip_prefix(&SEED_HEAD).ok_or(EncryptError::OtherKind)?;
    let mut seed = Zeroizing::new([0; 32]);
    if inner.len() != seed.len() {
        return Err(EncryptError::OtherKind);
    }
    seed.copy_from_slice(inner);
    Ok(seed)
}

/// Whether a PEM text holds an encrypted key.
#[must_use]
pub fn is_encrypted(pem: &str) -> bool {
    pem.contains(&format!("-----BEGIN {}-----", EncryptedPrivateKeyInfoOwned::PEM_LABEL))
}

/// Encrypts an unencrypted PKCS #8 key of any kind (PEM).
///
/// # Errors
/// [`EncryptError::Malformed`].
pub fn protect_pem(pem: &str, passphrase: &Passphrase, entropy: &dyn Entropy) -> Result<String, EncryptError> {
    let (label, document) = SecretDocument::from_pem(pem).map_err(|_| EncryptError::Malformed)?;
    if label != CLEAR {
        return Err(EncryptError::Malformed);
    }
    seal(document.as_bytes(), passphrase, entropy)
}

/// Decrypts a PKCS #8 key of any kind (PEM).
///
/// # Errors
/// [`EncryptError`].
pub fn unprotect_pem(pem: &str, passphrase: &Passphrase) -> Result<Zeroizing<String>, EncryptError> {
    let document = open(pem, passphrase)?;
    document.to_pem(CLEAR, LineEnding::LF).map_err(|_| EncryptError::Malformed)
}

fn seal(document: &[u8], passphrase: &Passphrase, entropy: &dyn Entropy) -> Result<String, EncryptError> {
    let kdf = Kdf::Scrypt(ScryptParams {
        salt: Salt::new(random_bytes::<16>(entropy)).map_err(|_| EncryptError::Malformed)?,
        cost_parameter: COST,
        block_size: BLOCK_SIZE,
        parallelization: PARALLELIZATION,
        key_length: None,
    });
    let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv: random_bytes::<16>(entropy) };
    let scheme = EncryptionScheme::Pbes2(pbes2::Parameters { kdf, encryption });
    let sealed = scheme.encrypt(passphrase.as_str(), document).map_err(|_| EncryptError::Malformed)?;
    let encrypted_data = pkcs8::der::asn1::OctetString::new(sealed).map_err(|_| EncryptError::Malformed)?;
    let info = EncryptedPrivateKeyInfoOwned { encryption_algorithm: scheme, encrypted_data };
    let der = info.to_der().map_err(|_| EncryptError::Malformed)?;
    let document = Document::try_from(der).map_err(|_| EncryptError::Malformed)?;
    document.to_pem(EncryptedPrivateKeyInfoOwned::PEM_LABEL, LineEnding::LF).map_err(|_| EncryptError::Malformed)
}

fn open(pem: &str, passphrase: &Passphrase) -> Result<SecretDocument, EncryptError> {
    let (label, document) = Document::from_pem(pem).map_err(|_| EncryptError::Malformed)?;
    if label != EncryptedPrivateKeyInfoOwned::PEM_LABEL {
        return Err(EncryptError::Malformed);
    }
    let info = EncryptedPrivateKeyInfoOwned::from_der(document.as_bytes()).map_err(|_| EncryptError::Algorithm)?;
    // Before anything is derived: the library would take any number that stands in the file.
    check_cost(&info.encryption_algorithm)?;
    let opened = info.encryption_algorithm.decrypt(passphrase.as_str(), info.encrypted_data.as_bytes());
    let opened = Zeroizing::new(opened.map_err(|_| EncryptError::Passphrase)?);
    SecretDocument::try_from(opened.as_slice()).map_err(|_| EncryptError::Passphrase)
}

fn check_cost(scheme: &EncryptionScheme) -> Result<(), EncryptError> {
    let EncryptionScheme::Pbes2(parameters) = scheme else { return Err(EncryptError::Algorithm) };
    let bearable = match &parameters.kdf {
        Kdf::Scrypt(scrypt) => {
            let bytes =
                u64::from(scrypt.block_size).checked_mul(128).and_then(|r| r.checked_mul(scrypt.cost_parameter));
            scrypt.cost_parameter.is_power_of_two()
                && scrypt.cost_parameter > 1
                && scrypt.block_size > 0
                && bytes.is_some_and(|bytes| bytes <= SCRYPT_BYTES_MAX)
                && (1..=SCRYPT_PASSES_MAX).contains(&scrypt.parallelization)
        }
        Kdf::Pbkdf2(pbkdf2) => (1..=PBKDF2_ROUNDS_MAX).contains(&pbkdf2.iteration_count),
        _ => return Err(EncryptError::Algorithm),
    };
    if bearable { Ok(()) } else { Err(EncryptError::Cost) }
}
