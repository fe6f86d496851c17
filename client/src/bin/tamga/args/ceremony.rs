//! How an election is founded.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tamga_ledger::ids::ElectionId;

use super::PassphraseArguments;

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
