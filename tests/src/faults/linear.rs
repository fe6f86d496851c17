//! What one voter's history must look like, for a checker that nobody here wrote.
//!
//! The algorithm is Wing and Gong's with Lowe's memory, as `todc-utils` implements it (tested there against Jepsen's etcd
//! histories). Ours is only the specification: a voter is admitted by the first record that is judged, every other record is
//! told so, the same record is always told the same, and a read says who was first. Voters are independent, so each voter's
//! history is checked by itself: linearizability is local (Herlihy and Wing, 1990).

use std::collections::BTreeMap;
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

/// Which of a voter's records: 0 for the first that anybody wrote, and so on.
pub type RecordNumber = u8;

/// What the ledger said about one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Told {
    /// Admitted by this record.
    Admitted,
    /// Admitted before, by another.
    Already,
}

/// What somebody did, and what they learned; `None` as long as they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Submitted a record, for the first time or again.
    Identify(RecordNumber, Option<Told>),
    /// Asked whether the voter has been admitted, linearizably.
    Read(Option<bool>),
}

impl Act {
    /// Whether its doer knows what came of it.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(self, Self::Identify(_, Some(_)) | Self::Read(Some(_)))
    }
}

/// One voter, as the ledger keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Admission {
    /// The record that admitted the voter.
    first: Option<RecordNumber>,
}

/// One voter's admission as a sequential object.
#[derive(Debug)]
pub struct OneVoter;

impl Specification for OneVoter {
    type State = Admission;
    type Operation = Act;

    fn init() -> Admission {
        Admission::default()
    }

    fn apply(act: &Act, state: &Admission) -> (bool, Admission) {
        match *act {
            Act::Identify(record, told) => {
                let after = Admission { first: state.first.or(Some(record)) };
                let verdict = if after.first == Some(record) { Told::Admitted } else { Told::Already };
                if told.is_none_or(|told| told == verdict) { (true, after) } else { (false, *state) }
            }
            Act::Read(seen) => (seen.is_none_or(|seen| seen == state.first.is_some()), *state),
        }
    }
}

/// One act of one voter's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it began: an instant's number, all different.
    pub began: u64,
    /// When its doer knew; none if never.
    pub ended: Option<u64>,
    /// What was done and learned.
    pub act: Act,
}

/// Whether one voter's history is linearizable.
///
/// An act whose doer never learned what came of it may have taken effect at any time after it began, or not at all: it is
/// closed behind everything else, where its effect touches nobody.
#[must_use]
pub fn is_linearizable(history: &[Span]) -> bool {
    let mut instants = BTreeMap::new();
    for (doer, span) in history.iter().enumerate() {
        instants.insert((span.began, doer), (doer, Action::Call(span.act)));
        let known = span.ended.filter(|_| span.act.is_known());
        instants.insert((known.unwrap_or(u64::MAX), doer), (doer, Action::Response(span.act)));
    }
    instants.is_empty()
        || WGLChecker::<OneVoter>::is_linearizable(History::from_actions(instants.into_values().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Told::{Admitted, Already};

    fn identify(record: RecordNumber, began: u64, ended: u64, told: Told) -> Span {
        Span { began, ended: Some(ended), act: Act::Identify(record, Some(told)) }
    }

    fn read(began: u64, ended: u64, seen: bool) -> Span {
        Span { began, ended: Some(ended), act: Act::Read(Some(seen)) }
    }

    const fn lost(record: RecordNumber, began: u64) -> Span {
        Span { began, ended: None, act: Act::Identify(record, None) }
    }

    #[test]
    fn one_admission_however_the_race_ends() {
        assert!(is_linearizable(&[]));
        assert!(is_linearizable(&[identify(0, 1, 4, Admitted), identify(1, 2, 3, Already)]));
        assert!(is_linearizable(&[identify(0, 1, 4, Already), identify(1, 2, 3, Admitted)]));
        // The same record again is told the same.
        assert!(is_linearizable(&[
            identify(0, 1, 2, Admitted),
            identify(1, 3, 4, Already),
            identify(0, 5, 6, Admitted)
        ]));
    }

    #[test]
    fn two_admissions_of_one_voter_are_refused() {
        assert!(!is_linearizable(&[identify(0, 1, 4, Admitted), identify(1, 2, 3, Admitted)]));
        assert!(!is_linearizable(&[identify(0, 1, 2, Admitted), identify(1, 3, 4, Admitted)]));
    }

    #[test]
    fn a_refusal_without_an_admission_is_refused() {
        assert!(!is_linearizable(&[identify(0, 1, 2, Already)]));
        assert!(!is_linearizable(&[identify(0, 1, 2, Already), identify(1, 3, 4, Admitted)]));
        // Unless somebody began before and was never told.
        assert!(is_linearizable(&[lost(1, 1), identify(0, 2, 3, Already)]));
    }

    #[test]
    fn answers_that_change_are_refused() {
        assert!(!is_linearizable(&[
            identify(0, 1, 2, Admitted),
            identify(1, 3, 4, Already),
            identify(0, 5, 6, Already),
        ]));
    }

    #[test]
    fn a_stale_read_is_refused() {
        assert!(is_linearizable(&[read(1, 2, false), identify(0, 3, 4, Admitted), read(5, 6, true)]));
        // Before, within or after: only the read that began after the answer has to see it.
        assert!(is_linearizable(&[identify(0, 1, 4, Admitted), read(2, 3, false)]));
        assert!(is_linearizable(&[identify(0, 1, 4, Admitted), read(2, 3, true)]));
        assert!(!is_linearizable(&[identify(0, 1, 2, Admitted), read(3, 4, false)]));
        // Reads never go back.
        assert!(!is_linearizable(&[lost(0, 1), read(2, 3, true), read(4, 5, false)]));
    }

    #[test]
    fn what_nobody_was_told_may_have_happened_or_not() {
        assert!(is_linearizable(&[lost(0, 1), identify(1, 2, 3, Admitted)]));
        assert!(is_linearizable(&[lost(0, 1), identify(1, 2, 3, Already)]));
        assert!(is_linearizable(&[lost(0, 1), read(2, 3, false), read(4, 5, true)]));
        // But it does not happen before it began.
        assert!(!is_linearizable(&[read(1, 2, true), lost(0, 3)]));
    }
}
