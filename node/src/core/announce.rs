//! What the nodes say of themselves to each other: where they listen, what they run, how they are.
//!
//! ```text
//! every few seconds, to every other node:   Announce(standing, my last decision) ─►
//!                                           ◄─ (its standing, the signed decisions that I lack, where others are)
//! ```
//!
//! Nothing legal depends on it. An address is a hint (the certificate proves who is there), a version is for operators who
//! look at an upgrade under way, a full disk makes a leader prefer another successor. The decisions carry the signatures of
//! the organisations.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tamga_consensus::{Consensus, MemberStatus};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::judge::RULES_VERSION;
use tamga_ledger::sign::Signer as _;
use tamga_ledger::store::StoreError;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::blocking::BlockingExt as _;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::lock::Access as _;
use super::roster::Governed;
use super::shared::Shared;
use crate::proto::{AnnounceReply, AnnounceRequest, NodeAddress, Standing};

/// How often this node says how it is.
const EVERY: Duration = Duration::from_secs(2);
/// What was heard longer ago than this says nothing about now.
const FRESH: Duration = Duration::from_secs(7);
/// Most decisions in one reply, and their bytes; a caller that lacks more asks again.
const DECISIONS_MAX: usize = 256;
const DECISIONS_BYTES_MAX: usize = super::peers::ANNOUNCE_BYTES_MAX / 2;
/// Most addresses in one reply.
const ADDRESSES_MAX: usize = 128;
/// Longest version text kept.
const SOFTWARE_BYTES_MAX: usize = 64;

/// What was heard of the others last.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<BTreeMap<u32, (Instant, Standing)>>);

impl Heard {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, (Instant, Standing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `node` said of itself, and how long ago.
    pub(crate) fn of(&self, node: u32) -> Option<(Duration, Standing)> {
        self.lock().get(&node).map(|(at, standing)| (at.elapsed(), standing.clone()))
    }

    /// What `node` says of itself now, as far as that is known.
    pub(crate) fn fresh(&self, node: u32) -> Option<Standing> {
        self.of(node).filter(|(age, _)| *age < FRESH).map(|(_, standing)| standing)
    }

    fn keep(&self, node: u32, standing: Standing) -> Option<Standing> {
        self.lock().insert(node, (Instant::now(), standing)).map(|(_, earlier)| earlier)
    }
}

impl Shared {
    /// Says how this node is to all others until it stops, and at once when something changes.
    pub(crate) async fn announce(self: Arc<Self>) {
        let mut roster = self.roster.subscribe();
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.announce_now.notified() => {}
                changed = roster.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.peers.forget_removed();
                }
                () = self.stopped() => return,
            }
            for peer in self.peers.ids() {
                tokio::spawn(Arc::clone(&self).announce_to(peer));
            }
        }
    }

    async fn announce_to(self: Arc<Self>, peer: u32) {
        let birth = self.births.announced().map_or_else(Bytes::new, |birth| birth.to_bytes().to_vec().into());
        let request = AnnounceRequest { standing: Some(self.standing()), decided_leaf: self.decided_leaf(), birth };
        match self.peers.announce(peer, request).await {
            Ok(AnnounceReply { standing, decisions, addresses }) => {
                self.hear(peer, standing);
                self.foresee(peer, decisions).await;
                // Of nodes in force only, so that nobody can fill this node's memory.
                let roster = self.roster.now();
                for NodeAddress { node, address } in addresses.into_iter().take(ADDRESSES_MAX) {
                    if roster.get(node).is_some() {
                        self.addresses.heard_of(node, &address);
                    }
                }
            }
            Err(error) => tracing::debug!(peer, error, "an announcement was not heard"),
        }
    }

    /// Peer service: node `from` says how it is.
    pub(crate) async fn announced(self: &Arc<Self>, from: u32, request: AnnounceRequest) -> AnnounceReply {
        self.hear(from, request.standing);
        self.hear_birth(from, &request.birth).await;
        let decisions = self.decisions(request.decided_leaf).await.unwrap_or_default();
        let roster = self.roster.now();
        let known = roster.in_force().filter_map(|(node, _)| Some((node, self.addresses.of(node)?)));
        let addresses = known.map(|(node, address)| NodeAddress { node, address }).take(ADDRESSES_MAX).collect();
        AnnounceReply { standing: Some(self.standing()), decisions, addresses }
    }

    /// The signed decisions behind a leaf; none if they cannot be read, which is fatal.
    pub(crate) async fn decisions(self: &Arc<Self>, after: u64) -> Option<Vec<Bytes>> {
        let shared = Arc::clone(self);
        let read = self.seams.blocking.run(move || shared.decisions_after(after)).await;
        read.map_err(|error| self.fail(&error.to_string())).ok()
    }

    fn standing(&self) -> Standing {
        Standing {
            address: self.addresses.of(self.node).unwrap_or_default(),
            software: self.tuning.software.clone(),
            rules_version: RULES_VERSION,
            applied_size: self.store.size().get(),
            disk_low: self.disk_low(),
            stopping: self.leaving.load(Ordering::Relaxed) || self.is_stopping(),
        }
    }

    fn hear(&self, from: u32, standing: Option<Standing>) {
        let Some(mut standing) = standing else { return };
        self.addresses.announced(from, &standing.address);
        standing.address.clear();
        standing.software = standing.software.chars().filter(char::is_ascii_graphic).take(SOFTWARE_BYTES_MAX).collect();
        let (software, rules_version) = (standing.software.clone(), standing.rules_version);
        let earlier = self.heard.keep(from, standing);
        if earlier.is_none_or(|earlier| earlier.software != software) {
            let own = &self.tuning.software;
            tracing::info!(node = from, software, own, rules_version, "a node says what it runs");
        }
    }

    /// Leaf of the last decision about nodes in this node's ledger; 0 for none but the genesis record.
    fn decided_leaf(&self) -> u64 {
        self.decision_leaves().last().copied().unwrap_or(0)
    }

    fn decision_leaves(&self) -> Vec<u64> {
        self.roster.now().ledger().leaves()
    }

    /// The signed decisions behind a leaf. Blocks.
    fn decisions_after(&self, leaf: u64) -> Result<Vec<Bytes>, StoreError> {
        let (mut decisions, mut bytes) = (Vec::new(), 0);
        let size = self.store.size().get();
        for leaf in self.decision_leaves().into_iter().filter(|at| *at > leaf && *at < size).take(DECISIONS_MAX) {
            let Ok(index) = LeafIndex::new(leaf) else { continue };
            // Entries were made by this node's own apply.
            let Ok(Entry { payload: Payload::Full(signed), .. }) = Entry::from_bytes(&self.store.entry(index)?) else {
                continue;
            };
            let decision = Bytes::from(Submission::public(signed).to_bytes());
            bytes += decision.len();
            if bytes > DECISIONS_BYTES_MAX {
                break;
            }
            decisions.push(decision);
        }
        Ok(decisions)
    }

    /// Takes over decisions that this node's ledger does not have yet, as far as the organisations have signed them; returns
    /// those.
    pub(crate) async fn foresee(self: &Arc<Self>, from: u32, decisions: Vec<Bytes>) -> Vec<Governed> {
        if decisions.is_empty() {
            return Vec::new();
        }
        let trust = self.trust_now();
        let verified = self.seams.blocking.run(move || {
            let decisions = decisions.iter().take(DECISIONS_MAX);
            decisions.map(|decision| Governed::verify(decision, &trust)).collect::<Vec<_>>()
        });
        let verified = verified.await;
        let bad = verified.iter().filter(|decision| decision.is_none()).count();
        if bad > 0 {
            // Or they were signed under a policy, or with keys, that this node's ledger does not have yet.
            tracing::warn!(
                from,
                bad,
                "a peer has shown decisions that the organisations, as known here, have not signed"
            );
            self.learn_history(from).await;
        }
        let verified: Vec<Governed> = verified.into_iter().flatten().collect();
        self.roster.foresee(&verified);
        verified
    }

    /// The ledger's word on who the nodes are has changed, or may have.
    pub(crate) fn settle_roster(&self) {
        let nodes = {
            let state = self.state.look();
            if state.head().size.is_empty() { Arc::new(self.genesis_nodes.clone()) } else { Arc::clone(state.nodes()) }
        };
        self.settle_trust(&nodes);
        self.roster.settle(nodes);
        self.check_own_place();
    }

    /// Keeps the roster up to date with Raft's voters, until this node stops.
    pub(crate) async fn follow_voters(self: Arc<Self>, consensus: Consensus) {
        let mut status = consensus.watch_status();
        loop {
            let members = status.borrow_and_update().members.clone();
            let voters = members.iter().filter(|member| member.voter);
            self.roster.vote(voters.filter_map(|member| u32::try_from(member.member.id.0).ok()).collect());
            tokio::select! {
                changed = status.wait_for(|now| !same_voters(&now.members, &members)) => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = self.stopped() => return,
            }
        }
    }

    /// What the ledger says of this very node.
    fn check_own_place(&self) {
        let roster = self.roster.now();
        let Some(own) = roster.ledger().get(self.node) else { return };
        let held = [
            ("cosigner", self.secrets.cosigners().any(|key| key.public_key() == own.keys.cosigner_key)),
            ("log", self.secrets.logs().any(|key| key.public_key() == own.keys.log_key)),
            ("promise", self.secrets.promise_for(Some(own.keys.promise_key)).public_key() == own.keys.promise_key),
        ];
        if self.secrets.batch.public_key() != own.keys.batch_key {
            self.fail(&format!(
                "the ledger registers node {} with another batch key than the one in this node's folder: it is another node's id",
                self.node
            ));
        }
        // Behind its own ledger a node may hold only the keys to come.
        for (name, _) in held.iter().filter(|(_, held)| !held) {
            tracing::warn!(
                node = self.node,
                "the {name} key that the ledger registers for this node is not in its folder"
            );
        }
        if own.removed.is_some() && !self.removed.swap(true, Ordering::Relaxed) {
            tracing::error!(
                node = self.node,
                "the organisations have removed this node; stop it once its status counts it among the voters no more"
            );
        }
    }
}

/// The members change their progress with every entry; only who votes matters here.
fn same_voters(one: &[MemberStatus], other: &[MemberStatus]) -> bool {
    one.iter()
        .map(|member| (member.member.id, member.voter))
        .eq(other.iter().map(|member| (member.member.id, member.voter)))
}
