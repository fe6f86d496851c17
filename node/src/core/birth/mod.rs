//! Birth: a node whose disk was wiped must not take part under its old id. It has forgotten what it voted and acknowledged, and
//! could vote twice in one term, or let a record be lost that was acknowledged with its help.
//!
//! ```text
//! empty folder ─► number made, durable ─► every peer asked: Birth(number) ─► enough yes ─► "born", durable ─► takes part
//!                                           │ peer: no birth of this id known ─► recorded, durable ─► yes
//!                                           │       this one known            ─► yes
//!                                           └       another one known         ─► no: this id has lived before ─► stops
//! ```
//!
//! Until then consensus is apart: it answers no replica, stands for nothing, begins no log. `enough` counts the yes, and says
//! why a wiped node always meets somebody who knows its earlier number. Each answer carries all births that the peer knows, so
//! newcomers inherit them, and each announcement the caller's own, so those that were away hear of it. A node that is born
//! asks nobody.
//!
//! | crash | next start |
//! |---|---|
//! | before the number is durable | makes another one; nobody has heard of the first |
//! | after it, asking | asks again with the same number; whoever said yes says it again |
//! | a peer, before it recorded | it has not answered; it is asked again |
//! | a peer, after it recorded, before it answered | it knows the number: yes |
//! | after "born" is durable, before the log is begun | asks nobody, begins the log |
//!
//! A born node whose log is not even there has lost it: the log's files are made before anybody is asked. It does not start.
//! A log that was used, without a number, is that of an older version: it was not wiped, so it is born; others learn its
//! number from its announcements.
//!
//! What nobody can see: a folder that was copied whole, and run twice. Both have one number.

mod enough;
mod table;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tamga_consensus::{Consensus, Member, MembershipError};
use tamga_ledger::nodes::NODES_MAX;
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::entropy::random_bytes;
use tokio::sync::Notify;
use tokio::time::sleep;

pub use self::table::Birth;

use self::enough::Heard;
use self::table::Table;
use super::roster::voters_after;
use super::shared::Shared;
use super::{CoreError, CoreSeams};
use crate::proto::{BirthReply, BirthRequest, NodeBirth};

/// How soon those are asked again who have not answered.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// The births that a node knows, and how far its own is.
#[derive(Debug)]
pub(crate) struct Births {
    own: Birth,
    /// As it is on disk. Held while it is written.
    table: Mutex<Table>,
    /// What this node waits for, while it is not born.
    waits: Mutex<Option<String>>,
    /// Somebody else is there: it asked this node.
    asked: Notify,
    lived_before: AtomicBool,
}

impl Births {
    /// Opens the table, or begins one with a number that nobody has heard of.
    pub(crate) fn open(seams: &CoreSeams, data_dir: &Path, node: u32) -> Result<Self, CoreError> {
        let disk = seams.disk.as_ref();
        let table = match Table::read(disk, data_dir, node)? {
            Some(table) => table,
            None => {
                let table = Table::new(node, Birth::new(random_bytes(seams.entropy.as_ref())));
                // Crash within: no table, or a whole one, of which nobody has heard.
                let written = table.write(disk, data_dir);
                let path = data_dir.to_owned();
                written.map_err(|source| CoreError::Io { action: "write the birth of this node to", path, source })?;
                table
            }
        };
        let Some(own) = table.get(node) else {
            return Err(CoreError::Setup(format!("the births do not have node {node} itself")));
        };
        let (table, waits) = (Mutex::new(table), Mutex::default());
        Ok(Self { own, table, waits, asked: Notify::new(), lived_before: AtomicBool::new(false) })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node was born; blocks while the table is written.
    pub(crate) fn is_born(&self) -> bool {
        self.table().is_born()
    }

    /// This node's number, for announcements; none until it is born.
    pub(crate) fn announced(&self) -> Option<Birth> {
        let born = self.table.try_lock().is_ok_and(|table| table.is_born());
        born.then_some(self.own)
    }

    /// What this node waits for, while it is not born.
    pub(crate) fn waits(&self) -> Option<String> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_waits(&self, what: Option<String>) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if *waits != what {
            if let Some(what) = &what {
                tracing::info!(birth = %self.own, "this node {what}");
            }
            *waits = what;
        }
    }

    /// Whether this node must stop because its id has lived before.
    pub(crate) fn lived_before(&self) -> bool {
        self.lived_before.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Changes the table; returns once the change is durable. None when this node stops or its disk has failed.
    async fn keep_birth<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Table) -> T + Send + 'static,
    ) -> Option<T> {
        let shared = Arc::clone(self);
        // One after the other, also when the caller is gone: the lock is held within.
        let kept = self.seams.blocking.run(move || {
            let mut table = shared.births.table();
            if shared.is_stopping() {
                return None;
            }
            let mut changed = table.clone();
            let result = change(&mut changed);
            if changed != *table {
                if let Err(error) = changed.write(shared.seams.disk.as_ref(), &shared.data_dir) {
                    shared.fail(&format!("births cannot be written to {}: {error}", shared.data_dir.display()));
                    return None;
                }
                *table = changed;
            }
            Some(result)
        });
        kept.await
    }

    /// A log that was used proves that this folder was not wiped.
    pub(crate) async fn born_before_births(self: &Arc<Self>) -> Result<(), CoreError> {
        if self.births.is_born() || self.keep_birth(Table::bear).await.is_some() {
            return Ok(());
        }
        let path = self.data_dir.clone();
        let source = std::io::Error::other("the birth of this node could not be written");
        Err(CoreError::Io { action: "write", path, source })
    }

    /// Peer service: node `from` asks this one to witness its birth. None if that is not possible now.
    pub(crate) async fn witness(self: &Arc<Self>, from: u32, birth: Birth) -> Option<BirthReply> {
        // Crash within: recorded or not, and not answered.
        let (known, born, births) = self
            .keep_birth(move |table| {
                let known = table.learn(from, birth);
                (known, table.is_born(), table.births().map(birth_of).collect())
            })
            .await?;
        let known = known?;
        if known != birth {
            tracing::warn!(from, told = %birth, %known, "a node asks to be born under an id that has lived before");
        }
        self.births.asked.notify_one();
        let decisions = self.decisions(0).await?;
        Some(BirthReply { known: known.to_bytes().to_vec().into(), born, births, decisions })
    }

    /// Node `from` says what its number is.
    pub(crate) async fn hear_birth(self: &Arc<Self>, from: u32, birth: &[u8]) {
        let Some(birth) = Birth::from_slice(birth) else { return };
        if self.births.table.try_lock().is_ok_and(|table| table.get(from) == Some(birth)) {
            return;
        }
        let known = self.keep_birth(move |table| table.learn(from, birth)).await.flatten();
        if let Some(known) = known.filter(|known| *known != birth) {
            tracing::error!(from, told = %birth, %known, "a node takes part under an id that has lived before: look at it");
        }
    }

    /// Asks to be witnessed until enough others have, then takes part; `first` are the members to begin the log with.
    pub(crate) async fn be_born(self: Arc<Self>, consensus: Consensus, first: Option<Vec<Member>>) {
        let mut heard = Heard::nothing(self.node, voters_after(&self.genesis_nodes, &[]));
        while !heard.is_enough() {
            self.births.set_waits(Some(heard.to_string()));
            tokio::select! {
                () = self.ask_everybody(&mut heard) => {}
                () = self.stopped() => return,
            }
            if heard.is_enough() {
                break;
            }
            self.births.set_waits(Some(heard.to_string()));
            if self.is_stopping() {
                return;
            }
            tokio::select! {
                () = sleep(ASK_AGAIN) => {}
                () = self.births.asked.notified() => {}
                () = self.stopped() => return,
            }
        }
        // Crash before this is durable: the same is asked and answered again. Afterwards: nobody is asked.
        if self.is_stopping() || self.keep_birth(Table::bear).await.is_none() {
            return;
        }
        tracing::info!(birth = %self.births.own, "this node is born: it takes part");
        self.births.set_waits(None);
        consensus.take_part();
        self.announce_now.notify_one();
        if let Some(first) = first
            && let Err(error) = begin_log(&consensus, first).await
        {
            self.fail(&format!("consensus: {error}"));
        }
    }

    async fn ask_everybody(self: &Arc<Self>, heard: &mut Heard) {
        let ask = |peer: u32| async move {
            let birth = self.births.own.to_bytes().to_vec().into();
            (peer, self.peers.birth(peer, BirthRequest { birth }).await)
        };
        let mut answers: FuturesUnordered<_> = self.peers.ids().into_iter().map(ask).collect();
        while let Some((peer, answer)) = answers.next().await {
            match answer {
                Ok(reply) => self.hear_witness(peer, reply, heard).await,
                Err(error) => tracing::debug!(peer, error, "a node does not witness this one's birth yet"),
            }
            if heard.is_enough() || self.is_stopping() {
                return;
            }
        }
    }

    async fn hear_witness(self: &Arc<Self>, from: u32, reply: BirthReply, heard: &mut Heard) {
        let BirthReply { known, born, births, decisions } = reply;
        let Some(known) = Birth::from_slice(&known) else {
            return tracing::warn!(from, "a node answered with something that is no birth");
        };
        if known != self.births.own {
            return self.refuse_to_live(from);
        }
        // What is known of others must outlive those who know it now.
        let births: Vec<(u32, Birth)> = births
            .iter()
            .take(NODES_MAX)
            .filter_map(|one| Some((one.node, Birth::from_slice(&one.birth)?)))
            .filter(|(node, _)| *node != self.node)
            .collect();
        let learned =
            self.keep_birth(move |table| births.iter().all(|(node, birth)| table.learn(*node, *birth).is_some()));
        if learned.await.is_none() {
            return;
        }
        let decisions = self.foresee(from, decisions).await;
        heard.voters(decisions.len(), voters_after(&self.genesis_nodes, &decisions));
        heard.yes(from, born);
    }

    fn refuse_to_live(&self, told_by: u32) {
        self.births.lived_before.store(true, Ordering::SeqCst);
        let folder = self.data_dir.display();
        let what = format!(
            "node {told_by} knows it by another birth than the one in {folder}: its disk was lost, or another process has its id"
        );
        self.fail(&CoreError::LivedBefore { node: self.node, what }.to_string());
    }
}

fn birth_of((node, birth): (u32, Birth)) -> NodeBirth {
    NodeBirth { node, birth: birth.to_bytes().to_vec().into() }
}

/// Begins the log with the first members of the cluster, if nobody else has.
pub(super) async fn begin_log(consensus: &Consensus, first: Vec<Member>) -> Result<(), MembershipError> {
    match consensus.initialize(first).await {
        Err(error @ MembershipError::Conflict { .. }) => {
            tracing::info!(%error, "the cluster has been changed since its beginning");
            Ok(())
        }
        other => other,
    }
}
