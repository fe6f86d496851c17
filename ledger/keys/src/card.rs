//! Key cards: the public half of keys, with a proof that whoever hands it out has the secret half. What organisations exchange
//! before there is an election.
//!
//! Each key signs `tamga/card/v1\n` ‖ the card's text, which anybody can read. An organisation's card contains those of its
//! nodes; its fingerprint is what people read to each other.

use std::fmt::Write as _;

use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tamga_ledger::ids::{Digest, PublicKey, Signature};
use tamga_ledger::kinds::{NodeKeys, Organisation, Title};
use tamga_ledger::sign::{self, Domain, Signer, SignerError};

/// Most nodes on an organisation's card.
const NODES_MAX: usize = 16;
/// A P-256 key as SubjectPublicKeyInfo (RFC 5480) begins so; the point's 65 bytes follow.
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why a card is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// Another kind of file, or a newer version.
    #[error("it is not a card of this version: its format is {0:?}")]
    Format(String),
    /// Something that cannot stand on a card.
    #[error("{0}")]
    Content(&'static str),
    /// A proof that does not verify: whoever made the card does not have this key.
    #[error(
        "the {key} key of {holder} did not sign this card: whoever made it does not have the key, or the card was altered"
    )]
    Proof {
        /// Which key.
        key: &'static str,
        /// Node or organisation.
        holder: String,
    },
}

/// A node's card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCard {
    /// [`NodeCard::FORMAT`].
    pub format: String,
    /// Node id, agreed beforehand.
    pub id: u32,
    /// Name of its cosigner, a C2SP key name.
    pub cosigner_name: String,
    /// Cosigns checkpoints.
    pub cosigner_key: PublicKey,
    /// Signs published checkpoints.
    pub log_key: PublicKey,
    /// Signs promises and refusals.
    pub promise_key: PublicKey,
    /// Signs batches.
    pub batch_key: PublicKey,
    /// SubjectPublicKeyInfo of its TLS key, hexadecimal DER.
    pub tls_spki: String,
    /// One of each key, in the order above; TLS apart.
    pub proofs: Vec<Signature>,
    /// ECDSA (P-256, SHA-256) by the TLS key, hexadecimal DER.
    pub tls_proof: String,
}

impl NodeCard {
    /// What stands in `format`.
    pub const FORMAT: &str = "tamga-node-card/v1";

    /// Makes a node's card. `signers` are cosigner, log, promise, batch; `tls_sign` signs with the TLS key.
    ///
    /// # Errors
    /// [`SignerError`], from a device.
    pub fn make(
        id: u32,
        cosigner_name: &str,
        signers: [&dyn Signer; 4],
        tls_spki: &[u8],
        tls_sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>,
    ) -> Result<Self, SignerError> {
        let [cosigner_key, log_key, promise_key, batch_key] = signers.map(Signer::public_key);
        let mut card = Self {
            format: Self::FORMAT.to_owned(),
            id,
            cosigner_name: cosigner_name.to_owned(),
            cosigner_key,
            log_key,
            promise_key,
            batch_key,
            tls_spki: hex::encode(tls_spki),
            proofs: Vec::new(),
            tls_proof: String::new(),
        };
        let text = card.text();
        let prove = |signer: &dyn Signer| sign::sign_with(signer, Domain::Card, text.as_bytes());
        card.proofs = signers.into_iter().map(prove).collect::<Result<_, _>>()?;
        card.tls_proof = hex::encode(tls_sign(&signed(&text)).map_err(SignerError)?);
        Ok(card)
    }

    /// What is signed: one fact a line.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "node {}\ncosigner {} {}\nlog {}\npromise {}\nbatch {}\ntls {}\n",
            self.id,
            self.cosigner_name,
            self.cosigner_key,
            self.log_key,
            self.promise_key,
            self.batch_key,
            self.tls_spki
        )
    }

    /// Checks all proofs and gives what the genesis record lists.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn check(&self) -> Result<NodeKeys, CardError> {
        if self.format != Self::FORMAT {
            return Err(CardError::Format(self.format.chars().take(40).collect()));
        }
        if self.cosigner_name.len() > 255 || !is_line(&self.cosigner_name) {
            return Err(CardError::Content("the cosigner's name is not one line of at most 255 bytes"));
        }
        let holder = || format!("node {}", self.id);
        let text = self.text();
        let keys = [
            ("cosigner", &self.cosigner_key),
            ("log", &self.log_key),
            ("promise", &self.promise_key),
            ("batch", &self.batch_key),
        ];
        if self.proofs.len() != keys.len() {
            return Err(CardError::Content("a node's card has four proofs"));
        }
        for ((key, public), proof) in keys.into_iter().zip(&self.proofs) {
            if !sign::is_acceptable(public) || !sign::verify(public, Domain::Card, text.as_bytes(), proof) {
                return Err(CardError::Proof { key, holder: holder() });
            }
        }
        let spki = self.tls_spki()?;
        let proof = hex::decode(&self.tls_proof).map_err(|_| CardError::Content("the TLS proof is not hexadecimal"))?;
        let point = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &spki[P256_HEAD.len()..]);
        point.verify(&signed(&text), &proof).map_err(|_| CardError::Proof { key: "TLS", holder: holder() })?;
        Ok(NodeKeys {
            id: self.id,
            cosigner_name: self.cosigner_name.clone(),
            cosigner_key: self.cosigner_key,
            log_key: self.log_key,
            promise_key: self.promise_key,
            batch_key: self.batch_key,
            tls_spki_sha256: Digest(Sha256::digest(spki).into()),
        })
    }

    fn tls_spki(&self) -> Result<[u8; 91], CardError> {
        let fault = CardError::Content("the TLS key is not a P-256 key (SubjectPublicKeyInfo, lower-case hexadecimal)");
        let mut spki = [0; 91];
        match hex::decode_to_slice(&self.tls_spki, &mut spki) {
            Ok(()) if spki.starts_with(&P256_HEAD) && hex::encode(spki) == self.tls_spki => Ok(spki),
            _ => Err(fault),
        }
    }
}

/// An organisation's card, with those of its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationCard {
    /// [`OrganisationCard::FORMAT`].
    pub format: String,
    /// Short name, as in the trust policy.
    pub name: String,
    /// What it is called.
    pub title: Title,
    /// Signs its records.
    pub record_key: PublicKey,
    /// Cosigns if a node's own key is lost.
    pub standby_cosigner_key: PublicKey,
    /// Its nodes.
    pub nodes: Vec<NodeCard>,
    /// By the record key and the standby key.
    pub proofs: Vec<Signature>,
}

impl OrganisationCard {
    /// What stands in `format`.
    pub const FORMAT: &str = "tamga-organisation-card/v1";

    /// Makes an organisation's card.
    ///
    /// # Errors
    /// [`SignerError`], from a device.
    pub fn make(
        name: &str,
        title: Title,
        record: &dyn Signer,
        standby: &dyn Signer,
        nodes: Vec<NodeCard>,
    ) -> Result<Self, SignerError> {
        let mut card = Self {
            format: Self::FORMAT.to_owned(),
            name: name.to_owned(),
            title,
            record_key: record.public_key(),
            standby_cosigner_key: standby.public_key(),
            nodes,
            proofs: Vec::new(),
        };
        let text = card.text();
        let prove = |signer: &dyn Signer| sign::sign_with(signer, Domain::Card, text.as_bytes());
        card.proofs = vec![prove(record)?, prove(standby)?];
        Ok(card)
    }

    /// What is signed: one fact a line, those of the nodes included.
    #[must_use]
    pub fn text(&self) -> String {
        let Title { ky, ru, en } = &self.title;
        let mut text = format!("organisation {}\nky {ky}\nru {ru}\nen {en}\n", self.name);
        let _ = write!(text, "record {}\nstandby {}\n", self.record_key, self.standby_cosigner_key);
        self.nodes.iter().for_each(|node| text.push_str(&node.text()));
        text
    }

    /// Checks all proofs and gives what the genesis record lists.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn check(&self) -> Result<Organisation, CardError> {
        if self.format != Self::FORMAT {
            return Err(CardError::Format(self.format.chars().take(40).collect()));
        }
        let Title { ky, ru, en } = &self.title;
        if [&self.name, ky, ru, en].into_iter().any(|text| text.len() > 500 || !is_line(text)) {
            return Err(CardError::Content("names and titles are single lines of at most 500 bytes"));
        }
        if self.nodes.len() > NODES_MAX || self.proofs.len() != 2 {
            return Err(CardError::Content("an organisation's card has at most 16 nodes, and two proofs"));
        }
        let text = self.text();
        let keys = [("record", &self.record_key), ("standby", &self.standby_cosigner_key)];
        for ((key, public), proof) in keys.into_iter().zip(&self.proofs) {
            if !sign::is_acceptable(public) || !sign::verify(public, Domain::Card, text.as_bytes(), proof) {
                return Err(CardError::Proof { key, holder: self.name.clone() });
            }
        }
        Ok(Organisation {
            name: self.name.clone(),
            title: self.title.clone(),
            record_key: self.record_key,
            standby_cosigner_key: self.standby_cosigner_key,
            nodes: self.nodes.iter().map(NodeCard::check).collect::<Result<_, _>>()?,
        })
    }

    /// What people read to each other: 128 bits of SHA-256 over the text, in groups of four digits. Whoever wants another card
    /// with the same fingerprint has to find a second preimage.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        grouped(&hex::encode(&Sha256::digest(self.text())[..16]))
    }
}

/// Digits in groups of four, for reading aloud.
#[must_use]
pub fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 5 / 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn signed(text: &str) -> Vec<u8> {
    [Domain::Card.line(), text.as_bytes()].concat()
}
