//! Asking the other nodes for what this one has lost. Mutual TLS says who answers; nothing that they answer is believed, and
//! no answer is larger than stated here.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use hyper_util::rt::TokioIo;
use tamga_consensus::{Dialer, NodeId};
use tamga_ledger::history::{HISTORY_BYTES_MAX, History};
use tamga_ledger::store::NOTE_BYTES_MAX;
use tamga_ledger::store::repair::{PeerEntry, Peers, TreeName};
use tamga_ledger::tree::{LeafIndex, TileKind, TilePath, TreeSize};
use tamga_ledger::trust::Trust;
use tokio::runtime::Handle;
use tonic::transport::{Channel, Endpoint};

use super::known::Known;
use super::serve::{CHECKPOINTS_MAX, REPLY_BYTES};
use crate::config::Config;
use crate::core::ANNOUNCE_BYTES_MAX;
use crate::keys::LoadedIdentity;
use crate::proto::peer_client::PeerClient;
use crate::proto::repair_client::RepairClient;
use crate::proto::{
    AnnounceReply, AnnounceRequest, GetHistoryRequest, RepairCheckpointsRequest, RepairEntriesRequest,
    RepairTileRequest,
};
use crate::provision::read_genesis;
use crate::run::{RunError, Seams};
use crate::tls::{LivePins, Shown, TlsDialer};

/// How long one question may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest reply: what the other side gathers, one more entry with its body, and framing.
const REPLY_BYTES_MAX: usize = REPLY_BYTES + (1 << 20);

/// The other nodes of the configuration.
#[derive(Debug)]
pub(super) struct GrpcPeers {
    runtime: Handle,
    peers: Vec<(String, RepairClient<Channel>)>,
}

/// Reads genesis record and keys, finds out who the nodes are, and prepares connections to the others.
pub(super) async fn connect(config: &Config, seams: &Seams, runtime: Handle) -> Result<(Trust, GrpcPeers), RunError> {
    let disk = seams.disk.as_ref();
    let genesis = read_genesis(disk, &config.genesis)?;
    let trust = Trust::from_submission(genesis, None)
        .map_err(|source| RunError::Trust { path: config.genesis.clone(), source })?;
    let identity = LoadedIdentity::load(disk, &config.keys_dir, &seams.passphrases)?;
    let mut known = Known::here(config, &trust, disk);
    let pins = LivePins::new(known.roster.pins().collect());
    let dialer = TlsDialer::new(&Shown::new(&identity.tls)?, &pins, Arc::clone(&seams.dialer), TIMEOUT)?;
    let dialer: Arc<dyn Dialer> = Arc::new(dialer);
    ask_around(&mut known, &trust, &pins, &dialer).await;
    known.check_own(config, &identity)?;
    let (mut peers, mut told) = (Vec::new(), Vec::new());
    for (id, address) in &known.addresses {
        let channel = channel(NodeId(u64::from(*id)), address.clone(), Arc::clone(&dialer));
        told.push(PeerClient::new(channel.clone()).max_decoding_message_size(HISTORY_BYTES_MAX + 1_024));
        let client = RepairClient::new(channel).max_decoding_message_size(REPLY_BYTES_MAX);
        peers.push((format!("node {id} ({address})"), client));
    }
    Ok((learn(trust, told).await, GrpcPeers { runtime, peers }))
}

/// Asks whoever is known for what the organisations decided and for the others' addresses, until nobody knows more.
async fn ask_around(known: &mut Known, trust: &Trust, pins: &LivePins, dialer: &Arc<dyn Dialer>) {
    let mut asked = BTreeSet::new();
    while known.is_incomplete() {
        let due: Vec<(u32, String)> = known
            .addresses
            .iter()
            .filter(|(id, _)| known.roster.get(**id).is_some() && !asked.contains(*id))
            .map(|(id, address)| (*id, address.clone()))
            .collect();
        if due.is_empty() {
            return;
        }
        asked.extend(due.iter().map(|(id, _)| *id));
        let replies = join_all(due.into_iter().map(|(id, address)| announce(id, address, Arc::clone(dialer)))).await;
        for reply in replies.into_iter().flatten() {
            known.hear(&reply, trust);
        }
        pins.set(known.roster.pins().collect());
    }
}

/// What a node tells of the others. This one says nothing of itself: it does not run.
async fn announce(id: u32, address: String, dialer: Arc<dyn Dialer>) -> Option<AnnounceReply> {
    let channel = channel(NodeId(u64::from(id)), address, dialer);
    let mut client = PeerClient::new(channel).max_decoding_message_size(ANNOUNCE_BYTES_MAX);
    let call = client.announce(AnnounceRequest { standing: None, decided_leaf: 0, birth: Bytes::new() });
    match tokio::time::timeout(TIMEOUT, call).await {
        Ok(Ok(reply)) => Some(reply.into_inner()),
        Ok(Err(status)) => {
            tracing::info!(node = id, why = in_words(&status), "a node could not be asked who the others are");
            None
        }
        Err(_) => None,
    }
}

/// Who must cosign today, as far as peers prove it from the genesis record: archived checkpoints are judged by that.
async fn learn(genesis: Trust, peers: Vec<PeerClient<Channel>>) -> Trust {
    let mut trust = genesis.clone();
    for mut peer in peers {
        let Ok(Ok(reply)) = tokio::time::timeout(TIMEOUT, peer.get_history(GetHistoryRequest {})).await else {
            continue;
        };
        let proven = History::from_bytes(&reply.get_ref().history).and_then(|history| genesis.follow(&history));
        match proven {
            Ok(proven) if proven.registry().leaves().last() > trust.registry().leaves().last() => trust = proven,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a peer's history does not verify"),
        }
    }
    trust
}

fn channel(node: NodeId, address: String, dialer: Arc<dyn Dialer>) -> Channel {
    // The address is the dialer's business; HTTP only needs some name.
    let endpoint = Endpoint::from_static("http://peer").connect_timeout(TIMEOUT).tcp_nodelay(true);
    endpoint.connect_with_connector_lazy(tower::service_fn(move |_: http::Uri| {
        let (dialer, address) = (Arc::clone(&dialer), address.clone());
        async move { dialer.dial(node, &address).await.map(TokioIo::new) }
    }))
}

impl GrpcPeers {
    /// One question, bounded in time. Called where blocking is allowed.
    fn ask<T>(
        &self,
        peer: usize,
        call: impl AsyncFnOnce(RepairClient<Channel>) -> Result<tonic::Response<T>, tonic::Status>,
    ) -> Result<T, String> {
        let client = self.peers.get(peer).map(|(_, client)| client.clone()).ok_or("there is no such peer")?;
        self.runtime.block_on(async {
            match tokio::time::timeout(TIMEOUT, call(client)).await {
                Ok(Ok(reply)) => Ok(reply.into_inner()),
                Ok(Err(status)) => Err(in_words(&status)),
                Err(_) => Err(format!("no answer in {TIMEOUT:?}")),
            }
        })
    }
}

/// What a status says, and what is behind it (a refused connection, for example), in a bounded length.
fn in_words(status: &tonic::Status) -> String {
    let mut words = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        words = format!("{words}: {}", error as &dyn Display);
        source = error.source();
    }
    words.chars().filter(|letter| !letter.is_control()).take(300).collect()
}

impl Peers for GrpcPeers {
    fn names(&self) -> Vec<String> {
        self.peers.iter().map(|(name, _)| name.clone()).collect()
    }

    fn tile(&self, peer: usize, tree: TreeName, path: &TilePath) -> Result<Vec<u8>, String> {
        let TileKind::Hashes(level) = path.kind() else { return Err(format!("{path} is no tile")) };
        let request = RepairTileRequest {
            blake3: tree == TreeName::Blake3,
            level: level.into(),
            index: path.index(),
            width: path.width().count() as u32,
        };
        let reply = self.ask(peer, async |mut client| client.get_repair_tile(request).await)?;
        Ok(reply.hashes.to_vec())
    }

    fn entries(&self, peer: usize, first: LeafIndex, count: u64) -> Result<Vec<PeerEntry>, String> {
        let request = RepairEntriesRequest { first_leaf: first.get(), count };
        let reply = self.ask(peer, async |mut client| client.get_repair_entries(request).await)?;
        if reply.bodies.len() != reply.entries.len() {
            return Err(format!("{} bodies beside {} entries", reply.bodies.len(), reply.entries.len()));
        }
        let both = reply.entries.into_iter().zip(reply.bodies);
        Ok(both.map(|(entry, body)| PeerEntry { entry: entry.to_vec(), body: body.to_vec() }).collect())
    }

    fn checkpoints(&self, peer: usize, sizes: Range<TreeSize>) -> Result<Vec<String>, String> {
        let request = RepairCheckpointsRequest { from: sizes.start.get(), below: sizes.end.get() };
        let reply = self.ask(peer, async |mut client| client.get_repair_checkpoints(request).await)?;
        match reply.notes.iter().find(|note| note.len() > NOTE_BYTES_MAX) {
            Some(note) => Err(format!("a note of {} bytes", note.len())),
            None if reply.notes.len() > CHECKPOINTS_MAX => Err(format!("{} notes at once", reply.notes.len())),
            None => Ok(reply.notes),
        }
    }

    fn newest(&self, peer: usize) -> Result<String, String> {
        let request = RepairCheckpointsRequest { from: 0, below: 0 };
        let reply = self.ask(peer, async |mut client| client.get_repair_checkpoints(request).await)?;
        Ok(reply.notes.into_iter().next().unwrap_or_default())
    }
}
