//! Relations: what the text says is what is computed. The oracle evaluates a generated expression with signed 128-bit
//! integers and never sees the parser's result.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use tamga_ledger::forms::{Comparator, Operand, Sides, holds, in_words, parse_relation, sides};
use tamga_ledger::kinds::Relation;

/// One summand as the generator means it.
#[derive(Debug, Clone)]
struct Summand {
    minus: bool,
    coefficient: Option<u32>,
    operand: String,
    blanks: (String, String),
}

const OPERANDS: [&str; 9] = ["L1", "L2", "L10", "L11а", "L3.1", "@valid", "@invalid", "@candidates", "@against_all"];

fn summand() -> impl Strategy<Value = Summand> {
    let blank = || prop::sample::select(vec!["", " ", "  ", "\t", " \n "]).prop_map(str::to_owned);
    let coefficient = prop::option::of(1..=1_000_000_u32);
    (any::<bool>(), coefficient, prop::sample::select(OPERANDS.to_vec()), blank(), blank()).prop_map(
        |(minus, coefficient, operand, before, after)| Summand {
            minus,
            coefficient,
            operand: operand.to_owned(),
            blanks: (before, after),
        },
    )
}

fn written(side: &[Summand]) -> String {
    let mut text = String::new();
    for (place, one) in side.iter().enumerate() {
        let sign = if one.minus {
            "-"
        } else if place > 0 {
            "+"
        } else {
            ""
        };
        let (before, after) = &one.blanks;
        let coefficient = one.coefficient.map_or_else(String::new, |number| format!("{number}{after}*{before}"));
        text += &format!("{before}{sign}{after}{coefficient}{}{after}", one.operand);
    }
    if side.is_empty() { " 0 ".to_owned() } else { text }
}

fn value_of(side: &[Summand], figures: &BTreeMap<&str, u64>) -> i128 {
    let one = |one: &Summand| {
        let figure = i128::from(figures[one.operand.as_str()]) * i128::from(one.coefficient.unwrap_or(1));
        if one.minus { -figure } else { figure }
    };
    side.iter().map(one).sum()
}

fn name_of(operand: Operand<'_>) -> String {
    match operand {
        Operand::Line(code) => format!("L{code}"),
        Operand::Valid => "@valid".to_owned(),
        Operand::Invalid => "@invalid".to_owned(),
        Operand::Candidates => "@candidates".to_owned(),
        Operand::AgainstAll => "@against_all".to_owned(),
    }
}

fn evaluate(relation: &Relation, figures: &BTreeMap<&str, u64>) -> Sides {
    sides(relation, |operand| figures.get(name_of(operand).as_str()).copied()).unwrap()
}

proptest! {
    #[test]
    fn a_relation_means_what_its_text_says(
        left in prop::collection::vec(summand(), 0..8),
        right in prop::collection::vec(summand(), 0..8),
        comparator in prop::sample::select(vec!["=", ">=", "<="]),
        figures in prop::collection::vec(prop_oneof![0..20_u64, any::<u64>()], OPERANDS.len()),
    ) {
        prop_assume!(!left.is_empty() || !right.is_empty());
        let figures: BTreeMap<&str, u64> = OPERANDS.into_iter().zip(figures).collect();
        let text = format!("{}{comparator}{}", written(&left), written(&right));
        let relation = parse_relation(&text).unwrap().into_relation(true);
        let found = evaluate(&relation, &figures);
        let (left, right) = (value_of(&left, &figures), value_of(&right, &figures));
        // What is subtracted stands on the other side: differences are kept, and so is the comparison.
        prop_assert_eq!(found.left as i128 - found.right as i128, left - right, "{}", text);
        let expected = match comparator { "=" => left == right, ">=" => left >= right, _ => left <= right };
        prop_assert_eq!(holds(&relation, found), expected, "{}", text);
        // What is shown is read back as the same.
        prop_assert_eq!(parse_relation(&in_words(&relation)).unwrap().into_relation(true), relation);
    }

    #[test]
    fn any_text_is_a_relation_or_a_fault_inside_it(text in "\\PC{0,60}") {
        if let Err(error) = parse_relation(&text) {
            prop_assert!(error.at <= text.chars().count());
        }
    }

    #[test]
    fn texts_that_look_like_relations_never_panic(text in "[L0-9@a-z+*<>= .-]{0,40}") {
        if let Ok(parsed) = parse_relation(&text) {
            let relation = parsed.into_relation(false);
            prop_assert_eq!(parse_relation(&in_words(&relation)).unwrap().into_relation(false), relation);
        }
    }
}

#[test]
fn faults_name_the_character() {
    for (text, at, words) in [
        ("L1 = 3 + 4", 5, "write L3 for the line"),
        ("L1 >  L2", 4, "write >="),
        ("L1 = L2 = L3", 8, "one comparator"),
        ("L1 + = L2", 5, "is due"),
        ("L1", 2, "ends before"),
        ("L = L2", 1, "code"),
        ("@votes = L1", 0, "@candidates"),
        ("0 = 0", 0, "names no line"),
        ("0*L1 = L2", 0, "1 to 1000000"),
        ("9999999*L1 = L2", 0, "1 to 1000000"),
        ("L1 = 5", 5, "alone is no line"),
        ("Л1 = L2", 0, "where a line"),
    ] {
        let error = parse_relation(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.what.contains(words), "{text}: {error}");
    }
    assert!(parse_relation(&"L1+".repeat(3_000)).is_err());
    assert!(parse_relation(&format!("L1{} = L2", "+L1".repeat(200))).unwrap_err().what.contains("128 terms"));
}

#[test]
fn sums_do_not_overflow() {
    let text = format!("{} = 1000000*L1", ["1000000*L1"; 100].join(" + "));
    let relation = parse_relation(&text).unwrap().into_relation(true);
    let found = sides(&relation, |_| Some(u64::MAX)).unwrap();
    assert_eq!(found.left, u128::from(u64::MAX) * 100_000_000);
    assert!(!Comparator::Equal.holds(found));
    assert_eq!(sides(&relation, |_| None), None);
}
