//! The ceremony that founds an election: everybody brings a card, one assembles, each reads and signs apart, somebody merges.
//! Nobody ever holds another's key.
//!
//! ```text
//! cards ─┐
//! plan  ─┼► assemble ─► draft ─► review (each, against the cards and parts it holds itself) ─► share … ─► merge ─► genesis record
//! parts ─┘
//! ```
//! [`Review`] is what a person reads before signing. It is made from the draft's bytes, and only if everything in them follows
//! from cards and parts that the reader has.

use super::definition;
use super::error::AuthorError;
use super::genesis::{GenesisDraft, GenesisPlan, policy_text};
use crate::evidence::Language;
use serde::Serialize;
use tamga_keys::{CardError, OrganisationCard, grouped};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{DefinitionPart, Election, Organisation};
use tamga_platform::calendar::iso_utc;
use tamga_platform::entropy::Entropy;

/// Why a draft cannot be made, or must not be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// A card that is not to be believed.
    #[error("the card of {organisation}: {source}")]
    Card {
        /// Whose, as the card says.
        organisation: String,
        /// Why not.
        source: CardError,
    },
    /// The rules of a genesis record, or its size.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// Organisations that are not those of the cards.
    #[error("DO NOT SIGN: the draft lists {organisation} with other keys, nodes or titles than the card you hold")]
    OtherKeys {
        /// Which.
        organisation: String,
    },
    /// One card too many or too few.
    #[error("DO NOT SIGN: the draft lists {drafted} organisations, and you hold {held} cards")]
    OtherCount {
        /// In the draft.
        drafted: usize,
        /// Cards.
        held: usize,
    },
    /// Parts that are not those at hand.
    #[error(
        "DO NOT SIGN: the draft names other definition parts than those you hold (constituencies, candidates, stations, forms)"
    )]
    OtherParts,
    /// A policy that does not follow from the organisations.
    #[error("DO NOT SIGN: the draft's trust policy is not \"any k of these organisations, each by any of its keys\"")]
    OtherPolicy,
}

impl CeremonyError {
    /// What it says, in a language. Faults of a card or of the rules are named in English behind it.
    #[must_use]
    pub fn in_words(&self, language: Language) -> String {
        let stop = language.of("КОЛ КОЙБОҢУЗ", "НЕ ПОДПИСЫВАЙТЕ", "DO NOT SIGN");
        let why = match (self, language) {
            (_, Language::En) => return self.to_string(),
            (Self::Card { organisation, source }, Language::Ky) => {
                return format!("«{organisation}» уюмунун картасына ишенүүгө болбойт: {source}");
            }
            (Self::Card { organisation, source }, Language::Ru) => {
                return format!("карте организации «{organisation}» нельзя верить: {source}");
            }
            (Self::Author(error), Language::Ky) => return format!("негиздөөчү жазуунун эрежелери бузулган: {error}"),
            (Self::Author(error), Language::Ru) => return format!("нарушены правила учредительной записи: {error}"),
            (Self::OtherKeys { organisation }, Language::Ky) => {
                format!("долбоордо «{organisation}» уюмунун ачкычтары, түйүндөрү же аталышы сиздеги картадан башкача")
            }
            (Self::OtherKeys { organisation }, Language::Ru) => format!(
                "в проекте у организации «{organisation}» другие ключи, узлы или названия, чем на карте, которая у вас"
            ),
            (Self::OtherCount { drafted, held }, Language::Ky) => {
                format!("долбоордо {drafted} уюм, сизде болсо {held} карта бар")
            }
            (Self::OtherCount { drafted, held }, Language::Ru) => {
                format!("организаций в проекте: {drafted}, карт у вас: {held}")
            }
            (Self::OtherParts, Language::Ky) => {
                "долбоордогу аныктоонун бөлүктөрү сиздегидей эмес (округдар, талапкерлер, участоктор, формалар)"
                    .to_owned()
            }
            (Self::OtherParts, Language::Ru) => {
                "в проекте другие части определения, чем у вас (округа, кандидаты, участки, формы)".to_owned()
            }
            (Self::OtherPolicy, Language::Ky) => {
                "долбоордогу ишеним эрежеси «бул уюмдардын k каалаганы, ар бири каалаган ачкычы менен» эмес".to_owned()
            }
            (Self::OtherPolicy, Language::Ru) => {
                "правила доверия в проекте — не «любые k из этих организаций, каждая любым своим ключом»".to_owned()
            }
        };
        format!("{stop}: {why}")
    }
}

/// Organisations of checked cards, in the cards' order: the first is the commission.
///
/// # Errors
/// [`CeremonyError::Card`].
pub fn organisations(cards: &[OrganisationCard]) -> Result<Vec<Organisation>, CeremonyError> {
    let check = |card: &OrganisationCard| {
        let organisation = card.name.chars().take(64).collect();
        card.check().map_err(|source| CeremonyError::Card { organisation, source })
    };
    cards.iter().map(check).collect()
}

/// Assembles a draft. Needs no secret. The plan's organisations are replaced by those of the cards.
///
/// # Errors
/// [`CeremonyError::Card`], [`CeremonyError::Author`].
pub fn assemble(
    plan: GenesisPlan,
    cards: &[OrganisationCard],
    parts: &[DefinitionPart],
    entropy: &dyn Entropy,
) -> Result<GenesisDraft, CeremonyError> {
    let plan = GenesisPlan { organisations: organisations(cards)?, ..plan };
    check_parts(parts)?;
    Ok(GenesisDraft::new(plan, parts, entropy)?)
}

fn check_parts(parts: &[DefinitionPart]) -> Result<Definition, CeremonyError> {
    let mut definition = Definition::default();
    for part in parts {
        definition.add(part).map_err(AuthorError::from)?;
    }
    Ok(definition)
}

/// What a draft says, once it has been found to follow from the cards and parts at hand.
#[derive(Debug, Clone, Serialize)]
pub struct Review {
    /// The election's id: what everybody compares aloud, and what verifiers pin.
    pub election_id: String,
    /// The same in groups of four.
    pub read_aloud: String,
    /// Whether votes will count.
    pub real: bool,
    /// How many organisations publish together.
    pub quorum: usize,
    /// Name and fingerprint of each organisation's card.
    pub organisations: Vec<(String, String)>,
    /// Everything in plain words, a line each.
    pub lines: Vec<String>,
    /// The same in Kyrgyz and Russian, for people.
    #[serde(skip)]
    translated: [Vec<String>; 2],
}

impl Review {
    /// Everything in plain words of a language, a line each.
    #[must_use]
    pub fn lines_in(&self, language: Language) -> &[String] {
        let [ky, ru] = &self.translated;
        match language {
            Language::Ky => ky,
            Language::Ru => ru,
            Language::En => &self.lines,
        }
    }
}

/// Reads a draft as somebody who is asked to sign it: with the cards and the parts that this person holds.
///
/// # Errors
/// [`CeremonyError`]: then it must not be signed.
pub fn review(
    draft: &GenesisDraft,
    cards: &[OrganisationCard],
    parts: &[DefinitionPart],
) -> Result<Review, CeremonyError> {
    let election = draft.election();
    let held = organisations(cards)?;
    if held.len() != election.organisations.len() {
        return Err(CeremonyError::OtherCount { drafted: election.organisations.len(), held: held.len() });
    }
    for drafted in &election.organisations {
        if !held.contains(drafted) {
            return Err(CeremonyError::OtherKeys { organisation: drafted.name.clone() });
        }
    }
    if definition::digests(parts) != election.parts {
        return Err(CeremonyError::OtherParts);
    }
    let definition = check_parts(parts)?;
    let quorum = quorum_of(election).ok_or(CeremonyError::OtherPolicy)?;
    let id = draft.election_id().to_string();
    let fingerprint = |organisation: &Organisation| {
        let card = cards.iter().find(|card| card.name == organisation.name);
        (organisation.name.clone(), card.map(OrganisationCard::fingerprint).unwrap_or_default())
    };
    Ok(Review {
        read_aloud: grouped(&id),
        election_id: id,
        real: election.real != 0,
        quorum,
        organisations: election.organisations.iter().map(fingerprint).collect(),
        lines: in_words(election, &definition, quorum, Language::En),
        translated: [Language::Ky, Language::Ru].map(|language| in_words(election, &definition, quorum, language)),
    })
}

/// The one number of organisations under which this is the policy.
fn quorum_of(election: &Election) -> Option<usize> {
    (1..=election.organisations.len())
        .find(|k| policy_text(&election.organisations, *k).is_ok_and(|text| text == election.trust_policy))
}

fn in_words(election: &Election, definition: &Definition, quorum: usize, language: Language) -> Vec<String> {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let all = election.organisations.len();
    let title = &election.title;
    let decree = &election.decree;
    let mut lines = vec![
        if election.real == 0 {
            of("МАШЫГУУ: добуштар эсептелбейт", "РЕПЕТИЦИЯ: голоса не считаются", "A REHEARSAL: no vote counts")
        } else {
            of(
                "ЧЫНЫГЫ ШАЙЛОО: добуштар эсептелет",
                "НАСТОЯЩИЕ ВЫБОРЫ: голоса считаются",
                "A REAL ELECTION: votes count",
            )
        }
        .to_owned(),
        format!("{} / {} / {}", title.ky, title.ru, title.en),
        match language {
            Language::Ky => format!("{} № {} жарлыгы, SHA-256 {}", decree.date, decree.number, decree.sha256),
            Language::Ru => format!("указ № {} от {}, SHA-256 {}", decree.number, decree.date, decree.sha256),
            Language::En => format!("decree {} of {}, SHA-256 {}", decree.number, decree.date, decree.sha256),
        },
        format!(
            "{} {}/<{}>",
            of("журнал", "журнал", "ledger"),
            election.origin_prefix,
            of("белгинин биринчи 16 саны", "первые 16 знаков идентификатора", "first 16 digits of the id")
        ),
        match language {
            Language::Ky => format!("{all} уюмдун {quorum} биргелешип жарыялайт; биринчиси — комиссия"),
            Language::Ru => format!("публикуют вместе {quorum} из {all} организаций; первая — комиссия"),
            Language::En => format!("{quorum} of {all} organisations publish together; the first is the commission"),
        },
    ];
    for organisation in &election.organisations {
        let name = match language {
            Language::Ky => &organisation.title.ky,
            Language::Ru => &organisation.title.ru,
            Language::En => &organisation.title.en,
        };
        lines.push(format!("{} {}: {name}", of("уюм", "организация", "organisation"), organisation.name));
        lines.push(format!("  {} {}", of("жазуу ачкычы", "ключ записей", "record key"), organisation.record_key));
        let standby = of("камдык тастыктоочу ачкыч", "запасной ключ соподписи", "standby cosigner");
        lines.push(format!("  {standby} {}", organisation.standby_cosigner_key));
        for node in &organisation.nodes {
            let (what, cosigner) = (of("түйүн", "узел", "node"), of("тастыктоочу ачкыч", "ключ соподписи", "cosigner"));
            lines.push(format!("  {what} {}: {cosigner} {} {}", node.id, node.cosigner_name, node.cosigner_key));
        }
    }
    let seats: u64 = definition.constituencies().iter().map(|one| u64::from(one.seats)).sum();
    let (constituencies, stations) = (definition.constituencies().len(), definition.stations().len());
    lines.push(match language {
        Language::Ky => format!("{constituencies} округ, {seats} мандат, {stations} участка"),
        Language::Ru => format!("округов {constituencies}, мандатов {seats}, участков {stations}"),
        Language::En => format!("{constituencies} constituencies, {seats} seats, {stations} stations"),
    });
    let hours = election.official_hours.iter().map(|hour| hour.label.as_str()).collect::<Vec<_>>().join(", ");
    lines.push(match language {
        Language::Ky => format!("катышуу {hours} сааттарында жарыяланат"),
        Language::Ru => format!("явка объявляется в {hours}"),
        Language::En => format!("turnout is announced at {hours}"),
    });
    let embargo = iso_utc(election.embargo_ms);
    lines.push(match language {
        Language::Ky => format!("{embargo} чейин жыйынтык көрсөтүлбөйт"),
        Language::Ru => format!("никаких подсчётов до {embargo}"),
        Language::En => format!("no counts before {embargo}"),
    });
    let (interval, cell) = (election.checkpoint_interval_ms, election.cell_papers_min);
    let (validity, members) = (election.attestation_validity_ms, election.member_quorum);
    let (offline, months) = (election.offline_identifications_max, election.retention_months);
    lines.push(match language {
        Language::Ky => format!(
            "көзөмөл чекиттери ар {interval} мс сайын; {cell} бюллетенден аз уячалар жабык калат; реестрдин ырастоосу {validity} мс \
             жарактуу; {members} мүчө кол коёт; байланышсыз эң көп {offline} идентификация; жашыруун маалымат {months} ай сакталат"
        ),
        Language::Ru => format!(
            "контрольные точки каждые {interval} мс; ячейки меньше {cell} бюллетеней не раскрываются; подтверждение реестра действует \
             {validity} мс; подписывают {members} члена комиссии; без связи не более {offline} идентификаций; закрытые данные хранятся \
             {months} мес."
        ),
        Language::En => format!(
            "checkpoints every {interval} ms; cells below {cell} papers stay closed; attestations hold {validity} ms; {members} members \
             sign; at most {offline} offline identifications; bodies are kept {months} months"
        ),
    });
    let (rules, epoch) = (election.rules_version, election.cluster_epoch);
    lines.push(match language {
        Language::Ky => format!("эрежелердин версиясы {rules}, кластердин доору {epoch}"),
        Language::Ru => format!("версия правил {rules}, эпоха кластера {epoch}"),
        Language::En => format!("rules version {rules}, cluster epoch {epoch}"),
    });
    lines
}
