//! Where in the replicated log a size of the ledger stands: read from the frames, which are the only place that knows it.

use crate::tree::TreeSize;

use super::Store;
use super::error::StoreError;
use super::scan::{read_header, scan_segment};
use super::types::LogPosition;

impl Store {
    /// Position of the last append after which the ledger had that size; none if no append ended there, or the ledger is
    /// smaller. Appends without entries count: of several positions with one size it is the last.
    ///
    /// Cost: a segment is read. Meant for start-up, not for every request.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn position_at(&self, size: TreeSize) -> Result<Option<LogPosition>, StoreError> {
        let mut found = None;
        for segment in self.segments.from(size.get().saturating_sub(1)) {
            if segment.index.first_leaf > size.get() {
                break;
            }
            let (file, path) = (segment.file.as_ref(), &segment.path);
            let Some(header) = read_header(file, path, segment.index.number)? else { break };
            // What a crash may have left behind the last frame is of no interest here.
            let _tail = scan_segment(file, path, &header, None, |frame| {
                if frame.first_leaf + frame.entries.len() as u64 == size.get() {
                    found = Some(frame.position);
                }
                Ok(true)
            })?;
        }
        Ok(found)
    }
}
