//! `tamga act` and `tamga case`: legal acts and complaints. Drafted here; signed, merged and submitted like decisions of organisations
//! (`governance`).

use crate::args::{About, Act, ActDraft, CaseCategory, CaseCommand, CaseDraft, CaseStep, Effect};
use crate::failure::{Done, Failure, failed, no_organisation, said};
use crate::governance::{Content, merge, read, sign, write};
use crate::output::{Output, advance, open_source};
use crate::submit::submit;
use crate::words::issuer_word;
use std::sync::Arc;
use tamga_client::author::{Draft, Scribe, place_in_words};
use tamga_client::evidence::Language;
use tamga_client::verify::{Opened, last_sequence};
use tamga_ledger::ids::{Digest, Maybe, PublicKey};
use tamga_ledger::kinds::{ActEffect, Case, CaseState, Issuer, LegalAct};
use tamga_ledger::record::{Scope, UnitId};
use tamga_platform::calendar::iso_utc;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::OsEntropy;

/// Longest document of which the digest is made.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

pub(crate) fn run(arguments: &Act, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Act::Draft(arguments) => draft(arguments, disk, output),
        Act::Sign(arguments) => sign("act", arguments, disk, output),
        Act::Merge(arguments) => merge("act", arguments, disk, output),
        Act::Submit(arguments) => submit("act", arguments, disk, output),
    }
}

pub(crate) fn run_case(arguments: &CaseCommand, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        CaseCommand::Draft(arguments) => draft_case(arguments, disk, output),
        CaseCommand::Sign(arguments) => sign("case", arguments, disk, output),
        CaseCommand::Merge(arguments) => merge("case", arguments, disk, output),
        CaseCommand::Submit(arguments) => submit("case", arguments, disk, output),
    }
}

pub(crate) const fn scope_of(about: &About) -> Scope {
    match (about.constituency, about.station, about.unit) {
        (Some(number), _, _) => Scope::Constituency(number),
        (None, Some(station), Some(unit)) => Scope::Unit(UnitId { station, unit }),
        (None, Some(station), None) => Scope::Station(station),
        (None, None, _) => Scope::Election,
    }
}

fn effect_of(effect: &Effect) -> ActEffect {
    match effect {
        Effect::Annul => ActEffect::Annul,
        Effect::Cancel { act } => ActEffect::Cancel { act: *act },
        Effect::Suspend { act } => ActEffect::Suspend { act: *act },
        Effect::Strike { position } => ActEffect::Strike { position: *position },
        Effect::Withdraw { position } => ActEffect::Withdraw { position: *position },
        Effect::Recount => ActEffect::Recount,
        Effect::Lot { order } => ActEffect::Lot { order: order.clone() },
        Effect::Extend { until_ms } => ActEffect::Extend { until_ms: *until_ms },
        Effect::Elect { positions } => {
            let mut positions = positions.clone();
            positions.sort_unstable();
            ActEffect::Elect { positions }
        }
        Effect::Succeed { vacated, successor } => ActEffect::Succeed { vacated: *vacated, successor: *successor },
    }
}

fn digest_of(disk: &Arc<dyn Disk>, path: &std::path::Path) -> Result<Digest, Failure> {
    Ok(Digest(*blake3::hash(&read(disk, path, DOCUMENT_BYTES_MAX)?).as_bytes()))
}

/// The record keys of these organisations now.
pub(crate) fn signers(opened: &Opened<'_>, names: &[String]) -> Result<Vec<PublicKey>, Failure> {
    let key = |name: &String| {
        let found = opened.trust.registry().organisation(name);
        found.map(|own| own.record_key).ok_or_else(|| no_organisation(name))
    };
    names.iter().map(key).collect()
}

/// A scribe that goes on with the author's numbers.
pub(crate) fn scribe(
    opened: &Opened<'_>,
    author: Option<&PublicKey>,
    sequence: Option<u64>,
    output: &Output,
) -> Result<Scribe, Failure> {
    let scribe = Scribe::new(*opened.trust.election_id(), Arc::new(OsEntropy));
    if let Some(author) = author.map(PublicKey::id) {
        let last_used = match sequence {
            Some(next) => next.saturating_sub(1),
            None => {
                let bar = output.bar("окулууда", "чтение", "reading");
                let last = last_sequence(opened, &author, |done, all| advance(&bar, done, all))?;
                bar.finish_and_clear();
                last
            }
        };
        scribe.resume(author, last_used);
    }
    Ok(scribe)
}

fn written(
    name: &str,
    draft: &Draft,
    out: &std::path::Path,
    language: Language,
    disk: &Arc<dyn Disk>,
    output: &Output,
) -> Done {
    write(disk, out, draft.bytes())?;
    let content = Content::of(draft, language)?;
    let next = language.of("ар бир кол коюучу:", "каждый подписывающий:", "each signer runs:");
    let done = format!("→ {}; {next} tamga {name} sign", out.display());
    output.answer(name, &content, || content.text(&done, language));
    Ok(())
}

fn draft(arguments: &ActDraft, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let signers = signers(&opened, &arguments.by)?;
    let commission = opened.trust.election().organisations.first().map(|one| one.name.as_str());
    let alone = arguments.by.len() == 1 && arguments.by.first().map(String::as_str) == commission;
    if !alone && !opened.trust.policy().satisfied_by_organisations(arguments.by.iter().map(String::as_str)) {
        return Err(said(
            "актыны комиссия жалгыз же ишеним эрежелеринин кворумун түзгөн уюмдар жазат: --by менен дагы атаңыз",
            "акт записывает комиссия одна или организации, составляющие кворум: назовите больше через --by",
            "an act is recorded by the commission alone, or by organisations that satisfy the trust policy's quorum: name more with --by",
        ));
    }
    let act = LegalAct {
        number: arguments.number.clone(),
        date: arguments.date.clone(),
        issuer: Issuer::from(arguments.issuer) as u8,
        issuer_number: arguments.issuer_number,
        effect: effect_of(&arguments.effect),
        effective_ms: arguments.effective_ms,
        final_act: u8::from(arguments.final_act),
        document: digest_of(disk, &arguments.document)?,
    };
    let scribe = scribe(&opened, signers.first(), arguments.sequence, output)?;
    let draft = scribe.legal_act(&signers, scope_of(&arguments.about), &act).map_err(failed)?;
    written("act", &draft, &arguments.out, output.language(), disk, output)
}

fn draft_case(arguments: &CaseDraft, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let signers = signers(&opened, std::slice::from_ref(&arguments.by))?;
    let case = Case {
        category: match arguments.category {
            CaseCategory::Complaint => 1,
            CaseCategory::Incident => 2,
            CaseCategory::DisputedIdentification => 3,
        },
        state: match arguments.state {
            CaseStep::Filed => CaseState::Filed,
            CaseStep::Examined => CaseState::Examined,
            CaseStep::Granted => CaseState::Granted,
            CaseStep::Dismissed => CaseState::Dismissed,
            CaseStep::Withdrawn => CaseState::Withdrawn,
            CaseStep::Appealed => CaseState::Appealed,
        } as u8,
        opened_by: Maybe(arguments.opened_by),
        deadline_ms: arguments.deadline_ms,
        target: Maybe(arguments.target),
        act: Maybe(arguments.act),
        document: digest_of(disk, &arguments.document)?,
    };
    let scribe = scribe(&opened, signers.first(), arguments.sequence, output)?;
    let author = *signers.first().ok_or_else(|| said("эч ким кол койбойт", "никто не подписывает", "nobody signs"))?;
    let draft = scribe.case(author, scope_of(&arguments.about), &case).map_err(failed)?;
    written("case", &draft, &arguments.out, output.language(), disk, output)
}

/// What signers read before they sign.
pub(crate) fn in_words(scope: Scope, act: &LegalAct, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let place = place_in_words(scope, language);
    let effect = match &act.effect {
        ActEffect::Annul => {
            format!("{} {place}", of("добуш берүү жараксыз:", "голосование недействительно:", "annuls the vote in"))
        }
        ActEffect::Cancel { act } => format!("{} {act}", of("актыны жокко чыгарат:", "отменяет акт", "cancels act")),
        ActEffect::Suspend { act } => {
            format!("{} {act}", of("актыны токтотуп турат:", "приостанавливает акт", "suspends act"))
        }
        ActEffect::Strike { position } => match language {
            Language::Ky => format!("{place}: {position}-позициядагы талапкерди тизмеден чыгарат"),
            Language::Ru => format!("{place}: исключает кандидата на позиции {position}"),
            Language::En => format!("strikes out the candidate at position {position} in {place}"),
        },
        ActEffect::Withdraw { position } => match language {
            Language::Ky => format!("{place}: {position}-позициядагы талапкер баш тартат"),
            Language::Ru => format!("{place}: кандидат на позиции {position} отказывается"),
            Language::En => format!("the candidate at position {position} in {place} withdraws"),
        },
        ActEffect::Recount => match language {
            Language::Ky => format!("{place}: бюллетендер кайра саналсын"),
            Language::Ru => format!("{place}: бюллетени пересчитать"),
            Language::En => format!("orders the papers of {place} to be counted again"),
        },
        ActEffect::Lot { order } => {
            let drawn = of("чүчүкулактын тартиби:", "порядок по жребию:", "a lot gives the order");
            format!("{place}: {drawn} {order:?}")
        }
        ActEffect::Extend { until_ms } => {
            let longer = of("добуш берүү узартылат, чейин", "голосование продлено до", "voting goes on until");
            format!("{place}: {longer} {}", iso_utc(*until_ms))
        }
        ActEffect::Elect { positions } => {
            let elected = of("шайланды, позициялар", "избраны позиции", "declares elected the candidates at positions");
            format!("{place}: {elected} {positions:?}")
        }
        ActEffect::Succeed { vacated, successor } => match language {
            Language::Ky => format!("{place}: {vacated}-позициянын мандаты {successor}-позицияга өтөт"),
            Language::Ru => format!("{place}: мандат позиции {vacated} переходит к позиции {successor}"),
            Language::En => format!("the seat of position {vacated} in {place} goes to position {successor}"),
        },
    };
    let issuer = Issuer::from_number(act.issuer);
    let issuer = issuer.map_or(of("белгисиз", "неизвестно кто", "unknown issuer"), |issuer| {
        issuer_word(issuer, language)
    });
    let which = if act.issuer_number == 0 { String::new() } else { format!(" {}", act.issuer_number) };
    let appeal = match act.final_act {
        1 => of("акыркы", "окончателен", "final"),
        _ => of("даттанууга болот", "может быть обжалован", "can be appealed against"),
    };
    let (number, date, document) = (&act.number, &act.date, &act.document);
    let (name, paper) = (of("акт", "акт", "act"), of("документ", "документ", "document"));
    format!("{name} {number}, {date}, {issuer}{which}, {appeal}: {effect}\n  {paper} {document}")
}

/// What the signer of a case reads.
pub(crate) fn case_in_words(scope: Scope, case: &Case, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let category = match case.category {
        1 => of("арыз", "жалоба", "complaint"),
        2 => of("окуя", "происшествие", "incident"),
        3 => of("талаштуу идентификация", "спорная идентификация", "disputed identification"),
        _ => of("белгисиз түр", "неизвестный вид", "unknown category"),
    };
    let state = match CaseState::from_number(case.state) {
        Some(CaseState::Filed) => of("берилди", "подана", "filed"),
        Some(CaseState::Examined) => of("каралууда", "рассматривается", "examined"),
        Some(CaseState::Granted) => of("канааттандырылды", "удовлетворена", "granted"),
        Some(CaseState::Dismissed) => of("четке кагылды", "отклонена", "dismissed"),
        Some(CaseState::Withdrawn) => of("кайра алынды", "отозвана", "withdrawn"),
        Some(CaseState::Appealed) => of("даттанылды", "обжалована", "appealed"),
        None => of(
            "бул программа билбеген абал",
            "состояние, неизвестное программе",
            "a state that this program does not know",
        ),
    };
    let (earlier, paper) = (of("иш", "дело", "case"), of("документ", "документ", "document"));
    let opened = case.opened_by.0.map_or_else(String::new, |id| format!("\n  {earlier} {id}"));
    format!("{category}, {}: {state}{opened}\n  {paper} {}", place_in_words(scope, language), case.document)
}
