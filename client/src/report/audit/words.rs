//! Plain sentences about findings. Numbers and meanings: docs/AUDIT.md and FORMAT.md §17.

use crate::evidence::Language;
use tamga_ledger::audit::{Check, Class, Finding, NotProven};

/// What kind of promise is broken.
#[must_use]
pub const fn class_name(class: Class, language: Language) -> &'static str {
    match class {
        Class::Completeness => language.of("толуктук", "полнота", "completeness"),
        Class::Authenticity => language.of("аныктык", "подлинность", "authenticity"),
        Class::Consistency => language.of("ырааттуулук", "непротиворечивость", "consistency"),
        Class::Integrity => language.of("бүтүндүк", "целостность", "integrity"),
        Class::Evidence => language.of("далил", "доказательство", "evidence"),
    }
}

/// What a check looks at, as a heading.
#[must_use]
pub const fn check_name(check: Check, language: Language) -> &'static str {
    match check {
        Check::EntryMalformed => language.of(
            "ар бир жазуу белгиленген түрдө жазылган",
            "каждая запись имеет установленный вид",
            "each entry has the form that was laid down",
        ),
        Check::RecordUnauthentic => language.of(
            "ар бир документке кол коюшу керек болгондор кол койгон",
            "каждый документ подписан теми, кто должен был подписать",
            "each record is signed by those who have to sign it",
        ),
        Check::TimeReversed => language.of("убакыт артка кетпейт", "время не идёт назад", "time does not go back"),
        Check::Duplicate => language.of(
            "бир дагы документ эки жолу жазылган эмес",
            "ни один документ не записан дважды",
            "no record is there twice",
        ),
        Check::VerdictDiffers => language.of(
            "ар бир чечим эрежелерден келип чыгат",
            "каждое решение следует из правил",
            "each verdict follows from the rules",
        ),
        Check::CheckpointInvalid => language.of(
            "ар бир көзөмөл чекитине керектүү уюмдар кол койгон",
            "каждую контрольную точку подписали нужные организации",
            "each checkpoint is signed by the organisations that were due",
        ),
        Check::RootDiffers => language.of(
            "жазуулар жарыяланган көзөмөл чекиттерине дал келет",
            "записи соответствуют опубликованным контрольным точкам",
            "the entries are those of the published checkpoints",
        ),
        Check::SplitView => language.of(
            "жарыяланган көзөмөл чекиттери бири-бирине каршы келбейт",
            "опубликованные контрольные точки не противоречат друг другу",
            "published checkpoints do not contradict each other",
        ),
        Check::NoCheckpoint => language.of(
            "жарыяланган көзөмөл чекити бар",
            "есть опубликованная контрольная точка",
            "there is a published checkpoint",
        ),
        Check::EntriesMissing => language.of(
            "жарыяланган жазуулардын баары бар",
            "все опубликованные записи на месте",
            "all published entries are there",
        ),
        Check::OtherElection => {
            language.of("бул ошол эле шайлоо", "это те самые выборы", "it is the election that was asked for")
        }
        Check::PolicyDiffers => language.of(
            "кимге ишенүү керектигин реестрдин өзү аныктаган",
            "кому доверять, определено самим реестром",
            "whom to trust is what the ledger itself put in force",
        ),
        Check::CheckpointMissing => language.of(
            "архивде ар бир жарыяланган көзөмөл чекити бар",
            "в архиве есть каждая опубликованная контрольная точка",
            "the archive has each published checkpoint",
        ),
        Check::TileDiffers => {
            language.of("текшерүү үчүн хэштер туура", "хеши для проверки верны", "the hashes for checking are right")
        }
        Check::LeafDiffers => language.of(
            "ар бир жазуу өзүнүн хэшине дал келет",
            "каждая запись соответствует своему хешу",
            "each entry has the hash that was published for it",
        ),
        Check::BundleLong => language.of(
            "жазуулардын файлдарында ашыкча эч нерсе жок",
            "в файлах записей нет ничего лишнего",
            "the files of entries have nothing beyond what is due",
        ),
    }
}

/// A finding in one sentence, with its place.
#[must_use]
pub fn sentence(finding: &Finding, language: Language) -> String {
    format!("{}{}", place(finding, language), what(finding.check, language))
}

fn place(finding: &Finding, language: Language) -> String {
    let mut text = match (finding.leaf, language) {
        (Some(leaf), Language::Ky) => format!("№ {leaf} жазуу"),
        (Some(leaf), Language::Ru) => format!("Запись № {leaf}"),
        (Some(leaf), Language::En) => format!("Entry {leaf}"),
        (None, Language::Ky) => "Бүт көчүрмө".to_owned(),
        (None, Language::Ru) => "Копия в целом".to_owned(),
        (None, Language::En) => "The copy as a whole".to_owned(),
    };
    if let Some(station) = finding.station {
        let word = language.of("участок", "участок", "station");
        text += &format!(", {word} {station}");
        if let Some(unit) = finding.unit {
            text += &format!("/{unit}");
        }
    }
    text + ": "
}

const fn what(check: Check, language: Language) -> &'static str {
    match check {
        Check::EntryMalformed => language.of(
            "бул жердеги байттар жазуу эмес же бузулган.",
            "байты на этом месте — не запись или повреждены.",
            "the bytes at this place are no entry, or are damaged.",
        ),
        Check::RecordUnauthentic => language.of(
            "документке кол коюшу керек болгондор кол койгон эмес же кол койгондон кийин өзгөртүлгөн.",
            "документ не подписан теми, кто должен был его подписать, или изменён после подписания.",
            "the record was not signed by those who have to sign it, or was changed after they signed.",
        ),
        Check::TimeReversed => language.of(
            "жазуунун убактысы мурунку жазуунукунан эрте.",
            "время записи раньше, чем у предыдущей.",
            "its time is before that of the entry in front of it.",
        ),
        Check::Duplicate => language.of(
            "ушул эле документ мурда бир жолу жазылган.",
            "этот же документ уже был записан раньше.",
            "the same record stands in the ledger already.",
        ),
        Check::VerdictDiffers => language.of(
            "жазылган чечим эрежелерден келип чыкпайт.",
            "записанное решение не следует из правил.",
            "the verdict that is written there is not the one that the rules give.",
        ),
        Check::CheckpointInvalid => language.of(
            "көзөмөл чекитинде ошол учурда керек болгон уюмдардын колу жетишпейт же кол тамга туура эмес.",
            "под контрольной точкой нет нужных на тот момент подписей организаций, или подпись неверна.",
            "the checkpoint lacks signatures of organisations that were due then, or a signature is false.",
        ),
        Check::RootDiffers => language.of(
            "ушул жерге чейинки жазуулар уюмдар кол койгон жазуулар эмес.",
            "записи до этого места — не те, под которыми подписались организации.",
            "the entries up to here are not those that the organisations signed.",
        ),
        Check::SplitView => language.of(
            "кол коюлган эки көзөмөл чекити бири-бирине каршы келет: экөө тең чын болушу мүмкүн эмес.",
            "две подписанные контрольные точки противоречат друг другу: обе верными быть не могут.",
            "two signed checkpoints contradict each other: they cannot both be true.",
        ),
        Check::NoCheckpoint => language.of(
            "жарыяланган көзөмөл чекити жок, ошондуктан толук экенин эч нерсе айтпайт.",
            "нет опубликованной контрольной точки: ничто не говорит о полноте копии.",
            "there is no published checkpoint: nothing says that it is complete.",
        ),
        Check::EntriesMissing => language.of(
            "жарыяланган жазуулар ушул жерден баштап жок.",
            "с этого места опубликованных записей нет.",
            "from here on, published entries are missing.",
        ),
        Check::OtherElection => language.of(
            "бул башка шайлоонун реестри.",
            "это реестр других выборов.",
            "this is the ledger of another election.",
        ),
        Check::PolicyDiffers => language.of(
            "көзөмөл чекиттери текшерилген ишеним эрежелери реестр киргизген эрежелер эмес.",
            "правила доверия, по которым проверены контрольные точки, — не те, что ввёл реестр.",
            "the trust policies by which checkpoints were verified are not those that the ledger puts in force.",
        ),
        Check::CheckpointMissing => language.of(
            "жарыяланган көзөмөл чекити архивде жок.",
            "опубликованной контрольной точки нет в архиве.",
            "a published checkpoint is not in the archive.",
        ),
        Check::TileDiffers => language.of(
            "текшерүүчү хэш файлы бузулган; жазуулардын өзүнө бул айып койбойт.",
            "повреждён файл проверочных хешей; самих записей это не обвиняет.",
            "a file of hashes for checking is damaged; that blames no entry.",
        ),
        Check::LeafDiffers => language.of(
            "жазуу жарыяланган жазуу эмес: жарыялангандан кийин өзгөртүлгөн же алмаштырылган.",
            "это не та запись, что была опубликована: её изменили или подменили после публикации.",
            "this is not the entry that was published: it was changed or replaced afterwards.",
        ),
        Check::BundleLong => language.of(
            "бул файлда аталышы айткандан көп нерсе бар; ашыгына эч ким кол койгон эмес.",
            "в файле больше, чем говорит его имя; под лишним никто не подписался.",
            "the file has more in it than its name says; nobody has signed for what is beyond.",
        ),
    }
}

/// What an audit cannot prove.
#[must_use]
pub const fn not_proven(what: NotProven, language: Language) -> &'static str {
    let (ky, ru) = match what {
        NotProven::Papers => (
            "Эсептелген бюллетендерди чын эле адамдар белгилегени: мында кагаз жана кол менен саноо чечет.",
            "Что подсчитанные бюллетени действительно заполнены людьми: решают бумага и ручной подсчёт.",
        ),
        NotProven::Devices => (
            "Шайлоо участогунда ким турганы тууралуу түзүлүштөр жана калктын реестри чындыкты айтканы.",
            "Что устройства и реестр населения сказали правду о том, кто стоял на участке.",
        ),
        NotProven::ClosedCells => (
            "Эч качан ачылбаган уячалардын ичиндеги сандар терс эместиги: алардын суммалары гана ачылат.",
            "Что в ячейках, которые не раскрываются, нет отрицательных чисел: раскрываются только их суммы.",
        ),
        NotProven::Collusion => (
            "Уюмдардын толук кворуму сүйлөшүп албаганы: бул тууралуу сырткы күбөлөр жана сакталган дүмүрчөктөр айтат.",
            "Что полный кворум организаций не сговорился: об этом говорят внешние свидетели и сохранённые квитанции.",
        ),
        NotProven::Weightless => (
            "Салмагы жок нерселер өзгөртүлбөгөнү: мисалы, кворумга керексиз ашыкча кол тамга саптары.",
            "Что не изменено ничего из того, что не имеет веса: например, строки подписей сверх нужных кворуму.",
        ),
        NotProven::Withheld => (
            "Жашыруун бөлүгү берилбеген идентификациялар тууралуу алардын кол тамгасынан жана ордунан башка эч нерсе.",
            "Ничего об идентификациях, закрытая часть которых не выдана, кроме их подписей и места.",
        ),
        NotProven::Stubs => (
            "Кыскача белгиси гана көрсөтүлгөн документтер айтылган себеп менен туура четке кагылганы.",
            "Что документы, от которых показана лишь отметка, отклонены именно по указанной причине.",
        ),
        NotProven::Archive => (
            "Мурунку көзөмөл чекиттеринин ар бирине тийиштүү түрдө кол коюлганы: бул көчүрмөдө алардын архиви жок.",
            "Что каждая прежняя контрольная точка была подписана как следует: в этой копии нет их архива.",
        ),
        NotProven::EarlierRun => (
            "Мурунку текшерүү окуган жазуулар көчүрмөдө азыр да бар экени: алар кайра окулган жок, бирок бүгүнкү көзөмөл чекити ошолорду улантат.",
            "Что в копии и сейчас есть записи, прочитанные прошлой проверкой: заново они не читались, но сегодняшняя контрольная точка их продолжает.",
        ),
        NotProven::Unpublished => (
            "Акыркы жарыяланган көзөмөл чекитинен кийинки жазуулар тууралуу эч нерсе: аларга азырынча эч ким кол койгон эмес.",
            "Ничего о записях после последней опубликованной контрольной точки: под ними ещё никто не подписался.",
        ),
    };
    language.of(ky, ru, what.text())
}
