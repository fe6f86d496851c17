//! Seals: over the head of a checkpoint that was cut, with what the stage needs.

use super::Scribe;
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use tamga_ledger::ids::{Digest, Maybe, RollLeaf};
use tamga_ledger::kinds::{Seal, Stage};
use tamga_ledger::record::Scope;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{Blake3Tree, Frontier, TreeHash as _, TreeHead};

/// Freezes the roll.
#[must_use]
pub fn roll_seal(head: &TreeHead) -> Seal {
    seal(Stage::Roll, head)
}

/// Ends voting; `admitted_root` is [`tamga_ledger::state::State::admitted_root`] of whoever followed the ledger, or
/// [`admitted_root`] of whoever kept a list.
#[must_use]
pub fn voting_seal(head: &TreeHead, admitted_root: Digest) -> Seal {
    Seal { admitted_root: Maybe(Some(admitted_root)), ..seal(Stage::Voting, head) }
}

/// Makes the results final; `tally` is [`tamga_ledger::tally::Tally::digest`].
#[must_use]
pub fn results_seal(head: &TreeHead, tally: Digest) -> Seal {
    Seal { tally: Maybe(Some(tally)), ..seal(Stage::Results, head) }
}

/// Ends everything.
#[must_use]
pub fn archive_seal(head: &TreeHead) -> Seal {
    seal(Stage::Archive, head)
}

fn seal(stage: Stage, head: &TreeHead) -> Seal {
    Seal {
        stage: stage as u8,
        size: head.size.get(),
        sha256_root: Digest(head.roots.sha256.to_bytes()),
        blake3_root: Digest(head.roots.blake3.to_bytes()),
        admitted_root: Maybe(None),
        tally: Maybe(None),
    }
}

/// Root of the BLAKE3 tree over the ascending roll leaves of everybody who was admitted.
#[must_use]
pub fn admitted_root(mut leaves: Vec<RollLeaf>) -> Digest {
    leaves.sort_unstable();
    let mut tree = Frontier::<Blake3Tree>::new();
    for leaf in &leaves {
        // A frontier is full at 2⁵³ leaves; a roll cannot get there.
        let _ = tree.push(Blake3Tree::leaf(leaf.as_ref()));
    }
    Digest(tree.root().to_bytes())
}

impl Scribe {
    /// A seal, by the commission.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn seal(&self, commission: &SigningKey, seal: &Seal) -> Result<Submission, AuthorError> {
        self.write(Scope::Election, &[commission], seal)
    }
}
