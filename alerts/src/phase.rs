//! The phases of an alert as windows go by. Times here are the ends of windows, so that a clock that
//! jumps changes nothing.

use serde::{Deserialize, Serialize};

use crate::{
    event::AlertState,
    rule::{NoData, Rule},
};

/// What a window said, as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// The condition held.
    #[serde(rename = "b")]
    Breach,
    /// It did not.
    #[serde(rename = "c")]
    Clear,
    /// There was nothing to judge.
    #[serde(rename = "n")]
    NoData,
    /// It could not be judged.
    #[serde(rename = "u")]
    Unready,
}

/// Where an alert is; times are ends of windows in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub(crate) enum Phase {
    /// Nothing is breached.
    #[default]
    Inactive,
    /// Breached since.
    Pending { since: i64 },
    /// Firing since; the breach ended at `clear`, unless it lasts.
    Firing { since: i64, clear: Option<i64> },
    /// It fired, and ended then.
    Resolved { since: i64 },
    /// Nothing is known since.
    NoData { since: i64 },
}

/// How long what lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    pub(crate) hold: i64,
    pub(crate) keep_firing_for: i64,
    pub(crate) no_data: NoData,
    /// Time between windows; none if they come as they may.
    pub(crate) every: Option<i64>,
}

impl Timing {
    pub(crate) fn of(rule: &Rule) -> Self {
        Self {
            hold: rule.hold,
            keep_firing_for: rule.keep_firing_for,
            no_data: rule.no_data,
            every: rule.measure().map(|measure| measure.every),
        }
    }
}

impl Phase {
    /// The state that is told.
    pub(crate) fn state(self) -> AlertState {
        match self {
            Self::Inactive => AlertState::Inactive,
            Self::Pending { .. } => AlertState::Pending,
            Self::Firing { .. } => AlertState::Firing,
            Self::Resolved { .. } => AlertState::Resolved,
            Self::NoData { .. } => AlertState::NoData,
        }
    }

    /// The phase after a window that ended at `end`; the one before it ended at `previous`.
    ///
    /// Pending lasts only while every window since says so: where one in between was not judged at
    /// all, it begins again. Firing lasts over such a gap: nothing says that it ended.
    pub(crate) fn after(
        self,
        verdict: Verdict,
        end: i64,
        previous: Option<i64>,
        timing: &Timing,
    ) -> Self {
        let gap = match (previous, timing.every) {
            (Some(previous), Some(every)) => end.saturating_sub(previous) > every,
            _ => false,
        };
        let phase = match self {
            Self::Pending { since } if gap || since > end => Self::Inactive,
            phase => phase,
        };
        match (verdict, timing.no_data) {
            (Verdict::Breach, _) | (Verdict::NoData, NoData::Fire) => phase.breached(end, timing),
            (Verdict::Clear, _) => phase.cleared(end, timing),
            (Verdict::NoData, NoData::Ignore) => match phase {
                Self::NoData { since } => Self::NoData { since },
                _ => Self::NoData { since: end },
            },
            (Verdict::NoData, NoData::Keep) | (Verdict::Unready, _) => phase,
        }
    }

    fn breached(self, end: i64, timing: &Timing) -> Self {
        let since = match self {
            Self::Firing { since, .. } => return Self::Firing { since, clear: None },
            Self::Pending { since } => since,
            Self::Inactive | Self::Resolved { .. } | Self::NoData { .. } => end,
        };
        if end.saturating_sub(since) >= timing.hold {
            Self::Firing { since: end, clear: None }
        } else {
            Self::Pending { since }
        }
    }

    fn cleared(self, end: i64, timing: &Timing) -> Self {
        match self {
            Self::Firing { since, clear } => {
                let clear = clear.filter(|clear| *clear <= end).unwrap_or(end);
                if end.saturating_sub(clear) >= timing.keep_firing_for {
                    Self::Resolved { since: end }
                } else {
                    Self::Firing { since, clear: Some(clear) }
                }
            }
            Self::Resolved { since } => Self::Resolved { since },
            Self::Inactive | Self::Pending { .. } | Self::NoData { .. } => Self::Inactive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing =
        Timing { hold: 0, keep_firing_for: 0, no_data: NoData::Keep, every: Some(1) };

    /// The states after each of a run of windows: b breach, c clear, n no data, u unready, `.` no
    /// window.
    #[track_caller]
    fn check(timing: Timing, windows: &str, want: &str) {
        let (mut phase, mut previous) = (Phase::default(), None);
        let mut got = String::new();
        for (end, letter) in (1..).zip(windows.chars()) {
            let verdict = match letter {
                'b' => Verdict::Breach,
                'c' => Verdict::Clear,
                'n' => Verdict::NoData,
                'u' => Verdict::Unready,
                _ => {
                    got.push('.');
                    continue;
                }
            };
            phase = phase.after(verdict, end, previous, &timing);
            previous = Some(end);
            got.push(match phase.state() {
                AlertState::Inactive => '-',
                AlertState::Pending => 'p',
                AlertState::Firing => 'F',
                AlertState::Resolved => 'r',
                AlertState::NoData => '?',
            });
        }
        assert_eq!(got, want, "{windows}");
    }

    #[test]
    fn a_breach_fires_and_its_end_resolves() {
        check(TIMING, "cbbccb", "-FFrrF");
    }

    #[test]
    fn a_breach_fires_once_it_has_lasted() {
        let timing = Timing { hold: 2, ..TIMING };
        check(timing, "bbbbc", "ppFFr");
        check(timing, "bbcbbb", "pp-ppF");
        check(timing, "bubnb", "ppFFF");
        check(timing, "bnnb", "pppF");
        // A window that nobody looked at may have been clear.
        check(timing, "bb.bbb", "pp.ppF");
        check(timing, "bbb.b", "ppF.F");
    }

    #[test]
    fn it_fires_on_for_a_while() {
        let timing = Timing { keep_firing_for: 2, ..TIMING };
        check(timing, "bcccc", "FFFrr");
        check(timing, "bccbccc", "FFFFFFr");
    }

    #[test]
    fn no_data_is_ignored_kept_or_fires() {
        check(TIMING, "nbnncnb", "-FFFrrF");
        let ignore = Timing { no_data: NoData::Ignore, ..TIMING };
        check(ignore, "nbnncnb", "?F??-?F");
        let fire = Timing { no_data: NoData::Fire, hold: 1, ..TIMING };
        check(fire, "nncnb", "pFrpF");
        check(fire, "uuuu", "----");
    }
}
