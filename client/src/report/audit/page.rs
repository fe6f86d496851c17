//! The audit's page: one HTML file without scripts, pictures or addresses, the same in three languages.

use super::words::{check_name, class_name, not_proven, sentence};
use crate::evidence::Language;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use tamga_ledger::audit::Report;
use tamga_ledger::kinds::Title;

/// What the page says beside the report.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The election's name.
    pub title: &'a Title,
    /// The pinned digest.
    pub election: &'a str,
    /// Not a real election.
    pub rehearsal: bool,
    /// Where the ledger was read from.
    pub source: &'a str,
    /// Organisations that cosigned the latest checkpoint.
    pub organisations: &'a [String],
    /// Organisations that the policy in force counts.
    pub organisations_of: usize,
    /// Number of the trust policy in force; 0 is the genesis record's.
    pub policy_epoch: usize,
    /// Version of the program.
    pub version: &'a str,
    /// What was found.
    pub report: &'a Report,
}

/// Readable on paper and on a telephone; nothing is fetched.
pub const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#111;background:#fff}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{border:1px solid #999;padding:.3rem .5rem;text-align:left;\
vertical-align:top}code{word-break:break-all}.bad{background:#fde8e8}.yes,.no{font-size:1.3rem;font-weight:bold;padding:.5rem;\
border:2px solid}.yes{border-color:#176117}.no{border-color:#a11}section{border-top:3px solid #333;margin-top:2rem}\
@media print{section{break-before:page}}";

const LANGUAGES: [(Language, &str, &str); 3] =
    [(Language::Ky, "ky", "Кыргызча"), (Language::Ru, "ru", "Русский"), (Language::En, "en", "English")];

/// Makes the page.
#[must_use]
pub fn page(about: &Page<'_>) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="ky" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Tamga: " (about.title.ky) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav { @for (_, code, name) in LANGUAGES { a href={ "#" (code) } lang=(code) { (name) } " " } }
                @for (language, code, _) in LANGUAGES { section id=(code) lang=(code) { (section(about, language)) } }
            }
        }
    };
    markup.into_string()
}

fn title(title: &Title, language: Language) -> &str {
    match language {
        Language::Ky => &title.ky,
        Language::Ru => &title.ru,
        Language::En => &title.en,
    }
}

fn section(about: &Page<'_>, language: Language) -> Markup {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let report = about.report;
    html! {
        h1 { (of("Реестрди текшерүү", "Проверка реестра", "Audit of the ledger")) ": " (title(about.title, language)) }
        @if about.rehearsal {
            p { strong { (of("Машыгуу: чыныгы шайлоо эмес.", "Репетиция: не настоящие выборы.", "A rehearsal: no real election.")) } }
        }
        @if report.ok {
            p.yes { (of("Баары дал келди: эч бир карама-каршылык табылган жок.", "Всё сходится: ничего не найдено.", "Everything holds: nothing was found.")) }
        } @else {
            p.no { (of("Дал келбеген нерселер табылды: ", "Найдены расхождения: ", "What does not hold was found: ")) (report.findings_total) }
        }
        (facts(about, language))
        h2 { (of("Эмне табылды", "Что найдено", "What was found")) }
        (findings(report, language))
        h2 { (of("Эмне текшерилди", "Что проверено", "What was checked")) }
        table {
            tr { th { "№" } th { (of("Түрү", "Вид", "Class")) } th { (of("Текшерүү", "Проверка", "Check")) } th { (of("Табылганы", "Найдено", "Findings")) } }
            @for check in &report.checks {
                tr.bad[check.findings > 0] {
                    td { (check.number) }
                    td { (class_name(check.class, language)) }
                    td { (check_name(check.check, language)) }
                    td { (check.findings) }
                }
            }
        }
        h2 { (of("Эмне далилденген жок", "Что этим не доказано", "What this does not prove")) }
        ul { @for what in &report.not_proven { li { (not_proven(*what, language)) } } }
    }
}

fn facts(about: &Page<'_>, language: Language) -> Markup {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let (report, roots) = (about.report, about.report.head.roots);
    let rows: [(&str, String); 11] = [
        (of("Шайлоонун белгиси", "Идентификатор выборов", "Election id"), about.election.to_owned()),
        (of("Кайдан окулду", "Откуда прочитано", "Read from"), about.source.to_owned()),
        (of("Жазуулар", "Записей", "Entries"), report.entries.to_string()),
        (
            of("Алардын ичинен мурда окулганы", "Из них прочитано раньше", "Of them read by an earlier run"),
            report.entries_before.to_string(),
        ),
        (
            of("Дал келген көзөмөл чекиттери", "Совпавших контрольных точек", "Checkpoints that fit"),
            report.checkpoints_confirmed.to_string(),
        ),
        (
            of("Архивден каралганы", "Из архива рассмотрено", "Looked at in the archive"),
            report.checkpoints_archived.to_string(),
        ),
        (
            of("Ишеним эрежесинин номери", "Номер правил доверия", "Number of the trust policy"),
            about.policy_epoch.to_string(),
        ),
        (
            of("Акыркысына кол койгондор", "Последнюю подписали", "The latest was signed by"),
            format!("{} / {}: {}", about.organisations.len(), about.organisations_of, about.organisations.join(", ")),
        ),
        ("SHA-256", roots.sha256.to_base64()),
        ("BLAKE3", roots.blake3.to_base64()),
        (of("Программа", "Программа", "Program"), format!("tamga {}", about.version)),
    ];
    html! { table { @for (what, value) in rows { tr { th { (what) } td { code { (value) } } } } } }
}

fn findings(report: &Report, language: Language) -> Markup {
    let of = |ky, ru, en| language.of(ky, ru, en);
    if report.findings.is_empty() {
        return html! { p { (of("Эч нерсе.", "Ничего.", "Nothing.")) } };
    }
    html! {
        table {
            tr { th { "№" } th { (of("Түрү", "Вид", "Class")) } th { (of("Эмне", "Что", "What")) } }
            @for finding in &report.findings {
                tr.bad {
                    td { (finding.number) }
                    td { (class_name(finding.class, language)) }
                    td { (sentence(finding, language)) br; small lang="en" { (finding.text) } }
                }
            }
        }
        @if report.findings_total > report.findings.len() as u64 {
            p { "… + " (report.findings_total - report.findings.len() as u64) }
        }
    }
}
