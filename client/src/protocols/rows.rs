//! Rows of a CSV file (RFC 4180, any separator) with the line at which each begins.
//!
//! `csv-core` cuts; this file feeds it, counts lines and bounds memory: one buffer of input, one of the longest row. A row that
//! is longer, as a quotation mark that is never closed makes one, is skipped to its end and told.

use super::mapping::{COLUMNS_MAX, Mapping};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::{self, Read};

/// Most bytes of one row.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
const INPUT_BYTES: usize = 64 * 1024;

/// One row as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// The line at which it begins, from 1.
    pub(super) line: u64,
    /// How many lines it takes.
    pub(super) lines: u64,
    /// All cells, one after another.
    bytes: &'a [u8],
    /// Where each cell ends in `bytes`.
    ends: &'a [usize],
    /// Longer than a row may be; its cells are not here.
    pub(super) too_long: bool,
}

impl<'a> Row<'a> {
    /// How many cells it has.
    pub(super) const fn width(&self) -> usize {
        self.ends.len()
    }

    /// A cell's bytes; none past the last one.
    pub(super) fn cell(&self, place: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..end)
    }

    /// All bytes of all cells.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The cell in which byte `at` of [`Self::bytes`] stands.
    pub(super) fn cell_of(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end <= at)
    }
}

/// The rows of a file, one at a time.
pub(super) struct Rows<R> {
    reader: R,
    parser: Reader,
    input: Vec<u8>,
    filled: usize,
    used: usize,
    /// Bytes taken from the reader.
    pub(super) read_bytes: u64,
    /// Line of the next byte, from 1.
    line: u64,
    after_return: bool,
    started: bool,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(reader: R, mapping: &Mapping) -> Self {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(mapping.separator.0);
        match mapping.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        Self {
            reader,
            parser: builder.build(),
            input: vec![0; INPUT_BYTES],
            filled: 0,
            used: 0,
            read_bytes: 0,
            line: 1,
            after_return: false,
            started: false,
            output: vec![0; ROW_BYTES_MAX],
            ends: vec![0; COLUMNS_MAX + 1],
        }
    }

    /// The first bytes of the file, to recognise what it is. Call before the first [`Self::next`].
    pub(super) fn head(&mut self) -> io::Result<&[u8]> {
        while self.filled < 4 {
            let got = self.read_some(self.filled)?;
            if got == 0 {
                break;
            }
            self.filled += got;
        }
        Ok(&self.input[..self.filled])
    }

    /// Leaves out bytes at the start of the file.
    pub(super) const fn skip(&mut self, bytes: usize) {
        self.used += bytes;
    }

    fn read_some(&mut self, at: usize) -> io::Result<usize> {
        loop {
            match self.reader.read(&mut self.input[at..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(got) => {
                    self.read_bytes += got as u64;
                    return Ok(got);
                }
            }
        }
    }

    /// More input if all is used; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        if self.used == self.filled {
            self.used = 0;
            self.filled = self.read_some(0)?;
        }
        Ok(self.used < self.filled)
    }

    /// Counts the line ends among used bytes: CR LF, LF and CR are one each.
    fn count(&mut self, bytes: usize) {
        for byte in &self.input[self.used..self.used + bytes] {
            let ends = *byte == b'\r' || (*byte == b'\n' && !self.after_return);
            self.line += u64::from(ends);
            self.after_return = *byte == b'\r';
        }
        self.used += bytes;
    }

    /// Leaves out empty lines, so that a row's line is where its first byte stands.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        while self.fill()? {
            let rest = &self.input[self.used..self.filled];
            let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let more = ends == rest.len();
            self.count(ends);
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// The next row; none at the end of the file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        self.skip_line_ends()?;
        let first_line = self.line;
        let (mut written, mut cells, mut too_long) = (0, 0, false);
        loop {
            let more = self.fill()?;
            if !more && !self.started {
                return Ok(None);
            }
            self.started = true;
            let input = &self.input[self.used..self.filled];
            let (result, used, out, ends) =
                self.parser.read_record(input, &mut self.output[written..], &mut self.ends[cells..]);
            self.count(used);
            written += out;
            cells += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    too_long = true;
                    (written, cells) = (0, 0);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        // Ends count from the start of the row, except in one that was skipped.
        let (bytes, ends) = if too_long { (&[][..], &[][..]) } else { (&self.output[..written], &self.ends[..cells]) };
        // The line end itself belongs to the row's last line; the LF of CR LF may still be to come.
        let lines = (self.line - first_line).max(1);
        Ok(Some(Row { line: first_line, lines, bytes, ends, too_long }))
    }
}
