//! Entry segments: what is whole stays as it is, the rest is made again from proven entries.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use tamga_platform::disk::Open;

use crate::tree::{Blake3Tree, LeafHashes, Roots, Sha256Tree, TreeHead, TreeSize};

use super::super::confidential::{Erased, read_body, read_erased};
use super::super::error::StoreError;
use super::super::frame::{BodyPlace, FRAME_HEADER_BYTES, Frame, FrameHeader, build_frame};
use super::super::index::SegmentIndex;
use super::super::layout::{BODIES_HEADER_BYTES, Folders, SEGMENT_HEADER_BYTES, SegmentHeader, segment_number};
use super::super::mark::{Mark, mark_file, read_mark};
use super::super::tiles::TileFiles;
use super::super::types::{LogPosition, NewEntry};
use super::bodies::{self, Held};
use super::header::{Around, found_again};
use super::peers::Asked;
use super::pieces::{Piece, pieces};
use super::proven::Proven;
use super::swap::Swap;
use super::{Job, PeerEntry, RepairError, Step, TreeName, archive};

/// No segment is larger: the roll limit and one frame.
pub(super) const SEGMENT_FILE_BYTES_MAX: u64 = 256 << 20;
/// Entries of a frame that is made for leaves whose frames are unknown.
const LEAVES_MAX: u64 = 1024;

/// What became of the entries.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) files: Vec<(PathBuf, String)>,
    pub(super) bodies_fetched: u64,
    pub(super) cut_to: Option<u64>,
}

/// All entry segments, one after the other.
pub(super) struct Entries<'w, 'a> {
    job: &'w Job<'a>,
    folders: &'w Folders,
    asked: &'w mut Asked<'a>,
    swap: Swap<'w>,
    /// Size of the published tree.
    size: u64,
    sha256: Proven<Sha256Tree>,
    blake3: Proven<Blake3Tree>,
    /// Compare whole frames with the published leaf hashes too.
    all: bool,
    erased: Erased,
    mark: Mark,
    /// Size of the largest checkpoint in this node's archive: entries below it were durable.
    archived: u64,
    /// Where the next segment begins.
    next_leaf: u64,
    position: Option<LogPosition>,
    /// End of the frames of the segment before.
    end: u32,
    changed: Changed,
}

/// What is known of the segment behind one.
struct Behind {
    first_leaf: u64,
    /// Last position of this segment, if that one's header tells.
    position: Option<LogPosition>,
}

/// A segment as it will be.
struct Draft {
    out: Vec<u8>,
    index: SegmentIndex,
    ends: Vec<u32>,
    held: Vec<Held>,
    /// Bodies that came with entries from peers.
    bodies: BTreeMap<u64, Vec<u8>>,
    made_again: u64,
    restated: u64,
    cut: bool,
}

impl<'w, 'a> Entries<'w, 'a> {
    pub(super) fn new(
        job: &'w Job<'a>,
        folders: &'w Folders,
        asked: &'w mut Asked<'a>,
        head: TreeHead,
        all: bool,
    ) -> Result<Self, RepairError> {
        let tiles = folders.tiles();
        let sha256_files = TileFiles::open::<Sha256Tree>(job.disk, &tiles, Open::Read)?;
        let blake3_files = TileFiles::open::<Blake3Tree>(job.disk, &tiles, Open::Read)?;
        let sha256 = Proven::new(TreeName::Sha256, (head.size, head.roots.sha256), sha256_files, asked)?;
        let blake3 = Proven::new(TreeName::Blake3, (head.size, head.roots.blake3), blake3_files, asked)?;
        let erased = read_erased(job.disk, folders).map_err(|error| match error {
            StoreError::Damaged(fault) => RepairError::OwnDecision {
                path: fault.path,
                what: "whether this node has erased that class. If it never has, remove the file and repair again; \
                       otherwise erase the class again"
                    .to_owned(),
            },
            other => other.into(),
        })?;
        Ok(Self {
            job,
            folders,
            asked,
            swap: Swap::new(job.disk, folders, job.quarantine),
            size: head.size.get(),
            sha256,
            blake3,
            all,
            erased,
            mark: read_mark(job.disk, folders)?,
            archived: archive::largest(job, folders)?,
            next_leaf: 0,
            position: None,
            end: 0,
            changed: Changed::default(),
        })
    }

    pub(super) fn run(mut self) -> Result<Changed, RepairError> {
        let count = self.count()?;
        for number in 0..count {
            (self.job.progress)(Step::Segment(number + 1, count));
            let behind = self.behind(number, count)?;
            if self.segment(number, behind.as_ref())? {
                self.drop_behind(number, count)?;
                break;
            }
        }
        self.swap.commit()?;
        Ok(self.changed)
    }

    /// Segments there are or were.
    fn count(&self) -> Result<u32, StoreError> {
        let folder = self.folders.entries();
        let names = match self.job.disk.list(&folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io("list", &folder)(error)),
        };
        let present = names.iter().filter_map(|name| segment_number(name)).max().map_or(0, |last| last + 1);
        let durable = if self.mark.offset > 0 { self.mark.segment + 1 } else { 0 };
        Ok(present.max(durable).max(1))
    }

    fn read(&self, number: u32) -> Result<Vec<u8>, StoreError> {
        let path = self.folders.segment(number);
        match self.job.disk.read(&path, SEGMENT_FILE_BYTES_MAX) {
            Ok(bytes) => Ok(bytes),
            // Larger than any segment: nothing of it is what was written.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                Ok(Vec::new())
            }
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// Where the next segment that tells anything begins; `None` behind the last.
    fn behind(&self, number: u32, count: u32) -> Result<Option<Behind>, StoreError> {
        for later in number + 1..count {
            let path = self.folders.segment(later);
            let Ok(file) = self.job.disk.open(&path, Open::Read) else { continue };
            let mut start = vec![0; SEGMENT_HEADER_BYTES as usize + FRAME_HEADER_BYTES];
            let read = file.read_at(&mut start, 0).map_err(StoreError::io("read", &path))?;
            start.truncate(read);
            let header = start.get(..SEGMENT_HEADER_BYTES as usize).and_then(SegmentHeader::parse);
            if let Some(header) = header.filter(|header| header.number == later) {
                let position = header.position.filter(|_| later == number + 1);
                return Ok(Some(Behind { first_leaf: header.first_leaf, position }));
            }
            let frame = start.get(SEGMENT_HEADER_BYTES as usize..).and_then(FrameHeader::parse);
            let first = |header: &FrameHeader| (header.segment, header.offset) == (later, SEGMENT_HEADER_BYTES);
            if let Some(frame) = frame.filter(first) {
                return Ok(Some(Behind { first_leaf: frame.first_leaf, position: None }));
            }
        }
        // Files that tell nothing: whatever was published belongs before the end.
        Ok((number + 1 < count).then_some(Behind { first_leaf: self.size.max(self.next_leaf), position: None }))
    }

    /// Repairs one segment; true when the ledger has to be cut in it.
    fn segment(&mut self, number: u32, behind: Option<&Behind>) -> Result<bool, RepairError> {
        let (old, path) = (self.read(number)?, self.folders.segment(number));
        let mut draft = self.draft(number, &old)?;
        if draft.cut {
            return self.drop_segment(number, &old);
        }
        let parts = pieces(&old, number, self.next_leaf, behind.map(|behind| behind.first_leaf));
        let vouched = self.vouched(number, &parts);
        let mut rest = None;
        for (place, piece) in parts.iter().enumerate() {
            if draft.cut {
                break;
            }
            let torn =
                |piece: &Piece| behind.is_none() && piece.offset() >= vouched && piece.first_leaf() >= self.archived;
            if !matches!(piece, Piece::Whole(_)) && torn(piece) {
                // Never durable; opening cuts it.
                rest = old.get(piece.offset() as usize..);
                break;
            }
            let next = parts.get(place + 1).and_then(Piece::header).map(|header| header.position);
            let own = behind.and_then(|behind| behind.position).filter(|_| place + 1 == parts.len());
            self.piece(piece, &old, (next, own), &mut draft)?;
        }
        (self.next_leaf, self.position) = (draft.index.next_leaf(), draft.index.position);
        let bodies = bodies::repair(
            self.job,
            self.folders,
            self.asked,
            &self.erased,
            &mut self.swap,
            &draft.as_bodies(vouched, behind.is_none()),
        )?;
        self.changed.bodies_fetched += bodies.fetched;
        self.changed.files.extend(bodies.files);
        let end = draft.out.len() as u32;
        self.end = end;
        draft.out.extend_from_slice(rest.unwrap_or_default());
        if draft.out != old {
            self.swap.stage(&path, &draft.out)?;
            self.changed.files.push((path, draft.in_words()));
        }
        let last = behind.is_none() || draft.cut;
        if last && (draft.out != old || self.mark.segment > number) {
            // Everything up to here is durable before the new file takes its place.
            self.swap.stage(&self.folders.mark(), &mark_file(Mark { segment: number, offset: end }))?;
        }
        Ok(draft.cut)
    }

    /// The segment's header, as it is or made again.
    fn draft(&mut self, number: u32, old: &[u8]) -> Result<Draft, RepairError> {
        let (first_leaf, position) = (self.next_leaf, self.position);
        let fits = |header: &SegmentHeader| {
            (header.number, header.first_leaf, header.position) == (number, first_leaf, position)
        };
        let kept = old.get(..SEGMENT_HEADER_BYTES as usize).and_then(SegmentHeader::parse).filter(fits);
        let proven = if first_leaf <= self.size {
            let size = TreeSize::new(first_leaf).map_err(StoreError::from)?;
            Some(SegmentHeader { number, first_leaf, roots: self.roots_at(size)?, position })
        } else {
            None
        };
        // Nothing proves roots beyond the published size but this header's own checksum.
        let cut = proven.or(kept).is_none();
        let nothing = SegmentHeader { number, first_leaf, roots: Roots::empty(), position };
        let header = proven.or(kept).unwrap_or(nothing);
        if cut {
            self.allow_cut()?;
        }
        let index = SegmentIndex::new(number, self.next_leaf, SEGMENT_HEADER_BYTES, self.position);
        Ok(Draft {
            out: header.to_bytes(),
            index,
            ends: vec![SEGMENT_HEADER_BYTES],
            held: Vec::new(),
            bodies: BTreeMap::new(),
            made_again: 0,
            restated: 0,
            cut,
        })
    }

    fn roots_at(&mut self, size: TreeSize) -> Result<Roots, RepairError> {
        Ok(Roots { sha256: self.sha256.root_at(size, self.asked)?, blake3: self.blake3.root_at(size, self.asked)? })
    }

    /// Up to which byte something says that the segment was durable.
    fn vouched(&self, number: u32, parts: &[Piece]) -> u32 {
        let stated = parts.iter().filter_map(Piece::header).map(|header| header.synced).max().unwrap_or(0);
        stated.max(self.mark.durable_of(number))
    }

    /// `next` and `own`: the position of the frame behind, and this piece's own where the next segment tells it.
    fn piece(
        &mut self,
        piece: &Piece,
        old: &[u8],
        (next, own): (Option<LogPosition>, Option<LogPosition>),
        draft: &mut Draft,
    ) -> Result<(), RepairError> {
        let raw = |header: &FrameHeader| old.get(header.offset as usize..)?.get(..header.total_bytes());
        match *piece {
            Piece::Whole(header) => {
                let Some((bytes, frame)) = raw(&header).and_then(|bytes| Some((bytes, Frame::parse(bytes)?))) else {
                    return Ok(());
                };
                let entries = frame.entries().unwrap_or_default();
                if self.all && !self.are_published(header.first_leaf, &entries)? {
                    return self.made_again(header, draft);
                }
                if header.offset as usize == draft.out.len() {
                    draft.out.extend_from_slice(bytes);
                    return draft.settle(header.offset as usize);
                }
                let entries = entries.iter().map(|(_, entry)| PeerEntry { entry: entry.to_vec(), body: Vec::new() });
                self.moved(header, entries.collect(), draft)
            }
            Piece::Known(header) => self.made_again(header, draft),
            Piece::Lost { offset, end, first_leaf, next_leaf } => {
                let Some(next_leaf) = next_leaf.filter(|next| *next <= self.size) else { return self.cut(draft) };
                let gap = old.get(offset as usize..end as usize).filter(|_| draft.out.len() == offset as usize);
                self.lost(first_leaf..next_leaf, gap.unwrap_or_default(), (next, own), draft)
            }
        }
    }

    /// Whether entries below the published size have the published hashes.
    fn are_published(&mut self, first_leaf: u64, entries: &[(u32, &[u8])]) -> Result<bool, RepairError> {
        for (leaf, (_, entry)) in (first_leaf..).zip(entries) {
            if leaf < self.size && !self.is_published(leaf, entry)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_published(&mut self, leaf: u64, entry: &[u8]) -> Result<bool, RepairError> {
        let hashes = LeafHashes::of(entry);
        let (sha256, blake3) = (self.sha256.leaf(leaf, self.asked)?, self.blake3.leaf(leaf, self.asked)?);
        Ok((sha256, blake3) == (Some(hashes.sha256), Some(hashes.blake3)))
    }

    /// Proven entries from peers.
    fn fetch(&mut self, leaves: std::ops::Range<u64>) -> Result<Vec<PeerEntry>, RepairError> {
        let mut proven = BTreeMap::new();
        for leaf in leaves.clone() {
            proven.insert(leaf, (self.sha256.leaf(leaf, self.asked)?, self.blake3.leaf(leaf, self.asked)?));
        }
        self.asked.entries(leaves, |leaf, entry| {
            let hashes = LeafHashes::of(entry);
            proven.get(&leaf) == Some(&(Some(hashes.sha256), Some(hashes.blake3)))
        })
    }

    /// A frame whose header is known.
    fn made_again(&mut self, header: FrameHeader, draft: &mut Draft) -> Result<(), RepairError> {
        let end = header.first_leaf + u64::from(header.count);
        if end > self.size {
            return self.cut(draft);
        }
        let fetched = self.fetch(header.first_leaf..end)?;
        draft.made_again += 1;
        self.moved(header, fetched, draft)
    }

    /// Lays out a frame at the end of the draft; its header stays as it is if its place does.
    fn moved(&mut self, header: FrameHeader, entries: Vec<PeerEntry>, draft: &mut Draft) -> Result<(), RepairError> {
        let at = draft.out.len() as u32;
        let synced = if at == header.offset { header.synced } else { at };
        let header = FrameHeader { synced, offset: at, ..header };
        let bytes = self.lay_out(header, entries, draft)?;
        draft.out.extend_from_slice(&bytes);
        draft.settle(at as usize)
    }

    /// Frames for leaves of which no header is left. If one frame fills the gap exactly it was one frame, since each
    /// further frame would have had a header of its own.
    fn lost(
        &mut self,
        leaves: std::ops::Range<u64>,
        gap: &[u8],
        (behind, own): (Option<LogPosition>, Option<LogPosition>),
        draft: &mut Draft,
    ) -> Result<(), RepairError> {
        let (fetched, segment) = (self.fetch(leaves.clone())?, draft.index.number);
        let header = |first_leaf: u64, count: usize, offset: usize, before: Option<LogPosition>| FrameHeader {
            payload_bytes: 0,
            first_leaf,
            position: before.or(behind).unwrap_or_default(),
            count: count as u32,
            section_bytes: 0,
            synced: offset as u32,
            segment,
            offset: offset as u32,
        };
        let before = draft.index.position;
        let one = header(leaves.start, fetched.len(), draft.out.len(), before);
        draft.made_again += 1;
        if leaves.end - leaves.start <= LEAVES_MAX || !gap.is_empty() {
            let bytes = self.lay_out(one, fetched.clone(), draft)?;
            if bytes.len() == gap.len() || fetched.len() as u64 <= LEAVES_MAX {
                let laid = FrameHeader::parse(&bytes).unwrap_or(one);
                let content = bytes.get(FRAME_HEADER_BYTES..bytes.len() - 4).unwrap_or_default();
                let raw = Some(gap).filter(|gap| gap.len() == bytes.len());
                let ends = &draft.ends;
                let around = Around { header: laid, content, before, behind, own, ends, raw };
                let (found, certain) = found_again(&around);
                draft.restated += u64::from(!certain);
                return self.moved(found, fetched, draft);
            }
        }
        draft.restated += 1;
        let (mut first, count) = (leaves.start, fetched.len());
        let mut fetched = fetched.into_iter();
        while first < leaves.end {
            let some: Vec<PeerEntry> = fetched.by_ref().take(LEAVES_MAX as usize).collect();
            let last = first + some.len() as u64 == leaves.start + count as u64;
            let mut frame = header(first, some.len(), draft.out.len(), before);
            frame.position = own.filter(|_| last).unwrap_or(frame.position);
            first += some.len() as u64;
            self.moved(frame, some, draft)?;
        }
        Ok(())
    }

    /// The bytes of a frame, with the bodies its entries speak of.
    fn lay_out(
        &mut self,
        header: FrameHeader,
        entries: Vec<PeerEntry>,
        draft: &mut Draft,
    ) -> Result<Vec<u8>, RepairError> {
        let mut ends = draft.body_ends();
        let mut parts = Vec::with_capacity(entries.len());
        for (leaf, sent) in (header.first_leaf..).zip(entries) {
            let Some(claim) = self.job.proofs.body_claim(&sent.entry) else {
                parts.push((sent.entry, Vec::new(), 0));
                continue;
            };
            let end = ends.get(&claim.class).copied().unwrap_or(BODIES_HEADER_BYTES);
            let proven = |body: &Vec<u8>| !body.is_empty() && self.job.proofs.is_body(&claim, body);
            let body = if self.is_erased(claim.class, header.segment) {
                // Nobody reads its length any more.
                Some(vec![0])
            } else {
                let known = draft.bodies.get(&leaf).cloned().into_iter().chain([sent.body]);
                known.chain(self.own_body(header.segment, claim.class, end, leaf)).find(proven)
            };
            let body = match body {
                Some(body) => body,
                None => self.asked.body(leaf, &claim, self.job.proofs)?,
            };
            ends.insert(claim.class, end.saturating_add(24 + body.len() as u32));
            draft.bodies.insert(leaf, body.clone());
            parts.push((sent.entry, body, claim.class));
        }
        let parts: Vec<NewEntry<'_>> =
            parts.iter().map(|(entry, body, class)| NewEntry { entry, confidential: body, class: *class }).collect();
        Ok(build_frame(header, &parts, &draft.body_ends(), BODIES_HEADER_BYTES))
    }

    fn is_erased(&self, class: u8, number: u32) -> bool {
        self.erased.get(&class).is_some_and(|below| number < *below)
    }

    /// The body that stands on this node's own disk where it has to.
    fn own_body(&self, number: u32, class: u8, at: u32, leaf: u64) -> Option<Vec<u8>> {
        let path = self.folders.bodies(class, number);
        let file = self.job.disk.open(&path, Open::Read).ok()?;
        read_body(file.as_ref(), &path, at, leaf, class).ok()
    }

    fn allow_cut(&self) -> Result<(), RepairError> {
        let (leaf, proven) = (self.next_leaf, self.size);
        (self.job.can_apply_again)(self.position).map_err(|why| RepairError::BeyondProof { leaf, proven, why })
    }

    /// Ends the ledger before the damaged piece.
    fn cut(&mut self, draft: &mut Draft) -> Result<(), RepairError> {
        (self.next_leaf, self.position) = (draft.index.next_leaf(), draft.index.position);
        self.allow_cut()?;
        draft.cut = true;
        Ok(())
    }

    /// A segment whose header nothing proves: the ledger ends with the segment before.
    fn drop_segment(&mut self, number: u32, old: &[u8]) -> Result<bool, RepairError> {
        if !old.is_empty() {
            let path = self.folders.segment(number);
            self.changed.files.push((path.clone(), "its header is lost; cut before it".to_owned()));
            self.swap.remove(&path);
        }
        let before = Mark { segment: number.saturating_sub(1), offset: self.end };
        self.swap.stage(&self.folders.mark(), &mark_file(before))?;
        Ok(true)
    }

    /// Takes away what lies behind a cut: later segments, and checkpoints of sizes that are no longer here (the originals
    /// are kept aside, and peers have them).
    fn drop_behind(&mut self, number: u32, count: u32) -> Result<(), RepairError> {
        for later in number + 1..count {
            for path in [self.folders.segment(later), self.folders.index(later)] {
                if self.job.disk.open(&path, Open::Read).is_ok() {
                    self.changed.files.push((path.clone(), "lies behind the cut; moved aside".to_owned()));
                    self.swap.remove(&path);
                }
            }
        }
        archive::cut(self.job, self.folders, &mut self.swap, self.next_leaf)?;
        self.changed.cut_to = Some(self.next_leaf);
        Ok(())
    }
}

impl Draft {
    fn body_ends(&self) -> BTreeMap<u8, u32> {
        self.index.bodies.iter().map(|(class, bodies)| (*class, bodies.end)).collect()
    }

    /// Takes in the frame that was just put at `at`.
    fn settle(&mut self, at: usize) -> Result<(), RepairError> {
        let bytes = self.out.get(at..).unwrap_or_default();
        let taken = Frame::parse(bytes).and_then(|frame| Some((frame, frame.entries()?, frame.bodies()?)));
        let Some((frame, entries, places)) = taken else {
            let what = "a frame just made does not parse";
            return Err(StoreError::damaged(std::path::Path::new("entries"), at as u64, None, what).into());
        };
        let header = frame.header;
        let held = |place: &BodyPlace| {
            let (offset, entry) = entries.get(place.entry as usize)?;
            let leaf = header.first_leaf + u64::from(place.entry);
            let start = *offset as usize + 2;
            Some(Held { leaf, place: *place, frame: header.offset, entry: start..start + entry.len() })
        };
        self.held.extend(places.iter().filter_map(held));
        self.index.extend(&frame, &entries, &places);
        self.ends.push(self.index.end);
        Ok(())
    }

    fn as_bodies(&self, vouched: u32, last: bool) -> bodies::Due<'_> {
        bodies::Due {
            number: self.index.number,
            first_leaf: self.index.first_leaf,
            segment: &self.out,
            held: &self.held,
            at_hand: &self.bodies,
            unvouched_from: if last { Some(vouched) } else { None },
        }
    }

    fn in_words(&self) -> String {
        let mut words = match self.made_again {
            0 => "its header made again".to_owned(),
            1 => "1 frame made again from proven entries".to_owned(),
            many => format!("{many} frames made again from proven entries"),
        };
        if self.restated > 0 {
            words.push_str(&format!(" ({} with a new log position or sync word, which no proof needs)", self.restated));
        }
        if self.cut {
            words.push_str(&format!("; cut before leaf {}", self.index.next_leaf()));
        }
        words
    }
}
