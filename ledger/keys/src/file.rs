//! Key files. One key and one purpose each.
//!
//! ```text
//! tamga-key/v2 <purpose> <public key, 64 hexadecimal digits>      the public half is known without a passphrase
//! -----BEGIN ENCRYPTED PRIVATE KEY-----                           PKCS #8 under a passphrase (pbes2.rs), or
//! pkcs11:token=…;object=…?module-path=…                           a key that a device holds
//! ```
//! For tests and rehearsals there is a third form, in the clear: `tamga-key/v1 <purpose> <64 hexadecimal digits>`.
//!
//! The purpose stands in the file so that a key copied to the wrong name is refused instead of used for two things. New
//! files have mode 0600.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::sign::{Signer, public_key};
use tamga_platform::disk::{Disk, Open};
use tamga_platform::entropy::Entropy;
use zeroize::Zeroizing;

use crate::error::{KeyFileError, io_error};
use crate::passphrase::{Passphrase, Passphrases};
use crate::pbes2;
use crate::purpose::Purpose;
use crate::uri::TokenUri;

/// First word of a file in the clear.
const CLEAR: &str = "tamga-key/v1";
/// First word of any other.
const SEALED: &str = "tamga-key/v2";
/// Longest key or certificate file.
pub const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// A key file that was read. Nothing is unlocked.
pub struct KeyFile {
    path: PathBuf,
    public: PublicKey,
    form: Form,
}

enum Form {
    Clear(SigningKey),
    Encrypted(String),
    Device(TokenUri),
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("path", &self.path).field("public", &self.public).finish_non_exhaustive()
    }
}

/// A key that can sign.
#[derive(Clone)]
pub enum Key {
    /// In memory, wiped when dropped.
    Memory(Box<SigningKey>),
    /// In a device.
    Device(Arc<dyn Signer>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.signer().public_key()).finish()
    }
}

impl Key {
    /// What signs.
    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        match self {
            Self::Memory(key) => &**key,
            Self::Device(device) => &**device,
        }
    }

    /// What signs, to be shared.
    #[must_use]
    pub fn into_signer(self) -> Arc<dyn Signer> {
        match self {
            Self::Memory(key) => Arc::new(*key),
            Self::Device(device) => device,
        }
    }
}

impl KeyFile {
    /// Reads the file of a purpose in a folder.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file.
    pub fn read(disk: &dyn Disk, folder: &Path, purpose: Purpose) -> Result<Self, KeyFileError> {
        Self::read_path(disk, &folder.join(purpose.file()), purpose)
    }

    /// Reads a file under any name.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file.
    pub fn read_path(disk: &dyn Disk, path: &Path, purpose: Purpose) -> Result<Self, KeyFileError> {
        let text = read_text(disk, path)?;
        let content = || KeyFileError::Content { path: path.to_owned(), purpose };
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let mut words = first.trim_end_matches('\r').split(' ');
        let (Some(form), Some(found), Some(digits), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(content());
        };
        if ![CLEAR, SEALED].contains(&form) {
            return Err(content());
        }
        if found != purpose.name() {
            let found = found.chars().take(20).collect();
            return Err(KeyFileError::OtherPurpose { path: path.to_owned(), expected: purpose, found });
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| content())?;
        let path = path.to_owned();
        if form == CLEAR {
            let key = SigningKey::from_bytes(&bytes);
            return Ok(Self { path, public: public_key(&key), form: Form::Clear(key) });
        }
        let public = PublicKey(*bytes);
        let form = match rest.trim_start().starts_with("pkcs11:") {
            true => Form::Device(rest.trim().parse().map_err(|error: crate::UriError| KeyFileError::Device {
                path: path.clone(),
                what: error.to_string(),
            })?),
            false if pbes2::is_encrypted(rest) => Form::Encrypted(rest.to_owned()),
            false => return Err(content()),
        };
        Ok(Self { path, public, form })
    }

    /// The public half. Of an encrypted file or a device it is what the file says until it is unlocked.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Whether whoever reads the file has the key.
    #[must_use]
    pub const fn is_clear(&self) -> bool {
        matches!(self.form, Form::Clear(_))
    }

    /// The key itself.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file.
    pub fn unlock(&self, passphrases: &Passphrases) -> Result<Key, KeyFileError> {
        let path = || self.path.clone();
        let passphrase = || passphrases.get().map_err(|source| KeyFileError::Passphrase { path: path(), source });
        let key = match &self.form {
            Form::Clear(key) => Key::Memory(Box::new(key.clone())),
            Form::Encrypted(pem) => {
                let seed = pbes2::open_seed(pem, &passphrase()?)
                    .map_err(|source| KeyFileError::Encryption { path: path(), source })?;
                Key::Memory(Box::new(SigningKey::from_bytes(&seed)))
            }
            Form::Device(uri) => Key::Device(device(uri, self.public, &passphrase()?, &self.path)?),
        };
        if key.signer().public_key() != self.public {
            return Err(KeyFileError::OtherKey { path: path() });
        }
        Ok(key)
    }
}

#[cfg(feature = "pkcs11")]
fn device(uri: &TokenUri, public: PublicKey, pin: &Passphrase, path: &Path) -> Result<Arc<dyn Signer>, KeyFileError> {
    match crate::pkcs11::DeviceKey::open(uri.clone(), public, pin.clone()) {
        Ok(key) => Ok(Arc::new(key)),
        Err(error) => Err(KeyFileError::Device { path: path.to_owned(), what: error.to_string() }),
    }
}

#[cfg(not(feature = "pkcs11"))]
fn device(_: &TokenUri, _: PublicKey, _: &Passphrase, path: &Path) -> Result<Arc<dyn Signer>, KeyFileError> {
    let what = "a device holds the key, and this program was built without PKCS #11 (feature pkcs11)".to_owned();
    Err(KeyFileError::Device { path: path.to_owned(), what })
}

/// Reads and unlocks the key of a purpose in a folder.
///
/// # Errors
/// [`KeyFileError`], naming the file.
pub fn read_key(
    disk: &dyn Disk,
    folder: &Path,
    purpose: Purpose,
    passphrases: &Passphrases,
) -> Result<Key, KeyFileError> {
    KeyFile::read(disk, folder, purpose)?.unlock(passphrases)
}

/// Writes one key file, durably; never replaces one. Without a passphrase it is in the clear.
///
/// # Errors
/// [`KeyFileError::Io`]; `AlreadyExists` when there is one already.
pub fn write_key(
    disk: &dyn Disk,
    folder: &Path,
    purpose: Purpose,
    key: &SigningKey,
    protection: Option<(&Passphrase, &dyn Entropy)>,
) -> Result<(), KeyFileError> {
    let path = folder.join(purpose.file());
    let text = text_of(&path, purpose, key, protection)?;
    write_new(disk, &path, text.as_bytes())
}

/// Replaces a key file by one with the same key under another passphrase, atomically.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn rewrite_key(
    disk: &dyn Disk,
    folder: &Path,
    purpose: Purpose,
    key: &SigningKey,
    protection: (&Passphrase, &dyn Entropy),
) -> Result<(), KeyFileError> {
    let path = folder.join(purpose.file());
    let text = text_of(&path, purpose, key, Some(protection))?;
    disk.replace(&path, text.as_bytes()).map_err(io_error("replace", &path))
}

fn text_of(
    path: &Path,
    purpose: Purpose,
    key: &SigningKey,
    protection: Option<(&Passphrase, &dyn Entropy)>,
) -> Result<Zeroizing<String>, KeyFileError> {
    let seed = Zeroizing::new(key.to_bytes());
    let name = purpose.name();
    let Some((passphrase, entropy)) = protection else {
        let digits = Zeroizing::new(hex::encode(*seed));
        return Ok(Zeroizing::new(format!("{CLEAR} {name} {}\n", *digits)));
    };
    let pem = pbes2::seal_seed(&seed, passphrase, entropy)
        .map_err(|source| KeyFileError::Encryption { path: path.to_owned(), source })?;
    Ok(Zeroizing::new(format!("{SEALED} {name} {}\n{pem}", public_key(key))))
}

/// Writes a file that must not be there yet, durably, with mode 0600.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let file = disk.open(path, Open::CreateNew).map_err(io_error("create", path))?;
    file.write_all_at(bytes, 0).map_err(io_error("write", path))?;
    file.sync_data().map_err(io_error("sync", path))
}

/// Reads a text that may be a secret.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn read_text(disk: &dyn Disk, path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let bytes = disk.read(path, KEY_FILE_BYTES_MAX).map_err(io_error("read", path))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        // The bytes may be a key's: they are wiped, and no part of them is shown.
        drop(Zeroizing::new(error.into_bytes()));
        io_error("read", path)(io::Error::new(io::ErrorKind::InvalidData, "the file is not text"))
    });
    text.map(Zeroizing::new)
}
