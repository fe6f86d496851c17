//! `tamga results`: only out of a ledger whose audit finds nothing.

use crate::args::Results;
use crate::audit::nothing_shown;
use crate::failure::{Done, failed, no_constituency, said};
use crate::output::{CheckpointView, Output, advance, open_source, scratch, standing as verdict};
use crate::words::{about_word, effect_word, issuer_word, withheld_word};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tamga_client::evidence::Language;
use tamga_client::verify::{ConstituencyView, Opened, ResultsView, audit_keeping, results};
use tamga_ledger::audit::Report;
use tamga_ledger::definition::Definition;
use tamga_ledger::tally::{BasisResult, ConstituencyResult, Coverage, Flip, Seats, Shares};
use tamga_ledger::tree::TreeSize;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content {
    checkpoint: CheckpointView,
    /// Entries that the results are of: all that the checkpoint covers, or those below an earlier size.
    size: u64,
    results: ResultsView,
}

#[derive(Serialize)]
struct Refuted {
    checkpoint: CheckpointView,
    audit: Report,
}

pub(crate) fn run(arguments: &Results, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let place = &arguments.place;
    let source = open_source(&place.source, disk)?;
    let opened = Opened::open(&*source, &place.pinned.genesis)?.with_scratch(scratch(disk));
    let bar = output.bar("жазуулардын аудити", "аудит записей", "auditing entries");
    let earlier = arguments.size.or(arguments.before).map(TreeSize::new).transpose().map_err(failed)?;
    let audited = audit_keeping(&opened, earlier, |done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let audited = audited?;
    let checkpoint = CheckpointView::of(&opened.checkpoint, &opened.trust);
    if !audited.report.ok {
        let content = Refuted { checkpoint, audit: audited.report };
        return Err(output.refutation("results", &content, || nothing_shown(&content.audit, output.language())));
    }
    let state = match earlier {
        None => audited.state,
        Some(size) => audited.earlier.ok_or_else(|| {
            let (covered, asked) = (opened.size().get(), size.get());
            said(
                format!("көзөмөл чекитинде {covered} жазуу бар, {asked} эмес"),
                format!("в контрольной точке записей {covered}, а не {asked}"),
                format!("the checkpoint covers {covered} entries, not {asked}"),
            )
        })?,
    };
    let mut content = Content { checkpoint, size: state.size().get(), results: results(&state) };
    if let Some(number) = arguments.constituency {
        only(&mut content.results, number);
        if content.results.constituencies.is_empty() {
            return Err(no_constituency(number));
        }
    }
    output.answer("results", &content, || text(&content, state.definition(), arguments, output.language()));
    Ok(())
}

/// Leaves one constituency.
fn only(results: &mut ResultsView, number: u32) {
    results.tally.constituencies.retain(|row| row.constituency == number);
    results.constituencies.retain(|row| row.constituency == number);
    results.units.retain(|unit| unit.constituency == number);
    results.differences.retain(|one| one.constituency == number);
}

fn text(content: &Content, definition: &Definition, arguments: &Results, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let Content { checkpoint, size, results } = content;
    let final_or_not = if results.sealed {
        of("жыйынтыктар мөөрү менен бекитилген", "окончательно (печать результатов)", "final (Results seal)")
    } else {
        of("АЛДЫН АЛА", "ПРЕДВАРИТЕЛЬНО", "PRELIMINARY")
    };
    let mut text = format!("{}  {final_or_not}\n  {}\n", verdict(true, language), checkpoint.line_in(language));
    if *size != checkpoint.size {
        let _ = match language {
            Language::Ky => writeln!(text, "  {size} жазуудан кийинки АБАЛ, {size}-орундагы жазууга чейин"),
            Language::Ru => writeln!(text, "  КАК БЫЛО после {size} записей, до записи на месте {size}"),
            Language::En => writeln!(text, "  AS IT WAS after {size} entries, before the entry at leaf {size}"),
        };
    }
    let on_roll = of("тизмедеги шайлоочулар", "избирателей в списках", "voters on the roll");
    let _ = writeln!(text, "\n{} ({on_roll}: {})", of("Катышуу", "Явка", "Turnout"), results.roll);
    let remotely = of("анын ичинде алыстан", "из них дистанционно", "of them remotely");
    for hour in &results.turnout {
        let voted = hour.local + hour.remote;
        let share = hour.permille.map_or_else(String::new, |permille| format!("{}.{} %", permille / 10, permille % 10));
        let label = if hour.label == "final" { of("акыркы", "итог", "final") } else { &hour.label };
        let _ = writeln!(text, "  {label:>6}  {voted:>9}  {remotely} {:>8}  {share:>7}", hour.remote);
    }
    let (again, elsewhere, collided) = (results.second_attempts, results.wrong_station, results.conflicts);
    let _ = match language {
        Language::Ky => writeln!(
            text,
            "  четке кагылды: экинчи аракет {again}, башка участокто {elsewhere}; байланышсыз кайталоолор {collided}\n"
        ),
        Language::Ru => writeln!(
            text,
            "  отказано: вторых попыток {again}, не на том участке {elsewhere}; повторов без связи {collided}\n"
        ),
        Language::En => writeln!(
            text,
            "  refused: {again} second attempts, {elsewhere} at a wrong station; {collided} offline collisions\n"
        ),
    };
    let tally = &results.tally;
    let blocked = match tally.blocked.len() {
        0 => String::new(),
        blocked => format!(", {} {blocked}", of("эсепке кирбегени", "не учтено", "blocked")),
    };
    let _ = writeln!(
        text,
        "{}: {} {}, {} {}{blocked}\n",
        of("Протоколдор", "Протоколы", "Protocols"),
        of("машина", "машинные", "machine"),
        coverage(tally.machine_protocols),
        of("кол менен", "ручные", "hand"),
        coverage(tally.hand_protocols),
    );
    text += &legal(results, language);
    for (row, view) in tally.constituencies.iter().zip(&results.constituencies) {
        text += &constituency(row, view, definition, language);
    }
    if arguments.constituency.is_some() {
        text += &places(results, language);
    }
    text += &differences(results, arguments.differences, language);
    text
}

/// Acts, and what still may change.
fn legal(results: &ResultsView, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let tally = &results.tally;
    let mut text = String::new();
    for act in &results.acts {
        let standing = match (act.in_force, act.final_act) {
            (false, _) => of("күчүндө эмес", "не действует", "not in force"),
            (true, false) => {
                of("күчүндө, даттанууга болот", "действует, может быть обжалован", "in force, can be appealed against")
            }
            (true, true) => of("күчүндө, акыркы", "действует, окончателен", "in force, final"),
        };
        let issuer = act
            .issuer
            .map_or(of("белгисиз", "неизвестно", "unknown"), |issuer| issuer_word(issuer, language));
        let (leaf, number, date) = (act.leaf, &act.number, &act.date);
        let about = about_word(act.about, language);
        let (effect, head) = (effect_word(act.effect, language), of("Акт, орду", "Акт на месте", "Act at leaf"));
        let _ = writeln!(text, "{head} {leaf}: {number}, {date} ({issuer}), {effect}: {about}; {standing}");
    }
    if !tally.annulled.is_empty() {
        let what = of(
            "Жараксыз деп табылган бирдиктер, суммаларга кирбейт",
            "Аннулированные единицы, ни в одной сумме",
            "Annulled units, in no sum",
        );
        let _ = writeln!(text, "{what}: {}", list(tally.annulled.iter()));
    }
    if !tally.awaiting_recount.is_empty() {
        let what = of("Кайра эсептөөнү күтөт", "Ждут пересчёта", "Waiting for a recount");
        let _ = writeln!(text, "{what}: {}", list(tally.awaiting_recount.iter()));
    }
    if tally.open_cases > 0 {
        let what = of("Чечиле элек арыздар", "Нерассмотренных жалоб", "Undecided cases");
        let _ = writeln!(text, "{what}: {}", tally.open_cases);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Each unit's own counts.
fn places(results: &ResultsView, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let own = of("Бирдиктер (өз округунун бюллетендери)", "Единицы (бюллетени своего округа)", "Units (own papers)");
    let mut text = format!("{own}\n");
    let (by_hand, by_machine) = (of("кол менен", "вручную", "hand"), of("машина", "машина", "machine"));
    for unit in &results.units {
        let shown =
            |counts: &Option<Vec<u64>>| counts.as_ref().map_or_else(|| "-".to_owned(), |counts| list(counts.iter()));
        let annulled = if unit.annulled_by.is_empty() {
            String::new()
        } else {
            format!("  {}", of("ЖАРАКСЫЗ ДЕП ТАБЫЛГАН", "АННУЛИРОВАНО", "ANNULLED"))
        };
        let why = unit.withheld.map_or_else(String::new, |why| {
            format!("  {}: {}", of("көрсөтүлбөйт", "не показано", "withheld"), withheld_word(why, language))
        });
        let (hand, machine) = (shown(&unit.hand), shown(&unit.machine));
        let _ =
            writeln!(text, "  {:<8} {by_hand} {hand}  {by_machine} {machine}{why}{annulled}", unit.unit.to_string());
    }
    text.push('\n');
    text
}

fn differences(results: &ResultsView, most: usize, language: Language) -> String {
    let (differ, n, all) = (results.differences.len(), results.compared.n, results.compared.of);
    let mut text = match language {
        Language::Ky => format!(
            "Машина менен кол эсебинин айырмасы: салыштырылган {n} бирдиктин {differ} айырмаланат (өз округу бары {all})\n"
        ),
        Language::Ru => format!(
            "Машина против ручного подсчёта: из {n} сравнимых единиц расходятся {differ} (со своим округом {all})\n"
        ),
        Language::En => format!(
            "Machine against hand: {differ} of {n} units that could be compared differ ({all} have an own constituency)\n"
        ),
    };
    for one in results.differences.iter().take(most) {
        let swap = match one.swap {
            true => language.of(
                ", позициялардын ортосунда жылган",
                ", переместились между позициями",
                ", moved between positions",
            ),
            false => "",
        };
        let votes = language.of("добуш", "голосов", "votes");
        let _ = writeln!(text, "  {:<8} {:>5} {votes}{swap}", one.unit.to_string(), one.votes);
    }
    text
}

fn coverage(coverage: Coverage) -> String {
    format!("{} / {}", coverage.n, coverage.of)
}

fn constituency(
    row: &ConstituencyResult,
    view: &ConstituencyView,
    definition: &Definition,
    language: Language,
) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let Some(known) = definition.constituency(row.constituency) else { return String::new() };
    let title = language.of(&known.title.ky, &known.title.ru, &known.title.en);
    let mut text = format!("{} {} {title}\n", of("Округ", "Округ", "Constituency"), row.constituency);
    let (by_hand, by_machine) = (of("кол менен", "вручную", "by hand"), of("машина", "машина", "by machine"));
    let _ = writeln!(text, "  {by_hand:<10} {}", basis(&row.hand, language));
    let preliminary = of("алдын ала", "предварительно", "preliminary");
    let _ = writeln!(text, "  {by_machine:<10} {} ({preliminary})", basis(&row.machine, language));
    let elected: Vec<u32> = match &row.seats {
        Seats::Filled { elected } | Seats::NeedsLot { elected, .. } => elected.iter().map(|one| one.position).collect(),
        Seats::Incomplete | Seats::Annulled | Seats::Uncertain { .. } => Vec::new(),
    };
    let count = |result: &BasisResult, place: usize| result.counts.get(place).copied().unwrap_or(0);
    let last = [of("баарына каршы", "против всех", "against all"), of("жараксыз", "недействительные", "invalid")];
    let names = known.candidates.iter();
    let names = names.map(|candidate| language.of(&candidate.name_ky, &candidate.name_ru, &candidate.name_ru));
    for (place, name) in names.chain(last).enumerate() {
        let position = place as u32 + 1;
        let struck = if row.standing.struck.contains(&position) {
            of(
                "  тизмеден чыгарылган: добуштары эсептелбейт",
                "  исключён: голоса не считаются",
                "  struck out: votes do not count",
            )
        } else {
            ""
        };
        let mark = if elected.contains(&position) { "*" } else { " " };
        let _ = writeln!(
            text,
            "  {mark} {position:>3}  {name:<32}  {by_hand} {:>8} {:>8}  {by_machine} {:>8}{struck}",
            count(&row.hand, place),
            percent(&view.shares, place),
            count(&row.machine, place)
        );
    }
    text += &format!("  {}\n\n", seats(row, view, known.seats, language));
    text += &standing(row, view, language);
    text
}

fn seats(row: &ConstituencyResult, view: &ConstituencyView, seats: u32, language: Language) -> String {
    match (&row.seats, language) {
        (Seats::Filled { elected }, _) => {
            let given = elected.len();
            let said = match language {
                Language::Ky => format!("{seats} мандаттын {given} берилди (*)"),
                Language::Ru => format!("распределено мандатов (*): {given} из {seats}"),
                Language::En => format!("{given} of {seats} seats given (*)"),
            };
            said + &closest(view, language)
        }
        (Seats::Incomplete, _) => language
            .of(
                "мандаттар: маалымат толук эмес, азырынча эч кимди атоого болбойт",
                "мандаты: данные неполны, назвать пока никого нельзя",
                "seats: counts are missing, nobody can be named yet",
            )
            .to_owned(),
        (Seats::Annulled, _) => language
            .of(
                "ЖАРАКСЫЗ: күчүндөгү акт бул жердеги добуш берүүнү жараксыз деп тапкан",
                "АННУЛИРОВАНО: действующий акт признаёт голосование здесь недействительным",
                "ANNULLED: an act in force says that the vote here is void",
            )
            .to_owned(),
        (Seats::Uncertain { papers }, Language::Ky) => format!(
            "мандаттар көрсөтүлбөйт: жараксыз деп табылган бирдиктердин {papers} бюллетенин ачпай туруп өлкө боюнча суммадан чыгарууга болбойт, алар чечиши мүмкүн"
        ),
        (Seats::Uncertain { papers }, Language::Ru) => format!(
            "мандаты не показаны: {papers} бюллетеней аннулированных единиц нельзя вычесть из общей суммы, не раскрыв их, а решить могут они"
        ),
        (Seats::Uncertain { papers }, Language::En) => format!(
            "seats: withheld. {papers} papers of annulled units cannot be taken out of the nationwide total without opening them, and might decide"
        ),
        (Seats::NeedsLot { tied, .. }, _) => {
            let tied = list(tied.iter());
            match language {
                Language::Ky => format!("{tied} позицияларынын добуштары тең: мандатты чүчүкулак чечет"),
                Language::Ru => format!("равенство голосов у позиций {tied}: мандат решит жребий"),
                Language::En => format!("a tie between positions {tied} decides a seat: a lot is due"),
            }
        }
    }
}

/// Who holds the seats now, and what would move one.
fn standing(row: &ConstituencyResult, view: &ConstituencyView, language: Language) -> String {
    let of = |ky, ru, en| language.of(ky, ru, en);
    let mut text = String::new();
    if let Some(declared) = &row.standing.declared {
        let fits = if declared.as_computed {
            of("эсептелгендей", "как вычислено", "as computed")
        } else {
            of("эсептелгендей ЭМЕС", "НЕ как вычислено", "NOT as computed")
        };
        let what = of(
            "шайланды деп жарыяланган, акт",
            "объявлены избранными актом на месте",
            "declared elected by the act at leaf",
        );
        let _ = writeln!(text, "  {what} {}: {} ({fits})", declared.leaf, list(declared.positions.iter()));
    }
    if row.seats.positions().is_some_and(|elected| elected != row.standing.seated) {
        let what = of("мандат ээлери", "мандаты у позиций", "seats are held by");
        let _ = writeln!(text, "  {what}: {}", list(row.standing.seated.iter()));
    }
    if !row.standing.vacant.is_empty() {
        let what = of(
            "кайтарылган, орун басары азырынча жок",
            "возвращены, преемника пока нет",
            "given back, no successor yet",
        );
        let _ = writeln!(text, "  {what}: {}", list(row.standing.vacant.iter()));
    }
    if row.hand.remote_uncertain > 0 {
        let papers = row.hand.remote_uncertain;
        let _ = match language {
            Language::Ky => writeln!(
                text,
                "  башка жерде берилген бюллетендердин ичинде жараксыз деп табылган бирдиктердин {papers} бюллетени бар же жок"
            ),
            Language::Ru => writeln!(
                text,
                "  среди бюллетеней, поданных в других местах, ещё есть или не хватает {papers} от аннулированных единиц"
            ),
            Language::En => {
                writeln!(text, "  papers cast elsewhere still hold, or lack, {papers} of annulled units")
            }
        };
    }
    if !view.flips.is_empty() {
        let (station, back) =
            (of("участок", "участок", "station"), of("калыбына келтирилсе", "если восстановить", "reinstated"));
        let named = |flip: &Flip| {
            let place = flip
                .unit
                .map_or_else(|| format!("{station} {}", flip.station), |unit| format!("{}/{unit}", flip.station));
            if flip.annulled_now { format!("{place} ({back})") } else { place }
        };
        let what = of(
            "булардын бири болбосо башка талапкер шайланат",
            "без одного из этих избран был бы другой",
            "without one of these another is elected",
        );
        let _ = writeln!(text, "  {what}: {}", list(view.flips.iter().map(named)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The elected candidate who is nearest to losing the seat.
fn closest(view: &ConstituencyView, language: Language) -> String {
    let margins = view.margins.iter().flatten();
    let elected = margins.filter(|margin| margin.elected);
    let least = elected.filter_map(|margin| Some((margin.votes?, margin.position))).min();
    let Some((votes, position)) = least else { return String::new() };
    match language {
        Language::Ky => {
            format!("; эң жакыны {position}-позиция: {votes} добуш кем болсо, мандат жоголот же чүчүкулак чечет")
        }
        Language::Ru => {
            format!(
                "; ближе всех к потере позиция {position}: на {votes} голосов меньше, и мандат потерян или решает жребий"
            )
        }
        Language::En => {
            format!("; the closest is position {position}: {votes} votes fewer, and the seat is lost or a lot decides")
        }
    }
}

/// A share of the valid votes that are in; the line above says of how many units. Nothing where there is none.
fn percent(shares: &Shares, place: usize) -> String {
    let Shares::Shown { hundredths } = shares else { return String::new() };
    hundredths.get(place).map_or_else(String::new, |share| format!("{}.{:02} %", share / 100, share % 100))
}

fn basis(result: &BasisResult, language: Language) -> String {
    let remote = if result.remote_opened {
        language.of("кирди", "учтены", "in")
    } else {
        language.of("али кире элек", "ещё не учтены", "not yet in")
    };
    let units = language.of("бирдиктер", "единиц", "units");
    let cast = language.of(
        "башка жерде берилген бюллетендер",
        "бюллетени, поданные в других местах,",
        "papers cast elsewhere",
    );
    format!("{units} {}, {cast} {remote}", coverage(result.coverage))
}
