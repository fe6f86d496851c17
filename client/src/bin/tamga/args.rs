//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use tamga_ledger::ids::{ElectionId, KeyId, PublicKey, RecordId};
use tamga_ledger::kinds::{NodeRole, RemovalReason, RotationReason};

/// Checks an election ledger against its genesis digest. Trusts no server.
///
/// Exit codes: 0 verified, 1 refuted, 2 could not check.
#[derive(Debug, Parser)]
#[command(name = "tamga", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
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
            Self::Ceremony(_) => "ceremony",
            Self::Governance(_) => "governance",
            Self::Act(_) => "act",
            Self::Case(_) => "case",
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

#[derive(Debug, Args)]
pub(crate) struct Results {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What the ledger said when it had so many entries.
    #[arg(long, value_name = "N", conflicts_with = "before")]
    pub(crate) size: Option<u64>,
    /// What the ledger said before the entry at this leaf, for example before a court's decision.
    #[arg(long, value_name = "LEAF")]
    pub(crate) before: Option<u64>,
    /// Only this constituency, with its stations and units.
    #[arg(long, value_name = "N")]
    pub(crate) constituency: Option<u32>,
    /// List so many of the largest differences between machine and hand.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) differences: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Unit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The station.
    #[arg(long, value_name = "N")]
    pub(crate) station: u32,
    /// Its unit: 1 the hall, mobile boxes follow.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) unit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Tables {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Anomalies {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How many entries of each kind are listed; all are counted.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) listed: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The folder to write into.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Act {
    /// Write an act that waits for signatures.
    Draft(ActDraft),
    /// Read an act and sign it with one organisation's record key. Needs no network.
    Sign(Sign),
    /// Put the signatures of all signers together.
    Merge(Merge),
    /// Submit the signed act and wait for the verdict.
    Submit(Submit),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// Write a step of a case that waits for its signature.
    Draft(CaseDraft),
    /// Read a step and sign it. Needs no network.
    Sign(Sign),
    /// Put the signature to it.
    Merge(Merge),
    /// Submit the signed step and wait for the verdict.
    Submit(Submit),
}

/// What an act or a case is about; the election if nothing is given.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// A constituency.
    #[arg(long, value_name = "N", conflicts_with_all = ["station"])]
    pub(crate) constituency: Option<u32>,
    /// A station, with all its units.
    #[arg(long, value_name = "N")]
    pub(crate) station: Option<u32>,
    /// One unit of the station: 1 the hall, mobile boxes follow.
    #[arg(long, value_name = "N", requires = "station")]
    pub(crate) unit: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct ActDraft {
    #[command(flatten)]
    pub(crate) place: Place,
    /// An organisation that will sign; the first is the author. The commission alone, or enough for the trust policy's quorum.
    #[arg(long, required = true, value_name = "ORGANISATION")]
    pub(crate) by: Vec<String>,
    /// The author's next record number; found in the ledger if not given.
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
    #[command(flatten)]
    pub(crate) about: About,
    /// The act's number as its issuer gave it.
    #[arg(long)]
    pub(crate) number: String,
    /// The act's date, 2025-12-05.
    #[arg(long)]
    pub(crate) date: String,
    /// Who issued it.
    #[arg(long, value_enum)]
    pub(crate) issuer: IssuerName,
    /// Which one, where there are several.
    #[arg(long, default_value_t = 0)]
    pub(crate) issuer_number: u32,
    /// The act's document; its BLAKE3 digest is recorded.
    #[arg(long, value_name = "FILE")]
    pub(crate) document: PathBuf,
    /// From when on, ms UTC; without it from its own entry on.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) effective_ms: u64,
    /// No appeal is possible any more.
    #[arg(long = "final")]
    pub(crate) final_act: bool,
    /// Where to write the draft.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(subcommand)]
    pub(crate) effect: Effect,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum IssuerName {
    Candidate,
    Precinct,
    Constituency,
    Central,
    Court,
    Appeal,
    Supreme,
}

impl From<IssuerName> for tamga_ledger::kinds::Issuer {
    fn from(name: IssuerName) -> Self {
        match name {
            IssuerName::Candidate => Self::Candidate,
            IssuerName::Precinct => Self::Precinct,
            IssuerName::Constituency => Self::Constituency,
            IssuerName::Central => Self::Central,
            IssuerName::Court => Self::Court,
            IssuerName::Appeal => Self::Appeal,
            IssuerName::Supreme => Self::Supreme,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Effect {
    /// The vote in the constituency, at the station or in the unit is void.
    Annul,
    /// An earlier act has no effect any more.
    Cancel {
        /// Id of its record.
        act: RecordId,
    },
    /// An earlier act has no effect until this one is cancelled.
    Suspend {
        /// Id of its record.
        act: RecordId,
    },
    /// A candidate is struck out: votes for them do not count.
    Strike {
        /// Ballot position.
        position: u32,
    },
    /// A candidate withdraws, or gives the seat back.
    Withdraw {
        /// Ballot position.
        position: u32,
    },
    /// The papers of the station or unit are to be counted again.
    Recount,
    /// A lot was drawn between candidates with equally many votes.
    Lot {
        /// Ballot positions in the order drawn.
        #[arg(required = true, num_args = 2..)]
        order: Vec<u32>,
    },
    /// Voting at the station or unit goes on for longer.
    Extend {
        /// Until when, ms UTC.
        until_ms: u64,
    },
    /// These candidates are declared elected.
    Elect {
        /// Ballot positions.
        #[arg(required = true, num_args = 1..)]
        positions: Vec<u32>,
    },
    /// A vacant seat goes to another candidate.
    Succeed {
        /// Ballot position of who held it.
        vacated: u32,
        /// Ballot position of who gets it.
        successor: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CaseDraft {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The organisation that opens or decides it.
    #[arg(long, value_name = "ORGANISATION")]
    pub(crate) by: String,
    /// The author's next record number; found in the ledger if not given.
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
    #[command(flatten)]
    pub(crate) about: About,
    /// What kind of case.
    #[arg(long, value_enum, default_value = "complaint")]
    pub(crate) category: CaseCategory,
    /// The step.
    #[arg(long, value_enum)]
    pub(crate) state: CaseStep,
    /// Id of the record that opened the case; not for filing.
    #[arg(long, value_name = "RECORD")]
    pub(crate) opened_by: Option<RecordId>,
    /// By when it has to be decided, ms UTC.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) deadline_ms: u64,
    /// Id of the record it is about.
    #[arg(long, value_name = "RECORD")]
    pub(crate) target: Option<RecordId>,
    /// Id of the act that decides it.
    #[arg(long, value_name = "RECORD")]
    pub(crate) act: Option<RecordId>,
    /// The document or photograph; its BLAKE3 digest is recorded.
    #[arg(long, value_name = "FILE")]
    pub(crate) document: PathBuf,
    /// Where to write the draft.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CaseCategory {
    Complaint,
    Incident,
    DisputedIdentification,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CaseStep {
    Filed,
    Examined,
    Granted,
    Dismissed,
    Withdrawn,
    Appealed,
}

#[derive(Debug, Args)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The published checkpoint of exactly this size, proven to be a prefix of the latest one.
    #[arg(long, value_name = "N", conflicts_with = "at")]
    pub(crate) size: Option<u64>,
    /// The last checkpoint published by then, by the source's clock: 2025-11-30T14:15Z, or milliseconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Prove that it extends the published checkpoint of this size.
    #[arg(long, value_name = "N")]
    pub(crate) since: Option<u64>,
    /// Prove that it extends a checkpoint kept in a file.
    #[arg(long, value_name = "FILE", conflicts_with = "since")]
    pub(crate) since_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) what: What,
    /// Where to write the receipt.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Where to write the proof for other tools too: C2SP tlog-proof, SHA-256 only. The entry's bytes are written beside it, in
    /// FILE.entry.
    #[arg(long, value_name = "FILE")]
    pub(crate) tlog_proof: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct What {
    /// The record's id, as printed on the slip.
    #[arg(long, value_name = "ID")]
    pub(crate) record: Option<RecordId>,
    /// The leaf index of the entry.
    #[arg(long, value_name = "N")]
    pub(crate) leaf: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file that `tamga prove` or `tamga bundle` wrote, or a bare receipt as nodes give it.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// Write what a court's bundle says as one HTML page in Kyrgyz, Russian and English.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// The language of the text about a court's bundle.
    #[arg(long, value_enum, default_value = "en")]
    pub(crate) lang: Lang,
    /// Entry 0 of the ledger, for a bare receipt.
    #[arg(long, value_name = "ENTRY0", conflicts_with = "source")]
    pub(crate) genesis_file: Option<PathBuf>,
    /// The organisations' decisions, as a node serves them under /history, for a bare receipt beside --genesis-file.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Where to read entry 0 and the organisations' decisions for a bare receipt.
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) what: BundleSubject,
    /// The court's order (its number and date) by which confidential bodies are handed over. Without it none are, public or not.
    #[arg(long, value_name = "TEXT")]
    pub(crate) order: Option<String>,
    /// A folder with the bodies that a node's operator hands over by that order, each in LEAF.body. Otherwise those that the source
    /// shows (after the Voting seal) are taken.
    #[arg(long, value_name = "DIR", requires = "order")]
    pub(crate) bodies: Option<PathBuf>,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct BundleSubject {
    /// Everything about this station and its units.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) station: Option<u32>,
    /// Everything about this constituency, its stations and their units.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) constituency: Option<u32>,
    /// These records.
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) record: Vec<RecordId>,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How many findings to print.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) findings: usize,
    /// A folder of your own in which this run leaves what it has verified: the next one goes on from there, after an
    /// interruption or when the ledger has grown. Never take one from somebody else.
    #[arg(long, value_name = "DIR")]
    pub(crate) memory: Option<PathBuf>,
    /// Write the report as one HTML page in Kyrgyz, Russian and English.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// The language of the findings in text (JSON and HTML have all three).
    #[arg(long, value_enum, default_value = "en")]
    pub(crate) lang: Lang,
}

#[derive(Debug, Args)]
pub(crate) struct Download {
    /// http://host:port of a node or mirror, or the folder of a copy.
    #[arg(value_name = "URL|DIR")]
    pub(crate) source: String,
    /// The folder to write; a copy that is there is brought up to date.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
}

/// Exit codes, with --once or --exit-on-alarm: 0 nothing is wrong, 1 somebody has shown something false, 2 not everybody could be
/// read, or another alarm.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// http://host:port of nodes, mirrors and witnesses that serve the checkpoint, or folders of copies. All of them.
    #[arg(required = true, value_name = "URL|DIR")]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// The monitor's folder: what it has verified, durably, and evidence. Keep it: a monitor without memory can be shown anything.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// A trust policy of your own (C2SP tlog-policy) that every checkpoint has to satisfy too, for example with outside witnesses.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// A folder with promises as nodes gave them, one a file: each is looked for in the ledger.
    #[arg(long, value_name = "DIR")]
    pub(crate) promises: Option<PathBuf>,
    /// Mean time between looks, in seconds; each pause is random, half to one and a half times of it.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) interval: u64,
    /// Alarm when nothing was published for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) stall: u64,
    /// Do not read and judge every entry, only checkpoints.
    #[arg(long)]
    pub(crate) no_follow: bool,
    /// Look once and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// End at the first alarm.
    #[arg(long)]
    pub(crate) exit_on_alarm: bool,
    /// Lines instead of the view for people.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Post each alarm as JSON to this address.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// Run this with sh for each alarm, which it gets as JSON on its standard input.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Verify an evidence file, offline, and say what it proves: 0 it convinces, 1 it proves nothing, 2 could not check.
    Verify(EvidenceVerify),
}

#[derive(Debug, Args)]
pub(crate) struct EvidenceVerify {
    /// The file.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) pinned: Pinned,
    /// The folder of a copy of the ledger (tamga download), or a URL: for files that refer to all entries.
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) ledger: Option<String>,
    /// The language of the text.
    #[arg(long, value_enum, default_value = "en")]
    pub(crate) lang: Lang,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Governance {
    /// Write the text of a trust policy out of the nodes and keys that are registered now.
    Policy(PolicyText),
    /// Write a decision that waits for signatures.
    Draft(Draft),
    /// Read a decision and sign it with one organisation's record key. Needs no network.
    Sign(Sign),
    /// Put the signatures of all signers together.
    Merge(Merge),
    /// Submit the signed decision and wait for the verdict.
    Submit(Submit),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyText {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How many organisations have to cosign; the smallest number that cannot be split if none is given.
    #[arg(long, value_name = "K")]
    pub(crate) quorum: Option<usize>,
    /// An organisation that is left out.
    #[arg(long, value_name = "ORGANISATION")]
    pub(crate) without: Vec<String>,
    /// Where to write the text.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Draft {
    #[command(flatten)]
    pub(crate) place: Place,
    /// An organisation that will sign; the first is the record's author. Enough for the trust policy's quorum.
    #[arg(long, required = true, value_name = "ORGANISATION")]
    pub(crate) by: Vec<String>,
    /// The author's next record number: above every number that its record key has used. Without it the whole ledger is
    /// read for that number; a copy (`tamga download`) spares the network.
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
    /// Where to write the draft.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(subcommand)]
    pub(crate) change: Change,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// A node joins.
    Add {
        /// Its organisation, which has to be among the signers.
        #[arg(long)]
        organisation: String,
        /// What it is to be; learners are promoted later, by another decision.
        #[arg(long)]
        role: Role,
        /// Its public.json.
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
    },
    /// A node is promoted or demoted.
    Role {
        /// Which.
        #[arg(long)]
        node: u32,
        /// What it is to be.
        #[arg(long)]
        role: Role,
    },
    /// A node leaves for good.
    Remove {
        /// Which.
        #[arg(long)]
        node: u32,
        /// Why.
        #[arg(long)]
        reason: Reason,
    },
    /// A node gets other keys; its organisation has to be among the signers.
    Rotate {
        /// Its new public.json; keys that stay are repeated.
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// Why.
        #[arg(long)]
        reason: KeyReason,
    },
    /// An organisation gets another record key, another standby key, or both.
    OrganisationKeys {
        /// Which.
        #[arg(long)]
        organisation: String,
        /// Its record.key from now on: it signs that it is there. Its secret half is read and not sent anywhere.
        #[arg(long, value_name = "FILE")]
        record_key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
        /// Its standby cosigner's public key, if that changes.
        #[arg(long, value_name = "KEY")]
        standby: Option<PublicKey>,
        /// Why.
        #[arg(long)]
        reason: KeyReason,
    },
    /// Keys of devices, scanners, members or the registry are taken back. The commission alone may sign this too.
    Revoke {
        /// A key id: 32 hexadecimal digits.
        #[arg(long = "key", required = true, value_name = "ID")]
        keys: Vec<KeyId>,
        /// Why.
        #[arg(long)]
        reason: KeyReason,
    },
    /// The cluster begins anew from the last published size that the source shows, on the nodes named; every other node leaves
    /// for good. Not submitted: each node named is given the record with `tamga-node recover`.
    ClusterEpoch {
        /// A node that goes on as a voter; its ledger reaches that size.
        #[arg(long = "voter", required = true, value_name = "ID")]
        voters: Vec<u32>,
        /// A node that goes on as a learner.
        #[arg(long = "learner", value_name = "ID")]
        learners: Vec<u32>,
    },
    /// Another trust policy.
    Policy {
        /// Its text; `tamga governance policy` writes one.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KeyReason {
    Routine,
    Lost,
    Compromised,
}

impl From<KeyReason> for RotationReason {
    fn from(reason: KeyReason) -> Self {
        match reason {
            KeyReason::Routine => Self::Routine,
            KeyReason::Lost => Self::Lost,
            KeyReason::Compromised => Self::Compromised,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    Learner,
    Voter,
}

impl From<Role> for NodeRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Learner => Self::Learner,
            Role::Voter => Self::Voter,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Reason {
    Replaced,
    Lost,
    KeyCompromised,
    Withdrawn,
    Misbehaved,
}

impl From<Reason> for RemovalReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Replaced => Self::Replaced,
            Reason::Lost => Self::Lost,
            Reason::KeyCompromised => Self::KeyCompromised,
            Reason::Withdrawn => Self::Withdrawn,
            Reason::Misbehaved => Self::Misbehaved,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ceremony {
    /// Make this organisation's card: its public keys and its nodes', with proofs that they are at hand.
    Card(CeremonyCard),
    /// Assemble a draft of the genesis record from everybody's cards, the plan and the definition. Needs no secret.
    Draft(CeremonyDraft),
    /// Read a draft against the cards and parts you hold yourself, and say in plain words what it founds.
    Show(Papers),
    /// The same, and sign it with this organisation's record key.
    Sign(CeremonySign),
    /// Put everybody's signatures under the draft.
    Merge(CeremonyMerge),
    /// Check a finished genesis record against the id that was read aloud.
    Check(CeremonyCheck),
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyCard {
    /// Short name: letters, digits, hyphens.
    #[arg(long)]
    pub(crate) name: String,
    /// What it is called in Kyrgyz,
    #[arg(long)]
    pub(crate) title_ky: String,
    /// in Russian,
    #[arg(long)]
    pub(crate) title_ru: String,
    /// and in English.
    #[arg(long)]
    pub(crate) title_en: String,
    /// Folder of record.key and standby.key (tamga-node keygen-organisation).
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArguments,
    /// A card of each of its nodes (tamga-node card).
    #[arg(long = "node", value_name = "FILE", required = true)]
    pub(crate) nodes: Vec<PathBuf>,
    /// Where to write the card.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// What a reader of a draft holds itself.
#[derive(Debug, Args)]
pub(crate) struct Papers {
    /// The draft.
    pub(crate) draft: PathBuf,
    /// The card of each organisation, as it was handed over; the first is the commission.
    #[arg(long = "card", value_name = "FILE", required = true)]
    pub(crate) cards: Vec<PathBuf>,
    /// Each definition part, in order.
    #[arg(long = "part", value_name = "FILE", required = true)]
    pub(crate) parts: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyDraft {
    #[command(flatten)]
    pub(crate) papers: Papers,
    /// What the commission has decided (docs/CEREMONY.md shows one).
    #[arg(long, value_name = "TOML")]
    pub(crate) plan: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonySign {
    #[command(flatten)]
    pub(crate) papers: Papers,
    /// The id that everybody has read aloud: 64 hexadecimal digits.
    #[arg(long)]
    pub(crate) id: ElectionId,
    /// The organisation's record.key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArguments,
    /// Where to write the signature.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyMerge {
    /// The draft.
    pub(crate) draft: PathBuf,
    /// The signatures of all organisations.
    #[arg(required = true)]
    pub(crate) shares: Vec<PathBuf>,
    /// Where to write the genesis record.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyCheck {
    /// The genesis record.
    pub(crate) genesis_file: PathBuf,
    /// The id that everybody has read aloud.
    #[arg(long)]
    pub(crate) id: ElectionId,
}

/// Where the passphrase of a key file comes from. Without either option: the environment variable TAMGA_PASSPHRASE, or whoever
/// sits at the terminal. For a key in a device it is the PIN.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArguments {
    /// A file whose first line is the passphrase; nobody else may be able to read it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// An open file descriptor whose first line is the passphrase.
    #[arg(long, value_name = "NUMBER", conflicts_with = "passphrase_file")]
    passphrase_fd: Option<u32>,
}

impl PassphraseArguments {
    pub(crate) fn source(&self) -> tamga_keys::Passphrases {
        tamga_keys::Passphrases::choose(self.passphrase_file.as_deref(), self.passphrase_fd)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The draft.
    pub(crate) draft: PathBuf,
    /// The organisation's record.key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArguments,
    /// Where to write the signature.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The draft.
    pub(crate) draft: PathBuf,
    /// The signatures of all signers.
    #[arg(required = true)]
    pub(crate) shares: Vec<PathBuf>,
    /// Where to write the record.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// The signed record.
    pub(crate) record: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// A node to submit to, with its public address; more than one may be named.
    #[arg(long = "node", required = true, value_name = "ID=HOST:PORT", value_parser = node_address)]
    pub(crate) nodes: Vec<(u32, String)>,
}

fn node_address(text: &str) -> Result<(u32, String), String> {
    let (node, address) = text.split_once('=').ok_or("expected ID=HOST:PORT")?;
    let node = node.parse().map_err(|_| format!("{node:?} is not a node id"))?;
    Ok((node, address.to_owned()))
}

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
    /// Is a voter on the roll, and where? The personal number is read from the input. Exit codes: 0 yes, 1 no, 2 could not.
    Find(RollFind),
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
pub(crate) struct RollFind {
    /// What `tamga roll import` wrote.
    pub(crate) roll: PathBuf,
    #[command(flatten)]
    pub(crate) keys: RollKeys,
}
