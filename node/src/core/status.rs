//! One node's view of itself, put together for operators.

use std::sync::atomic::Ordering;

use tamga_consensus::Role;
use tamga_ledger::judge::RULES_VERSION;

use super::shared::Shared;
use super::{NodeLine, NodeStatus};

impl Shared {
    pub(crate) fn status(&self) -> NodeStatus {
        let raft = self.consensus.get().map(tamga_consensus::Consensus::status);
        let outbox = self.outbox.usage();
        let standing = self.cosigning.standing();
        let fatal = self.fatal.borrow().clone();
        let why = standing.silent.as_ref().or(standing.withheld.as_ref());
        let cosigner = match (&fatal, why) {
            (Some(fatal), _) => format!("stopped: {fatal}"),
            (None, Some(why)) => format!("withholding: {why}"),
            (None, None) if !standing.confirmed => {
                "withholding: asking the other nodes what this node's key has signed before".to_owned()
            }
            (None, None) => "signing".to_owned(),
        };
        let lag = |status: &tamga_consensus::Status| {
            let index = |position: Option<tamga_consensus::LogPosition>| position.map_or(0, |at| at.index + 1);
            index(status.committed).saturating_sub(index(status.applied))
        };
        let now_ms = self.seams.clock.now_ms();
        NodeStatus {
            node: self.node,
            role: raft.as_ref().map_or("stopped", |raft| role_word(raft.role)),
            term: raft.as_ref().map_or(0, |raft| raft.term),
            leader: raft.as_ref().and_then(|raft| u32::try_from(raft.leader.as_ref()?.id.0).ok()),
            applied_size: self.store.size().get(),
            published_size: self.published.borrow().as_ref().map_or(0, |published| published.checkpoint.size.get()),
            cut_size: self.last_cut.load(Ordering::Relaxed),
            apply_lag: raft.as_ref().map_or(0, lag),
            log_purged: raft.as_ref().and_then(|raft| raft.purged).unwrap_or(0),
            snapshot_index: self.compaction.latest().map_or(0, |latest| latest.position.index),
            replayed_entries: self.replayed_entries,
            outbox_records: outbox.records,
            outbox_bytes: outbox.bytes,
            outbox_oldest_ms: outbox.oldest_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms)),
            starved_ms: self.starvation.starved_ms.load(Ordering::Relaxed),
            shunned: Some(self.starvation.shunned.load(Ordering::Relaxed)).filter(|node| *node != 0),
            clock_skew_ms: self.skew_ms.load(Ordering::Relaxed),
            cosigner,
            cosigned_size: standing.cosigned_size,
            catching_up: self.catching_up.load(Ordering::Relaxed),
            diverged: standing.diverged,
            disk_low: self.disk_low(),
            disk_full: self.space.is_full() || raft.as_ref().is_some_and(|raft| raft.disk_full),
            disk_free_bytes: self.space.free(),
            leaving: self.leaving.load(Ordering::Relaxed),
            removed: self.removed.load(Ordering::Relaxed),
            removed_voters: self.roster.now().on_their_way_out().map(|(id, _)| id).collect(),
            unborn: self.births.waits(),
            software: self.tuning.software.clone(),
            rules_version: RULES_VERSION,
            nodes: self.node_lines(raft.as_ref()),
            fatal,
        }
    }

    fn node_lines(&self, raft: Option<&tamga_consensus::Status>) -> Vec<NodeLine> {
        let roster = self.roster.now();
        let member = |id: u32| {
            let members = raft.map_or(&[][..], |raft| &raft.members);
            match members.iter().find(|member| member.member.id.0 == u64::from(id)) {
                Some(member) if member.voter => "voter",
                Some(_) => "learner",
                None => "none",
            }
        };
        let line = |(id, node): (u32, &tamga_ledger::nodes::NodeEntry)| {
            let heard = self.heard.of(id);
            let standing = heard.as_ref().map(|(_, standing)| standing);
            NodeLine {
                id,
                organisation: node.organisation.clone(),
                decided: node.role,
                member: member(id),
                address: self.addresses.of(id),
                software: standing.map(|standing| standing.software.clone()),
                rules_version: standing.map(|standing| standing.rules_version),
                applied_size: standing.map(|standing| standing.applied_size),
                heard_ms: heard.as_ref().and_then(|(age, _)| u64::try_from(age.as_millis()).ok()),
            }
        };
        roster.in_force().map(line).collect()
    }

    /// Puts the figures of the status into the metrics.
    pub(crate) fn record_gauges(&self) {
        let status = self.status();
        metrics::gauge!("tamga_raft_term").set(status.term as f64);
        metrics::gauge!("tamga_raft_leader").set(f64::from(u8::from(status.role == "leader")));
        metrics::gauge!("tamga_applied_size").set(status.applied_size as f64);
        metrics::gauge!("tamga_published_size").set(status.published_size as f64);
        metrics::gauge!("tamga_apply_lag").set(status.apply_lag as f64);
        metrics::gauge!("tamga_raft_log_purged_index").set(status.log_purged as f64);
        metrics::gauge!("tamga_outbox_records").set(status.outbox_records as f64);
        metrics::gauge!("tamga_outbox_bytes").set(status.outbox_bytes as f64);
        metrics::gauge!("tamga_pending_records").set(self.pending.len() as f64);
        metrics::gauge!("tamga_cosigned_size").set(status.cosigned_size as f64);
        metrics::gauge!("tamga_ready").set(f64::from(u8::from(status.is_ready())));
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Learner => "learner",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
        Role::Stopped => "stopped",
    }
}
