//! A node's folder of keys, one key and one purpose each, and their public half for the ceremony.
//!
//! | file | holds |
//! |---|---|
//! | `cosigner.key`, `log.key`, `promise.key`, `batch.key` | encrypted, in a device, or in the clear: see [`tamga_keys`] |
//! | `tls.key`, `tls.crt` | P-256 key (PKCS #8, encrypted or in the clear) and certificate, PEM |
//! | `public.json` | what the organisations exchange: public keys and the certificate's pin |
//!
//! Two folders beside them may hold single keys (`cosigner.key`, `standby.key`, `log.key`, `promise.key`): `next/` those that a
//! decision of the organisations is to put in force, `previous/` those that one has replaced. Which of them sign, the ledger
//! says, so that nobody has to change files at one certain moment.
//!
//! The purpose stands in the file so that a key copied to the wrong name is refused instead of used for two things.
//! Secret files are made with mode 0600; [`check_modes`] refuses wider ones.

use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tamga_keys::{
    Key, KeyFile, NodeCard, Passphrase, TokenUri, check_mode, is_encrypted, protect_pem, read_text, rewrite_key,
    unprotect_pem, write_key, write_new,
};
pub use tamga_keys::{KeyFileError, Passphrases, Purpose, read_key};
use tamga_ledger::ids::{Digest, PublicKey};
use tamga_ledger::kinds::NodeKeys;
use tamga_ledger::sign::{self, Signer};
use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;
use zeroize::Zeroizing;

use crate::core::{NodeSecrets, NodeSigners, OtherKeys};
use crate::tls::TlsIdentity;

/// Files of a node's folder that must not be readable by others.
const SECRET_FILES: [&str; 5] = ["cosigner.key", "log.key", "promise.key", "batch.key", "tls.key"];

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// A file beside the key files.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Keys in the clear, and votes that count.
    #[error(
        "{path} is in the clear, and this election is a real one: encrypt it with `tamga-node protect-keys {}`; keys in the \
         clear are for tests and rehearsals", .path.parent().unwrap_or(.path).display()
    )]
    Clear {
        /// Which file.
        path: PathBuf,
    },
    /// The TLS key or certificate.
    #[error("{path}: {what}")]
    Tls {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The genesis record registers other keys.
    #[error(
        "the {what} in {folder} is not the one that the genesis record registers for node {node} ({registered}); this is \
         another node's folder, or another election's genesis file"
    )]
    NotRegistered {
        /// Which key.
        what: &'static str,
        /// Where it was found.
        folder: PathBuf,
        /// The node.
        node: u32,
        /// The registered public key or pin.
        registered: String,
    },
}

/// How new key files are protected.
#[derive(Clone, Copy, Default)]
pub struct Protection<'a> {
    /// The passphrase, and where salts come from; none for files in the clear.
    pub passphrase: Option<(&'a Passphrase, &'a dyn Entropy)>,
    /// Keys that devices hold, with their public halves: their files name the device.
    pub devices: &'a [(Purpose, TokenUri, PublicKey)],
}

impl Protection<'_> {
    /// Writes one key's file.
    pub(crate) fn write(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        purpose: Purpose,
        key: &SigningKey,
    ) -> Result<(), KeyFileError> {
        match self.devices.iter().find(|(held, ..)| *held == purpose) {
            Some((_, uri, public)) => {
                let text = format!("tamga-key/v2 {} {public}\n{uri}\n", purpose.name());
                write_new(disk, &folder.join(purpose.file()), text.as_bytes())
            }
            None => write_key(disk, folder, purpose, key, self.passphrase),
        }
    }
}

/// A node's keys as they are made, all in memory.
#[derive(Debug, Clone)]
pub struct NodeIdentity {
    /// The four signing keys.
    pub secrets: NodeSecrets,
    /// TLS certificate with its key.
    pub tls: TlsIdentity,
}

impl NodeIdentity {
    /// Writes a node's folder. Existing files are never replaced.
    ///
    /// # Errors
    /// [`KeyError`]; an I/O error of kind `AlreadyExists` when there are keys already.
    pub fn write(&self, disk: &dyn Disk, folder: &Path, protection: Protection<'_>) -> Result<(), KeyError> {
        disk.create_dir_all(folder).map_err(io_error("create", folder))?;
        let NodeSecrets { cosigner, log, promise, batch } = &self.secrets;
        protection.write(disk, folder, Purpose::Cosigner, cosigner)?;
        protection.write(disk, folder, Purpose::Log, log)?;
        protection.write(disk, folder, Purpose::Promise, promise)?;
        protection.write(disk, folder, Purpose::Batch, batch)?;
        let path = folder.join("tls.key");
        let key = match protection.passphrase {
            Some((passphrase, entropy)) => Zeroizing::new(
                protect_pem(self.tls.key_pem(), passphrase, entropy)
                    .map_err(|error| KeyError::Tls { path: path.clone(), what: error.to_string() })?,
            ),
            None => Zeroizing::new(self.tls.key_pem().to_owned()),
        };
        write_new(disk, &path, key.as_bytes())?;
        write_new(disk, &folder.join("tls.crt"), self.tls.certificate_pem().as_bytes())?;
        disk.sync_dir(folder).map_err(io_error("sync", folder))
    }

    /// The public half, as the genesis record lists it.
    #[must_use]
    pub fn public(&self, id: u32, cosigner_name: &str) -> NodeKeys {
        NodeKeys {
            id,
            cosigner_name: cosigner_name.to_owned(),
            cosigner_key: sign::public_key(&self.secrets.cosigner),
            log_key: sign::public_key(&self.secrets.log),
            promise_key: sign::public_key(&self.secrets.promise),
            batch_key: sign::public_key(&self.secrets.batch),
            tls_spki_sha256: self.tls.spki_sha256(),
        }
    }
}

/// A node's keys as a node runs with them: in memory, or in devices.
#[derive(Debug, Clone)]
pub struct LoadedIdentity {
    /// The four signing keys.
    pub signers: NodeSigners,
    /// TLS certificate with its key.
    pub tls: TlsIdentity,
    /// Key files in the clear.
    pub clear: Vec<PathBuf>,
}

impl LoadedIdentity {
    /// Reads and unlocks a node's folder.
    ///
    /// # Errors
    /// [`KeyError`], naming the file.
    pub fn load(disk: &dyn Disk, folder: &Path, passphrases: &Passphrases) -> Result<Self, KeyError> {
        let mut clear = Vec::new();
        let mut key = |purpose: Purpose| -> Result<_, KeyFileError> {
            let file = KeyFile::read(disk, folder, purpose)?;
            if file.is_clear() {
                clear.push(folder.join(purpose.file()));
            }
            Ok(file.unlock(passphrases)?.into_signer())
        };
        let signers = NodeSigners {
            cosigner: key(Purpose::Cosigner)?,
            log: key(Purpose::Log)?,
            promise: key(Purpose::Promise)?,
            batch: key(Purpose::Batch)?,
            other: OtherKeys::default(),
        };
        let signers = NodeSigners { other: other_keys_in(disk, folder, passphrases, &mut clear)?, ..signers };
        let (tls, tls_clear) = load_tls(disk, folder, passphrases)?;
        if tls_clear {
            clear.push(folder.join("tls.key"));
        }
        Ok(Self { signers, tls, clear })
    }

    /// The public half, as the genesis record lists it.
    #[must_use]
    pub fn public(&self, id: u32, cosigner_name: &str) -> NodeKeys {
        let [cosigner_key, log_key, promise_key, batch_key] = self.signers.public();
        let (cosigner_name, tls_spki_sha256) = (cosigner_name.to_owned(), self.tls.spki_sha256());
        NodeKeys { id, cosigner_name, cosigner_key, log_key, promise_key, batch_key, tls_spki_sha256 }
    }

    /// Refuses keys in the clear where votes count, and warns of them elsewhere.
    ///
    /// # Errors
    /// [`KeyError::Clear`].
    pub fn check_clear(&self, real: bool) -> Result<(), KeyError> {
        metrics::gauge!("tamga_keys_in_the_clear").set(self.clear.len() as f64);
        match self.clear.first() {
            None => Ok(()),
            Some(path) if real => Err(KeyError::Clear { path: path.clone() }),
            Some(path) => {
                let (files, folder) = (self.clear.len(), path.parent().unwrap_or(path).display().to_string());
                tracing::warn!(
                    files,
                    folder,
                    "SECRET KEYS ARE IN THE CLEAR: whoever reads these files can sign as this node; for tests and rehearsals only"
                );
                Ok(())
            }
        }
    }

    /// Checks that these are the keys that the organisations registered, in the genesis record or later.
    ///
    /// # Errors
    /// [`KeyError::NotRegistered`], naming the key.
    pub fn check(&self, registered: &NodeKeys, folder: &Path) -> Result<(), KeyError> {
        let own = self.public(registered.id, &registered.cosigner_name);
        let refuse = |what, registered_key: String| {
            let (folder, node) = (folder.to_owned(), registered.id);
            Err(KeyError::NotRegistered { what, folder, node, registered: registered_key })
        };
        // The batch key never changes. The others may have been replaced by a decision: of those the ledger tells.
        if own.batch_key != registered.batch_key {
            return refuse("batch key", registered.batch_key.to_string());
        }
        Ok(())
    }
}

/// The folders beside a node's keys that hold further ones: those to come, and those that were replaced.
const OTHER_FOLDERS: [&str; 2] = ["next", "previous"];

/// Keys to come or replaced, as far as there are any; each file by itself is optional.
fn other_keys_in(
    disk: &dyn Disk,
    folder: &Path,
    passphrases: &Passphrases,
    clear: &mut Vec<PathBuf>,
) -> Result<OtherKeys, KeyError> {
    let mut other = OtherKeys::default();
    for folder in OTHER_FOLDERS.map(|name| folder.join(name)) {
        for purpose in [Purpose::Cosigner, Purpose::Standby, Purpose::Log, Purpose::Promise] {
            let file = match KeyFile::read(disk, &folder, purpose) {
                Ok(file) => file,
                Err(KeyFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            if file.is_clear() {
                clear.push(folder.join(purpose.file()));
            }
            let signer = file.unlock(passphrases)?.into_signer();
            match purpose {
                Purpose::Log => other.logs.push(signer),
                Purpose::Promise => other.promises.push(signer),
                _ => other.cosigners.push(signer),
            }
        }
    }
    Ok(other)
}

/// TLS key and certificate of a folder, and whether the key is in the clear.
pub(crate) fn load_tls(
    disk: &dyn Disk,
    folder: &Path,
    passphrases: &Passphrases,
) -> Result<(TlsIdentity, bool), KeyError> {
    let certificate = read_text(disk, &folder.join("tls.crt"))?;
    let path = folder.join("tls.key");
    let mut key = read_text(disk, &path)?;
    let clear = !is_encrypted(&key);
    if !clear {
        let passphrase = passphrases.get();
        let passphrase = passphrase.map_err(|source| KeyFileError::Passphrase { path: path.clone(), source })?;
        key = unprotect_pem(&key, &passphrase)
            .map_err(|source| KeyFileError::Encryption { path: path.clone(), source })?;
    }
    let tls = TlsIdentity::from_pem(&certificate, &key)
        .map_err(|error| KeyError::Tls { path: folder.join("tls.crt"), what: error.to_string() })?;
    Ok((tls, clear))
}

/// Encrypts every key of a folder that is in the clear or under an older passphrase. Files that name devices stay. Returns
/// what was rewritten.
///
/// # Errors
/// [`KeyError`]; what was rewritten before stays so, and can be read with the new passphrase.
pub fn protect_folder(
    disk: &dyn Disk,
    folder: &Path,
    old: &Passphrases,
    (passphrase, entropy): (&Passphrase, &dyn Entropy),
) -> Result<Vec<String>, KeyError> {
    use Purpose::{Batch, Cosigner, Log, Promise, Record, Standby};
    let mut done = Vec::new();
    let names = disk.list(folder).map_err(io_error("list", folder))?;
    for purpose in [Cosigner, Log, Promise, Batch, Record, Standby] {
        if names.contains(&purpose.file())
            && let Key::Memory(key) = KeyFile::read(disk, folder, purpose)?.unlock(old)?
        {
            rewrite_key(disk, folder, purpose, &key, (passphrase, entropy))?;
            done.push(purpose.file());
        }
    }
    if names.iter().any(|name| name == "tls.key") {
        let (tls, _) = load_tls(disk, folder, old)?;
        let path = folder.join("tls.key");
        let text = protect_pem(tls.key_pem(), passphrase, entropy)
            .map_err(|error| KeyError::Tls { path: path.clone(), what: error.to_string() })?;
        disk.replace(&path, text.as_bytes()).map_err(io_error("replace", &path))?;
        done.push("tls.key".to_owned());
    }
    Ok(done)
}

/// What a node's operator hands to the others before the genesis record is made: `public.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicNode {
    /// Node id, agreed beforehand.
    pub id: u32,
    /// Name of its cosigner, a C2SP key name.
    pub cosigner_name: String,
    /// Cosigns checkpoints.
    pub cosigner_key: PublicKey,
    /// Signs published checkpoints.
    pub log_key: PublicKey,
    /// Signs promises and refusals.
    pub promise_key: PublicKey,
    /// Signs batches.
    pub batch_key: PublicKey,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo.
    pub tls_spki_sha256: Digest,
    /// The certificate, for clients that want to pin it.
    pub tls_certificate: String,
}

impl PublicNode {
    /// Of keys that are at hand.
    #[must_use]
    pub fn new(keys: &NodeKeys, tls: &TlsIdentity) -> Self {
        Self {
            id: keys.id,
            cosigner_name: keys.cosigner_name.clone(),
            cosigner_key: keys.cosigner_key,
            log_key: keys.log_key,
            promise_key: keys.promise_key,
            batch_key: keys.batch_key,
            tls_spki_sha256: keys.tls_spki_sha256,
            tls_certificate: tls.certificate_pem().to_owned(),
        }
    }

    /// Of a node's folder: id and name from its `public.json`, every key from the secrets themselves.
    ///
    /// # Errors
    /// [`KeyError`], also if `public.json` is not one, or speaks of other keys than are there.
    pub fn of_folder(disk: &dyn Disk, folder: &Path, passphrases: &Passphrases) -> Result<Self, KeyError> {
        let path = folder.join("public.json");
        let text = read_text(disk, &path)?;
        let stated: Self = serde_json::from_str(&text).map_err(|error| other_keys(&path, &error.to_string()))?;
        let identity = LoadedIdentity::load(disk, folder, passphrases)?;
        let found = Self::new(&identity.public(stated.id, &stated.cosigner_name), &identity.tls);
        if found == stated { Ok(found) } else { Err(other_keys(&path, "it speaks of other keys than are beside it")) }
    }

    /// The node's card for the ceremony: the same with a proof by each key.
    ///
    /// # Errors
    /// [`KeyError`], as [`of_folder`](Self::of_folder); a device that does not sign.
    pub fn card_of_folder(disk: &dyn Disk, folder: &Path, passphrases: &Passphrases) -> Result<NodeCard, KeyError> {
        let stated = Self::of_folder(disk, folder, passphrases)?;
        let LoadedIdentity { signers, tls, .. } = LoadedIdentity::load(disk, folder, passphrases)?;
        let fault = |what: String| KeyError::Tls { path: folder.join("tls.key"), what };
        let spki = tls.spki().map_err(|error| fault(error.to_string()))?;
        let keys = [&*signers.cosigner, &*signers.log, &*signers.promise, &*signers.batch];
        let tls_sign = |message: &[u8]| tls.sign(message).map_err(|error| error.to_string());
        let made =
            NodeCard::make(stated.id, &stated.cosigner_name, keys.map(|key| key as &dyn Signer), &spki, tls_sign);
        let card = made.map_err(|error| fault(error.to_string()))?;
        card.check().map_err(|error| fault(error.to_string()))?;
        Ok(card)
    }

    /// As the genesis record lists it.
    #[must_use]
    pub fn keys(&self) -> NodeKeys {
        NodeKeys {
            id: self.id,
            cosigner_name: self.cosigner_name.clone(),
            cosigner_key: self.cosigner_key,
            log_key: self.log_key,
            promise_key: self.promise_key,
            batch_key: self.batch_key,
            tls_spki_sha256: self.tls_spki_sha256,
        }
    }
}

fn other_keys(path: &Path, what: &str) -> KeyError {
    io_error("use", path)(io::Error::new(io::ErrorKind::InvalidData, what.to_owned()))
}

/// Refuses secret files that others on the machine could read. For `main`: see [`tamga_keys::check_mode`].
///
/// # Errors
/// [`KeyFileError`].
pub fn check_modes(folder: &Path) -> Result<(), KeyFileError> {
    SECRET_FILES.iter().try_for_each(|name| check_mode(&folder.join(name)))
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo: what the genesis record pins.
#[must_use]
pub fn spki_pin(spki: &[u8]) -> Digest {
    Digest(Sha256::digest(spki).into())
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tamga_platform::disk::{MemDisk, OsDisk};
    use tamga_platform::entropy::SeededEntropy;

    use super::*;
    use crate::provision::generate_node;

    fn generated() -> crate::provision::GeneratedNode {
        generate_node(&SeededEntropy::new(1), 3, "obs-a/node-3").unwrap()
    }

    #[test]
    fn keys_written_are_the_keys_read() {
        let (disk, folder) = (MemDisk::default(), Path::new("/keys"));
        let node = generated();
        node.identity.write(&disk, folder, Protection::default()).unwrap();
        let read = LoadedIdentity::load(&disk, folder, &Passphrases::nowhere()).unwrap();
        assert_eq!(read.public(3, "obs-a/node-3"), node.public);
        let again = node.identity.write(&disk, folder, Protection::default()).unwrap_err();
        let KeyError::File(KeyFileError::Io { source, .. }) = again else { panic!("{again}") };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn keys_in_the_clear_are_refused_where_votes_count_and_a_folder_is_encrypted_in_place() {
        let (disk, folder) = (MemDisk::default(), Path::new("/keys"));
        let node = generated();
        node.identity.write(&disk, folder, Protection::default()).unwrap();
        let read = LoadedIdentity::load(&disk, folder, &Passphrases::nowhere()).unwrap();
        assert_eq!(read.clear.len(), 5);
        read.check_clear(false).unwrap();
        assert!(matches!(read.check_clear(true), Err(KeyError::Clear { .. })));
        let (first, entropy) = (Passphrase::new("a first passphrase"), SeededEntropy::new(2));
        let done = protect_folder(&disk, folder, &Passphrases::nowhere(), (&first, &entropy)).unwrap();
        assert_eq!(done.len(), 5);
        LoadedIdentity::load(&disk, folder, &Passphrases::nowhere()).unwrap_err();
        LoadedIdentity::load(&disk, folder, &Passphrases::fixed("another one")).unwrap_err();
        let read = LoadedIdentity::load(&disk, folder, &Passphrases::fixed(first.as_str())).unwrap();
        assert_eq!(read.public(3, "obs-a/node-3"), node.public);
        read.check_clear(true).unwrap();
        let (secret, text) =
            (node.identity.secrets.log.to_bytes(), disk.read(&folder.join("log.key"), 65_536).unwrap());
        assert!(!String::from_utf8(text).unwrap().contains(&hex::encode(secret)));
    }

    #[test]
    fn a_key_under_the_wrong_name_is_refused() {
        let (disk, folder) = (MemDisk::default(), Path::new("/keys"));
        generated().identity.write(&disk, folder, Protection::default()).unwrap();
        disk.rename(&folder.join("log.key"), &folder.join("batch.key")).unwrap();
        let error = LoadedIdentity::load(&disk, folder, &Passphrases::nowhere()).unwrap_err().to_string();
        assert!(error.contains("log.key"), "{error}");
        let read = || read_key(&disk, folder, Purpose::Batch, &Passphrases::nowhere()).unwrap_err().to_string();
        let error = read();
        assert!(error.contains("holds a log key where a batch key belongs"), "{error}");
        disk.replace(&folder.join("batch.key"), b"secret").unwrap();
        let error = read();
        assert!(error.contains("not a key file") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn wider_file_modes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        generated().identity.write(&OsDisk, folder.path(), Protection::default()).unwrap();
        check_modes(folder.path()).unwrap();
        let path = folder.path().join("promise.key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = check_modes(folder.path()).unwrap_err().to_string();
        assert!(error.contains("promise.key has mode 0640"), "{error}");
    }
}
