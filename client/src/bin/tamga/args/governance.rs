//! Decisions of the organisations on nodes, keys and the trust policy.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tamga_ledger::ids::{KeyId, PublicKey};
use tamga_ledger::kinds::{NodeRole, RemovalReason, RotationReason};

use super::{Merge, PassphraseArguments, Place, Sign, Submit};

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
