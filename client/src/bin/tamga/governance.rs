//! `tamga governance`: the organisations decide about nodes, keys and the trust policy. The draft goes round; each organisation reads it and signs where
//! its key is; somebody merges and submits.
//!
//! ```text
//! draft (reads the ledger's genesis) ─► draft.cbor ─► sign (offline, prints what is signed) ─► share.json … ─► merge ─► submit
//! ```

use crate::act;
use crate::args::{Change, Draft as DraftArguments, Governance, Merge, PassphraseArguments, PolicyText, Sign};
use crate::failure::{Done, Failure, failed, no_organisation, said, unread, unwritten};
use crate::output::{Output, advance, open_source};
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
use tamga_ledger::record::{RECORD_BYTES_MAX, Record};
use tamga_platform::disk::Disk;
use tamga_platform::entropy::OsEntropy;

pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024;
const NAME: &str = "governance";

pub(crate) fn run(arguments: &Governance, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Governance::Policy(arguments) => policy(arguments, disk, output),
        Governance::Draft(arguments) => draft(arguments, disk, output),
        Governance::Sign(arguments) => sign(NAME, arguments, disk, output),
        Governance::Merge(arguments) => merge(NAME, arguments, disk, output),
        Governance::Submit(arguments) => submit(NAME, arguments, disk, output),
    }
}

pub(crate) fn read(disk: &Arc<dyn Disk>, path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    disk.read(path, max).map_err(|error| unread(path, error))
}

pub(crate) fn write(disk: &Arc<dyn Disk>, path: &Path, bytes: &[u8]) -> Done {
    disk.replace(path, bytes).map_err(|error| unwritten(path, error))
}

/// What is decided, for people and programs.
#[derive(Serialize)]
pub(crate) struct Content {
    record: String,
    election: String,
    decision: String,
    signers: Vec<String>,
    /// The decision in the language that was asked for.
    #[serde(skip)]
    said: String,
}

impl Content {
    pub(crate) fn of(draft: &Draft, language: Language) -> Result<Self, Failure> {
        let record = draft.record();
        Ok(Self {
            record: draft.id().to_string(),
            election: record.election.to_string(),
            decision: decided(record, Language::En)?,
            signers: record.signers.iter().map(ToString::to_string).collect(),
            said: decided(record, language)?,
        })
    }

    pub(crate) fn text(&self, done: &str, language: Language) -> String {
        let of = |ky, ru, en| language.of(ky, ru, en);
        format!(
            "{}\n  {} {}\n  {} {}\n  {} {}\n{done}",
            self.said,
            of("шайлоо", "выборы", "election"),
            self.election,
            of("документ", "документ", "record"),
            self.record,
            of("кол коюшу керек", "должны подписать", "to be signed by"),
            self.signers.join(", "),
        )
    }
}

/// What a draft decides, as its signers read it.
fn decided(record: &Record, language: Language) -> Result<String, Failure> {
    let unknown = |_| {
        said(
            "долбоор уюмдардын чечими эмес",
            "проект не решение организаций",
            "the draft is no decision of organisations",
        )
    };
    let said = if record.kind == Kind::KeyRevocation as u16 {
        revocation_in_words(&KeyRevocation::from_bytes(&record.body).map_err(unknown)?, language)
    } else if record.kind == Kind::LegalAct as u16 {
        act::in_words(record.scope, &LegalAct::from_bytes(&record.body).map_err(unknown)?, language)
    } else if record.kind == Kind::Case as u16 {
        act::case_in_words(record.scope, &Case::from_bytes(&record.body).map_err(unknown)?, language)
    } else if let Some(said) = record_in_words(record, language).map_err(unknown)? {
        said
    } else {
        in_words(&Decision::from_bytes(&record.body).map_err(unknown)?, language)
    };
    Ok(said)
}

fn keys_in_words(keys: &NodeKeys) -> String {
    format!(
        "\n  cosigner {} {}\n  log {}\n  promise {}\n  batch {}\n  TLS {}",
        keys.cosigner_name, keys.cosigner_key, keys.log_key, keys.promise_key, keys.batch_key, keys.tls_spki_sha256
    )
}

fn reason_in_words(reason: u8, language: Language) -> &'static str {
    match RotationReason::from_number(reason) {
        Some(RotationReason::Routine) => language.of("пландуу", "в плановом порядке", "in good order"),
        Some(RotationReason::Lost) => {
            language.of("ачкыч же анын эси жоголгон", "ключ или его память утрачены", "a key or its memory is lost")
        }
        Some(RotationReason::Compromised) => language.of(
            "ачкыч башка бирөөнүн колунда болушу мүмкүн",
            "ключ мог попасть в чужие руки",
            "a key may be in other hands",
        ),
        None => language.of("белгисиз себеп", "неизвестная причина", "for no reason that is known here"),
    }
}

fn revocation_in_words(revocation: &KeyRevocation, language: Language) -> String {
    let keys: Vec<String> = revocation.keys.iter().map(ToString::to_string).collect();
    let what = language.of(
        "бул ачкычтар мындан ары эч нерсеге кол койбойт",
        "эти ключи больше ничего не подписывают",
        "these keys sign nothing any more",
    );
    format!("{what} ({}): {}", reason_in_words(revocation.reason, language), keys.join(", "))
}

fn removal_in_words(reason: u8, language: Language) -> &'static str {
    match RemovalReason::from_number(reason) {
        Some(RemovalReason::Replaced) => {
            language.of("ордун башка түйүн ээлейт", "его место занимает другой узел", "another node takes its place")
        }
        Some(RemovalReason::Lost) => {
            language.of("машинасы же диски жоголгон", "утрачены его машина или диск", "its machine or its disk is lost")
        }
        Some(RemovalReason::KeyCompromised) => language.of(
            "ачкычы башка бирөөнүн колунда болушу мүмкүн",
            "его ключ мог попасть в чужие руки",
            "a key of it may be in other hands",
        ),
        Some(RemovalReason::Withdrawn) => {
            language.of("уюму аны чыгарып алат", "его организация отзывает его", "its organisation withdraws it")
        }
        Some(RemovalReason::Misbehaved) => language.of(
            "бири-бирине каршы нерселерге кол койгон же убадасын бузган",
            "подписал несовместимое или нарушает обещания",
            "it has signed what cannot both be true, or breaks promises",
        ),
        None => language.of(
            "бул программа билбеген себеп",
            "причина, неизвестная программе",
            "a reason that this program does not know",
        ),
    }
}

fn in_words(decision: &Decision, language: Language) -> String {
    let role = |role: u8| match role {
        2 => language.of("добуш берүүчү", "голосующий", "voter"),
        _ => language.of("үйрөнүүчү", "наблюдающий", "learner"),
    };
    match decision {
        Decision::NodeAdd { organisation, role: number, keys } => {
            let (id, role, keys) = (keys.id, role(*number), keys_in_words(keys));
            match language {
                Language::Ky => format!("{id}-түйүн {organisation} уюмунан кошулат, ролу: {role}{keys}"),
                Language::Ru => format!("узел {id} присоединяется от {organisation}, роль: {role}{keys}"),
                Language::En => format!("node {id} joins {organisation} as a {role}{keys}"),
            }
        }
        Decision::NodeSetRole { node, role: number } => match language {
            Language::Ky => format!("{node}-түйүндүн жаңы ролу: {}", role(*number)),
            Language::Ru => format!("новая роль узла {node}: {}", role(*number)),
            Language::En => format!("node {node} becomes a {}", role(*number)),
        },
        Decision::NodeRemove { node, reason } => {
            let reason = removal_in_words(*reason, language);
            match language {
                Language::Ky => {
                    format!("{node}-түйүн биротоло чыгат: {reason}; анын номери менен ачкычтары кайра колдонулбайт")
                }
                Language::Ru => {
                    format!("узел {node} уходит навсегда: {reason}; его номер и ключи больше не используются")
                }
                Language::En => {
                    format!("node {node} leaves for good: {reason}; its id and keys are never used again")
                }
            }
        }
        Decision::NodeRotateKeys { keys, reason } => {
            let (id, reason, keys) = (keys.id, reason_in_words(*reason, language), keys_in_words(keys));
            match language {
                Language::Ky => format!("{id}-түйүн бул ачкычтарды алат ({reason}){keys}"),
                Language::Ru => format!("узел {id} получает эти ключи ({reason}){keys}"),
                Language::En => format!("node {id} gets these keys ({reason}){keys}"),
            }
        }
        Decision::OrganisationKeys { organisation, record_key, standby_cosigner_key, reason, .. } => {
            let reason = reason_in_words(*reason, language);
            let head = match language {
                Language::Ky => format!("{organisation} уюму бул ачкычтарды алат ({reason})"),
                Language::Ru => format!("организация {organisation} получает эти ключи ({reason})"),
                Language::En => format!("organisation {organisation} gets these keys ({reason})"),
            };
            format!("{head}\n  record {record_key}\n  standby cosigner {standby_cosigner_key}")
        }
        Decision::ClusterEpoch { number, size, sha256, blake3, voters, learners } => {
            let list = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            let head = match language {
                Language::Ky => format!("кластердин {number}-доору: кластер {size} жазуудан кайра башталат"),
                Language::Ru => format!("эпоха кластера {number}: кластер начинает заново с {size} записей"),
                Language::En => format!("cluster epoch {number}: the cluster begins anew from size {size}"),
            };
            let rest = language.of(
                "калган түйүндөр биротоло чыгат; андан кийин жазылгандар кайра тапшырылат",
                "все прочие узлы уходят навсегда; записанное после этого подаётся снова",
                "every other node leaves for good; what was recorded behind that size is submitted again",
            );
            let voting = language.of("добуш берүүчүлөр", "голосующие", "voters");
            let learning = language.of("үйрөнүүчүлөр", "наблюдающие", "learners");
            let (voters, learners) = (list(voters), if learners.is_empty() { "-".to_owned() } else { list(learners) });
            format!(
                "{head}\n  SHA-256 {sha256}\n  BLAKE3 {blake3}\n  {voting} {voters}\n  {learning} {learners}\n  {rest}"
            )
        }
        Decision::PolicyEpoch { number, policy } => {
            let lines: String = policy.lines().map(|line| format!("\n  | {line}")).collect();
            match language {
                Language::Ky => {
                    format!("ишеним эрежелеринин {number}-доору: ушул жазуудан тартып көзөмөл чекиттерине керек{lines}")
                }
                Language::Ru => {
                    format!("эпоха правил доверия {number}: с этой записи контрольным точкам нужно{lines}")
                }
                Language::En => {
                    format!("trust policy epoch {number}: from this record on checkpoints need{lines}")
                }
            }
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
    let node: PublicNode = serde_json::from_slice(&bytes).map_err(|error| {
        let path = path.display();
        said(
            format!("{path} түйүндүн public.json файлы эмес: {error}"),
            format!("{path} не public.json узла: {error}"),
            format!("{path} is not a node's public.json: {error}"),
        )
    })?;
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
                return Err(said(
                    format!("{unknown} түйүнү жок же чыгарылган"),
                    format!("узла {unknown} нет, или он исключён"),
                    format!("there is no node {unknown}, or it has been removed"),
                ));
            }
            if let Some(twice) = learners.iter().find(|id| voters.contains(id)) {
                return Err(said(
                    format!("{twice} түйүнү добуш берүүчү да, үйрөнүүчү да болуп аталган"),
                    format!("узел {twice} назван и голосующим, и обучающимся"),
                    format!("node {twice} is to be a voter and a learner"),
                ));
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
            let own = own.ok_or_else(|| no_organisation(organisation))?;
            let standby = standby.unwrap_or(own.standby_cosigner_key);
            let key = record_key(disk, path, passphrase)?;
            organisation_keys(trust.election_id(), organisation, key.signer(), standby, (*reason).into())
                .map_err(failed)?
        }
        Change::Policy { file } => {
            let text = read(disk, file, RECORD_BYTES_MAX as u64)?;
            let text = String::from_utf8(text).map_err(|_| {
                said(
                    "ишеним эрежелери UTF-8 тексти болушу керек",
                    "политика доверия — текст UTF-8",
                    "a trust policy is UTF-8 text",
                )
            })?;
            let number = trust.registry().epochs().len() as u32 + 1;
            // What the judge will say, before anybody signs.
            check_epoch(trust.registry(), trust.election(), number, &text).map_err(failed)?;
            Decision::PolicyEpoch { number, policy: text }
        }
        Change::Revoke { .. } => {
            return Err(said(
                "ачкычты кайтаруу түйүндөр жөнүндө чечим эмес",
                "отзыв ключа не решение об узлах",
                "a revocation is no decision about nodes",
            ));
        }
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
        return Err(no_organisation(unknown));
    }
    let text = policy_text(&trust, arguments.quorum, &arguments.without).map_err(failed)?;
    let epoch = trust.registry().epochs().len() as u32 + 1;
    check_epoch(trust.registry(), trust.election(), epoch, &text).map_err(failed)?;
    write(disk, &arguments.out, text.as_bytes())?;
    let content = Written { epoch, policy: text };
    output.answer(NAME, &content, || format!("{}→ {}", content.policy, arguments.out.display()));
    Ok(())
}

fn draft(arguments: &DraftArguments, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let trust = &opened.trust;
    let mut signers = Vec::new();
    for name in &arguments.by {
        let found = trust.registry().organisation(name);
        signers.push(found.ok_or_else(|| no_organisation(name))?.record_key);
    }
    let commission = trust.election().organisations.first().map(|one| one.name.as_str());
    let revokes = matches!(arguments.change, Change::Revoke { .. });
    let alone = revokes && arguments.by.len() == 1 && arguments.by.first().map(String::as_str) == commission;
    if !alone && !trust.policy().satisfied_by_organisations(arguments.by.iter().map(String::as_str)) {
        return Err(said(
            "бул уюмдар ишеним эрежелеринин кворумун түзбөйт: --by менен дагы атаңыз",
            "эти организации не составляют кворума: назовите больше через --by",
            "these organisations do not satisfy the trust policy's quorum: name more with --by",
        ));
    }
    let scribe = Scribe::new(*trust.election_id(), Arc::new(OsEntropy));
    if let Some(author) = signers.first().map(PublicKey::id) {
        let last_used = match arguments.sequence {
            Some(next) => next.saturating_sub(1),
            None => {
                let bar = output.bar("окулууда", "чтение", "reading");
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
    let content = Content::of(&draft, output.language())?;
    let language = output.language();
    let next = language.of("ар бир кол коюучу:", "каждый подписывающий:", "each signer runs:");
    let done = format!("→ {}; {next} tamga governance sign", arguments.out.display());
    output.answer(NAME, &content, || content.text(&done, language));
    Ok(())
}

pub(crate) fn read_draft(disk: &Arc<dyn Disk>, path: &Path) -> Result<Draft, Failure> {
    Draft::from_bytes(&read(disk, path, RECORD_BYTES_MAX as u64)?).map_err(failed)
}

pub(crate) fn sign(name: &str, arguments: &Sign, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let draft = read_draft(disk, &arguments.draft)?;
    let content = Content::of(&draft, output.language())?;
    let key = record_key(disk, &arguments.key, &arguments.passphrase)?;
    let share = draft.share_with(key.signer()).map_err(failed)?;
    let text = serde_json::to_string_pretty(&share).map_err(failed)? + "\n";
    write(disk, &arguments.out, text.as_bytes())?;
    let language = output.language();
    let signed = language.of("бул ачкыч менен кол коюлду:", "подписано ключом", "signed with key");
    let done = format!("{signed} {}\n→ {}", share.key.id(), arguments.out.display());
    output.answer(name, &content, || content.text(&done, language));
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

pub(crate) fn merge(name: &str, arguments: &Merge, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let draft = read_draft(disk, &arguments.draft)?;
    let content = Content::of(&draft, output.language())?;
    let mut shares: Vec<Share> = Vec::new();
    for path in &arguments.shares {
        let bytes = read(disk, path, FILE_BYTES_MAX)?;
        let share = serde_json::from_slice(&bytes);
        shares.push(share.map_err(|error| {
            let path = path.display();
            said(
                format!("{path} колтамганын үлүшү эмес: {error}"),
                format!("{path} не доля подписи: {error}"),
                format!("{path} is not a share: {error}"),
            )
        })?);
    }
    let submission = draft.merge(&shares).map_err(failed)?;
    write(disk, &arguments.out, &submission.to_bytes())?;
    let language = output.language();
    let signed = language.of("баары кол койду", "подписано всеми", "signed by all");
    let done = format!("{signed}\n→ {}", arguments.out.display());
    output.answer(name, &content, || content.text(&done, language));
    Ok(())
}
