//! A commission's day, from the keys to the protocol.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tamga_ledger::ids::{Digest, KeyId, PublicKey, RecordId};
use tamga_ledger::kinds::{CustodyEvent, HolderClass, Item, MEMBER_ROLES, MemberRole};

use super::{About, Merge, PassphraseArguments, Pinned, Place, Sign, Submit};

#[derive(Debug, Subcommand)]
pub(crate) enum Day {
    /// Make the seed of a unit's commitments, a secret file. Needs no network.
    Seed(SeedArguments),
    /// Write a record that waits for signatures: a phase, a void, a batch, an opening, a protocol, a countersignature, a table, custody.
    Draft(Box<DayDraft>),
    /// Read a draft and sign it with one key. Needs no network.
    Sign(Sign),
    /// Put the signatures of all signers together.
    Merge(Merge),
    /// Submit the signed record and wait for the verdict.
    Submit(Submit),
}

#[derive(Debug, Args)]
pub(crate) struct SeedArguments {
    /// Where to write it; nothing there is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DayDraft {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Who will sign, the author first: a public key (64 hexadecimal digits) or an organisation's name.
    #[arg(long, required = true, value_name = "KEY|ORGANISATION")]
    pub(crate) by: Vec<String>,
    /// The author's next record number; found in the ledger if not given.
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
    #[command(flatten)]
    pub(crate) about: About,
    /// The record that this one corrects: protocols and tables only.
    #[arg(long, value_name = "RECORD")]
    pub(crate) supersedes: Option<RecordId>,
    /// A phase: a member present and the role, chair, secretary or member; the key as 64 hexadecimal digits, or its id.
    #[arg(long = "role", value_name = "ROLE=KEY", value_parser = role)]
    pub(crate) roles: Vec<MemberRole>,
    /// Where to write the draft.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(subcommand)]
    pub(crate) what: DayRecord,
}

fn role(text: &str) -> Result<MemberRole, String> {
    let (name, key) = text.split_once('=').ok_or("expected ROLE=KEY")?;
    let place = MEMBER_ROLES.iter().position(|role| *role == name);
    let place = place.ok_or_else(|| format!("{name:?} is no role, but {}", MEMBER_ROLES.join(", ")))?;
    let id = key.parse::<PublicKey>().map(|key| key.id()).or_else(|_| key.parse::<KeyId>());
    let id = id.map_err(|_| format!("{key:?} is neither a public key nor the id of one"))?;
    // Three roles, numbered from 1.
    Ok(MemberRole { key: id, role: place as u8 + 1 })
}

#[derive(Debug, Args, Default, Clone, Copy)]
pub(crate) struct CountersArguments {
    /// Voters identified with the own constituency's ballot.
    #[arg(long, default_value_t = 0)]
    pub(crate) identified_local: u32,
    /// Voters identified with another constituency's ballot.
    #[arg(long, default_value_t = 0)]
    pub(crate) identified_remote: u32,
    /// Slips kept.
    #[arg(long, default_value_t = 0)]
    pub(crate) slips: u32,
    /// Signatures in the paper list.
    #[arg(long, default_value_t = 0)]
    pub(crate) signatures: u32,
    /// Ballots printed, own constituency.
    #[arg(long, default_value_t = 0)]
    pub(crate) printed_own: u32,
    /// Ballots printed, other constituencies.
    #[arg(long, default_value_t = 0)]
    pub(crate) printed_other: u32,
    /// Printed ballots spoiled and replaced.
    #[arg(long, default_value_t = 0)]
    pub(crate) spoiled: u32,
    /// Papers the scanner took.
    #[arg(long, default_value_t = 0)]
    pub(crate) scanned: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Figures {
    /// The form's code.
    #[arg(long)]
    pub(crate) form: String,
    /// Its version.
    #[arg(long, default_value_t = 1)]
    pub(crate) form_version: u32,
    /// A line of the form; all of them, in any order.
    #[arg(long = "line", value_name = "CODE=FIGURE", value_parser = line)]
    pub(crate) lines: Vec<(String, u64)>,
    /// Own counts by ballot position: the candidates, against all, invalid.
    #[arg(long = "counts", value_name = "N,N,…", value_delimiter = ',')]
    pub(crate) counts: Vec<u64>,
    /// Members who hold another opinion, by key id.
    #[arg(long, value_name = "KEY")]
    pub(crate) dissenting: Vec<KeyId>,
    /// The scanned paper; its BLAKE3 digest is recorded.
    #[arg(long, value_name = "FILE")]
    pub(crate) scan: Option<PathBuf>,
}

fn line(text: &str) -> Result<(String, u64), String> {
    let (code, figure) = text.split_once('=').ok_or("expected CODE=FIGURE")?;
    let figure = figure.parse().map_err(|_| format!("{figure:?} is not a figure"))?;
    Ok((code.to_owned(), figure))
}

fn remote(text: &str) -> Result<(u32, Vec<u64>), String> {
    let (constituency, counts) = text.split_once('=').ok_or("expected CONSTITUENCY=N,N,…")?;
    let constituency = constituency.parse().map_err(|_| format!("{constituency:?} is not a constituency"))?;
    let counts = counts.split(',').map(|count| count.parse().map_err(|_| format!("{count:?} is not a figure")));
    Ok((constituency, counts.collect::<Result<_, _>>()?))
}

#[derive(Debug, Subcommand)]
pub(crate) enum DayRecord {
    /// The unit opens: the zero report.
    Open {
        /// Voters on the list that the station holds.
        #[arg(long)]
        list_total: u32,
        /// Serial numbers in use.
        #[arg(long = "equipment")]
        equipment: Vec<String>,
        /// Seals put on.
        #[arg(long = "seal")]
        seals: Vec<String>,
    },
    /// Voting pauses.
    Suspend {
        /// Seals put on.
        #[arg(long = "seal")]
        seals: Vec<String>,
    },
    /// Voting goes on.
    Resume {
        /// Seals found.
        #[arg(long = "seal")]
        seals: Vec<String>,
    },
    /// The connection is lost; identifications will be reported later.
    OfflineStart,
    /// The connection is back.
    OfflineEnd,
    /// The mobile box goes out.
    BoxOut {
        /// Seals put on.
        #[arg(long = "seal")]
        seals: Vec<String>,
    },
    /// The mobile box is back.
    BoxIn {
        /// Seals found.
        #[arg(long = "seal")]
        seals: Vec<String>,
    },
    /// A piece of equipment is replaced.
    Replace {
        /// Serial number of what goes.
        old: String,
        /// Serial number of what comes.
        new: String,
    },
    /// A running balance.
    Balance {
        #[command(flatten)]
        counters: CountersArguments,
        /// Voters on the list.
        #[arg(long)]
        list_total: u32,
    },
    /// Voting has ended: the final report.
    Close {
        #[command(flatten)]
        counters: CountersArguments,
        /// Voters on the list.
        #[arg(long)]
        list_total: u32,
        /// The device's digest of the machine protocol that follows after the embargo.
        #[arg(long)]
        protocol_digest: Option<Digest>,
    },
    /// An identified voter got no ballot; two members sign.
    Void {
        /// Record of the identification.
        target: RecordId,
        /// A ballot was printed, and not given out.
        #[arg(long)]
        printed: bool,
    },
    /// A batch of the scanner's papers, committed and not shown; the scanner's key signs.
    Batch {
        /// Its number: from 1, without gaps.
        #[arg(long, value_name = "N")]
        number: u32,
        /// No other batch follows.
        #[arg(long)]
        last: bool,
        /// The counts of all batches so far: lines of batch, constituency, counts by position.
        #[arg(long, value_name = "FILE")]
        counts: PathBuf,
        /// The unit's seed (tamga day seed).
        #[arg(long, value_name = "FILE")]
        seed: PathBuf,
        /// What opens the unit's cells: a secret file, begun with the first batch and carried on with each.
        #[arg(long, value_name = "FILE")]
        part: PathBuf,
    },
    /// Open the machine's count of the unit's own constituency; members sign. Audits the ledger first.
    Opening {
        /// The unit's part, with the last batch.
        #[arg(long, value_name = "FILE")]
        part: PathBuf,
    },
    /// Open the nation's sum of a constituency's cells that are not shown by themselves; the commission signs. Audits the ledger first.
    Total {
        /// Of ballot batches, or of protocols by hand.
        #[arg(long, value_enum)]
        basis: BasisSide,
        /// The parts of all units.
        #[arg(required = true, value_name = "PART")]
        parts: Vec<PathBuf>,
    },
    /// The unit's protocol; its hard relations have to hold, unless it is typed in from paper.
    Protocol(ProtocolArguments),
    /// What an observer, a member or an organisation says of a protocol.
    Countersign {
        /// What was found.
        #[arg(value_enum)]
        finding: FindingName,
        /// The protocol's record.
        #[arg(long, value_name = "RECORD")]
        target: Option<RecordId>,
        /// A line as it stands on the copy.
        #[arg(long = "line", value_name = "CODE=FIGURE", value_parser = line)]
        lines: Vec<(String, u64)>,
        /// Own counts by position as they stand on the copy.
        #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
        counts: Vec<u64>,
        /// A photograph; its BLAKE3 digest is recorded.
        #[arg(long, value_name = "FILE")]
        photo: Option<PathBuf>,
    },
    /// A summary table of a constituency or of the nation.
    Table {
        #[command(flatten)]
        figures: Figures,
        /// The protocols, or tables, that it sums.
        #[arg(long = "source-record", required = true, value_name = "RECORD")]
        sources: Vec<RecordId>,
    },
    /// An event in the custody of a piece of equipment; two sign.
    Custody(CustodyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ProtocolArguments {
    #[command(flatten)]
    pub(crate) figures: Figures,
    /// What it rests on.
    #[arg(long, value_enum, default_value = "hand")]
    pub(crate) basis: BasisName,
    /// Counts of another constituency, which are committed and not shown.
    #[arg(long = "remote", value_name = "CONSTITUENCY=N,N,…", value_parser = remote)]
    pub(crate) remote: Vec<(u32, Vec<u64>)>,
    /// The unit's seed, from which the commitments' blindings derive: 64 hexadecimal digits. Whoever has it can open them.
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// Where to keep what opens the protocol's cells, a secret file: the commission's sum needs it.
    #[arg(long, value_name = "FILE", requires = "seed")]
    pub(crate) part: Option<PathBuf>,
    /// Seals on the packed papers.
    #[arg(long = "seal")]
    pub(crate) seals: Vec<String>,
    /// Members present, by key id.
    #[arg(long, value_name = "KEY")]
    pub(crate) present: Vec<KeyId>,
    /// Why it corrects another: 1 arithmetic, 2 a figure in a wrong line, 3 counted again, 4 decided by a commission or a court,
    /// 5 the paper could not be read, 6 an opening was lost, 7 another reason.
    #[arg(long, default_value_t = 0)]
    pub(crate) explanation: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BasisName {
    Machine,
    Hand,
    Recount,
    Transcribed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BasisSide {
    Machine,
    Hand,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FindingName {
    Assent,
    Copy,
    CopyRefused,
    NotPosted,
}

#[derive(Debug, Args)]
pub(crate) struct CustodyArguments {
    /// enter, seal, unseal, store, move, hand-over, check, deploy, take-back, lose, find, retire.
    #[arg(value_parser = event)]
    pub(crate) event: CustodyEvent,
    /// Its serial number.
    #[arg(long)]
    pub(crate) serial: String,
    /// device, printer, scanner, modem, box, mobile-box, key-carrier, other.
    #[arg(long, value_parser = item)]
    pub(crate) item: Item,
    /// Seals put on, or found.
    #[arg(long = "seal")]
    pub(crate) seals: Vec<String>,
    /// hand-over: who gives, by key id.
    #[arg(long, value_name = "KEY")]
    pub(crate) from: Option<KeyId>,
    /// hand-over: who receives, by key id.
    #[arg(long, value_name = "KEY")]
    pub(crate) to: Option<KeyId>,
    /// check: a point of the checklist that holds (power, battery, clock, software, connection, paper, reader, counters-zero), or all.
    #[arg(long = "holds", value_name = "POINT")]
    pub(crate) holds: Vec<String>,
    /// Which store.
    #[arg(long = "store", value_name = "NAME", default_value = "")]
    pub(crate) store: String,
    /// enter: id of the device's or scanner's key in it.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<KeyId>,
}

/// A value by the name that it has in JSON.
fn by_name<T: serde::Serialize + Copy>(all: &[T], text: &str) -> Result<T, String> {
    let same = |one: &&T| serde_json::to_value(one).is_ok_and(|name| name == text);
    all.iter().find(same).copied().ok_or_else(|| format!("{text:?} is none of them"))
}

fn event(text: &str) -> Result<CustodyEvent, String> {
    by_name(&CustodyEvent::ALL, text)
}

fn item(text: &str) -> Result<Item, String> {
    by_name(&Item::ALL, text)
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key of a member, an observer or a custodian: DIR/record.key. Needs no network.
    New {
        /// An empty folder of the holder's own.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Without a passphrase: rehearsals only.
        #[arg(long)]
        clear: bool,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Ask for a key's registration: shows that its holder has it. Needs no network.
    Request {
        /// The holder's record.key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
        #[command(flatten)]
        pinned: Pinned,
        /// What its holder is.
        #[arg(long, value_enum)]
        class: ClassName,
        #[command(flatten)]
        about: About,
        /// Where to write the request.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write the commission's registration of keys (at most 64), which waits for its signature: sign, merge and submit as `tamga day`.
    Draft {
        #[command(flatten)]
        place: Place,
        /// The requests.
        #[arg(required = true, num_args = 1..=64)]
        requests: Vec<PathBuf>,
        /// The commission's next record number; found in the ledger if not given.
        #[arg(long, value_name = "N")]
        sequence: Option<u64>,
        /// Where to write the draft.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ClassName {
    Registry,
    Device,
    Scanner,
    Member,
    Observer,
    Custodian,
}

impl From<ClassName> for HolderClass {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Registry => Self::Registry,
            ClassName::Device => Self::Device,
            ClassName::Scanner => Self::Scanner,
            ClassName::Member => Self::Member,
            ClassName::Observer => Self::Observer,
            ClassName::Custodian => Self::Custodian,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CustodyShow {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Only this piece, from its first event on. Exit code 1 if nothing is known of it.
    #[arg(long)]
    pub(crate) serial: Option<String>,
}
