//! Where a passphrase comes from: a file, a file descriptor, the environment, or a person. Never an argument, which every
//! user of the machine could read.
//!
//! The first line counts, without its line end. A passphrase is asked for once, when the first file needs it, and used for all
//! files of the run. For programs' `main`: this asks the operating system directly.

use std::fmt;
use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::mode::check_mode;

/// The environment variable that may hold a passphrase. A file or a descriptor is better: a process's environment can be
/// read by its user and is inherited by what it starts.
pub const PASSPHRASE_VARIABLE: &str = "TAMGA_PASSPHRASE";
/// Shortest passphrase for new files, in characters.
pub const PASSPHRASE_CHARACTERS_MIN: usize = 12;
/// Longest passphrase, bytes.
const PASSPHRASE_BYTES_MAX: usize = 1_024;

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// No source at all.
    #[error(
        "it is encrypted: give its passphrase with --passphrase-file, --passphrase-fd, {PASSPHRASE_VARIABLE}, or at a terminal"
    )]
    None,
    /// A source that cannot be read.
    #[error("cannot read the passphrase from {from}: {what}")]
    Unreadable {
        /// The file, descriptor or terminal.
        from: String,
        /// What is wrong.
        what: String,
    },
    /// Too short to be worth anything.
    #[error(
        "the new passphrase is too short: {PASSPHRASE_CHARACTERS_MIN} characters at least; six random words are good"
    )]
    Short,
    /// Two different ones at the terminal.
    #[error("the two passphrases differ")]
    Different,
}

/// A passphrase; wiped when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// The first line of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }

    /// For those who derive keys from it, or show it to a device.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

#[derive(Debug, Clone)]
enum Source {
    Nowhere,
    Fixed(Passphrase),
    File(PathBuf),
    Descriptor(u32),
    Terminal,
}

/// Where the passphrase comes from, and the passphrase once it was asked for. Clones are the same.
#[derive(Debug, Clone)]
pub struct Passphrases {
    source: Source,
    known: Arc<Mutex<Option<Passphrase>>>,
}

impl Default for Passphrases {
    fn default() -> Self {
        Self::nowhere()
    }
}

impl Passphrases {
    fn of(source: Source) -> Self {
        Self { source, known: Arc::default() }
    }

    /// There is none: only keys in the clear can be read.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::of(Source::Nowhere)
    }

    /// This one.
    #[must_use]
    pub fn fixed(text: &str) -> Self {
        Self::of(Source::Fixed(Passphrase::new(text)))
    }

    /// A file or a descriptor if one is named, or else the environment, or else whoever sits at the terminal.
    #[must_use]
    pub fn choose(file: Option<&Path>, descriptor: Option<u32>) -> Self {
        let variable = || std::env::var(PASSPHRASE_VARIABLE).ok().map(Zeroizing::new);
        match (file, descriptor) {
            (Some(path), _) => Self::of(Source::File(path.to_owned())),
            (None, Some(number)) => Self::of(Source::Descriptor(number)),
            (None, None) => match variable() {
                Some(text) => Self::fixed(&text),
                None if std::io::stdin().is_terminal() => Self::of(Source::Terminal),
                None => Self::nowhere(),
            },
        }
    }

    /// Whether there is a source at all.
    #[must_use]
    pub const fn are_somewhere(&self) -> bool {
        !matches!(self.source, Source::Nowhere)
    }

    /// The passphrase of files that are there.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn get(&self) -> Result<Passphrase, PassphraseError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let found = self.ask("Passphrase: ")?;
        *known = Some(found.clone());
        Ok(found)
    }

    /// The passphrase for files that are made: long enough, and typed twice if it is typed.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn get_new(&self) -> Result<Passphrase, PassphraseError> {
        let found = if matches!(self.source, Source::Terminal) {
            let (first, again) = (self.ask("New passphrase: ")?, self.ask("Once more: ")?);
            if first.as_str() != again.as_str() {
                return Err(PassphraseError::Different);
            }
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(first.clone());
            first
        } else {
            self.get()?
        };
        if found.as_str().chars().count() < PASSPHRASE_CHARACTERS_MIN {
            return Err(PassphraseError::Short);
        }
        Ok(found)
    }

    fn ask(&self, prompt: &str) -> Result<Passphrase, PassphraseError> {
        match &self.source {
            Source::Nowhere => Err(PassphraseError::None),
            Source::Fixed(passphrase) => Ok(passphrase.clone()),
            Source::File(path) => {
                let from = path.display().to_string();
                check_mode(path)
                    .map_err(|error| PassphraseError::Unreadable { from: from.clone(), what: error.to_string() })?;
                read(path, from)
            }
            // Every descriptor of this process is there by name; so nothing unsafe is needed to read one.
            Source::Descriptor(number) => {
                read(Path::new(&format!("/proc/self/fd/{number}")), format!("file descriptor {number}"))
            }
            Source::Terminal => match rpassword::prompt_password(prompt) {
                Ok(text) => Ok(Passphrase::new(&Zeroizing::new(text))),
                Err(error) => {
                    Err(PassphraseError::Unreadable { from: "the terminal".to_owned(), what: error.to_string() })
                }
            },
        }
    }
}

fn read(path: &Path, from: String) -> Result<Passphrase, PassphraseError> {
    let unreadable = |what: String| PassphraseError::Unreadable { from: from.clone(), what };
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX + 1));
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    file.take(PASSPHRASE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() > PASSPHRASE_BYTES_MAX {
        return Err(unreadable(format!("it is longer than {PASSPHRASE_BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable("it is not text".to_owned()))?;
    match Passphrase::new(text) {
        passphrase if passphrase.as_str().is_empty() => Err(unreadable("its first line is empty".to_owned())),
        passphrase => Ok(passphrase),
    }
}
