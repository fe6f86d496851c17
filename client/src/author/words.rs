//! What a commission signs, in the words of whoever reads it before signing: Kyrgyz, Russian, English.

use crate::evidence::Language;
use tamga_ledger::codec::CodecError;
use tamga_ledger::kinds::{
    BallotBatch, Basis, Body, CHECKS, Cell, Counters, Countersign, Custody, CustodyEvent, Finding, HolderClass,
    IdentificationVoid, Item, KeyRegistration, Kind, LineValue, Phase, Protocol, ProtocolBasis, RollAmendment,
    RollChunk, StationPhase, SummaryTable, TotalOpening,
};
use tamga_ledger::record::{Record, Scope};

/// The place of a record.
#[must_use]
pub fn place_in_words(scope: Scope, language: Language) -> String {
    match scope {
        Scope::Election => language.of("бүт шайлоо", "вся страна", "the election").to_owned(),
        Scope::Constituency(number) => format!("{} {number}", language.of("округ", "округ", "constituency")),
        Scope::Station(number) => format!("{} {number}", language.of("участок", "участок", "station")),
        Scope::Unit(unit) => format!("{} {unit}", language.of("бирдик", "единица", "unit")),
    }
}

/// What a record of a commission's day says, figure by figure; none for other kinds.
///
/// # Errors
/// The body is not of its kind's shape.
pub fn record_in_words(record: &Record, language: Language) -> Result<Option<String>, CodecError> {
    let place = place_in_words(record.scope, language);
    let body = record.body.as_slice();
    let said = match Kind::from_number(record.kind) {
        Some(Kind::Key) => keys(&KeyRegistration::from_bytes(body)?, language),
        Some(Kind::RollChunk) => {
            let chunk = RollChunk::from_bytes(body)?;
            let what = language.of("тизменин бөлүгү", "часть списка избирателей", "part of the voters' roll");
            format!("{what} {}/{}, {}", chunk.number + 1, chunk.chunks, chunk.total)
        }
        Some(Kind::RollAmendment) => amendment(&RollAmendment::from_bytes(body)?, language),
        Some(Kind::StationPhase) => phase(&StationPhase::from_bytes(body)?, language),
        Some(Kind::IdentificationVoid) => void(&IdentificationVoid::from_bytes(body)?, language),
        Some(Kind::BallotBatch) => batch(&BallotBatch::from_bytes(body)?, language),
        Some(Kind::TotalOpening) => opening(&TotalOpening::from_bytes(body)?, record.scope, language),
        Some(Kind::Protocol) => protocol(&Protocol::from_bytes(body)?, record, language),
        Some(Kind::Countersign) => countersign(&Countersign::from_bytes(body)?, language),
        Some(Kind::SummaryTable) => table(&SummaryTable::from_bytes(body)?, language),
        Some(Kind::Custody) => custody(&Custody::from_bytes(body)?, language),
        _ => return Ok(None),
    };
    Ok(Some(format!("{place}: {said}")))
}

fn amendment(body: &RollAmendment, language: Language) -> String {
    let what = language.of("тизмеге өзгөртүүлөр", "изменения в списке избирателей", "amendment of the voters' roll");
    let (removed, added) =
        (language.of("чыгарылды", "исключено", "struck"), language.of("кошулду", "включено", "added"));
    let (gone, come) = body.roll_leaves().map_or((0, 0), |(removed, added)| (removed.len(), added.len()));
    let total = language.of("тизмеде", "в списке", "on the roll");
    format!("{what}\n  {removed} {gone}\n  {added} {come}\n  {total} {}", body.total)
}

/// What a phase is called.
#[must_use]
pub const fn phase_word(phase: Phase, language: Language) -> &'static str {
    match phase {
        Phase::Open => language.of("ачылды, нөлдүк отчёт", "открытие, нулевой отчёт", "opening, zero report"),
        Phase::Suspend => language.of("добуш берүү токтотулду", "голосование приостановлено", "voting is suspended"),
        Phase::Resume => language.of("добуш берүү уланууда", "голосование возобновлено", "voting goes on"),
        Phase::OfflineStart => language.of("байланыш жок", "связь потеряна", "the connection is lost"),
        Phase::OfflineEnd => language.of("байланыш калыбына келди", "связь восстановлена", "the connection is back"),
        Phase::Balance => language.of("учурдагы баланс", "текущий баланс", "running balance"),
        Phase::Close => language.of("жабылды, жыйынтыктоочу отчёт", "закрытие, итоговый отчёт", "close, final report"),
        Phase::BoxOut => language.of("көчмө куту чыкты", "переносной ящик вынесен", "the mobile box goes out"),
        Phase::BoxIn => language.of("көчмө куту кайтты", "переносной ящик вернулся", "the mobile box is back"),
        Phase::Replace => language.of("жабдуу алмаштырылды", "оборудование заменено", "equipment is replaced"),
    }
}

/// What a piece of equipment is called.
#[must_use]
pub const fn item_word(item: Item, language: Language) -> &'static str {
    match item {
        Item::Device => language.of("идентификация аспабы", "устройство идентификации", "identification device"),
        Item::Printer => language.of("басма аспабы", "принтер", "printer"),
        Item::Scanner => language.of("АЭУ", "АСУ", "reading box"),
        Item::Modem => language.of("модем", "модем", "modem"),
        Item::Box => language.of("стационардык куту", "стационарный ящик", "stationary box"),
        Item::MobileBox => language.of("көчмө куту", "переносной ящик", "mobile box"),
        Item::KeyCarrier => language.of("ачкыч сактагыч", "носитель ключей", "carrier of keys"),
        Item::Other => language.of("башка жабдуу", "другое оборудование", "other equipment"),
    }
}

/// What an event of custody is called.
#[must_use]
pub const fn custody_word(event: CustodyEvent, language: Language) -> &'static str {
    match event {
        CustodyEvent::Enter => language.of("эсепке алынды", "поставлено на учёт", "entered the inventory"),
        CustodyEvent::Seal => language.of("мөөрлөндү", "опечатано", "sealed"),
        CustodyEvent::Unseal => language.of("мөөр алынды", "пломбы сняты", "unsealed"),
        CustodyEvent::Store => language.of("сактоого коюлду", "принято на хранение", "stored"),
        CustodyEvent::Move => language.of("жолдо", "в пути", "on its way"),
        CustodyEvent::HandOver => language.of("өткөрүп берилди", "передано", "handed over"),
        CustodyEvent::Check => language.of("даярдыгы текшерилди", "готовность проверена", "readiness checked"),
        CustodyEvent::Deploy => language.of("иштетилүүдө", "введено в работу", "deployed"),
        CustodyEvent::TakeBack => language.of("кайтарылды", "возвращено", "taken back"),
        CustodyEvent::Lose => language.of("жоголду", "утрачено", "lost"),
        CustodyEvent::Find => language.of("табылды", "найдено", "found"),
        CustodyEvent::Retire => language.of("эсептен чыгарылды", "списано", "retired"),
    }
}

fn named(text: &mut String, what: &str, names: &[String]) {
    if !names.is_empty() {
        *text += &format!("\n  {what}: {}", names.join(", "));
    }
}

fn figures(lines: &[LineValue], counts: &[u64], language: Language) -> String {
    let mut text = String::new();
    for line in lines {
        text += &format!("\n  {} {}: {}", language.of("сап", "строка", "line"), line.code, line.value);
    }
    for (position, count) in (1..).zip(counts) {
        text += &format!("\n  {} {position}: {count}", language.of("орун", "позиция", "position"));
    }
    text
}

fn counters(of: &Counters, language: Language) -> String {
    let rows = [
        (
            language.of("таанылды, өз округ", "идентифицировано, свой округ", "identified, own ballot"),
            of.identified_local,
        ),
        (
            language.of("таанылды, башка округ", "идентифицировано, другой округ", "identified, another ballot"),
            of.identified_remote,
        ),
        (language.of("чектер", "чеки", "slips"), of.slips),
        (language.of("колдор", "подписи", "signatures"), of.signatures),
        (language.of("басылды, өз округ", "напечатано, свой округ", "printed, own ballot"), of.printed_own),
        (language.of("басылды, башка округ", "напечатано, другой округ", "printed, another ballot"), of.printed_other),
        (language.of("бузулду", "испорчено", "spoiled"), of.spoiled),
        (language.of("АЭУ кабыл алды", "принято АСУ", "taken by the scanner"), of.scanned),
    ];
    rows.iter().map(|(what, figure)| format!("\n  {what}: {figure}")).collect()
}

fn phase(body: &StationPhase, language: Language) -> String {
    let known = Phase::from_number(body.phase);
    let mut text = known.map_or("?", |phase| phase_word(phase, language)).to_owned();
    if matches!(known, Some(Phase::Open | Phase::Balance | Phase::Close)) {
        text += &format!("\n  {}: {}", language.of("тизмеде", "в списке", "on the list"), body.list_total);
        text += &counters(&body.counters, language);
    }
    named(&mut text, language.of("мөөрлөр", "пломбы", "seals"), &body.seals);
    named(&mut text, language.of("жабдуу", "оборудование", "equipment"), &body.equipment);
    for member in &body.roles {
        text += &format!("\n  {}: {}", role_word(member.role, language), member.key);
    }
    text
}

/// What a member is called, by the number of the role.
#[must_use]
pub const fn role_word(role: u8, language: Language) -> &'static str {
    match role {
        1 => language.of("төрага", "председатель", "chair"),
        2 => language.of("катчы", "секретарь", "secretary"),
        3 => language.of("комиссия мүчөсү", "член комиссии", "member"),
        _ => "?",
    }
}

fn void(body: &IdentificationVoid, language: Language) -> String {
    let ballot = match body.ballot {
        1 => language.of("бюллетень басылган жок", "бюллетень не напечатан", "no ballot was printed"),
        _ => language.of(
            "бюллетень басылып, берилген жок",
            "бюллетень напечатан и не выдан",
            "a ballot was printed and kept back",
        ),
    };
    format!("{ballot}\n  {} {}", language.of("идентификация", "идентификация", "identification"), body.target)
}

/// Counts that a record commits and does not show: papers by constituency, those without papers left out.
fn hidden(cells: &[Cell], language: Language) -> String {
    let hidden = language.of("жабык, округ", "скрыто, округ", "hidden, constituency");
    let papers = language.of("бюллетень", "бюллетеней", "papers");
    let with = cells.iter().filter(|cell| cell.papers > 0);
    with.map(|cell| format!("\n  {hidden} {}: {papers} {}", cell.constituency, cell.papers)).collect()
}

fn batch(body: &BallotBatch, language: Language) -> String {
    let what = language.of("АЭУнун бюллетендеринин топтому", "пакет бюллетеней АСУ", "batch of the reading box");
    let last = match body.last {
        0 => "",
        _ => language.of(", акыркысы", ", последний", ", the last one"),
    };
    let papers: u64 = body.cells.iter().map(|cell| u64::from(cell.papers)).sum();
    let sum = language.of("бардыгы", "всего бюллетеней", "papers in all");
    format!("{what} {}{last}\n  {sum}: {papers}{}", body.number, hidden(&body.cells, language))
}

fn opening(body: &TotalOpening, scope: Scope, language: Language) -> String {
    let basis = match Basis::from_number(body.basis) {
        Some(Basis::Machine) => language.of("АЭУ", "АСУ", "the reading boxes"),
        Some(Basis::Hand) => language.of("кол менен саноо", "ручной подсчёт", "the count by hand"),
        None => "?",
    };
    let what = match scope {
        Scope::Unit(_) => language.of(
            "өз округдун добуштары ачылат",
            "открываются голоса своего округа",
            "the own constituency's count is opened",
        ),
        _ => language.of(
            "өзүнчө көрсөтүлбөгөн бюллетендердин республика боюнча суммасы ачылат",
            "открывается общая по стране сумма бюллетеней, которые не показываются отдельно",
            "the nation's sum of papers that are not shown by themselves is opened",
        ),
    };
    let papers = language.of("бюллетень", "бюллетеней", "papers");
    let place = place_in_words(Scope::Constituency(body.constituency), language);
    // Read by whoever signs, so also of a draft that no ledger would take: its counts may be of any size.
    let sum = body.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
    format!("{what}\n  {place}, {basis}\n  {papers}: {sum}{}", figures(&[], &body.counts, language))
}

fn protocol(body: &Protocol, record: &Record, language: Language) -> String {
    let basis = match ProtocolBasis::from_number(body.basis) {
        Some(ProtocolBasis::Machine) => language.of("АЭУ протоколу", "протокол АСУ", "machine protocol"),
        Some(ProtocolBasis::Hand) => {
            language.of("кол менен саноо протоколу", "протокол ручного подсчёта", "protocol by hand")
        }
        Some(ProtocolBasis::Recount) => {
            language.of("кайра саноо протоколу", "протокол пересчёта", "protocol of a recount")
        }
        Some(ProtocolBasis::Transcribed) => language.of(
            "кагаздан көчүрүлгөн протокол",
            "протокол, перенесённый с бумаги",
            "protocol typed in from paper",
        ),
        None => "?",
    };
    let mut text = format!("{basis}, {} {}", body.form, body.form_version);
    if let Some(earlier) = record.supersedes.0 {
        let corrects = language.of("оңдойт", "исправляет", "corrects");
        text +=
            &format!("\n  {corrects} {earlier}, {} {}", language.of("себеби", "причина", "reason"), body.explanation);
    }
    text += &figures(&body.lines, &body.counts, language);
    for cell in &body.cells {
        let hidden = language.of("жабык, округ", "скрыто, округ", "hidden, constituency");
        text += &format!("\n  {hidden} {}: {}", cell.constituency, cell.papers);
    }
    text
}

fn countersign(body: &Countersign, language: Language) -> String {
    let finding = match Finding::from_number(body.finding) {
        Some(Finding::Assent) => language.of("протокол туура", "с протоколом согласен", "assents to the protocol"),
        Some(Finding::Copy) => language.of("көчүрмөдө булар жазылган", "на копии стоит", "the copy says"),
        Some(Finding::CopyRefused) => language.of("көчүрмө берилген жок", "в копии отказано", "a copy was refused"),
        Some(Finding::NotPosted) => {
            language.of("протокол илинген эмес", "протокол не вывешен", "the protocol was not posted")
        }
        None => "?",
    };
    let about = body.target.0.map_or_else(String::new, |id| format!("\n  {id}"));
    format!("{finding}{about}{}", figures(&body.lines, &body.counts, language))
}

fn table(body: &SummaryTable, language: Language) -> String {
    format!(
        "{}, {} {}, {}: {}{}",
        language.of("жыйынтык таблица", "сводная таблица", "summary table"),
        body.form,
        body.form_version,
        language.of("протоколдор", "протоколов", "protocols"),
        body.sources.len(),
        figures(&body.lines, &body.counts, language)
    )
}

fn custody(body: &Custody, language: Language) -> String {
    let item = Item::from_number(body.item).map_or("?", |item| item_word(item, language));
    let event = CustodyEvent::from_number(body.event);
    let mut text = format!("{item} {}: {}", body.serial, event.map_or("?", |event| custody_word(event, language)));
    if let (Some(from), Some(to)) = (body.from.0, body.to.0) {
        text += &format!("\n  {from} → {to}");
    }
    named(&mut text, language.of("мөөрлөр", "пломбы", "seals"), &body.seals);
    if event == Some(CustodyEvent::Check) {
        let held = |bit: usize| if body.checks & (1 << bit) != 0 { "+" } else { "−" };
        CHECKS.iter().enumerate().for_each(|(bit, name)| text += &format!("\n  {} {name}", held(bit)));
    }
    if !body.place.is_empty() {
        text += &format!("\n  {}: {}", language.of("жайы", "место", "place"), body.place);
    }
    if let Some(key) = body.key.0 {
        text += &format!("\n  {} {key}", language.of("ачкыч", "ключ", "key"));
    }
    text
}

fn keys(body: &KeyRegistration, language: Language) -> String {
    let mut text = language.of("ачкычтар катталат", "регистрация ключей", "keys are registered").to_owned();
    for grant in &body.grants {
        let class = match HolderClass::from_number(grant.class) {
            Some(HolderClass::Organisation) => language.of("уюм", "организация", "organisation"),
            Some(HolderClass::Registry) => language.of("реестр", "реестр", "registry"),
            Some(HolderClass::Device) => language.of("аспап", "устройство", "device"),
            Some(HolderClass::Scanner) => language.of("АЭУ", "АСУ", "reading box"),
            Some(HolderClass::Member) => language.of("комиссия мүчөсү", "член комиссии", "member"),
            Some(HolderClass::Node) => language.of("түйүн", "узел", "node"),
            Some(HolderClass::Observer) => language.of("байкоочу", "наблюдатель", "observer"),
            Some(HolderClass::Custodian) => language.of("сактоочу", "хранитель", "custodian"),
            None => "?",
        };
        text += &format!("\n  {class}, {}: {}", place_in_words(grant.scope, language), grant.key);
    }
    text
}
