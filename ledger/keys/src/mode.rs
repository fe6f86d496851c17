//! Files that others on the machine could read.

use std::path::Path;

use crate::error::{KeyFileError, io_error};

/// Refuses a secret file that others on the machine could read. For programs' `main`: it asks the operating system
/// directly, since no simulated disk has permissions.
///
/// # Errors
/// [`KeyFileError::Mode`], [`KeyFileError::Io`].
pub fn check_mode(path: &Path) -> Result<(), KeyFileError> {
    let stat = rustix::fs::stat(path).map_err(|error| io_error("look at", path)(error.into()))?;
    let mode = stat.st_mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { path: path.to_owned(), mode });
    }
    Ok(())
}
