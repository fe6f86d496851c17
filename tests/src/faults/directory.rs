//! Where the nodes are now. A node that starts again has new ports; a device looks them up whenever it dials.

use crate::rehearsal::Rehearsal;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_client::device::{Connection, Dial, Dialing};
use tamga_node::run::{ADDRESSES_FILE, Addresses};
use tamga_simulations::cluster::Ground;
use tokio::net::TcpStream;

/// Dials nodes by name.
#[derive(Debug)]
pub struct Directory {
    ground: Arc<dyn Ground>,
    data: BTreeMap<String, (u32, PathBuf)>,
}

impl Directory {
    /// The nodes of a rehearsal.
    #[must_use]
    pub fn of(rehearsal: &Rehearsal) -> Self {
        let data = rehearsal.ids().map(|id| (Self::name(id), (id, rehearsal.data(id)))).collect();
        Self { ground: rehearsal.ground(), data }
    }

    /// Under which address a node is dialled.
    #[must_use]
    pub fn name(node: u32) -> String {
        format!("node-{node}.test:1")
    }
}

impl Dial for Directory {
    fn dial(&self, address: String) -> Dialing {
        let ground = Arc::clone(&self.ground);
        let found = self.data.get(&address).cloned();
        Box::pin(async move {
            let (node, data) = found.ok_or_else(|| io::Error::other(format!("nobody knows {address}")))?;
            let stream = TcpStream::connect(ground.reach(node, listed(&data)?.public)?).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Connection>)
        })
    }
}

fn listed(data: &Path) -> io::Result<Addresses> {
    Ok(serde_json::from_slice(&std::fs::read(data.join(ADDRESSES_FILE))?)?)
}
