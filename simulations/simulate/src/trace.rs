//! The trace of a simulation: what happened, in order, with times; and its hash. The same seed gives the same bytes.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::seams::SimTime;

/// See the module.
#[derive(Debug)]
pub struct Trace {
    time: SimTime,
    hasher: blake3::Hasher,
    lines: u64,
    file: Option<BufWriter<File>>,
}

impl Trace {
    /// A trace, written to `file` if there is one.
    ///
    /// # Errors
    /// As creating the file.
    pub fn new(time: SimTime, file: Option<&Path>) -> std::io::Result<Self> {
        let file = file.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { time, hasher: blake3::Hasher::new(), lines: 0, file })
    }

    /// Something happened.
    pub fn note(&mut self, what: impl std::fmt::Display) {
        let line = format!("{:>8} {what}\n", self.time.ms());
        self.hasher.update(line.as_bytes());
        self.lines += 1;
        if let Some(file) = &mut self.file {
            // A trace that cannot be written is missed by whoever asked for it; the simulation is the same.
            let _ = file.write_all(line.as_bytes());
        }
    }

    /// Something happened at a node.
    pub fn node(&mut self, node: u32, what: impl std::fmt::Display) {
        self.note(format_args!("n{node} {what}"));
    }

    /// Lines so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The hash of everything noted.
    pub fn finish(&mut self) -> String {
        if let Some(file) = &mut self.file {
            let _ = file.flush();
        }
        hex::encode(&self.hasher.finalize().as_bytes()[..8])
    }
}
