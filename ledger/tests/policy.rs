//! Trust policies: the C2SP text, what satisfies it, and whether it can be split.

#![allow(clippy::unwrap_used, reason = "helpers of the tests fail the test")]

use std::fmt::Write as _;

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use tamga_ledger::note::{CosignerKey, KeyName, LogKey, VerifierKey};
use tamga_ledger::policy::{
    IntersectionError, LOGS_MAX, Log, Name, Policy, PolicyProblem, Threshold, Witness, smallest_intersecting_k,
    tolerated_liars,
};

fn secret(number: u16) -> SigningKey {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&bytes)
}

fn cosigner(number: u16) -> VerifierKey {
    let name = KeyName::new(&format!("node{number}.example.kg")).unwrap();
    CosignerKey::new(name, secret(number)).unwrap().verifier_key().clone()
}

fn log(number: u16) -> VerifierKey {
    LogKey::new(KeyName::new("example.kg/log").unwrap(), secret(number)).unwrap().verifier_key().clone()
}

fn names(all: &[Name]) -> Vec<&str> {
    all.iter().map(Name::as_str).collect()
}

fn refused(text: &str) -> (usize, PolicyProblem) {
    let error = text.parse::<Policy>().expect_err(text);
    (error.line, error.problem)
}

/// n organisations "o0" … with two nodes each (keys 2i and 2i + 1), k of them.
fn k_of_n(k: usize, n: u16) -> Policy {
    let organisation = |place: u16| {
        let witness =
            |number: u16| Witness { name: Name::new(&format!("n{number}")).unwrap(), key: cosigner(number), url: None };
        (Name::new(&format!("o{place}")).unwrap(), vec![witness(2 * place), witness(2 * place + 1)])
    };
    let logs = [Log { key: log(1000), url: Some("https://example.kg/".to_owned()) }, Log { key: log(1001), url: None }];
    Policy::of_organisations(&logs, &(0..n).map(organisation).collect::<Vec<_>>(), k).unwrap()
}

/// The example of tlog-policy, with keys.
fn example() -> String {
    let mut text = format!("log {}\n\n", log(1));
    for (place, name) in (2..).zip(["X1", "X2", "X3"]) {
        writeln!(text, "witness {name} {}", cosigner(place)).unwrap();
    }
    text += "group X-witnesses 2 X1 X2 X3\n\n# their neighbours\n";
    for (place, name) in (5..).zip(["Y1", "Y2", "Y3"]) {
        writeln!(text, "  witness\t {name} {}  https://example.com/{name}\t", cosigner(place)).unwrap();
    }
    text + "group Y-witnesses any Y1 Y2 Y3\n \t # the quorum\n\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
}

#[test]
fn the_example_of_the_specification() {
    let policy: Policy = example().parse().unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len(), policy.groups().len()), (1, 6, 3));
    assert_eq!(policy.groups()[0].threshold, Threshold::AtLeast(2));
    assert_eq!(policy.witnesses()[3].url.as_deref(), Some("https://example.com/Y1"));
    let organisations: Vec<_> = policy.organisations().iter().map(|one| one.name.as_str()).collect();
    assert_eq!(organisations, ["X-witnesses", "Y-witnesses"]);
    assert_eq!(policy.organisation_of(&Name::new("Y2").unwrap()).unwrap().as_str(), "Y-witnesses");

    let signed =
        |numbers: &[u16]| policy.evaluate(numbers.iter().map(|number| cosigner(*number)).collect::<Vec<_>>().iter());
    assert!(signed(&[2, 3, 5]).satisfied);
    assert!(signed(&[2, 3, 4, 5, 6, 7]).satisfied);
    assert_eq!((signed(&[2, 3]).satisfied, names(&signed(&[2, 3]).organisations)), (false, vec!["X-witnesses"]));
    assert_eq!((signed(&[2, 7]).satisfied, names(&signed(&[2, 7]).organisations)), (false, vec!["Y-witnesses"]));
    assert!(!signed(&[2, 2, 2, 5, 5, 99]).satisfied, "a key counts once, a stranger never");
}

#[test]
fn text_round_trips_in_canonical_form() {
    for text in [example(), k_of_n(4, 5).to_string(), "quorum none\n".to_owned()] {
        let policy: Policy = text.parse().unwrap();
        let canonical = policy.to_string();
        assert_eq!(canonical.parse(), Ok(policy));
        assert_eq!(canonical.parse::<Policy>().unwrap().to_string(), canonical);
    }
}

#[test]
fn keywords_are_names_too() {
    let text =
        format!("witness all {}\nwitness any {}\ngroup group 2 all any\nquorum group\n", cosigner(1), cosigner(2));
    let policy: Policy = text.parse().unwrap();
    // The quorum's own group is no organisation: each of its witnesses is one.
    assert_eq!(policy.organisations().len(), 2);
    let kelvin = format!("witness K {}\nwitness \u{212a} {}\nquorum \u{212a}\n", cosigner(1), cosigner(2));
    assert_eq!(kelvin.parse::<Policy>().unwrap().organisations()[0].witnesses, [1]);
    // Read, but never written: other people's readers refuse them.
    for word in ["log", "witness", "group", "quorum", "any", "all"] {
        let made = Policy::of_organisations(&[], &[(Name::new(word).unwrap(), vec![])], 1);
        let refused = made.unwrap_err();
        assert_eq!((refused.line, &refused.problem), (1, &PolicyProblem::Keyword(word.to_owned())));
        assert!(refused.to_string().contains(&format!("called {word:?}")), "{refused}");
    }
    let made = Policy::of_organisations(&[], &policy_members(), 1).unwrap().to_string();
    assert!(made.ends_with("group organisations 1 one\nquorum organisations\n"), "{made}");
}

fn policy_members() -> Vec<(Name, Vec<Witness>)> {
    let text = format!("witness a {}\nquorum a\n", cosigner(1));
    let policy: Policy = text.parse().unwrap();
    vec![(Name::new("one").unwrap(), policy.witnesses().to_vec())]
}

#[test]
fn refusals_name_the_line_and_the_rule() {
    let w = |name: &str, number: u16| format!("witness {name} {}\n", cosigner(number));
    let (w1, w2) = (w("w1", 1), w("w2", 2));
    let shape = |problem: &PolicyProblem| matches!(problem, PolicyProblem::Shape(_));
    let name = |text: &str| Name::new(text).unwrap();

    assert_eq!(refused(""), (1, PolicyProblem::NoQuorum));
    assert_eq!(refused(&w1), (1, PolicyProblem::NoQuorum));
    assert_eq!(refused("quorum none"), (1, PolicyProblem::NoNewline));
    assert_eq!(refused("\n\nquorum none\r\n"), (3, PolicyProblem::ControlCharacter(13)));
    assert_eq!(refused("# \u{7f}\nquorum none\n"), (1, PolicyProblem::ControlCharacter(127)));
    assert_eq!(refused("\nquibble w1\nquorum none\n"), (2, PolicyProblem::UnknownLine));
    assert!(shape(&refused(&format!("{} https://example.com # no\nquorum w1\n", w1.trim_end())).1));
    for line in ["log", "log a b c", "witness w1", "group g any", "group g", "quorum", "quorum a b"] {
        let (at, problem) = refused(&format!("{w1}{line}\n"));
        assert!(at == 2 && shape(&problem), "{line}: {problem}");
    }
    assert!(matches!(refused("log garbage\nquorum none\n"), (1, PolicyProblem::BadKey(_))));
    let swapped = format!("log {}\nquorum none\n", cosigner(1));
    assert_eq!(refused(&swapped), (1, PolicyProblem::WrongKeyType { expected: 1, actual: 4 }));
    let swapped = format!("witness w {}\nquorum none\n", log(1));
    assert_eq!(refused(&swapped), (1, PolicyProblem::WrongKeyType { expected: 4, actual: 1 }));
    assert_eq!(refused(&format!("{w1}{w1}")), (2, PolicyProblem::DuplicateName(name("w1"))));
    assert_eq!(refused(&format!("{w1}{}", w("other", 1))), (2, PolicyProblem::DuplicateKey));
    let both_roles = format!("log {}\n{w1}quorum w1\n", log(1));
    assert_eq!(refused(&both_roles), (2, PolicyProblem::DuplicateKey), "one purpose a key");
    assert_eq!(refused(&w("none", 1)), (1, PolicyProblem::BadName));
    assert_eq!(refused(&format!("{w1}group none any w1\n")), (2, PolicyProblem::BadName));
    assert_eq!(refused(&format!("{w1}group w1 any w1\n")), (2, PolicyProblem::DuplicateName(name("w1"))));
    assert_eq!(refused(&format!("{w1}group g any none w1\n")), (2, PolicyProblem::BadName));
    for threshold in ["0", "2", "-1", "+1", "01", "1.0", "ANY", "١", "99999999999999999999"] {
        let bad = refused(&format!("{w1}group g {threshold} w1\n"));
        assert_eq!(bad, (2, PolicyProblem::BadThreshold { members: 1 }), "{threshold}");
    }
    assert_eq!(refused(&format!("{w1}group g any w2\n{w2}")), (2, PolicyProblem::UnknownName("w2".to_owned())));
    assert_eq!(refused(&format!("{w1}group g any g\n")), (2, PolicyProblem::UnknownName("g".to_owned())));
    assert_eq!(refused(&format!("{w1}group g all w1 w1\n")), (2, PolicyProblem::MemberTwice(name("w1"))));
    let twice = format!("{w1}{w2}group g any w1 w2\ngroup h any w1\n");
    assert_eq!(refused(&twice), (4, PolicyProblem::MemberTwice(name("w1"))));
    assert_eq!(refused(&format!("{w1}quorum w1\nquorum w1\n")), (3, PolicyProblem::SecondQuorum));
    assert_eq!(refused(&format!("quorum w1\n{w1}")), (1, PolicyProblem::UnknownName("w1".to_owned())));
    let not_utf8 = Policy::from_bytes(b"# \n# \xff\nquorum none\n").unwrap_err();
    assert_eq!((not_utf8.line, not_utf8.problem), (2, PolicyProblem::NotUtf8));
    assert!(matches!(refused(&"#\n".repeat(200_000)), (1, PolicyProblem::TooLarge(400_000))));
    let many: String = (0..=LOGS_MAX as u16).map(|number| format!("log {}\n", log(number))).collect();
    assert_eq!(refused(&many), (LOGS_MAX + 1, PolicyProblem::TooMany(LOGS_MAX)));
}

#[test]
fn the_smallest_quorum_by_number_of_organisations() {
    let table: Vec<usize> = (1..=16).map(smallest_intersecting_k).collect();
    assert_eq!(table, [1, 2, 3, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 10, 11]);
    assert_eq!((smallest_intersecting_k(0), smallest_intersecting_k(usize::MAX) > usize::MAX / 2), (0, true));
    for n in 1..=16_u16 {
        let (k, f) = (smallest_intersecting_k(usize::from(n)), tolerated_liars(usize::from(n)));
        assert_eq!(k_of_n(k, n).check_quorum(), Ok(()), "{k} of {n}");
        // 2k - n of any two sets are shared: the check and the arithmetic say the same for every k.
        for k in 1..=if n <= 9 { usize::from(n) } else { 0 } {
            let shares = (2 * k).saturating_sub(usize::from(n)).max(usize::from(k == usize::from(n)) * k);
            assert_eq!(k_of_n(k, n).check_intersection(f).is_ok(), shares > f, "{k} of {n}, f = {f}");
        }
    }
}

#[test]
fn a_counter_example_names_two_satisfying_sets() {
    let policy = k_of_n(2, 3);
    let Err(IntersectionError::Splits { liars: 1, example }) = policy.check_quorum() else { panic!("2 of 3 splits") };
    assert_eq!((example.set_a.len(), example.set_b.len(), example.shared.len()), (2, 2, 1));
    assert!(policy.check_intersection(0).is_ok(), "without liars 2 of 3 would do");
    let message = policy.check_quorum().unwrap_err().to_string();
    assert!(message.starts_with("{o0, o1} and {o0, o2} both satisfy the policy and share only {o0}"), "{message}");
}

#[test]
fn policies_without_a_quorum_and_too_large_ones_are_refused() {
    let none: Policy = "quorum none\n".parse().unwrap();
    assert!(none.evaluate([]).satisfied, "as the specification says");
    assert!(matches!(none.check_quorum(), Err(IntersectionError::Splits { .. })), "but never for an election");
    assert_eq!(k_of_n(12, 17).check_quorum(), Err(IntersectionError::TooManyOrganisations(17)));
}

/// Weighted and nested policies: two committees that must both agree; one organisation that alone suffices.
#[test]
fn nested_policies_are_checked_by_what_they_mean() {
    let mut text: String = (0..6)
        .map(|number| format!("witness n{number} {}\ngroup o{number} any n{number}\n", cosigner(number)))
        .collect();
    text += "group left 2 o0 o1 o2\ngroup right 2 o3 o4 o5\n";
    let both: Policy = format!("{text}group q all left right\nquorum q\n").parse().unwrap();
    assert_eq!(both.organisations().len(), 6);
    assert!(both.check_intersection(1).is_ok(), "one shared on each side");
    assert!(both.check_intersection(2).is_err());
    let either: Policy = format!("{text}group q any left right\nquorum q\n").parse().unwrap();
    let Err(IntersectionError::Splits { example, .. }) = either.check_intersection(0) else { panic!("either splits") };
    assert!(example.shared.is_empty());
    let single: Policy = format!("{text}quorum left\n").parse().unwrap();
    assert_eq!(single.organisations().len(), 3, "only what the quorum counts");
    assert_eq!(single.organisation_of(&Name::new("n5").unwrap()), None);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Policy::from_bytes(&bytes);
    }

    #[test]
    fn lines_in_any_order_are_read_or_refused(
        lines in prop::collection::vec("(group|quorum|#| ) ?(a|b|none|c) ?(any|all|1|2|0)?( (a|b|c))*|w", 0..8),
    ) {
        let mut number = 0;
        let text: String = lines.iter().map(|line| {
            number += 1;
            if line == "w" { format!("witness w{number} {}\n", cosigner(number)) } else { format!("{line}\n") }
        }).collect();
        if let Ok(policy) = text.parse::<Policy>() {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }

    /// More cosignatures never turn a satisfied policy into an unsatisfied one.
    #[test]
    fn evaluation_is_monotone(k in 1..=5_usize, signed in prop::collection::vec(0..10_u16, 0..10), more in 0..10_u16) {
        let policy = k_of_n(k, 5);
        let mut keys: Vec<VerifierKey> = signed.iter().map(|number| cosigner(*number)).collect();
        let before = policy.evaluate(&keys);
        let organisations: std::collections::BTreeSet<u16> = signed.iter().map(|number| number / 2).collect();
        prop_assert_eq!((before.satisfied, before.organisations.len()), (organisations.len() >= k, organisations.len()));
        keys.push(cosigner(more));
        prop_assert!(policy.evaluate(&keys).satisfied >= before.satisfied);
    }
}
