//! Where the other nodes are reached: a private matter of each node, and never a question of trust.
//!
//! Who somebody is, its certificate proves to the dialer; an address is a hint. Four sources are tried in turn: this
//! operator's configuration, what the node itself has announced over a connection that proved who it is, what Raft's
//! membership says, and what other nodes say. So a node that was added by record needs no change of the others' configuration, and one that moved is
//! found again once it has reached anybody.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tamga_consensus::{Dialer, Member, NodeId, Stream};

/// Longest address taken from a node: a host name of 253 bytes with its port.
const ADDRESS_BYTES_MAX: usize = 255;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    configured: BTreeMap<NodeId, String>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    announced: BTreeMap<NodeId, String>,
    hearsay: BTreeMap<NodeId, String>,
    /// Which of a node's addresses is tried next.
    next: BTreeMap<NodeId, usize>,
}

impl Addresses {
    pub(crate) fn new(configured: &[Member]) -> Self {
        let configured = configured.iter().map(|member| (member.id, member.address.clone()));
        Self { configured: configured.collect(), inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `node` says of itself. Something that cannot be an address is ignored.
    pub(crate) fn announced(&self, node: u32, address: &str) {
        if is_address(address) {
            self.lock().announced.insert(NodeId(u64::from(node)), address.to_owned());
        }
    }

    /// What one node says of another.
    pub(crate) fn heard_of(&self, node: u32, address: &str) {
        if is_address(address) {
            self.lock().hearsay.insert(NodeId(u64::from(node)), address.to_owned());
        }
    }

    /// The address under which `node` is to become a member; none as long as nobody knows one.
    pub(crate) fn of(&self, node: u32) -> Option<String> {
        let id = NodeId(u64::from(node));
        let told = |inner: &Inner| inner.announced.get(&id).or_else(|| inner.hearsay.get(&id)).cloned();
        self.configured.get(&id).cloned().or_else(|| told(&self.lock()))
    }

    /// The address to try now. The next attempt takes another one, unless this one is kept.
    fn attempt(&self, node: NodeId, given: &str) -> Option<(usize, String)> {
        let mut inner = self.lock();
        let mut known: Vec<String> = Vec::new();
        let given = (!given.is_empty()).then(|| given.to_owned());
        let (announced, hearsay) = (inner.announced.get(&node).cloned(), inner.hearsay.get(&node).cloned());
        for address in [self.configured.get(&node).cloned(), announced, given, hearsay] {
            known.extend(address.filter(|address| !known.contains(address)));
        }
        let place = inner.next.get(&node).copied().unwrap_or(0) % known.len().max(1);
        // A caller that loses patience drops the attempt: then the next one goes elsewhere as well.
        inner.next.insert(node, place + 1);
        Some((place, known.into_iter().nth(place)?))
    }

    fn keep(&self, node: NodeId, place: usize) {
        self.lock().next.insert(node, place);
    }
}

fn is_address(text: &str) -> bool {
    let host_and_port = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    host_and_port && plain && text.len() <= ADDRESS_BYTES_MAX
}

/// Dials nodes where they are found.
#[derive(Debug)]
pub(crate) struct FindingDialer {
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) dialer: Arc<dyn Dialer>,
}

#[async_trait]
impl Dialer for FindingDialer {
    async fn dial(&self, node: NodeId, address: &str) -> io::Result<Box<dyn Stream>> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("no address of {node} is known"));
        let (place, address) = self.addresses.attempt(node, address).ok_or_else(unknown)?;
        let stream = self.dialer.dial(node, &address).await?;
        self.addresses.keep(node, place);
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(address: &str) -> Addresses {
        Addresses::new(&[Member { id: NodeId(2), address: address.to_owned() }])
    }

    #[test]
    fn failed_addresses_take_turns_and_a_good_one_is_kept() {
        let addresses = configured("a:1");
        addresses.announced(2, "b:2");
        let tried = |addresses: &Addresses| addresses.attempt(NodeId(2), "c:3").unwrap();
        let names: Vec<String> = (0..4).map(|_| tried(&addresses).1).collect();
        assert_eq!(names, ["a:1", "b:2", "c:3", "a:1"]);
        let (place, name) = tried(&addresses);
        addresses.keep(NodeId(2), place);
        assert_eq!((name.as_str(), tried(&addresses).1.as_str()), ("b:2", "b:2"));
    }

    #[test]
    fn what_is_no_address_is_not_taken_from_anybody() {
        let addresses = Addresses::default();
        for bad in ["", "host", ":1", "host:0", "host:70000", "a b:1", "a\n:1", &format!("{}:1", "x".repeat(255))] {
            addresses.announced(7, bad);
            assert_eq!(addresses.of(7), None, "{bad:?}");
        }
        addresses.announced(7, "[::1]:70");
        assert_eq!(addresses.of(7).as_deref(), Some("[::1]:70"));
        assert_eq!(configured("a:1").of(2).as_deref(), Some("a:1"));
    }
}
