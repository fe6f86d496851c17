//! The running balance of a unit: what its counters have to add up to, and by how much they do not.
//!
//! One function for everybody: the members' device before they sign, the ledger when it judges a report, the page that shows it.
//!
//! ```text
//! identified − without ballot = printed (own + other) − spoiled      slips between identified − without ballot and identified
//! scanned ≤ identified − without ballot                              no counter below what was reported before
//! ```
//!
//! While voting goes on, the ledger and the station do not stand at one moment: a voter may be admitted between reading the
//! counters and signing them. So until the close only what can never be is a discrepancy: more identified than the ledger
//! admitted (unless the unit works offline), fewer papers scanned than batches say.

use crate::kinds::Counters;
use crate::state::UnitState;
use crate::verdict::FlagCode;
use serde::{Deserialize, Serialize};

/// When a report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Voting goes on.
    Running,
    /// The final report: ledger and station have to agree.
    Close,
}

/// What does not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// `reported`: ballots printed less those spoiled. `due`: voters identified less those without a ballot.
    Ballots,
    /// `reported`: slips kept. `due`: voters identified; as many fewer as went without a ballot are in order.
    Slips,
    /// `reported`: papers scanned. `due`: at most so many, the voters identified less those without a ballot.
    Papers,
    /// `reported`: voters identified with the own constituency's ballot. `due`: those whom the ledger admitted.
    IdentifiedLocal,
    /// `reported`: voters identified with another constituency's ballot. `due`: those whom the ledger admitted.
    IdentifiedRemote,
    /// `reported`: papers scanned. `due`: papers in the ballot batches.
    Scanned,
    /// `reported`: the sum of all counters that fell. `due`: what it was in the report before.
    Fell,
}

impl Term {
    /// The flag that a report gets for it.
    #[must_use]
    pub const fn flag(self) -> FlagCode {
        match self {
            Self::Ballots | Self::Slips => FlagCode::BalanceBroken,
            Self::Papers => FlagCode::PapersAboveIdentified,
            Self::IdentifiedLocal | Self::IdentifiedRemote | Self::Scanned => FlagCode::CountersDiffer,
            Self::Fell => FlagCode::CountersFell,
        }
    }
}

/// One discrepancy with its two figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discrepancy {
    /// What does not add up.
    pub term: Term,
    /// What the station reports.
    pub reported: u64,
    /// What it should be, as the term says.
    pub due: u64,
}

/// Everything that does not add up in these counters of this unit, in the order of [`Term`].
#[must_use]
pub fn discrepancies(counters: &Counters, unit: &UnitState, moment: Moment) -> Vec<Discrepancy> {
    let c = counters;
    let identified = u64::from(c.identified_local) + u64::from(c.identified_remote);
    let printed = u64::from(c.printed_own) + u64::from(c.printed_other);
    let with_ballot = identified.saturating_sub(unit.voided.len() as u64);
    let given = printed.saturating_sub(u64::from(c.spoiled));
    let (slips, scanned) = (u64::from(c.slips), u64::from(c.scanned));
    let mut found = Vec::new();
    let mut check = |holds: bool, term, reported, due| {
        if !holds {
            found.push(Discrepancy { term, reported, due });
        }
    };
    check(given == with_ballot, Term::Ballots, given, with_ballot);
    check((with_ballot..=identified).contains(&slips), Term::Slips, slips, identified);
    check(scanned <= with_ballot, Term::Papers, scanned, with_ballot);
    let close = moment == Moment::Close;
    let identified = [
        (Term::IdentifiedLocal, c.identified_local, unit.identified_local),
        (Term::IdentifiedRemote, c.identified_remote, unit.identified_remote),
    ];
    for (term, reported, admitted) in identified {
        let holds = if close { reported == admitted } else { unit.offline || reported <= admitted };
        check(holds, term, u64::from(reported), u64::from(admitted));
    }
    let papers = unit.papers();
    check(if close { scanned == papers } else { scanned >= papers }, Term::Scanned, scanned, papers);
    if let Some(before) = &unit.reported {
        let pairs = before.each().into_iter().zip(c.each()).filter(|(before, now)| now < before);
        let (before, now) =
            pairs.fold((0, 0), |sum, (before, now)| (sum.0 + u64::from(before), sum.1 + u64::from(now)));
        check(before == now, Term::Fell, now, before);
    }
    found
}

impl UnitState {
    /// What does not add up in the last balance or final report, compared with the ledger as it is now.
    #[must_use]
    pub fn reported_discrepancies(&self) -> Vec<Discrepancy> {
        let moment = if self.closing.is_some() { Moment::Close } else { Moment::Running };
        self.reported.as_ref().map_or_else(Vec::new, |counters| discrepancies(counters, self, moment))
    }
}

impl Counters {
    /// All eight, in the format's order.
    #[must_use]
    pub const fn each(&self) -> [u32; 8] {
        let Self {
            identified_local,
            identified_remote,
            slips,
            signatures,
            printed_own,
            printed_other,
            spoiled,
            scanned,
        } = *self;
        [identified_local, identified_remote, slips, signatures, printed_own, printed_other, spoiled, scanned]
    }
}
