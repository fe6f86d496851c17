//! Fixed inputs and outputs.

use tamga_ledger::tree::{Blake3Tree, Frontier, Hash, LeafHashes, Sha256Tree, TreeHash, TwinFrontier};

/// The entries of the certificate-transparency reference tests for RFC 6962.
const ENTRIES: [&[u8]; 8] = [
    b"",
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
];

#[test]
fn rfc_6962_reference_roots() {
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Frontier::<Sha256Tree>::new().root().to_string(), empty);
    let mut frontier = Frontier::<Sha256Tree>::new();
    for (entry, root) in ENTRIES.into_iter().zip(roots) {
        frontier.push(Sha256Tree::leaf(entry)).unwrap();
        assert_eq!(frontier.root().to_string(), root);
    }
}

/// Computed once, then pinned: a change of any context string or of the empty tree's rule breaks every ledger there is.
#[test]
fn blake3_constants_are_pinned() {
    let mut log = TwinFrontier::new();
    log.extend(ENTRIES.map(LeafHashes::of)).unwrap();
    let node = Blake3Tree::node(&Hash::new([1; 32]), &Hash::new([2; 32]));
    let computed = [Blake3Tree::empty(), Blake3Tree::leaf(b""), node, log.roots().blake3];
    assert_eq!(computed.map(|hash| hash.to_string()), PINNED);
}

const PINNED: [&str; 4] = [
    "28a4d7ce8965e07339be64e1ebeaf2b1981e590471600bf24279526a657d992c",
    "4cd4f3a87e1eb65df10a24316ed19e80f749fcac96da986de9f7a6d59a14d3e4",
    "1f4510ec781259439862b70ff19a412654d365664c95c2de621e3a727c8d429c",
    "3df239287fe089dba539ab662c4437aa474b8aef7ba3d6a1433d3d42f41d7313",
];

#[test]
fn leaf_node_and_empty_tree_live_in_different_domains() {
    fn differ<H: TreeHash>() {
        let (left, right) = (Hash::new([1; 32]), Hash::new([2; 32]));
        let joined = [left.to_bytes(), right.to_bytes()].concat();
        assert_ne!(H::leaf(&joined), H::node(&left, &right));
        assert_ne!(H::leaf(b""), H::empty());
        assert_ne!(H::node(&left, &right), H::node(&right, &left));
    }
    differ::<Sha256Tree>();
    differ::<Blake3Tree>();
}
