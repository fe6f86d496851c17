//! Which entries a court's bundle has: everything about its subject, and what those entries' signatures and words depend on.

use crate::source::{Archive, SourceError, Tree, bundle_count};
use crate::verify::{Opened, VerifyError, extends_of};
use std::collections::{BTreeMap, BTreeSet};
use tamga_ledger::court::{CourtBundle, CourtError, Item, Link, Subject, concerns};
use tamga_ledger::definition::Definition;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::KeyId;
use tamga_ledger::kinds::{
    Body, Custody, DefinitionPart, HolderClass, KeyRegistration, KeyRevocation, Kind, StationPhase,
};
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::record::Record;
use tamga_ledger::tree::{
    Blake3Tree, LeafIndex, SeveralProof, Sha256Tree, TILE_WIDTH, TileHashReader, TilePath, TreeHash, TreeSize,
    TwinConsistencyProof,
};

/// Most entries: a constituency's.
const ITEMS_MAX: usize = 1 << 20;

/// What a bundle is to have.
pub struct Wanted<'a> {
    /// What it is about.
    pub subject: Subject,
    /// The court's order by which confidential bodies are handed over; empty: none are.
    pub order: String,
    /// A body that somebody hands over, by leaf; where it gives nothing, the source is asked. Only with an order.
    pub body: &'a dyn Fn(u64) -> Option<Vec<u8>>,
    /// Name and version of the program.
    pub tool: String,
}

/// Why a bundle cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The source, or what it shows.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// What was made does not verify: the source shows something false. Nothing is given out.
    #[error("what the source shows does not make a bundle that holds: {0}")]
    Court(#[from] CourtError),
    /// Nothing is there.
    #[error("the published checkpoint covers nothing about that")]
    Nothing,
    /// Too much.
    #[error("more than {ITEMS_MAX} entries are about that; ask for a station or for records")]
    TooMany,
}

impl From<SourceError> for MakeError {
    fn from(error: SourceError) -> Self {
        Self::Verify(error.into())
    }
}

/// An entry that may belong into the bundle.
struct Found {
    entry: Vec<u8>,
    asked: bool,
    /// Keys that its signatures are verified with.
    signers: Vec<KeyId>,
    kind: Option<Kind>,
}

/// Reads every entry that the checkpoint covers and makes the bundle; it has been verified when it is given out. `progress` hears
/// bundles of entries read and in all.
///
/// # Errors
/// [`MakeError`].
pub fn make(
    opened: &Opened<'_>,
    wanted: &Wanted<'_>,
    progress: impl FnMut(u64, u64),
) -> Result<CourtBundle, MakeError> {
    let found = gather(opened, &wanted.subject, progress)?;
    let chosen = choose(found, !wanted.order.is_empty());
    if !chosen.values().any(|found| found.asked) {
        return Err(MakeError::Nothing);
    }
    let leaves: Vec<LeafIndex> = chosen.keys().filter_map(|leaf| LeafIndex::new(*leaf).ok()).collect();
    let asked: Vec<u64> = chosen.iter().filter(|(_, found)| found.asked).map(|(leaf, _)| *leaf).collect();
    let bodies = Bodies { opened, wanted };
    let mut items = Vec::with_capacity(chosen.len());
    for (leaf, found) in leaves.iter().zip(chosen.into_values()) {
        let body = if found.kind == Some(Kind::Identification) { bodies.of(leaf.get())? } else { Vec::new() };
        items.push(Item { leaf: *leaf, asked: found.asked, entry: found.entry, body });
    }
    let bundle = CourtBundle {
        tool: wanted.tool.clone(),
        subject: wanted.subject.clone(),
        order: wanted.order.clone(),
        history: opened.history.clone(),
        checkpoints: checkpoints(opened, &wanted.subject, &asked)?,
        items,
        sha256: several::<Sha256Tree>(opened, Tree::Sha256, &leaves)?,
        blake3: several::<Blake3Tree>(opened, Tree::Blake3, &leaves)?,
    };
    bundle.verify(opened.trust.election_id())?;
    Ok(bundle)
}

/// What may belong into it: entries about the subject, keys, revocations, equipment, the definition, seals.
fn gather(
    opened: &Opened<'_>,
    subject: &Subject,
    mut progress: impl FnMut(u64, u64),
) -> Result<BTreeMap<u64, Found>, MakeError> {
    let (size, mut found, mut definition) = (opened.size(), BTreeMap::new(), Definition::default());
    let bundles = bundle_count(size);
    for index in 0..bundles {
        let entries = opened.files.entries(index, size)?.entries;
        for (leaf, bytes) in (index * TILE_WIDTH..).zip(entries) {
            let Ok(entry) = Entry::from_bytes(&bytes) else { continue };
            let (record, id) = (record_of(&entry), entry.record_id());
            let asked = match &record {
                Some(record) => concerns(subject, record, &id, &definition),
                None => matches!(subject, Subject::Records(ids) if ids.contains(&id)),
            };
            let kind = record.as_ref().and_then(|record| Kind::from_number(record.kind));
            let context = match kind {
                Some(Kind::Key | Kind::KeyRevocation | Kind::DefinitionPart | Kind::Seal) => true,
                Some(Kind::Custody) => entry.verdict.is_accepted(),
                _ => false,
            };
            if let Some(record) = record.as_ref().filter(|_| kind == Some(Kind::DefinitionPart))
                && let Ok(part) = DefinitionPart::from_bytes(&record.body)
            {
                // A part that does not fit is refused by the judge as well; the entry goes along.
                drop(definition.add(&part));
            }
            if asked || context || leaf == 0 {
                let signers = record.map(|record| record.signers).unwrap_or_default();
                found.insert(leaf, Found { entry: bytes, asked, signers, kind });
            }
            if found.len() > ITEMS_MAX {
                return Err(MakeError::TooMany);
            }
        }
        progress(index + 1, bundles);
    }
    Ok(found)
}

fn record_of(entry: &Entry) -> Option<Record> {
    match &entry.payload {
        Payload::Full(signed) => signed.parse().ok(),
        Payload::Stub(_) => None,
    }
}

/// Of keys and revocations only those that concern signers of what is asked for (and the registry's, whose attestations stand in
/// bodies), and signers of the rest; of the equipment the whole life of the pieces concerned; the definition and the seals whole.
fn choose(mut found: BTreeMap<u64, Found>, with_bodies: bool) -> BTreeMap<u64, Found> {
    let asked = found.values().filter(|found| found.asked);
    let mut needed: BTreeSet<KeyId> = asked.flat_map(|found| found.signers.iter().copied()).collect();
    let pieces = pieces(&found, &needed);
    let piece =
        |found: &Found| body::<Custody>(found, Kind::Custody).is_some_and(|custody| pieces.contains(&custody.serial));
    needed.extend(found.values().filter(|found| piece(found)).flat_map(|found| found.signers.iter().copied()));
    let stays = |found: &Found| match found.kind {
        Some(Kind::Key) => body::<KeyRegistration>(found, Kind::Key).is_some_and(|registration| {
            let registry = |class: u8| with_bodies && class == HolderClass::Registry as u8;
            registration.grants.iter().any(|grant| registry(grant.class) || needed.contains(&grant.key.id()))
        }),
        Some(Kind::KeyRevocation) => body::<KeyRevocation>(found, Kind::KeyRevocation)
            .is_some_and(|revocation| revocation.keys.iter().any(|key| needed.contains(key))),
        Some(Kind::Custody) => piece(found),
        _ => true,
    };
    found.retain(|_, found| found.asked || stays(found));
    found
}

/// Serial numbers of the equipment that what is asked for speaks of (its custody, its phases), or that holds a key which signed it:
/// where a piece was before it came to the station, and that its key was revoked because it was lost, stands under other places.
fn pieces(found: &BTreeMap<u64, Found>, signers: &BTreeSet<KeyId>) -> BTreeSet<String> {
    let mut serials = BTreeSet::new();
    for found in found.values() {
        if let Some(custody) = body::<Custody>(found, Kind::Custody)
            && (found.asked || custody.key.0.is_some_and(|key| signers.contains(&key)))
        {
            serials.insert(custody.serial);
        } else if let Some(phase) = body::<StationPhase>(found, Kind::StationPhase).filter(|_| found.asked) {
            serials.extend(phase.equipment);
        }
    }
    serials
}

fn body<B: Body>(found: &Found, kind: Kind) -> Option<B> {
    // Asked of every entry gathered: only those of the kind are read again.
    if found.kind != Some(kind) {
        return None;
    }
    let entry = Entry::from_bytes(&found.entry).ok()?;
    B::from_bytes(&record_of(&entry)?.body).ok()
}

/// Bodies that are handed over.
struct Bodies<'a> {
    opened: &'a Opened<'a>,
    wanted: &'a Wanted<'a>,
}

impl Bodies<'_> {
    fn of(&self, leaf: u64) -> Result<Vec<u8>, MakeError> {
        if self.wanted.order.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(body) = (self.wanted.body)(leaf) {
            return Ok(body);
        }
        let bundle = self.opened.files.confidential(leaf / TILE_WIDTH, self.opened.size())?;
        let body = bundle.and_then(|bundle| bundle.entries.into_iter().nth((leaf % TILE_WIDTH) as usize));
        Ok(body.unwrap_or_default())
    }
}

/// The checkpoints that first covered what is asked for (of single records each, otherwise of the last entry), as far as the source
/// shows an archive, and the latest; each with the proof that it extends the one before.
fn checkpoints(opened: &Opened<'_>, subject: &Subject, asked: &[u64]) -> Result<Vec<Link>, MakeError> {
    let leaves: Vec<u64> = match subject {
        Subject::Records(_) => asked.iter().copied().take(32).collect(),
        _ => asked.last().copied().into_iter().collect(),
    };
    let mut walked: BTreeMap<TreeSize, VerifiedCheckpoint> = BTreeMap::new();
    for leaf in leaves {
        let Ok(after) = TreeSize::new(leaf) else { continue };
        let Some((_, page)) = Archive::open(opened.files, after, opened.size())? else { break };
        if let Some((_, note)) = page.notes.first() {
            let verified = opened.trust.verify_checkpoint(note).map_err(VerifyError::from)?;
            walked.insert(verified.checkpoint().size, verified);
        }
    }
    walked.insert(opened.size(), opened.checkpoint.clone());
    let mut links: Vec<Link> = Vec::new();
    let mut before: Option<VerifiedCheckpoint> = None;
    for next in walked.into_values() {
        let proof = match &before {
            Some(before) => extends_of(opened, &before.checkpoint().head(), &next.checkpoint().head())?,
            None => TwinConsistencyProof { sha256: empty()?, blake3: empty()? },
        };
        links.push(Link { note: next.note().to_string(), proof });
        before = Some(next);
    }
    Ok(links)
}

fn empty<H>() -> Result<tamga_ledger::tree::ConsistencyProof<H>, MakeError> {
    tamga_ledger::tree::ConsistencyProof::new(Vec::new())
        .map_err(|error| MakeError::Verify(VerifyError::Tile(error.to_string())))
}

fn several<H: TreeHash>(opened: &Opened<'_>, tree: Tree, leaves: &[LeafIndex]) -> Result<SeveralProof<H>, MakeError> {
    let read = |path: &TilePath| -> Result<Vec<u8>, SourceError> { opened.files.tile(tree, path) };
    let mut reader = TileHashReader::<H, _>::new(opened.size(), read);
    Ok(SeveralProof::prove(&mut reader, leaves, opened.size()).map_err(VerifyError::from)?)
}
