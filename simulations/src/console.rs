//! What the person who started the day sees: a bar a phase on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a phase says how far it is where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The place for progress: standard error.
#[derive(Debug)]
pub struct Console {
    bars: Option<MultiProgress>,
    began: Instant,
}

impl Default for Console {
    fn default() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars, began: Instant::now() }
    }
}

impl Console {
    /// A line of text.
    pub fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => drop(bars.println(text)),
            None => eprintln!("[{:7.1} s] {text}", self.began.elapsed().as_secs_f64()),
        }
    }

    /// A phase with `total` steps.
    pub fn phase(&self, name: &'static str, total: u64) -> Phase<'_> {
        let bar = self.bars.as_ref().map(|bars| {
            let template = "{prefix:<28} {bar:32.cyan/blue} {human_pos:>9}/{human_len:<9} {elapsed:>4} {msg}";
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = bars.add(ProgressBar::new(total).with_style(style).with_prefix(name));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        if bar.is_none() {
            self.line(&format!("{name} …"));
        }
        let now = Instant::now();
        Phase { console: self, name, total, done: AtomicU64::new(0), bar, began: now, said: Mutex::new(now) }
    }
}

/// One phase of the day.
#[derive(Debug)]
pub struct Phase<'a> {
    console: &'a Console,
    name: &'static str,
    total: u64,
    done: AtomicU64,
    bar: Option<ProgressBar>,
    began: Instant,
    said: Mutex<Instant>,
}

impl Phase<'_> {
    /// So many more steps are done.
    pub fn advance(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        if let Some(bar) = &self.bar {
            bar.inc(steps);
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() >= LINE_EVERY {
            *said = Instant::now();
            self.console.line(&format!("{} {done}/{}", self.name, self.total));
        }
    }

    /// What is going on now.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.console.line(&format!("{}: {text}", self.name)),
        }
    }

    /// The phase is over.
    pub fn finish(self, text: &str) {
        let (done, seconds) = (self.done.load(Ordering::Relaxed), self.began.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.finish_with_message(text.to_owned()),
            None => self.console.line(&format!("{} {done}/{} in {seconds:.1} s {text}", self.name, self.total)),
        }
    }
}
