//! Vector commitments and their openings.

use serde_json::{Value, json};
use tamga_ledger::commitment::{
    Blinding, BlindingPurpose, Commitment, Counts, blinding_generator, commit, generator, sum, sum_openings,
    verify_opening,
};

pub fn vectors() -> Value {
    let generators: Vec<String> = (0..64).map(|place| hex::encode(generator(place).unwrap())).collect();
    let seed = [0x42; 32];
    let mut blindings = Vec::new();
    for (purpose, byte) in [(BlindingPurpose::BallotBatch, 1), (BlindingPurpose::Protocol, 2)] {
        for (number, constituency) in [(1, 1), (1, 2), (2, 1), (u64::MAX, u16::MAX)] {
            let blinding = Blinding::derive(&seed, number, constituency, purpose);
            blindings.push(json!({
                "seed": hex::encode(seed), "purpose": byte, "number": number.to_string(), "constituency": constituency,
                "blinding": hex::encode(blinding.reveal()),
            }));
        }
    }
    let made = |counts: &[u64], number| {
        let counts = Counts::new(counts.to_vec()).unwrap();
        let blinding = Blinding::derive(&seed, number, 1, BlindingPurpose::BallotBatch);
        (commit(&counts, &blinding), counts, blinding)
    };
    let vectors: [Vec<u64>; 6] =
        [vec![], vec![0; 5], vec![1, 2, 3, 4, 5], vec![5, 4, 3, 2, 1], vec![1 << 32, 0, 7], (0..64).collect()];
    let all: Vec<_> = vectors.iter().zip(1..).map(|(counts, number)| made(counts, number)).collect();
    let commitments: Vec<Value> = all
        .iter()
        .map(|(commitment, counts, blinding)| {
            json!({
                "counts": counts.as_slice(), "blinding": hex::encode(blinding.reveal()),
                "commitment": commitment.to_string(),
            })
        })
        .collect();
    let (one, two) = (&all[2], &all[3]);
    let opened = sum_openings(&[(one.1.clone(), one.2.clone()), (two.1.clone(), two.2.clone())]).unwrap().unwrap();
    let total = sum(&[one.0, two.0]);
    let sums = json!([
        {"commitments": [one.0.to_string(), two.0.to_string()], "sum": total.to_string()},
        {"commitments": [], "sum": sum(&[]).to_string()},
    ]);
    let opening = |what: &str, commitment: &Commitment, counts: &[u64], blinding: [u8; 32]| {
        let opens = verify_opening(commitment, &Counts::new(counts.to_vec()).unwrap(), blinding).is_ok();
        json!({
            "what": what, "commitment": commitment.to_string(), "counts": counts, "blinding": hex::encode(blinding),
            "opens": opens,
        })
    };
    let mut unreduced = [0; 32];
    unreduced
        .copy_from_slice(&hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap());
    let mut nearly = opened.1.reveal();
    nearly[0] ^= 1;
    let openings = [
        opening("a cell", &one.0, one.1.as_slice(), one.2.reveal()),
        opening("a sum of two cells", &total, opened.0.as_slice(), opened.1.reveal()),
        opening("nothing: the identity", &sum(&[]), &[0, 0], [0; 32]),
        opening("a vote moved", &one.0, &[2, 1, 3, 4, 5], one.2.reveal()),
        opening("another blinding", &total, opened.0.as_slice(), nearly),
        opening("the other cell's blinding", &one.0, one.1.as_slice(), two.2.reveal()),
        opening("a blinding that is the group order", &sum(&[]), &[0, 0], unreduced),
        opening("a trailing zero adds nothing", &one.0, &[1, 2, 3, 4, 5, 0], one.2.reveal()),
    ];
    let encodings: Vec<Value> = [
        ("the identity", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("the field's prime", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("a negative element", "0100000000000000000000000000000000000000000000000000000000000000"),
        ("all ones", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        ("the base point", "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"),
        ("not on the curve", "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
    ]
    .into_iter()
    .map(|(what, bytes)| {
        let canonical = Commitment::from_bytes(hex::decode(bytes).unwrap().try_into().unwrap()).is_ok();
        json!({"what": what, "bytes": bytes, "canonical": canonical})
    })
    .collect();
    json!({
        "generators": generators, "blinding_generator": hex::encode(blinding_generator()), "blindings": blindings,
        "commitments": commitments, "sums": sums, "openings": openings, "encodings": encodings,
    })
}
