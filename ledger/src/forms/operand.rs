//! What a term of a relation multiplies.

/// Most bytes of a line's code.
pub(super) const CODE_BYTES_MAX: usize = 16;

/// What a term of a relation multiplies. In a [`crate::kinds::Term`] it stands as text: a line's code, or one of the words
/// that begin with `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operand<'a> {
    /// A line of the form, by code.
    Line(&'a str),
    /// `@valid`: all votes, for candidates and against all.
    Valid,
    /// `@invalid`: invalid papers.
    Invalid,
    /// `@candidates`: votes for candidates only.
    Candidates,
    /// `@against_all`: votes against all.
    AgainstAll,
}

impl<'a> Operand<'a> {
    /// Reads a term's text; none for an unknown word after `@`.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        match text {
            "@valid" => Some(Self::Valid),
            "@invalid" => Some(Self::Invalid),
            "@candidates" => Some(Self::Candidates),
            "@against_all" => Some(Self::AgainstAll),
            _ if text.starts_with('@') => None,
            code => Some(Self::Line(code)),
        }
    }

    /// Whether it speaks of how papers were filled in, apart from any line of the form.
    #[must_use]
    pub const fn is_votes(self) -> bool {
        !matches!(self, Self::Line(_))
    }
}

/// Whether `code` can be a line's code: 1 to 16 bytes of Latin letters, Cyrillic letters, digits and full stops.
pub(super) fn is_code(code: &str) -> bool {
    !code.is_empty() && code.len() <= CODE_BYTES_MAX && code.chars().all(in_code)
}

/// Letters by range and not by Unicode tables, which change.
pub(super) fn in_code(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '.' || ('\u{400}'..='\u{4ff}').contains(&letter)
}
