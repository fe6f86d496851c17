//! A copy of what one node has published. Its roots are computed here from the entries as they were served, with the hash
//! functions' own crates and the recursive definition of RFC 9162: none of the code under test.

use crate::http;
use crate::load::Acknowledged;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tamga_ledger::entry::Entry;
use tamga_ledger::ids::RecordId;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::trust::Trust;

/// Entries of a full bundle.
pub const BUNDLE: u64 = 256;

/// What one node has published.
#[derive(Debug)]
pub struct Copy {
    /// The checkpoint, verified.
    pub checkpoint: VerifiedCheckpoint,
    /// Every entry that it covers, as served.
    pub entries: Vec<Vec<u8>>,
    leaves: BTreeMap<RecordId, u64>,
}

impl Copy {
    /// Fetches everything that a node has published.
    ///
    /// # Panics
    /// If something is missing, or the entries do not give the checkpoint's roots.
    pub async fn fetch(address: SocketAddr, trust: &Trust) -> Self {
        let note = http::found(address, "/checkpoint").await.body;
        let checkpoint = trust.verify_checkpoint(&note).unwrap();
        let entries = entries(address, checkpoint.checkpoint().size.get()).await;
        let roots = checkpoint.checkpoint().roots;
        assert_eq!(root::<Sha256>(&entries), *roots.sha256.as_bytes(), "SHA-256 root");
        assert_eq!(root::<KeyedBlake3>(&entries), *roots.blake3.as_bytes(), "BLAKE3 root");
        let id = |entry: &Vec<u8>| Entry::from_bytes(entry).unwrap().record_id();
        let leaves: BTreeMap<RecordId, u64> = entries.iter().map(id).zip(0..).collect();
        assert_eq!(leaves.len(), entries.len(), "a record is there twice");
        Self { checkpoint, entries, leaves }
    }

    /// Size.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The leaf of a record.
    #[must_use]
    pub fn leaf(&self, record: &RecordId) -> Option<u64> {
        self.leaves.get(record).copied()
    }

    /// Everything acknowledged is here: with a verdict, exactly as promised; without one, anywhere.
    ///
    /// # Panics
    /// If something is missing or different.
    pub fn holds(&self, acknowledged: &[Acknowledged]) {
        for one in acknowledged {
            let promise = &one.promise;
            let leaf = self.leaf(&promise.record).unwrap_or_else(|| panic!("an acknowledged record is lost: {one:?}"));
            let Some(judged) = &promise.judged else { continue };
            let entry = Entry::from_bytes(&self.entries[leaf as usize]).unwrap();
            assert_eq!(
                (leaf, entry.time_ms, &entry.verdict),
                (judged.leaf.get(), judged.time_ms, &judged.verdict),
                "{one:?}"
            );
        }
    }
}

/// The first `size` entries, as bundles give them.
///
/// # Panics
/// If one is missing.
pub async fn entries(address: SocketAddr, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for index in 0..size.div_ceil(BUNDLE) {
        let width = (size - index * BUNDLE).min(BUNDLE);
        let path = format!("/tile/entries/{}", tile_path(index, width));
        let bundle = http::found(address, &path).await.body;
        let read = split_bundle(&bundle);
        assert_eq!(read.len() as u64, width, "{path}");
        entries.extend(read);
    }
    entries
}

/// `NNN`, `xNNN/NNN`, … with `.p/W` for a partial tile, as C2SP tlog-tiles writes it.
#[must_use]
pub fn tile_path(index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    if width < BUNDLE { format!("{path}.p/{width}") } else { path }
}

/// Entries with their 16-bit big-endian length before each.
///
/// # Panics
/// If a length goes beyond the end.
#[must_use]
pub fn split_bundle(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a bundle ends within a length");
    entries
}

/// Hashing of one tree.
pub trait Hashing {
    /// Hash of an entry.
    fn leaf(entry: &[u8]) -> [u8; 32];
    /// Hash of two subtrees.
    fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32];
}

/// RFC 9162's, by crate `sha2`.
#[derive(Debug, Clone, Copy)]
pub struct Sha256;

impl Hashing for Sha256 {
    fn leaf(entry: &[u8]) -> [u8; 32] {
        sha2::Sha256::new_with_prefix([0]).chain_update(entry).finalize().into()
    }

    fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
        sha2::Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
    }
}

/// FORMAT.md's: keyed BLAKE3, the keys derived from the contexts.
#[derive(Debug, Clone, Copy)]
pub struct KeyedBlake3;

impl Hashing for KeyedBlake3 {
    fn leaf(entry: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&blake3::derive_key("tamga 2025 leaf v1", &[]), entry).as_bytes()
    }

    fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
        let key = blake3::derive_key("tamga 2025 node v1", &[]);
        *blake3::keyed_hash(&key, &[left.as_slice(), right.as_slice()].concat()).as_bytes()
    }
}

/// The root over entries, by RFC 9162's recursive definition.
///
/// # Panics
/// For no entries.
#[must_use]
pub fn root<H: Hashing>(entries: &[Vec<u8>]) -> [u8; 32] {
    root_of::<H>(&entries.iter().map(|entry| H::leaf(entry)).collect::<Vec<_>>())
}

/// The root over leaf hashes, or of a subtree over complete subtrees of equal height.
///
/// # Panics
/// For none.
#[must_use]
pub fn root_of<H: Hashing>(hashes: &[[u8; 32]]) -> [u8; 32] {
    match hashes {
        [] => panic!("no leaves"),
        [one] => *one,
        more => {
            let split = more.len().next_power_of_two() / 2;
            H::node(&root_of::<H>(&more[..split]), &root_of::<H>(&more[split..]))
        }
    }
}
