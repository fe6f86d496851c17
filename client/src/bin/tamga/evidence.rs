//! `tamga evidence`.

use crate::args::{Evidence as Arguments, EvidenceVerify};
use crate::failure::Done;
use crate::output::{Output, open_source};
use serde::Serialize;
use std::sync::Arc;
use tamga_client::evidence::{SourceCopy, tell};
use tamga_client::source::{Files, SourceError};
use tamga_client::verify::VerifyError;
use tamga_ledger::evidence::{Claim, EVIDENCE_BYTES_MAX, Evidence, EvidenceError, VerifiedEvidence};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::tree::TreeSize;
use tamga_ledger::trust::Trust;
use tamga_platform::disk::Disk;

#[derive(Serialize)]
struct Content<'a> {
    election: ElectionId,
    confidential: bool,
    evidence: &'a VerifiedEvidence,
}

pub(crate) fn run(arguments: &Arguments, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Arguments::Verify(arguments) => verify(arguments, disk, output),
    }
}

fn verify(arguments: &EvidenceVerify, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let path = &arguments.file;
    let fault =
        |error: std::io::Error| SourceError::Unreadable { place: path.display().to_string(), what: error.to_string() };
    let bytes = disk.read(path, EVIDENCE_BYTES_MAX as u64).map_err(fault)?;
    let file = Evidence::from_bytes(&bytes)?;
    let trust = file.trust(&arguments.pinned.genesis)?;
    let verified = verified(arguments, &file, &trust, disk)?;
    let content =
        Content { election: *trust.election_id(), confidential: verified.is_confidential(), evidence: &verified };
    output.answer("evidence verify", &content, || {
        format!("VERIFIED  {}\n\n{}", trust.election().title.en, tell(&verified, output.language()))
    });
    Ok(())
}

fn verified(
    arguments: &EvidenceVerify,
    file: &Evidence,
    trust: &Trust,
    disk: &Arc<dyn Disk>,
) -> Result<VerifiedEvidence, VerifyError> {
    let Some(place) = &arguments.ledger else { return Ok(file.verify(trust)?) };
    let source = open_source(place, disk)?;
    // The copy may hold more, in larger bundles: only what the file's checkpoint covers is read.
    let size = match &file.claim {
        Claim::Promise { checkpoint, .. } => {
            UnverifiedCheckpoint::from_bytes(checkpoint.as_bytes()).map_err(EvidenceError::from)?.claimed().size
        }
        _ => TreeSize::ZERO,
    };
    Ok(file.verify_with(trust, &mut SourceCopy::new(Files::new(&*source), size))?)
}
