//! Two signed checkpoints that cannot both be true.

use super::holder::{Holder, Holders};
use super::verified::{Consequence, EvidenceKind, Signer, Statement, VerifiedEvidence, What};
use super::{EvidenceError, Link, WhichTree};
use crate::ids::PublicKey;
use crate::note::{CheckpointVerifyError, SignedNote, UnverifiedCheckpoint, VerifierKey};
use crate::tree::{Blake3Tree, ConsistencyProof, Hash, Roots, Sha256Tree, TreeHash, TreeSize};
use crate::trust::Trust;
use std::collections::BTreeSet;

/// The keys of the trust policy, and of nodes, that have verifiably signed a note, each with the time it states. Lines by
/// others, and lines that do not verify, are passed over: they bind nobody.
#[must_use]
pub fn signers_of<'t>(trust: &'t Trust, note: &SignedNote) -> Vec<(&'t VerifierKey, Option<u64>)> {
    let verified = |key: &'t VerifierKey| {
        let lines = note.signatures().iter().filter(|line| line.claims(key));
        let time_s = lines.filter_map(|line| key.verify(note.text(), line).ok()).max()?;
        Some((key, time_s))
    };
    trust.verifier_keys().into_iter().filter_map(verified).collect()
}

/// One side.
struct Side {
    size: TreeSize,
    roots: Roots,
    published: bool,
    signers: Vec<Signer>,
}

impl Side {
    fn read(trust: &Trust, holders: &Holders, note: &str, which: &'static str) -> Result<Self, EvidenceError> {
        let read = UnverifiedCheckpoint::from_bytes(note.as_bytes())?;
        let claimed = read.claimed();
        if claimed.origin != *trust.origin() {
            let (expected, found) = (trust.origin().clone(), claimed.origin.clone());
            return Err(CheckpointVerifyError::OtherOrigin { expected, found }.into());
        }
        let signed = signers_of(trust, read.note());
        if signed.is_empty() {
            return Err(EvidenceError::Unsigned(which));
        }
        let published = trust.policy_at(claimed.size).evaluate(signed.iter().map(|(key, _)| *key)).satisfied;
        let signer = |(key, time_s): &(&VerifierKey, Option<u64>)| Signer {
            holder: holders.name(&PublicKey(*key.key_bytes())),
            time_s: *time_s,
        };
        let signers = signed.iter().map(signer).collect();
        Ok(Self { size: claimed.size, roots: claimed.roots, published, signers })
    }

    fn statement(&self) -> Statement {
        let what = What::Checkpoint {
            size: self.size.get(),
            sha256: self.roots.sha256.to_base64(),
            blake3: self.roots.blake3.to_base64(),
            published: self.published,
        };
        Statement { what, signers: self.signers.clone() }
    }

    fn holders(&self) -> BTreeSet<&Holder> {
        self.signers.iter().map(|signer| &signer.holder).collect()
    }
}

pub(super) fn verify(
    trust: &Trust,
    holders: &Holders,
    first: &str,
    second: &str,
    link: Option<&Link>,
) -> Result<VerifiedEvidence, EvidenceError> {
    let first = Side::read(trust, holders, first, "first")?;
    let second = Side::read(trust, holders, second, "second")?;
    match link {
        None if first.size != second.size => return Err(EvidenceError::NoLink),
        None if first.roots == second.roots => {
            return Err(EvidenceError::NoContradiction("both checkpoints have the same size and the same roots"));
        }
        None => {}
        Some(link) => {
            let (old, new) = (first.roots, second.roots);
            let contradicts = match link.tree {
                WhichTree::Sha256 => differs::<Sha256Tree>(link, &first, &old.sha256, &second, &new.sha256)?,
                WhichTree::Blake3 => differs::<Blake3Tree>(link, &first, &old.blake3, &second, &new.blake3)?,
            };
            if !contradicts {
                return Err(EvidenceError::NoContradiction("the second checkpoint extends the first"));
            }
        }
    }
    let kind = if link.is_none() { EvidenceKind::OtherRoots } else { EvidenceKind::OtherHistory };
    let statements = vec![first.statement(), second.statement()];
    Ok(VerifiedEvidence { kind, statements, consequence: consequence(&first, &second), confidential: false })
}

/// Whether the larger tree begins otherwise than the smaller checkpoint says. The proof must hold: it binds the root it
/// starts from to what was signed.
fn differs<H: TreeHash>(
    link: &Link,
    first: &Side,
    old: &Hash,
    second: &Side,
    new: &Hash,
) -> Result<bool, EvidenceError> {
    let proof = ConsistencyProof::<H>::new(link.path.clone()).map_err(EvidenceError::Proof)?;
    proof.verify(first.size, &link.root, second.size, new).map_err(EvidenceError::Proof)?;
    Ok(link.root != *old)
}

fn consequence(first: &Side, second: &Side) -> Consequence {
    let (one, other) = (first.holders(), second.holders());
    let both: Vec<Holder> = one.intersection(&other).map(|holder| (*holder).clone()).collect();
    let organisations = |side: &BTreeSet<&Holder>| -> BTreeSet<String> {
        side.iter().filter_map(|holder| holder.organisation.clone()).collect()
    };
    let in_both: Vec<String> = organisations(&one).intersection(&organisations(&other)).cloned().collect();
    if !both.is_empty() {
        return Consequence::Convicts { keys: both, organisations: in_both };
    }
    let list = |side: &BTreeSet<&Holder>| -> Vec<Holder> { side.iter().map(|holder| (*holder).clone()).collect() };
    match (first.published, second.published) {
        (false, true) => Consequence::AgainstPublished { keys: list(&one), organisations: in_both },
        (true, false) => Consequence::AgainstPublished { keys: list(&other), organisations: in_both },
        _ => Consequence::OneOfTwo { first: list(&one), second: list(&other), organisations: in_both },
    }
}
