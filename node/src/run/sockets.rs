//! The three listening sockets, and the file that tells where they are.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tamga_platform::disk::Disk;

use super::{ADDRESSES_FILE, Addresses, RunError, disk_error};
use crate::config::Config;
use crate::listeners::{Listener, Network};

/// The three listening sockets.
pub(super) struct Sockets {
    pub(super) peer: Box<dyn Listener>,
    pub(super) public: Box<dyn Listener>,
    pub(super) admin: Box<dyn Listener>,
}

impl Sockets {
    pub(super) async fn bind(config: &Config, network: &dyn Network) -> Result<Self, RunError> {
        let bind = |field: &'static str, address: SocketAddr| async move {
            network.listen(address).await.map_err(|source| RunError::Listen { field, address, source })
        };
        Ok(Self {
            peer: bind("listen.peer", config.listen.peer).await?,
            public: bind("listen.public", config.listen.public).await?,
            admin: bind("listen.admin", config.listen.admin).await?,
        })
    }

    pub(super) fn addresses(&self, config: &Config) -> Result<Addresses, RunError> {
        let address = |field: &'static str, socket: &dyn Listener, address: SocketAddr| {
            socket.local_address().map_err(|source| RunError::Listen { field, address, source })
        };
        Ok(Addresses {
            node: config.node,
            peer: address("listen.peer", self.peer.as_ref(), config.listen.peer)?,
            public: address("listen.public", self.public.as_ref(), config.listen.public)?,
            admin: address("listen.admin", self.admin.as_ref(), config.listen.admin)?,
        })
    }
}

/// `addresses.json`: there while the node serves.
pub(super) struct AddressesFile(PathBuf);

impl AddressesFile {
    /// The file of this data folder, there or not.
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.join(ADDRESSES_FILE))
    }

    pub(super) fn write(disk: &dyn Disk, folder: &Path, addresses: &Addresses) -> Result<Self, RunError> {
        let Self(path) = Self::of(folder);
        // Plain numbers and addresses always become JSON.
        let text = serde_json::to_string_pretty(addresses).unwrap_or_default() + "\n";
        disk.replace(&path, text.as_bytes()).map_err(disk_error("write", &path))?;
        Ok(Self(path))
    }

    /// Also called at start-up, for the file of a process that was killed. An error does no harm: the file is a hint.
    pub(super) fn remove(&self, disk: &dyn Disk) {
        if let Err(error) = disk.remove(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.0.display(), "cannot remove the file");
        }
    }
}
