//! The command line.

mod ceremony;
mod day;
mod governance;
mod legal;
mod mirror;
mod read;
mod registry;
mod signing;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tamga_ledger::ids::ElectionId;

pub(crate) use self::ceremony::*;
pub(crate) use self::day::*;
pub(crate) use self::governance::*;
pub(crate) use self::legal::*;
pub(crate) use self::mirror::*;
pub(crate) use self::read::*;
pub(crate) use self::registry::*;
pub(crate) use self::signing::*;

/// Checks an election ledger against its genesis digest. Trusts no server.
///
/// Exit codes: 0 verified, 1 refuted, 2 could not check.
#[derive(Debug, Parser)]
#[command(name = "tamga", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The language of what is said; codes, and the names in JSON, are the same in all of them.
    #[arg(long, global = true, value_enum, default_value = "en", env = "TAMGA_LANG")]
    pub(crate) lang: Lang,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the latest published checkpoint, or an earlier one, and who cosigned it.
    Checkpoint(Checkpoint),
    /// Make a receipt for one entry that verifies offline, in one file.
    Prove(Prove),
    /// Write everything about a station, a constituency or some records into one file for a court, which verifies offline.
    Bundle(Bundle),
    /// Verify a receipt file or a court's bundle, offline.
    Verify(Verify),
    /// Re-derive everything in a ledger and say what does not hold.
    Audit(Audit),
    /// Show turnout and results, computed from the audited ledger.
    Results(Results),
    /// Show one unit: its balance, its protocols with every version and what each changed, what observers say.
    Unit(Unit),
    /// Check every summary table in force line by line against what it sums.
    Tables(Tables),
    /// List what was refused, flagged or is missing, each with its entries.
    Anomalies(Anomalies),
    /// Write the results as CSV tables (docs/EXPORTS.md).
    Export(Export),
    /// Copy a ledger into a folder.
    Download(Download),
    /// Make or update a verified copy, with pages, that any web server can publish.
    Mirror(Mirror),
    /// Found an election, as organisations: cards, a draft, signatures made apart, the genesis record. Needs no network.
    #[command(subcommand)]
    Ceremony(Ceremony),
    /// Decide, as organisations, on nodes, keys and the trust policy: draft, sign offline, merge, submit.
    #[command(subcommand)]
    Governance(Governance),
    /// Record legal acts: annul, cancel, suspend, strike out, withdraw, recount, lot, extend, elect, succeed.
    #[command(subcommand)]
    Act(Act),
    /// Open and decide complaints and incidents.
    #[command(subcommand)]
    Case(CaseCommand),
    /// Show the inventory of equipment against what units use, or the history of one serial number.
    Custody(CustodyShow),
    /// Record a commission's day: phases, voids, protocols, countersignatures, tables, custody. Draft, sign apart, merge, submit.
    #[command(subcommand)]
    Day(Day),
    /// Make keys of members, observers and custodians, and have them registered.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Read evidence files.
    #[command(subcommand)]
    Evidence(Evidence),
    /// Check tables of protocols, also of elections held elsewhere, with a form's control relations. Needs no ledger.
    #[command(subcommand)]
    Protocols(Protocols),
    /// Watch all nodes and mirrors: compare what they show, judge every entry, alarm, keep evidence.
    Watch(Watch),
    /// Check and show the definition of an election (docs/ELECTION.md). Needs no ledger.
    #[command(subcommand)]
    Election(ElectionCommand),
    /// Import the voters' roll and look voters up: the registry's tool (docs/ROLL.md). Needs no ledger.
    #[command(subcommand)]
    Roll(Roll),
}

impl Command {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Checkpoint(_) => "checkpoint",
            Self::Prove(_) => "prove",
            Self::Bundle(_) => "bundle",
            Self::Verify(_) => "verify",
            Self::Audit(_) => "audit",
            Self::Results(_) => "results",
            Self::Unit(_) => "unit",
            Self::Tables(_) => "tables",
            Self::Anomalies(_) => "anomalies",
            Self::Export(_) => "export",
            Self::Download(_) => "download",
            Self::Mirror(_) => "mirror",
            Self::Ceremony(_) => "ceremony",
            Self::Governance(_) => "governance",
            Self::Act(_) => "act",
            Self::Case(_) => "case",
            Self::Custody(_) => "custody",
            Self::Day(_) => "day",
            Self::Key(_) => "key",
            Self::Evidence(_) => "evidence",
            Self::Protocols(_) => "protocols",
            Self::Watch(_) => "watch",
            Self::Election(_) => "election",
            Self::Roll(_) => "roll",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Pinned {
    /// The election's genesis digest: 64 hexadecimal digits, from a source you trust (a newspaper, a gazette).
    #[arg(long, value_name = "DIGEST")]
    pub(crate) genesis: ElectionId,
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// http://host:port of a node or mirror, or the folder of a copy; audit also takes a court's bundle.
    #[arg(value_name = "URL|DIR")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Lang {
    Ky,
    Ru,
    En,
}

impl From<Lang> for tamga_client::evidence::Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Ky => Self::Ky,
            Lang::Ru => Self::Ru,
            Lang::En => Self::En,
        }
    }
}
