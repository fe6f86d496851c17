//! What is drafted, signed apart, merged and submitted, whatever it decides.

use std::path::PathBuf;

use clap::Args;

use super::Place;

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
    #[command(flatten)]
    pub(crate) nodes: NodeAddresses,
}

#[derive(Debug, Args)]
pub(crate) struct NodeAddresses {
    /// A node to submit to, with its public address; more than one may be named.
    #[arg(long = "node", required = true, value_name = "ID=HOST:PORT", value_parser = node_address)]
    pub(crate) nodes: Vec<(u32, String)>,
}

/// Records that one key signs, and where they go.
#[derive(Debug, Args)]
pub(crate) struct SubmitAll {
    #[command(flatten)]
    pub(crate) nodes: NodeAddresses,
    /// The record.key that signs.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArguments,
    /// Keeps the signed records: after an interruption the same command submits the same ones. Made if it is not there.
    #[arg(long, value_name = "FILE")]
    pub(crate) records: PathBuf,
    /// The key's next record number; found in the ledger if not given.
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
}

fn node_address(text: &str) -> Result<(u32, String), String> {
    let (node, address) = text.split_once('=').ok_or("expected ID=HOST:PORT")?;
    let node = node.parse().map_err(|_| format!("{node:?} is not a node id"))?;
    Ok((node, address.to_owned()))
}
