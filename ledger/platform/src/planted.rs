//! Planted bugs: faults in product code that a simulation has to find. Only with the feature `planted-bugs`, which no
//! product build has; without it [`is`] is the constant `false`, and what it guards is not compiled in.

#[cfg(feature = "planted-bugs")]
static CHOSEN: std::sync::RwLock<Option<String>> = std::sync::RwLock::new(None);

/// Chooses the bug that this process has; `None` for none.
#[cfg(feature = "planted-bugs")]
pub fn choose(name: Option<&str>) {
    *CHOSEN.write().unwrap_or_else(std::sync::PoisonError::into_inner) = name.map(str::to_owned);
}

/// Whether this process has the planted bug `name`.
#[cfg(feature = "planted-bugs")]
#[must_use]
pub fn is(name: &str) -> bool {
    CHOSEN.read().unwrap_or_else(std::sync::PoisonError::into_inner).as_deref() == Some(name)
}

/// Whether this process has the planted bug `name`: never, in this build.
#[cfg(not(feature = "planted-bugs"))]
#[must_use]
pub const fn is(_name: &str) -> bool {
    false
}
