//! What is said to a witness and what it answers (C2SP tlog-witness, `add-checkpoint`). Pure: no sockets, no time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tamga_ledger::note::{NoteSignature, SignedNote, VerifierKey};
use tamga_ledger::tree::TreeSize;

/// Most lines of a consistency proof: the specification's limit.
const PROOF_LINES_MAX: usize = 63;
/// Longest answer that is read, bytes. A cosignature takes some 150.
pub(super) const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Most signature lines that are read of an answer.
const ANSWER_LINES_MAX: usize = 16;

/// The body of `POST <prefix>/add-checkpoint`; none for a proof beyond the limit, which no tree has.
pub(super) fn request(old: TreeSize, proof: &[[u8; 32]], note: &str) -> Option<String> {
    if proof.len() > PROOF_LINES_MAX || (old.is_empty() && !proof.is_empty()) {
        return None;
    }
    let mut body = format!("old {old}\n");
    for hash in proof {
        body.push_str(&BASE64.encode(hash));
        body.push('\n');
    }
    body.push('\n');
    body.push_str(note);
    Some(body)
}

/// What a witness's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200: it has cosigned, verified with its own key.
    Cosigned(Vec<NoteSignature>),
    /// 409 with the size it cosigned last: ask again from there.
    Knows(TreeSize),
    /// Nothing that asking again at once would change.
    Refused(Refusal),
}

/// Why there is no cosignature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the witness says that the request is malformed (400); please report this")]
    BadRequest,
    #[error("the witness knows none of the log keys that signed (403): give it this log's keys")]
    UnknownKey,
    #[error("the witness does not know this log (404): ask its operator to add the origin")]
    UnknownLog,
    #[error(
        "the witness has cosigned another root for this size (409): one of you has been shown another history; keep its \
         answer and compare"
    )]
    OtherRoot,
    #[error(
        "the witness finds that the checkpoint does not extend what it cosigned before (422): one of you has been shown \
         another history; keep its answer and compare"
    )]
    NotConsistent,
    #[error("the witness is busy or broken (status {0})")]
    Status(u16),
    #[error("the witness answers 200 without a cosignature by its key over this checkpoint")]
    NoCosignature,
    #[error("the witness's answer is not as the specification says: {0}")]
    Malformed(&'static str),
}

impl Refusal {
    /// Whether it says that there are two histories.
    pub(super) const fn is_contradiction(&self) -> bool {
        matches!(self, Self::OtherRoot | Self::NotConsistent)
    }
}

/// Reads an answer. `size` is the checkpoint's, `old` the size that was stated.
pub(super) fn read(
    status: u16,
    content_type: &str,
    body: &[u8],
    note: &SignedNote,
    (old, size): (TreeSize, TreeSize),
    keys: &[VerifierKey],
) -> Answer {
    match status {
        200 => cosigned(body, note, keys),
        409 => conflict(content_type, body, old, size),
        400 => Answer::Refused(Refusal::BadRequest),
        403 => Answer::Refused(Refusal::UnknownKey),
        404 => Answer::Refused(Refusal::UnknownLog),
        422 => Answer::Refused(Refusal::NotConsistent),
        other => Answer::Refused(Refusal::Status(other)),
    }
}

/// Lines by keys that are not the witness's are ignored, as the specification demands.
fn cosigned(body: &[u8], note: &SignedNote, keys: &[VerifierKey]) -> Answer {
    let malformed = |what| Answer::Refused(Refusal::Malformed(what));
    let Ok(text) = std::str::from_utf8(body) else { return malformed("it is not text") };
    let mut found: Vec<NoteSignature> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if number >= ANSWER_LINES_MAX {
            return malformed("it has too many lines");
        }
        let Ok(signature) = line.parse::<NoteSignature>() else { return malformed("a line is not a signature line") };
        let own = keys.iter().any(|key| signature.claims(key) && key.verify(note.text(), &signature).is_ok());
        if own && !found.contains(&signature) {
            found.push(signature);
        }
    }
    if found.is_empty() { Answer::Refused(Refusal::NoCosignature) } else { Answer::Cosigned(found) }
}

fn conflict(content_type: &str, body: &[u8], old: TreeSize, size: TreeSize) -> Answer {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type != "text/x.tlog.size" {
        return Answer::Refused(if old == size {
            Refusal::OtherRoot
        } else {
            Refusal::Malformed("a 409 without size")
        });
    }
    let number = std::str::from_utf8(body).ok().and_then(|text| text.strip_suffix('\n'));
    let number = number.filter(|text| *text == "0" || !text.starts_with('0')).and_then(|text| text.parse().ok());
    match number.and_then(|number| TreeSize::new(number).ok()) {
        // The size was right, so the roots differ.
        Some(known) if known == old => Answer::Refused(Refusal::OtherRoot),
        Some(known) => Answer::Knows(known),
        None => Answer::Refused(Refusal::Malformed("a 409 whose body is not a size")),
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use tamga_ledger::note::{CosignerKey, KeyName};

    use super::*;

    const TEXT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn size(number: u64) -> TreeSize {
        TreeSize::new(number).unwrap()
    }

    fn cosigner(seed: u8) -> CosignerKey {
        CosignerKey::new(KeyName::new("witness.example/w1").unwrap(), SigningKey::from_bytes(&[seed; 32])).unwrap()
    }

    fn note() -> SignedNote {
        SignedNote::unsigned(TEXT.to_owned()).unwrap()
    }

    fn answer(status: u16, content_type: &str, body: &str) -> Answer {
        let keys = [cosigner(1).verifier_key().clone()];
        read(status, content_type, body.as_bytes(), &note(), (size(5), size(20_852_163)), &keys)
    }

    #[test]
    fn requests_are_those_of_the_specification() {
        // The example of the specification, its proof and checkpoint.
        let proof = [
            "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
            "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
            "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
            "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
        ];
        let hashes: Vec<[u8; 32]> = proof.iter().map(|line| BASE64.decode(line).unwrap().try_into().unwrap()).collect();
        let expected = format!("old 20852014\n{}\n\n{TEXT}", proof.join("\n"));
        assert_eq!(request(size(20_852_014), &hashes, TEXT), Some(expected));
        assert_eq!(request(size(0), &[], TEXT), Some(format!("old 0\n\n{TEXT}")));
        assert_eq!(request(size(0), &hashes, TEXT), None, "a proof from nothing is empty");
        assert_eq!(request(size(1), &[[0; 32]; 64], TEXT), None);
    }

    #[test]
    fn every_status_of_the_specification_is_understood() {
        assert_eq!(answer(400, "", ""), Answer::Refused(Refusal::BadRequest));
        assert_eq!(answer(403, "", ""), Answer::Refused(Refusal::UnknownKey));
        assert_eq!(answer(404, "", ""), Answer::Refused(Refusal::UnknownLog));
        assert_eq!(answer(422, "", ""), Answer::Refused(Refusal::NotConsistent));
        assert_eq!(answer(503, "", ""), Answer::Refused(Refusal::Status(503)));
        assert_eq!(answer(409, "text/x.tlog.size", "20852014\n"), Answer::Knows(size(20_852_014)));
        assert_eq!(answer(409, "text/x.tlog.size; charset=utf-8", "0\n"), Answer::Knows(size(0)));
        assert_eq!(answer(409, "text/x.tlog.size", "5\n"), Answer::Refused(Refusal::OtherRoot), "the size was right");
        for (content_type, body) in [("text/plain", "7\n"), ("text/x.tlog.size", "7"), ("text/x.tlog.size", "07\n")] {
            assert!(matches!(answer(409, content_type, body), Answer::Refused(Refusal::Malformed(_))), "{body:?}");
        }
        assert!(Refusal::OtherRoot.is_contradiction() && !Refusal::UnknownLog.is_contradiction());
    }

    #[test]
    fn only_verified_cosignatures_of_the_witness_are_taken() {
        let (own, other) = (cosigner(1).cosign(&note(), 7).unwrap(), cosigner(2).cosign(&note(), 7).unwrap());
        let elsewhere = SignedNote::unsigned(TEXT.replace("163", "164")).unwrap();
        let stale = cosigner(1).cosign(&elsewhere, 7).unwrap();
        assert_eq!(answer(200, "", &format!("{other}\n{own}\n{own}\n")), Answer::Cosigned(vec![own]));
        for body in [format!("{other}\n"), format!("{stale}\n"), String::new()] {
            assert_eq!(answer(200, "", &body), Answer::Refused(Refusal::NoCosignature), "{body:?}");
        }
        assert!(matches!(answer(200, "", "hello\n"), Answer::Refused(Refusal::Malformed(_))));
        let many = format!("{other}\n").repeat(17);
        assert!(matches!(answer(200, "", &many), Answer::Refused(Refusal::Malformed(_))));
    }
}
