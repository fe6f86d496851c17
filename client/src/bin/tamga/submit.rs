//! Hands signed records to nodes and says what became of them: one record that was drafted and merged, or a whole list that one key signs.

use crate::act::scribe;
use crate::args::{NodeAddresses, Submit, SubmitAll};
use crate::failure::{Done, Failure, failed, said, unfit, unread, unwritten};
use crate::governance::{read, record_key};
use crate::output::{Output, advance, open_source};
use serde::Serialize;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tamga_client::author::{AuthorError, Draft, Scribe};
use tamga_client::device::{
    DeviceClient, DeviceOptions, NodeEndpoint, Outcome, Question, TcpDial, Transport, VerifiedAnswer,
};
use tamga_client::evidence::Language;
use tamga_client::streams::{FileReader, StagedFile};
use tamga_client::verify::Opened;
use tamga_ledger::ids::{PublicKey, RecordId};
use tamga_ledger::promise::Promise;
use tamga_ledger::sign::Signer;
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission};
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::trust::Trust;
use tamga_platform::clock::{Clock as _, SystemClock};
use tamga_platform::disk::Disk;
use tamga_platform::entropy::OsEntropy;

/// How long is waited for a published checkpoint that covers the record.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(60);
const BUFFER_BYTES: usize = 1 << 18;

/// A connection to the nodes that were named.
pub(crate) struct Sender {
    client: DeviceClient,
    runtime: tokio::runtime::Runtime,
}

/// What one record came to.
struct Verdict {
    node: u32,
    leaf: Option<LeafIndex>,
    verdict: String,
    accepted: bool,
}

impl Sender {
    pub(crate) fn new(trust: Trust, nodes: &NodeAddresses) -> Result<Self, Failure> {
        let endpoint = |(node, address): &(u32, String)| NodeEndpoint {
            node: *node,
            address: address.clone(),
            transport: Transport::Tls,
        };
        let endpoints: Vec<NodeEndpoint> = nodes.nodes.iter().map(endpoint).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (options, dial, entropy) = (DeviceOptions::default(), Arc::new(TcpDial), Arc::new(OsEntropy));
        let connect = async { DeviceClient::new(Arc::new(trust), &endpoints, options, dial, entropy) };
        let client = runtime.block_on(connect).map_err(failed)?;
        Ok(Self { client, runtime })
    }

    /// What a node answers about one voter, verified.
    pub(crate) fn inquire(&self, question: &Question, key: &dyn Signer) -> Result<VerifiedAnswer, Failure> {
        let now_ms = SystemClock.now_ms();
        self.runtime.block_on(self.client.inquire(question, key, now_ms)).map_err(failed)
    }

    /// The same record again gets the same answer and adds nothing.
    fn judged(&self, submission: &Submission) -> Result<Verdict, Failure> {
        let answered = self.runtime.block_on(self.client.submit_for_verdict(submission)).map_err(failed)?;
        let (leaf, verdict) = match &answered.outcome {
            Outcome::Promised { promise: Promise { judged, .. }, .. } => (
                judged.as_ref().map(|judged| judged.leaf),
                judged.as_ref().map_or_else(String::new, |judged| judged.verdict.to_string()),
            ),
            Outcome::Refused { refusal, .. } => (None, format!("not taken: {}: {}", refusal.code, refusal.text)),
        };
        Ok(Verdict { node: answered.node, leaf, verdict, accepted: answered.outcome.is_accepted() })
    }

    /// Size of a published checkpoint that covers the record: until then it is one node's word, and the next draft takes its
    /// number from what is published.
    fn published(&self, record: &RecordId, leaf: Option<LeafIndex>) -> Option<u64> {
        let receipt = self.runtime.block_on(self.client.receipt_at(record, leaf?, PUBLISHED_WITHIN)).ok()?;
        Some(receipt.receipt.checkpoint().checkpoint().size.get())
    }
}

#[derive(Serialize)]
struct Judged {
    record: String,
    node: u32,
    leaf: Option<u64>,
    verdict: String,
    accepted: bool,
    /// Size of a published checkpoint that covers it; none if there was none in time.
    published: Option<u64>,
}

/// One record, signed by all; its verdict.
pub(crate) fn submit(name: &str, arguments: &Submit, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let bytes = read(disk, &arguments.record, SUBMISSION_BYTES_MAX as u64)?;
    let submission = Submission::from_bytes(&bytes).map_err(failed)?;
    let source = open_source(&arguments.place.source, disk)?;
    let trust = Opened::open(&*source, &arguments.place.pinned.genesis)?.trust;
    let sender = Sender::new(trust, &arguments.nodes)?;
    let record = submission.signed.id();
    let Verdict { node, leaf, verdict, accepted } = sender.judged(&submission)?;
    let published = sender.published(&record, leaf);
    let leaf = leaf.map(LeafIndex::get);
    let content = Judged { record: record.to_string(), node, leaf, verdict, accepted, published };
    let text = || told(&content, output.language());
    if accepted {
        output.answer(name, &content, text);
        Ok(())
    } else {
        Err(output.refutation(name, &content, text))
    }
}

fn told(content: &Judged, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let Judged { record, node, leaf, verdict, published, .. } = content;
    let leaf_in_words = match leaf {
        Some(leaf) => format!("{} {leaf}", of("реестрдеги орду", "место в реестре", "leaf")),
        None => of("реестрде орду жок", "места в реестре нет", "no leaf").to_owned(),
    };
    let published = match (leaf, published, language) {
        (_, Some(size), Language::Ky) => format!("жарыяланган: {size} жазуунун көзөмөл чекити аны камтыйт"),
        (_, Some(size), Language::Ru) => format!("опубликовано: охвачено контрольной точкой на {size} записей"),
        (_, Some(size), Language::En) => format!("published: the checkpoint of size {size} covers it"),
        (Some(_), None, _) => of(
            "азырынча жарыялана элек; ага чейин жасалган долбоорго --sequence керек",
            "ещё не опубликовано; проекту, сделанному до этого, нужен --sequence",
            "not published yet; a draft made before it is needs --sequence",
        )
        .to_owned(),
        (None, None, _) => of("жазылган жок", "не записано", "not recorded").to_owned(),
    };
    let (name, by) =
        (of("документ", "документ", "record"), of("түйүндүн сөзү боюнча", "по слову узла", "by the word of node"));
    format!("{name} {record}\n  {leaf_in_words}, {by} {node}: {verdict}\n  {published}")
}

/// What became of a list of records.
#[derive(Serialize)]
struct AllJudged {
    records: usize,
    accepted: usize,
    /// Accepted ones whose verdict has flags.
    flagged: usize,
    /// The first that was not accepted; nothing behind it was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Stopped>,
    /// Size of a published checkpoint that covers the last one that was judged.
    published: Option<u64>,
}

#[derive(Serialize)]
struct Stopped {
    /// Its place in the list, from 0.
    position: usize,
    record: String,
    says: String,
    verdict: String,
}

/// Signs a list of records with one key and submits them in their order, each after the verdict of the one before, up to the first that is not
/// accepted. The signed records are kept in a file, whole or not at all, before any leaves: after an interruption the same command submits
/// the same records, and what had arrived is not recorded twice.
pub(crate) fn submit_all(
    name: &str,
    opened: &Opened<'_>,
    arguments: &SubmitAll,
    draft: impl Fn(&Scribe, PublicKey) -> Result<Vec<Draft>, AuthorError>,
    disk: &Arc<dyn Disk>,
    output: &Output,
) -> Done {
    let key = record_key(disk, &arguments.key, &arguments.passphrase)?;
    let (signer, public) = (key.signer(), key.signer().public_key());
    let due = draft(&Scribe::new(*opened.trust.election_id(), Arc::new(OsEntropy)), public).map_err(failed)?;
    let submissions = match read_all(&arguments.records, &**disk)? {
        Some(kept) => {
            let same = kept.len() == due.len() && kept.iter().zip(&due).all(|(one, due)| says_the_same(one, due));
            if !same {
                let path = arguments.records.display();
                return Err(said(
                    format!("{path} файлында башка документтер: --records менен башка файлды көрсөтүңүз"),
                    format!("в {path} другие документы: назовите другой файл через --records"),
                    format!("{path} holds other records than these: name another file with --records"),
                ));
            }
            kept
        }
        None => {
            let scribe = scribe(opened, Some(&public), arguments.sequence, output)?;
            let mut signed = Vec::with_capacity(due.len());
            for draft in draft(&scribe, public).map_err(failed)? {
                let share = draft.share_with(signer).map_err(failed)?;
                signed.push(draft.merge(&[share]).map_err(failed)?);
            }
            write_all(&arguments.records, &signed, &**disk)?;
            signed
        }
    };
    let sender = Sender::new(opened.trust.clone(), &arguments.nodes)?;
    let bar = output.bar("жөнөтүлүүдө", "отправка", "submitting");
    let mut content = AllJudged { records: submissions.len(), accepted: 0, flagged: 0, stopped: None, published: None };
    let mut last = None;
    for (position, submission) in submissions.iter().enumerate() {
        let judged = sender.judged(submission)?;
        // A refused one has used its number too: the next draft must find it published.
        last = Some((submission.signed.id(), judged.leaf));
        if !judged.accepted {
            let says = due.get(position).map_or_else(String::new, |draft| format!("{:?}", draft.record().scope));
            let record = submission.signed.id().to_string();
            content.stopped = Some(Stopped { position, record, says, verdict: judged.verdict });
            break;
        }
        content.accepted += 1;
        content.flagged += usize::from(judged.verdict.contains("flag"));
        advance(&bar, position as u64 + 1, submissions.len() as u64);
    }
    bar.finish_and_clear();
    content.published = last.and_then(|(record, leaf)| sender.published(&record, leaf));
    let text = || told_of_all(&content, output.language());
    if content.stopped.is_none() {
        output.answer(name, &content, text);
        Ok(())
    } else {
        Err(output.refutation(name, &content, text))
    }
}

fn told_of_all(content: &AllJudged, language: Language) -> String {
    let AllJudged { records, accepted, flagged, stopped, published } = content;
    let mut text = match language {
        Language::Ky => format!("{records} документтин {accepted} кабыл алынды, алардын белгилүүсү {flagged}"),
        Language::Ru => format!("принято записей: {accepted} из {records}, с отметками {flagged}"),
        Language::En => format!("{accepted} of {records} records accepted, {flagged} of them with flags"),
    };
    if let Some(Stopped { position, record, says, verdict }) = stopped {
        let at = language.of("ушул жерде токтоду, №", "остановлено на №", "stopped at number");
        text += &format!("\n  {at} {position} ({says}), {record}: {verdict}");
    }
    match (published, language) {
        (Some(size), Language::Ky) => text + &format!("\n  жарыяланган: {size} жазуунун көзөмөл чекити камтыйт"),
        (Some(size), Language::Ru) => {
            text + &format!("\n  опубликовано: охвачены контрольной точкой на {size} записей")
        }
        (Some(size), Language::En) => text + &format!("\n  published: the checkpoint of size {size} covers them"),
        (None, _) if *accepted == 0 => text,
        (None, _) => {
            let again = language.of(
                "азырынча жарыялана элек: ушул эле буйрукту кайталаңыз",
                "ещё не опубликовано: повторите ту же команду",
                "not published yet: run the same command again",
            );
            format!("{text}\n  {again}")
        }
    }
}

fn says_the_same(kept: &Submission, due: &Draft) -> bool {
    let due = due.record();
    kept.signed.parse().is_ok_and(|kept| {
        (kept.election, kept.kind, kept.scope, &kept.signers, &kept.body)
            == (due.election, due.kind, due.scope, &due.signers, &due.body)
    })
}

/// Each record behind its length (u32, big-endian).
fn write_all(path: &Path, submissions: &[Submission], disk: &dyn Disk) -> Done {
    let unwritten = |error: io::Error| unwritten(path, error);
    let file = StagedFile::create(disk, path).map_err(unwritten)?;
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file);
    for submission in submissions {
        let bytes = submission.to_bytes();
        let length = u32::try_from(bytes.len()).map_err(failed)?;
        writer.write_all(&length.to_be_bytes()).and_then(|()| writer.write_all(&bytes)).map_err(unwritten)?;
    }
    let file = writer.into_inner().map_err(|error| unwritten(error.into_error()))?;
    file.finish(disk).map_err(unwritten)
}

/// None if there is no such file.
fn read_all(path: &Path, disk: &dyn Disk) -> Result<Option<Vec<Submission>>, Failure> {
    let file = match FileReader::open(disk, path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(path, error)),
    };
    let mut left = file.len_bytes().map_err(|error| unread(path, error))?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut all = Vec::new();
    while left > 0 {
        let mut length = [0; 4];
        reader.read_exact(&mut length).map_err(|error| unread(path, error))?;
        let length = u32::from_be_bytes(length) as usize;
        if length > SUBMISSION_BYTES_MAX {
            let path = path.display();
            return Err(said(
                format!("{path} кол коюлган документтердин файлы эмес"),
                format!("{path} не файл подписанных документов"),
                format!("{path}: this is no file of signed records"),
            ));
        }
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).map_err(|error| unread(path, error))?;
        all.push(Submission::from_bytes(&bytes).map_err(|error| unfit(path, error))?);
        left = left.saturating_sub(4 + length as u64);
    }
    Ok(Some(all))
}
