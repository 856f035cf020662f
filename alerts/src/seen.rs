//! Windows that were judged, and how a state writes them: there are up to a thousand of one alert, and
//! its state is written with each evaluation. So they are written as runs whose ends lie the same time
//! apart, `[first end, time between, "24c3b"]`, where a number counts equal verdicts. Pairs of an end and
//! a verdict are read as well.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{limits, phase::Verdict};

/// A window that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The end of the window.
    pub(crate) end: i64,
    /// What it said.
    pub(crate) verdict: Verdict,
}

/// What is written of some windows.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Piece {
    Run(i64, i64, String),
    One(i64, Verdict),
}

fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Breach => 'b',
        Verdict::Clear => 'c',
        Verdict::NoData => 'n',
        Verdict::Unready => 'u',
    }
}

fn verdict(letter: char) -> Option<Verdict> {
    let all = [Verdict::Breach, Verdict::Clear, Verdict::NoData, Verdict::Unready];
    all.into_iter().find(|verdict| self::letter(*verdict) == letter)
}

/// Writes windows.
pub(crate) fn serialize<S: Serializer>(
    windows: &VecDeque<Seen>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = windows.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        let step = rest.peek().map_or(0, |next| next.end.saturating_sub(first.end));
        let (mut text, mut count) = (String::new(), 1_usize);
        let follows = |last: Seen, next: &Seen| next.end.checked_sub(last.end) == Some(step);
        while let Some(next) = rest.next_if(|next| follows(last, next)) {
            if next.verdict == last.verdict {
                count += 1;
            } else {
                write(&mut text, count, last.verdict);
                count = 1;
            }
            last = next;
        }
        write(&mut text, count, last.verdict);
        pieces.push(Piece::Run(first.end, step, text));
    }
    pieces.serialize(serializer)
}

fn write(text: &mut String, count: usize, verdict: Verdict) {
    if count > 1 {
        text.push_str(&count.to_string());
    }
    text.push(letter(verdict));
}

/// Reads windows.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<VecDeque<Seen>, D::Error> {
    let most = usize::try_from(limits::REVISIONS_MAX).unwrap_or(usize::MAX).saturating_mul(2);
    let mut windows = VecDeque::new();
    for piece in Vec::<Piece>::deserialize(deserializer)? {
        match piece {
            Piece::One(end, verdict) => windows.push_back(Seen { end, verdict }),
            Piece::Run(first, step, text) => {
                let mut end = first;
                let mut count: Option<usize> = None;
                for letter in text.chars() {
                    if let Some(digit) = letter.to_digit(10) {
                        let digit = usize::try_from(digit).unwrap_or(0);
                        let so_far = count.unwrap_or(0).saturating_mul(10);
                        count = Some(so_far.saturating_add(digit));
                        continue;
                    }
                    let verdict = verdict(letter)
                        .ok_or_else(|| D::Error::custom(format!("{letter:?} is no verdict")))?;
                    let count = count.take().unwrap_or(1);
                    if windows.len().saturating_add(count) > most {
                        return Err(D::Error::custom(format!("more than {most} windows")));
                    }
                    for _ in 0..count {
                        windows.push_back(Seen { end, verdict });
                        end = end.saturating_add(step);
                    }
                }
            }
        }
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Written(#[serde(with = "super")] VecDeque<Seen>);

    fn windows(ends: &[i64], letters: &str) -> Written {
        let seen = |(end, letter): (&i64, char)| Seen {
            end: *end,
            verdict: verdict(letter).expect("a verdict"),
        };
        Written(ends.iter().zip(letters.chars()).map(seen).collect())
    }

    #[test]
    fn windows_are_written_as_runs_and_pairs_are_read_too() {
        let written = windows(&[10, 20, 30, 40, 70, 100, 101], "ccbbcnu");
        let text = serde_json::to_string(&written).expect("writes");
        assert_eq!(text, r#"[[10,10,"2c2b"],[70,30,"cn"],[101,0,"u"]]"#);
        assert_eq!(serde_json::from_str::<Written>(&text).expect("reads"), written);
        let pairs = serde_json::from_str::<Written>(r#"[[10,"c"],[20,"b"]]"#).expect("reads");
        assert_eq!(pairs, windows(&[10, 20], "cb"));
        for wrong in [r#"[[10,10,"x"]]"#, r#"[[10,10,"9999999c"]]"#, r#"[["c",1]]"#] {
            assert!(serde_json::from_str::<Written>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_week_of_hours_takes_some_thirty_bytes() {
        let ends: Vec<i64> = (0..168).map(|hour| hour * driftline_storage::HOUR_MICROS).collect();
        let text = serde_json::to_string(&windows(&ends, &"c".repeat(168))).expect("writes");
        assert!(text.len() < 40, "{text}");
    }

    proptest! {
        #[test]
        fn any_windows_read_back(
            gaps in prop::collection::vec((1..4_i64, 0..4_usize), 0..200), first in any::<i32>(),
        ) {
            let mut end = i64::from(first);
            let mut windows = VecDeque::new();
            for (gap, which) in gaps {
                end += gap;
                let verdict = verdict(['b', 'c', 'n', 'u'][which]).expect("a verdict");
                windows.push_back(Seen { end, verdict });
            }
            let text = serde_json::to_string(&Written(windows.clone())).expect("writes");
            prop_assert_eq!(serde_json::from_str::<Written>(&text).expect("reads"), Written(windows));
        }
    }
}
