//! Why a command does not end with 0, in the language that was asked for. JSON has the English sentence, for programs that
//! compare it; what a parser or the operating system adds to a sentence stays as they say it.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use tamga_client::evidence::Language;
use tamga_client::source::{DownloadError, SourceError};
use tamga_client::verify::{VerifyError, Weight};
use tamga_ledger::note::CheckpointVerifyError;
use tamga_ledger::trust::TrustError;

/// Why a command does not end with 0.
pub(crate) enum Failure {
    /// Everything has been printed already.
    Shown(Weight),
    /// Still to be printed.
    Error(VerifyError),
    /// Files or arguments that cannot be used; still to be printed.
    Use(Sentence),
}

/// One sentence in each language.
pub(crate) struct Sentence {
    ky: String,
    ru: String,
    pub(crate) en: String,
}

impl Sentence {
    pub(crate) fn of(&self, language: Language) -> &str {
        language.of(&self.ky, &self.ru, &self.en)
    }
}

impl Failure {
    /// With what comes with the program, behind a file that cannot be read.
    pub(crate) fn and(self, known: &str) -> Self {
        match self {
            Self::Use(Sentence { ky, ru, en }) => said(
                format!("{ky}; программа менен келгендер: {known}"),
                format!("{ru}; с программой идут: {known}"),
                format!("{en}; those that come with the program: {known}"),
            ),
            other => other,
        }
    }
}

impl<E: Into<VerifyError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

pub(crate) type Done = Result<(), Failure>;

pub(crate) fn exit_code(weight: Weight) -> ExitCode {
    match weight {
        Weight::Refuted => ExitCode::from(1),
        Weight::Unchecked => ExitCode::from(2),
    }
}

/// What a library says, which says it in one language only.
pub(crate) fn failed(what: impl Display) -> Failure {
    let what = what.to_string();
    said(what.clone(), what.clone(), what)
}

/// What cannot be used, in each language.
pub(crate) fn said(ky: impl Into<String>, ru: impl Into<String>, en: impl Into<String>) -> Failure {
    Failure::Use(Sentence { ky: ky.into(), ru: ru.into(), en: en.into() })
}

/// A file that cannot be read.
pub(crate) fn unread(path: &Path, error: impl Display) -> Failure {
    let path = path.display();
    said(
        format!("{path} окулбайт: {error}"),
        format!("{path} не читается: {error}"),
        format!("cannot read {path}: {error}"),
    )
}

/// A file that cannot be written.
pub(crate) fn unwritten(path: &Path, error: impl Display) -> Failure {
    let path = path.display();
    said(
        format!("{path} жазылбайт: {error}"),
        format!("{path} не записывается: {error}"),
        format!("cannot write {path}: {error}"),
    )
}

/// A file that is not what it has to be, whichever it is.
pub(crate) fn unfit(path: &Path, error: impl Display) -> Failure {
    let path = path.display();
    said(format!("{path} жараксыз: {error}"), format!("{path} не годится: {error}"), format!("{path}: {error}"))
}

/// Whoever asks for one that is not in the election.
pub(crate) fn no_organisation(name: impl Display) -> Failure {
    said(
        format!("«{name}» уюму жок"),
        format!("организации «{name}» нет"),
        format!("there is no organisation “{name}”"),
    )
}

/// Whoever asks for one that is not in the election.
pub(crate) fn no_constituency(number: u32) -> Failure {
    said(format!("{number}-округ жок"), format!("округа {number} нет"), format!("there is no constituency {number}"))
}

/// The error as a sentence; particulars of proofs and files as their checkers say them.
pub(crate) fn sentence(error: &VerifyError, language: Language) -> String {
    match language {
        Language::Ky => kyrgyz(error),
        Language::Ru => russian(error),
        Language::En => error.to_string(),
    }
}

fn kyrgyz(error: &VerifyError) -> String {
    match error {
        VerifyError::Source(error) | VerifyError::Download(DownloadError::Source(error)) => source_kyrgyz(error),
        VerifyError::Trust(TrustError::OtherElection { pinned, found }) => {
            format!("негиздөөчү жазуунун дайджести {found}, ал эми көрсөтүлгөнү {pinned}: бул башка шайлоо")
        }
        VerifyError::Trust(error) => format!("негиздөөчү жазуу туура эмес: {error}"),
        VerifyError::Checkpoint(CheckpointVerifyError::NoQuorum { organisations }) => {
            format!("көзөмөл чекитине кол койгон уюмдар жетишсиз: {}", named(organisations, "эч ким"))
        }
        VerifyError::Checkpoint(error) => format!("көзөмөл чекити текшерүүдөн өтпөйт: {error}"),
        VerifyError::History(error) => format!("уюмдардын чечимдери туура эмес: {error}"),
        VerifyError::NotExtended { from, to, what } => {
            format!("{to} жазуулуу көзөмөл чекити {from} жазуулуусунун уландысы эмес: {what}")
        }
        VerifyError::Tile(what) => format!("дарактын файлдары туура эмес: {what}"),
        VerifyError::Receipt(error) => format!("квитанция же далил туура эмес: {error}"),
        VerifyError::BundleFile(error) => format!("файл квитанция да, топтом да эмес: {error}"),
        VerifyError::CourtFile(error) => format!("файл сот үчүн топтом эмес: {error}"),
        VerifyError::Court(error) => format!("сот үчүн топтом туура эмес: {error}"),
        VerifyError::Evidence(error) => {
            format!("далил файлы эч нерсени далилдебейт же бул жерде текшерилбейт: {error}")
        }
        VerifyError::OtherEntries(size) => format!(
            "булактын жазуулары {size} жазуулуу көзөмөл чекитине туура келбейт: уюмдар кол койгон жазуулар булар эмес; \
             жерин `tamga audit` айтат"
        ),
        VerifyError::Scratch(what) => {
            format!("аудит токтотулду: {what}; диск бузулуп жатса, анда аудит жүргүзүүгө болбойт")
        }
        VerifyError::Download(DownloadError::Checkpoint(error)) => {
            format!("көзөмөл чекити текшерүүдөн өтпөйт, эч нерсе көчүрүлгөн жок: {error}")
        }
        VerifyError::Download(DownloadError::Disk { path, error }) => format!("{}: {error}", path.display()),
        VerifyError::Download(DownloadError::Smaller { here, there }) => format!(
            "папкада {here} жазуунун көчүрмөсү бар, ал эми булактын көзөмөл чекитинде {there}; башка папканы көрсөтүңүз"
        ),
        VerifyError::NotCovered { leaf, size } => {
            format!("{leaf}-орун {size} жазуулуу жарыяланган көзөмөл чекитине кирбейт")
        }
        VerifyError::NoSuchRecord { record, size } => {
            format!("жарыяланган көзөмөл чекитиндеги {size} жазуунун арасында {record} документи жок")
        }
        VerifyError::OtherRecord { leaf, found, asked } => {
            format!("{leaf}-орунда {asked} эмес, {found} документи турат: булак жалган орунду айтты")
        }
        other => other.to_string(),
    }
}

fn source_kyrgyz(error: &SourceError) -> String {
    match error {
        SourceError::Unreadable { place, what } => format!("{place} окулбайт: {what}"),
        SourceError::Missing(place) => format!("{place} жок"),
        SourceError::TooLarge { place, max } => format!("{place} чегинен чоң: {max} байттан ашпашы керек"),
        SourceError::Withheld { place, what } => format!("{place} азыр ачык эмес: {what}"),
        SourceError::Malformed { place, what } => format!("{place} бузук: {what}"),
        SourceError::Tile { place, error } => format!("{place} бузук: {error}"),
        SourceError::Bundle { place, error } => format!("{place} бузук: {error}"),
        SourceError::BundleShort { place, found, due } => {
            format!("{place}: {due} жазуу болушу керек, {found} гана бар")
        }
        SourceError::BundleLong { place, due } => {
            format!("{place}: тийиштүү {due} жазуунун артында эч ким кол койбогон нерсе бар")
        }
        SourceError::Address { address, what } => format!("{address:?} http дареги эмес: {what}"),
        other => other.to_string(),
    }
}

fn russian(error: &VerifyError) -> String {
    match error {
        VerifyError::Source(error) | VerifyError::Download(DownloadError::Source(error)) => source_russian(error),
        VerifyError::Trust(TrustError::OtherElection { pinned, found }) => {
            format!("дайджест учредительной записи {found}, а задан {pinned}: это другие выборы")
        }
        VerifyError::Trust(error) => format!("учредительная запись неверна: {error}"),
        VerifyError::Checkpoint(CheckpointVerifyError::NoQuorum { organisations }) => {
            format!("организаций, подписавших контрольную точку, недостаточно: {}", named(organisations, "никто"))
        }
        VerifyError::Checkpoint(error) => format!("контрольная точка не проходит проверку: {error}"),
        VerifyError::History(error) => format!("решения организаций неверны: {error}"),
        VerifyError::NotExtended { from, to, what } => {
            format!("контрольная точка на {to} записей не продолжает точку на {from}: {what}")
        }
        VerifyError::Tile(what) => format!("файлы дерева неверны: {what}"),
        VerifyError::Receipt(error) => format!("квитанция или доказательство неверны: {error}"),
        VerifyError::BundleFile(error) => format!("файл не квитанция и не пакет: {error}"),
        VerifyError::CourtFile(error) => format!("файл не пакет для суда: {error}"),
        VerifyError::Court(error) => format!("пакет для суда неверен: {error}"),
        VerifyError::Evidence(error) => {
            format!("файл доказательства ничего не доказывает или не может быть здесь проверен: {error}")
        }
        VerifyError::OtherEntries(size) => format!(
            "записи источника не соответствуют контрольной точке на {size} записей: это не те, которые подписали \
             организации; место назовёт `tamga audit`"
        ),
        VerifyError::Scratch(what) => {
            format!("аудит прекращён: {what}; на диске, который отказывает, аудит проводить нельзя")
        }
        VerifyError::Download(DownloadError::Checkpoint(error)) => {
            format!("контрольная точка не проходит проверку, ничего не скопировано: {error}")
        }
        VerifyError::Download(DownloadError::Disk { path, error }) => format!("{}: {error}", path.display()),
        VerifyError::Download(DownloadError::Smaller { here, there }) => {
            format!("в папке копия на {here} записей, а в контрольной точке источника их {there}; укажите другую папку")
        }
        VerifyError::NotCovered { leaf, size } => {
            format!("место {leaf} не входит в опубликованную контрольную точку на {size} записей")
        }
        VerifyError::NoSuchRecord { record, size } => {
            format!("среди {size} записей опубликованной контрольной точки нет документа {record}")
        }
        VerifyError::OtherRecord { leaf, found, asked } => {
            format!("на месте {leaf} стоит документ {found}, а не {asked}: источник назвал ложное место")
        }
        other => other.to_string(),
    }
}

fn source_russian(error: &SourceError) -> String {
    match error {
        SourceError::Unreadable { place, what } => format!("{place} не читается: {what}"),
        SourceError::Missing(place) => format!("{place}: такого нет"),
        SourceError::TooLarge { place, max } => format!("{place} больше допустимых {max} байт"),
        SourceError::Withheld { place, what } => format!("{place} сейчас не публикуется: {what}"),
        SourceError::Malformed { place, what } => format!("{place} испорчен: {what}"),
        SourceError::Tile { place, error } => format!("{place} испорчен: {error}"),
        SourceError::Bundle { place, error } => format!("{place} испорчен: {error}"),
        SourceError::BundleShort { place, found, due } => {
            format!("{place}: записей {found}, а должно быть {due}")
        }
        SourceError::BundleLong { place, due } => {
            format!("{place}: за положенными {due} записями стоит то, под чем никто не подписывался")
        }
        SourceError::Address { address, what } => format!("{address:?} не адрес http: {what}"),
        other => other.to_string(),
    }
}

fn named(organisations: &[impl Display], nobody: &str) -> String {
    match organisations {
        [] => nobody.to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
