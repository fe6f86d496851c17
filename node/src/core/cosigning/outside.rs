//! Cosignatures of outside witnesses, joined with a note that is published already. They count for no quorum here.

use std::sync::Arc;

use tamga_ledger::note::{NoteSignature, SignedNote, UnverifiedCheckpoint};
use tamga_ledger::tree::TreeSize;
use tamga_platform::blocking::BlockingExt as _;

use crate::core::shared::Shared;

impl Shared {
    /// Adds lines that the caller has verified to the archived note of that size, and to the one being assembled, so that
    /// late cosignatures of organisations do not take them away again. The whole note afterwards; none if it is not archived.
    pub(crate) async fn add_outside(self: &Arc<Self>, size: TreeSize, lines: Vec<NoteSignature>) -> Option<SignedNote> {
        let mut inner = self.cosigning.inner.lock().await;
        if let Some(cut) = inner.cuts.get_mut(size.get()) {
            join(&mut cut.note, &lines);
        }
        let shared = Arc::clone(self);
        let archived = self.seams.blocking.run(move || shared.store.checkpoint_at(size)).await;
        let archived = match archived {
            Ok(archived) => archived?,
            Err(error) => {
                self.fail(&error.to_string());
                return None;
            }
        };
        let mut note = UnverifiedCheckpoint::from_bytes(archived.note.as_bytes()).ok()?;
        if let Some(cut) = inner.cuts.get(size.get())
            && note.merge(cut.note.note()).is_err()
        {
            tracing::warn!(%size, "the archived note and the one in hand cannot be joined");
        }
        join(&mut note, &lines);
        let verified = note.verify(self.trust.policy(), self.trust.origin());
        let verified =
            verified.map_err(|error| tracing::error!(%size, %error, "an archived note does not verify")).ok()?;
        let whole = verified.note().clone();
        let latest = self.published.borrow().clone().filter(|latest| latest.checkpoint.size == size);
        let shown = latest.map(|latest| Self::published_from(&verified, Arc::clone(&latest.view), latest.published_ms));
        self.archive(verified, shown).await;
        Some(whole)
    }
}

fn join(note: &mut UnverifiedCheckpoint, lines: &[NoteSignature]) {
    for line in lines {
        // A note at its limits keeps what it has: the organisations' signatures come first.
        if let Err(error) = note.add(line.clone()) {
            tracing::warn!(%error, "an outside cosignature could not be joined");
        }
    }
}
