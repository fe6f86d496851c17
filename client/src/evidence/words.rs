//! What evidence says, in sentences.

use std::fmt::Write as _;
use tamga_ledger::evidence::{Consequence, EvidenceKind, Holder, KeyUse, Signer, VerifiedEvidence, What};
use tamga_platform::calendar::iso_utc;

/// The language of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Кыргызча.
    Ky,
    /// По-русски.
    Ru,
    /// English.
    En,
}

impl Language {
    /// One of three texts.
    #[must_use]
    pub const fn of<'a>(self, ky: &'a str, ru: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Ky => ky,
            Self::Ru => ru,
            Self::En => en,
        }
    }
}

/// Tells what verified evidence proves and what it does not.
#[must_use]
pub fn tell(evidence: &VerifiedEvidence, language: Language) -> String {
    let mut text = format!("{}\n\n", finding(evidence.kind(), language));
    let _ = writeln!(text, "{}", language.of("Эмнеге кол коюлган:", "Что подписано:", "What was signed:"));
    for (number, statement) in (1..).zip(evidence.statements()) {
        let _ = writeln!(text, "  {number}. {}", what(&statement.what, language));
        for signer in &statement.signers {
            let _ = writeln!(text, "     — {}", signed(signer, language));
        }
    }
    let _ = writeln!(text, "\n{}", language.of("Мындан эмне келип чыгат:", "Что из этого следует:", "What follows:"));
    for line in follows(evidence.consequence(), language) {
        let _ = writeln!(text, "  - {line}");
    }
    let heading = language.of("Мындан эмне келип чыкпайт:", "Что из этого не следует:", "What does not follow:");
    let _ = writeln!(text, "\n{heading}");
    for line in does_not_follow(evidence.kind(), language) {
        let _ = writeln!(text, "  - {line}");
    }
    if evidence.is_confidential() {
        let _ = writeln!(
            text,
            "\n{}",
            language.of(
                "Файлда жашыруун маалымат (V классы) болушу мүмкүн: аны көрүүгө укугу барларга гана көрсөтүңүз.",
                "Файл может содержать закрытые данные (класс V): показывайте его только тем, кому они доступны.",
                "The file may hold confidential data (class V): show it only to those who may see such data.",
            )
        );
    }
    text
}

const fn finding(kind: EvidenceKind, language: Language) -> &'static str {
    match kind {
        EvidenceKind::OtherRoots => language.of(
            "Бирдей өлчөмдөгү эки кол коюлган көзөмөл чекитинин мазмуну ар башка. Экөө тең чын болушу мүмкүн эмес.",
            "Две подписанные контрольные точки одного размера имеют разное содержание. Обе верными быть не могут.",
            "Two signed checkpoints of one size have different contents. They cannot both be true.",
        ),
        EvidenceKind::OtherHistory => language.of(
            "Кол коюлган эки көзөмөл чекитинин чоңу кичинесин улантпайт: мурда жазылган маалымат өзгөртүлгөн.",
            "Из двух подписанных контрольных точек бо́льшая не продолжает меньшую: записанное раньше было изменено.",
            "Of two signed checkpoints the larger does not continue the smaller: what was recorded before was changed.",
        ),
        EvidenceKind::TwoBatches => language.of(
            "Бир түйүн бир эле орун үчүн эки башка жазуулар топтомуна кол койгон.",
            "Один узел подписал два разных пакета записей для одного и того же места.",
            "One node signed two different batches of records for one and the same place.",
        ),
        EvidenceKind::UnauthenticItem => language.of(
            "Түйүн чынчыл түйүн эч качан өткөрбөй турган нерсеси бар топтомго кол койгон.",
            "Узел подписал пакет, в котором есть то, чего честный узел не пропускает.",
            "A node signed a batch with something in it that no honest node lets in.",
        ),
        EvidenceKind::BrokenPromise => language.of(
            "Түйүн жазуу белгиленген мөөнөткө чейин жарыяланган журналда болот деп убада берген. Мөөнөттөн кийин ал жок.",
            "Узел обещал, что запись к сроку будет в опубликованном журнале. После срока её там нет.",
            "A node promised that a record would be in the published ledger by a deadline. After it the record is not there.",
        ),
        EvidenceKind::FalsePromise => language.of(
            "Түйүн жазуунун ордун жана чечимин ырастаган. Жарыяланган журналда ал орунда башка нерсе турат.",
            "Узел подтвердил место и решение по записи. В опубликованном журнале на этом месте другое.",
            "A node confirmed a record's place and verdict. The published ledger has something else at that place.",
        ),
        EvidenceKind::NumberTwice => language.of(
            "Бир автор эки башка жазууга бирдей номер колдонгон.",
            "Один автор использовал один и тот же номер для двух разных записей.",
            "One author used the same number for two different records.",
        ),
        EvidenceKind::KeyMisuse => language.of(
            "Ачкыч өзүнө арналбаган максатта кол коюуга колдонулган.",
            "Ключом подписано то, для чего он не предназначен.",
            "A key signed something that it is not for.",
        ),
    }
}

fn what(what: &What, language: Language) -> String {
    match what {
        What::Checkpoint { size, sha256, blake3, published } => {
            let words = language.of(
                "көзөмөл чекити, жазуулар:",
                "контрольная точка, записей:",
                "a checkpoint, number of entries:",
            );
            let standing = if *published {
                language.of("жарыяланган (кворум бар)", "опубликована (есть кворум)", "published (a quorum signed)")
            } else {
                language.of("кворумсуз", "без кворума", "without a quorum")
            };
            format!("{words} {size}, SHA-256 {sha256}, BLAKE3 {blake3}; {standing}")
        }
        What::Batch { epoch, term, number, time_ms, items, blake3 } => {
            let words = language.of("топтом, орду", "пакет для места", "a batch for place");
            let (contents, at) = (language.of("жазуулар", "записей", "items"), iso_utc(*time_ms));
            format!("{words} ({epoch}, {term}, {number}), {at}, {contents}: {items}, BLAKE3 {blake3}")
        }
        What::Item { number, code, why } => {
            let words = language.of("топтомдогу жазуу №", "запись пакета №", "item of the batch, no.");
            format!("{words} {number}: {code} ({why})")
        }
        What::Promise { record, deadline_ms, leaf, verdict } => {
            let words = language.of("убада: жазуу", "обещание: запись", "a promise: record");
            let (by, deadline) = (language.of("мөөнөтү", "срок", "by"), iso_utc(*deadline_ms));
            let place =
                leaf.map(|leaf| format!(", {} {leaf}", language.of("орду", "место", "leaf"))).unwrap_or_default();
            let verdict = verdict.as_ref().map(|verdict| format!(", {verdict}")).unwrap_or_default();
            format!("{words} {record}, {by} {deadline}{place}{verdict}")
        }
        What::Absent { record, size } => match language {
            Language::Ky => format!("эсептелди: {record} жазуусу алгачкы {size} жазуунун арасында жок"),
            Language::Ru => format!("вычислено: записи {record} нет среди первых {size}"),
            Language::En => format!("computed: record {record} is not among the first {size} entries"),
        },
        What::Entry { leaf, record, verdict, time_ms } => {
            let words = language.of("журналдагы орун", "в журнале на месте", "the ledger has at leaf");
            format!("{words} {leaf}: {record}, {verdict}, {}", iso_utc(*time_ms))
        }
        What::Record { record, kind, sequence } => {
            let words = language.of("жазуу", "запись", "record");
            let number = language.of("автордун номери", "номер автора", "author's number");
            let kind_word = language.of("түрү", "вид", "kind");
            format!("{words} {record}, {kind_word} {kind}, {number} {sequence}")
        }
        What::Message { purpose, bytes } => {
            let words = language.of("максаты", "назначение", "a message for the purpose");
            format!("{words} {purpose} ({bytes} B)")
        }
    }
}

fn signed(signer: &Signer, language: Language) -> String {
    let time = signer.time_s.map(|time_s| format!(", {time_s} s UTC")).unwrap_or_default();
    format!("{}{time}", holder(&signer.holder, language))
}

fn holder(holder: &Holder, language: Language) -> String {
    let organisation = holder.organisation.as_deref().map_or_else(
        || language.of("уюму көрсөтүлгөн эмес", "организация не указана", "no organisation named").to_owned(),
        |name| format!("{} {name}", language.of("уюм", "организация", "organisation")),
    );
    let node = holder.node.map(|node| format!(", {} {node}", language.of("түйүн", "узел", "node"))).unwrap_or_default();
    let place = if holder.place.is_empty() { String::new() } else { format!(", {}", holder.place) };
    let key = language.of("ачкыч", "ключ", "key");
    format!("{organisation}{node}{place}, {} ({key} {})", key_use(holder.key_use, language), holder.key)
}

const fn key_use(key_use: KeyUse, language: Language) -> &'static str {
    match key_use {
        KeyUse::Cosigner => language.of("тастыктоочу ачкыч", "ключ соподписи", "cosigner key"),
        KeyUse::Standby => language.of("камдык тастыктоочу ачкыч", "запасной ключ соподписи", "standby cosigner key"),
        KeyUse::Log => language.of("журнал ачкычы", "ключ журнала", "log key"),
        KeyUse::Promise => language.of("убада ачкычы", "ключ обещаний", "promise key"),
        KeyUse::Batch => language.of("топтом ачкычы", "ключ пакетов", "batch key"),
        KeyUse::Record => language.of("уюмдун жазуу ачкычы", "ключ записей организации", "organisation's record key"),
        KeyUse::Registry => language.of("реестрдин ачкычы", "ключ реестра", "registry key"),
        KeyUse::Device => language.of("түзмөктүн ачкычы", "ключ устройства", "device key"),
        KeyUse::Scanner => language.of("сканердин ачкычы", "ключ сканера", "scanner key"),
        KeyUse::Member => language.of("комиссия мүчөсүнүн ачкычы", "ключ члена комиссии", "member's key"),
        KeyUse::Observer => language.of("байкоочунун ачкычы", "ключ наблюдателя", "observer's key"),
        KeyUse::Custodian => language.of("сактоочунун ачкычы", "ключ хранителя", "custodian's key"),
        KeyUse::Unknown => {
            language.of("белгисиз ачкыч", "ключ без владельца в файле", "key whose holder the file does not show")
        }
    }
}

fn follows(consequence: &Consequence, language: Language) -> Vec<String> {
    let both = |organisations: &[String]| {
        let words = language.of(
            "эки тарапка тең кол койгон уюмдар:",
            "организации, подписавшие обе стороны:",
            "organisations that signed both sides:",
        );
        (!organisations.is_empty()).then(|| format!("{words} {}", organisations.join(", ")))
    };
    let named = |words: &str, keys: &[Holder]| -> Vec<String> {
        keys.iter().map(|key| format!("{words} {}", holder(key, language))).collect()
    };
    match consequence {
        Consequence::Convicts { keys, .. } => named(
            language.of(
                "чынчыл ээси кол койбой турган нерсеге кол койгон:",
                "подписал то, чего честный владелец не подписывает:",
                "has signed what no honest holder signs:",
            ),
            keys,
        ),
        Consequence::AgainstPublished { keys, organisations } => {
            let words = language.of(
                "жарыяланган журналга карама-каршы келген нерсеге кол койгон:",
                "подписал то, что противоречит опубликованному журналу:",
                "has signed what contradicts the published ledger:",
            );
            named(words, keys).into_iter().chain(both(organisations)).collect()
        }
        Consequence::OneOfTwo { first, second, organisations } => {
            let words = language.of(
                "эки тараптын жок дегенде бири жалганга кол койгон; кайсынысы экенин файл айтпайт",
                "по меньшей мере одна из сторон подписала ложное; какая, файл не говорит",
                "at least one side has signed something false; the file does not say which",
            );
            let sides = [(1, first), (2, second)];
            let side = sides.iter().flat_map(|(number, keys)| named(&format!("({number})"), keys));
            std::iter::once(words.to_owned()).chain(side).chain(both(organisations)).collect()
        }
    }
}

fn does_not_follow(kind: EvidenceKind, language: Language) -> Vec<&'static str> {
    let mut lines = vec![language.of(
        "ачкычты ким колдонгону: уурдалган ачкыч да кол коёт; атайылап же катадан экени",
        "кто держал ключ в руках: украденный ключ подписывает так же; умысел это или ошибка",
        "who held the key: a stolen one signs as well; nor whether it was intent or a fault",
    )];
    let own = match kind {
        EvidenceKind::OtherRoots | EvidenceKind::OtherHistory => language.of(
            "эки мазмундун кайсынысы туура экени: аны жазуулардын өзүнөн текшериңиз (tamga audit)",
            "какое из двух содержаний верно: это проверяется по самим записям (tamga audit)",
            "which of the two contents is right: that is checked on the entries themselves (tamga audit)",
        ),
        EvidenceKind::TwoBatches | EvidenceKind::UnauthenticItem => language.of(
            "жалган нерсе жарыяланганы: аны ар бир түйүн кайра текшерет",
            "что было опубликовано ложное: каждый узел проверяет пакеты сам",
            "that anything false was published: every node checks batches by itself",
        ),
        EvidenceKind::BrokenPromise => language.of(
            "кийинчерээк да жок экени. Кворум мөөнөткө чейин кол койгон квитанция көрсөтүлсө, бул далил четке кагылат",
            "что записи нет и позже. Доказательство опровергает квитанция, кворум которой подписал до срока",
            "that it is missing later too. A receipt of the record whose quorum signed by the deadline answers this file",
        ),
        EvidenceKind::FalsePromise => language.of(
            "уюмдар чечкен калыбына келтирүүдөн (кластердин жаңы доору) кийинки айырма: анда орун башка болушу мүмкүн",
            "обман, если между ними организации приняли восстановление (новая эпоха кластера): место могло измениться",
            "a lie, if the organisations decided a recovery (a new cluster epoch) in between: the place may have changed",
        ),
        EvidenceKind::NumberTwice => language.of(
            "эки жазуунун кайсынысы чыныгы экени: камдык көчүрмөдөн калыбына келтирилген түзмөк да ушундай кылат",
            "какая из записей настоящая: так поступает и устройство, восстановленное из резервной копии",
            "which record is meant: a device restored from a backup does the same",
        ),
        EvidenceKind::KeyMisuse => language.of(
            "ачкычтын башка кол тамгалары жараксыз экени",
            "что другие подписи этого ключа недействительны",
            "that other signatures of the key are void",
        ),
    };
    lines.push(own);
    lines
}
