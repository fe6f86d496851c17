//! Answering a node whose disk is damaged. Everything comes from the store, which gives out nothing that does not check:
//! a node with a rotten disk of its own is no source.

use std::sync::Arc;

use bytes::Bytes;
use tamga_consensus::PeerIdentity;
use tamga_ledger::store::{Confidential, Store, StoreError};
use tamga_ledger::tree::{Blake3Tree, LeafIndex, Sha256Tree, TileWidth, TreeSize};
use tamga_platform::blocking::BlockingExt as _;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::core::Core;
use crate::proto::repair_server::{Repair, RepairServer};
use crate::proto::{
    RepairCheckpointsReply, RepairCheckpointsRequest, RepairEntriesReply, RepairEntriesRequest, RepairTileReply,
    RepairTileRequest,
};

/// What one reply gathers, in bytes, give or take one entry with its body.
pub(super) const REPLY_BYTES: usize = 3 << 20;
/// Entries of one reply.
const ENTRIES_MAX: u64 = 2_048;
/// Checkpoints of one reply.
pub(super) const CHECKPOINTS_MAX: usize = 256;
/// Questions answered at once: repairing must not hinder what the node is for.
const AT_ONCE: usize = 2;

/// The service of a running node, to be mounted on the listener for nodes.
pub(crate) fn service(core: &Arc<Core>) -> RepairServer<Service> {
    let service = Service { core: Arc::clone(core), room: Semaphore::new(AT_ONCE) };
    RepairServer::new(service).max_encoding_message_size(REPLY_BYTES + (1 << 20))
}

/// See [`service`].
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    room: Semaphore,
}

impl Service {
    /// Runs a read where it may block, for a caller that its certificate names.
    async fn read<T: Send + 'static>(
        &self,
        caller: Option<PeerIdentity>,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        if caller.is_none() {
            return Err(Status::permission_denied("the connection does not prove which node it comes from"));
        }
        let Ok(_room) = self.room.acquire().await else { return Err(Status::unavailable("this node is stopping")) };
        let store = Arc::clone(self.core.store());
        match self.core.blocking().run(move || work(&store)).await {
            Ok(found) => Ok(Response::new(found)),
            Err(error @ (StoreError::Damaged(_) | StoreError::Io { .. } | StoreError::Poisoned { .. })) => {
                tracing::error!(%error, "a node asked for what this one cannot read");
                Err(Status::data_loss("this node cannot read that part of its own ledger"))
            }
            Err(error) => Err(Status::not_found(error.to_string())),
        }
    }
}

fn caller<T>(request: &Request<T>) -> Option<PeerIdentity> {
    request.extensions().get::<PeerIdentity>().copied()
}

#[tonic::async_trait]
impl Repair for Service {
    async fn get_repair_tile(&self, request: Request<RepairTileRequest>) -> Result<Response<RepairTileReply>, Status> {
        let caller = caller(&request);
        let RepairTileRequest { blake3, level, index, width } = request.into_inner();
        let (Ok(level), Some(width)) = (u8::try_from(level), TileWidth::new(width.into())) else {
            return Err(Status::invalid_argument("levels go to 63, widths from 1 to 256"));
        };
        self.read(caller, move |store| {
            let hashes = if blake3 {
                store.tile::<Blake3Tree>(level, index, width)
            } else {
                store.tile::<Sha256Tree>(level, index, width)
            };
            Ok(RepairTileReply { hashes: hashes?.into() })
        })
        .await
    }

    async fn get_repair_entries(
        &self,
        request: Request<RepairEntriesRequest>,
    ) -> Result<Response<RepairEntriesReply>, Status> {
        let caller = caller(&request);
        let RepairEntriesRequest { first_leaf, count } = request.into_inner();
        self.read(caller, move |store| entries(store, first_leaf, count)).await
    }

    async fn get_repair_checkpoints(
        &self,
        request: Request<RepairCheckpointsRequest>,
    ) -> Result<Response<RepairCheckpointsReply>, Status> {
        let caller = caller(&request);
        let RepairCheckpointsRequest { from, below } = request.into_inner();
        self.read(caller, move |store| {
            let size = |size| TreeSize::new(size).map_err(StoreError::from);
            let found = if below == 0 {
                store.checkpoint_latest()?.into_iter().collect()
            } else {
                store.checkpoints(size(from)?..size(below)?, CHECKPOINTS_MAX)?
            };
            let mut notes: Vec<String> = Vec::new();
            let mut bytes = 0;
            for archived in found {
                bytes += archived.note.len();
                if bytes > REPLY_BYTES && !notes.is_empty() {
                    break;
                }
                notes.push(archived.note);
            }
            Ok(RepairCheckpointsReply { notes })
        })
        .await
    }
}

fn entries(store: &Store, first: u64, count: u64) -> Result<RepairEntriesReply, StoreError> {
    let size = store.size().get();
    let end = first.saturating_add(count.clamp(1, ENTRIES_MAX)).min(size);
    if first >= size {
        return Err(StoreError::NoSuchLeaf { leaf: first, size: store.size() });
    }
    let leaf = |index| LeafIndex::new(index).map_err(StoreError::from);
    let found = store.entries(leaf(first)?..leaf(end)?, REPLY_BYTES / 2)?;
    let mut reply = RepairEntriesReply::default();
    let mut bytes = 0;
    for (index, entry) in (first..).zip(found) {
        let body = match store.confidential(leaf(index)?)? {
            Confidential::Kept { body, .. } => body,
            Confidential::None | Confidential::Erased { .. } => Vec::new(),
        };
        bytes += entry.len() + body.len();
        if bytes > REPLY_BYTES && !reply.entries.is_empty() {
            break;
        }
        reply.entries.push(Bytes::from(entry));
        reply.bodies.push(Bytes::from(body));
    }
    Ok(reply)
}
