//! Trust policies: whose cosignatures make a checkpoint believable, in C2SP [tlog-policy] text.
//!
//! The format's `witness` is one cosigner key, its `group` a threshold over witnesses and groups. We use it so: every
//! organisation is a group over its nodes' keys, and the quorum a threshold over organisations:
//!
//! ```text
//! log <vkey>
//! witness cec-1 <vkey>
//! witness cec-2 <vkey>
//! group cec any cec-1 cec-2
//! …
//! group organisations 4 cec observers university bar ombudsman
//! quorum organisations
//! ```
//!
//! A quorum that lets two satisfying sets share too few organisations lets liars sign two histories, so
//! [`Policy::check_intersection`] is part of accepting any policy. Stricter than the specification: the text must be UTF-8,
//! numbers have no leading zeros, one public key may not stand in two lines of any kind (DESIGN: keys have one purpose).
//!
//! [tlog-policy]: https://c2sp.org/tlog-policy

mod evaluate;
mod intersection;
mod model;
mod parse;

pub use evaluate::Evaluation;
pub use intersection::{
    CounterExample, IntersectionError, ORGANISATIONS_MAX, smallest_intersecting_k, tolerated_liars,
};
pub use model::{Group, Log, Member, Name, Organisation, Policy, Quorum, Threshold, Witness};
pub use parse::{
    GROUPS_MAX, LOGS_MAX, NAME_BYTES_MAX, POLICY_BYTES_MAX, PolicyError, PolicyProblem, URL_BYTES_MAX, WITNESSES_MAX,
};
