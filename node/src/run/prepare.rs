//! What is read and checked before anything listens: genesis record, keys, and that they belong together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tamga_consensus::{Member, NodeId};
use tamga_ledger::submission::Submission;
use tamga_ledger::trust::Trust;

use super::sockets::AddressesFile;
use super::{DIAL_TIMEOUT, RunError, Seams, disk_error};
use crate::config::Config;
use crate::core::{CoreSeams, CoreSetup};
use crate::keys::NodeIdentity;
use crate::provision::read_genesis;
use crate::tls::{Pins, TlsDialer};

/// What is read and checked before anything listens.
pub(super) struct Prepared {
    genesis: Submission,
    pub(super) trust: Trust,
    pub(super) identity: NodeIdentity,
    pub(super) pins: Pins,
}

impl Prepared {
    pub(super) fn new(config: &Config, seams: &Seams) -> Result<Self, RunError> {
        let disk = seams.disk.as_ref();
        disk.create_dir_all(&config.data_dir).map_err(disk_error("create", &config.data_dir))?;
        AddressesFile::of(&config.data_dir).remove(disk);
        let genesis = read_genesis(disk, &config.genesis)?;
        let trust = Trust::from_submission(genesis.clone(), None)
            .map_err(|source| RunError::Trust { path: config.genesis.clone(), source })?;
        let identity = NodeIdentity::load(disk, &config.keys_dir)?;
        let registered = trust.node(config.node).ok_or_else(|| RunError::Config {
            field: "node",
            what: format!("the genesis record has no node {}; it has {}", config.node, node_list(&trust)),
        })?;
        identity.check(registered, &config.keys_dir)?;
        let pins = Pins::of(&trust);
        Ok(Self { genesis, trust, identity, pins })
    }

    pub(super) fn setup(&self, config: &Config, own: SocketAddr) -> Result<CoreSetup, RunError> {
        Ok(CoreSetup {
            node: config.node,
            genesis: self.genesis.clone(),
            data_dir: config.data_dir.clone(),
            keys: self.identity.secrets.clone(),
            members: self.members(config, own)?,
            tuning: config.tuning.apply(),
        })
    }

    /// Every node of the genesis record with its address; this one under its own listener unless configured otherwise.
    fn members(&self, config: &Config, own: SocketAddr) -> Result<Vec<Member>, RunError> {
        let refuse = |what: String| RunError::Config { field: "peers", what };
        let mut known: BTreeMap<u32, String> = BTreeMap::from([(config.node, own.to_string())]);
        for peer in &config.peers {
            if self.trust.node(peer.id).is_none() {
                let what = format!("the genesis record has no node {}; it has {}", peer.id, node_list(&self.trust));
                return Err(refuse(what));
            }
            known.insert(peer.id, peer.address.clone());
        }
        let member = |node: &tamga_ledger::judge::NodeRegistration| {
            let address = known.get(&node.keys.id).cloned();
            let address = address.ok_or_else(|| refuse(format!("the address of node {} is missing", node.keys.id)))?;
            Ok(Member { id: NodeId(u64::from(node.keys.id)), address })
        };
        self.trust.nodes().iter().map(member).collect()
    }

    pub(super) fn core_seams(&self, seams: &Seams) -> Result<CoreSeams, RunError> {
        let dialer = TlsDialer::new(&self.identity.tls, &self.pins, Arc::clone(&seams.dialer), DIAL_TIMEOUT)?;
        Ok(CoreSeams {
            disk: Arc::clone(&seams.disk),
            clock: Arc::clone(&seams.clock),
            entropy: Arc::clone(&seams.entropy),
            blocking: Arc::clone(&seams.blocking),
            dialer: Arc::new(dialer),
        })
    }
}

fn node_list(trust: &Trust) -> String {
    let ids: Vec<String> = trust.nodes().iter().map(|node| node.keys.id.to_string()).collect();
    format!("nodes {}", ids.join(", "))
}
