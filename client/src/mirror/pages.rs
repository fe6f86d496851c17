//! Pages of a mirror: plain HTML in three languages, computed by the mirror itself out of the ledger that it has audited.
//!
//! A node's pages are the node's word; a mirror publishes nobody's word. So it says less than a node's site does, and each figure
//! follows from entries that lie beside it.

use crate::evidence::Language;
use crate::report::audit::STYLE;
use crate::report::instant;
use crate::verify::ResultsView;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{Candidate, Constituency, Election, Title};
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::tally::{ConstituencyResult, Coverage, Seats};

/// What every page names.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The genesis record.
    pub election: &'a Election,
    /// Its digest, hexadecimal.
    pub id: &'a str,
    /// At which checkpoint the figures hold.
    pub checkpoint: &'a VerifiedCheckpoint,
    /// Organisations that the policy in force counts.
    pub organisations_of: usize,
    /// Time of the last entry, ms UTC.
    pub sequenced_ms: u64,
}

const LANGUAGES: [(Language, &str, &str); 3] =
    [(Language::Ky, "ky", "Кыргызча"), (Language::Ru, "ru", "Русский"), (Language::En, "en", "English")];
const TABLES: [&str; 6] =
    ["candidates.csv", "constituencies.csv", "units.csv", "differences.csv", "acts.csv", "turnout.csv"];
/// Bishkek has had UTC+6 without summer time since 2005.
const BISHKEK_MS: u64 = 6 * 3_600_000;

/// All pages: addresses below the mirror's, and bytes.
#[must_use]
pub fn pages(about: &About<'_>, results: &ResultsView, definition: &Definition) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("index.html".to_owned(), choice(about).into_string().into_bytes())];
    for (language, code, _) in LANGUAGES {
        let page = Page { about, results, definition, language, code };
        files.push((format!("{code}/index.html"), page.overview().into_string().into_bytes()));
        for row in &results.tally.constituencies {
            if let Some(known) = definition.constituency(row.constituency) {
                let whole = page.constituency(known, row).into_string().into_bytes();
                files.push((format!("{code}/constituencies/{}.html", row.constituency), whole));
            }
        }
    }
    files
}

/// The first page: a static server does not know the reader's language.
fn choice(about: &About<'_>) -> Markup {
    let main = html! {
        h1 { (about.election.title.ky) }
        ul { @for (_, code, name) in LANGUAGES { li { a href={ (code) "/index.html" } lang=(code) { (name) } } } }
    };
    document("ky", &about.election.title.ky, &main)
}

fn document(code: &str, title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(code) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Tamga" }
                style { (PreEscaped(STYLE)) (PreEscaped(".n{text-align:right}.wide{overflow-x:auto}")) }
            }
            body { main { (main) } }
        }
    }
}

struct Page<'a> {
    about: &'a About<'a>,
    results: &'a ResultsView,
    definition: &'a Definition,
    language: Language,
    code: &'a str,
}

impl Page<'_> {
    const fn of<'t>(&self, ky: &'t str, ru: &'t str, en: &'t str) -> &'t str {
        self.language.of(ky, ru, en)
    }

    fn title<'t>(&self, title: &'t Title) -> &'t str {
        self.of(&title.ky, &title.ru, &title.en)
    }

    fn name<'t>(&self, candidate: &'t Candidate) -> &'t str {
        // The ballot has no English.
        if self.language == Language::Ru { &candidate.name_ru } else { &candidate.name_ky }
    }

    fn whole(&self, path: &str, title: &str, main: &Markup) -> Markup {
        let election = self.about.election;
        let main = html! {
            nav { @for (_, code, name) in LANGUAGES { a href={ (path) (code) "/index.html" } lang=(code) { (name) } " " } }
            @if election.real != 1 {
                p { strong { (self.of("Машыгуу. Бул чыныгы шайлоо эмес.", "Репетиция. Это не настоящие выборы.", "Rehearsal. This is not a real election.")) } }
            }
            h1 { (title) }
            @if !self.results.sealed {
                p { strong { (self.of("Алдын ала: жыйынтыктар али мөөрлөнө элек.", "Предварительно: результаты ещё не опечатаны.", "Preliminary: the results are not sealed yet.")) } }
            }
            (main)
            (self.checkpoint(path))
        };
        document(self.code, title, &main)
    }

    fn overview(&self) -> Markup {
        let (results, tally) = (self.results, &self.results.tally);
        let rows: [(&str, String); 4] = [
            (self.of("Тизмедеги шайлоочулар", "Избирателей в списке", "Voters on the roll"), results.roll.to_string()),
            (
                self.of(
                    "Кол менен эсептөөнүн протоколдору",
                    "Протоколы ручного подсчёта",
                    "Protocols of the hand count",
                ),
                coverage(tally.hand_protocols),
            ),
            (
                self.of(
                    "Машина эсебинин протоколдору",
                    "Протоколы машинного подсчёта",
                    "Protocols of the machine count",
                ),
                coverage(tally.machine_protocols),
            ),
            (
                self.of(
                    "Кайра добуш берүүгө аракеттер (четке кагылды)",
                    "Попытки пройти второй раз (отклонены)",
                    "Second attempts (refused)",
                ),
                results.second_attempts.to_string(),
            ),
        ];
        let main = html! {
            table { @for (what, value) in rows { tr { th scope="row" { (what) } td.n { (value) } } } }
            h2 { (self.of("Катышуу", "Явка", "Turnout")) }
            (self.turnout())
            h2 { (self.of("Округдар", "Округа", "Constituencies")) }
            div.wide { table {
                tr {
                    th scope="col" { (self.of("Округ", "Округ", "Constituency")) }
                    th scope="col" { (self.of("Кол менен", "Вручную", "By hand")) }
                    th scope="col" { (self.of("Машина", "Машина", "Machine")) }
                    th scope="col" { (self.of("Мандаттар", "Мандаты", "Seats")) }
                }
                @for row in &tally.constituencies {
                    @if let Some(known) = self.definition.constituency(row.constituency) {
                        tr {
                            th scope="row" {
                                a href={ "constituencies/" (row.constituency) ".html" } { (row.constituency) ". " (self.title(&known.title)) }
                            }
                            td.n { (coverage(row.hand.coverage)) }
                            td.n { (coverage(row.machine.coverage)) }
                            td { (self.seats(known, row)) }
                        }
                    }
                }
            } }
            h2 { (self.of("Таблицалар", "Таблицы", "Tables")) }
            ul { @for name in TABLES { li { a href={ "../data/" (name) } { (name) } } } }
        };
        self.whole("../", self.title(&self.about.election.title), &main)
    }

    fn turnout(&self) -> Markup {
        html! {
            table {
                tr {
                    th scope="col" { (self.of("Саат", "Час", "Hour")) }
                    th scope="col" { (self.of("Идентификациядан өттү", "Прошли идентификацию", "Identified")) }
                    th scope="col" { (self.of("Үлүшү", "Доля", "Share")) }
                }
                @for hour in &self.results.turnout {
                    tr {
                        th scope="row" { (if hour.label == "final" { self.of("баары", "всего", "all") } else { &hour.label }) }
                        td.n { (hour.local + hour.remote) }
                        td.n { (hour.permille.map_or_else(|| "–".to_owned(), |share| format!("{}.{} %", share / 10, share % 10))) }
                    }
                }
            }
        }
    }

    /// Who gets the seats, or why nobody can be named.
    fn seats(&self, known: &Constituency, row: &ConstituencyResult) -> String {
        match &row.seats {
            Seats::Filled { elected } => {
                let of = |position: u32| known.candidates.iter().find(|candidate| candidate.position == position);
                let names: Vec<&str> =
                    elected.iter().filter_map(|one| of(one.position)).map(|one| self.name(one)).collect();
                names.join(", ")
            }
            Seats::Incomplete => self.of("маалымат толук эмес", "данные неполны", "counts are missing").to_owned(),
            Seats::Annulled => self
                .of("добуш берүү жараксыз деп табылды", "голосование признано недействительным", "the vote is annulled")
                .to_owned(),
            Seats::Uncertain { .. } => self
                .of(
                    "жараксыз деп табылган участкалардын баракчалары чечиши мүмкүн",
                    "могут решить бумаги аннулированных участков",
                    "papers of annulled units may decide",
                )
                .to_owned(),
            Seats::NeedsLot { .. } => self.of("чүчүкулак керек", "нужен жребий", "a lot has to decide").to_owned(),
        }
    }

    fn constituency(&self, known: &Constituency, row: &ConstituencyResult) -> Markup {
        let against = [
            self.of("Бардыгына каршы", "Против всех", "Against all"),
            self.of("Жараксыз", "Недействительные", "Invalid"),
        ];
        let names = known.candidates.iter().map(|candidate| (candidate.position.to_string(), self.name(candidate)));
        let names = names.chain(against.map(|name| (String::new(), name)));
        let figure = |counts: &[u64], place: usize| counts.get(place).map_or_else(|| "–".to_owned(), u64::to_string);
        let shown = |counts: &Option<Vec<u64>>| {
            counts.as_ref().map_or_else(
                || "–".to_owned(),
                |counts| counts.iter().map(u64::to_string).collect::<Vec<_>>().join(" · "),
            )
        };
        let main = html! {
            p { (self.of("Мандаттар", "Мандаты", "Seats")) ": " (known.seats) ". " (self.seats(known, row)) }
            p {
                (self.of("Камтуу", "Охват", "Coverage")) ": " (self.of("кол менен", "вручную", "by hand")) " " (coverage(row.hand.coverage)) ", "
                (self.of("машина", "машина", "machine")) " " (coverage(row.machine.coverage))
            }
            div.wide { table {
                tr {
                    th scope="col" { "№" }
                    th scope="col" { (self.of("Талапкер", "Кандидат", "Candidate")) }
                    th scope="col" { (self.of("Кол менен", "Вручную", "By hand")) }
                    th scope="col" { (self.of("Машина", "Машина", "Machine")) }
                }
                @for (place, (position, name)) in names.enumerate() {
                    tr {
                        td { (position) }
                        th scope="row" { (name) }
                        td.n { (figure(&row.hand.counts, place)) }
                        td.n { (figure(&row.machine.counts, place)) }
                    }
                }
            } }
            h2 { (self.of("Участкалар", "Участки", "Polling stations")) }
            div.wide { table {
                tr {
                    th scope="col" { (self.of("Бирдик", "Единица", "Unit")) }
                    th scope="col" { (self.of("Идентификациядан өттү", "Прошли идентификацию", "Identified")) }
                    th scope="col" { (self.of("Кол менен", "Вручную", "By hand")) }
                    th scope="col" { (self.of("Машина", "Машина", "Machine")) }
                }
                @for unit in self.results.units.iter().filter(|unit| unit.constituency == row.constituency) {
                    tr {
                        th scope="row" { (unit.unit) }
                        td.n { (unit.identified) }
                        td { (shown(&unit.hand)) }
                        td { (shown(&unit.machine)) }
                    }
                }
            } }
            p { (self.of(
                "Бирдиктердеги сандардын тартиби — жогорудагы таблицадагыдай. Сызыкча: али жок, же купуялык үчүн көрсөтүлбөйт.",
                "Порядок чисел у единиц — как в таблице выше. Тире: ещё нет, или не показывается ради тайны голосования.",
                "The counts of units are in the order of the table above. A dash: not in yet, or not shown for the secrecy of the vote.",
            )) }
        };
        self.whole("../../", &format!("{}. {}", row.constituency, self.title(&known.title)), &main)
    }

    /// At which checkpoint the figures hold, who vouches for it, and how to check this copy.
    fn checkpoint(&self, path: &str) -> Markup {
        let (about, head) = (self.about, self.about.checkpoint.checkpoint());
        let signed: Vec<String> = about.checkpoint.organisations().iter().map(ToString::to_string).collect();
        let rows: [(&str, String); 5] = [
            (self.of("Жазуулар", "Записей", "Entries"), head.size.to_string()),
            (
                self.of("Акыркы жазуу (Бишкек)", "Последняя запись (Бишкек)", "Last entry (Bishkek)"),
                clock(about.sequenced_ms),
            ),
            (
                self.of("Кол койгон уюмдар", "Подписали организации", "Signed by organisations"),
                format!("{} / {}: {}", signed.len(), about.organisations_of, signed.join(", ")),
            ),
            ("SHA-256", head.roots.sha256.to_string()),
            (self.of("Шайлоонун белгиси", "Идентификатор выборов", "Election id"), about.id.to_owned()),
        ];
        html! {
            section {
                h2 { (self.of("Көзөмөл чекити", "Контрольная точка", "Checkpoint")) }
                p { (self.of(
                    "Бул көчүрмө жарыяланганга чейин толугу менен текшерилди; сандар жазуулардан эсептелди. Ишенбеңиз — өзүңүз текшериңиз:",
                    "Эта копия полностью проверена до публикации; числа вычислены из самих записей. Не верьте на слово — проверьте сами:",
                    "This copy was audited as a whole before it was published; the figures are computed from its entries. Do not believe it, check it:",
                )) }
                pre { code { "tamga audit URL --genesis " (about.id) } }
                div.wide { table { @for (what, value) in rows { tr { th scope="row" { (what) } td { code { (value) } } } } } }
                p { a href={ (path) "checkpoint" } { (self.of("Кол коюлган текст", "Подписанный текст", "The signed text")) } }
            }
        }
    }
}

fn coverage(coverage: Coverage) -> String {
    format!("{} / {}", coverage.n, coverage.of)
}

/// `2025-11-30 20:15:00`, Bishkek.
fn clock(ms: u64) -> String {
    instant(ms.saturating_add(BISHKEK_MS)).replace('T', " ").replace('Z', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bishkeks() {
        assert_eq!(clock(1_764_512_100_000), "2025-11-30 20:15:00");
        assert_eq!(clock(0), "1970-01-01 06:00:00");
        assert_eq!(clock(1_709_143_200_000), "2024-02-29 00:00:00");
    }
}
