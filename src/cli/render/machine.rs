//! JSON and CSV: the forms that programs read.

use std::io;

use serde::Serialize;

/// Writes one JSON object and a line end.
pub(super) fn json(out: &mut dyn io::Write, view: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, view)?;
    out.write_all(b"\n")
}

/// Writes a header and records; the header stands also over no record.
pub(super) fn csv<R: IntoIterator<Item = String>>(
    out: &mut dyn io::Write,
    header: impl IntoIterator<Item = impl AsRef<[u8]>>,
    records: impl IntoIterator<Item = R>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(header).map_err(io_error)?;
    for record in records {
        writer.write_record(record).map_err(io_error)?;
    }
    writer.flush()
}

/// The I/O error inside, so that a closed pipe is still known as one.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("write CSV: {kind:?}")),
    }
}

/// A value, unless it is no finite number, and why there is none.
pub(super) fn checked(value: Option<f64>, undefined: Option<&str>) -> (Option<f64>, Option<&str>) {
    match value {
        Some(value) if !value.is_finite() => (None, Some("the value is not a finite number")),
        Some(value) => (Some(value), None),
        None => (None, Some(undefined.unwrap_or("not computed"))),
    }
}

/// The shortest text that reads back as the number; empty for none.
pub(super) fn number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:?}")).unwrap_or_default()
}

/// A text; empty for none.
pub(super) fn optional(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_as_themselves() {
        for value in [0.1 + 0.2, 1e300, -5e-324, 1.0] {
            assert_eq!(number(Some(value)).parse(), Ok(value));
        }
        assert_eq!(number(None), "");
    }

    #[test]
    fn a_value_that_is_no_number_has_a_reason() {
        assert_eq!(checked(Some(f64::NAN), None), (None, Some("the value is not a finite number")));
        assert_eq!(checked(None, None), (None, Some("not computed")));
        assert_eq!(checked(Some(1.0), None), (Some(1.0), None));
    }

    #[test]
    fn a_closed_pipe_is_still_known_as_one() {
        struct Closed;
        impl io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let big = "x".repeat(100_000);
        let error = csv(&mut Closed, ["a"], [[big.clone()]]).expect_err("closed");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(json(&mut Closed, &big).expect_err("closed").kind(), io::ErrorKind::BrokenPipe);
    }
}
