//! Which sequence numbers an author has used.

use minicbor::{Decode, Encode};

/// Which sequence numbers an author has used: the highest, and the 256 below it.
///
/// A device may have up to 256 records on their way at once; older numbers are refused rather than remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct SequenceWindow {
    #[n(0)]
    highest: u64,
    #[n(1)]
    used: [u64; 4],
}

/// What a sequence number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceUse {
    Free,
    Used,
    TooOld,
}

impl SequenceWindow {
    const WIDTH: u64 = 256;

    /// A number above all that were used.
    pub(crate) const fn next(&self) -> u64 {
        self.highest.saturating_add(1)
    }

    pub(crate) fn look(&self, number: u64) -> SequenceUse {
        if number > self.highest {
            return SequenceUse::Free;
        }
        let back = self.highest - number;
        if back >= Self::WIDTH {
            SequenceUse::TooOld
        } else if self.used[(back / 64) as usize] >> (back % 64) & 1 == 1 {
            SequenceUse::Used
        } else {
            SequenceUse::Free
        }
    }

    pub(crate) fn mark(&mut self, number: u64) {
        if number > self.highest {
            self.shift(number - self.highest);
            self.highest = number;
        }
        let back = self.highest - number;
        if back < Self::WIDTH {
            self.used[(back / 64) as usize] |= 1 << (back % 64);
        }
    }

    fn shift(&mut self, by: u64) {
        for _ in 0..by.min(Self::WIDTH) {
            for word in (1..4).rev() {
                self.used[word] = self.used[word] << 1 | self.used[word - 1] >> 63;
            }
            self.used[0] <<= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_is_used_once_within_the_window() {
        let mut window = SequenceWindow::default();
        for number in [5, 3, 4, 300, 299] {
            assert_eq!(window.look(number), SequenceUse::Free);
            window.mark(number);
            assert_eq!(window.look(number), SequenceUse::Used);
        }
        assert_eq!(window.look(44), SequenceUse::TooOld);
        assert_eq!(window.look(45), SequenceUse::Free);
        assert_eq!(window.look(301), SequenceUse::Free);
        window.mark(10_000);
        assert_eq!(window.look(300), SequenceUse::TooOld);
        assert_eq!(window.look(9_999), SequenceUse::Free);
    }
}
