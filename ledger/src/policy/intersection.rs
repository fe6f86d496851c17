//! Whether a quorum can be split: two sets of organisations, each satisfying the policy, that share too few.
//!
//! Two contradicting checkpoints need two satisfying sets, and every organisation in both sets has signed both. If any
//! two sets share at least f + 1 organisations and at most f lie, at least one honest organisation would have had to sign
//! both, which it does not.

use super::model::{Name, Policy, Quorum};

/// The most organisations the check takes on; it goes through all 2^n sets.
pub const ORGANISATIONS_MAX: usize = 16;

/// How many lying organisations a k-of-n quorum is sized for: f = max(1, ⌊(n − 1) / 3⌋), but never all of them.
///
/// The usual ⌊(n − 1) / 3⌋ is 0 for n = 3: it would accept 2 of 3, where the one organisation in both sets can sign two
/// histories alone. With few organisations we would rather stop than trust one, so one liar is always allowed for: 2 of
/// 2, 3 of 3, 3 of 4, 4 of 5, 4 of 6, 5 of 7.
#[must_use]
pub const fn tolerated_liars(organisations: usize) -> usize {
    match organisations {
        0 | 1 => 0,
        2..=6 => 1,
        n => (n - 1) / 3,
    }
}

/// The smallest k such that any two sets of k out of n organisations share at least f + 1, f being
/// [`tolerated_liars`]: k > (n + f) / 2. 0 for no organisations.
#[must_use]
pub const fn smallest_intersecting_k(organisations: usize) -> usize {
    if organisations == 0 {
        return 0;
    }
    // Without overflow for any input: n/2 + f/2 and what the two roundings lost.
    let liars = tolerated_liars(organisations);
    organisations / 2 + liars / 2 + (organisations % 2 + liars % 2) / 2 + 1
}

/// Two sets of organisations that both satisfy the policy and share too few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterExample {
    /// One satisfying set.
    pub set_a: Vec<Name>,
    /// Another.
    pub set_b: Vec<Name>,
    /// Who is in both; at most f.
    pub shared: Vec<Name>,
}

/// Why a policy is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntersectionError {
    /// It can be split.
    #[error(
        "{} and {} both satisfy the policy and share only {}: with {liars} lying organisation(s) two histories could be \
         signed; raise the quorum", shown(&.example.set_a), shown(&.example.set_b), shown(&.example.shared)
    )]
    Splits {
        /// f.
        liars: usize,
        /// How.
        example: CounterExample,
    },
    /// A quorum of the next policy and one of the policy before it share too few.
    #[error(
        "{} satisfies the new policy, {} the one before it, and they share only {}: with {liars} lying organisation(s) two \
         histories could be signed; change the policy in smaller steps", shown(&.example.set_a), shown(&.example.set_b),
        shown(&.example.shared)
    )]
    SplitsFromOld {
        /// f of the policy before.
        liars: usize,
        /// `set_a` satisfies the new policy, `set_b` the old one.
        example: CounterExample,
    },
    /// Too large to be checked.
    #[error("the policy has {0} organisations; at most 16 can be checked")]
    TooManyOrganisations(usize),
    /// Nobody can satisfy it. (Cannot happen with parsed thresholds; kept so that a check never passes vacuously.)
    #[error("all organisations together do not satisfy the policy")]
    Unsatisfiable,
}

fn shown(set: &[Name]) -> String {
    format!("{{{}}}", set.iter().map(Name::as_str).collect::<Vec<_>>().join(", "))
}

impl Policy {
    /// Checks that any two satisfying sets of organisations share at least `liars + 1`.
    ///
    /// Only minimal satisfying sets are compared: adding organisations to a set adds to what it shares.
    ///
    /// # Errors
    /// [`IntersectionError::Splits`] with a counter-example that shares as few as possible.
    pub fn check_intersection(&self, liars: usize) -> Result<(), IntersectionError> {
        let count = self.organisations.len();
        if count > ORGANISATIONS_MAX {
            return Err(IntersectionError::TooManyOrganisations(count));
        }
        let minimal = self.minimal_sets(count as u32);
        if minimal.is_empty() {
            return Err(IntersectionError::Unsatisfiable);
        }
        let (mut fewest, mut worst) = (u32::MAX, (0, 0));
        for (at, a) in minimal.iter().enumerate() {
            for b in &minimal[at..] {
                let shared = (a & b).count_ones();
                if shared < fewest {
                    (fewest, worst) = (shared, (*a, *b));
                }
            }
        }
        if fewest as usize > liars {
            return Ok(());
        }
        let (a, b) = worst;
        let example = CounterExample { set_a: self.names(a), set_b: self.names(b), shared: self.names(a & b) };
        Err(IntersectionError::Splits { liars, example })
    }

    /// [`Policy::check_intersection`] for as many liars as the number of organisations is sized for
    /// ([`tolerated_liars`]).
    ///
    /// # Errors
    /// As [`Policy::check_intersection`].
    pub fn check_quorum(&self) -> Result<(), IntersectionError> {
        self.check_intersection(tolerated_liars(self.organisations.len()))
    }

    /// Checks that any set of organisations that satisfies this policy and any that satisfies `old`, the policy before it,
    /// share more than as many liars as `old` is sized for. Organisations are the same if their names are.
    ///
    /// # Errors
    /// [`IntersectionError::SplitsFromOld`] with a counter-example that shares as few as possible.
    pub fn check_transition(&self, old: &Self) -> Result<(), IntersectionError> {
        let sets = |policy: &Self| -> Result<Vec<u32>, IntersectionError> {
            let count = policy.organisations.len();
            if count > ORGANISATIONS_MAX {
                return Err(IntersectionError::TooManyOrganisations(count));
            }
            let minimal = policy.minimal_sets(count as u32);
            let none = minimal.is_empty() || policy.quorum == Quorum::None;
            if none { Err(IntersectionError::Unsatisfiable) } else { Ok(minimal) }
        };
        let (new_sets, old_sets) = (sets(self)?, sets(old)?);
        let liars = tolerated_liars(old.organisations.len());
        let (mut fewest, mut worst) = (u32::MAX, (0, 0));
        for new in new_sets {
            let in_old = self.translated(new, old);
            for old in &old_sets {
                let shared = (in_old & old).count_ones();
                if shared < fewest {
                    (fewest, worst) = (shared, (new, *old));
                }
            }
        }
        if fewest as usize > liars {
            return Ok(());
        }
        let (set_a, set_b) = (self.names(worst.0), old.names(worst.1));
        let shared = set_a.iter().filter(|name| set_b.contains(name)).cloned().collect();
        Err(IntersectionError::SplitsFromOld { liars, example: CounterExample { set_a, set_b, shared } })
    }

    /// A set of this policy's organisations as far as `other` has them, in its bits.
    fn translated(&self, set: u32, other: &Self) -> u32 {
        let place = |name: &Name| other.organisations.iter().position(|one| one.name == *name);
        let members = self.organisations.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
        members.filter_map(|(_, one)| place(&one.name)).fold(0, |bits, place| bits | 1 << place)
    }

    /// Satisfying sets that no longer satisfy when any one organisation leaves. Thresholds are monotone, so these
    /// describe all.
    fn minimal_sets(&self, count: u32) -> Vec<u32> {
        let satisfying: Vec<bool> = (0..1_u32 << count).map(|set| self.satisfied_by(set)).collect();
        let satisfies = |set: u32| satisfying.get(set as usize) == Some(&true);
        let minimal =
            |set: &u32| satisfies(*set) && (0..count).all(|one| set & (1 << one) == 0 || !satisfies(set & !(1 << one)));
        (0..1_u32 << count).filter(minimal).collect()
    }

    fn names(&self, set: u32) -> Vec<Name> {
        let members = self.organisations.iter().enumerate().filter(|(place, _)| set >> place & 1 == 1);
        members.map(|(_, organisation)| organisation.name.clone()).collect()
    }
}
