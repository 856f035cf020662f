//! Claims about cells of text: which forms are taken, and that the fast path for timestamps never
//! disagrees with the general parser.

use proptest::prelude::*;

use super::{
    parse_any_form, parse_bool, parse_fixed_form, parse_int, parse_number, parse_timestamp_micros,
};

#[test]
fn a_timestamp_is_taken_in_every_rfc_3339_form() {
    let micros = 1_767_225_600_000_000;
    for text in [
        "2026-01-01T00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.000000Z",
        "2026-01-01T01:30:00+01:30",
        "2025-12-31 19:00:00.0-05:00",
        " 2026-01-01T00:00:00Z ",
    ] {
        assert_eq!(parse_timestamp_micros(text), Some(micros), "{text}");
    }
}

#[test]
fn a_timestamp_without_an_offset_is_utc() {
    assert_eq!(parse_timestamp_micros("1970-01-01T00:00:01"), Some(1_000_000));
    assert_eq!(parse_timestamp_micros("1970-01-01 00:00:01.5"), Some(1_500_000));
}

#[test]
fn nanoseconds_are_rounded_down_before_and_after_the_epoch() {
    assert_eq!(parse_timestamp_micros("1970-01-01T00:00:00.000001999Z"), Some(1));
    assert_eq!(parse_timestamp_micros("1969-12-31T23:59:59.999999999Z"), Some(-1));
}

#[test]
fn what_is_no_point_in_time_is_no_timestamp() {
    for text in [
        "",
        "2026",
        "20260101",
        "1767225600",
        "2026-01-01",
        "20260101T000000Z",
        "2026-01-01T00",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00+99:00",
        "9999-12-30T21:30:00-02:00",
        "2026-01-01T00:00:00+01:00[Europe/Paris]",
        "２０２６-01-01T00:00:00Z",
    ] {
        assert_eq!(parse_timestamp_micros(text), None, "{text}");
    }
}

#[test]
fn numbers_are_taken_with_exponents_nan_and_infinities() {
    assert_eq!(parse_number("1e5"), Some(1e5));
    assert_eq!(parse_number(" -0.25"), Some(-0.25));
    assert_eq!(parse_number("-inf"), Some(f64::NEG_INFINITY));
    assert_eq!(parse_number("Infinity"), Some(f64::INFINITY));
    assert!(parse_number("NaN").is_some_and(f64::is_nan));
    assert_eq!(parse_number(""), None);
    assert_eq!(parse_number("1,5"), None);
    assert_eq!(parse_int("-7"), Some(-7));
    assert_eq!(parse_int("9223372036854775808"), None);
}

#[test]
fn truth_values_are_taken_in_any_case_and_as_words_only() {
    assert_eq!(parse_bool("TRUE"), Some(true));
    assert_eq!(parse_bool("False"), Some(false));
    assert_eq!(parse_bool("1"), None);
    assert_eq!(parse_bool("yes"), None);
}

proptest! {
    #[test]
    fn the_fast_path_agrees_with_the_general_parser(
        year in 0_u32..=9999,
        month in 0_u32..=13,
        day in 0_u32..=32,
        hour in 0_u32..=24,
        minute in 0_u32..=60,
        second in 0_u32..=60,
        fraction in prop_oneof![Just(String::new()), r"\.[0-9]{3}", r"\.[0-9]{6}"],
    ) {
        let text = format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
        );
        let general = parse_any_form(&text);
        let fast = parse_fixed_form(text.as_bytes());
        prop_assert!(fast.is_none() || fast == general, "{} {:?} {:?}", text, fast, general);
        // The fast path gives up on what the general parser takes only at the ends of the range.
        prop_assert!(fast.is_some() || general.is_none() || year == 9999 || second == 60);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in r"[0-9TZtz:+\-. \[\]é]{0,40}", any in ".*") {
        for text in [text, any] {
            let _ = (parse_timestamp_micros(&text), parse_number(&text), parse_bool(&text));
        }
    }
}
