//! A node's public listener or a mirror, over HTTP.

use super::{Fetched, Listed, Resource, Source, SourceError};
use std::time::Duration;
use tamga_ledger::ids::RecordId;
use tamga_ledger::tree::{LeafIndex, TreeSize};

/// Longest text of a server that is repeated to people.
const TEXT_MAX: usize = 300;
/// Longest answer to a look-up.
const LOOKUP_BYTES_MAX: u64 = 256 * 1024;
/// Longest page of archived checkpoints: a hundred notes of at most 64 KiB, escaped, with room for what stands beside them.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// Files under an address.
pub struct HttpSource {
    agent: ureq::Agent,
    base: String,
}

impl HttpSource {
    /// The ledger under `address`, for example `http://127.0.0.1:8080`. Plain HTTP is enough for reading: everything is
    /// verified against signatures.
    ///
    /// # Errors
    /// [`SourceError::Address`].
    pub fn new(address: &str) -> Result<Self, SourceError> {
        let fault = |what: &str| SourceError::Address { address: address.to_owned(), what: what.to_owned() };
        if address.starts_with("https://") {
            return Err(fault(
                "TLS is not built in; use http (everything read is verified against signatures) or a local TLS tunnel",
            ));
        }
        let rest = address.strip_prefix("http://").ok_or_else(|| fault("it does not start with http://"))?;
        if rest.is_empty() || rest.contains(['?', '#', '@']) || rest.chars().any(char::is_whitespace) {
            return Err(fault("expected http://host:port with an optional path"));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(60)))
            .max_redirects(0)
            .user_agent(concat!("tamga/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base: address.trim_end_matches('/').to_owned() })
    }

    /// Status and body of one file.
    fn get(&self, path: &str, max: u64) -> Result<(u16, Vec<u8>), SourceError> {
        let place = format!("{}/{path}", self.base);
        let unreadable = |error: ureq::Error| SourceError::Unreadable { place: place.clone(), what: error.to_string() };
        let mut response = self.agent.get(&place).call().map_err(unreadable)?;
        let status = response.status().as_u16();
        // One byte more than allowed tells "too large" from "exactly as large".
        match response.body_mut().with_config().limit(max + 1).read_to_vec() {
            Ok(body) if body.len() as u64 > max => Err(too_large(place, max)),
            Ok(body) => Ok((status, body)),
            Err(ureq::Error::BodyExceedsLimit(_)) => Err(too_large(place, max)),
            Err(error) => Err(unreadable(error)),
        }
    }

    fn fetch_path(&self, path: &str, max: u64) -> Result<Fetched, SourceError> {
        let (status, body) = self.get(path, max)?;
        match status {
            200 => Ok(Fetched::Found(body)),
            404 | 410 => Ok(Fetched::Absent),
            401 | 403 | 451 => Ok(Fetched::Withheld(explanation(&body))),
            _ => {
                let what = format!("status {status}: {}", explanation(&body));
                Err(SourceError::Unreadable { place: format!("{}/{path}", self.base), what })
            }
        }
    }
}

fn too_large(place: String, max: u64) -> SourceError {
    SourceError::TooLarge { place, max: usize::try_from(max).unwrap_or(usize::MAX) }
}

/// The sentence for people in an RFC 9457 problem, or the start of whatever was sent.
fn explanation(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(4 * TEXT_MAX)).unwrap_or_default()).into_owned();
    let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let field = |name: &str| problem.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let text = field("detail").or_else(|| field("title")).unwrap_or(text);
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

/// A node's list of archived checkpoints.
fn listed(body: &[u8]) -> Option<Listed> {
    let page: serde_json::Value = serde_json::from_slice(body).ok()?;
    let size = |value: &serde_json::Value| value.as_u64().and_then(|size| TreeSize::new(size).ok());
    let note =
        |one: &serde_json::Value| Some((size(one.get("size")?)?, one.get("note")?.as_str()?.as_bytes().to_vec()));
    let notes = page.get("checkpoints")?.as_array()?.iter().map(note).collect::<Option<_>>()?;
    let next = match page.get("next_from") {
        None | Some(serde_json::Value::Null) => None,
        Some(next) => Some(size(next)?),
    };
    Some(Listed { notes, next })
}

impl Source for HttpSource {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        let max = resource.bytes_max() as u64;
        if *resource == Resource::Genesis {
            // A node's own address first, then a mirror's file.
            match self.fetch_path("api/v1/genesis", max)? {
                Fetched::Absent => {}
                found => return Ok(found),
            }
        }
        self.fetch_path(&resource.to_string(), max)
    }

    fn find(&self, record: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        let Fetched::Found(body) = self.fetch_path(&format!("api/v1/records/{record}"), LOOKUP_BYTES_MAX)? else {
            return Ok(None);
        };
        let answer: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let leaf = answer.as_ref().and_then(|answer| answer.get("leaf").or_else(|| answer.get("leaf_index")));
        Ok(leaf.and_then(serde_json::Value::as_u64).and_then(|leaf| LeafIndex::new(leaf).ok()))
    }

    fn published_by(&self, time: &str) -> Result<Option<TreeSize>, SourceError> {
        if !time.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-.".contains(&byte)) {
            return Ok(None);
        }
        let Fetched::Found(body) = self.fetch_path(&format!("api/v1/checkpoints?at={time}"), LOOKUP_BYTES_MAX)? else {
            return Ok(None);
        };
        let answer: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let size = answer.as_ref().and_then(|answer| answer.get("size")).and_then(serde_json::Value::as_u64);
        Ok(size.and_then(|size| TreeSize::new(size).ok()))
    }

    fn archive(&self, from: TreeSize) -> Result<Option<Listed>, SourceError> {
        let path = format!("api/v1/checkpoints?from={from}");
        let Fetched::Found(body) = self.fetch_path(&path, LIST_BYTES_MAX)? else { return Ok(None) };
        let place = || format!("{}/{path}", self.base);
        let what = || "not a list of checkpoints".to_owned();
        listed(&body).map(Some).ok_or_else(|| SourceError::Malformed { place: place(), what: what() })
    }

    fn name(&self) -> &str {
        &self.base
    }
}
