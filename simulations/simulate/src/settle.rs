//! The end of a simulation: everything is healed, and within a bounded time the cluster must converge and serve.

use std::collections::BTreeSet;

use bytes::Bytes;
use tamga_ledger::ids::RecordId;

use tamga_ledger::policy::smallest_intersecting_k;

use crate::cluster::Ask;
use crate::model::RecordKnown;
use crate::world::{Failure, World};

/// How long the cluster may take to converge, ms.
const CONVERGE_MS: u64 = 90_000;
/// How long it may take to serve one request on every node and publish it, ms.
const SERVE_MS: u64 = 30_000;
/// How often the state is looked at, ms.
const LOOK_MS: u64 = 20;
/// After how many looks what was not answered is asked again.
const AGAIN_LOOKS: u64 = 50;

impl World<'_> {
    /// Converges and serves.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        self.wait(CONVERGE_MS, "converge", Self::has_converged, |_| ())?;
        self.trace.note("converged");
        let mut wishes = self.last_wishes();
        // A client asks again where it was told to wait.
        self.wait(SERVE_MS, "serve", |world| world.has_served(&world.last), |world| world.ask_again(&mut wishes))?;
        self.trace.note("served");
        self.wait(SERVE_MS, "read", Self::has_read, Self::read_everywhere)?;
        self.step()
    }

    fn wait(
        &mut self,
        patience_ms: u64,
        what: &str,
        done: impl Fn(&Self) -> bool,
        mut again: impl FnMut(&mut Self),
    ) -> Result<(), Failure> {
        let (end_ms, mut looks) = (self.time.ms() + patience_ms, 0);
        while !done(self) {
            if looks % AGAIN_LOOKS == 0 {
                again(self);
            }
            looks += 1;
            if self.time.ms() >= end_ms {
                let lacks: Vec<String> = self.lacks().collect();
                let (lacks, statuses) = (lacks.join("; "), self.statuses());
                let why = format!("the cluster did not {what} in {patience_ms} ms: {lacks}: {statuses}");
                return Err(self.failed("liveness", &why));
            }
            for _ in 0..LOOK_MS {
                self.step()?;
            }
        }
        Ok(())
    }

    /// Whether the organisations that have a node left may publish.
    fn can_publish(&self) -> bool {
        let place = |node: u32| self.newcomers.get(&node).copied().unwrap_or(node);
        let organisations: BTreeSet<u32> = self.alive().into_iter().map(place).collect();
        organisations.len() >= smallest_intersecting_k(self.plan.nodes as usize)
    }

    /// All nodes run and are ready, have one ledger, and everything that was promised is in it and published.
    fn has_converged(&self) -> bool {
        self.lacks().next().is_none()
    }

    /// What a cluster that has not converged lacks, in words.
    fn lacks(&self) -> impl Iterator<Item = String> {
        let clients = [
            (!self.clients.open).then(|| "stations are not open".to_owned()),
            (!self.clients.are_idle()).then(|| "clients wait for answers".to_owned()),
        ];
        let changes = self.changes.iter().filter(|change| !change.is_done());
        let nodes = self.alive().into_iter().filter(|node| !self.is_even(*node));
        // What only damaged disks have promised may be gone with them, and with nodes that were taken away.
        let gone = |node: &u32| self.damaged.contains(node) || self.removed.contains(node);
        let kept = move |known: &RecordKnown| known.pending.iter().any(|node| !gone(node));
        let broken = self.model.promised().filter(move |(record, known)| kept(known) && !self.is_leaf(record));
        let words = clients.into_iter().flatten();
        let words = words.chain(changes.map(|change| format!("{change:?} is not done")));
        let words = words.chain(nodes.map(|node| format!("n{node} is not even with the others")));
        words.chain(
            broken.map(|(record, known)| format!("{record}, promised by {:?}, is not in the ledger", known.pending)),
        )
    }

    /// Whether a node is ready, has the one ledger, has published it and has nothing more to hand over.
    fn is_even(&self, node: u32) -> bool {
        let size = self.seen.leaves.len() as u64;
        let seen = self.seen.nodes.get(&node).is_some_and(|node| node.running && node.size == size);
        seen && self.members_are_decided(node)
            && self.nodes[&node].core().is_some_and(|core| {
                let status = core.status();
                let published = status.published_size == size || !self.can_publish();
                status.is_ready() && published && status.outbox_records == 0
            })
    }

    fn is_leaf(&self, record: &RecordId) -> bool {
        self.seen.leaves.iter().any(|leaf| leaf.record == *record)
    }

    /// A new record for every node.
    fn last_wishes(&mut self) -> Vec<(u32, RecordId, Bytes)> {
        let mut wishes = Vec::new();
        for node in self.alive() {
            let (record, bytes) = self.clients.last_wish(node, self.time.ms(), &mut self.model);
            self.last.push((node, record));
            wishes.push((node, record, bytes));
        }
        wishes
    }

    fn ask_again(&mut self, wishes: &mut Vec<(u32, RecordId, Bytes)>) {
        wishes.retain(|(_, wish, _)| !self.model.acknowledged().iter().any(|(record, ..)| record == wish));
        for (node, record, bytes) in wishes {
            let number = self.clients.ask(*node, Ask::Submit(bytes.clone()), &self.nodes);
            self.trace.note(format_args!("last wish {record} to n{node} as #{number}"));
        }
    }

    /// Each was answered with its verdict, and every node has published it.
    fn has_served(&self, wishes: &[(u32, RecordId)]) -> bool {
        let is_answered = |wish: &RecordId| self.model.acknowledged().iter().any(|(record, ..)| record == wish);
        // A damaged node may be lost even now.
        let answered = wishes.iter().all(|(node, wish)| self.lost.contains(node) || is_answered(wish));
        let size = self.seen.leaves.len() as u64;
        let published = |node: &crate::observe::NodeSeen| {
            node.published.as_ref().is_some_and(|published| published.checkpoint.size.get() == size)
        };
        let even = |node: &u32| {
            let node = self.seen.nodes.get(node);
            node.is_some_and(|node| node.size == size && (published(node) || !self.can_publish()))
        };
        answered && self.alive().iter().all(even)
    }

    /// A linearizable read on every node that has not answered one.
    fn read_everywhere(&mut self) {
        let all: Vec<RecordId> = self.model.acknowledged().iter().map(|(record, ..)| *record).collect();
        for node in self.alive() {
            if !self.model.has_read_all(node, all.len()) {
                self.clients.ask(node, Ask::Read(all.clone()), &self.nodes);
            }
        }
    }

    fn has_read(&self) -> bool {
        let all = self.model.acknowledged().len();
        self.alive().iter().all(|node| self.model.has_read_all(*node, all))
    }
}
