//! The ledger store: what survives which crash, what damage is found, what readers get.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crash;
mod damage;
mod enumerate;
mod reading;
mod repair;
mod support;
