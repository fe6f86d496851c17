//! Whether cosignatures, or organisations, are enough.

use super::model::{Member, Name, Policy, Quorum};
use crate::note::VerifierKey;

/// What a set of verified cosigner keys amounts to under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether the quorum is reached.
    pub satisfied: bool,
    /// The organisations that have cosigned, in the policy's order.
    pub organisations: Vec<Name>,
}

impl Policy {
    /// Evaluates keys whose cosignatures *have been verified* over one text. Keys the policy does not know are ignored;
    /// a key counts once.
    #[must_use]
    pub fn evaluate<'a>(&self, verified: impl IntoIterator<Item = &'a VerifierKey>) -> Evaluation {
        let mut cosigned = vec![false; self.witnesses.len()];
        for key in verified {
            if let Some(place) = self.witnesses.iter().position(|witness| witness.key == *key) {
                cosigned[place] = true;
            }
        }
        let witnessed = self.witnessed(|member| match member {
            Member::Witness(place) => Some(cosigned.get(place) == Some(&true)),
            Member::Group(_) => None,
        });
        let has = |member| witnessed.has(member, &cosigned);
        let organisations = self.organisations.iter().filter(|organisation| has(organisation.member));
        Evaluation {
            satisfied: match self.quorum {
                Quorum::None => true,
                Quorum::Of(member) => has(member),
            },
            organisations: organisations.map(|organisation| organisation.name.clone()).collect(),
        }
    }

    /// Whether exactly these organisations, by name, satisfy the quorum: what a decision that they sign needs. Names that the
    /// quorum does not count are ignored; a policy without quorum is satisfied by nobody.
    #[must_use]
    pub fn satisfied_by_organisations<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        let place = |name: &str| self.organisations.iter().position(|organisation| organisation.name.as_str() == name);
        let bits = names.into_iter().filter_map(place).filter_map(|place| 1_u32.checked_shl(place as u32));
        self.quorum != Quorum::None && self.satisfied_by(bits.fold(0, |set, bit| set | bit))
    }

    /// Whether the quorum is reached when exactly the organisations in the set (bit i: the i-th of
    /// [`Policy::organisations`]) have cosigned.
    pub(super) fn satisfied_by(&self, organisations: u32) -> bool {
        let given = |member: Member| {
            let place = self.organisations.iter().position(|organisation| organisation.member == member);
            place.map(|place| organisations.checked_shr(place as u32).is_some_and(|set| set & 1 == 1))
        };
        match self.quorum {
            Quorum::None => true,
            Quorum::Of(member) => {
                let groups = self.witnessed(given);
                given(member).unwrap_or_else(|| groups.has(member, &[]))
            }
        }
    }

    /// Evaluates all groups in the order of their definition, so that members come before the groups they are in. `given`
    /// decides members by itself where it has an answer; witnesses without one have not cosigned.
    fn witnessed(&self, given: impl Fn(Member) -> Option<bool>) -> Groups {
        let mut groups = Groups(Vec::with_capacity(self.groups.len()));
        for (place, group) in self.groups.iter().enumerate() {
            let has = |member: &&Member| given(**member).unwrap_or_else(|| groups.has(**member, &[]));
            let enough = || group.members.iter().filter(has).count() >= group.threshold.count(group.members.len());
            let value = given(Member::Group(place)).unwrap_or_else(enough);
            groups.0.push(value);
        }
        groups
    }
}

/// Which groups have witnessed, in the order of their definition.
struct Groups(Vec<bool>);

impl Groups {
    fn has(&self, member: Member, witnesses: &[bool]) -> bool {
        let (values, place) = match member {
            Member::Witness(place) => (witnesses, place),
            Member::Group(place) => (self.0.as_slice(), place),
        };
        values.get(place) == Some(&true)
    }
}
