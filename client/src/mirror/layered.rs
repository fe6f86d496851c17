//! The copy as it will be once it is published.

use crate::source::{DirectorySource, Fetched, Resource, Source, SourceError};
use tamga_ledger::ids::RecordId;
use tamga_ledger::tree::LeafIndex;

/// What never changes is read from the verified folder where it is there, because that is what will stay there; what a new
/// checkpoint brings is read from the folder of what came.
pub(super) struct Layered<'a> {
    pub(super) verified: &'a DirectorySource,
    pub(super) came: &'a DirectorySource,
}

impl Source for Layered<'_> {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        let (first, then) = match resource {
            Resource::Tile(..) | Resource::Entries(_) | Resource::Confidential(_) => (self.verified, self.came),
            _ => (self.came, self.verified),
        };
        match first.fetch(resource)? {
            Fetched::Absent => then.fetch(resource),
            found => Ok(found),
        }
    }

    fn find(&self, _: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        Ok(None)
    }

    fn name(&self) -> &str {
        self.came.name()
    }
}
