//! What a stopped node has: for the people who decide from which size the cluster goes on, and with whom.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::store::{Options, Store};
use tamga_platform::blocking::BlockingExt as _;

use super::{RecoverError, genesis_trust, io, is_unfinished, lock, registry_at};
use crate::config::Config;
use crate::core::{cosigned_sizes, outbox_records};
use crate::keys::LoadedIdentity;
use crate::run::{RunError, Seams};

/// The highest size that one of this node's keys has cosigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CosignedSize {
    /// The cosigner key.
    pub key: PublicKey,
    /// The size; 0 for none.
    pub size: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// This node.
    pub node: u32,
    /// The cluster epoch in force at the end of its ledger.
    pub cluster_epoch: u32,
    /// Entries that its ledger has.
    pub size: u64,
    /// The last published size that it knows; 0 for none.
    pub published_size: u64,
    /// Roots of that size, hexadecimal: SHA-256, BLAKE3.
    pub published_roots: [String; 2],
    /// What its keys have cosigned.
    pub cosigned: Vec<CosignedSize>,
    /// Records that it has promised and not applied.
    pub outbox_records: u64,
    /// Members that are in force at the end of its ledger.
    pub members: Vec<u32>,
    /// A recovery was begun and has to be finished first.
    pub unfinished: bool,
    /// Its data folder.
    pub data_dir: PathBuf,
}

/// Reads a stopped node's files. Changes nothing but what opening a ledger after a crash changes.
///
/// # Errors
/// [`RecoverError`].
pub async fn standing(config: Config, seams: Seams) -> Result<Standing, RecoverError> {
    let blocking = Arc::clone(&seams.blocking);
    blocking.run(move || read(&config, &seams)).await
}

fn read(config: &Config, seams: &Seams) -> Result<Standing, RecoverError> {
    let disk = seams.disk.as_ref();
    let data = &config.data_dir;
    let genesis = genesis_trust(config, disk)?;
    let identity = LoadedIdentity::load(disk, &config.keys_dir, &seams.passphrases).map_err(RunError::from)?;
    let _lock = lock(disk, data)?;
    let (store, _) = Store::open(Arc::clone(&seams.disk), &data.join("ledger"), Options::default())?;
    let nodes = registry_at(&store, store.size(), &genesis)?;
    let latest = store.checkpoint_latest()?;
    let published = latest.as_ref().map(|latest| store.roots_at(latest.size)).transpose()?;
    let roots = published.map(|roots| [roots.sha256.to_string(), roots.blake3.to_string()]).unwrap_or_default();
    let keys: Vec<PublicKey> = identity.signers.cosigners().map(|signer| signer.public_key()).collect();
    let cosigned = cosigned_sizes(disk, data, &keys)?;
    Ok(Standing {
        node: config.node,
        cluster_epoch: nodes.cluster_epoch(),
        size: store.size().get(),
        published_size: latest.map_or(0, |latest| latest.size.get()),
        published_roots: roots,
        cosigned: cosigned.into_iter().map(|(key, size)| CosignedSize { key, size }).collect(),
        outbox_records: outbox_records(disk, &data.join("outbox")).map_err(io("read", data))?,
        members: nodes.members().map(|(id, _)| id).collect(),
        unfinished: is_unfinished(disk, data).map_err(io("look into", data))?,
        data_dir: data.clone(),
    })
}
