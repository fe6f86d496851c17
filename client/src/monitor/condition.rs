//! What stands rather than happens: nothing is published, a source lags, an organisation does not cosign, clocks disagree.

use super::{AlarmKind, Event, Monitor, SourceView};
use tamga_ledger::note::{UnverifiedCheckpoint, VerifiedCheckpoint};

/// How many times the allowed skew an entry may be older than the first cosignature over it: sequencing, cutting and cosigning
/// take their time, and cosigners withhold at the skew itself.
const LATE_FACTOR: u64 = 2;

impl Monitor {
    /// Sources that show less than others, for too long.
    pub(super) fn look_behind(&mut self, views: &[SourceView], now_ms: u64, events: &mut Vec<Event>) {
        let newest = self.size();
        for view in views {
            let Some(size) = view.size else { continue };
            let since_ms = self.since(AlarmKind::Behind, &view.name, size < newest, now_ms);
            let long = since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= self.options.behind_ms);
            let text = long.then(|| format!("{} shows {size} entries, others {newest}", view.name));
            self.set(AlarmKind::Behind, &view.name, text, now_ms, events);
        }
    }

    /// Whether publishing goes on, who does not cosign, and what the cosigners' clocks say.
    pub(super) fn look_at_newest(&mut self, newest: &VerifiedCheckpoint, now_ms: u64, events: &mut Vec<Event>) {
        let still_ms = now_ms.saturating_sub(self.newest_seen_ms);
        let stalled = still_ms >= self.options.stall_ms;
        let text = stalled.then(|| {
            format!(
                "nothing was published for {} s: nothing was submitted, or publishing has stopped",
                still_ms / 1_000
            )
        });
        self.set(AlarmKind::Stall, "the ledger", text, now_ms, events);

        let organisations: Vec<String> =
            self.trust.policy().organisations().iter().map(|one| one.name.to_string()).collect();
        for organisation in organisations {
            let missing = !newest.organisations().iter().any(|name| name.as_str() == organisation);
            let since_ms = self.since(AlarmKind::MissingCosigner, &organisation, missing, now_ms);
            let long = since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= self.options.missing_ms);
            let text = long.then(|| format!("{organisation} does not cosign what is published"));
            self.set(AlarmKind::MissingCosigner, &organisation, text, now_ms, events);
        }
        if let Some(policy) = &self.options.policy {
            let standing = UnverifiedCheckpoint::from_note(newest.note().clone())
                .and_then(|note| note.standing(policy, self.trust.origin()));
            let missing = !standing.is_ok_and(|standing| standing.evaluation.satisfied);
            let about = "your own policy";
            let since_ms = self.since(AlarmKind::MissingCosigner, about, missing, now_ms);
            let long = since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= self.options.missing_ms);
            let text = long.then(|| "what is published does not satisfy the policy you gave".to_owned());
            self.set(AlarmKind::MissingCosigner, about, text, now_ms, events);
        }
        let limit_ms = now_ms.saturating_add(self.options.skew_ms);
        let ahead: Vec<String> = newest
            .cosignatures()
            .iter()
            .filter(|one| one.time_s.saturating_mul(1_000) > limit_ms)
            .map(|one| one.cosigner.to_string())
            .collect();
        let text = (!ahead.is_empty())
            .then(|| format!("{} cosigned in the future: compare the clocks, this one too", ahead.join(", ")));
        self.set(AlarmKind::StaleTime, "cosigners", text, now_ms, events);
    }

    /// Sequenced times against the times of cosignatures.
    pub(super) fn look_at_times(
        &mut self,
        newest: &VerifiedCheckpoint,
        last_ms: Option<u64>,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        let Some(last_ms) = last_ms else { return };
        let first_ms = newest.cosignatures().iter().map(|one| one.time_s.saturating_mul(1_000)).min();
        let Some(first_ms) = first_ms else { return };
        let skew_ms = self.options.skew_ms;
        let text = if last_ms > first_ms.saturating_add(skew_ms) {
            Some("the last entry's time lies behind its first cosignature: time was set forward")
        } else if first_ms > last_ms.saturating_add(skew_ms.saturating_mul(LATE_FACTOR)) {
            Some(
                "the last entry's time lies far before its first cosignature: time was set back, or cosigning was late",
            )
        } else {
            None
        };
        self.set(AlarmKind::StaleTime, "sequenced time", text.map(str::to_owned), now_ms, events);
    }
}
