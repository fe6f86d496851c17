//! Where a long word of Cyrillic letters may be broken at the end of a line. Browsers know English; many know no Russian, none
//! Kyrgyz, and break words anywhere, without a hyphen, where a column is narrow.
//!
//! By syllables, as both languages are hyphenated: before a consonant that stands alone between vowels, after the first of several; never
//! before й, ь, ъ; at least two letters stay and three go. Compound words are not looked into.

const SOFT_HYPHEN: char = '\u{ad}';
/// Shorter words fit.
const LETTERS_MIN: usize = 8;

/// The text with soft hyphens in its long words.
pub(super) fn soft(text: &str) -> String {
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < LETTERS_MIN {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() + 8);
    for (at, letter) in letters.iter().enumerate() {
        if breaks(&letters, at) {
            out.push(SOFT_HYPHEN);
        }
        out.push(*letter);
    }
    out
}

/// Whether a syllable begins with the letter at `at`.
fn breaks(letters: &[char], at: usize) -> bool {
    let (before, from) = letters.split_at(at);
    if before.len() < 2 || from.iter().take_while(|letter| letter.is_alphabetic()).count() < 3 {
        return false;
    }
    let stays = before.iter().rev().take_while(|letter| is_consonant(**letter)).count();
    let goes = from.iter().take_while(|letter| is_consonant(**letter)).count();
    let vowel = |letter: Option<&char>| letter.is_some_and(|letter| is_vowel(*letter));
    let between = vowel(before.iter().rev().nth(stays)) && vowel(from.get(goes));
    let first = from.first().is_some_and(|letter| !"йьъ".contains(lower(*letter)));
    // What stays ends with a vowel, one consonant, or one with its sign; alone between vowels й stays as well.
    let tail: String = before.iter().rev().take(stays).map(|letter| lower(*letter)).collect();
    let closed = match tail.as_str() {
        "" => goes == 1,
        "й" => true,
        _ => goes >= 1 && (stays == 1 || stays == 2 && tail.starts_with(['ь', 'ъ'])),
    };
    between && first && closed
}

fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

fn is_vowel(letter: char) -> bool {
    "аеёиоуыэюяөү".contains(lower(letter))
}

fn is_consonant(letter: char) -> bool {
    "бвгджзйклмнпрстфхцчшщьъң".contains(lower(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_break_at_syllables() {
        for (text, due) in [
            ("Прошли идентификацию", "Прошли иден-ти-фи-ка-цию"),
            ("дистанционно", "дис-тан-ционно"),
            ("По последнему отчёту", "По пос-лед-нему отчёту"),
            ("Мандаттар", "Ман-дат-тар"),
            ("Идентификациядан өттү", "Иден-ти-фи-ка-ция-дан өттү"),
            ("аралыктан", "ара-лык-тан"),
            ("большинство", "боль-шин-ство"),
            ("районный", "рай-он-ный"),
            ("Машина (АСУ)", "Машина (АСУ)"),
            ("Вручную", "Вручную"),
            ("machine protocols", "machine protocols"),
        ] {
            assert_eq!(soft(text).replace(SOFT_HYPHEN, "-"), due);
        }
    }
}
