//! Commitments: they add up, open only to what was committed to, and rest on pinned generators.

#![allow(clippy::unwrap_used, reason = "helpers of the tests fail the test")]

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use proptest::prelude::*;
use tamga_ledger::commitment::{
    Blinding, BlindingError, BlindingPurpose, Commitment, CommitmentError, Counts, CountsError, OpeningError,
    blinding_generator, commit, generator, sum, sum_openings, verify_opening,
};

fn counts(numbers: &[u64]) -> Counts {
    Counts::new(numbers.to_vec()).unwrap()
}

fn blinding(number: u64) -> Blinding {
    Blinding::derive(&[7; 32], number, 12, BlindingPurpose::BallotBatch)
}

/// Computed once, then pinned: another generator would make every commitment of an election unopenable.
#[test]
fn the_generators_are_pinned() {
    let shown =
        [generator(0).unwrap(), generator(1).unwrap(), generator(63).unwrap(), blinding_generator()].map(hex::encode);
    assert_eq!(shown, PINNED_GENERATORS);
    let sample = commit(&counts(&[3, 0, 5]), &blinding(1));
    assert_eq!([sample.to_string(), hex::encode(blinding(1).reveal())], PINNED_SAMPLE);
}

const PINNED_GENERATORS: [&str; 4] = [
    "eec7f64902e082c55371cf81a08dc38d9bffccb831020d4b4a85ffa279dc0a33",
    "5aa0452129079f9467e0a67c7612ad0ad446c9fee2477979a0e565229754e50d",
    "12eecb4742d6259da47e96e65368962ad11fadf6becaa0a7d1695bedd79c815c",
    "9a69fd477ef0782dbe20117c8101f95b9d2530ef981c52fc08e2a30ba7bed563",
];
const PINNED_SAMPLE: [&str; 2] = [
    "8cb496eb6909b596facaf61a29e2bbe1b175effdff7ca780bc457d2452470349",
    "9065e0b7d39d50ae7babbd00a28eb5a1e9ccee8fa9d80971f42dd426cfcb6004",
];

/// The definition written out with the group library alone.
#[test]
fn a_commitment_is_the_sum_of_its_definition() {
    let point = |label: &[u8]| {
        let mut uniform = [0; 64];
        let mut hasher = blake3::Hasher::new_derive_key("tamga 2025 commitment generator v1");
        hasher.update(label).finalize_xof().fill(&mut uniform);
        RistrettoPoint::from_uniform_bytes(&uniform)
    };
    let r = Scalar::from_canonical_bytes(blinding(9).reveal()).unwrap();
    let expected =
        Scalar::from(3_u64) * point(&[b'G', 0, 0]) + Scalar::from(1_u64 << 32) * point(&[b'G', 0, 2]) + r * point(b"H");
    assert_eq!(commit(&counts(&[3, 0, 1 << 32]), &blinding(9)).to_bytes(), expected.compress().to_bytes());
}

#[test]
fn generators_differ_from_each_other_and_from_the_identity() {
    let mut all: Vec<[u8; 32]> = (0..64).map(|position| generator(position).unwrap()).collect();
    all.push(blinding_generator());
    all.push([0; 32]); // the identity
    all.push(curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED.to_bytes());
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), generator(64)), (count, None));
}

#[test]
fn only_what_was_committed_to_opens() {
    let committed = commit(&counts(&[3, 0, 5]), &blinding(1));
    let opens = |numbers: &[u64], secret: [u8; 32]| verify_opening(&committed, &counts(numbers), secret);
    assert_eq!(opens(&[3, 0, 5], blinding(1).reveal()), Ok(()));
    let refused = Err(OpeningError::DoesNotOpen(committed.to_bytes()));
    for wrong in [&[3, 0, 4][..], &[3, 1, 5], &[5, 0, 3], &[3, 0], &[3, 0, 5, 1], &[], &[0, 0, 0]] {
        assert_eq!(opens(wrong, blinding(1).reveal()), refused, "{wrong:?}");
    }
    assert_eq!(opens(&[3, 0, 5], blinding(2).reveal()), refused);
    // Documented: trailing zeros are not committed to; the number of positions is the constituency's.
    assert_eq!(opens(&[3, 0, 5, 0], blinding(1).reveal()), Ok(()));
}

#[test]
fn encodings_are_canonical_or_refused() {
    let good = commit(&counts(&[1]), &blinding(1)).to_bytes();
    assert_eq!(Commitment::from_bytes(good).unwrap().to_bytes(), good);
    assert!(Commitment::from_bytes([0; 32]).is_ok(), "the identity has an encoding");
    let mut p = [0xff; 32]; // the field's prime: another 0
    (p[0], p[31]) = (0xed, 0x7f);
    let mut negative = [0; 32];
    negative[0] = 1;
    let mut high_bit = good;
    high_bit[31] |= 0x80;
    for bad in [p, negative, high_bit, [0xff; 32]] {
        assert_eq!(Commitment::from_bytes(bad), Err(CommitmentError::NotCanonical));
    }
    // ℓ, the group order, is another 0.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let order: [u8; 32] = order.try_into().unwrap();
    assert_eq!(Blinding::from_canonical_bytes(order), Err(BlindingError::NotCanonical));
    let committed = commit(&counts(&[1]), &Blinding::from_canonical_bytes([0; 32]).unwrap());
    assert_eq!(verify_opening(&committed, &counts(&[1]), [0; 32]), Ok(()));
    let refused = verify_opening(&committed, &counts(&[1]), order);
    assert_eq!(refused, Err(OpeningError::Blinding(BlindingError::NotCanonical)));
}

#[test]
fn counts_have_limits() {
    assert!(Counts::new(vec![1 << 32; 64]).is_ok_and(|counts| counts.total() == 64 << 32));
    assert_eq!(Counts::new(vec![0; 65]), Err(CountsError::TooManyPositions(65)));
    assert_eq!(Counts::zero(65), Err(CountsError::TooManyPositions(65)));
    let above = (1 << 32) + 1;
    assert_eq!(Counts::new(vec![0, above]), Err(CountsError::TooLarge { position: 1, count: above }));
    assert_eq!(counts(&[1 << 32]).add(&counts(&[1])), Err(CountsError::TooLarge { position: 0, count: above }));
    let refused = counts(&[1]).add(&counts(&[1, 2]));
    assert_eq!(refused, Err(CountsError::DifferentPositions { left: 1, right: 2 }));
    assert!(Counts::zero(3).unwrap().is_zero() && !counts(&[0, 1]).is_zero());
}

#[test]
fn every_place_has_its_own_blinding() {
    let derive = Blinding::derive;
    let (seed, other) = ([1; 32], [2; 32]);
    let mut all = vec![
        derive(&seed, 1, 2, BlindingPurpose::BallotBatch).reveal(),
        derive(&seed, 1, 2, BlindingPurpose::Protocol).reveal(),
        derive(&seed, 2, 1, BlindingPurpose::BallotBatch).reveal(),
        derive(&seed, 1, 3, BlindingPurpose::BallotBatch).reveal(),
        derive(&other, 1, 2, BlindingPurpose::BallotBatch).reveal(),
    ];
    assert_eq!(all[0], derive(&seed, 1, 2, BlindingPurpose::BallotBatch).reveal(), "and always the same one");
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 5);
}

#[test]
fn a_blinding_is_never_printed() {
    assert_eq!(format!("{:?}", blinding(1)), "Blinding(secret)");
}

#[test]
fn nothing_adds_up_to_nothing() {
    assert_eq!(sum(&[]).to_bytes(), [0; 32]);
    assert_eq!(sum_openings(&[]), Ok(None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sums_open_with_sums(cells in prop::collection::vec((prop::collection::vec(0..5000_u64, 5), any::<[u8; 64]>()), 1..12)) {
        let openings: Vec<(Counts, Blinding)> =
            cells.iter().map(|(numbers, uniform)| (counts(numbers), Blinding::from_uniform_bytes(uniform))).collect();
        let commitments: Vec<Commitment> = openings.iter().map(|(counts, blinding)| commit(counts, blinding)).collect();
        let total = sum(&commitments);
        let (counts, blinding) = sum_openings(&openings).unwrap().unwrap();
        prop_assert_eq!(verify_opening(&total, &counts, blinding.reveal()), Ok(()));
        prop_assert_eq!(commit(&counts, &blinding), total);
        // One cell left out is noticed.
        if commitments.len() > 1 {
            let fewer = sum(&commitments[1..]);
            prop_assert!(verify_opening(&fewer, &counts, blinding.reveal()).is_err());
        }
    }

    #[test]
    fn any_bytes_are_a_commitment_or_refused(bytes: [u8; 32]) {
        if let Ok(commitment) = Commitment::from_bytes(bytes) {
            prop_assert_eq!(commitment.to_bytes(), bytes);
        }
    }
}
