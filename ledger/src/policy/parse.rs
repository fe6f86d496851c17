//! Reading policy text (C2SP tlog-policy, "Policy file syntax and structure").

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::model::{Group, Log, Member, Name, Policy, Quorum, Threshold, Witness};
use crate::note::{KeyRole, VerifierKey, VerifierKeyError};

/// The longest policy text read.
pub const POLICY_BYTES_MAX: usize = 256 * 1024;
/// The most `log` lines. The specification asks for at least 32.
pub const LOGS_MAX: usize = 256;
/// The most `witness` lines. The specification asks for at least 32.
pub const WITNESSES_MAX: usize = 256;
/// The most `group` lines. The specification asks for at least 32.
pub const GROUPS_MAX: usize = 128;
/// The longest name.
pub const NAME_BYTES_MAX: usize = 255;
/// The longest URL.
pub const URL_BYTES_MAX: usize = 2048;

/// A broken rule and the line that breaks it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trust policy, line {line}: {problem}")]
pub struct PolicyError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: PolicyProblem,
}

/// What can be wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// The whole is too long.
    #[error("the text has {0} bytes; at most 262144 are read")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("the text is not valid UTF-8")]
    NotUtf8,
    /// A control character.
    #[error("control character 0x{0:02x}; only tab and newline are allowed")]
    ControlCharacter(u8),
    /// The last line does not end.
    #[error("the last line does not end in a newline")]
    NoNewline,
    /// Not a known keyword.
    #[error("expected log, witness, group or quorum")]
    UnknownLine,
    /// Too few or too many words.
    #[error("expected: {0}")]
    Shape(&'static str),
    /// A name against the rules.
    #[error("a name is 1 to 255 bytes without spaces and control characters, and not \"none\"")]
    BadName,
    /// An organisation's name that other people's readers take for a keyword.
    #[error(
        "no organisation may be called {0:?}: readers of trust policies take log, witness, group, quorum, any and all for keywords"
    )]
    Keyword(String),
    /// A URL against the limit.
    #[error("the URL has {0} bytes; at most 2048 are allowed")]
    UrlTooLong(usize),
    /// Not a verifier key.
    #[error("{0}")]
    BadKey(#[from] VerifierKeyError),
    /// A cosigner key as a log, or a log key as a witness.
    #[error("this line needs a key of type 0x{expected:02x}, but the key has type 0x{actual:02x}")]
    WrongKeyType {
        /// For this kind of line.
        expected: u8,
        /// The key's.
        actual: u8,
    },
    /// One public key in two lines.
    #[error("this public key stands in an earlier line too; a key has one purpose and one name")]
    DuplicateKey,
    /// One name twice.
    #[error("the name {0} is defined in an earlier line too")]
    DuplicateName(Name),
    /// A name that is not defined above.
    #[error("the name {0} is not defined in an earlier line")]
    UnknownName(String),
    /// A member of two groups, or twice of one.
    #[error("{0} is a member of a group already; it may count in one way only")]
    MemberTwice(Name),
    /// Not `any`, `all` or a number from 1 to the number of members.
    #[error("the threshold must be any, all or a decimal number from 1 to the number of members, {members}")]
    BadThreshold {
        /// Members listed.
        members: usize,
    },
    /// More lines of a kind than are read.
    #[error("more than {0} lines of this kind")]
    TooMany(usize),
    /// A second `quorum` line.
    #[error("there is a quorum line already")]
    SecondQuorum,
    /// No `quorum` line.
    #[error("the text has no quorum line")]
    NoQuorum,
}

const LOG_SHAPE: PolicyProblem = PolicyProblem::Shape("log <vkey> [<url>]");
const WITNESS_SHAPE: PolicyProblem = PolicyProblem::Shape("witness <name> <vkey> [<url>]");
const GROUP_SHAPE: PolicyProblem = PolicyProblem::Shape("group <name> <any|all|k> <member>…");
const QUORUM_SHAPE: PolicyProblem = PolicyProblem::Shape("quorum <name|none>");

impl Policy {
    /// Reads policy text.
    ///
    /// # Errors
    /// [`PolicyError`] with the line and the rule it breaks.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(PolicyError { line: 1, problem: PolicyProblem::TooLarge(bytes.len()) });
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => text.parse(),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
                Err(PolicyError { line, problem: PolicyProblem::NotUtf8 })
            }
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(PolicyError { line: 1, problem: PolicyProblem::TooLarge(text.len()) });
        }
        let mut reading = Reading::default();
        let mut line = 0;
        for content in text.split_inclusive('\n') {
            line += 1;
            reading.line(content).map_err(|problem| PolicyError { line, problem })?;
        }
        reading.finish().map_err(|problem| PolicyError { line: line.max(1), problem })
    }
}

/// What the lines so far define.
#[derive(Default)]
struct Reading {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Quorum>,
    names: BTreeMap<Name, Member>,
    keys: BTreeSet<[u8; 32]>,
    taken: BTreeSet<Member>,
}

impl Reading {
    fn line(&mut self, content: &str) -> Result<(), PolicyProblem> {
        let line = content.strip_suffix('\n').ok_or(PolicyProblem::NoNewline)?;
        if let Some(byte) = line.bytes().find(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(PolicyProblem::ControlCharacter(byte));
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        match words.next() {
            None => Ok(()),
            Some(comment) if comment.starts_with('#') => Ok(()),
            Some("log") => self.log(&words.collect::<Vec<_>>()),
            Some("witness") => self.witness(&words.collect::<Vec<_>>()),
            Some("group") => self.group(&words.collect::<Vec<_>>()),
            Some("quorum") => self.quorum(&words.collect::<Vec<_>>()),
            Some(_) => Err(PolicyProblem::UnknownLine),
        }
    }

    fn log(&mut self, words: &[&str]) -> Result<(), PolicyProblem> {
        let (key, url) = match words {
            [key] => (key, None),
            [key, url] => (key, Some(*url)),
            _ => return Err(LOG_SHAPE),
        };
        if self.logs.len() == LOGS_MAX {
            return Err(PolicyProblem::TooMany(LOGS_MAX));
        }
        let log = Log { key: self.key(key, KeyRole::Log)?, url: checked_url(url)? };
        self.logs.push(log);
        Ok(())
    }

    fn witness(&mut self, words: &[&str]) -> Result<(), PolicyProblem> {
        let (name, key, url) = match words {
            [name, key] => (name, key, None),
            [name, key, url] => (name, key, Some(*url)),
            _ => return Err(WITNESS_SHAPE),
        };
        if self.witnesses.len() == WITNESSES_MAX {
            return Err(PolicyProblem::TooMany(WITNESSES_MAX));
        }
        let name = self.define(name, Member::Witness(self.witnesses.len()))?;
        let witness = Witness { name, key: self.key(key, KeyRole::Cosigner)?, url: checked_url(url)? };
        self.witnesses.push(witness);
        Ok(())
    }

    fn group(&mut self, words: &[&str]) -> Result<(), PolicyProblem> {
        let [name, threshold, members @ ..] = words else { return Err(GROUP_SHAPE) };
        if members.is_empty() {
            return Err(GROUP_SHAPE);
        }
        if self.groups.len() == GROUPS_MAX {
            return Err(PolicyProblem::TooMany(GROUPS_MAX));
        }
        let threshold = parse_threshold(threshold, members.len())?;
        let members = members.iter().map(|name| self.take_member(name)).collect::<Result<Vec<_>, _>>()?;
        // Named after its members were looked up: a group cannot be its own member.
        let name = self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { name, threshold, members });
        Ok(())
    }

    fn quorum(&mut self, words: &[&str]) -> Result<(), PolicyProblem> {
        let [name] = words else { return Err(QUORUM_SHAPE) };
        if self.quorum.is_some() {
            return Err(PolicyProblem::SecondQuorum);
        }
        self.quorum = Some(if *name == "none" { Quorum::None } else { Quorum::Of(self.look_up(name)?.1) });
        Ok(())
    }

    fn finish(self) -> Result<Policy, PolicyProblem> {
        let Self { logs, witnesses, groups, quorum, .. } = self;
        let quorum = quorum.ok_or(PolicyProblem::NoQuorum)?;
        let mut policy = Policy { logs, witnesses, groups, quorum, organisations: Vec::new() };
        policy.organisations = policy.find_organisations();
        Ok(policy)
    }

    fn key(&mut self, text: &str, role: KeyRole) -> Result<VerifierKey, PolicyProblem> {
        let key: VerifierKey = text.parse()?;
        if key.role() != role {
            let (expected, actual) = (role.type_byte(), key.role().type_byte());
            return Err(PolicyProblem::WrongKeyType { expected, actual });
        }
        if self.keys.insert(*key.key_bytes()) { Ok(key) } else { Err(PolicyProblem::DuplicateKey) }
    }

    fn define(&mut self, name: &str, member: Member) -> Result<Name, PolicyProblem> {
        let name = Name::new(name)?;
        match self.names.insert(name.clone(), member) {
            None => Ok(name),
            Some(_) => Err(PolicyProblem::DuplicateName(name)),
        }
    }

    fn look_up(&self, name: &str) -> Result<(Name, Member), PolicyProblem> {
        let name = Name::new(name)?;
        match self.names.get(&name) {
            Some(member) => Ok((name, *member)),
            None => Err(PolicyProblem::UnknownName(name.as_str().to_owned())),
        }
    }

    fn take_member(&mut self, name: &str) -> Result<Member, PolicyProblem> {
        let (name, member) = self.look_up(name)?;
        if self.taken.insert(member) { Ok(member) } else { Err(PolicyProblem::MemberTwice(name)) }
    }
}

fn parse_threshold(text: &str, members: usize) -> Result<Threshold, PolicyProblem> {
    match text {
        "any" => return Ok(Threshold::Any),
        "all" => return Ok(Threshold::All),
        _ => {}
    }
    match text.parse::<usize>() {
        Ok(count) if (1..=members).contains(&count) && count.to_string() == text => Ok(Threshold::AtLeast(count)),
        _ => Err(PolicyProblem::BadThreshold { members }),
    }
}

fn checked_url(url: Option<&str>) -> Result<Option<String>, PolicyProblem> {
    match url {
        Some(url) if url.len() > URL_BYTES_MAX => Err(PolicyProblem::UrlTooLong(url.len())),
        _ => Ok(url.map(str::to_owned)),
    }
}
