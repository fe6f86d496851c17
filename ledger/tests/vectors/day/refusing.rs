//! What never becomes a leaf, by the bytes or by the keys known at that size.

use super::Day;
use crate::kit::*;
use tamga_ledger::codec;
use tamga_ledger::ids::{ElectionId, KeyId, Maybe, Nonce, Signature};
use tamga_ledger::kinds::*;
use tamga_ledger::record::{Record, Scope, SignedRecord};
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::submission::{Submission, confidential_digest};

pub fn run(day: &mut Day) {
    let commission = super::founding::commission(day);
    let part = parts()[3].clone();
    let record = day.world.draft(Scope::Election, &[&commission], &part);
    let good = Submission::public(record.sign(&[&commission]).unwrap());
    envelope(day, &good);
    header(day, &record, &good);
    signatures(day, &record, &good);
    bodies(day, &record);
    confidential(day);
}

fn envelope(day: &mut Day, good: &Submission) {
    day.rejected("no bytes", &[], "not-canonical");
    let mut longer = good.to_bytes();
    longer.push(0);
    day.rejected("a byte more", &longer, "not-canonical");
    let bytes = good.to_bytes();
    day.rejected("a byte less", &bytes[..bytes.len() - 1], "not-canonical");
    let mut wide = vec![0x98, 0x02];
    wide.extend_from_slice(&bytes[1..]);
    day.rejected("an array head that is not the shortest", &wide, "not-canonical");
    let mut three = bytes;
    three[0] = 0x83;
    three.push(0x40);
    day.rejected("an element more", &three, "not-canonical");
}

fn header(day: &mut Day, record: &Record, good: &Submission) {
    let signed = |record: Vec<u8>, signatures: &[Signature]| {
        Submission::public(SignedRecord { record, signatures: signatures.to_vec() }).to_bytes()
    };
    let commission = super::founding::commission(day);
    let by_commission = |record: &Record| {
        let bytes = record.to_bytes();
        let signature = sign::sign(&commission, Domain::Record, &bytes);
        signed(bytes, &[signature])
    };
    let mut trailing = good.signed.record.clone();
    trailing.push(0);
    day.rejected("a record with a byte more", &signed(trailing, &good.signed.signatures), "not-canonical");
    let with = |change: &dyn Fn(&mut Record)| {
        let mut other = record.clone();
        change(&mut other);
        by_commission(&other)
    };
    day.rejected("record format 2", &with(&|record| record.format = 2), "header-invalid");
    day.rejected("no signers", &with(&|record| record.signers.clear()), "header-invalid");
    let stranger = KeyId([0; 16]);
    let many = |record: &mut Record| record.signers = (0..33).map(|number| KeyId([number; 16])).collect();
    day.rejected("33 signers", &with(&many), "header-invalid");
    day.rejected("signers not ascending", &with(&|record| record.signers.push(stranger)), "header-invalid");
    day.rejected("a signer twice", &with(&|record| record.signers.push(record.signers[0])), "header-invalid");
    day.rejected("an author who is no signer", &with(&|record| record.author = 1), "header-invalid");
    day.rejected("another election", &with(&|record| record.election = ElectionId([1; 32])), "wrong-election");
    day.rejected(
        "the genesis record's election",
        &with(&|record| record.election = ElectionId::ZERO),
        "wrong-election",
    );
    day.rejected("a kind that is not there", &with(&|record| record.kind = 9_999), "unknown-kind");
    day.rejected("a later version of a kind", &with(&|record| record.kind_version = 2), "unknown-kind");
    let mut scope = record.to_bytes();
    let at = scope.windows(4).position(|four| four == [0x83, 0, 0, 0]).unwrap();
    scope[at + 3] = 1;
    let signature = sign::sign(&commission, Domain::Record, &scope);
    day.rejected("a scope of the election with a unit", &signed(scope, &[signature]), "not-canonical");
}

fn signatures(day: &mut Day, record: &Record, good: &Submission) {
    let with = |signatures: Vec<Signature>| {
        Submission::public(SignedRecord { record: good.signed.record.clone(), signatures }).to_bytes()
    };
    let own = good.signed.signatures[0];
    day.rejected("no signature", &with(vec![]), "header-invalid");
    day.rejected("a signature more", &with(vec![own, own]), "header-invalid");
    let mut flipped = own;
    flipped.0[40] ^= 1;
    day.rejected("a bit of the signature flipped", &with(vec![flipped]), "bad-signature");
    let bytes = record.to_bytes();
    let commission = super::founding::commission(day);
    let domains = [Domain::Possession, Domain::Attestation, Domain::Promise, Domain::Batch, Domain::Card];
    for domain in domains {
        let line = String::from_utf8_lossy(domain.line()).trim().to_owned();
        let other = sign::sign(&commission, domain, &bytes);
        day.rejected(&format!("signed for {line}"), &with(vec![other]), "bad-signature");
    }
    // S + L: the same number modulo the group order.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let (mut malleable, mut carry) = (own, 0_u16);
    for (byte, order) in malleable.0[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    day.rejected("the signature's S plus the group order", &with(vec![malleable]), "bad-signature");
    let mut other = record.clone();
    other.signers = vec![id(&key(77))];
    let unknown = Submission::public(other.sign(&[&key(77)]).unwrap());
    day.rejected("a key that nobody registered", &unknown.to_bytes(), "unknown-key");
}

fn bodies(day: &mut Day, record: &Record) {
    let commission = super::founding::commission(day);
    let with = |body: Vec<u8>, confidential| {
        let other = Record { body, confidential, ..record.clone() };
        other.sign(&[&commission]).unwrap()
    };
    let body = record.body.clone();
    let mut longer = body.clone();
    longer.push(0);
    day.rejected("a body with a byte more", &Submission::public(with(longer, Maybe(None))).to_bytes(), "body-invalid");
    day.rejected(
        "a body of no elements",
        &Submission::public(with(vec![0x80], Maybe(None))).to_bytes(),
        "body-invalid",
    );
    let digest = Maybe(Some(confidential_digest(b"x")));
    let secret = Submission { signed: with(body.clone(), digest), confidential: b"x".to_vec() };
    day.rejected("a confidential body where the kind has none", &secret.to_bytes(), "confidential-digest");
    let beside = Submission { signed: with(body, Maybe(None)), confidential: b"x".to_vec() };
    day.rejected("a confidential body without digest", &beside.to_bytes(), "confidential-digest");
}

fn confidential(day: &mut Day) {
    let good = day.world.identification(1, 1, voter(1, 28));
    let stripped = Submission { confidential: vec![], ..good.clone() };
    day.rejected("the confidential body is missing", &stripped.to_bytes(), "confidential-digest");
    let mut other = good.clone();
    other.confidential[40] ^= 1;
    day.rejected("a bit of the confidential body flipped", &other.to_bytes(), "confidential-digest");
    let mut record = good.signed.parse().unwrap();
    record.confidential = Maybe(Some(confidential_digest(&codec::encode(&(1_u64, 2_u64)))));
    let malformed =
        Submission { signed: record.sign(&[&device_key(1)]).unwrap(), confidential: codec::encode(&(1_u64, 2_u64)) };
    day.rejected("a confidential body of another shape", &malformed.to_bytes(), "confidential-body-invalid");
    // The salt ends in the nonce's 16 bytes and goes on with the body's head, so that both stand in the record as they are.
    let mut record = good.signed.parse().unwrap();
    let mut secret: IdentificationSecret = codec::decode(&good.confidential, CONFIDENTIAL_BYTES_MAX).unwrap();
    record.nonce = Nonce([0x5a; 16]);
    let bytes = record.to_bytes();
    let at = bytes.windows(16).position(|window| window == [0x5a; 16]).unwrap();
    secret.salt.0.copy_from_slice(&bytes[at - 16..at + 16]);
    let confidential = codec::encode(&secret);
    record.confidential = Maybe(Some(confidential_digest(&confidential)));
    let leaking = Submission { signed: record.sign(&[&device_key(1)]).unwrap(), confidential };
    day.rejected("the salt stands in the public record", &leaking.to_bytes(), "secret-in-clear");
}
