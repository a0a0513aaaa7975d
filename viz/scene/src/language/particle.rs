//! Korean particles after inserted values.

/// How a word ends in sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// In a vowel.
    Open,
    /// In ㄹ.
    Liquid,
    /// In another consonant.
    Closed,
}

/// The particle that follows a text: `with` after a final consonant, `without` after a vowel. `으로/로` takes `로` after ㄹ too.
///
/// Digits are read as Sino-Korean numbers (3 삼, 10 십), capitals as letters (ISR 아이에스알), other Latin words as they are borrowed
/// (offset 오프셋). What stands in brackets is not read.
pub fn particle<'a>(text: &str, with: &'a str, without: &'a str) -> &'a str {
    match ending(text) {
        Ending::Open => without,
        Ending::Liquid if with == "으로" => without,
        Ending::Liquid | Ending::Closed => with,
    }
}

fn ending(text: &str) -> Ending {
    let spoken = spoken(text);
    let mut signs = spoken.chars().rev();
    let Some(last) = signs.next() else { return Ending::Open };
    let before = signs.next();
    match last {
        '가'..='힣' => match (u32::from(last) - 0xAC00) % 28 {
            0 => Ending::Open,
            8 => Ending::Liquid,
            _ => Ending::Closed,
        },
        // 일, 칠, 팔 end in ㄹ; 삼, 육 and 영 in another consonant, as do 십, 백, 천, 만.
        '1' | '7' | '8' => Ending::Liquid,
        '0' | '3' | '6' => Ending::Closed,
        'L' | 'R' => Ending::Liquid,
        'M' | 'N' => Ending::Closed,
        'l' => Ending::Liquid,
        'm' | 'n' => Ending::Closed,
        'g' if before == Some('n') => Ending::Closed,
        // A stop closes the syllable of the vowel before it (오프셋, 그룹, 토픽), and gets a vowel of its own behind a consonant (디스크).
        'k' if before == Some('c') => Ending::Closed,
        'b' | 'c' | 'k' | 'p' | 't' if before.is_some_and(|sign| "aeiou".contains(sign)) => {
            Ending::Closed
        }
        _ => Ending::Open,
    }
}

/// The text without what is not read at its end: brackets with what is in them, quotes, stops.
fn spoken(text: &str) -> &str {
    let mut text = text.trim_end();
    loop {
        let before = text.len();
        text = text.trim_end_matches(['"', '\'', '”', '’', '.', ',', ' ', ']']);
        if text.ends_with(')')
            && let Some(open) = text.rfind('(')
            && open > 0
        {
            text = &text[..open];
        }
        if text.len() == before {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_follow_the_last_sound() {
        let table = [
            ("리더", "를", "가", "로"),
            ("파티션", "을", "이", "으로"),
            ("채널", "을", "이", "로"),
            ("0", "을", "이", "으로"),
            ("1", "을", "이", "로"),
            ("2", "를", "가", "로"),
            ("3", "을", "이", "으로"),
            ("4", "를", "가", "로"),
            ("5", "를", "가", "로"),
            ("6", "을", "이", "으로"),
            ("7", "을", "이", "로"),
            ("8", "을", "이", "로"),
            ("9", "를", "가", "로"),
            ("10", "을", "이", "으로"),
            ("1,000", "을", "이", "으로"),
            ("broker-2", "를", "가", "로"),
            ("broker-3", "을", "이", "으로"),
            ("ISR", "을", "이", "로"),
            ("HW", "를", "가", "로"),
            ("offset", "을", "이", "으로"),
            ("client", "를", "가", "로"),
            ("group", "을", "이", "으로"),
            ("disk", "를", "가", "로"),
            ("rack", "을", "이", "으로"),
            ("topic", "을", "이", "으로"),
            ("리더(leader)", "를", "가", "로"),
            ("high watermark(HW)", "를", "가", "로"),
            ("", "를", "가", "로"),
        ];
        for (word, object, subject, direction) in table {
            assert_eq!(particle(word, "을", "를"), object, "{word}");
            assert_eq!(particle(word, "이", "가"), subject, "{word}");
            assert_eq!(particle(word, "으로", "로"), direction, "{word}");
        }
    }
}
