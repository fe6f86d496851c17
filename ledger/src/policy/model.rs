//! What a policy says, and how it is written.

use std::fmt;

use super::parse::{NAME_BYTES_MAX, PolicyError, PolicyProblem};
use crate::note::VerifierKey;

/// The name of a witness, group or organisation inside one policy. Opaque: compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Checks the rules: 1 to 255 bytes, no space, tab or other ASCII control character, not `none`.
    ///
    /// # Errors
    /// [`PolicyProblem::BadName`].
    pub fn new(name: &str) -> Result<Self, PolicyProblem> {
        let forbidden = |byte: u8| byte == b' ' || byte.is_ascii_control();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name == "none" || name.bytes().any(forbidden) {
            return Err(PolicyProblem::BadName);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A log key whose signature is accepted. Its name is the log's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The key; its role is [`crate::note::KeyRole::Log`].
    pub key: VerifierKey,
    /// Where the log is, if stated.
    pub url: Option<String>,
}

/// A cosigner key, one of an organisation's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name in this policy.
    pub name: Name,
    /// The key; its role is [`crate::note::KeyRole::Cosigner`].
    pub key: VerifierKey,
    /// Where the witness is, if stated.
    pub url: Option<String>,
}

/// How many members must have witnessed for their group to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Threshold {
    /// One.
    Any,
    /// Each.
    All,
    /// That many; at least 1, at most the number of members.
    AtLeast(usize),
}

impl Threshold {
    /// The number, in a group of so many members.
    #[must_use]
    pub const fn count(self, members: usize) -> usize {
        match self {
            Self::Any => 1,
            Self::All => members,
            Self::AtLeast(count) => count,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => out.write_str("any"),
            Self::All => out.write_str("all"),
            Self::AtLeast(count) => write!(out, "{count}"),
        }
    }
}

/// A member of a group: a place in [`Policy::witnesses`] or [`Policy::groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    /// A witness.
    Witness(usize),
    /// A group defined earlier.
    Group(usize),
}

/// A threshold over witnesses and earlier groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name in this policy.
    pub name: Name,
    /// How many members it takes.
    pub threshold: Threshold,
    /// Its members, in the order written; never empty.
    pub members: Vec<Member>,
}

/// What a checkpoint needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// No cosignature at all. Never acceptable for an election; [`Policy::check_intersection`] refuses it.
    None,
    /// That witness or group.
    Of(Member),
}

/// One organisation: the lowest group under the quorum (a group of witnesses only), or a witness standing beside such
/// groups or directly under the quorum. The quorum's own group is never an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// The group's or witness's name.
    pub name: Name,
    /// The group or witness it is.
    pub member: Member,
    /// Its cosigner keys: places in [`Policy::witnesses`].
    pub witnesses: Vec<usize>,
}

/// A trust policy. Made by parsing text; shown as canonical text, which parses to an equal policy.
///
/// Invariants: members point to witnesses, or to groups before their own; no member has two groups; no public key occurs
/// twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) logs: Vec<Log>,
    pub(super) witnesses: Vec<Witness>,
    pub(super) groups: Vec<Group>,
    pub(super) quorum: Quorum,
    pub(super) organisations: Vec<Organisation>,
}

impl Policy {
    /// The policy this project uses: each organisation signs by any of its keys, `k` organisations make the quorum.
    ///
    /// # Errors
    /// [`PolicyError`], its line that of the text the policy would have had.
    pub fn of_organisations(
        logs: &[Log],
        organisations: &[(Name, Vec<Witness>)],
        k: usize,
    ) -> Result<Self, PolicyError> {
        // Other people's readers take no keyword for a name; C2SP forbids `none` only, and what is in a ledger is read as ever.
        let keyword = |name: &Name| ["log", "witness", "group", "quorum", "any", "all"].contains(&name.as_str());
        if let Some((at, (name, _))) = organisations.iter().enumerate().find(|(_, (name, _))| keyword(name)) {
            return Err(PolicyError { line: at + 1, problem: PolicyProblem::Keyword(name.to_string()) });
        }
        let mut text: String = logs.iter().map(|log| format!("{log}\n")).collect();
        for (name, witnesses) in organisations {
            witnesses.iter().for_each(|witness| text += &format!("{witness}\n"));
            let members: String = witnesses.iter().map(|witness| format!(" {}", witness.name)).collect();
            text += &format!("group {name} any{members}\n");
        }
        let names: String = organisations.iter().map(|(name, _)| format!(" {name}")).collect();
        text += &format!("group organisations {k}{names}\nquorum organisations\n");
        text.parse()
    }

    /// The log keys accepted. Empty: the log is known from elsewhere.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// All cosigner keys, counted by the quorum or not.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// All groups, members before the groups they are in.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What a checkpoint needs.
    #[must_use]
    pub const fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The organisations the quorum counts, in the order of the quorum's members.
    #[must_use]
    pub fn organisations(&self) -> &[Organisation] {
        &self.organisations
    }

    /// The organisation a witness counts for, if the quorum counts it.
    #[must_use]
    pub fn organisation_of(&self, witness: &Name) -> Option<&Name> {
        let place = self.witnesses.iter().position(|one| one.name == *witness)?;
        let organisation = self.organisations.iter().find(|organisation| organisation.witnesses.contains(&place))?;
        Some(&organisation.name)
    }

    /// Every key of the policy, logs first.
    pub fn keys(&self) -> impl Iterator<Item = &VerifierKey> {
        let logs = self.logs.iter().map(|log| &log.key);
        logs.chain(self.witnesses.iter().map(|witness| &witness.key))
    }

    pub(super) fn name_of(&self, member: Member) -> &str {
        let name = match member {
            Member::Witness(place) => self.witnesses.get(place).map(|witness| &witness.name),
            Member::Group(place) => self.groups.get(place).map(|group| &group.name),
        };
        name.map_or("", Name::as_str)
    }

    pub(super) fn find_organisations(&self) -> Vec<Organisation> {
        let mut found = Vec::new();
        if let Quorum::Of(member) = self.quorum {
            self.add_organisations(member, true, &mut found);
        }
        found
    }

    /// Descends from the quorum. As deep as groups are nested, at most [`super::GROUPS_MAX`].
    fn add_organisations(&self, member: Member, is_quorum: bool, found: &mut Vec<Organisation>) {
        let mut organisation = |name: &Name, witnesses| {
            found.push(Organisation { name: name.clone(), member, witnesses });
        };
        match member {
            Member::Witness(place) => {
                if let Some(witness) = self.witnesses.get(place) {
                    organisation(&witness.name, vec![place]);
                }
            }
            Member::Group(place) => {
                let Some(group) = self.groups.get(place) else { return };
                match group.only_witnesses() {
                    Some(witnesses) if !is_quorum => organisation(&group.name, witnesses),
                    _ => group.members.iter().for_each(|member| self.add_organisations(*member, false, found)),
                }
            }
        }
    }
}

impl Group {
    /// The members, if all are witnesses.
    fn only_witnesses(&self) -> Option<Vec<usize>> {
        let witness = |member: &Member| match member {
            Member::Witness(place) => Some(*place),
            Member::Group(_) => None,
        };
        self.members.iter().map(witness).collect()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "log {}", self.key)?;
        self.url.iter().try_for_each(|url| write!(out, " {url}"))
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "witness {} {}", self.name, self.key)?;
        self.url.iter().try_for_each(|url| write!(out, " {url}"))
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.logs.iter().try_for_each(|log| writeln!(out, "{log}"))?;
        self.witnesses.iter().try_for_each(|witness| writeln!(out, "{witness}"))?;
        for group in &self.groups {
            write!(out, "group {} {}", group.name, group.threshold)?;
            group.members.iter().try_for_each(|member| write!(out, " {}", self.name_of(*member)))?;
            writeln!(out)?;
        }
        match self.quorum {
            Quorum::None => writeln!(out, "quorum none"),
            Quorum::Of(member) => writeln!(out, "quorum {}", self.name_of(member)),
        }
    }
}
