//! The wire between namespaces: carries every IP packet from one node to another, or does not.
//!
//! The kernel's own emulator (netem) is a module that many machines lack, this one's included. Carrying the packets ourselves
//! needs `/dev/net/tun` only, and the nodes' own kernels still speak real TCP over what arrives: retransmission, resets,
//! half-open connections and stalled windows are theirs. The dice are seeded; which packet meets which throw is not.

use super::links::{Befallen, Links};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tamga_platform::entropy::{Entropy, SeededEntropy, random_bytes};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tun::Tun;

/// Set aside for measurements of devices (RFC 2544): nobody routes them.
const NETWORK: [u8; 3] = [198, 18, 0];
/// Longer than any packet of our interfaces.
const PACKET_BYTES_MAX: usize = 65_536;

/// A node's address on the wire.
#[must_use]
pub fn address_of(node: u32) -> Ipv4Addr {
    let [a, b, c] = NETWORK;
    Ipv4Addr::new(a, b, c, u8::try_from(node).unwrap_or(u8::MAX))
}

/// Carries packets until it is dropped.
#[derive(Debug)]
pub struct Switch {
    _carriers: JoinSet<()>,
}

impl Switch {
    /// Begins to carry between these interfaces.
    #[must_use]
    pub fn begin(interfaces: BTreeMap<u32, Tun>, links: &Links, seed: u64) -> Self {
        let interfaces: Arc<BTreeMap<u32, Tun>> = Arc::new(interfaces);
        let dice = Arc::new(SeededEntropy::new(seed));
        let mut carriers = JoinSet::new();
        for node in interfaces.keys() {
            let wire = Wire { interfaces: Arc::clone(&interfaces), links: links.clone(), dice: Arc::clone(&dice) };
            carriers.spawn(wire.carry(*node));
        }
        Self { _carriers: carriers }
    }
}

#[derive(Clone)]
struct Wire {
    interfaces: Arc<BTreeMap<u32, Tun>>,
    links: Links,
    dice: Arc<SeededEntropy>,
}

impl Wire {
    async fn carry(self, from: u32) {
        let mut packet = vec![0; PACKET_BYTES_MAX];
        let Some(interface) = self.interfaces.get(&from) else { return };
        while let Ok(length) = interface.recv(&mut packet).await {
            if let Some(to) = destination(&packet[..length]) {
                self.pass(from, to, &packet[..length]).await;
            }
        }
    }

    async fn pass(&self, from: u32, to: u32, packet: &[u8]) {
        let (link, befallen) = (self.links.between(from, to), self.links.befallen());
        if !link.open {
            return Befallen::count(&befallen.cut);
        }
        if self.falls(link.loss) {
            return Befallen::count(&befallen.lost);
        }
        Befallen::count(&befallen.passed);
        let mut delay = link.delay + link.jitter * self.throw() / 1_000;
        if self.falls(link.reorder) {
            Befallen::count(&befallen.reordered);
            delay = (link.delay + link.jitter) * 2;
        }
        if self.falls(link.duplicate) {
            Befallen::count(&befallen.duplicated);
            self.deliver(to, packet, delay + link.jitter).await;
        }
        self.deliver(to, packet, delay).await;
    }

    async fn deliver(&self, to: u32, packet: &[u8], delay: Duration) {
        if delay.is_zero() {
            return self.hand_over(to, packet).await;
        }
        let (wire, packet) = (self.clone(), packet.to_vec());
        tokio::spawn(async move {
            sleep(delay).await;
            wire.hand_over(to, &packet).await;
        });
    }

    async fn hand_over(&self, to: u32, packet: &[u8]) {
        if let Some(interface) = self.interfaces.get(&to) {
            // A full queue loses the packet, as on any wire.
            let _ = interface.send(packet).await;
        }
    }

    /// 0 to 999.
    fn throw(&self) -> u32 {
        u32::from(u16::from_le_bytes(random_bytes::<2>(&*self.dice as &dyn Entropy))) % 1_000
    }

    fn falls(&self, in_a_thousand: u32) -> bool {
        in_a_thousand > 0 && self.throw() < in_a_thousand
    }
}

/// The node that an IPv4 packet of our network is for.
fn destination(packet: &[u8]) -> Option<u32> {
    let [a, b, c, node]: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    (packet[0] >> 4 == 4 && [a, b, c] == NETWORK).then_some(u32::from(node))
}
