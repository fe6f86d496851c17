//! Every published checkpoint that a source shows, page by page: from a node's list, or by the index of a static copy.

use super::{Fetched, Files, Resource, SourceError};
use tamga_ledger::tree::TreeSize;

/// Checkpoints of one page of a static copy.
const PAGE: usize = 256;

/// A page as a source lists it. Nothing is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Sizes and notes, ascending by size.
    pub notes: Vec<(TreeSize, Vec<u8>)>,
    /// Where the next page begins; none after the last.
    pub next: Option<TreeSize>,
}

/// A page of an archive. Nothing is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchivePage {
    /// Sizes and notes, ascending by size.
    pub notes: Vec<(TreeSize, Vec<u8>)>,
    /// Sizes that the index names and that are not there.
    pub missing: Vec<TreeSize>,
}

/// An archive, read in order. Memory: one page, and the index of a static copy.
pub struct Archive<'a> {
    files: Files<'a>,
    upto: TreeSize,
    at: At,
}

enum At {
    Asking(TreeSize),
    Index(std::vec::IntoIter<TreeSize>),
    End,
}

impl<'a> Archive<'a> {
    /// The checkpoints of more than `after` and at most `upto` entries; `None` if the source shows no archive.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn open(files: Files<'a>, after: TreeSize, upto: TreeSize) -> Result<Option<(Self, ArchivePage)>, SourceError> {
        let Ok(from) = TreeSize::new(after.get() + 1) else { return Ok(None) };
        if let Some(listed) = files.source().archive(from)? {
            let mut archive = Self { files, upto, at: At::End };
            let page = archive.listed(from, listed)?;
            return Ok(Some((archive, page)));
        }
        let Some(sizes) = index(files)? else { return Ok(None) };
        let wanted: Vec<TreeSize> = sizes.into_iter().filter(|size| *size > after && *size <= upto).collect();
        let mut archive = Self { files, upto, at: At::Index(wanted.into_iter()) };
        let page = archive.next_page()?.unwrap_or_default();
        Ok(Some((archive, page)))
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn next_page(&mut self) -> Result<Option<ArchivePage>, SourceError> {
        match &mut self.at {
            At::End => Ok(None),
            At::Asking(from) => {
                let from = *from;
                let listed = self.files.source().archive(from)?;
                let listed = listed.ok_or_else(|| malformed(self.files, "the list of checkpoints breaks off"))?;
                self.listed(from, listed).map(Some)
            }
            At::Index(sizes) => {
                let sizes: Vec<TreeSize> = sizes.take(PAGE).collect();
                if sizes.is_empty() {
                    return Ok(None);
                }
                let mut page = ArchivePage::default();
                for size in sizes {
                    match self.files.source().fetch(&Resource::Archived(size))? {
                        Fetched::Found(note) => page.notes.push((size, note)),
                        Fetched::Absent | Fetched::Withheld(_) => page.missing.push(size),
                    }
                }
                Ok(Some(page))
            }
        }
    }

    /// A page that has to begin where it was asked to, and to lead on.
    fn listed(&mut self, from: TreeSize, listed: Listed) -> Result<ArchivePage, SourceError> {
        let Listed { mut notes, next } = listed;
        let ascending =
            notes.is_sorted_by(|(a, _), (b, _)| a < b) && notes.first().is_none_or(|(size, _)| *size >= from);
        let last = notes.last().map_or(from, |(size, _)| *size);
        if !ascending || next.is_some_and(|next| next <= last) {
            return Err(malformed(self.files, "the list of checkpoints is not ascending"));
        }
        self.at = next.filter(|next| *next <= self.upto).map_or(At::End, At::Asking);
        notes.retain(|(size, _)| *size <= self.upto);
        Ok(ArchivePage { notes, missing: Vec::new() })
    }
}

fn malformed(files: Files<'_>, what: &str) -> SourceError {
    SourceError::Malformed { place: format!("{}/checkpoints", files.source().name()), what: what.to_owned() }
}

/// The sizes that a static copy names.
fn index(files: Files<'_>) -> Result<Option<Vec<TreeSize>>, SourceError> {
    let Fetched::Found(bytes) = files.source().fetch(&Resource::ArchiveIndex)? else { return Ok(None) };
    let fault = || malformed(files, "the index is not a list of ascending sizes, one a line");
    sizes(&bytes).map(Some).ok_or_else(fault)
}

/// The sizes of an index; none if it is not a list of ascending sizes, one a line.
pub(crate) fn sizes(bytes: &[u8]) -> Option<Vec<TreeSize>> {
    // As written, and no other way: a zero in front could hide which size is meant.
    let line = |line: &str| {
        let size: u64 = line.parse().ok().filter(|size: &u64| *size > 0 && size.to_string() == line)?;
        TreeSize::new(size).ok()
    };
    let text = std::str::from_utf8(bytes).ok()?;
    // Not `lines`, which takes a last line that was cut and carriage returns as well.
    let lines = if text.is_empty() { None } else { Some(text.strip_suffix('\n')?.split('\n')) };
    let sizes: Vec<TreeSize> = lines.into_iter().flatten().map(line).collect::<Option<_>>()?;
    sizes.is_sorted_by(|a, b| a < b).then_some(sizes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    /// The same cases as every other implementation has (FORMAT.md §15).
    #[test]
    fn an_index_is_read_as_the_vectors_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ledger/tests/vectors/json/copies.json");
        let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let index = &vectors["archive_index"];
        let found: Vec<u64> =
            sizes(index["text"].as_str().unwrap().as_bytes()).unwrap().iter().map(|size| size.get()).collect();
        assert_eq!(serde_json::Value::from(found), index["sizes"]);
        for text in index["not_an_index"].as_array().unwrap() {
            assert_eq!(sizes(text.as_str().unwrap().as_bytes()), None, "{text}");
        }
        assert_eq!(sizes(b""), Some(vec![]));
        assert_eq!(sizes(b"1\r\n9\r\n"), None);
    }
}
