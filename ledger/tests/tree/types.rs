//! Limits and texts.

use tamga_ledger::tree::{
    Frontier, FrontierError, Hash, LeafIndex, POSITION_MAX, PositionError, Sha256Tree, TreeHash, TreeSize, TwinFrontier,
};

use crate::{entry, index, size};

#[test]
fn an_index_is_not_a_size() {
    assert_eq!(TreeSize::new(POSITION_MAX + 1), Err(PositionError::SizeTooLarge(POSITION_MAX + 1)));
    assert_eq!(LeafIndex::new(POSITION_MAX), Err(PositionError::IndexTooLarge(POSITION_MAX)));
    assert_eq!(index(POSITION_MAX - 1).size_after(), size(POSITION_MAX));
    assert_eq!(size(POSITION_MAX).next_index(), Err(PositionError::IndexTooLarge(POSITION_MAX)));
    assert_eq!(index(4).within(size(5)), Ok(index(4)));
    assert_eq!(index(5).within(size(5)), Err(PositionError::OutsideTree { index: index(5), size: size(5) }));
    assert_eq!((size(0).last_index(), size(5).last_index()), (None, Some(index(4))));
}

#[test]
fn a_full_log_refuses_and_stays_as_it_was() {
    let edge = vec![Hash::new([3; 32]); 53];
    let mut full = Frontier::<Sha256Tree>::from_parts(size(POSITION_MAX), edge).unwrap();
    let before = full.clone();
    assert_eq!(full.push(Hash::new([4; 32])), Err(PositionError::IndexTooLarge(POSITION_MAX)));
    assert_eq!(full, before);
}

#[test]
fn hashes_have_one_text() {
    let hash = Sha256Tree::leaf(b"x");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
    let hex = hash.to_string();
    for bad in [hex.to_uppercase(), hex[1..].to_owned(), format!("{hex}0"), format!("+{}", &hex[1..])] {
        assert!(bad.parse::<Hash>().is_err(), "{bad}");
    }
    let text = hash.to_base64();
    for bad in [text.trim_end_matches('=').to_owned(), format!("{text}\n"), text.replacen(&text[..1], "-", 1)] {
        assert!(Hash::from_base64(&bad).is_err(), "{bad}");
    }
    // 32 zero bytes end in "A="; "B=" has a trailing bit set that no encoder writes.
    let zero = Hash::new([0; 32]).to_base64();
    assert!(Hash::from_base64(&zero.replace("A=", "B=")).is_err());
}

#[test]
fn frontiers_survive_storage() {
    let mut log = TwinFrontier::new();
    for number in 0..70 {
        assert_eq!(TwinFrontier::from_bytes(&log.to_bytes()), Ok(log.clone()));
        assert_eq!(Frontier::from_bytes(&log.sha256().to_bytes()).as_ref(), Ok(log.sha256()));
        log.push_entry(&entry(number)).unwrap();
    }
    let bytes = log.to_bytes();
    for cut in 0..bytes.len() {
        assert!(TwinFrontier::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    assert!(TwinFrontier::from_bytes(&[&bytes[..], &[0; 64]].concat()).is_err());
    let none = Frontier::<Sha256Tree>::from_parts(size(3), Vec::new());
    assert_eq!(none, Err(FrontierError::WrongHashCount { size: size(3), expected: 2, actual: 0 }));
}
