//! The acceptance rule at its edges: what other libraries, batch verification or a cofactor would decide otherwise.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use tamga_ledger::ids::{PublicKey, Signature};
use tamga_ledger::sign::{self, Domain};

fn scalar(seed: u64) -> Scalar {
    let digest: [u8; 64] = Sha512::digest(seed.to_be_bytes()).into();
    Scalar::from_bytes_mod_order_wide(&digest)
}

fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let digest: [u8; 64] = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize().into();
    Scalar::from_bytes_mod_order_wide(&digest)
}

/// All that is signed: the domain line and the message.
fn full(message: &[u8]) -> Vec<u8> {
    [Domain::Record.line(), message].concat()
}

struct Case {
    what: String,
    key: [u8; 32],
    message: Vec<u8>,
    r: [u8; 32],
    s: [u8; 32],
    accepted: bool,
}

impl Case {
    fn json(&self) -> Value {
        let signature = Signature([self.r, self.s].concat().try_into().unwrap());
        let key = PublicKey(self.key);
        let verdict = sign::verify(&key, Domain::Record, &self.message, &signature);
        assert_eq!(verdict, self.accepted, "{}", self.what);
        json!({
            "what": self.what, "public_key": key.to_string(), "key_acceptable": sign::is_acceptable(&key),
            "signed": hex::encode(full(&self.message)), "signature": signature.to_string(), "accepted": verdict,
        })
    }
}

/// A signature by the equation, for keys and nonces that may have a part of small order.
fn by_equation(
    a: Scalar,
    a_torsion: EdwardsPoint,
    r: Scalar,
    r_torsion: EdwardsPoint,
    message: &[u8],
) -> ([u8; 32], [u8; 32], [u8; 32], bool) {
    let key = (a * B + a_torsion).compress().to_bytes();
    let nonce = (r * B + r_torsion).compress().to_bytes();
    let k = challenge(&nonce, &key, &full(message));
    let s = r + k * a;
    // Whether the equation holds without the cofactor.
    let holds = s * B == (r * B + r_torsion) + k * (a * B + a_torsion);
    (key, nonce, s.to_bytes(), holds)
}

fn plus_order(s: [u8; 32]) -> [u8; 32] {
    let order = (Scalar::ZERO - Scalar::ONE).to_bytes();
    let (mut out, mut carry) = ([0; 32], 1_u16);
    for at in 0..32 {
        let sum = u16::from(s[at]) + u16::from(order[at]) + carry;
        (out[at], carry) = (sum as u8, sum >> 8);
    }
    out
}

pub fn vectors() -> Value {
    let mut cases = Vec::new();
    let mut add = |what: String, key, message: &[u8], r, s, accepted| {
        cases.push(Case { what, key, message: message.to_vec(), r, s, accepted }.json());
    };
    let none = EdwardsPoint::identity();
    let (key, r, s, holds) = by_equation(scalar(1), none, scalar(2), none, b"a record");
    assert!(holds);
    add("an ordinary signature".into(), key, b"a record", r, s, true);
    add("over the empty message".into(), key, b"", r, s, false);
    let (empty_key, empty_r, empty_s, _) = by_equation(scalar(1), none, scalar(3), none, b"");
    add("of the empty message".into(), empty_key, b"", empty_r, empty_s, true);
    add("S + L: the same number modulo the order".into(), key, b"a record", r, plus_order(s), false);
    let mut high = s;
    high[31] |= 0x80;
    add("the top bit of S set".into(), key, b"a record", r, high, false);
    add("S = L".into(), key, b"a record", r, plus_order([0; 32]), false);
    for (at, what) in [(0, "R"), (31, "R's sign")] {
        let mut other = r;
        other[at] ^= if at == 0 { 1 } else { 0x80 };
        add(format!("a bit of {what} flipped"), key, b"a record", other, s, false);
    }
    let mut other = s;
    other[0] ^= 1;
    add("a bit of S flipped".into(), key, b"a record", r, other, false);
    add("zeros as signature".into(), key, b"a record", [0; 32], [0; 32], false);

    // Keys of small order: for each there are signatures that satisfy the equation for some messages.
    for (order, torsion) in EIGHT_TORSION.iter().enumerate() {
        let found = (10..200).map(|seed| by_equation(Scalar::ZERO, *torsion, scalar(seed), none, b"a record"));
        let (key, r, s, _) = found.into_iter().find(|(.., holds)| *holds).unwrap();
        add(format!("key of small order, point {order}; the equation holds"), key, b"a record", r, s, false);
    }
    // R of small order: S·B = R + k·A with R the identity.
    let (key, r, s, holds) = by_equation(scalar(1), none, Scalar::ZERO, none, b"a record");
    assert!(holds);
    add("R is the identity; the equation holds".into(), key, b"a record", r, s, false);
    for (order, torsion) in EIGHT_TORSION.iter().enumerate().skip(1) {
        let (key, r, s, _) = by_equation(scalar(1), none, Scalar::ZERO, *torsion, b"a record");
        add(format!("R of small order, point {order}; holds only with the cofactor"), key, b"a record", r, s, false);
        let (key, r, s, holds) = by_equation(scalar(1), none, scalar(4), *torsion, b"a record");
        assert!(!holds);
        add(
            format!("R with a part of small order, point {order}; holds only with the cofactor"),
            key,
            b"a record",
            r,
            s,
            false,
        );
    }
    // A key with a part of small order is acceptable; its signatures count where the equation holds without the cofactor.
    for (order, torsion) in EIGHT_TORSION.iter().enumerate().skip(1) {
        for wanted in [true, false] {
            let found = (10..400).map(|seed| by_equation(scalar(5), *torsion, scalar(seed), none, b"a record"));
            let (key, r, s, holds) = found.into_iter().find(|(.., holds)| *holds == wanted).unwrap();
            let how = if holds { "holds" } else { "holds only with the cofactor" };
            add(
                format!("key with a part of small order, point {order}; the equation {how}"),
                key,
                b"a record",
                r,
                s,
                holds,
            );
        }
    }
    json!({"signatures": cases, "keys": keys()})
}

fn keys() -> Vec<Value> {
    let case = |what: String, key: [u8; 32]| json!({"what": what, "public_key": hex::encode(key), "acceptable": sign::is_acceptable(&PublicKey(key))});
    let mut keys = vec![case("an ordinary key".into(), (scalar(1) * B).compress().to_bytes())];
    for (order, torsion) in EIGHT_TORSION.iter().enumerate() {
        keys.push(case(format!("small order, point {order}"), torsion.compress().to_bytes()));
        let mixed = scalar(1) * B + torsion;
        keys.push(case(format!("a part of small order, point {order}"), mixed.compress().to_bytes()));
    }
    let field = |low: u8, high: u8, middle: u8| {
        let mut key = [middle; 32];
        (key[0], key[31]) = (low, high);
        key
    };
    for y in 0..19_u8 {
        keys.push(case(format!("y = {y}"), field(y, 0, 0)));
        keys.push(case(format!("y = p + {y}: the same point, written otherwise"), field(0xed + y, 0x7f, 0xff)));
    }
    keys.push(case("x = 0 with the sign bit".into(), field(1, 0x80, 0)));
    keys.push(case("y = -1 with the sign bit".into(), field(0xec, 0xff, 0xff)));
    keys.push(case("y = 2 is on no curve".into(), field(2, 0, 0)));
    keys
}
