//! The view for people: who shows what, what is published, what is wrong. `q` ends it.

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event as Input, KeyCode, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Table, Wrap};
use std::collections::VecDeque;
use std::io::{self, Stdout, stdout};
use std::time::{Duration, Instant};
use tamga_client::evidence::Language;
use tamga_client::monitor::{Alarm, Event, Monitor, Round};

use crate::words::alarm_word;

/// Lines of history kept.
const LINES_MAX: usize = 200;

pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    lines: VecDeque<(bool, String)>,
    last: Option<(Round, Vec<String>, String)>,
    language: Language,
}

impl Screen {
    pub(super) fn open(language: Language) -> io::Result<Self> {
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok(Self { terminal, lines: VecDeque::new(), last: None, language })
    }

    pub(super) fn show(&mut self, monitor: &Monitor, round: &Round) -> io::Result<()> {
        for event in &round.events {
            let bad = event.alarm().is_some_and(|alarm| alarm.kind.is_lie());
            self.lines.push_front((bad, line(event, self.language)));
        }
        self.lines.truncate(LINES_MAX);
        let standing = monitor.standing().into_iter();
        let standing = standing.map(|(kind, about)| format!("{}: {about}", alarm_word(kind, self.language))).collect();
        let title = &monitor.trust().election().title;
        let title = match self.language {
            Language::Ky => &title.ky,
            Language::Ru => &title.ru,
            Language::En => &title.en,
        };
        self.last = Some((round.clone(), standing, title.clone()));
        self.draw()
    }

    fn draw(&mut self) -> io::Result<()> {
        let Self { terminal, lines, last, language } = self;
        if let Some((round, standing, title)) = last {
            let seen = Seen { round, standing, title, language: *language };
            terminal.draw(|frame| paint(frame, &seen, lines))?;
        }
        Ok(())
    }

    /// Waits, and redraws when the window changes; false when the watcher wants to end.
    pub(super) fn pause(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            let Ok(true) = event::poll(left) else { continue };
            match event::read() {
                Ok(Input::Key(key)) if is_end(key.code, key.modifiers) => return false,
                Ok(Input::Resize(..)) if self.draw().is_err() => return false,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that cannot be put back.
        let _ = disable_raw_mode();
        let _ = execute!(stdout(), LeaveAlternateScreen);
    }
}

fn is_end(code: KeyCode, modifiers: KeyModifiers) -> bool {
    matches!(code, KeyCode::Char('q') | KeyCode::Esc)
        || (code == KeyCode::Char('c') && modifiers.contains(KeyModifiers::CONTROL))
}

/// What the last look gave.
struct Seen<'a> {
    round: &'a Round,
    standing: &'a [String],
    title: &'a str,
    language: Language,
}

fn paint(frame: &mut Frame<'_>, seen: &Seen<'_>, lines: &VecDeque<(bool, String)>) {
    let (round, language) = (seen.round, seen.language);
    let sources = u16::try_from(round.sources.len()).unwrap_or(u16::MAX).saturating_add(3);
    let areas = Layout::vertical([
        Constraint::Length(5),
        Constraint::Length(sources.min(frame.area().height / 2)),
        Constraint::Min(3),
    ])
    .split(frame.area());
    let [head, table, history] = areas.as_ref() else { return };
    frame.render_widget(summary(seen), *head);
    frame.render_widget(table_of(round, language), *table);
    let text: Vec<Line<'_>> = lines.iter().map(|(bad, text)| coloured(*bad, text)).collect();
    let title = language.of(" эмне болду (q — бүтүрүү) ", " что произошло (q — конец) ", " what happened (q ends) ");
    let block = Block::bordered().title(title);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }).block(block), *history);
}

fn coloured(bad: bool, text: &str) -> Line<'_> {
    let style = if bad { Style::default().fg(Color::Red) } else { Style::default() };
    Line::from(Span::styled(text, style))
}

fn summary<'a>(seen: &Seen<'a>) -> Paragraph<'a> {
    let Seen { round, standing, title, language } = seen;
    let cosigned = round.cosigned_s.map_or_else(String::new, |time_s| {
        let ago_s = (round.at_ms / 1_000).saturating_sub(time_s);
        match language {
            Language::Ky => format!(", акыркы кол {ago_s} с мурда"),
            Language::Ru => format!(", последняя подпись {ago_s} с назад"),
            Language::En => format!(", latest cosignature {ago_s} s ago"),
        }
    });
    let (size, signed, of) = (round.size, round.organisations.len(), round.organisations_of);
    let (who, judged) = (round.organisations.join(", "), round.followed);
    let published = match language {
        Language::Ky => {
            format!("{size} жазуу, {of} уюмдун {signed} кол койгон ({who}){cosigned}; бул жерде текшерилди: {judged}")
        }
        Language::Ru => format!(
            "записей {size}, подписали {signed} из {of} организаций ({who}){cosigned}; проверено здесь: {judged}"
        ),
        Language::En => {
            format!(
                "{size} entries, confirmed by {signed} of {of} organisations ({who}){cosigned}; {judged} judged here"
            )
        }
    };
    let (colour, state) = if standing.is_empty() {
        (Color::Green, language.of("баары жайында", "всё в порядке", "nothing is wrong").to_owned())
    } else {
        (Color::Yellow, standing.join("; "))
    };
    let lines = vec![Line::from(published), Line::from(Span::styled(state, Style::default().fg(colour)))];
    Paragraph::new(lines).wrap(Wrap { trim: false }).block(Block::bordered().title(format!(" {title} ")))
}

fn table_of(round: &Round, language: Language) -> Table<'_> {
    let rows = round.sources.iter().map(|source| {
        let size = source.size.map_or_else(|| "–".to_owned(), |size| size.to_string());
        let row = Row::new([source.name.clone(), size, source.problem.clone().unwrap_or_default()]);
        if source.problem.is_some() { row.style(Style::default().fg(Color::Yellow)) } else { row }
    });
    let head = [
        language.of("булак", "источник", "source"),
        language.of("жазуулар", "записей", "entries"),
        language.of("көйгөй", "неполадка", "problem"),
    ];
    let widths = [Constraint::Percentage(35), Constraint::Length(12), Constraint::Fill(1)];
    Table::new(rows, widths).header(Row::new(head)).block(Block::bordered())
}

/// An event in one line.
pub(super) fn line(event: &Event, language: Language) -> String {
    match event {
        Event::Alarm(Alarm { kind, about, text, at_ms, .. }) => {
            let word = match kind.is_lie() {
                true => language.of("ЖАЛГАН", "ЛОЖЬ", "ALARM"),
                false => language.of("көңүл буруңуз", "внимание", "alarm"),
            };
            // The particulars are for whoever looks into it, and for the evidence beside them: in English, with the name.
            let what = match language {
                Language::En => kind.slug().to_owned(),
                _ => format!("{} [{}]", alarm_word(*kind, language), kind.slug()),
            };
            format!("{} {word} {what} ({about}): {text}", utc(*at_ms))
        }
        Event::Over { kind, about, at_ms } => match language {
            Language::En => format!("{} over  {} ({about})", utc(*at_ms), kind.slug()),
            _ => {
                let over = language.of("бүттү", "прошло", "over");
                format!("{} {over}: {} ({about})", utc(*at_ms), alarm_word(*kind, language))
            }
        },
        Event::Checkpoint { size, organisations, source, at_ms } => {
            let (at, by) = (utc(*at_ms), organisations.join(", "));
            match language {
                Language::Ky => format!("{at} {size} жазуу жарыяланды, кол койгондор: {by} ({source})"),
                Language::Ru => format!("{at} опубликовано записей {size}, подписали {by} ({source})"),
                Language::En => format!("{at} published {size} entries, confirmed by {by} ({source})"),
            }
        }
    }
}

/// `HH:MM:SS UTC`.
fn utc(ms: u64) -> String {
    let second = ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
}
