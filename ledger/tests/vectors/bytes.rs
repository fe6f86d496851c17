//! Canonical CBOR: what is, and each way not to be.

use serde_json::{Value, json};
use tamga_ledger::codec::{self, CodecError};

fn name(error: &CodecError) -> &'static str {
    match error {
        CodecError::Truncated(_) => "truncated",
        CodecError::Trailing(_) => "trailing",
        CodecError::Type(_) => "type",
        CodecError::NotShortest(_) => "not-shortest",
        CodecError::IntegerTooLarge(_) => "integer-too-large",
        CodecError::TooDeep(_) => "too-deep",
        CodecError::NotUtf8(_) => "not-utf8",
        _ => "other",
    }
}

pub fn vectors() -> Value {
    let nested = |depth: usize, inner: &str| format!("{}{inner}", "81".repeat(depth));
    let canonical = [
        ("zero", "00".to_owned()),
        ("twenty-three", "17".to_owned()),
        ("twenty-four", "1818".to_owned()),
        ("255", "18ff".to_owned()),
        ("256", "190100".to_owned()),
        ("65535", "19ffff".to_owned()),
        ("65536", "1a00010000".to_owned()),
        ("2^32 - 1", "1affffffff".to_owned()),
        ("2^32", "1b0000000100000000".to_owned()),
        ("2^53 - 1", "1b001fffffffffffff".to_owned()),
        ("no bytes", "40".to_owned()),
        ("24 bytes", format!("5818{}", "ab".repeat(24))),
        ("no text", "60".to_owned()),
        ("Kyrgyz text", "64d2afd0b9".to_owned()),
        ("no elements", "80".to_owned()),
        ("nested 8 deep", nested(8, "00")),
        ("nested 8 deep, innermost empty", nested(7, "80")),
        ("24 elements", format!("9818{}", "00".repeat(24))),
    ];
    let not = [
        ("nothing at all", String::new()),
        ("one element is missing", "8200".to_owned()),
        ("the head ends early", "19ff".to_owned()),
        ("the byte string ends early", "4200".to_owned()),
        ("the text ends early", "62d2".to_owned()),
        ("a huge byte string", "5bffffffffffffffff01".to_owned()),
        ("a huge array", "9bffffffffffffffff".to_owned()),
        ("a second item", "0000".to_owned()),
        ("a byte behind an array", "800a".to_owned()),
        ("23 in two bytes", "1817".to_owned()),
        ("255 in three bytes", "1900ff".to_owned()),
        ("65535 in five bytes", "1a0000ffff".to_owned()),
        ("2^32 - 1 in nine bytes", "1b00000000ffffffff".to_owned()),
        ("a length in two bytes", "580100".to_owned()),
        ("a text length in three bytes", "79000161".to_owned()),
        ("an array length in two bytes", "980100".to_owned()),
        ("indefinite bytes", "5f4100ff".to_owned()),
        ("indefinite text", "7f6161ff".to_owned()),
        ("indefinite array", "9f00ff".to_owned()),
        ("reserved head 28", "1c".to_owned()),
        ("reserved head 30", "1e".to_owned()),
        ("2^53", "1b0020000000000000".to_owned()),
        ("2^64 - 1", "1bffffffffffffffff".to_owned()),
        ("minus one", "20".to_owned()),
        ("an empty map", "a0".to_owned()),
        ("a tag", "c000".to_owned()),
        ("false", "f4".to_owned()),
        ("null", "f6".to_owned()),
        ("undefined", "f7".to_owned()),
        ("a half float", "f90000".to_owned()),
        ("a double", "fb0000000000000000".to_owned()),
        ("a break", "ff".to_owned()),
        ("a map inside an array", "81a0".to_owned()),
        ("nested 9 deep", nested(9, "00")),
        ("text that is not UTF-8", "61ff".to_owned()),
        ("an overlong UTF-8 slash", "62c0af".to_owned()),
        ("a UTF-8 surrogate", "63eda080".to_owned()),
    ];
    let positive = canonical.into_iter().map(|(what, hex)| {
        assert_eq!(codec::check(&hex::decode(&hex).unwrap()), Ok(()), "{what}");
        json!({"what": what, "hex": hex})
    });
    let negative = not.into_iter().map(|(what, hex)| {
        let error = codec::check(&hex::decode(&hex).unwrap()).expect_err(what);
        json!({"what": what, "hex": hex, "error": name(&error)})
    });
    json!({"canonical": positive.collect::<Vec<_>>(), "not_canonical": negative.collect::<Vec<_>>()})
}
