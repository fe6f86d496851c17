//! What needs no ledger: definitions, rolls, tables of protocols.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{NodeAddresses, PassphraseArguments, Pinned, Place, SubmitAll};

#[derive(Debug, Subcommand)]
pub(crate) enum Protocols {
    /// Check every row of a CSV file. Exit codes: 0 clean, 1 findings, 2 could not check.
    Check(ProtocolsCheck),
    /// Print a mapping to fill in, made from the table's header.
    Draft(ProtocolsDraft),
    /// Print a form that comes with the program, or the codes of all.
    Form {
        /// Its code.
        form: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ProtocolsCheck {
    /// Code of a form that comes with the program (`tamga protocols form` lists them), or a form file.
    #[arg(long, value_name = "CODE|FILE")]
    pub(crate) form: String,
    /// Which column is which line (docs/PROTOCOLS.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: PathBuf,
    /// The table: one row for each protocol.
    #[arg(value_name = "FILE.csv")]
    pub(crate) file: PathBuf,
    /// Also write every finding to this CSV file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Most findings that are listed; all are counted, and all go to --out.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) list: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ProtocolsDraft {
    /// Code of a form that comes with the program, or a form file.
    #[arg(long, value_name = "CODE|FILE")]
    pub(crate) form: String,
    /// The table.
    #[arg(value_name = "FILE.csv")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ElectionCommand {
    /// Report every fault by file, line and column. Exit codes: 0 none, 1 some, 2 could not check.
    Check(ElectionPlace),
    /// Show what a definition says.
    Show(ElectionPlace),
    /// List the definitions that come with the program.
    List,
    /// Write the definition's parts as files: what the founders of the election sign the digests of, and what is submitted.
    Parts {
        #[command(flatten)]
        place: ElectionPlace,
        /// Folder for part-0.cbor, part-1.cbor …
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Submit the definition's parts to a founded election, signed by the commission.
    Submit(ElectionSubmit),
}

#[derive(Debug, Args)]
pub(crate) struct ElectionSubmit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The parts, in their order: part-0.cbor part-1.cbor …
    #[arg(required = true, num_args = 1..=256, value_name = "PART")]
    pub(crate) parts: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) submit: SubmitAll,
}

#[derive(Debug, Args)]
pub(crate) struct ElectionPlace {
    /// A definition, or the code of one that comes with the program.
    #[arg(value_name = "FILE|CODE")]
    pub(crate) definition: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Roll {
    /// Turn a table of voters into roll leaves by station. Exit codes: 0 imported, 1 faults and nothing imported, 2 could not.
    Import(RollImport),
    /// Show an imported roll: voters by station.
    Show {
        /// What `tamga roll import` wrote.
        roll: PathBuf,
    },
    /// Submit the records of an imported roll, signed by the registry. Exit codes: 0 all accepted, 1 not all, 2 could not.
    Submit(RollSubmit),
    /// Amend the rolls in the ledger until they are an imported roll, before the roll is sealed. Exit codes as with `submit`.
    Amend(RollAmend),
    /// Is a voter on the roll, and where? The personal number is read from the input. Exit codes: 0 yes, 1 no, 2 could not.
    Find(RollFind),
    /// Ask the nodes, signed by the registry, whether a voter is on the roll, where, and admitted already. The personal number is read from
    /// the input; only the registry's key may ask. Exit codes: 0 listed, 1 not listed, 2 could not.
    Listed(RollListed),
}

#[derive(Debug, Args)]
pub(crate) struct RollKeys {
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// The registry's half of the tag key: 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_key: PathBuf,
    /// The commission's half.
    #[arg(long, value_name = "FILE")]
    pub(crate) commission_key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RollImport {
    /// The table: UTF-8, header `pin,station`, one voter a line.
    #[arg(value_name = "FILE.csv")]
    pub(crate) table: PathBuf,
    #[command(flatten)]
    pub(crate) keys: RollKeys,
    /// The election's definition: stations without a roll in it are faults.
    #[arg(long, value_name = "FILE|CODE")]
    pub(crate) definition: Option<PathBuf>,
    /// Where to write the imported roll.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RollSubmit {
    /// What `tamga roll import` wrote.
    pub(crate) roll: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Version of the list.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) list_version: u32,
    #[command(flatten)]
    pub(crate) submit: SubmitAll,
}

#[derive(Debug, Args)]
pub(crate) struct RollAmend {
    /// The roll as it is to be: what `tamga roll import` wrote from the corrected table.
    pub(crate) roll: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Why.
    #[arg(long, value_enum)]
    pub(crate) basis: BasisOfAmendment,
    /// The document that orders it; its BLAKE3 digest is recorded.
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) submit: SubmitAll,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum BasisOfAmendment {
    Moved,
    LeftOut,
    Struck,
    Court,
    Corrected,
}

#[derive(Debug, Args)]
pub(crate) struct RollFind {
    /// What `tamga roll import` wrote.
    pub(crate) roll: PathBuf,
    #[command(flatten)]
    pub(crate) keys: RollKeys,
}

#[derive(Debug, Args)]
pub(crate) struct RollListed {
    #[command(flatten)]
    pub(crate) where_from: ListedAt,
    /// http://host:port of a node or mirror, or the folder of a copy: who the nodes are is read there.
    #[arg(value_name = "URL|DIR")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) keys: RollKeys,
    #[command(flatten)]
    pub(crate) nodes: NodeAddresses,
    /// The registry's record.key, which signs the question.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArguments,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ListedAt {
    /// What `tamga roll import` wrote: the voter's station is found in it.
    #[arg(long, value_name = "FILE")]
    pub(crate) roll: Option<PathBuf>,
    /// The station on whose roll the voter is looked for.
    #[arg(long, value_name = "N")]
    pub(crate) station: Option<u32>,
}
