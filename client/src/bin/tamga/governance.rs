//! `tamga governance`: the organisations decide about nodes, keys and the trust policy. The draft goes round; each organisation reads it and signs where
//! its key is; somebody merges and submits.
//!
//! ```text
//! draft (reads the ledger's genesis) ─► draft.cbor ─► sign (offline, prints what is signed) ─► share.json … ─► merge ─► submit
//! ```

use crate::act;
use crate::args::{Change, Draft as DraftArguments, Governance, Merge, PassphraseArguments, PolicyText, Sign};
use crate::output::{Done, Failure, Output, advance, open_source};
use crate::submit::submit;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::{
    Draft, Scribe, Share, node_add, node_remove, node_rotate_keys, node_set_role, organisation_keys, policy_text,
    record_in_words,
};
use tamga_client::evidence::Language;
use tamga_client::verify::{Opened, last_sequence};
use tamga_keys::{Key, KeyFile, Purpose, check_mode};
use tamga_ledger::ids::{Digest, PublicKey};
use tamga_ledger::judge::check_epoch;
use tamga_ledger::kinds::{
    Body as _, Case, Governance as Decision, KeyRevocation, Kind, LegalAct, NodeKeys, RemovalReason, RotationReason,
};
use tamga_ledger::record::RECORD_BYTES_MAX;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::OsEntropy;

pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024;
const NAME: &str = "governance";

pub(crate) fn run(arguments: &Governance, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Governance::Policy(arguments) => policy(arguments, disk, output),
        Governance::Draft(arguments) => draft(arguments, disk, output),
        Governance::Sign(arguments) => sign(arguments, disk, output),
        Governance::Merge(arguments) => merge(arguments, disk, output),
        Governance::Submit(arguments) => submit(arguments, disk, output),
    }
}

pub(crate) fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::Use(what.to_string())
}

pub(crate) fn read(disk: &Arc<dyn Disk>, path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    disk.read(path, max).map_err(|error| failed(format!("cannot read {}: {error}", path.display())))
}

pub(crate) fn write(disk: &Arc<dyn Disk>, path: &Path, bytes: &[u8]) -> Done {
    disk.replace(path, bytes).map_err(|error| failed(format!("cannot write {}: {error}", path.display())))
}

/// What is decided, for people and programs.
#[derive(Serialize)]
pub(crate) struct Content {
    record: String,
    election: String,
    decision: String,
    signers: Vec<String>,
}

impl Content {
    pub(crate) fn of(draft: &Draft) -> Result<Self, Failure> {
        let record = draft.record();
        let unknown = |_| failed("the draft is no decision of organisations");
        let decision = if record.kind == Kind::KeyRevocation as u16 {
            revocation_in_words(&KeyRevocation::from_bytes(&record.body).map_err(unknown)?)
        } else if record.kind == Kind::LegalAct as u16 {
            act::in_words(record.scope, &LegalAct::from_bytes(&record.body).map_err(unknown)?)
        } else if record.kind == Kind::Case as u16 {
            act::case_in_words(record.scope, &Case::from_bytes(&record.body).map_err(unknown)?)
        } else if let Some(said) = record_in_words(record, Language::En).map_err(unknown)? {
            said
        } else {
            in_words(&Decision::from_bytes(&record.body).map_err(unknown)?)
        };
        Ok(Self {
            record: draft.id().to_string(),
            election: record.election.to_string(),
            decision,
            signers: record.signers.iter().map(ToString::to_string).collect(),
        })
    }

    pub(crate) fn text(&self, done: &str) -> String {
        let signers = self.signers.join(", ");
        format!(
            "{}\n  election {}\n  record {}\n  to be signed by {signers}\n{done}",
            self.decision, self.election, self.record
        )
    }
}

fn keys_in_words(keys: &NodeKeys) -> String {
    format!(
        "\n  cosigner {} {}\n  log {}\n  promise {}\n  batch {}\n  TLS key {}",
        keys.cosigner_name, keys.cosigner_key, keys.log_key, keys.promise_key, keys.batch_key, keys.tls_spki_sha256
    )
}

fn reason_in_words(reason: u8) -> &'static str {
    match RotationReason::from_number(reason) {
        Some(RotationReason::Routine) => "in good order",
        Some(RotationReason::Lost) => "a key or its memory is lost",
        Some(RotationReason::Compromised) => "a key may be in other hands",
        None => "for no reason that is known here",
    }
}

fn revocation_in_words(revocation: &KeyRevocation) -> String {
    let keys: Vec<String> = revocation.keys.iter().map(ToString::to_string).collect();
    format!("these keys sign nothing any more ({}): {}", reason_in_words(revocation.reason), keys.join(", "))
}

fn in_words(decision: &Decision) -> String {
    let role = |role: u8| if role == 2 { "voter" } else { "learner" };
    match decision {
        Decision::NodeAdd { organisation, role: number, keys } => {
            format!("node {} joins {organisation} as a {}{}", keys.id, role(*number), keys_in_words(keys))
        }
        Decision::NodeSetRole { node, role: number } => format!("node {node} becomes a {}", role(*number)),
        Decision::NodeRemove { node, reason } => {
            let reason = match RemovalReason::from_number(*reason) {
                Some(RemovalReason::Replaced) => "another node takes its place",
                Some(RemovalReason::Lost) => "its machine or its disk is lost",
                Some(RemovalReason::KeyCompromised) => "a key of it may be in other hands",
                Some(RemovalReason::Withdrawn) => "its organisation withdraws it",
                Some(RemovalReason::Misbehaved) => "it has signed what cannot both be true, or breaks promises",
                None => "a reason that this program does not know",
            };
            format!("node {node} leaves for good: {reason}; its id and keys are never used again")
        }
        Decision::NodeRotateKeys { keys, reason } => {
            format!("node {} gets these keys ({}){}", keys.id, reason_in_words(*reason), keys_in_words(keys))
        }
        Decision::OrganisationKeys { organisation, record_key, standby_cosigner_key, reason, .. } => format!(
            "organisation {organisation} gets these keys ({})\n  record {record_key}\n  standby cosigner {standby_cosigner_key}",
            reason_in_words(*reason)
        ),
        Decision::ClusterEpoch { number, size, sha256, blake3, voters, learners } => {
            let list = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            format!(
                "cluster epoch {number}: the cluster begins anew from size {size}\n  SHA-256 root {sha256}\n  BLAKE3 root {blake3}\n  \
                 voters {}\n  learners {}\n  every other node leaves for good; what was recorded behind that size is submitted again",
                list(voters),
                if learners.is_empty() { "none".to_owned() } else { list(learners) }
            )
        }
        Decision::PolicyEpoch { number, policy } => {
            let lines: String = policy.lines().map(|line| format!("\n  | {line}")).collect();
            format!("trust policy epoch {number}: from this record on checkpoints need{lines}")
        }
    }
}

/// `public.json` of a node, as `tamga-node keygen` and `tamga-node show-keys` give it. The certificate is not needed here.
#[derive(serde::Deserialize)]
struct PublicNode {
    id: u32,
    cosigner_name: String,
    cosigner_key: PublicKey,
    log_key: PublicKey,
    promise_key: PublicKey,
    batch_key: PublicKey,
    tls_spki_sha256: Digest,
}

/// A node's `public.json`.
fn node_keys(disk: &Arc<dyn Disk>, path: &Path) -> Result<NodeKeys, Failure> {
    let bytes = read(disk, path, FILE_BYTES_MAX)?;
    let node: PublicNode = serde_json::from_slice(&bytes)
        .map_err(|error| failed(format!("{} is not a node's public.json: {error}", path.display())))?;
    Ok(NodeKeys {
        id: node.id,
        cosigner_name: node.cosigner_name,
        cosigner_key: node.cosigner_key,
        log_key: node.log_key,
        promise_key: node.promise_key,
        batch_key: node.batch_key,
        tls_spki_sha256: node.tls_spki_sha256,
    })
}

fn change(what: &Change, opened: &Opened<'_>, disk: &Arc<dyn Disk>) -> Result<Decision, Failure> {
    let trust = &opened.trust;
    Ok(match what {
        Change::ClusterEpoch { voters, learners } => {
            let sorted = |ids: &[u32]| ids.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect::<Vec<_>>();
            let (voters, learners) = (sorted(voters), sorted(learners));
            let unknown = voters.iter().chain(&learners).find(|id| trust.registry().member(**id).is_none());
            if let Some(unknown) = unknown {
                return Err(failed(format!("there is no node {unknown}, or it has been removed")));
            }
            if let Some(twice) = learners.iter().find(|id| voters.contains(id)) {
                return Err(failed(format!("node {twice} is to be a voter and a learner")));
            }
            let head = opened.checkpoint.checkpoint().head();
            Decision::ClusterEpoch {
                number: trust.registry().cluster_epoch().saturating_add(1),
                size: head.size.get(),
                sha256: Digest(*head.roots.sha256.as_bytes()),
                blake3: Digest(*head.roots.blake3.as_bytes()),
                voters,
                learners,
            }
        }
        Change::Add { organisation, role, keys } => node_add(organisation, (*role).into(), node_keys(disk, keys)?),
        Change::Role { node, role } => node_set_role(*node, (*role).into()),
        Change::Remove { node, reason } => node_remove(*node, (*reason).into()),
        Change::Rotate { keys, reason } => node_rotate_keys(node_keys(disk, keys)?, (*reason).into()),
        Change::OrganisationKeys { organisation, record_key: path, passphrase, standby, reason } => {
            let own = trust.registry().organisation(organisation);
            let own = own.ok_or_else(|| failed(format!("there is no organisation {organisation:?}")))?;
            let standby = standby.unwrap_or(own.standby_cosigner_key);
            let key = record_key(disk, path, passphrase)?;
            organisation_keys(trust.election_id(), organisation, key.signer(), standby, (*reason).into())
                .map_err(failed)?
        }
        Change::Policy { file } => {
            let text = read(disk, file, RECORD_BYTES_MAX as u64)?;
            let text = String::from_utf8(text).map_err(|_| failed("a trust policy is UTF-8 text"))?;
            let number = trust.registry().epochs().len() as u32 + 1;
            // What the judge will say, before anybody signs.
            check_epoch(trust.registry(), trust.election(), number, &text).map_err(failed)?;
            Decision::PolicyEpoch { number, policy: text }
        }
        Change::Revoke { .. } => return Err(failed("a revocation is no decision about nodes")),
    })
}

/// The text of a policy out of what is registered now.
fn policy(arguments: &PolicyText, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    #[derive(Serialize)]
    struct Written {
        epoch: u32,
        policy: String,
    }
    let source = open_source(&arguments.place.source, disk)?;
    let trust = Opened::open(&*source, &arguments.place.pinned.genesis)?.trust;
    if let Some(unknown) = arguments.without.iter().find(|name| trust.registry().organisation(name).is_none()) {
        return Err(failed(format!("there is no organisation {unknown:?}")));
    }
    let text = policy_text(&trust, arguments.quorum, &arguments.without).map_err(failed)?;
    let epoch = trust.registry().epochs().len() as u32 + 1;
    check_epoch(trust.registry(), trust.election(), epoch, &text).map_err(failed)?;
    write(disk, &arguments.out, text.as_bytes())?;
    let content = Written { epoch, policy: text };
    output.answer(NAME, &content, || format!("{}written to {}", content.policy, arguments.out.display()));
    Ok(())
}

fn draft(arguments: &DraftArguments, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let trust = &opened.trust;
    let mut signers = Vec::new();
    for name in &arguments.by {
        let found = trust.registry().organisation(name);
        signers.push(found.ok_or_else(|| failed(format!("there is no organisation {name:?}")))?.record_key);
    }
    let commission = trust.election().organisations.first().map(|one| one.name.as_str());
    let revokes = matches!(arguments.change, Change::Revoke { .. });
    let alone = revokes && arguments.by.len() == 1 && arguments.by.first().map(String::as_str) == commission;
    if !alone && !trust.policy().satisfied_by_organisations(arguments.by.iter().map(String::as_str)) {
        return Err(failed("these organisations do not satisfy the trust policy's quorum: name more with --by"));
    }
    let scribe = Scribe::new(*trust.election_id(), Arc::new(OsEntropy));
    if let Some(author) = signers.first().map(PublicKey::id) {
        let last_used = match arguments.sequence {
            Some(next) => next.saturating_sub(1),
            None => {
                let bar = output.bar("reading");
                let last = last_sequence(&opened, &author, |done, all| advance(&bar, done, all))?;
                bar.finish_and_clear();
                last
            }
        };
        scribe.resume(author, last_used);
    }
    let draft = match &arguments.change {
        Change::Revoke { keys, reason } => scribe.revoke_keys(&signers, keys, (*reason).into()),
        other => scribe.governance(&signers, &change(other, &opened, disk)?),
    };
    let draft = draft.map_err(failed)?;
    write(disk, &arguments.out, draft.bytes())?;
    let content = Content::of(&draft)?;
    let done = format!("written to {}; each signer runs: tamga governance sign", arguments.out.display());
    output.answer(NAME, &content, || content.text(&done));
    Ok(())
}

pub(crate) fn read_draft(disk: &Arc<dyn Disk>, path: &Path) -> Result<Draft, Failure> {
    Draft::from_bytes(&read(disk, path, RECORD_BYTES_MAX as u64)?).map_err(failed)
}

pub(crate) fn sign(arguments: &Sign, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let draft = read_draft(disk, &arguments.draft)?;
    let content = Content::of(&draft)?;
    let key = record_key(disk, &arguments.key, &arguments.passphrase)?;
    let share = draft.share_with(key.signer()).map_err(failed)?;
    let text = serde_json::to_string_pretty(&share).map_err(failed)? + "\n";
    write(disk, &arguments.out, text.as_bytes())?;
    let done = format!("signed with key {}; the share is in {}", share.key.id(), arguments.out.display());
    output.answer(NAME, &content, || content.text(&done));
    Ok(())
}

/// An organisation's `record.key`, as `tamga-node keygen-organisation` writes it.
pub(crate) fn record_key(disk: &Arc<dyn Disk>, path: &Path, passphrase: &PassphraseArguments) -> Result<Key, Failure> {
    let file = KeyFile::read_path(&**disk, path, Purpose::Record).map_err(failed)?;
    check_mode(path).map_err(failed)?;
    if file.is_clear() {
        eprintln!("tamga: WARNING: {} is in the clear; for tests and rehearsals only", path.display());
    }
    file.unlock(&passphrase.source()).map_err(failed)
}

pub(crate) fn merge(arguments: &Merge, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let draft = read_draft(disk, &arguments.draft)?;
    let content = Content::of(&draft)?;
    let mut shares: Vec<Share> = Vec::new();
    for path in &arguments.shares {
        let bytes = read(disk, path, FILE_BYTES_MAX)?;
        let share = serde_json::from_slice(&bytes);
        shares.push(share.map_err(|error| failed(format!("{} is not a share: {error}", path.display())))?);
    }
    let submission = draft.merge(&shares).map_err(failed)?;
    write(disk, &arguments.out, &submission.to_bytes())?;
    let done = format!("signed by all; the record is in {}", arguments.out.display());
    output.answer(NAME, &content, || content.text(&done));
    Ok(())
}
