//! One log, two hash trees over the same entry bytes.
//!
//! Every entry is a leaf of two Merkle trees of one shape (RFC 6962 §2.1, kept by RFC 9162 §2.1): one hashed with
//! SHA-256 exactly as the RFC says, so that browsers, stock transparency-log tools and outside witnesses verify without
//! our code, and one hashed with keyed BLAKE3, so that history stays sealed should either function fall.
//!
//! | file | what |
//! |---|---|
//! | `hash` | [`Hash`](struct@Hash), the two hash functions ([`Sha256Tree`], [`Blake3Tree`]), [`LeafHashes`] |
//! | `position` | [`LeafIndex`] and [`TreeSize`]: an index is not a size |
//! | `frontier` | [`Frontier`]: the right edge of a tree, from which it grows and its root is known |
//! | `proof` | inclusion and consistency proofs and their verification, written from RFC 9162 |
//! | `several` | one proof for several leaves |
//! | `prove` | making those proofs from stored subtree hashes |
//! | `tile`, `bundle` | C2SP tlog-tiles: paths, tiles, entry bundles |
//! | `tile_builder`, `tile_reader` | tiles out of a growing tree; proofs out of tiles |
//!
//! Invariants: nothing here reads a file, a clock or a socket; no function panics on any input; every size read from
//! outside is bounded before memory is spent on it.

mod bundle;
mod frontier;
mod hash;
mod position;
mod proof;
mod prove;
mod several;
mod tile;
mod tile_builder;
mod tile_reader;
mod twin;

pub use bundle::{BundleError, ENTRIES_PER_BUNDLE, ENTRY_BYTES_MAX, decode_bundle, encode_bundle};
pub use frontier::{Frontier, FrontierError, Roots, TreeHead, TwinFrontier};
pub use hash::{Blake3Tree, Hash, HashParseError, LeafHashes, Sha256Tree, TreeHash};
pub use position::{LeafIndex, POSITION_MAX, PositionError, TreeSize};
pub use proof::{ConsistencyProof, InclusionProof, PROOF_HASHES_MAX, ProofError};
pub use prove::{HashReader, ProveError, prove_consistency, prove_inclusion, root_at};
pub use several::{SeveralError, SeveralProof};
pub use tile::{TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, TileError, TileKind, TilePath, TileWidth, tile_hashes, tile_root};
pub use tile_builder::{CompleteTile, TileBuilder, full_tiles_between, tiles_of_size};
pub use tile_reader::{TileHashReader, TileReadError, tiles_for_consistency, tiles_for_inclusion, tiles_for_root};
pub use twin::{TwinConsistencyProof, TwinInclusionProof, TwinProofError};
