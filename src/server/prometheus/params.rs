//! Parameters of a request: times, durations, limits and selectors.

use std::time::{Duration, Instant};

use driftline_promql::{Selector, parse_duration, read_selector};

use super::envelope::Failure;

/// Parameters in order; of one that may come once the first counts.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Adds those of a query string or form.
    pub(super) fn add(&mut self, encoded: &[u8]) {
        let pairs = form_urlencoded::parse(encoded);
        self.0.extend(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
    }

    /// The first of a name that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// All of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of = self.0.iter().filter(move |(known, _)| known == name);
        of.map(|(_, value)| value.as_str())
    }

    /// One that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::parameter(name, "is required"))
    }

    /// A time in milliseconds: seconds since 1970 UTC, or RFC 3339.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|text| read_time(text).ok_or_else(|| wrong_time(name, text))).transpose()
    }

    /// A duration in milliseconds: seconds, or as in 1h30m.
    pub(super) fn duration(&self, name: &str) -> Result<Option<i64>, Failure> {
        let read = |text: &str| {
            let seconds = text.parse::<f64>().ok().and_then(millis);
            let wrong = || {
                let why = format!("cannot parse {text:?} to a valid duration; write 15s, 1h or 60");
                Failure::parameter(name, why)
            };
            seconds.or_else(|| parse_duration(text).ok()).ok_or_else(wrong)
        };
        self.get(name).map(read).transpose()
    }

    /// How many of something, at most.
    pub(super) fn limit(&self, name: &str) -> Result<Option<usize>, Failure> {
        let read = |text: &str| {
            let wrong = || Failure::parameter(name, format!("{text:?} is no number of 0 or more"));
            text.parse::<usize>().map_err(|_| wrong())
        };
        Ok(self.get(name).map(read).transpose()?.filter(|limit| *limit > 0))
    }

    /// When the client no longer waits.
    pub(super) fn until(&self) -> Result<Option<Instant>, Failure> {
        let timeout = self.duration("timeout")?.filter(|millis| *millis > 0);
        Ok(timeout.and_then(|millis| {
            Instant::now().checked_add(Duration::from_millis(millis.unsigned_abs()))
        }))
    }

    /// The selectors of `match[]`.
    pub(super) fn selectors(&self) -> Result<Vec<Selector>, Failure> {
        let read =
            |text: &str| read_selector(text).map_err(|error| Failure::parameter("match[]", error));
        self.all("match[]").map(read).collect()
    }
}

fn wrong_time(name: &str, text: &str) -> Failure {
    let why = format!(
        "cannot parse {text:?} to a valid timestamp; write seconds since 1970, or \
         2026-03-01T12:00:00Z"
    );
    Failure::parameter(name, why)
}

fn read_time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return millis(seconds);
    }
    let time = text.parse::<jiff::Timestamp>().ok()?;
    Some(time.as_millisecond())
}

/// Seconds as milliseconds, if they lie in the years that times may have.
fn millis(seconds: f64) -> Option<i64> {
    // The first instant of the year 1, and the last of 9999.
    let is_known = (-62_135_596_800.0..=253_402_300_799.0).contains(&seconds);
    is_known.then(|| (seconds * 1e3).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        let mut params = Params::default();
        params.add(query.as_bytes());
        params
    }

    #[test]
    fn times_and_durations_are_read_as_prometheus_does() {
        let time = |text: &str| params(&format!("time={text}")).time("time").ok().flatten();
        assert_eq!(time("1.5"), Some(1_500));
        assert_eq!(time("1970-01-01T00:00:02Z"), Some(2_000));
        assert_eq!(time("2026-03-01T01:00:00%2B01:00"), Some(1_772_323_200_000));
        for text in ["soon", "NaN", "inf", "1e300"] {
            assert_eq!(time(text), None, "{text}");
        }
        let step = |text: &str| params(&format!("step={text}")).duration("step").ok().flatten();
        assert_eq!(step("15"), Some(15_000));
        assert_eq!(step("0.5"), Some(500));
        assert_eq!(step("1h30m"), Some(5_400_000));
        assert_eq!(step("x"), None);
        assert!(params("").time("time").is_ok_and(|time| time.is_none()));
    }

    #[test]
    fn selectors_and_limits_are_read() {
        let found = params("match%5B%5D=driftline_psi&match[]=%7Bmodel%3D%22a%22%7D&limit=3");
        assert_eq!(found.selectors().expect("two").len(), 2);
        assert_eq!(found.limit("limit").ok(), Some(Some(3)));
        assert_eq!(params("limit=0").limit("limit").ok(), Some(None), "no limit");
        assert!(params("limit=-1").limit("limit").is_err());
        assert!(params("match[]=1").selectors().is_err());
    }
}
