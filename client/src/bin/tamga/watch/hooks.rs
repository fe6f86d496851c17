//! Who is told of alarms: a webhook (POST of one JSON object), a command (the same on its standard input). Neither holds up
//! watching; one that fails is reported and not tried again.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tamga_client::monitor::Alarm;

/// How long a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Hooks {
    alarms: Sender<String>,
    teller: JoinHandle<()>,
}

impl Hooks {
    pub(super) fn new(webhook: Option<&str>, command: Option<String>) -> Result<Self, String> {
        if webhook.is_some_and(|url| !url.starts_with("http://")) {
            return Err("--webhook takes an http address; TLS is not built in (use a local relay)".to_owned());
        }
        let (alarms, due) = channel::<String>();
        let webhook = webhook.map(str::to_owned);
        let teller = std::thread::spawn(move || {
            let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0).build();
            let agent: ureq::Agent = config.into();
            for alarm in due {
                if let Some(url) = &webhook
                    && let Err(error) =
                        agent.post(url).header("content-type", "application/json").send(alarm.as_bytes())
                {
                    let _ = writeln!(std::io::stderr(), "the webhook was not told: {error}");
                }
                if let Some(command) = &command
                    && let Err(error) = execute(command, &alarm)
                {
                    let _ = writeln!(std::io::stderr(), "the command was not run: {error}");
                }
            }
        });
        Ok(Self { alarms, teller })
    }

    pub(super) fn tell(&self, alarm: &Alarm) {
        if let Ok(text) = serde_json::to_string(alarm) {
            // The teller ends with this process only.
            let _ = self.alarms.send(text);
        }
    }

    /// Waits until all were told.
    pub(super) fn finish(self) {
        drop(self.alarms);
        let _ = self.teller.join();
    }
}

fn execute(command: &str, alarm: &str) -> std::io::Result<()> {
    let mut child = Command::new("sh").args(["-c", command]).stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A command that does not read its input has still been run.
        let _ = input.write_all(alarm.as_bytes());
    }
    child.wait().map(drop)
}
