//! Pedersen commitments.
