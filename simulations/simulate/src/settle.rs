//! The end of a simulation: everything is healed, and within a bounded time the cluster must converge and serve.

use std::collections::BTreeSet;

use bytes::Bytes;
use tamga_ledger::ids::RecordId;

use tamga_ledger::policy::smallest_intersecting_k;

use crate::cluster::Ask;
use crate::decisions::Change;
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
                let why = format!("the cluster did not {what} in {patience_ms} ms: {}", self.statuses());
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
        let size = self.seen.leaves.len() as u64;
        let converged = |node: &u32| {
            let seen = self.seen.nodes.get(node).is_some_and(|node| node.running && node.size == size);
            seen && self.members_are_decided(*node)
                && self.nodes[node].core().is_some_and(|core| {
                    let status = core.status();
                    let published = status.published_size == size || !self.can_publish();
                    status.is_ready() && published && status.outbox_records == 0
                })
        };
        // What only damaged disks have promised may be gone with them, and with nodes that were taken away.
        let gone = |node: &u32| self.damaged.contains(node) || self.removed.contains(node);
        let kept = |known: &RecordKnown| known.pending.iter().any(|node| !gone(node));
        self.clients.open
            && self.changes.iter().all(Change::is_done)
            && self.clients.are_idle()
            && self.alive().iter().all(converged)
            && self.model.promised().all(|(record, known)| !kept(known) || self.is_leaf(record))
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
