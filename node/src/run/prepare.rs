//! What is read and checked before anything listens: genesis record, keys, and that they belong together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tamga_consensus::{Member, NodeId};
use tamga_ledger::judge::NodeRegistration;
use tamga_ledger::submission::Submission;
use tamga_ledger::trust::Trust;

use super::sockets::AddressesFile;
use super::{DIAL_TIMEOUT, RunError, Seams, disk_error};
use crate::certificates::Certificates;
use crate::config::Config;
use crate::core::{CoreSeams, CoreSetup};
use crate::keys::LoadedIdentity;
use crate::provision::read_genesis;
use crate::tls::{LivePins, Pins, TlsDialer};
use crate::witnesses::Witnesses;

/// What is read and checked before anything listens.
pub(super) struct Prepared {
    genesis: Submission,
    pub(super) trust: Trust,
    pub(super) identity: LoadedIdentity,
    pub(super) pins: LivePins,
    pub(super) witnesses: Option<Witnesses>,
    pub(super) certificates: Certificates,
}

impl Prepared {
    pub(super) fn new(config: &Config, seams: &Seams) -> Result<Self, RunError> {
        let disk = seams.disk.as_ref();
        disk.create_dir_all(&config.data_dir).map_err(disk_error("create", &config.data_dir))?;
        AddressesFile::of(&config.data_dir).remove(disk);
        let genesis = read_genesis(disk, &config.genesis)?;
        let trust = Trust::from_submission(genesis.clone(), None)
            .map_err(|source| RunError::Trust { path: config.genesis.clone(), source })?;
        let identity = LoadedIdentity::load(disk, &config.keys_dir, &seams.passphrases)?;
        identity.check_clear(trust.election().real != 0)?;
        match trust.node(config.node) {
            Some(registered) => identity.check(&registered.keys, &config.keys_dir)?,
            None => check_joining(config, &trust, &identity)?,
        }
        let pins = LivePins::new(Pins::of(&trust));
        let dialer = || Arc::clone(&seams.dialer);
        let witnesses = config.witnesses.as_ref().map(|witnesses| Witnesses::open(disk, witnesses, dialer()));
        let witnesses = witnesses.transpose()?;
        let certificates = Certificates::open(config, seams, &identity.tls)?;
        Ok(Self { genesis, trust, identity, pins, witnesses, certificates })
    }

    pub(super) fn setup(&self, config: &Config, own: SocketAddr) -> CoreSetup {
        CoreSetup {
            node: config.node,
            genesis: self.genesis.clone(),
            data_dir: config.data_dir.clone(),
            keys: self.identity.signers.clone(),
            members: members(config, own),
            tuning: config.tuning.apply(),
            cluster_epoch: config.cluster_epoch,
        }
    }

    pub(super) fn core_seams(&self, seams: &Seams) -> Result<CoreSeams, RunError> {
        let dialer = TlsDialer::new(&self.certificates.peer(), &self.pins, Arc::clone(&seams.dialer), DIAL_TIMEOUT)?;
        Ok(CoreSeams {
            disk: Arc::clone(&seams.disk),
            clock: Arc::clone(&seams.clock),
            entropy: Arc::clone(&seams.entropy),
            blocking: Arc::clone(&seams.blocking),
            dialer: Arc::new(dialer),
        })
    }
}

/// The nodes whose addresses are known; this one under its own listener unless configured otherwise.
fn members(config: &Config, own: SocketAddr) -> Vec<Member> {
    let mut known: BTreeMap<u32, String> = BTreeMap::from([(config.node, own.to_string())]);
    known.extend(config.peers.iter().map(|peer| (peer.id, peer.address.clone())));
    known.into_iter().map(|(id, address)| Member { id: NodeId(u64::from(id)), address }).collect()
}

/// A node that the genesis record does not have: added later, or to be added. Whose keys these are the ledger tells, once it
/// is here.
fn check_joining(config: &Config, trust: &Trust, identity: &LoadedIdentity) -> Result<(), RunError> {
    let node = config.node;
    if let Some(other) = owner(trust, identity) {
        let what = format!("the keys in {} are those of node {other}, not of node {node}", config.keys_dir.display());
        return Err(RunError::Config { field: "node", what });
    }
    if config.peers.iter().all(|peer| peer.id == node) {
        return Err(RunError::Config { field: "peers", what: lonely(trust, node) });
    }
    Ok(())
}

/// The node of the genesis record that has one of these keys.
fn owner(trust: &Trust, identity: &LoadedIdentity) -> Option<u32> {
    let own = identity.signers.public();
    let has = |node: &&NodeRegistration| {
        let keys = &node.keys;
        let registered = [keys.cosigner_key, keys.log_key, keys.promise_key, keys.batch_key];
        keys.tls_spki_sha256 == identity.tls.spki_sha256() || registered.iter().any(|key| own.contains(key))
    };
    trust.nodes().iter().find(has).map(|node| node.keys.id)
}

fn lonely(trust: &Trust, node: u32) -> String {
    let ids: Vec<String> = trust.nodes().iter().map(|node| node.keys.id.to_string()).collect();
    format!(
        "the genesis record has no node {node} (it has {}); a node that joins later needs the address of at least one that \
         is there",
        ids.join(", ")
    )
}
