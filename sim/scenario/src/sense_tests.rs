//! What a file may say word by word and a cluster could not do: told with its place, and beside it what is allowed.

use crate::parse;
use crate::tests::{complaints, good, with};

/// The line and column, the marked text, and the help of the one mistake of a file.
fn mistake(text: &str) -> (String, String, String) {
    let found = parse("test.ron", text).expect_err("a mistake");
    assert_eq!(found.len(), 1, "{found:?}");
    let [only] = &found[..] else { unreachable!("there is one") };
    (
        only.message.clone(),
        text[only.span.clone()].to_owned(),
        only.help.clone().unwrap_or_default(),
    )
}

#[test]
fn topics_that_differ_in_dots_and_underscores_collide() {
    let text = with(
        r#"topics: [(name: "a.b"), (name: "c")],
        steps: [
            (at: "1s", do: [CreateTopic("a_b"), CreateTopic(name: "c_d"), CreateTopic("c.d", partitions: 2)]),
            (at: "2s", do: [CreateTopic("_.consumer_offsets")]),
        ]"#,
    );
    assert_eq!(
        complaints(&text),
        "4:41 topic 'a_b' collides with topic 'a.b'\n\
         4:87 topic 'c.d' collides with topic 'c_d'\n\
         5:41 topic '_.consumer_offsets' collides with topic '__consumer_offsets'\n"
    );
    let listed = with(r#"topics: [(name: "a.b"), (name: "a_b")]"#);
    let (_, place, help) = mistake(&listed);
    assert_eq!(place, r#""a_b""#);
    assert!(help.contains("choose '.' or '_'"), "{help}");
    // What is deleted before leaves its name to others; what has the same name is another matter.
    good(&with(
        r#"topics: [(name: "a.b"), (name: "a.b.c")],
        steps: [(at: "1s", do: [DeleteTopic("a.b")]), (at: "2s", do: [CreateTopic("a_b"), CreateTopic("a.b.c")])]"#,
    ));
    let again = with(
        r#"topics: [(name: "a.b")],
        steps: [(at: "1s", do: [CreateTopic("a_b"), DeleteTopic("a.b")])]"#,
    );
    assert_eq!(complaints(&again), "3:45 topic 'a_b' collides with topic 'a.b'\n");
}

#[test]
fn a_pattern_is_an_expression() {
    let consumer = |pattern: &str| {
        with(&format!(r#"clients: [Consumer(name: "c", group: "g", pattern: {pattern})]"#))
    };
    let (message, place, help) = mistake(&consumer(r#""((""#));
    assert_eq!(message, "'((' is no regular expression: unclosed group");
    assert_eq!(place, "(");
    assert!(help.contains("RE2"), "{help}");
    // It points into what stands there as it is, and at the whole of what is written otherwise.
    for (pattern, place) in [
        (r#""orders-[z-a]""#, "z-a"),
        (r##"r#"é*é**(?=x)"#"##, "(?="),
        (r#""a\\1(""#, r#""a\\1(""#),
        (r#""x)(y""#, ")"),
    ] {
        assert_eq!(mistake(&consumer(pattern)).1, place, "{pattern}");
    }
    let (message, ..) = mistake(&consumer(r#""(?x)a # b""#));
    assert_eq!(
        message,
        "'(?x)a # b' is no regular expression: it does not end: a comment or a bracket goes on"
    );
    assert_eq!(mistake(&consumer(r#""""#)).0, "an empty pattern subscribes to nothing");
    good(&consumer(r#""(?i)orders-[^.]+|é{2,3}""#));
    let step = with(
        r#"topics: [(name: "x")], clients: [Consumer(name: "c", group: "g", topics: ["x"])],
        steps: [(at: "1s", do: [Subscribe("c", pattern: "[")])]"#,
    );
    assert_eq!(complaints(&step), "3:58 '[' is no regular expression: unclosed character class\n");
}

#[test]
fn a_run_of_records_without_end_is_none() {
    let producer = |pace: &str| {
        with(&format!(
            r#"topics: [(name: "x")], clients: [Producer(name: "p", topic: "x", {pace})]"#
        ))
    };
    let (message, place, help) = mistake(&producer(r#"every: "1ns""#));
    assert_eq!(message, "60000000001 records are too many for a run");
    assert_eq!(place, r#""1ns""#);
    assert!(help.contains("let at least 61us lie between two"), "{help}");
    assert_eq!(mistake(&producer(r#"rate: "100000/s""#)).1, r#""100000/s""#);
    for allowed in [
        r#"every: "61us""#,
        r#"every: "1ns", count: 1000"#,
        r#"every: "1ns", start: "5s", stop: "5.0001s""#,
        r#"rate: "10000/s""#,
    ] {
        good(&producer(allowed));
    }
    let nemesis = |every: &str| with(&format!("nemesis: (start: \"10s\", every: {every})"));
    assert_eq!(mistake(&nemesis(r#""1ns""#)).0, "faults come too fast to do anything");
    assert_eq!(mistake(&nemesis(r#"("999us", "2s")"#)).1, r#"("999us", "2s")"#);
    good(&nemesis(r#""1ms""#));
}

#[test]
fn a_members_settings_are_those_of_its_protocol() {
    let consumer = |config: &str| {
        with(&format!(
            r#"topics: [(name: "x")],
        clients: [Consumer(name: "c", group: "g", topics: ["x"], config: {{ {config} }})]"#
        ))
    };
    let modern = r#""group.protocol": "consumer""#;
    for (key, value) in [
        ("session.timeout.ms", "10000"),
        ("heartbeat.interval.ms", "1000"),
        ("partition.assignment.strategy", "\"range\""),
    ] {
        let text = consumer(&format!("{modern}, \"{key}\": {value}"));
        let (message, place, _) = mistake(&text);
        let value_alone = value.trim_matches('"');
        assert_eq!(
            message,
            format!(
                "config '{key}' can't be '{value_alone}': expected nothing with group.protocol=consumer"
            )
        );
        assert_eq!(place, value);
        good(&consumer(&format!("\"{key}\": {value}")));
    }
    good(&consumer(&format!("{modern}, \"group.remote.assignor\": \"range\"")));
    let (_, place, _) = mistake(&consumer(r#""group.protocol": "modern""#));
    assert_eq!(place, r#""modern""#);
}

#[test]
fn help_is_in_words_and_not_in_markup() {
    let text = with(r#"steps: [(at: "1s", do: [Crash(), Fail])]"#);
    let found = parse("test.ron", &text).expect_err("mistakes");
    let help = found[0].help.as_deref().expect("help");
    assert_eq!(help, "target: Who. (target)");
}
