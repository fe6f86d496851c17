//! Refusals at admission leave no record of the author's. They are counted here, and what was counted becomes a record of the
//! node's own, a [`RefusalSummary`], once an hour in which anything was refused.
//!
//! Counts of a span stay until the summary is promised: a crash before that forgets them (an hour at most), and the next
//! summary's span begins at the restart, so that the gap shows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tamga_ledger::ids::{KeyId, Maybe, Nonce};
use tamga_ledger::kinds::{REFUSAL_ROWS_MAX, RefusalCount, RefusalSummary};
use tamga_ledger::record::{Record, Scope, SignedRecord};
use tamga_ledger::sign::{self, Domain, Signer as _};
use tamga_ledger::submission::Submission;
use tamga_platform::entropy::random_bytes;
use tokio::time::sleep;

use super::Answer;
use super::lock::Access as _;
use super::shared::Shared;

/// Most (author, code) pairs counted by themselves; further ones count as nobody's.
const REFUSALS_MAX: usize = 10_000;

type Counts = BTreeMap<(Option<KeyId>, String), u64>;

/// Refusals at admission by author and code.
#[derive(Debug, Default)]
pub(crate) struct RefusalCounts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    since_start: Counts,
    /// Not in any summary yet.
    due: Counts,
    /// Since when.
    from_ms: u64,
    /// The highest record number used by this process.
    last_number: u64,
}

fn add(counts: &mut Counts, author: Option<KeyId>, code: &str, count: u64) {
    let full = counts.len() >= REFUSALS_MAX;
    let key = (author, code.to_owned());
    let key = if full && !counts.contains_key(&key) { (None, code.to_owned()) } else { key };
    *counts.entry(key).or_default() += count;
}

impl RefusalCounts {
    /// Counting from now on.
    pub(crate) fn new(now_ms: u64) -> Self {
        Self(Mutex::new(Inner { from_ms: now_ms, ..Inner::default() }))
    }

    pub(crate) fn count(&self, author: Option<KeyId>, code: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut inner.since_start, author, code, 1);
        add(&mut inner.due, author, code, 1);
    }

    /// Everything counted since the start.
    pub(crate) fn all(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).since_start.clone()
    }

    /// What is due until now, with the number of its record; the counts are taken out.
    fn take(&self, node: u32, now_ms: u64, number: u64) -> Option<(RefusalSummary, u64)> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.due.is_empty() || now_ms <= inner.from_ms {
            return None;
        }
        let rows = rows(std::mem::take(&mut inner.due));
        let from_ms = std::mem::replace(&mut inner.from_ms, now_ms);
        inner.last_number = number.max(inner.last_number + 1);
        Some((RefusalSummary { node, from_ms, until_ms: now_ms, rows }, inner.last_number))
    }

    /// It was not taken: its counts belong to the next one.
    fn give_back(&self, summary: RefusalSummary) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.from_ms = summary.from_ms;
        for RefusalCount { author, code, count } in summary.rows {
            add(&mut inner.due, author.0, &code, count);
        }
    }
}

/// The rows of a summary: the most frequent pairs by themselves, the rest as nobody's.
fn rows(counts: Counts) -> Vec<RefusalCount> {
    let mut by_count: Vec<_> = counts.into_iter().collect();
    by_count.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
    let mut kept = Counts::new();
    for ((author, code), count) in by_count {
        // One place stays for each code's "nobody"; there are some dozens of codes.
        let own = author.is_some() && kept.len() < REFUSAL_ROWS_MAX - CODES_MAX;
        *kept.entry((author.filter(|_| own), code)).or_default() += count;
    }
    kept.into_iter().map(|((author, code), count)| RefusalCount { author: Maybe(author), code, count }).collect()
}

/// More codes than admission has.
const CODES_MAX: usize = 100;

impl Shared {
    /// Summarises now and then until the node stops.
    pub(crate) async fn summarise_refusals(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = sleep(self.tuning.refusals_every) => {}
                () = self.stopped() => return,
            }
            self.summarise_now().await;
        }
    }

    /// Submits what is due, as anybody submits: into this node's outbox, durable before it is forgotten here.
    pub(crate) async fn summarise_now(self: &Arc<Self>) {
        let signer = self.promise_key();
        let author = signer.public_key().id();
        let number = self.state.look().next_number(&author);
        let now_ms = self.seams.clock.now_ms();
        let Some(number) = number else { return };
        let Some((summary, number)) = self.refusals.take(self.node, now_ms, number) else { return };
        let nonce = Nonce(random_bytes(&*self.seams.entropy));
        let record = Record::draft_for(*self.trust.election_id(), Scope::Election, &[author], number, nonce, &summary);
        let bytes = record.to_bytes();
        let signed = self
            .signing(&signer, move |key| {
                let signature = sign::sign_with(key, Domain::Record, &bytes)?;
                Ok(SignedRecord { record: bytes, signatures: vec![signature] })
            })
            .await;
        let answer = match signed {
            Ok(signed) => self.submit(Submission::public(signed).to_bytes().into(), None).await,
            Err(_) => return self.refusals.give_back(summary),
        };
        match answer {
            Answer::Promise(_) => {
                tracing::info!(refused = summary.total(), rows = summary.rows.len(), "refusals are summarised")
            }
            Answer::Refusal { code, .. } => {
                tracing::warn!(code, "the summary of refusals is not taken; its counts wait for the next");
                self.refusals.give_back(summary);
            }
            Answer::Unavailable { .. } => self.refusals.give_back(summary),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn author(number: u8) -> KeyId {
        KeyId([number; 16])
    }

    #[test]
    fn counts_are_summarised_once_and_given_back_whole() {
        let counts = RefusalCounts::new(1_000);
        assert_eq!(counts.take(1, 2_000, 1), None);
        counts.count(Some(author(1)), "bad-signature");
        counts.count(Some(author(1)), "bad-signature");
        counts.count(None, "too-long");
        let (summary, number) = counts.take(1, 2_000, 7).unwrap();
        assert_eq!((summary.from_ms, summary.until_ms, summary.total(), number), (1_000, 2_000, 3, 7));
        assert!(summary.is_well_formed());
        assert_eq!(counts.take(1, 3_000, 7), None);
        counts.give_back(summary);
        counts.count(None, "too-long");
        let (again, number) = counts.take(1, 3_000, 7).unwrap();
        // A number is used once, also when the ledger has not got the record before.
        assert_eq!((again.from_ms, again.total(), number), (1_000, 4, 8));
        assert_eq!(counts.all().values().sum::<u64>(), 4);
    }

    #[test]
    fn no_flood_of_authors_makes_a_summary_too_long_or_loses_a_count() {
        let codes = ["bad-signature", "embargo", "not-canonical", "too-long", "unknown-key"];
        for flood in [1_usize, 700, 799, 800, 801, 9_999, 10_000, 25_000] {
            let counts = RefusalCounts::new(0);
            for number in 0..flood {
                let mut id = [0; 16];
                id[..8].copy_from_slice(&(number as u64).to_be_bytes());
                counts.count(Some(KeyId(id)), codes[number % codes.len()]);
            }
            let (summary, _) = counts.take(1, 1, 1).unwrap();
            assert!(summary.is_well_formed(), "{flood}: {} rows", summary.rows.len());
            assert_eq!(summary.total(), flood as u64);
        }
    }
}
