//! A rehearsal election of a few organisations with one node each, provisioned on disk.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::{Decree, Election, Organisation, Title};
use tamga_ledger::trust::Trust;
use tamga_node::config::{Config, CoreTuning, Peer};
use tamga_node::provision::{
    generate_node, generate_organisation, loopback_config, read_genesis, sign_genesis, trust_policy, write_config,
    write_genesis,
};
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::SeededEntropy;

/// An election of `n` organisations with one node each, on disk.
pub(crate) struct Cluster {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) trust: Trust,
    pub(crate) n: u32,
}

fn title(en: &str) -> Title {
    Title { ky: en.to_owned(), ru: en.to_owned(), en: en.to_owned() }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Cluster {
    pub(crate) fn new(n: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entropy = SeededEntropy::new(42);
        let mut organisations = Vec::new();
        let mut registered = Vec::new();
        for id in 1..=n {
            let name = format!("org-{id}");
            let organisation = generate_organisation(&entropy, &name, title(&name));
            let node = generate_node(&entropy, id, &format!("{name}/node-{id}")).unwrap();
            node.write(&OsDisk, &folder.path().join(format!("node-{id}/keys"))).unwrap();
            registered.push(organisation.organisation(vec![node.public]));
            organisations.push(organisation);
        }
        let election = election(registered);
        let (genesis, _) = sign_genesis(&entropy, &election, &organisations).unwrap();
        let path = folder.path().join("genesis.cbor");
        write_genesis(&OsDisk, &path, &genesis).unwrap();
        let trust = Trust::from_submission(read_genesis(&OsDisk, &path).unwrap(), None).unwrap();
        let cluster = Self { folder, trust, n };
        cluster.configure();
        cluster
    }

    fn configure(&self) {
        let peers: Vec<Peer> = (1..=self.n).map(|id| Peer { id, address: free_address().to_string() }).collect();
        for peer in &peers {
            let own = peer.address.parse().unwrap();
            let mut config = loopback_config(peer.id, Path::new("../genesis.cbor"), own, peers.clone());
            config.tuning = CoreTuning {
                raft_segment_bytes: Some(1 << 20),
                disk_reserve_bytes: Some(1 << 20),
                heartbeat_ms: Some(100),
                election_ms_min: Some(400),
                election_ms_max: Some(800),
                ..CoreTuning::default()
            };
            config.limits.drain_ms = 1_000;
            write_config(&OsDisk, &self.path(peer.id).join("node.toml"), &config).unwrap();
        }
    }

    pub(crate) fn path(&self, node: u32) -> PathBuf {
        self.folder.path().join(format!("node-{node}"))
    }

    pub(crate) fn config(&self, node: u32) -> Config {
        Config::load(&OsDisk, &self.path(node).join("node.toml")).unwrap()
    }
}

fn election(organisations: Vec<Organisation>) -> Election {
    Election {
        real: 0,
        title: title("Rehearsal"),
        origin_prefix: "rehearsal.tamga.example".to_owned(),
        decree: Decree {
            number: "1".to_owned(),
            date: "2025-01-01".to_owned(),
            blake3: Digest([1; 32]),
            sha256: Digest([2; 32]),
        },
        rules_version: 1,
        parts: vec![Digest([3; 32])],
        trust_policy: trust_policy(&organisations).unwrap(),
        organisations,
        cluster_epoch: 1,
        embargo_ms: 0,
        official_hours: Vec::new(),
        checkpoint_interval_ms: 200,
        cell_papers_min: 10,
        attestation_validity_ms: 600_000,
        member_quorum: 1,
        offline_identifications_max: 100,
        retention_months: 12,
    }
}
