//! What people read about a table of protocols: grouped, the first places of each group.

use super::{Content, RelationContent};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tamga_client::evidence::Language;
use tamga_client::protocols::{FaultKind, Place, RowFault};

/// Places shown of each group.
const SHOWN: usize = 10;

pub(super) fn of(content: &Content, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let mut text = format!(
        "{}\n  {} {} {} {} ({})\n\n",
        content.file,
        of("форма", "форма", "form"),
        content.form,
        of("версиясы", "версии", "version"),
        content.form_version,
        content.form_source,
    );
    let holding = content.accepted.saturating_sub(content.broken_hard).saturating_sub(content.broken_soft_only);
    let mut count = |number: u64, what: &str| {
        let _ = writeln!(text, "  {number:>9} {what}");
    };
    count(content.rows, of("сап", "строк", "rows"));
    count(content.malformed, of("окулбаган сап", "негодных", "malformed"));
    count(content.accepted, of("кабыл алынды, алардын ичинен", "принято, из них", "accepted, of them"));
    count(
        holding,
        of(
            "  текшерилген катыштардын баары аткарылган",
            "  выполнены все проверенные соотношения",
            "  hold every relation that could be tested",
        ),
    );
    count(
        content.broken_hard,
        of("  катуу катыш бузулган", "  нарушено жёсткое соотношение", "  break a hard relation"),
    );
    count(
        content.broken_soft_only,
        of("  жумшак катыш гана бузулган", "  нарушены только мягкие", "  break only soft ones"),
    );
    if content.skipped > 0 {
        count(
            content.skipped,
            of(
                "сап дал келтирүү файлы боюнча өткөрүлдү",
                "строк пропущено по файлу соответствия",
                "rows skipped, as the mapping says",
            ),
        );
    }
    text.push('\n');
    content.relations.iter().for_each(|relation| text += &of_relation(relation, language));
    if !content.malformed_rows.is_empty() || content.malformed > 0 {
        let _ = writeln!(text, "\n{}", of("Окулбаган саптар", "Негодные строки", "Malformed rows"));
        text += &faults(content, language);
    }
    if !content.unused_columns.is_empty() {
        let what = of("Колдонулбаган тилкелер", "Неиспользованные столбцы", "Columns not used");
        let _ = writeln!(text, "\n{what}: {}", content.unused_columns.join(", "));
    }
    if content.not_listed > 0 {
        let number = content.not_listed;
        let _ = match language {
            Language::Ky => {
                writeln!(text, "\n{number} табылга эсептелди, бирок келтирилген жок: --list жана --out караңыз")
            }
            Language::Ru => writeln!(text, "\nПосчитано и не перечислено находок: {number}; см. --list и --out"),
            Language::En => writeln!(text, "\n{number} findings are counted and not listed: see --list and --out"),
        };
    }
    text
}

fn of_relation(relation: &RelationContent, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let report = &relation.report;
    let weight = if report.hard {
        of("катуу", "жёсткое", "hard")
    } else {
        of("жумшак", "мягкое", "soft")
    };
    let mut text = format!("{:<4} {weight}  {:<44}", report.code, report.expression);
    if let Some(why) = &report.not_tested {
        let _ = writeln!(text, "  {}: {why}", of("ТЕКШЕРИЛГЕН ЖОК", "НЕ ПРОВЕРЕНО", "NOT TESTED"));
        return text;
    }
    let (broken, tested) = (report.broken, report.tested);
    if broken == 0 {
        let _ = match language {
            Language::Ky => writeln!(text, "  {tested} саптын баарында аткарылган"),
            Language::Ru => writeln!(text, "  выполнено во всех {tested}"),
            Language::En => writeln!(text, "  holds in all {tested}"),
        };
        return text;
    }
    let _ = match language {
        Language::Ky => writeln!(text, "  {tested} саптын {broken} бузулган"),
        Language::Ru => writeln!(text, "  нарушено в {broken} из {tested}"),
        Language::En => writeln!(text, "  broken in {broken} of {tested}"),
    };
    for broken in relation.places.iter().take(SHOWN) {
        let against = of("каршы", "против", "against");
        let _ = writeln!(text, "       {}: {} {against} {}", place(&broken.place, language), broken.left, broken.right);
    }
    rest(&mut text, report.broken, relation.places.len(), language);
    text
}

/// What kind of fault, for people; programs read its code.
const fn fault_word(kind: FaultKind, language: Language) -> &'static str {
    match kind {
        FaultKind::Width => language.of("уячалардын саны башка", "другое число ячеек", "another number of cells"),
        FaultKind::TooLong => language.of("сап өтө узун", "строка слишком длинна", "too long"),
        FaultKind::Undecodable => language.of("коддоого туура келбейт", "не в той кодировке", "not in the encoding"),
        FaultKind::Empty => language.of("сан жок", "нет числа", "a figure is missing"),
        FaultKind::Negative => language.of("терс сан", "отрицательное число", "below zero"),
        FaultKind::NotANumber => language.of("бүтүн сан эмес", "не целое число", "not a whole number"),
        FaultKind::TooLarge => language.of("сан өтө чоң", "слишком большое число", "too large"),
        FaultKind::NoPrecinct => language.of("участка аталган эмес", "участок не назван", "no polling station"),
        FaultKind::DuplicatePrecinct => {
            language.of("участка экинчи жолу", "участок второй раз", "a polling station for the second time")
        }
    }
}

fn faults(content: &Content, language: Language) -> String {
    let mut text = String::new();
    let mut by_kind: BTreeMap<&str, Vec<&RowFault>> = BTreeMap::new();
    content.malformed_rows.iter().for_each(|fault| by_kind.entry(fault.kind.code()).or_default().push(fault));
    for (kind, total) in &content.malformed_by_kind {
        let listed = by_kind.remove(kind).unwrap_or_default();
        let word = listed.first().map_or(*kind, |fault| fault_word(fault.kind, language));
        let _ = writeln!(text, "  {word}: {total}");
        for fault in listed.iter().take(SHOWN) {
            let what = language.of("тилке", "столбец", "column");
            let column = fault.column.as_ref().map_or_else(String::new, |column| format!(", {what} {column}"));
            // The kind says it in every language; the figure that was found stands in the English sentence.
            let _ =
                writeln!(text, "       {}{column}: {}", place(&fault.place, language), fault.what.in_words(language));
        }
        rest(&mut text, *total, listed.len(), language);
    }
    text
}

fn rest(text: &mut String, total: u64, listed: usize, language: Language) {
    let more = total.saturating_sub(listed.min(SHOWN) as u64);
    if more > 0 {
        let _ = match language {
            Language::Ky => writeln!(text, "       жана дагы {more} (--json жана --out аларды келтирет)"),
            Language::Ru => writeln!(text, "       и ещё {more} (их перечисляют --json и --out)"),
            Language::En => writeln!(text, "       and {more} more (--json and --out list them)"),
        };
    }
}

fn place(place: &Place, language: Language) -> String {
    let names = [&place.region, &place.constituency, &place.commission, &place.precinct];
    let names = names.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" / ");
    let line = format!("{} {}", language.of("сап", "строка", "line"), place.line);
    if names.is_empty() { line } else { format!("{line}, {names}") }
}
