//! Each derive-key context once, computed by the public function that uses it where there is one.

use serde_json::{Value, json};
use tamga_ledger::definition::part_digest;
use tamga_ledger::ids::{ElectionId, PublicKey, RecordId, Tag};
use tamga_ledger::submission::{confidential_digest, submission_digest};

fn derive(context: &str, input: &[u8], bytes: usize) -> String {
    let mut output = vec![0; bytes];
    blake3::Hasher::new_derive_key(context).update(input).finalize_xof().fill(&mut output);
    hex::encode(output)
}

pub fn vectors() -> Value {
    let input = b"Tamga".as_slice();
    let key = PublicKey([3; 32]);
    let tag = Tag([5; 32]);
    // By the ledger's own functions: that these contexts are really the ones used.
    let used = [
        ("election id", ElectionId::of_genesis(input).to_string(), derive("tamga 2025 election id v1", input, 32)),
        ("record id", RecordId::of(input).to_string(), derive("tamga 2025 record id v1", input, 32)),
        ("key id", key.id().to_string(), derive("tamga 2025 key id v1", &key.0, 16)),
        ("roll leaf", tag.roll_leaf().to_string(), derive("tamga 2025 roll leaf v1", &tag.0, 16)),
        (
            "confidential body",
            confidential_digest(input).to_string(),
            derive("tamga 2025 confidential body v1", input, 32),
        ),
        ("submission", submission_digest(input).to_string(), derive("tamga 2025 submission v1", input, 32)),
        ("definition part", part_digest(input).to_string(), derive("tamga 2025 definition part v1", input, 32)),
    ];
    for (what, ledger, derived) in &used {
        assert_eq!(ledger, derived, "{what}");
    }
    let contexts = [
        ("tamga 2025 election id v1", 32),
        ("tamga 2025 record id v1", 32),
        ("tamga 2025 key id v1", 16),
        ("tamga 2025 roll leaf v1", 16),
        ("tamga 2025 confidential body v1", 32),
        ("tamga 2025 submission v1", 32),
        ("tamga 2025 definition part v1", 32),
        ("tamga 2025 closing digest v1", 32),
        ("tamga 2025 batch v1", 32),
        ("tamga 2025 tally v1", 32),
        ("tamga 2025 inquiry v1", 32),
        ("tamga 2025 paper code v1", 32),
        ("tamga 2025 leaf v1", 32),
        ("tamga 2025 node v1", 32),
        ("tamga 2025 commitment generator v1", 64),
        ("tamga 2025 commitment blinding v1", 64),
    ];
    let cases: Vec<Value> = contexts
        .iter()
        .flat_map(|(context, bytes)| {
            [&[][..], input, &[0xa5; 2_000]].map(|input| {
                json!({"context": context, "input": hex::encode(input), "output": derive(context, input, *bytes)})
            })
        })
        .collect();
    json!({"derive_key": cases})
}
