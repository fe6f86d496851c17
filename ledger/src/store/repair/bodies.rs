//! Files of confidential bodies: each body is proven by the digest in its entry.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::super::confidential::{Erased, put_body, whole_body};
use super::super::error::StoreError;
use super::super::frame::BodyPlace;
use super::super::layout::{Folders, bodies_header};
use super::super::types::CLASS_MAX;
use super::peers::Asked;
use super::swap::Swap;
use super::{Job, RepairError};

/// No class file is larger: a segment is rolled by its class files too.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// A body that a frame refers to.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) leaf: u64,
    pub(super) place: BodyPlace,
    /// Offset of the frame.
    pub(super) frame: u32,
    /// Where the entry stands in the segment.
    pub(super) entry: Range<usize>,
}

/// What the class files of one segment have to hold.
pub(super) struct Due<'d> {
    pub(super) number: u32,
    pub(super) first_leaf: u64,
    /// The segment's bytes.
    pub(super) segment: &'d [u8],
    pub(super) held: &'d [Held],
    /// Proven bodies by leaf, as they came with entries.
    pub(super) at_hand: &'d BTreeMap<u64, Vec<u8>>,
    /// In the last segment: frames from here on need not be durable, nor their bodies; opening cuts them together.
    pub(super) unvouched_from: Option<u32>,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) files: Vec<(PathBuf, String)>,
    pub(super) fetched: u64,
}

pub(super) fn repair(
    job: &Job<'_>,
    folders: &Folders,
    asked: &mut Asked<'_>,
    erased: &Erased,
    swap: &mut Swap<'_>,
    due: &Due<'_>,
) -> Result<Done, RepairError> {
    let mut done = Done::default();
    for class in 1..=CLASS_MAX {
        let held: Vec<&Held> = due.held.iter().filter(|held| held.place.class == class).collect();
        if held.is_empty() || erased.get(&class).is_some_and(|below| due.number < *below) {
            continue;
        }
        let path = folders.bodies(class, due.number);
        let old = match job.disk.read(&path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Vec::new(),
            Err(error) => return Err(StoreError::io("read", &path)(error).into()),
        };
        let header = bodies_header(class, due.number, due.first_leaf);
        let bad: Vec<u64> = held.iter().filter(|held| own(&old, held).is_none()).map(|held| held.leaf).collect();
        if old.starts_with(&header) && bad.is_empty() {
            continue;
        }
        let Some(new) = rebuilt(job, asked, due, (&held, &old, header), &mut done.fetched)? else { continue };
        if new != old {
            swap.stage(&path, &new)?;
            done.files.push((path, format!("{} confidential bodies made again from peers", bad.len())));
        }
    }
    Ok(done)
}

/// The body as it stands on this disk, if it is whole.
fn own<'b>(old: &'b [u8], held: &Held) -> Option<&'b [u8]> {
    let BodyPlace { offset, class, length, .. } = held.place;
    let body = whole_body(old.get(offset as usize..)?, held.leaf, class)?;
    (body.len() == length as usize).then_some(body)
}

/// The whole file again; `None` when only bodies that were never durable are bad.
fn rebuilt(
    job: &Job<'_>,
    asked: &mut Asked<'_>,
    due: &Due<'_>,
    (held, old, header): (&[&Held], &[u8], Vec<u8>),
    fetched: &mut u64,
) -> Result<Option<Vec<u8>>, RepairError> {
    let (mut out, mut changed) = (header, !old.starts_with(&bodies_header_of(due, held)));
    for held in held {
        let at = held.place.offset as usize;
        if let Some(body) = own(old, held) {
            place(&mut out, at, held, body)?;
            continue;
        }
        if due.unvouched_from.is_some_and(|from| held.frame >= from) {
            // Opening cuts this frame and what follows; until then its bodies stay as they are.
            out.extend_from_slice(old.get(at..).unwrap_or_default());
            break;
        }
        changed = true;
        *fetched += 1;
        let body = match due.at_hand.get(&held.leaf) {
            Some(body) => body.clone(),
            None => from_peers(job, asked, due, held)?,
        };
        place(&mut out, at, held, &body)?;
    }
    Ok(changed.then_some(out))
}

fn bodies_header_of(due: &Due<'_>, held: &[&Held]) -> Vec<u8> {
    held.first().map(|held| bodies_header(held.place.class, due.number, due.first_leaf)).unwrap_or_default()
}

fn place(out: &mut Vec<u8>, at: usize, held: &Held, body: &[u8]) -> Result<(), RepairError> {
    if out.len() != at || body.len() != held.place.length as usize {
        let what = "a confidential body does not fit where its frame has it";
        return Err(StoreError::damaged(std::path::Path::new("confidential"), at as u64, Some(held.leaf), what).into());
    }
    put_body(out, held.leaf, held.place.class, body);
    Ok(())
}

fn from_peers(job: &Job<'_>, asked: &mut Asked<'_>, due: &Due<'_>, held: &Held) -> Result<Vec<u8>, RepairError> {
    let entry = due.segment.get(held.entry.clone()).unwrap_or_default();
    let claim = job.proofs.body_claim(entry).ok_or_else(|| {
        let what = "the frame has a confidential body for an entry that speaks of none";
        StoreError::damaged(std::path::Path::new("confidential"), u64::from(held.place.offset), Some(held.leaf), what)
    })?;
    asked.body(held.leaf, &claim, job.proofs)
}
