//! What the `ron` crate accepts is read to the same value; what it refuses is refused, but for what the header names.

use proptest::prelude::*;
use ron::Value;

use super::*;

fn ours(text: &str) -> Result<Node, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let node = read(text, &mut mistakes);
    match node {
        Some(node) if mistakes.is_empty() => Ok(node),
        Some(_) | None => Err(mistakes),
    }
}

/// Whether the oracle's value is this tree. It has no names of structs and variants: a named group is its content.
fn same(node: &Node, value: &Value) -> bool {
    match (&node.kind, value) {
        (Kind::Bool(a), Value::Bool(b)) => a == b,
        (Kind::Char(a), Value::Char(b)) => a == b,
        (Kind::Text(a), Value::String(b)) => a == b,
        (Kind::Integer(a), Value::Number(b)) => {
            (*a as f64 - b.into_f64()).abs() <= a.unsigned_abs() as f64 * 1e-6
        }
        (Kind::Float(a), Value::Number(b)) => {
            let b = b.into_f64();
            *a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= a.abs() * 1e-6
        }
        (Kind::Name(name), Value::Option(None)) => name == "None",
        (Kind::Name(_), Value::Unit) => true,
        (Kind::List(a), Value::Seq(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Kind::Map(a), Value::Map(b)) => {
            // The oracle's map sorts, and keeps the last of equal keys.
            b.iter().all(|(key, value)| a.iter().rev().any(|(k, v)| same(k, key) && same(v, value)))
        }
        (Kind::Group { name: Some(name), fields }, Value::Option(Some(b))) => {
            name.text == "Some" && fields.len() == 1 && same(&fields[0].value, b)
        }
        (Kind::Group { fields, .. }, Value::Unit) => fields.is_empty(),
        (Kind::Group { fields, .. }, Value::Map(b)) => b.iter().all(|(key, value)| {
            fields.iter().rev().any(|field| {
                let name = field.name.as_ref().map(|name| Value::String(name.text.clone()));
                name.as_ref() == Some(key) && same(&field.value, value)
            })
        }),
        (Kind::Group { fields, .. }, Value::Seq(b)) => {
            fields.len() == b.len()
                && fields.iter().zip(b).all(|(a, b)| a.name.is_none() && same(&a.value, b))
        }
        (Kind::Group { fields, .. }, b) => fields.len() == 1 && same(&fields[0].value, b),
        _ => false,
    }
}

#[test]
fn all_forms_of_ron_are_read_as_the_oracle_reads_them() {
    for text in [
        "1",
        "-7",
        "+7",
        "0x1F",
        "0b101",
        "0o17",
        "1_000",
        "1.5",
        "-.5",
        "1e3",
        "2.5E-3",
        "inf",
        "-inf",
        "NaN",
        "true",
        "false",
        "'a'",
        "'\\n'",
        "'\\''",
        "\"a\\tb\\u{1F600}\\x41\\\\\"",
        "\"two\nlines\"",
        "\"on \\\n    and on\"",
        "r\"raw \\n\"",
        "r##\"with \"# in it\"##",
        "[]",
        "[1, 2, 3,]",
        "{}",
        "{\"a\": 1, \"b\": [2]}",
        "{1: 'x',}",
        "()",
        "(1, 2)",
        "(1,)",
        "(a: 1, b: (c: \"d\",))",
        "None",
        "Some(1)",
        "Some((1, 2))",
        "// before\n(a: /* in /* nested */ between */ 1) // after",
        "  \t\r\n 5 ",
        "(r#type: 1)",
    ] {
        let value: Value =
            ron::from_str(text).unwrap_or_else(|error| panic!("{text}: the oracle says {error}"));
        let node = ours(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
        assert!(same(&node, &value), "{text}: {node:?} is not {value:?}");
    }
}

#[test]
fn what_is_not_ron_is_refused_by_both() {
    for text in [
        "", "(", ")", "[1 2]", "[1,,2]", "{1}", "{1: }", "(a 1)", "\"", "'ab'", "\"\\q\"", "1 2",
        "0x", "1.2.3", "12ab", "/* ", "r#\"x\"", "@", "[,]", "--1",
    ] {
        assert!(ron::from_str::<Value>(text).is_err(), "{text}: the oracle takes it");
        assert!(ours(text).is_err(), "{text}: we take it");
    }
}

#[test]
fn spans_are_those_of_the_source() {
    let text = "(a: [10, \"é\"], b: Some(x))";
    let node = ours(text).expect("good");
    let Kind::Group { fields, .. } = &node.kind else { panic!("a group") };
    assert_eq!(&text[node.span.clone()], text);
    assert_eq!(&text[fields[0].value.span.clone()], "[10, \"é\"]");
    assert_eq!(&text[fields[1].value.span.clone()], "Some(x)");
}

#[test]
fn reading_goes_on_behind_a_mistake() {
    let mistakes = ours("(a: @, b: [1 2, 3], c: 'long', d: 1)").expect_err("three mistakes");
    assert_eq!(mistakes.len(), 3);
    assert!(ours("\u{feff}[1]").is_ok(), "a byte order mark is no mistake");
    assert!(ours(&"[".repeat(100_000)).is_err(), "too deep, but no overflow");
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        (-1e6..1e6_f64).prop_map(|f| format!("{f:?}")),
        "\\PC{0,6}".prop_map(|text| format!("{text:?}")),
        any::<char>().prop_map(|c| format!("{c:?}")),
        Just("None".to_owned()),
        Just("()".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let many = proptest::collection::vec(inner.clone(), 0..5);
        let pairs = proptest::collection::vec(("[a-z][a-z0-9_]{0,5}", inner.clone()), 1..5);
        prop_oneof![
            many.clone().prop_map(|all| format!("[{}]", all.join(", "))),
            many.prop_filter("a tuple of one is its element", |all| all.len() != 1)
                .prop_map(|all| format!("({})", all.join(","))),
            pairs.clone().prop_map(|all| {
                let all: Vec<_> =
                    all.iter().map(|(name, value)| format!("f{name}: {value}")).collect();
                format!("({},)", all.join(", "))
            }),
            pairs.prop_map(|all| {
                let all: Vec<_> =
                    all.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", all.join(" /* c */, "))
            }),
            inner.prop_map(|value| format!("Some({value})")),
        ]
    })
}

proptest! {
    #[test]
    fn what_the_oracle_accepts_is_read_to_the_same_value(text in value()) {
        if let Ok(value) = ron::from_str::<Value>(&text) {
            let node = ours(&text).map_err(|mistakes| TestCaseError::fail(format!("{text}: {mistakes:?}")))?;
            prop_assert!(same(&node, &value), "{}: {:?} is not {:?}", text, node, value);
        }
    }
}
