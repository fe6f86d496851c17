//! What nodes and authors send each other, signed.

use crate::day::Day;
use crate::kit::*;
use serde_json::{Value, json};
use tamga_ledger::batch::{Batch, Item};
use tamga_ledger::ids::{Nonce, Tag};
use tamga_ledger::inquiry::Inquiry;
use tamga_ledger::kinds::{Attestation, AttestedVoter, HolderClass, KeyGrant};
use tamga_ledger::promise::{Judged, NodeRefusal, Promise};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::submission::submission_digest;
use tamga_ledger::tree::LeafIndex;

fn message(what: &str, domain: Domain, signer: &ed25519_dalek::SigningKey, signed: &[u8], bytes: &[u8]) -> Value {
    let line = String::from_utf8_lossy(domain.line()).trim().to_owned();
    json!({
        "what": what, "domain": line, "public_key": public(signer).to_string(), "signed": hex::encode(signed),
        "bytes": hex::encode(bytes),
    })
}

/// The message inside `[message bstr, signature bstr64]`.
fn inner(sealed: &[u8]) -> Vec<u8> {
    let mut decoder = minicbor::Decoder::new(sealed);
    decoder.array().unwrap();
    decoder.bytes().unwrap().to_vec()
}

pub fn vectors(day: &Day) -> Value {
    let election = day.world.state.election_id();
    let first = sign_genesis(&crate::kit::election()).to_bytes();
    let mut all = Vec::new();
    let batch = Batch {
        version: 1,
        election,
        epoch: 0,
        term: 3,
        number: 7,
        time_ms: NOON_MS,
        proposer: 1,
        cut: 1,
        items: vec![Item(first.clone())],
    };
    let sealed = batch.sign(&batch_key(1));
    let digest = blake3::derive_key("tamga 2025 batch v1", &inner(sealed.bytes()));
    all.push(message("a batch", Domain::Batch, &batch_key(1), &digest, sealed.bytes()));

    let leaf = &day.world.leaves[5];
    let judged = |verdict: &tamga_ledger::verdict::Verdict, at: u64| Judged {
        leaf: LeafIndex::new(at).unwrap(),
        time_ms: NOON_MS,
        verdict: verdict.clone(),
    };
    let promise = |judged| Promise { election, record: leaf.id, node: 1, deadline_ms: NOON_MS + 10_000, judged };
    let flagged = day.world.leaves.iter().find(|leaf| !leaf.verdict.flags().is_empty()).unwrap();
    let refused = day.world.leaves.iter().find(|leaf| !leaf.verdict.is_accepted()).unwrap();
    for (what, judged) in [
        ("a promise without a verdict", None),
        ("a promise with a verdict", Some(judged(&leaf.verdict, 5))),
        ("a promise with flags", Some(judged(&flagged.verdict, 6))),
        ("a promise with a refusal", Some(judged(&refused.verdict, 7))),
    ] {
        let sealed = promise(judged).sign(&promise_key(1));
        all.push(message(what, Domain::Promise, &promise_key(1), &inner(&sealed), &sealed));
    }
    let refusal = NodeRefusal {
        version: 1,
        election,
        submission: submission_digest(&first),
        node: 1,
        time_ms: NOON_MS,
        code: "not-canonical".to_owned(),
        text: "Build it anew.".to_owned(),
    };
    let sealed = refusal.sign(&promise_key(1));
    all.push(message("a node's refusal", Domain::Refusal, &promise_key(1), &inner(&sealed), &sealed));

    let who = Tag([5; 32]);
    let inquiry = Inquiry {
        version: 1,
        election,
        node: 1,
        key: id(&registry_key()),
        at_ms: NOON_MS,
        nonce: Nonce([6; 16]),
        home_station: 1,
        tag: who,
        standing: vec![],
    };
    let sealed = inquiry.sign(&registry_key());
    all.push(message("a registry's inquiry", Domain::Inquiry, &registry_key(), &inner(&sealed), &sealed));
    let answer = inquiry.answer(&sealed, &day.world.state, NOON_MS).sign(&promise_key(1));
    all.push(message("a node's answer", Domain::Answer, &promise_key(1), &inner(&answer), &answer));

    let device = device_key(1);
    let class = HolderClass::Device as u8;
    let text = KeyGrant::possession_message(&election, &public(&device), class, Scope::Unit(unit(1)));
    let signature = sign::sign(&device, Domain::Possession, &text);
    let possession = json!({
        "public_key": public(&device).to_string(), "class": class, "scope": [3, 1, 1], "message": hex::encode(&text),
        "signature": signature.to_string(),
    });
    let attested = AttestedVoter { unit: unit(1), device: id(&device), tag: who, home_station: 1, method: 2 };
    let text = Attestation::message(&election, &attested, NOON_MS, &Nonce([6; 16]));
    let signature = sign::sign(&registry_key(), Domain::Attestation, &text);
    let attestation = json!({
        "registry": public(&registry_key()).to_string(), "unit": [1, 1], "device": id(&device).to_string(),
        "tag": who.to_string(), "home_station": 1, "method": 2, "at_ms": NOON_MS, "nonce": Nonce([6; 16]).to_string(),
        "message": hex::encode(&text), "signature": signature.to_string(),
    });
    json!({"signed_messages": all, "possessions": [possession], "attestations": [attestation]})
}
