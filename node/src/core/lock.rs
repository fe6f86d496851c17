//! Reader and writer access that survives a panicked holder: a panic in apply stops consensus, readers may finish.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The two accesses.
pub(crate) trait Access<T> {
    /// To look.
    fn look(&self) -> RwLockReadGuard<'_, T>;
    /// To change.
    fn change(&self) -> RwLockWriteGuard<'_, T>;
}

impl<T> Access<T> for RwLock<T> {
    fn look(&self) -> RwLockReadGuard<'_, T> {
        self.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, T> {
        self.write().unwrap_or_else(PoisonError::into_inner)
    }
}
