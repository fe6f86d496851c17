//! Making what an election starts with: keys of nodes and organisations, the trust policy, the genesis record, and
//! configuration files. For `tamga-node keygen`, the election-day program, and tests.
//!
//! Every Ed25519 seed comes from the given [`Entropy`], in the order of the calls, so that a seeded source gives the same
//! election again. TLS keys come from the TLS library's own generator and are new each time.
//!
//! ```text
//! generate_organisation ─► GeneratedOrganisation ─┐
//! generate_node ─► GeneratedNode ─────────────────┴► organisation() ─► trust_policy() ─► Election ─► sign_genesis()
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use tamga_ledger::ids::{ElectionId, Nonce};
use tamga_ledger::kinds::{Election, NodeKeys, Organisation, Title};
use tamga_ledger::note::{KeyName, KeyRole, VerifierKey, VerifierKeyError};
use tamga_ledger::policy::{Name, Policy, PolicyError, PolicyProblem, Witness, smallest_intersecting_k};
use tamga_ledger::record::{Record, Scope, SignError};
use tamga_ledger::sign;
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission};
use tamga_ledger::trust::{Trust, TrustError};
use tamga_platform::disk::Disk;
use tamga_platform::entropy::{Entropy, random_bytes};
use zeroize::Zeroizing;

use crate::config::{Config, CoreTuning, Limits, Listen, Log, Peer, Public};
use crate::core::NodeSecrets;
use crate::keys::{KeyError, NodeIdentity, Protection, PublicNode, Purpose, io_error};
use crate::tls::{TlsError, TlsIdentity};

/// Why something could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A cosigner's name that is none.
    #[error("cosigner name {name:?}: {source}")]
    CosignerName {
        /// The name.
        name: String,
        /// What is wrong.
        source: VerifierKeyError,
    },
    /// A name that cannot stand in a policy.
    #[error("name {name:?}: {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong.
        source: PolicyProblem,
    },
    /// The organisations make no policy.
    #[error("trust policy: {0}")]
    Policy(#[from] PolicyError),
    /// Not all organisations sign, or others do.
    #[error("genesis record: {0}")]
    Sign(#[from] SignError),
    /// The genesis record breaks a rule.
    #[error(transparent)]
    Genesis(#[from] TrustError),
    /// A genesis file that is none.
    #[error("{path} is not a genesis file: {what}")]
    GenesisFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A path that is not text.
    #[error("the configuration cannot be written as TOML: {0}")]
    Config(#[from] toml::ser::Error),
}

/// A node's keys with their public half.
#[derive(Debug, Clone)]
pub struct GeneratedNode {
    /// The secrets.
    pub identity: NodeIdentity,
    /// What the genesis record lists.
    pub public: NodeKeys,
}

impl GeneratedNode {
    /// Writes the node's folder of keys, `public.json` included. Existing keys are never replaced.
    ///
    /// # Errors
    /// [`ProvisionError::Key`].
    pub fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), ProvisionError> {
        self.write_protected(disk, folder, Protection::default())
    }

    /// As [`write`](Self::write), which leaves the keys in the clear, with secrets protected.
    ///
    /// # Errors
    /// [`ProvisionError::Key`].
    pub fn write_protected(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        protection: Protection<'_>,
    ) -> Result<(), ProvisionError> {
        self.identity.write(disk, folder, protection)?;
        let public = PublicNode::new(&self.public, &self.identity.tls);
        // Plain strings and numbers always become JSON.
        let text = serde_json::to_string_pretty(&public).unwrap_or_default() + "\n";
        tamga_keys::write_new(disk, &folder.join("public.json"), text.as_bytes()).map_err(KeyError::File)?;
        Ok(disk.sync_dir(folder).map_err(io_error("sync", folder))?)
    }
}

/// Makes a node's keys. `cosigner_name` is a C2SP key name, by custom `<organisation>/node-<id>`. The certificate is for
/// `localhost` and the loopback addresses; see [`generate_node_for`].
///
/// # Errors
/// [`ProvisionError::CosignerName`], [`ProvisionError::Tls`].
pub fn generate_node(entropy: &dyn Entropy, id: u32, cosigner_name: &str) -> Result<GeneratedNode, ProvisionError> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    generate_node_for(entropy, id, cosigner_name, &names)
}

/// As [`generate_node`], with a certificate for the names and addresses under which readers reach the node.
///
/// # Errors
/// [`ProvisionError::CosignerName`], [`ProvisionError::Tls`].
pub fn generate_node_for(
    entropy: &dyn Entropy,
    id: u32,
    cosigner_name: &str,
    tls_names: &[String],
) -> Result<GeneratedNode, ProvisionError> {
    KeyName::new(cosigner_name)
        .map_err(|source| ProvisionError::CosignerName { name: cosigner_name.to_owned(), source })?;
    let secrets = NodeSecrets {
        cosigner: signing_key(entropy),
        log: signing_key(entropy),
        promise: signing_key(entropy),
        batch: signing_key(entropy),
    };
    let tls = TlsIdentity::generate(&format!("tamga node {id}"), tls_names)?;
    let identity = NodeIdentity { secrets, tls };
    let public = identity.public(id, cosigner_name);
    Ok(GeneratedNode { identity, public })
}

/// An organisation's own keys.
#[derive(Clone)]
pub struct GeneratedOrganisation {
    /// Short name, as in the trust policy: letters, digits, hyphens.
    pub name: String,
    /// What it is called.
    pub title: Title,
    /// Signs records in its name.
    pub record: SigningKey,
    /// Cosigns if a node's own key is lost. Kept apart from the nodes.
    pub standby: SigningKey,
}

impl std::fmt::Debug for GeneratedOrganisation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeneratedOrganisation").field("name", &self.name).finish_non_exhaustive()
    }
}

impl GeneratedOrganisation {
    /// As the genesis record lists it, with its nodes.
    #[must_use]
    pub fn organisation(&self, nodes: Vec<NodeKeys>) -> Organisation {
        Organisation {
            name: self.name.clone(),
            title: self.title.clone(),
            record_key: sign::public_key(&self.record),
            standby_cosigner_key: sign::public_key(&self.standby),
            nodes,
        }
    }

    /// Writes `record.key` and `standby.key`. Existing keys are never replaced.
    ///
    /// # Errors
    /// [`ProvisionError::Key`].
    pub fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), ProvisionError> {
        self.write_protected(disk, folder, Protection::default())
    }

    /// As [`write`](Self::write), which leaves the keys in the clear, with secrets protected.
    ///
    /// # Errors
    /// [`ProvisionError::Key`].
    pub fn write_protected(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        protection: Protection<'_>,
    ) -> Result<(), ProvisionError> {
        disk.create_dir_all(folder).map_err(io_error("create", folder))?;
        protection.write(disk, folder, Purpose::Record, &self.record).map_err(KeyError::File)?;
        protection.write(disk, folder, Purpose::Standby, &self.standby).map_err(KeyError::File)?;
        Ok(disk.sync_dir(folder).map_err(io_error("sync", folder))?)
    }
}

/// Makes an organisation's keys.
#[must_use]
pub fn generate_organisation(entropy: &dyn Entropy, name: &str, title: Title) -> GeneratedOrganisation {
    GeneratedOrganisation { name: name.to_owned(), title, record: signing_key(entropy), standby: signing_key(entropy) }
}

/// A signing key out of `entropy`.
#[must_use]
pub fn signing_key(entropy: &dyn Entropy) -> SigningKey {
    SigningKey::from_bytes(&Zeroizing::new(random_bytes::<32>(entropy)))
}

/// The trust policy for the genesis record: any cosigner speaks for its organisation, and the smallest number of
/// organisations that intersects makes the quorum (3 of 3, 4 of 5, 5 of 7).
///
/// # Errors
/// [`ProvisionError::Name`], [`ProvisionError::CosignerName`], [`ProvisionError::Policy`].
pub fn trust_policy(organisations: &[Organisation]) -> Result<String, ProvisionError> {
    trust_policy_of(organisations, smallest_intersecting_k(organisations.len()))
}

/// As [`trust_policy`], with `k` organisations. The genesis record is refused if two such quorums share too few.
///
/// # Errors
/// As [`trust_policy`].
pub fn trust_policy_of(organisations: &[Organisation], k: usize) -> Result<String, ProvisionError> {
    let mut groups = Vec::new();
    for organisation in organisations {
        let standby = (standby_cosigner_name(&organisation.name), organisation.standby_cosigner_key);
        let nodes = organisation.nodes.iter().map(|node| (node.cosigner_name.clone(), node.cosigner_key));
        let witnesses = nodes.chain([standby]).map(|(name, key)| witness(&name, &key.0));
        groups.push((policy_name(&organisation.name)?, witnesses.collect::<Result<Vec<_>, _>>()?));
    }
    Ok(Policy::of_organisations(&[], &groups, k)?.to_string())
}

/// The name under which an organisation's standby key cosigns.
#[must_use]
pub fn standby_cosigner_name(organisation: &str) -> String {
    format!("{organisation}/standby")
}

fn witness(name: &str, key: &[u8; 32]) -> Result<Witness, ProvisionError> {
    let fault = |source| ProvisionError::CosignerName { name: name.to_owned(), source };
    let key_name = KeyName::new(name).map_err(fault)?;
    let key = VerifierKey::new(key_name, KeyRole::Cosigner, key).map_err(fault)?;
    Ok(Witness { name: policy_name(name)?, key, url: None })
}

fn policy_name(name: &str) -> Result<Name, ProvisionError> {
    Name::new(name).map_err(|source| ProvisionError::Name { name: name.to_owned(), source })
}

/// Signs the genesis record with every organisation's record key, and checks it as a node will.
///
/// # Errors
/// [`ProvisionError::Sign`], [`ProvisionError::Genesis`].
pub fn sign_genesis(
    entropy: &dyn Entropy,
    election: &Election,
    organisations: &[GeneratedOrganisation],
) -> Result<(Submission, ElectionId), ProvisionError> {
    let keys: Vec<&SigningKey> = organisations.iter().map(|organisation| &organisation.record).collect();
    let nonce = Nonce(random_bytes(entropy));
    let record = Record::draft(ElectionId::ZERO, Scope::Election, &keys, 1, nonce, election);
    let submission = Submission::public(record.sign(&keys)?);
    let trust = Trust::from_submission(submission.clone(), None)?;
    Ok((submission, *trust.election_id()))
}

/// Writes the genesis file that every node's configuration names.
///
/// # Errors
/// [`ProvisionError::Key`] if the disk refuses.
pub fn write_genesis(disk: &dyn Disk, path: &Path, genesis: &Submission) -> Result<(), ProvisionError> {
    Ok(disk.replace(path, &genesis.to_bytes()).map_err(io_error("write", path))?)
}

/// Reads a genesis file; verifies nothing.
///
/// # Errors
/// [`ProvisionError::Key`], [`ProvisionError::GenesisFile`].
pub fn read_genesis(disk: &dyn Disk, path: &Path) -> Result<Submission, ProvisionError> {
    let bytes = disk.read(path, SUBMISSION_BYTES_MAX as u64).map_err(io_error("read", path))?;
    Submission::from_bytes(&bytes)
        .map_err(|error| ProvisionError::GenesisFile { path: path.to_owned(), what: error.to_string() })
}

/// The configuration of a node on loopback: everything in `folder` (`data`, `keys`), system-chosen public and admin ports,
/// plaintext allowed. Change what must differ, then [`write_config`].
#[must_use]
pub fn loopback_config(node: u32, genesis: &Path, peer: SocketAddr, peers: Vec<Peer>) -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        node,
        data_dir: "data".into(),
        genesis: genesis.to_owned(),
        keys_dir: "keys".into(),
        listen: Listen { peer, public: any, admin: any },
        public: Public { plaintext: true, ..Public::default() },
        limits: Limits::default(),
        tuning: CoreTuning::default(),
        cluster_epoch: None,
        log: Log::default(),
        witnesses: None,
        peers,
    }
}

/// Writes a configuration file.
///
/// # Errors
/// [`ProvisionError::Config`], [`ProvisionError::Key`] if the disk refuses.
pub fn write_config(disk: &dyn Disk, path: &Path, config: &Config) -> Result<(), ProvisionError> {
    let text = config.to_toml()?;
    Ok(disk.replace(path, text.as_bytes()).map_err(io_error("write", path))?)
}

#[cfg(test)]
mod tests {
    use tamga_platform::entropy::SeededEntropy;

    use super::*;

    fn organisations(n: u32, seed: u64) -> Vec<Organisation> {
        let entropy = SeededEntropy::new(seed);
        let title = Title { ky: String::new(), ru: String::new(), en: "Organisation".to_owned() };
        let make = |id: u32| {
            let name = format!("org-{id}");
            let organisation = generate_organisation(&entropy, &name, title.clone());
            let node = generate_node(&entropy, id, &format!("{name}/node-{id}")).unwrap();
            organisation.organisation(vec![node.public])
        };
        (1..=n).map(make).collect()
    }

    #[test]
    fn the_smallest_quorum_that_intersects_is_chosen() {
        for (n, k) in [(1, 1), (3, 3), (5, 4), (7, 5)] {
            let text = trust_policy(&organisations(n, 7)).unwrap();
            let policy: Policy = text.parse().unwrap();
            policy.check_quorum().unwrap();
            assert_eq!(policy.organisations().len(), n as usize);
            assert!(text.contains(&format!("group organisations {k} ")) || n == 1, "{text}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_signing_keys_again() {
        let keys = |seed| {
            let list = organisations(2, seed);
            list.into_iter().map(|one| (one.record_key, one.nodes[0].batch_key)).collect::<Vec<_>>()
        };
        assert_eq!(keys(5), keys(5));
        assert_ne!(keys(5), keys(6));
    }
}
