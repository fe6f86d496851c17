//! What reports call things, in Kyrgyz, Russian and English. The matches are whole: what is new does not compile without its words.

use tamga_client::evidence::Language;
use tamga_client::monitor::AlarmKind;
use tamga_client::report::AnomalyKind;
use tamga_client::verify::About;
use tamga_ledger::balance::Term;
use tamga_ledger::kinds::{Finding, HolderClass, Issuer, ProtocolBasis};
use tamga_ledger::record::Scope;
use tamga_ledger::state::UnitStatus;
use tamga_ledger::tally::UnitWithheld;

/// Who issued an act.
pub(crate) const fn issuer_word(issuer: Issuer, language: Language) -> &'static str {
    match issuer {
        Issuer::Candidate => language.of("талапкер", "кандидат", "candidate"),
        Issuer::Precinct => language.of("участкалык шайлоо комиссиясы", "участковая комиссия", "precinct commission"),
        Issuer::Constituency => language.of(
            "округдук же аймактык комиссия",
            "окружная или территориальная комиссия",
            "constituency commission",
        ),
        Issuer::Central => {
            language.of("Борбордук шайлоо комиссиясы", "Центральная избирательная комиссия", "central commission")
        }
        Issuer::Court => language.of("сот", "суд", "court"),
        Issuer::Appeal => language.of("апелляциялык сот", "апелляционный суд", "court of appeal"),
        Issuer::Supreme => language.of("Жогорку сот", "Верховный суд", "supreme court"),
    }
}

/// What an act does, by the name of its effect (docs/RULES.md); the name itself where this program does not know it.
pub(crate) fn effect_word(effect: &str, language: Language) -> &str {
    match effect {
        "annul" => language.of("добуш берүү жараксыз", "голосование недействительно", "annuls the vote"),
        "cancel" => language.of("актыны жокко чыгарат", "отменяет акт", "cancels an act"),
        "suspend" => language.of("актыны токтотуп турат", "приостанавливает акт", "suspends an act"),
        "strike" => language.of("тизмеден чыгарат", "исключает кандидата", "strikes a candidate out"),
        "withdraw" => language.of("баш тартат", "отказ кандидата", "a candidate withdraws"),
        "recount" => language.of("кайра эсептөө", "пересчёт", "recount"),
        "lot" => language.of("чүчүкулак", "жребий", "lot"),
        "extend" => language.of("добуш берүүнү узартат", "продлевает голосование", "extends the voting"),
        "elect" => language.of("шайланды деп жарыялайт", "объявляет избранных", "declares who is elected"),
        "succeed" => language.of("мандат өткөрүлөт", "мандат переходит", "a seat passes on"),
        other => other,
    }
}

/// What an act is about.
pub(crate) fn about_word(about: About, language: Language) -> String {
    match about {
        About::Act(act) => format!("{} {act}", language.of("акт", "акт", "act")),
        About::Place(Scope::Election) => language.of("бүт шайлоо", "вся страна", "the election").to_owned(),
        About::Place(Scope::Constituency(number)) => {
            format!("{} {number}", language.of("округ", "округ", "constituency"))
        }
        About::Place(Scope::Station(number)) => format!("{} {number}", language.of("участок", "участок", "station")),
        About::Place(Scope::Unit(unit)) => format!("{} {unit}", language.of("бирдик", "единица", "unit")),
    }
}

/// Why counts are not shown.
pub(crate) const fn withheld_word(why: UnitWithheld, language: Language) -> &'static str {
    match why {
        UnitWithheld::NoOwnConstituency => language.of(
            "өз округу жок: бюллетендери өлкө боюнча суммада гана",
            "своего округа нет: бюллетени только в общей сумме по стране",
            "no own constituency: its papers are in the nationwide sum only",
        ),
        UnitWithheld::TooFewPapers => language.of(
            "бюллетень өтө аз: алар өлкө боюнча суммада",
            "слишком мало бюллетеней: они в общей сумме по стране",
            "too few papers: they are in the nationwide sum",
        ),
        UnitWithheld::RelationBroken => language.of(
            "катуу контролдук катыш бузулган",
            "нарушено обязательное контрольное соотношение",
            "a hard control relation does not hold",
        ),
    }
}

/// Where a unit stands.
pub(crate) const fn status_word(status: UnitStatus, language: Language) -> &'static str {
    match status {
        UnitStatus::NotOpened => language.of("ачыла элек", "не открыт", "not opened"),
        UnitStatus::Open => language.of("добуш берүү жүрүүдө", "идёт голосование", "open"),
        UnitStatus::Suspended => language.of("токтотулган", "приостановлен", "suspended"),
        UnitStatus::Closed => language.of("жабык", "закрыт", "closed"),
    }
}

/// What a balance compares.
pub(crate) const fn term_word(term: Term, language: Language) -> &'static str {
    match term {
        Term::Ballots => language.of("берилген бюллетендер", "выданные бюллетени", "ballots given out"),
        Term::Slips => language.of("сакталган чектер", "сохранённые чеки", "slips kept"),
        Term::Papers => language.of("сканерленген баракчалар", "бумаги в сканере", "papers scanned"),
        Term::IdentifiedLocal => language.of(
            "идентификациядан өттү, өз округу",
            "идентифицировано, свой округ",
            "identified, own constituency",
        ),
        Term::IdentifiedRemote => language.of(
            "идентификациядан өттү, башка округ",
            "идентифицировано, другой округ",
            "identified, other constituency",
        ),
        Term::Scanned => language.of(
            "сканерленгендер пакеттерге каршы",
            "бумаги в сканере против пакетов",
            "papers scanned, against the batches",
        ),
        Term::Fell => language.of("азайган эсептегичтер", "уменьшившиеся счётчики", "counters that fell"),
    }
}

/// What a protocol rests on.
pub(crate) const fn basis_word(basis: ProtocolBasis, language: Language) -> &'static str {
    match basis {
        ProtocolBasis::Machine => language.of("машина (АЭУ)", "машина (АСУ)", "machine"),
        ProtocolBasis::Hand => language.of("кол менен", "вручную", "hand"),
        ProtocolBasis::Transcribed => language.of("кагаздан көчүрүлгөн", "перенесено с бумаги", "transcribed"),
        ProtocolBasis::Recount => language.of("кайра эсептөө", "пересчёт", "recount"),
    }
}

/// What an observer found.
pub(crate) const fn finding_word(finding: Finding, language: Language) -> &'static str {
    match finding {
        Finding::Assent => language.of("ушул эле сандарды көрдү", "видит те же числа", "saw the same figures"),
        Finding::Copy => {
            language.of("көчүрмөсүндө ушул сандар", "в копии такие числа", "has a copy with these figures")
        }
        Finding::CopyRefused => language.of("көчүрмө берилген жок", "в копии отказано", "was refused a copy"),
        Finding::NotPosted => language.of("протокол илинген эмес", "протокол не вывешен", "saw no protocol posted"),
    }
}

/// Who says something.
pub(crate) const fn holder_word(class: HolderClass, language: Language) -> &'static str {
    match class {
        HolderClass::Organisation => language.of("уюм", "организация", "an organisation"),
        HolderClass::Registry => language.of("калктын реестри", "реестр населения", "the registry"),
        HolderClass::Device => language.of("идентификация аспабы", "устройство идентификации", "a device"),
        HolderClass::Scanner => language.of("сканер", "сканер", "a scanner"),
        HolderClass::Member => language.of("комиссиянын мүчөсү", "член комиссии", "a member"),
        HolderClass::Node => language.of("түйүн", "узел", "a node"),
        HolderClass::Observer => language.of("байкоочу", "наблюдатель", "an observer"),
        HolderClass::Custodian => language.of("жабдууга жооптуу", "ответственный за оборудование", "a custodian"),
    }
}

/// Why a protocol replaces another (FORMAT.md §5).
pub(crate) const fn reason_word(explanation: u32, language: Language) -> &'static str {
    match explanation {
        0 => language.of("көрсөтүлгөн эмес", "не указана", "none given"),
        1 => language.of("арифметикалык ката", "арифметическая ошибка", "an error of arithmetic"),
        2 => language.of("сан башка сапка жазылган", "число в чужой строке", "a figure in a wrong line"),
        3 => language.of("кайра саналды", "пересчитано", "counted again"),
        4 => language.of(
            "комиссиянын же соттун чечими",
            "решение комиссии или суда",
            "decided by a commission or a court",
        ),
        5 => language.of("кагаз окулбайт", "бумага не читается", "the paper could not be read"),
        6 => language.of(
            "ачкыч жоголуп, кагаздан кайра саналды",
            "раскрытие утеряно, посчитано заново по бумаге",
            "an opening was lost, counted anew from the papers",
        ),
        _ => language.of("башка себеп", "иная причина", "another one"),
    }
}

/// What a group of anomalies is called.
pub(crate) const fn anomaly_word(kind: AnomalyKind, language: Language) -> &'static str {
    match kind {
        AnomalyKind::SecondAttempt => {
            language.of("четке кагылган экинчи аракеттер", "отклонённые вторые попытки", "second attempts, refused")
        }
        AnomalyKind::OfflineConflict => {
            language.of("байланышсыз кайталоолор", "повторы при работе без связи", "conflicts from offline work")
        }
        AnomalyKind::IdentificationRefused => language.of(
            "четке кагылган башка идентификациялар",
            "прочие отказы в идентификации",
            "other identifications refused",
        ),
        AnomalyKind::AfterHours => language.of("иш убактысынан тышкары", "вне часов работы", "after hours"),
        AnomalyKind::BalanceBroken => language.of("баланс дал келбейт", "баланс не сходится", "balances broken"),
        AnomalyKind::PapersAboveVoters => {
            language.of("шайлоочулардан көп бюллетень", "бюллетеней больше, чем избирателей", "more papers than voters")
        }
        AnomalyKind::OfflineUndeclared => language.of(
            "жарыяланбаган байланышсыз иш",
            "необъявленная работа без связи",
            "offline work that was not declared or allowed",
        ),
        AnomalyKind::NumberGap => language.of("номерлерде үзүк", "пропуски в номерах", "gaps in numbers"),
        AnomalyKind::RelationBroken => language.of(
            "протоколдун катуу катышы бузулган",
            "нарушено обязательное соотношение протокола",
            "hard relations of protocols broken",
        ),
        AnomalyKind::Correction => language.of("оңдолгон протоколдор", "исправленные протоколы", "corrections"),
        AnomalyKind::CountsDiffer => language.of("эсептер дал келбейт", "подсчёты расходятся", "counts differ"),
        AnomalyKind::Dissent => language.of("өзгөчө пикир", "особые мнения", "dissenting members"),
        AnomalyKind::CopyDiffers => language.of(
            "байкоочунун көчүрмөсү айырмаланат",
            "копия наблюдателя отличается",
            "an observer's copy differs",
        ),
        AnomalyKind::CopyWithheld => language.of(
            "көчүрмө берилген же протокол илинген эмес",
            "копия не выдана или протокол не вывешен",
            "a copy refused, or a protocol not posted",
        ),
        AnomalyKind::TableFlagged => language.of(
            "жыйынтык таблица суммага дал келбейт",
            "сводная таблица не равна сумме",
            "summary tables that are not the sum",
        ),
        AnomalyKind::LateProtocol => language.of("кечиккен протоколдор", "поздние протоколы", "late protocols"),
        AnomalyKind::Suspension => language.of("токтотуулар", "приостановки", "suspensions"),
        AnomalyKind::VoidIdentification => language.of(
            "бюллетень берилбеген идентификациялар",
            "идентификации без бюллетеня",
            "identifications without a ballot",
        ),
        AnomalyKind::Replacement => language.of("алмаштырылган жабдуу", "заменённое оборудование", "devices replaced"),
        AnomalyKind::CustodyFlagged => language.of(
            "пломба, куту же жабдуу мурункудай эмес",
            "пломбы, ящик или оборудование не те, что были",
            "seals, box or equipment not as before",
        ),
        AnomalyKind::KeysRevoked => language.of("кайтарылган ачкычтар", "отозванные ключи", "keys revoked"),
        AnomalyKind::ActFlagged => language.of(
            "эсепке, даражага же мөөнөткө каршы актылар",
            "акты вопреки подсчёту, рангу или сроку",
            "acts against computation, rank or deadline",
        ),
        AnomalyKind::OtherRefused => {
            language.of("четке кагылган башка документтер", "прочие отклонённые документы", "other records refused")
        }
        AnomalyKind::OtherFlagged => language.of("башка белгилер", "прочие отметки", "other broken rules"),
    }
}

/// What an alarm is called; its own text has the particulars.
pub(crate) const fn alarm_word(kind: AlarmKind, language: Language) -> &'static str {
    match kind {
        AlarmKind::SplitView => language.of(
            "кол коюлган эки көзөмөл чекити бири-бирине каршы",
            "две подписанные контрольные точки противоречат друг другу",
            "two signed checkpoints contradict each other",
        ),
        AlarmKind::Regress => language.of(
            "мурдагыдан кичине көзөмөл чекити көрсөтүлүүдө",
            "показана меньшая контрольная точка, чем раньше",
            "a smaller checkpoint is shown than before",
        ),
        AlarmKind::Stall => {
            language.of("көптөн бери эч нерсе жарыяланган жок", "давно ничего не опубликовано", "nothing is published")
        }
        AlarmKind::Behind => language.of("башкалардан артта калды", "отстаёт от других", "behind the others"),
        AlarmKind::MissingCosigner => {
            language.of("уюм кол койбой жатат", "организация не подписывает", "an organisation does not cosign")
        }
        AlarmKind::StaleTime => {
            language.of("көрсөтүлгөн убакыт туура эмес", "указанное время неверно", "a stated time cannot be right")
        }
        AlarmKind::BrokenPromise => {
            language.of("убада аткарылган жок", "обещание не выполнено", "a promise was not kept")
        }
        AlarmKind::Invalid => language.of(
            "көзөмөл чекити текшерүүдөн өтпөйт",
            "контрольная точка не проходит проверку",
            "a checkpoint does not verify",
        ),
        AlarmKind::FalseFiles => language.of(
            "файлдар көзөмөл чекитине туура келбейт",
            "файлы не соответствуют контрольной точке",
            "files are not those of the checkpoint",
        ),
        AlarmKind::Finding => language.of(
            "эреже боюнча чечим журналдагыдан башка",
            "по правилам выходит иное, чем в журнале",
            "the rules give something else than the ledger has",
        ),
        AlarmKind::NumberTwice => language.of(
            "бир автор бир номерди эки жолу колдонду",
            "автор дважды использовал номер",
            "a number used twice",
        ),
        AlarmKind::Unreachable => language.of("жооп бербейт", "не отвечает", "cannot be read"),
    }
}
