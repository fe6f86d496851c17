//! Leadership: standing for it, handing it on, and keeping away from it while the disk has no room.

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
        let next = |index: Option<u64>| index.map_or(0, |index| index.saturating_add(1));
        let last = next(status.last_log_index);
        let mut able: Vec<(u64, &Member)> = status
            .members
            .iter()
            .filter(|known| known.voter && known.member.id != status.id)
            .filter(|known| wanted.is_none_or(|wanted| known.member.id == wanted))
            .map(|known| (last.saturating_sub(next(known.matched)), &known.member))
            .filter(|(lag, _)| *lag <= SUCCESSOR_LAG_MAX)
            .collect();
        able.sort();
        for (_, member) in able {
            if self.0.peers.could_lead(member).await {
                return Some(member.clone());
            }
        }
        None
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
            // A full replica refuses entries, its own leader's blank one would not help anybody.
            self.0.raft.runtime_config().elect(!now.disk_full);
            let leads_without_room = now.role == Role::Leader && now.disk_low;
            if leads_without_room && let Some(successor) = self.successor(&now, None).await {
                tracing::warn!(%successor, "the disk is nearly full: leadership is handed on");
                if self.transfer_leadership(successor.id).await.is_err() {
                    return;
                }
            }
            let changed = async {
                // The status changes with every entry; only these changes matter.
                let differs = |status: &Status| {
                    (status.role, status.disk_low, status.disk_full) != (now.role, now.disk_low, now.disk_full)
                };
                status.wait_for(differs).await.map(drop)
            };
            let ended = if leads_without_room {
                tokio::time::timeout(LOOK_FOR_ROOM, changed).await.is_ok_and(|changed| changed.is_err())
            } else {
                changed.await.is_err()
            };
            if ended {
                return;
            }
        }
    }
}
