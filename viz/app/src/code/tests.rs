//! Codes come back as they were, and what is no code is refused with its place.

use proptest::prelude::*;

use super::*;

fn plain() -> Code {
    Code {
        place: Place::Library("lessons/leader-crash".to_owned()),
        text: 0x3f2a,
        seed: 7,
        done: vec![
            (Time(5_300_000_000), Doing::new(Deed::Crash, &["broker-3"])),
            (
                Time(6_000_000_000),
                Doing::new(Deed::Produce, &["p", "orders", "", "", "a, b=c: 한"]),
            ),
        ],
        name: Some("no way out".to_owned()),
        seq: Seq(1234),
        end: 0xc1a2,
        view: Looks {
            tab: Tab::Logs,
            zoom: Zoom::Near,
            page: Inspect::State,
            partition: Some("orders-0".to_owned()),
            group: None,
            nodes: vec!["broker-1".to_owned()],
            event: None,
            asked: Some("isr:orders-0".to_owned()),
            hidden: true,
            language: Language::Korean,
            palette: Palette::Dark,
            scale: 125,
            presenter: false,
            panes: "v2.720.s.280.t".to_owned(),
        },
    }
}

#[test]
fn a_code_is_one_word_that_a_shell_and_a_chat_leave_alone() {
    let text = plain().to_string();
    assert!(text.starts_with("klamm1:lib=lessons/leader-crash:text=0000000000003f2a:seed=7:do="));
    assert!(text.contains(":do=5300000000,crash,broker-3:"), "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-,%=:".contains(&byte)));
    assert_eq!(Code::parse(&text), Ok(plain()));
    for around in [
        format!("klamm-viz --code {text}"),
        format!("look at this:\n`{text}`, klamm is odd"),
        format!("  '{text}'  "),
    ] {
        assert_eq!(Code::find_in(&around), Some(text.as_str()), "{around}");
    }
    assert_eq!(Code::find_in("klamm-viz lessons/leader-crash: klamm: no code"), None);
}

/// A code with its last field put right, so that what is before it is judged by itself.
fn signed(text: &str) -> String {
    let before = text.rsplit_once(":sum=").map_or(text, |(before, _)| before);
    format!("{before}:sum={:08x}", sum(before.as_bytes()) >> 32)
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_would_be_right() {
    let good = plain().to_string();
    let at = |part: &str| good.find(part).unwrap_or_else(|| panic!("{part}")) + 1;
    for (from, to, place, wants) in [
        ("klamm1:", "clam1:", 1, Word::CodeBegins),
        ("klamm1:", "klamm2:", 1, Word::CodeNewer),
        ("lib=", "bib=", at("lib="), Word::CodeField),
        ("seed=7", "seed=x", at("seed=") + 5, Word::CodeNumber),
        ("seed=7", "speed=7", at("seed="), Word::CodeField),
        ("text=0", "text=", at("text=") + 5, Word::CodeHex),
        (",crash,", ",crush,", at(",crash,") + 1, Word::CodeOneOf),
        (",crash,broker-3", ",crash", at(",crash,") + 6, Word::CodeNames),
        (",crash,broker-3", ",crash,a,b", at(",crash,") + 9, Word::CodeNames),
        ("tab=logs", "tab=moon", at("tab=") + 4, Word::CodeOneOf),
        ("size=125", "size=126", at("size=") + 5, Word::CodeOneOf),
        ("hidden", "hiddem", at("hidden"), Word::CodeField),
        ("lang=ko", "lang=xx", at("lang=") + 5, Word::CodeOneOf),
        ("panes=v2", "panes=v3", at("panes=") + 6, Word::CodePanes),
        ("%20way", "%2way", at("%20way"), Word::CodeEscape),
        (":theme", ":there=1:theme", at(":theme") + 1, Word::CodeField),
        ("at=1234", "at=01234", at("at=1234") + 3, Word::CodeSum),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let found = Code::parse(&signed(&bad)).expect_err(to);
        assert_eq!((found.at, found.wants), (place, wants), "{to}: {found}");
    }
    let found = Code::parse(&good.replacen("seed=7", "seed=8", 1)).expect_err("another seed");
    assert_eq!((found.at, found.wants), (at(":sum=") + 1, Word::CodeSum));
    let found = Code::parse(&format!("{good}:more")).expect_err("something behind");
    assert_eq!((found.at, found.wants), (good.len() + 1, Word::TooMuch));
    let found = Code::parse(&good.replacen("logs", "lo gs", 1)).expect_err("a space");
    assert_eq!((found.at, found.wants), (at("logs") + 2, Word::CodeSign));
    for language in Language::ALL {
        let said = Code::parse("").expect_err("nothing").say(language);
        assert!(said.contains('1') && said.contains("klamm1:"), "{said}");
    }
}

/// Whatever is changed, left out or put in: it is refused, with a place in the text, and nothing panics.
#[test]
fn a_code_that_was_changed_is_never_taken_for_another() {
    let signs: Vec<char> = "0123456789abcdefx:=,%._/- klamm한".chars().collect();
    let good: Vec<char> = plain().to_string().chars().collect();
    let tries = std::env::var("KLAMM_CODES").ok().and_then(|it| it.parse().ok()).unwrap_or(1500);
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |below: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % u64::try_from(below.max(1)).expect("small")).expect("small")
    };
    for turn in 0..tries {
        let mut bad = good.clone();
        for _ in 0..=roll(2) {
            let at = roll(bad.len());
            let sign = signs[roll(signs.len())];
            match roll(4) {
                0 => bad[at] = sign,
                1 => drop(bad.remove(at)),
                2 => bad.insert(at, sign),
                _ => bad.truncate(at.max(1)),
            }
        }
        if bad == good {
            continue;
        }
        let text: String = bad.iter().collect();
        let found = Code::parse(&text).expect_err(&text);
        assert!((1..=text.len() + 1).contains(&found.at), "{found}: {text}");
        // With the sum put right, it is refused still, or nothing of it was dropped.
        if turn % 3 == 0
            && let Ok(code) = Code::parse(&signed(&text))
        {
            assert_eq!(code.to_string(), signed(&text));
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9._/-]{1,12}", "\\PC{0,6}"]
}

fn doing() -> impl Strategy<Value = (Time, Doing)> {
    let deed = (0..Deed::ALL.len()).prop_map(|at| Deed::ALL[at]);
    (any::<u64>(), deed, prop::collection::vec(name(), 5)).prop_map(|(at, deed, mut of)| {
        of.truncate(deed.arity());
        (Time(at), Doing { deed, of })
    })
}

fn looks() -> impl Strategy<Value = Looks> {
    let picked = (
        prop::option::of(name()),
        prop::option::of(name()),
        prop::collection::vec(name(), 0..3),
        prop::option::of(any::<u64>()),
        prop::option::of(name()),
    );
    (picked, any::<u64>()).prop_map(|((partition, group, nodes, event, asked), dice)| {
        let pick = |shift: u32, of: usize| usize::try_from(dice >> shift).unwrap_or(0) % of;
        Looks {
            tab: Tab::ALL[pick(0, Tab::ALL.len())],
            zoom: zooms()[pick(3, 4)].1,
            page: Inspect::ALL[pick(6, Inspect::ALL.len())],
            partition,
            group,
            nodes,
            event: event.map(Seq),
            asked,
            hidden: pick(9, 2) == 0,
            language: Language::ALL[pick(10, 2)],
            palette: Palette::ALL[pick(11, 2)],
            scale: SCALES[pick(12, SCALES.len())],
            presenter: pick(15, 2) == 0,
            panes: ["s", "v2.720.s.280.t", "x2.1.s.g"][pick(16, 3)].to_owned(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn every_code_comes_back_as_it_was(
        (kind, place, name) in (0..3_u8, name(), prop::option::of(name())),
        numbers in any::<[u64; 4]>(),
        done in prop::collection::vec(doing(), 0..4),
        view in looks(),
    ) {
        let [text, seed, seq, end] = numbers;
        let place = match kind {
            0 => Place::Library(place),
            1 => Place::Scenario(place),
            _ => Place::Trace(place),
        };
        let code = Code { place, text, seed, done, name, seq: Seq(seq), end, view };
        prop_assert_eq!(Code::parse(&code.to_string()), Ok(code));
    }
}
