//! The handle of a running replica.

use tokio::sync::watch;

use bytes::Bytes;

use crate::application::Application;
use crate::config::{Config, Seams};
use crate::error::{Fatal, MembershipError, ProposeError, ReadError, StartError};
use crate::network::{RaftServer, Service};
use crate::types::{Accepted, LogPosition, Member, NodeId, Status};

/// A running replica. Cheap to clone; all clones are the same replica.
#[derive(Debug, Clone)]
pub struct Consensus {
    status: watch::Receiver<Status>,
    fatal: watch::Receiver<Option<Fatal>>,
}

impl Consensus {
    /// Opens the log, re-applies what the application lacks, and starts to take part. Peers reach this replica only
    /// once [`raft_service`](Self::raft_service) is mounted.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: Config, seams: Seams, application: impl Application) -> Result<Self, StartError> {
        let _ = (config, seams, application);
        Err(Fatal::new("not built yet").into())
    }

    /// The service that peers call, to be mounted on the listener for peers.
    #[must_use]
    pub fn raft_service(&self) -> RaftServer<Service> {
        unimplemented!()
    }

    /// Proposes a payload and waits until this node applied it.
    ///
    /// # Errors
    /// [`ProposeError`]; each variant says whether the payload may still be committed.
    pub async fn propose(&self, payload: Bytes) -> Result<Accepted, ProposeError> {
        let _ = payload;
        Err(Fatal::new("not built yet").into())
    }

    /// Waits until this node has applied everything that was committed before the call, and returns how far that is.
    /// Works on the leader and, by asking the leader, on followers and learners.
    ///
    /// # Errors
    /// [`ReadError`]; the caller may retry.
    pub async fn read_barrier(&self) -> Result<LogPosition, ReadError> {
        Err(Fatal::new("not built yet").into())
    }

    /// Gives a fresh cluster its first members. Every node may call it with the same list, at every start.
    ///
    /// # Errors
    /// [`MembershipError::Conflict`] when the cluster lives with other members.
    pub async fn initialize(&self, members: Vec<Member>) -> Result<(), MembershipError> {
        let _ = members;
        Err(Fatal::new("not built yet").into())
    }

    /// Adds a member that receives the log without a vote.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn add_learner(&self, member: Member) -> Result<LogPosition, MembershipError> {
        let _ = member;
        Err(Fatal::new("not built yet").into())
    }

    /// Makes `voters`, who must be members already, the only voters.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn change_membership(
        &self,
        voters: Vec<NodeId>,
        keep_others_as_learners: bool,
    ) -> Result<LogPosition, MembershipError> {
        let _ = (voters, keep_others_as_learners);
        Err(Fatal::new("not built yet").into())
    }

    /// Removes learners.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn remove_learners(&self, learners: Vec<NodeId>) -> Result<LogPosition, MembershipError> {
        let _ = learners;
        Err(Fatal::new("not built yet").into())
    }

    /// This replica's view, now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// This replica's view as it changes.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Becomes `Some` when consensus on this node stopped for good: the process should exit.
    #[must_use]
    pub fn watch_fatal(&self) -> watch::Receiver<Option<Fatal>> {
        self.fatal.clone()
    }

    /// Stands for election now, after asking the others whether that could succeed.
    ///
    /// # Errors
    /// [`Fatal`] when consensus has stopped.
    pub async fn trigger_election(&self) -> Result<(), Fatal> {
        Err(Fatal::new("not built yet"))
    }

    /// Hands leadership to `successor`.
    ///
    /// # Errors
    /// [`Fatal`] when consensus has stopped.
    pub async fn transfer_leadership(&self, successor: NodeId) -> Result<(), Fatal> {
        let _ = successor;
        Err(Fatal::new("not built yet"))
    }

    /// Stops taking part; what was queued for the log is written first. Idempotent.
    pub async fn shutdown(&self) {}
}
