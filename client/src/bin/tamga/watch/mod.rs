//! `tamga watch`: looks at nodes and mirrors again and again, at times that they cannot foresee.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the loop: when to look, in which order, how it ends |
//! | `hooks` | a webhook and a command, told of each alarm |
//! | `screen` | the view for people on a terminal |

mod hooks;
mod screen;

use crate::args::Watch;
use crate::failure::{Done, Failure, failed, unfit};
use crate::output::{Output, open_source};
use hooks::Hooks;
use screen::Screen;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;
use tamga_client::evidence::Language;
use tamga_client::monitor::{Event, Monitor, MonitorOptions, Round};
use tamga_client::source::Source;
use tamga_client::verify::Weight;
use tamga_ledger::policy::Policy;
use tamga_platform::clock::{Clock, SystemClock};
use tamga_platform::disk::Disk;
use tamga_platform::entropy::{OsEntropy, random_bytes};

/// Longest policy file.
const POLICY_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn run(arguments: &Watch, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let mut sources =
        arguments.sources.iter().map(|place| open_source(place, disk)).collect::<Result<Vec<Box<dyn Source>>, _>>()?;
    let hooks = Hooks::new(arguments.webhook.as_deref(), arguments.command.clone()).map_err(failed)?;
    let options = options(arguments, &**disk)?;
    let opened = Monitor::open(
        Arc::clone(disk),
        &arguments.state,
        &arguments.pinned.genesis,
        &sources,
        options,
        SystemClock.now_ms(),
    );
    let mut monitor = opened.map_err(failed)?;
    let people = !output.is_json() && !arguments.once && !arguments.plain && std::io::stdout().is_terminal();
    let language = output.language();
    let mut screen = if people { Some(Screen::open(language).map_err(failed)?) } else { None };
    let mut lied = false;
    loop {
        shuffle(&mut sources);
        let round = monitor.round(&sources, SystemClock.now_ms()).map_err(failed)?;
        lied |= round.has_lie();
        round.events.iter().filter_map(Event::alarm).for_each(|alarm| hooks.tell(alarm));
        match &mut screen {
            Some(screen) => screen.show(&monitor, &round).map_err(failed)?,
            None => told(&round, output, language),
        }
        let alarmed = arguments.exit_on_alarm && round.events.iter().any(|event| event.alarm().is_some());
        if arguments.once || alarmed || !wait(arguments.interval, screen.as_mut()) {
            hooks.finish();
            drop(screen);
            let blind = round.sources.iter().any(|source| source.size.is_none());
            return match (lied, blind || alarmed) {
                (true, _) => Err(Failure::Shown(Weight::Refuted)),
                (false, true) => Err(Failure::Shown(Weight::Unchecked)),
                (false, false) => Ok(()),
            };
        }
    }
}

fn options(arguments: &Watch, disk: &dyn Disk) -> Result<MonitorOptions, Failure> {
    let policy = arguments.policy.as_ref().map(|path| {
        let fault = |what: String| unfit(path, what);
        let bytes = disk.read(path, POLICY_BYTES_MAX).map_err(|error| fault(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| fault(error.to_string()))?;
        text.parse::<Policy>().map_err(|error| fault(error.to_string()))
    });
    Ok(MonitorOptions {
        stall_ms: arguments.stall.saturating_mul(1_000),
        follow: !arguments.no_follow,
        promises: arguments.promises.clone(),
        policy: policy.transpose()?,
        ..MonitorOptions::default()
    })
}

/// One line an event: JSON for programs, a sentence for people.
fn told(round: &Round, output: &Output, language: Language) {
    let mut out = std::io::stdout().lock();
    if output.is_json() {
        let line = serde_json::to_string(round).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"));
        // Nobody reads any more: watching goes on, for the hooks and the files.
        let _ = writeln!(out, "{line}");
        return;
    }
    for event in &round.events {
        let _ = writeln!(out, "{}", screen::line(event, language));
    }
    let _ = out.flush();
}

/// Half to one and a half times the interval; false when the watcher wants to end.
fn wait(interval_s: u64, screen: Option<&mut Screen>) -> bool {
    let random = u64::from_be_bytes(random_bytes(&OsEntropy));
    let interval_ms = interval_s.saturating_mul(1_000).clamp(1, 86_400_000);
    let pause = Duration::from_millis(interval_ms / 2 + random % interval_ms);
    match screen {
        Some(screen) => screen.pause(pause),
        None => {
            std::thread::sleep(pause);
            true
        }
    }
}

/// Nobody knows who is asked first.
fn shuffle(sources: &mut [Box<dyn Source>]) {
    for last in (1..sources.len()).rev() {
        let random = u64::from_be_bytes(random_bytes(&OsEntropy));
        sources.swap(last, (random % (last as u64 + 1)) as usize);
    }
}
