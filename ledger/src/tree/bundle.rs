//! Entry bundles (C2SP tlog-tiles, "Log entries"): up to 256 entries, each behind its length as a big-endian u16.

/// Entries in a full bundle.
pub const ENTRIES_PER_BUNDLE: usize = 256;
/// The longest entry a u16 length can announce.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Why bytes are not a bundle, or entries cannot become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// More than 256 entries.
    #[error("an entry bundle holds at most 256 entries; there are more, from byte {at} on")]
    TooManyEntries {
        /// Where the 257th would start.
        at: usize,
    },
    /// Longer than [`ENTRY_BYTES_MAX`].
    #[error("entry {place} of the bundle has {length} bytes; a bundle carries at most 65535 an entry")]
    EntryTooLong {
        /// Which entry of the bundle, from 0.
        place: usize,
        /// Its length.
        length: usize,
    },
    /// The bytes end inside an entry.
    #[error("the bundle ends inside entry {place}, which starts at byte {at}")]
    Truncated {
        /// Which entry of the bundle, from 0.
        place: usize,
        /// Where it starts.
        at: usize,
    },
}

/// Writes entries as one bundle.
///
/// # Errors
/// [`BundleError::TooManyEntries`], [`BundleError::EntryTooLong`].
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    let mut bundle = Vec::with_capacity(entries.iter().map(|entry| entry.as_ref().len() + 2).sum());
    for (place, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
        if place == ENTRIES_PER_BUNDLE {
            return Err(BundleError::TooManyEntries { at: bundle.len() });
        }
        let length =
            u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong { place, length: entry.len() })?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// Cuts a bundle into its entries, borrowed. How many there should be is the caller's to know (from the tile's width).
///
/// # Errors
/// [`BundleError::TooManyEntries`], [`BundleError::Truncated`].
pub fn decode_bundle(bundle: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let (place, at) = (entries.len(), bundle.len() - rest.len());
        if place == ENTRIES_PER_BUNDLE {
            return Err(BundleError::TooManyEntries { at });
        }
        let (entry, after) = split_entry(rest).ok_or(BundleError::Truncated { place, at })?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
