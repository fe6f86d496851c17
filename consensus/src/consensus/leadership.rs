//! Leadership: standing for it, handing it on, and keeping away from it while the disk has no room.
//!
//! A replica with a full disk leaves leadership to others where it can: it does not stand by itself, and hands on if the
//! others are a quorum without it (it refuses their entries). It still is a last resort. It may be the only one left with
//! the latest entry, and a leader that takes no proposals lets everybody read. So it stands after twice the longest
//! silence, which leaves everybody else the first try; the rehearsal of the vote keeps it from disturbing a leader.

use std::time::Duration;

use tokio::sync::watch;

use super::Consensus;
use crate::error::{Fatal, HandOverError};
use crate::types::{Member, NodeId, Role, Status};

/// How often a leader without room looks for somebody who has some.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(5);
/// How many entries a successor may lack: it gets them before it takes over.
const SUCCESSOR_LAG_MAX: u64 = 1_000;

impl Consensus {
    /// Stands for election now, after asking the others whether that could succeed.
    ///
    /// # Errors
    /// [`Fatal`] when consensus has stopped.
    pub async fn trigger_election(&self) -> Result<(), Fatal> {
        self.0.raft.trigger().elect(true).await.map_err(|fatal| self.fatal(&fatal))
    }

    /// Takes no entries and heartbeats of `leader` for so long: as if it could not be reached. If a majority does, it loses its
    /// quorum and another replica is elected; if only this one does, nothing changes but that it falls behind.
    pub fn shun(&self, leader: NodeId, period: Duration) {
        self.0.shunned.set(leader, tokio::time::Instant::now() + period);
    }

    /// Asks this leader to hand leadership to `successor`; returns at once. Without effect on a node that does not lead.
    ///
    /// # Errors
    /// [`Fatal`] when consensus has stopped.
    pub async fn transfer_leadership(&self, successor: NodeId) -> Result<(), Fatal> {
        self.0.raft.trigger().transfer_leader(successor.0).await.map_err(|fatal| self.fatal(&fatal))
    }

    /// Hands leadership to `successor`, or to the voter that is best placed, and waits until another replica leads:
    /// what a leader does before it stops. Returns who leads then; `None` at once if this replica does not lead.
    ///
    /// # Errors
    /// [`HandOverError`]; this replica may still lead.
    pub async fn hand_over(&self, successor: Option<NodeId>) -> Result<Option<Member>, HandOverError> {
        let status = self.status();
        if status.role != Role::Leader {
            return Ok(None);
        }
        let successor = self.successor(&status, successor).await.ok_or_else(|| {
            let what = "no other voter answers, has room, and has nearly the whole log";
            HandOverError::NoSuccessor(what.to_owned())
        })?;
        self.transfer_leadership(successor.id).await?;
        let patience = Duration::from_millis(self.0.config.election_ms_max.saturating_mul(2));
        let mut status = self.watch_status();
        let passed = status.wait_for(|status| {
            status.role == Role::Stopped || status.leader.as_ref().is_some_and(|leader| leader.id != status.id)
        });
        match tokio::time::timeout(patience, passed).await {
            Ok(Ok(status)) if status.role == Role::Stopped => {
                Err(self.failure().unwrap_or_else(|| Fatal::new("stopped while handing over")).into())
            }
            Ok(Ok(status)) => Ok(status.leader.clone()),
            Ok(Err(_)) => Err(Fatal::new("stopped while handing over").into()),
            Err(_) => Err(HandOverError::TimedOut(patience)),
        }
    }

    /// A voter that could lead next: `wanted`, or the one with the longest log.
    pub(super) async fn successor(&self, status: &Status, wanted: Option<NodeId>) -> Option<Member> {
        self.able(status, wanted).await.into_iter().next()
    }

    /// Other voters that answer, have room, and have nearly the whole log; the longest log first.
    async fn able(&self, status: &Status, wanted: Option<NodeId>) -> Vec<Member> {
        let next = |index: Option<u64>| index.map_or(0, |index| index.saturating_add(1));
        let last = next(status.last_log_index);
        let mut near: Vec<(u64, &Member)> = status
            .members
            .iter()
            .filter(|known| known.voter && known.member.id != status.id)
            .filter(|known| wanted.is_none_or(|wanted| known.member.id == wanted))
            .map(|known| (last.saturating_sub(next(known.matched)), &known.member))
            .filter(|(lag, _)| *lag <= SUCCESSOR_LAG_MAX)
            .collect();
        near.sort();
        let asked = near.into_iter().map(|(_, member)| async move { (self.0.peers.could_lead(member).await, member) });
        let answers = futures::future::join_all(asked).await;
        answers.into_iter().filter(|(able, _)| *able).map(|(_, member)| member.clone()).collect()
    }

    /// Whom a leader without room hands on to. A full one refuses entries afterwards: the others must do without it.
    async fn relief(&self, status: &Status) -> Option<Member> {
        let voters = status.members.iter().filter(|known| known.voter).count();
        let able = self.able(status, None).await;
        let enough = if status.disk_full { voters / 2 + 1 } else { 1 };
        able.first().filter(|_| able.len() >= enough).cloned()
    }

    /// Starts the task that keeps this replica from leading while there is no room.
    pub(super) fn tend(&self) {
        let (consensus, status) = (self.clone(), self.watch_status());
        // Ends with openraft: the status says so.
        tokio::spawn(consensus.keep_away(status));
    }

    async fn keep_away(self, mut status: watch::Receiver<Status>) {
        loop {
            let now = status.borrow_and_update().clone();
            if now.role == Role::Stopped {
                return;
            }
            self.0.raft.runtime_config().elect(!now.disk_full);
            let leads_without_room = now.role == Role::Leader && now.disk_low;
            if leads_without_room && let Some(successor) = self.relief(&now).await {
                tracing::warn!(%successor, "the disk is nearly full: leadership is handed on");
                if self.transfer_leadership(successor.id).await.is_err() {
                    return;
                }
            }
            let last_resort = now.role == Role::Follower && now.disk_full;
            let patience = match (leads_without_room, last_resort) {
                (true, _) => Some(LOOK_FOR_ROOM),
                (_, true) => Some(Duration::from_millis(self.0.config.election_ms_max.saturating_mul(2))),
                _ => None,
            };
            let changed = async {
                // The status changes with every entry; only these changes matter.
                let differs = |status: &Status| {
                    (status.role, status.disk_low, status.disk_full) != (now.role, now.disk_low, now.disk_full)
                };
                status.wait_for(differs).await.map(drop)
            };
            let ended = match patience {
                None => changed.await.is_err(),
                Some(patience) => match tokio::time::timeout(patience, changed).await {
                    Ok(changed) => changed.is_err(),
                    Err(_) => last_resort && self.trigger_election().await.is_err(),
                },
            };
            if ended {
                return;
            }
        }
    }
}
