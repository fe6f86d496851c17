//! The attack on the secrecy of the vote: everything that somebody who sees the ledger could try, by a program that does not know
//! the truth, and a comparison with the truth that says how far it came.
//!
//! | file | what |
//! |---|---|
//! | `seen` | what the attacker reads out of bytes: public ones, or with the bodies that a node stores |
//! | `cells` | opening cells: by subtraction, by weak or leaked blinding factors |
//! | `people` | naming people: tags, rolls, who stayed at home |
//! | `score` | the comparison with the truth, and with guessing |
//!
//! Guessing is not nothing: whoever knows that a voter voted at a station, and the station's published result, is right as often as
//! the most frequent choice. That is what published results give, and the measure of everything else. A ledger that keeps the
//! vote secret gives not one vote more.
//!
//! What it does not try: breaking BLAKE3, ristretto255 or Ed25519, timing of machines, people.

mod cells;
mod people;
mod score;
mod seen;

pub use cells::{Opened, opened};
pub use people::{Named, named};
pub use score::{Report, Truth, score};
pub use seen::{Identified, Seen, Statement};

/// What the attack claims.
#[derive(Debug, Default)]
pub struct Claims {
    /// Sets of papers below the minimum whose distribution it knows.
    pub opened: Vec<Opened>,
    /// People by personal number, with their place on a roll.
    pub named: Vec<Named>,
}

/// Runs the whole attack. `register` are personal numbers that the attacker has from elsewhere: all of them.
#[must_use]
pub fn attack(seen: &Seen, register: &[String]) -> Claims {
    Claims { opened: opened(seen), named: named(seen, register) }
}
