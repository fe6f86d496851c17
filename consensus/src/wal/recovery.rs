//! Opening: reads the whole log back, cuts an unfinished last write, halts on anything else that is wrong.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tamga_platform::disk::{Disk, Open};
use tamga_platform::entropy::{Entropy, random_bytes};

use super::error::WalError;
use super::frame::{self, FRAME_HEADER_BYTES, Found};
use super::log::Settings;
use super::record::Record;
use super::segment::{self, Label, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, Segment, io};
use super::view::{Location, Placed, View};

/// The log as found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) view: View,
    pub(crate) segments: BTreeMap<u64, Segment>,
    /// Sequence of the segment to write on.
    pub(crate) active: u64,
    /// Where in it.
    pub(crate) offset: u64,
    /// Number of the next frame.
    pub(crate) frame: u64,
}

/// Opens the log in `settings.folder`, or begins one.
pub(crate) fn open(
    disk: &dyn Disk,
    entropy: &dyn Entropy,
    settings: &Settings,
    now_ms: u64,
) -> Result<Recovered, WalError> {
    let folder = settings.folder.as_path();
    disk.create_dir_all(folder).map_err(io("creating", folder))?;
    // The folder is the caller's folder's child: both names may be new.
    for parent in folder.ancestors().skip(1).take(2).filter(|parent| !parent.as_os_str().is_empty()) {
        disk.sync_dir(parent).map_err(io("syncing", parent))?;
    }
    let sequences = segment::list(disk, folder)?;
    // A segment may have got its name without that being durable yet.
    disk.sync_dir(folder).map_err(io("syncing", folder))?;
    let Some((oldest, newest)) = sequences.first().copied().zip(sequences.last().copied()) else {
        if settings.must_exist {
            return Err(WalError::Gone { path: folder.to_owned() });
        }
        return begin(disk, entropy, settings, now_ms);
    };
    let mut log = Recovered {
        view: View::new(settings.cache_bytes),
        segments: BTreeMap::new(),
        active: newest,
        offset: SEGMENT_HEADER_BYTES as u64,
        frame: 0,
    };
    for (sequence, expected) in sequences.iter().copied().zip(oldest..) {
        if sequence != expected {
            let what = "segment is missing between its neighbours".to_owned();
            return Err(WalError::Damaged { path: segment::path_of(folder, expected), offset: 0, what });
        }
        log.read_segment(disk, settings, sequence, sequence == oldest, sequence == newest)?;
    }
    log.check_start(folder, oldest)?;
    Ok(log)
}

fn begin(disk: &dyn Disk, entropy: &dyn Entropy, settings: &Settings, now_ms: u64) -> Result<Recovered, WalError> {
    let spare = segment::prepare(disk, &settings.folder, settings.segment_bytes, random_bytes(entropy))?;
    let label = Label {
        cluster: settings.cluster,
        node: settings.node,
        sequence: 1,
        first_frame: 0,
        salt: random_bytes(entropy),
        created_ms: now_ms,
    };
    let first = segment::activate(disk, &settings.folder, spare, label)?;
    Ok(Recovered {
        view: View::new(settings.cache_bytes),
        segments: BTreeMap::from([(1, first)]),
        active: 1,
        offset: SEGMENT_HEADER_BYTES as u64,
        frame: 0,
    })
}

impl Recovered {
    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        settings: &Settings,
        sequence: u64,
        oldest: bool,
        newest: bool,
    ) -> Result<(), WalError> {
        let path = segment::path_of(&settings.folder, sequence);
        let damaged =
            |offset: usize, what: String| WalError::Damaged { path: path.clone(), offset: offset as u64, what };
        let file = disk.open(&path, Open::ReadWrite).map_err(io("opening", &path))?;
        let capacity = file.len().map_err(io("measuring", &path))?;
        if capacity > SEGMENT_BYTES_MAX {
            return Err(damaged(0, format!("{capacity} bytes, more than any segment has ({SEGMENT_BYTES_MAX})")));
        }
        let mut bytes = vec![0; usize::try_from(capacity).unwrap_or_default()];
        file.read_exact_at(&mut bytes, 0).map_err(io("reading", &path))?;
        let label = Label::decode(&path, &bytes, (settings.cluster, settings.node, sequence))?;
        if oldest {
            self.frame = label.first_frame;
        } else if label.first_frame != self.frame {
            let what = format!("it begins with frame {}, but frame {} is next", label.first_frame, self.frame);
            return Err(damaged(0, what));
        }
        let mut segment = Segment { label, path: path.clone(), file: Arc::from(file), capacity, highest: None };
        let used = frame::used_bytes(&bytes);
        let mut offset = SEGMENT_HEADER_BYTES;
        loop {
            match frame::find(label.seed(), &bytes, offset, used, newest) {
                Found::End => break,
                Found::Frame { number, .. } if number != self.frame => {
                    return Err(damaged(offset, format!("frame {number} stands where {} should", self.frame)));
                }
                Found::Frame { body, end, .. } => {
                    self.replay(&mut segment, offset, body).map_err(|what| damaged(offset, what))?;
                    self.frame += 1;
                    offset = end;
                }
                Found::Torn => {
                    cut(&segment, offset..used)?;
                    break;
                }
                Found::Damaged(what) => return Err(damaged(offset, what.to_owned())),
            }
        }
        // A process that died between write and sync left its last frame in the page cache, and one whose sync failed may
        // have left it there marked as written: write it again and make it durable before anything is built on it.
        if newest {
            segment.file.write_again(0, offset as u64).map_err(io("writing again", &path))?;
        }
        segment.file.sync_data().map_err(io("syncing", &path))?;
        self.offset = offset as u64;
        self.segments.insert(sequence, segment);
        Ok(())
    }

    fn replay(&mut self, segment: &mut Segment, offset: usize, body: &[u8]) -> Result<(), String> {
        let view = &mut self.view;
        let records = frame::records(segment.label.seed(), body).map_err(|error| error.to_string())?;
        for (record, at, length) in records {
            match record {
                Record::Entry(entry) => {
                    let index = entry.position.index;
                    if !view.is_empty() && !view.continues(index) {
                        return Err(format!("entry {} does not follow {:?}", entry.position, view.last()));
                    }
                    let narrow = |value: usize| u32::try_from(value).map_err(|error| error.to_string());
                    let location = Location {
                        segment: segment.label.sequence,
                        offset: narrow(offset + FRAME_HEADER_BYTES + at)?,
                        length: narrow(length)?,
                    };
                    view.append(0, entry);
                    view.place(Placed::Entry { index, location });
                    segment.highest = segment.highest.max(Some(index));
                }
                Record::Ballot(ballot) => view.ballot = Some(ballot),
                Record::Committed(committed) => view.committed = committed,
                Record::Truncate(after) => {
                    view.truncate(after);
                    view.place(Placed::Truncate(after));
                }
                Record::Purge(upto) => {
                    view.purge(upto);
                    view.place(Placed::Purge(upto.index));
                }
                Record::Head { ballot, committed, purged } => {
                    (view.ballot, view.committed) = (ballot, committed);
                    if let Some(purged) = purged {
                        view.purge(purged);
                        view.place(Placed::Purge(purged.index));
                    }
                }
            }
        }
        view.placed(0);
        Ok(())
    }

    /// Nothing may be missing at the start: the oldest segment is the first one ever, or what came before was purged.
    fn check_start(&self, folder: &Path, oldest: u64) -> Result<(), WalError> {
        let first = self.view.range().start;
        let hole = match self.view.purged {
            None => oldest != 1,
            Some(purged) => !self.view.is_empty() && first > purged.index.saturating_add(1),
        };
        if !hole {
            return Ok(());
        }
        let path = segment::path_of(folder, oldest);
        let what = format!("older segments are missing: entries begin at {first}, purged is {:?}", self.view.purged);
        Err(WalError::Damaged { path, offset: 0, what })
    }
}

/// Zeros an unfinished write, so that what is written next stands alone.
fn cut(segment: &Segment, range: Range<usize>) -> Result<(), WalError> {
    let path = &segment.path;
    tracing::warn!(
        path = %path.display(), offset = range.start, bytes = range.len(),
        "the last write to the log was not finished before the last stop; it was never acknowledged and is cut"
    );
    let zeros = vec![0; range.len()];
    segment.file.write_all_at(&zeros, range.start as u64).map_err(io("cutting the unfinished tail of", path))?;
    // Crash here: the same cut, or the rest of it, is made at the next start; zeros only add marks of a torn write.
    segment.file.sync_data().map_err(io("syncing", path))
}
