//! `tamga ceremony`: the organisations found an election, each on its own machine (docs/CEREMONY.md).
//!
//! ```text
//! card (each organisation) ─► draft (one of them) ─► show, compare aloud ─► sign --id … (each) ─► merge ─► check (each)
//! ```

use crate::args::{Ceremony, CeremonyCard, CeremonyCheck, CeremonyDraft, CeremonyMerge, CeremonySign, Papers};
use crate::failure::{Done, Failure, failed, said, unfit};
use crate::governance::{read, record_key, write};
use crate::output::{Output, standing};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_client::author::ceremony::{CeremonyError, Review, assemble, review};
use tamga_client::author::{GenesisDraft, GenesisPlan, Share};
use tamga_client::evidence::Language;
use tamga_keys::{NodeCard, OrganisationCard, Purpose, check_mode, grouped, read_key};
use tamga_ledger::ids::{Digest, ElectionId};
use tamga_ledger::kinds::{Body as _, Decree, DefinitionPart, OfficialHour, Title};
use tamga_ledger::record::RECORD_BYTES_MAX;
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission};
use tamga_ledger::trust::Trust;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::OsEntropy;

const NAME: &str = "ceremony";
/// Longest card, plan or share.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Longest decree.
const DECREE_BYTES_MAX: u64 = 64 << 20;

pub(crate) fn run(arguments: &Ceremony, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Ceremony::Card(arguments) => card(arguments, disk, output),
        Ceremony::Draft(arguments) => draft(arguments, disk, output),
        Ceremony::Show(papers) => show(papers, disk, output),
        Ceremony::Sign(arguments) => sign(arguments, disk, output),
        Ceremony::Merge(arguments) => merge(arguments, disk, output),
        Ceremony::Check(arguments) => check(arguments, disk, output),
    }
}

fn json<T: for<'de> Deserialize<'de>>(disk: &Arc<dyn Disk>, path: &Path, what: &str) -> Result<T, Failure> {
    let bytes = read(disk, path, FILE_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| failed(format!("{} is not {what}: {error}", path.display())))
}

#[derive(Serialize)]
struct CardMade {
    organisation: String,
    fingerprint: String,
    text: String,
}

fn card(arguments: &CeremonyCard, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let passphrases = arguments.passphrase.source();
    let key = |purpose: Purpose| {
        check_mode(&arguments.keys.join(purpose.file())).map_err(failed)?;
        read_key(&**disk, &arguments.keys, purpose, &passphrases).map_err(failed)
    };
    let (record, standby) = (key(Purpose::Record)?, key(Purpose::Standby)?);
    let nodes: Vec<NodeCard> =
        arguments.nodes.iter().map(|path| json(disk, path, "a node's card")).collect::<Result<_, _>>()?;
    let title =
        Title { ky: arguments.title_ky.clone(), ru: arguments.title_ru.clone(), en: arguments.title_en.clone() };
    let card = OrganisationCard::make(&arguments.name, title, record.signer(), standby.signer(), nodes);
    let card = card.map_err(failed)?;
    card.check().map_err(failed)?;
    let text = serde_json::to_string_pretty(&card).map_err(failed)? + "\n";
    write(disk, &arguments.out, text.as_bytes())?;
    let made = CardMade { organisation: card.name.clone(), fingerprint: card.fingerprint(), text: card.text() };
    let (language, out) = (output.language(), arguments.out.display());
    output.answer(NAME, &made, || {
        let fingerprint = language.of("манжа изи", "отпечаток", "fingerprint");
        let next = match language {
            Language::Ky => {
                format!("{out} файлына жазылды: аны калган бардык уюмдарга бериңиз жана манжа изин окуп бериңиз")
            }
            Language::Ru => {
                format!("записано в {out}: передайте всем остальным организациям и прочтите им отпечаток вслух")
            }
            Language::En => {
                format!("written to {out}: hand it to all other organisations, and read the fingerprint to them")
            }
        };
        format!("{}\n{fingerprint}  {}\n{next}", made.text, made.fingerprint)
    });
    Ok(())
}

/// What the commission decides, as a file (TOML). Organisations come from the cards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    real: bool,
    title: Title,
    origin_prefix: String,
    decree: DecreeFile,
    /// How many organisations publish together; the fewest that are safe if not stated.
    quorum: Option<usize>,
    cluster_epoch: Option<u32>,
    embargo_ms: u64,
    official_hours: Vec<HourFile>,
    checkpoint_interval_ms: u64,
    cell_papers_min: u32,
    attestation_validity_ms: u64,
    member_quorum: u32,
    offline_identifications_max: u32,
    retention_months: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecreeFile {
    number: String,
    date: String,
    /// Its text as published, relative to the plan.
    file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HourFile {
    label: String,
    at_ms: u64,
}

fn read_plan(disk: &Arc<dyn Disk>, path: &Path) -> Result<GenesisPlan, Failure> {
    let text = String::from_utf8(read(disk, path, FILE_BYTES_MAX)?).map_err(failed)?;
    let plan: PlanFile = toml::from_str(&text).map_err(|error| unfit(path, error))?;
    let decree = path.parent().unwrap_or_else(|| Path::new(".")).join(&plan.decree.file);
    let decree = read(disk, &decree, DECREE_BYTES_MAX)?;
    let hour = |hour: HourFile| OfficialHour { label: hour.label, at_ms: hour.at_ms };
    Ok(GenesisPlan {
        real: plan.real,
        title: plan.title,
        origin_prefix: plan.origin_prefix,
        decree: Decree {
            number: plan.decree.number,
            date: plan.decree.date,
            blake3: Digest(*blake3::hash(&decree).as_bytes()),
            sha256: Digest(Sha256::digest(&decree).into()),
        },
        organisations: Vec::new(),
        quorum: plan.quorum,
        cluster_epoch: plan.cluster_epoch.unwrap_or(1),
        embargo_ms: plan.embargo_ms,
        official_hours: plan.official_hours.into_iter().map(hour).collect(),
        checkpoint_interval_ms: plan.checkpoint_interval_ms,
        cell_papers_min: plan.cell_papers_min,
        attestation_validity_ms: plan.attestation_validity_ms,
        member_quorum: plan.member_quorum,
        offline_identifications_max: plan.offline_identifications_max,
        retention_months: plan.retention_months,
    })
}

/// Cards and parts as their holder has them.
struct Held {
    cards: Vec<OrganisationCard>,
    parts: Vec<DefinitionPart>,
}

fn held(disk: &Arc<dyn Disk>, papers: &Papers) -> Result<Held, Failure> {
    let cards = papers.cards.iter().map(|path| json(disk, path, "an organisation's card")).collect::<Result<_, _>>()?;
    let part = |path: &PathBuf| {
        let bytes = read(disk, path, RECORD_BYTES_MAX as u64)?;
        DefinitionPart::from_bytes(&bytes).map_err(|_| {
            let path = path.display();
            said(
                format!("{path} аныктаманын бөлүгү эмес"),
                format!("{path} не часть определения"),
                format!("{path} is no definition part"),
            )
        })
    };
    Ok(Held { cards, parts: papers.parts.iter().map(part).collect::<Result<_, _>>()? })
}

fn draft(arguments: &CeremonyDraft, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let Held { cards, parts } = held(disk, &arguments.papers)?;
    let language = output.language();
    let unsound = |error: CeremonyError| failed(error.in_words(language));
    let draft = assemble(read_plan(disk, &arguments.plan)?, &cards, &parts, &OsEntropy).map_err(unsound)?;
    let review = review(&draft, &cards, &parts).map_err(unsound)?;
    write(disk, &arguments.papers.draft, draft.draft().bytes())?;
    let out = arguments.papers.draft.display();
    let next = match language {
        Language::Ky => format!("{out} файлына жазылды; ар бир уюм иштетет: tamga ceremony show"),
        Language::Ru => format!("записано в {out}; каждый выполняет: tamga ceremony show"),
        Language::En => format!("written to {out}; everybody runs: tamga ceremony show"),
    };
    print(output, &review, &next, language);
    Ok(())
}

fn print(output: &Output, review: &Review, next: &str, language: Language) {
    output.answer(NAME, review, || {
        let fingerprints: Vec<String> =
            review.organisations.iter().map(|(name, fingerprint)| format!("  {fingerprint}  {name}")).collect();
        format!(
            "{}\n\n{}:\n{}\n\n{}:\n  {}\n\n{next}",
            review.lines_in(language).join("\n"),
            language.of(
                "карталар, ар бир уюм өзүнүкүн үн чыгарып окуйт",
                "карты; каждая организация читает свою вслух",
                "cards, to be read aloud by each organisation itself",
            ),
            fingerprints.join("\n"),
            language.of(
                "ШАЙЛООНУН БЕЛГИСИ, аны баары үн чыгарып окуйт",
                "ИДЕНТИФИКАТОР ВЫБОРОВ, его читают вслух все",
                "THE ELECTION'S ID, to be read aloud by everybody",
            ),
            review.read_aloud
        )
    });
}

/// The draft with its review; refuted if it does not follow from what the reader holds.
fn reviewed(disk: &Arc<dyn Disk>, papers: &Papers, output: &Output) -> Result<(GenesisDraft, Review), Failure> {
    let draft = GenesisDraft::from_bytes(&read(disk, &papers.draft, RECORD_BYTES_MAX as u64)?).map_err(failed)?;
    let Held { cards, parts } = held(disk, papers)?;
    match review(&draft, &cards, &parts) {
        Ok(review) => Ok((draft, review)),
        Err(error) => Err(refuted(output, &error, output.language())),
    }
}

fn refuted(output: &Output, error: &CeremonyError, language: Language) -> Failure {
    #[derive(Serialize)]
    struct Refuted {
        error: String,
    }
    let content = Refuted { error: error.to_string() };
    output.refutation(NAME, &content, || error.in_words(language))
}

fn show(papers: &Papers, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let (_, review) = reviewed(disk, papers, output)?;
    let language = output.language();
    let next = language.of(
        "мунун баары туура болсо жана баары бирдей окуса: tamga ceremony sign",
        "если всё это верно и все читают одно и то же: tamga ceremony sign",
        "if all of this is right and everybody reads the same: tamga ceremony sign",
    );
    print(output, &review, next, language);
    Ok(())
}

fn sign(arguments: &CeremonySign, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let (draft, review) = reviewed(disk, &arguments.papers, output)?;
    let language = output.language();
    if arguments.id != draft.election_id() {
        let found = &review.read_aloud;
        return Err(failed(match language {
            Language::Ky => {
                format!("бул долбоордун белгиси {found}, үн чыгарып окулганы эмес: эч нерсеге кол коюлган жок")
            }
            Language::Ru => {
                format!("идентификатор этого проекта {found}, а не тот, что читали вслух: ничего не подписано")
            }
            Language::En => {
                format!("this draft has the id {found}, not the one that was read aloud: nothing is signed")
            }
        }));
    }
    let key = record_key(disk, &arguments.key, &arguments.passphrase)?;
    let share = draft.share_with(key.signer()).map_err(failed)?;
    let text = serde_json::to_string_pretty(&share).map_err(failed)? + "\n";
    write(disk, &arguments.out, text.as_bytes())?;
    let out = arguments.out.display();
    let next = match language {
        Language::Ky => format!("кол коюлду; {out} файлын бириктирүүчүгө бериңиз"),
        Language::Ru => format!("подписано; передайте {out} тому, кто объединяет"),
        Language::En => format!("signed; hand {out} to whoever merges"),
    };
    print(output, &review, &next, language);
    Ok(())
}

#[derive(Serialize)]
struct Founded {
    election_id: String,
    read_aloud: String,
}

impl Founded {
    fn of(id: &ElectionId) -> Self {
        let election_id = id.to_string();
        Self { read_aloud: grouped(&election_id), election_id }
    }
}

fn merge(arguments: &CeremonyMerge, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let draft = GenesisDraft::from_bytes(&read(disk, &arguments.draft, RECORD_BYTES_MAX as u64)?).map_err(failed)?;
    let shares: Vec<Share> = arguments
        .shares
        .iter()
        .map(|path| json(disk, path, "a signature of tamga ceremony sign"))
        .collect::<Result<_, _>>()?;
    let founded = Founded::of(&draft.election_id());
    let genesis = draft.merge(&shares).map_err(failed)?;
    Trust::from_submission(genesis.clone(), None).map_err(failed)?;
    write(disk, &arguments.out, &genesis.to_bytes())?;
    let (language, out, id) = (output.language(), arguments.out.display(), &founded.read_aloud);
    output.answer(NAME, &founded, || match language {
        Language::Ky => format!(
            "бардык уюмдар кол койду\nшайлоо {id}\n{out} файлына жазылды: ар бир түйүндүн негиздөөчү файлы; ар бир уюм иштетет: \
             tamga ceremony check"
        ),
        Language::Ru => format!(
            "подписали все организации\nвыборы {id}\nзаписано в {out}: учредительный файл каждого узла; каждый выполняет: tamga \
             ceremony check"
        ),
        Language::En => format!(
            "all organisations have signed\nelection {id}\nwritten to {out}: every node's genesis file; everybody runs: tamga \
             ceremony check"
        ),
    });
    Ok(())
}

fn check(arguments: &CeremonyCheck, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let bytes = read(disk, &arguments.genesis_file, SUBMISSION_BYTES_MAX as u64)?;
    let genesis = Submission::from_bytes(&bytes).map_err(failed)?;
    let (founded, language) = (Founded::of(&arguments.id), output.language());
    match Trust::from_submission(genesis, Some(&arguments.id)) {
        Ok(trust) => {
            let all = trust.election().organisations.len();
            let id = &founded.read_aloud;
            output.answer(NAME, &founded, || match language {
                Language::Ky => format!("шайлоо {id}\nбардык {all} уюм кол койгон; бул сиз макул болгон жазуу"),
                Language::Ru => {
                    format!("выборы {id}\nподписали все {all} организаций; это запись, о которой вы договорились")
                }
                Language::En => {
                    format!("election {id}\nsigned by all {all} organisations; this is the record you agreed on")
                }
            });
            Ok(())
        }
        Err(error) => {
            #[derive(Serialize)]
            struct Refuted {
                error: String,
            }
            let content = Refuted { error: error.to_string() };
            Err(output.refutation(NAME, &content, || format!("{}: {}", standing(false, language), content.error)))
        }
    }
}
