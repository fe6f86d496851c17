//! The files that hold a node's secrets, one key and one purpose each, and their public half for the ceremony.
//!
//! | file | holds |
//! |---|---|
//! | `cosigner.key`, `log.key`, `promise.key`, `batch.key` | one line: `tamga-key/v1 <purpose> <64 hexadecimal digits>` |
//! | `tls.key`, `tls.crt` | P-256 key (PKCS #8) and self-signed certificate, PEM |
//! | `public.json` | what the organisations exchange: public keys and the certificate's pin |
//!
//! The purpose stands in the file so that a key copied to the wrong name is refused instead of used for two things.
//! Secret files are made with mode 0600; [`check_modes`] refuses wider ones.

use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tamga_ledger::ids::{Digest, PublicKey};
use tamga_ledger::judge::NodeRegistration;
use tamga_ledger::kinds::NodeKeys;
use tamga_ledger::sign;
use tamga_platform::disk::{Disk, Open};
use zeroize::Zeroizing;

use crate::core::NodeSecrets;
use crate::tls::TlsIdentity;

/// First word of a key file.
const KEY_FILE: &str = "tamga-key/v1";
/// Longest key or certificate file.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;
/// Files of a node's folder that must not be readable by others.
const SECRET_FILES: [&str; 5] = ["cosigner.key", "log.key", "promise.key", "batch.key", "tls.key"];

/// What a key is for. One public key never has two purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
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
    #[error("{path} is not a key file of this version: expected the line \"{KEY_FILE} {} <64 hexadecimal digits>\"", .purpose.name())]
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

/// Everything secret about one node.
#[derive(Debug, Clone)]
pub struct NodeIdentity {
    /// The four signing keys.
    pub secrets: NodeSecrets,
    /// TLS certificate with its key.
    pub tls: TlsIdentity,
}

impl NodeIdentity {
    /// Reads a node's folder.
    ///
    /// # Errors
    /// [`KeyError`], naming the file.
    pub fn load(disk: &dyn Disk, folder: &Path) -> Result<Self, KeyError> {
        let key = |purpose| read_key(disk, folder, purpose);
        let secrets = NodeSecrets {
            cosigner: key(Purpose::Cosigner)?,
            log: key(Purpose::Log)?,
            promise: key(Purpose::Promise)?,
            batch: key(Purpose::Batch)?,
        };
        let certificate = read_text(disk, &folder.join("tls.crt"))?;
        let tls_key = read_text(disk, &folder.join("tls.key"))?;
        let tls = TlsIdentity::from_pem(&certificate, &tls_key)
            .map_err(|error| KeyError::Tls { path: folder.join("tls.crt"), what: error.to_string() })?;
        Ok(Self { secrets, tls })
    }

    /// Writes a node's folder. Existing files are never replaced.
    ///
    /// # Errors
    /// [`KeyError::Io`]; `AlreadyExists` when there are keys already.
    pub fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), KeyError> {
        disk.create_dir_all(folder).map_err(io_error("create", folder))?;
        let NodeSecrets { cosigner, log, promise, batch } = &self.secrets;
        write_key(disk, folder, Purpose::Cosigner, cosigner)?;
        write_key(disk, folder, Purpose::Log, log)?;
        write_key(disk, folder, Purpose::Promise, promise)?;
        write_key(disk, folder, Purpose::Batch, batch)?;
        write_new(disk, &folder.join("tls.key"), self.tls.key_pem().as_bytes())?;
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

    /// Checks that these are the keys the genesis record registers.
    ///
    /// # Errors
    /// [`KeyError::NotRegistered`], naming the key.
    pub fn check(&self, registered: &NodeRegistration, folder: &Path) -> Result<(), KeyError> {
        let registered = &registered.keys;
        let own = self.public(registered.id, &registered.cosigner_name);
        let refuse = |what, registered_key: String| {
            let (folder, node) = (folder.to_owned(), registered.id);
            Err(KeyError::NotRegistered { what, folder, node, registered: registered_key })
        };
        let pairs = [
            ("cosigner key", own.cosigner_key, registered.cosigner_key),
            ("log key", own.log_key, registered.log_key),
            ("promise key", own.promise_key, registered.promise_key),
            ("batch key", own.batch_key, registered.batch_key),
        ];
        for (what, own, due) in pairs {
            if own != due {
                return refuse(what, due.to_string());
            }
        }
        if own.tls_spki_sha256 != registered.tls_spki_sha256 {
            return refuse("TLS certificate", format!("SPKI pin {}", registered.tls_spki_sha256));
        }
        Ok(())
    }
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
    pub fn of_folder(disk: &dyn Disk, folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join("public.json");
        let text = read_text(disk, &path)?;
        let stated: Self = serde_json::from_str(&text).map_err(|error| other_keys(&path, &error.to_string()))?;
        let identity = NodeIdentity::load(disk, folder)?;
        let found = Self::new(&identity.public(stated.id, &stated.cosigner_name), &identity.tls);
        if found == stated { Ok(found) } else { Err(other_keys(&path, "it speaks of other keys than are beside it")) }
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

/// Refuses secret files that others on the machine could read. For `main`: it asks the operating system directly, since
/// no simulated disk has permissions.
///
/// # Errors
/// [`KeyError::Mode`], [`KeyError::Io`].
pub fn check_modes(folder: &Path) -> Result<(), KeyError> {
    for name in SECRET_FILES {
        let path = folder.join(name);
        let stat = rustix::fs::stat(&path).map_err(|error| io_error("look at", &path)(error.into()))?;
        let mode = stat.st_mode & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Mode { path, mode });
        }
    }
    Ok(())
}

/// Reads one key file.
///
/// # Errors
/// [`KeyError`], naming the file.
pub fn read_key(disk: &dyn Disk, folder: &Path, purpose: Purpose) -> Result<SigningKey, KeyError> {
    let path = folder.join(purpose.file());
    let text = read_text(disk, &path)?;
    let mut words = text.trim_end_matches('\n').split(' ');
    let (Some(KEY_FILE), Some(found), Some(digits), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(KeyError::Content { path, purpose });
    };
    if found != purpose.name() {
        let found = found.chars().take(20).collect();
        return Err(KeyError::OtherPurpose { path, expected: purpose, found });
    }
    let mut seed = Zeroizing::new([0; 32]);
    if hex::decode_to_slice(digits, seed.as_mut_slice()).is_err() {
        return Err(KeyError::Content { path, purpose });
    }
    Ok(SigningKey::from_bytes(&seed))
}

/// Writes one key file, durably; never replaces one.
///
/// # Errors
/// [`KeyError::Io`]; `AlreadyExists` when there is one already.
pub fn write_key(disk: &dyn Disk, folder: &Path, purpose: Purpose, key: &SigningKey) -> Result<(), KeyError> {
    let digits = Zeroizing::new(hex::encode(Zeroizing::new(key.to_bytes())));
    let text = Zeroizing::new(format!("{KEY_FILE} {} {}\n", purpose.name(), *digits));
    write_new(disk, &folder.join(purpose.file()), text.as_bytes())
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo: what the genesis record pins.
#[must_use]
pub fn spki_pin(spki: &[u8]) -> Digest {
    Digest(Sha256::digest(spki).into())
}

pub(crate) fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let file = disk.open(path, Open::CreateNew).map_err(io_error("create", path))?;
    file.write_all_at(bytes, 0).map_err(io_error("write", path))?;
    file.sync_data().map_err(io_error("sync", path))
}

fn read_text(disk: &dyn Disk, path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let bytes = disk.read(path, KEY_FILE_BYTES_MAX).map_err(io_error("read", path))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        // The bytes may be a key's: they are wiped, and no part of them is shown.
        drop(Zeroizing::new(error.into_bytes()));
        io_error("read", path)(io::Error::new(io::ErrorKind::InvalidData, "the file is not text"))
    });
    text.map(Zeroizing::new)
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

    #[test]
    fn keys_written_are_the_keys_read() {
        let (disk, folder) = (MemDisk::default(), Path::new("/keys"));
        let node = generate_node(&SeededEntropy::new(1), 3, "obs-a/node-3").unwrap();
        node.identity.write(&disk, folder).unwrap();
        let read = NodeIdentity::load(&disk, folder).unwrap();
        assert_eq!(read.public(3, "obs-a/node-3"), node.public);
        let again = node.identity.write(&disk, folder).unwrap_err();
        assert!(matches!(again, KeyError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists));
    }

    #[test]
    fn a_key_under_the_wrong_name_is_refused() {
        let (disk, folder) = (MemDisk::default(), Path::new("/keys"));
        let node = generate_node(&SeededEntropy::new(1), 3, "obs-a/node-3").unwrap();
        node.identity.write(&disk, folder).unwrap();
        disk.rename(&folder.join("log.key"), &folder.join("batch.key")).unwrap();
        let error = NodeIdentity::load(&disk, folder).unwrap_err().to_string();
        assert!(error.contains("log.key"), "{error}");
        let error = read_key(&disk, folder, Purpose::Batch).unwrap_err().to_string();
        assert!(error.contains("holds a log key where a batch key belongs"), "{error}");
        disk.replace(&folder.join("batch.key"), b"secret").unwrap();
        let error = read_key(&disk, folder, Purpose::Batch).unwrap_err().to_string();
        assert!(error.contains("not a key file") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn wider_file_modes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let node = generate_node(&SeededEntropy::new(1), 3, "obs-a/node-3").unwrap();
        node.identity.write(&OsDisk, folder.path()).unwrap();
        check_modes(folder.path()).unwrap();
        let path = folder.path().join("promise.key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = check_modes(folder.path()).unwrap_err().to_string();
        assert!(error.contains("promise.key has mode 0640"), "{error}");
    }
}
