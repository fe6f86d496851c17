//! How many connections there may be, in all and from one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections; clones count together.
#[derive(Debug, Clone)]
pub struct Gate {
    max: u32,
    per_address_max: u32,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    all: u32,
    by_address: BTreeMap<IpAddr, u32>,
}

/// A connection's place; dropping it gives the place back.
#[derive(Debug)]
pub struct Pass {
    address: IpAddr,
    inside: Arc<Mutex<Inside>>,
}

fn locked(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    /// At most `max` connections, at most `per_address_max` of them from one address.
    #[must_use]
    pub fn new(max: u32, per_address_max: u32) -> Self {
        Self { max, per_address_max, inside: Arc::default() }
    }

    /// A place for a connection from `address`, if there is one.
    #[must_use]
    pub fn enter(&self, address: IpAddr) -> Option<Pass> {
        // One person is one address, whichever way the system writes it.
        let address = address.to_canonical();
        let mut inside = locked(&self.inside);
        let from_here = inside.by_address.get(&address).copied().unwrap_or(0);
        if inside.all >= self.max || from_here >= self.per_address_max {
            return None;
        }
        inside.all += 1;
        inside.by_address.insert(address, from_here + 1);
        Some(Pass { address, inside: Arc::clone(&self.inside) })
    }

    /// Connections now.
    #[must_use]
    pub fn inside(&self) -> u32 {
        locked(&self.inside).all
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = locked(&self.inside);
        inside.all -= 1;
        let from_here = inside.by_address.get(&self.address).copied().unwrap_or(0);
        if from_here > 1 {
            inside.by_address.insert(self.address, from_here - 1);
        } else {
            inside.by_address.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let gate = Gate::new(3, 2);
        let a: IpAddr = [127, 0, 0, 1].into();
        let same: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        let b: IpAddr = [127, 0, 0, 2].into();
        let first = gate.enter(a).unwrap();
        let _second = gate.enter(same).unwrap();
        assert!(gate.enter(a).is_none());
        let third = gate.enter(b).unwrap();
        assert!(gate.enter(b).is_none());
        drop(first);
        let _fourth = gate.enter(a).unwrap();
        drop(third);
        assert_eq!(gate.inside(), 2);
    }
}
