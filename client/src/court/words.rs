//! What a court's bundle says, in sentences. Facts only: what follows from them is for the court.

use crate::author::record_in_words;
use crate::evidence::Language;
use crate::report::audit::STYLE;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::fmt::Write as _;
use tamga_ledger::court::{CourtBundle, Subject, VerifiedCourt, VerifiedItem};
use tamga_ledger::kinds::Kind;
use tamga_ledger::record::Scope;
use tamga_ledger::submission::AttestationCheck;
use tamga_ledger::verdict::Verdict;
use tamga_platform::calendar::iso_utc;

const LANGUAGES: [(Language, &str, &str); 3] =
    [(Language::Ky, "ky", "Кыргызча"), (Language::Ru, "ru", "Русский"), (Language::En, "en", "English")];

/// As text.
#[must_use]
pub fn tell_court(bundle: &CourtBundle, verified: &VerifiedCourt, language: Language) -> String {
    let mut text = format!("{}\n", subject(&bundle.subject, language));
    for line in facts(bundle, verified, language) {
        let _ = writeln!(text, "  {}: {}", line.0, line.1);
    }
    let _ = writeln!(text, "\n{}", heading(Heading::Entries, language));
    for item in verified.items.iter().filter(|item| item.asked) {
        let _ = writeln!(text, "  {}", row(item, language).join(" · "));
    }
    let equipment = equipment(verified, language);
    if !equipment.is_empty() {
        let _ = writeln!(text, "\n{}", heading(Heading::Equipment, language));
        equipment.iter().for_each(|row| text += &format!("  {}\n", row.join(" · ")));
    }
    for (title, lines) in
        [(Heading::Proven, proven(bundle, language)), (Heading::NotProven, not_proven(bundle, language))]
    {
        let _ = writeln!(text, "\n{}", heading(title, language));
        lines.iter().for_each(|line| text += &format!("  - {line}\n"));
    }
    text
}

/// As one HTML page without scripts, pictures or addresses, the same in three languages.
#[must_use]
pub fn court_page(bundle: &CourtBundle, verified: &VerifiedCourt) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="ky" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Tamga: " (subject(&bundle.subject, Language::Ky)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav { @for (_, code, name) in LANGUAGES { a href={ "#" (code) } lang=(code) { (name) } " " } }
                @for (language, code, _) in LANGUAGES {
                    section id=(code) lang=(code) { (section(bundle, verified, language)) }
                }
            }
        }
    };
    markup.into_string()
}

fn section(bundle: &CourtBundle, verified: &VerifiedCourt, language: Language) -> Markup {
    html! {
        h1 { (subject(&bundle.subject, language)) }
        table { @for (what, value) in facts(bundle, verified, language) { tr { th { (what) } td { code { (value) } } } } }
        h2 { (heading(Heading::Entries, language)) }
        table {
            @for item in verified.items.iter().filter(|item| item.asked) {
                tr { @for cell in row(item, language) { td { (cell) } } }
            }
        }
        @let equipment = equipment(verified, language);
        @if !equipment.is_empty() {
            h2 { (heading(Heading::Equipment, language)) }
            table { @for row in equipment { tr { @for cell in row { td { (cell) } } } } }
        }
        h2 { (heading(Heading::Proven, language)) }
        ul { @for line in proven(bundle, language) { li { (line) } } }
        h2 { (heading(Heading::NotProven, language)) }
        ul { @for line in not_proven(bundle, language) { li { (line) } } }
    }
}

#[derive(Clone, Copy)]
enum Heading {
    Entries,
    Equipment,
    Proven,
    NotProven,
}

const fn heading(heading: Heading, language: Language) -> &'static str {
    match heading {
        Heading::Entries => language.of("Жазуулар", "Записи", "Entries"),
        Heading::Equipment => language.of(
            "Ушул жазууларга тиешелүү жабдуунун башка жердеги тарыхы",
            "История того же оборудования в других местах",
            "What happened elsewhere to the same equipment",
        ),
        Heading::Proven => language.of("Эмне далилденди", "Что доказано", "What is proven"),
        Heading::NotProven => language.of("Эмне далилденген жок", "Что не доказано", "What is not proven"),
    }
}

fn subject(subject: &Subject, language: Language) -> String {
    match (subject, language) {
        (Subject::Station(number), Language::Ky) => format!("Сот үчүн топтом: № {number} шайлоо участогу"),
        (Subject::Station(number), Language::Ru) => format!("Пакет для суда: избирательный участок № {number}"),
        (Subject::Station(number), Language::En) => format!("Bundle for a court: station {number}"),
        (Subject::Constituency(number), Language::Ky) => format!("Сот үчүн топтом: № {number} шайлоо округу"),
        (Subject::Constituency(number), Language::Ru) => format!("Пакет для суда: избирательный округ № {number}"),
        (Subject::Constituency(number), Language::En) => format!("Bundle for a court: constituency {number}"),
        (Subject::Records(ids), Language::Ky) => format!("Сот үчүн топтом: {} документ", ids.len()),
        (Subject::Records(ids), Language::Ru) => format!("Пакет для суда: документов {}", ids.len()),
        (Subject::Records(ids), Language::En) => format!("Bundle for a court: records {}", ids.len()),
    }
}

fn facts(bundle: &CourtBundle, verified: &VerifiedCourt, language: Language) -> Vec<(&'static str, String)> {
    let of = |ky: &'static str, ru: &'static str, en: &'static str| language.of(ky, ru, en);
    let title = &verified.trust.election().title;
    let mut facts = vec![
        (of("Шайлоо", "Выборы", "Election"), language.of(&title.ky, &title.ru, &title.en).to_owned()),
        (of("Шайлоонун белгиси", "Идентификатор выборов", "Election id"), verified.trust.election_id().to_string()),
        (
            of("Бул чыныгы шайлоо", "Настоящие выборы", "A real election"),
            if verified.trust.election().real == 0 {
                of("жок, машыгуу", "нет, репетиция", "no, a rehearsal")
            } else {
                of("ооба", "да", "yes")
            }
            .to_owned(),
        ),
    ];
    for checkpoint in &verified.checkpoints {
        let (head, organisations) = (checkpoint.checkpoint(), checkpoint.organisations());
        let names: Vec<String> = organisations.iter().map(ToString::to_string).collect();
        let latest = checkpoint.cosignatures().iter().map(|one| one.time_s).max().unwrap_or_default();
        let line = format!(
            "{} · SHA-256 {} · {} · {}/{}: {}",
            head.size,
            head.roots.sha256.to_base64(),
            iso_utc(latest.saturating_mul(1_000)),
            names.len(),
            verified.trust.policy_at(head.size).organisations().len(),
            names.join(", ")
        );
        facts.push((of("Көзөмөл чекити", "Контрольная точка", "Checkpoint"), line));
    }
    if !bundle.order.is_empty() {
        facts.push((of("Соттун чечими", "Определение суда", "Order of the court"), bundle.order.clone()));
    }
    facts.push((of("Даярдаган программа", "Создано программой", "Made by"), bundle.tool.clone()));
    facts
}

/// Where pieces that the subject's entries speak of, or were signed by, were before and afterwards: leaf, time, what happened.
fn equipment(verified: &VerifiedCourt, language: Language) -> Vec<Vec<String>> {
    let told = |item: &VerifiedItem| {
        let record = item.record.as_ref().filter(|record| !item.asked && record.kind == Kind::Custody as u16)?;
        let words = record_in_words(record, language).ok()??;
        Some(vec![format!("№ {}", item.leaf), iso_utc(item.entry.time_ms), words.replace("\n  ", "; ")])
    };
    verified.items.iter().filter_map(told).collect()
}

/// Leaf, time, kind, place, verdict, what was handed over.
fn row(item: &VerifiedItem, language: Language) -> Vec<String> {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let kind = item.record.as_ref().and_then(|record| Kind::from_number(record.kind));
    let place = match item.record.as_ref().map(|record| record.scope) {
        Some(Scope::Unit(unit)) => format!("{} {}/{}", of("участок", "участок", "station"), unit.station, unit.unit),
        Some(Scope::Station(station)) => format!("{} {station}", of("участок", "участок", "station")),
        Some(Scope::Constituency(number)) => format!("{} {number}", of("округ", "округ", "constituency")),
        _ => of("шайлоо", "выборы", "election").to_owned(),
    };
    let verdict = verdict_in_words(&item.entry.verdict, language);
    let mut cells = vec![
        format!("№ {}", item.leaf),
        iso_utc(item.entry.time_ms),
        kind_name(kind, language).to_owned(),
        place,
        verdict,
        format!("{} {}", of("чекит", "точка", "checkpoint"), item.covered_by),
    ];
    if item.body {
        let attested = match item.attestation {
            Some(AttestationCheck::Valid(_)) => {
                of("реестрдин ырастоосу туура", "подтверждение реестра верно", "the registry's attestation holds")
            }
            Some(AttestationCheck::Invalid) => of(
                "реестрдин ырастоосу туура эмес",
                "подтверждение реестра неверно",
                "the registry's attestation does not hold",
            ),
            _ => of(
                "реестрдин ырастоосу жок же текшерилген жок",
                "подтверждения реестра нет или оно не проверено",
                "no attestation of the registry, or not checked",
            ),
        };
        cells.push(format!(
            "{}; {attested}",
            of("жашыруун бөлүгү берилген", "закрытая часть выдана", "confidential body handed over")
        ));
    }
    cells
}

/// A verdict, with its code or the number of its flags.
#[must_use]
pub fn verdict_in_words(verdict: &Verdict, language: Language) -> String {
    match verdict {
        Verdict::Refused(code) => format!("{} ({code:?})", language.of("четке кагылган", "отклонено", "refused")),
        verdict if verdict.flags().is_empty() => language.of("кабыл алынган", "принято", "accepted").to_owned(),
        verdict => format!(
            "{} ({})",
            language.of("белгилер менен кабыл алынган", "принято с отметками", "accepted with flags"),
            verdict.flags().len()
        ),
    }
}

/// What a kind of record is called.
#[must_use]
pub const fn kind_name(kind: Option<Kind>, language: Language) -> &'static str {
    match kind {
        Some(Kind::Election) => language.of("шайлоону негиздөө", "учреждение выборов", "founding of the election"),
        Some(Kind::DefinitionPart) => {
            language.of("шайлоонун аныктамасы", "определение выборов", "definition of the election")
        }
        Some(Kind::Key) => language.of("ачкычтарды каттоо", "регистрация ключей", "registration of keys"),
        Some(Kind::KeyRevocation) => language.of("ачкычтарды кайтарып алуу", "отзыв ключей", "revocation of keys"),
        Some(Kind::RollChunk) => language.of("тизменин бөлүгү", "часть списка", "part of the roll"),
        Some(Kind::RollAmendment) => language.of("тизмеге өзгөртүүлөр", "изменения в списке", "amendment of the roll"),
        Some(Kind::StationPhase) => language.of("участоктун абалы", "этап участка", "phase of the station"),
        Some(Kind::Identification) => language.of("идентификация", "идентификация", "identification"),
        Some(Kind::IdentificationVoid) => {
            language.of("бюллетень берилген жок", "бюллетень не выдан", "no ballot was given")
        }
        Some(Kind::BallotBatch) => language.of("бюллетендер топтому", "пакет бюллетеней", "batch of ballots"),
        Some(Kind::TotalOpening) => language.of("жыйынтыкты ачуу", "раскрытие итога", "opening of a total"),
        Some(Kind::Protocol) => language.of("протокол", "протокол", "protocol"),
        Some(Kind::LegalAct) => language.of("укуктук акт", "правовой акт", "legal act"),
        Some(Kind::Case) => language.of("арыз же окуя", "жалоба или происшествие", "complaint or incident"),
        Some(Kind::Countersign) => language.of("экинчи кол тамга", "подтверждающая подпись", "countersignature"),
        Some(Kind::SummaryTable) => language.of("жыйынтык таблица", "сводная таблица", "summary table"),
        Some(Kind::Custody) => language.of("жабдууну сактоо", "хранение оборудования", "custody of equipment"),
        Some(Kind::Governance) => {
            language.of("уюмдардын чечими", "решение организаций", "decision of the organisations")
        }
        Some(Kind::Seal) => language.of("мөөр", "печать", "seal"),
        Some(Kind::RefusalSummary) => {
            language.of("четке кагуулардын жыйынтыгы", "сводка отказов", "summary of refusals")
        }
        None => {
            language.of("мазмуну көрсөтүлбөгөн документ", "документ без содержания", "a record without its content")
        }
    }
}

fn proven(bundle: &CourtBundle, language: Language) -> Vec<&'static str> {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let mut lines = vec![
        of(
            "Жогорудагы жазуулардын ар бири көрсөтүлгөн орунда жарыяланган реестрде турат: уюмдар анын көзөмөл чекитине кол койгон.",
            "Каждая из записей выше стоит на указанном месте в опубликованном реестре: его контрольную точку подписали организации.",
            "Each entry above stands at its place in the published ledger, whose checkpoint the organisations signed.",
        ),
        of(
            "Ар бир документке аты аталгандар кол койгон, андан кийин бир да белгиси өзгөргөн эмес.",
            "Каждый документ подписан названными, и ни один знак в нём с тех пор не изменён.",
            "Each record was signed by those whom it names, and not a character of it was changed since.",
        ),
        of(
            "Көзөмөл чекиттеринин ар бири мурункусун улантат: алардын ортосунда эч нерсе өчүрүлгөн эмес.",
            "Каждая контрольная точка продолжает предыдущую: между ними ничего не удалено.",
            "Each checkpoint extends the one before it: nothing was removed in between.",
        ),
        of(
            "Жазуунун убактысы — реестр аны тартипке салган убакыт; аны камтыган биринчи көзөмөл чекитинен кечикпей жазылган.",
            "Время записи — время её упорядочения реестром; записано не позже первой контрольной точки, которая её охватывает.",
            "The time of an entry is when the ledger put it in order; it was recorded no later than the first checkpoint that covers it.",
        ),
    ];
    if !bundle.order.is_empty() {
        lines.push(of(
            "Берилген жашыруун бөлүктөр кол коюлган бөлүктөрдүн дал өзү.",
            "Выданные закрытые части — именно те, под которыми подписались.",
            "The confidential bodies that were handed over are the very ones that were signed for.",
        ));
    }
    lines
}

fn not_proven(bundle: &CourtBundle, language: Language) -> Vec<&'static str> {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let mut lines = vec![
        of(
            "Бул маселе боюнча башка жазуулар жок экени: аны бүт реестр боюнча «tamga audit» гана көрсөтөт.",
            "Что других записей об этом нет: это показывает только «tamga audit» по всему реестру.",
            "That there are no other entries about this: only tamga audit over the whole ledger shows that.",
        ),
        of(
            "Жазылган чечим эрежелерден туура келип чыкканы: ага уюмдар кол койгон, бирок бул файл аны кайра эсептебейт.",
            "Что записанное решение верно следует из правил: организации под ним подписались, но этот файл его не пересчитывает.",
            "That a verdict rightly follows from the rules: the organisations signed for it, and this file does not compute it again.",
        ),
        of(
            "Документтерде айтылгандар чын экени: мисалы, протоколдогу сандар бюллетендерге дал келери.",
            "Что сказанное в документах — правда: например, что числа протокола соответствуют бюллетеням.",
            "That what the records say is true: for example that a protocol's figures are those of the papers.",
        ),
        of(
            "Кимдин кандай добуш бергени: реестрде мындай маалымат жок жана бул файлда болушу мүмкүн эмес.",
            "Кто как голосовал: таких сведений в реестре нет, и в этом файле их быть не может.",
            "How anybody voted: the ledger has no such thing, and it cannot be in this file.",
        ),
        of(
            "Уюмдардын толук кворуму сүйлөшүп албаганы.",
            "Что полный кворум организаций не сговорился.",
            "That no complete quorum of organisations colluded.",
        ),
    ];
    if bundle.order.is_empty() {
        lines.push(of(
            "Жашыруун бөлүктөр тууралуу эч нерсе: сот чечим чыгармайынча алар бул файлда жок.",
            "Ничего о закрытых частях: без определения суда их в этом файле нет.",
            "Anything about confidential bodies: without a court's order they are not in this file.",
        ));
    }
    lines
}
