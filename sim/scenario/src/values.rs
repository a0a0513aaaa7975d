//! Durations, sizes and rates as people write them: `"2s"`, `"1m30s"`, `"16KB"`, `"50/s"`.

use klamm_node::Span;

const UNITS_OF_TIME: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const UNITS_OF_SIZE: [(&str, u64); 8] = [
    ("B", 1),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Why a text is not what was asked for, and what would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wrong {
    pub why: &'static str,
    pub help: &'static str,
}

const DURATION_HELP: &str =
    "write a number and a unit: \"500ms\", \"2s\", \"1m30s\" (ns, us, ms, s, m, h)";
const SIZE_HELP: &str =
    "write a number and a unit: \"64B\", \"16KB\", \"1MiB\" (B, KB, MB, GB, KiB, MiB, GiB)";
const RATE_HELP: &str = "write how many in a time: \"50/s\", \"600/min\", \"10/h\"";
const TOO_MUCH: &str = "it is too large";

/// A sum of numbers with units, each not above the greatest number.
fn sum(text: &str, units: &[(&str, u64)], help: &'static str) -> Result<u64, Wrong> {
    let wrong = |why| Wrong { why, help };
    let mut rest = text;
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err(wrong("it is empty"));
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (whole, behind) = rest.split_at(digits);
        if whole.is_empty() {
            return Err(wrong("a number is missing"));
        }
        let (fraction, behind) = match behind.strip_prefix('.') {
            Some(behind) => {
                let digits =
                    behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                behind.split_at(digits)
            }
            None => ("", behind),
        };
        let behind = behind.trim_start_matches(' ');
        let length = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(length);
        let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
            wrong(if unit.is_empty() { "the unit is missing" } else { "there is no such unit" })
        })?;
        let mut value = whole
            .parse::<u64>()
            .ok()
            .and_then(|whole| whole.checked_mul(*factor))
            .ok_or_else(|| wrong(TOO_MUCH))?;
        let mut scale = *factor;
        for digit in fraction.bytes() {
            // Digits below the smallest unit are cut off.
            scale /= 10;
            value = value.saturating_add(u64::from(digit - b'0') * scale);
        }
        total = total.checked_add(value).ok_or_else(|| wrong(TOO_MUCH))?;
        rest = behind.trim_start_matches(' ');
    }
    Ok(total)
}

/// `"2s"`, `"500ms"`, `"1m30s"`, `"1.5s"`.
pub(crate) fn duration(text: &str) -> Result<Span, Wrong> {
    let text = text.trim();
    if text == "0" {
        return Ok(Span::ZERO);
    }
    if text.starts_with('-') {
        return Err(Wrong { why: "a duration can't be negative", help: "leave the minus out" });
    }
    sum(text, &UNITS_OF_TIME, DURATION_HELP).map(Span)
}

/// A duration that may be negative, in milliseconds.
pub(crate) fn signed_millis(text: &str) -> Result<i64, Wrong> {
    let text = text.trim();
    let (negative, span) = match text.strip_prefix('-') {
        Some(rest) => (true, duration(rest)?),
        None => (false, duration(text.strip_prefix('+').unwrap_or(text))?),
    };
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Ok(if negative { -millis } else { millis })
}

/// `"16KB"`, `"1MiB"`, `"64B"`, `"100"`.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(Wrong { why: "a size can't be negative", help: "leave the minus out" });
    }
    match text.parse() {
        Ok(bytes) => Ok(bytes),
        Err(_) => sum(text, &UNITS_OF_SIZE, SIZE_HELP),
    }
}

/// `"10MB/s"`, or a size, which is meant a second.
pub(crate) fn bandwidth(text: &str) -> Result<u64, Wrong> {
    let text = text.trim();
    size(text.strip_suffix("/s").unwrap_or(text))
}

/// `"50/s"`: the time between two.
pub(crate) fn rate(text: &str) -> Result<Span, Wrong> {
    let wrong = |why| Wrong { why, help: RATE_HELP };
    let (count, unit) =
        text.split_once('/').ok_or_else(|| wrong("it does not say in which time"))?;
    let count: u64 = count.trim().parse().map_err(|_| wrong("how many is not a whole number"))?;
    let unit = match unit.trim() {
        "s" | "sec" | "second" => Span::secs(1),
        "m" | "min" | "minute" => Span::secs(60),
        "h" | "hour" => Span::secs(3600),
        _ => return Err(wrong("there is no such unit of time")),
    };
    match unit.0.checked_div(count) {
        None => Err(wrong("a rate of nothing makes no records")),
        Some(0) => Err(wrong(TOO_MUCH)),
        Some(nanos) => Ok(Span(nanos)),
    }
}

/// `"2%"`, `"0.5%"`: how many in a thousand.
pub(crate) fn share(text: &str) -> Result<u32, Wrong> {
    let wrong = |why| Wrong { why, help: "write a share of all packets: \"2%\", \"0.5%\"" };
    let number = text.trim().strip_suffix('%').ok_or_else(|| wrong("the % is missing"))?.trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u32 = whole.parse().map_err(|_| wrong("it is not a number"))?;
    let tenths: u32 = match fraction.len() {
        1 => fraction.parse().map_err(|_| wrong("it is not a number"))?,
        _ => return Err(wrong("a tenth of a percent is the least difference")),
    };
    let share = whole.saturating_mul(10).saturating_add(tenths);
    if share > 1000 { Err(wrong("it is more than all")) } else { Ok(share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("2s"), Ok(Span::secs(2)));
        assert_eq!(duration("500ms"), Ok(Span::millis(500)));
        assert_eq!(duration("1m30s"), Ok(Span::secs(90)));
        assert_eq!(duration("1m 30s"), Ok(Span::secs(90)));
        assert_eq!(duration("1.5s"), Ok(Span::millis(1500)));
        assert_eq!(duration("0"), Ok(Span::ZERO));
        assert_eq!(duration("-2s").map_err(|wrong| wrong.why), Err("a duration can't be negative"));
        assert_eq!(duration("2").map_err(|wrong| wrong.why), Err("the unit is missing"));
        assert_eq!(duration("2 parsecs").map_err(|wrong| wrong.why), Err("there is no such unit"));
        assert_eq!(duration("99999999999h").map_err(|wrong| wrong.why), Err(TOO_MUCH));
        assert!(duration("").is_err() && duration("s").is_err() && duration("1s2").is_err());
        assert_eq!(signed_millis("-5s"), Ok(-5000));
        assert_eq!(signed_millis("+20ms"), Ok(20));
    }

    #[test]
    fn shares_are_parts_of_a_thousand() {
        assert_eq!(share("2%"), Ok(20));
        assert_eq!(share("0.5%"), Ok(5));
        assert_eq!(share("100%"), Ok(1000));
        assert!(share("101%").is_err() && share("2").is_err() && share("-1%").is_err());
        assert!(share("0.05%").is_err() && share("%").is_err());
    }

    #[test]
    fn sizes_and_rates_too() {
        assert_eq!(size("16KB"), Ok(16_000));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("100"), Ok(100));
        assert!(size("-1").is_err() && size("1 furlong").is_err());
        assert_eq!(bandwidth("10MB/s"), Ok(10_000_000));
        assert_eq!(rate("50/s"), Ok(Span::millis(20)));
        assert_eq!(rate("600/min"), Ok(Span::millis(100)));
        assert!(rate("0/s").is_err() && rate("5").is_err() && rate("5/fortnight").is_err());
    }
}
