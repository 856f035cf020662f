//! Driftline's alerts: rules as data, their evaluation as a pure step, and their back-test.
//!
//! A [`RuleSet`] is read from a file with all its mistakes at once. Of a rule that is due, its
//! queries' answers become observations, and [`step`] makes of the state of an alert and an
//! observation the next state and what is to be told. This crate asks no clock, opens no file and
//! no socket: whoever calls it says what time it is, asks the queries, stores states and delivers
//! events.
//!
//! ```
//! use driftline_alerts::{AlertState, Observation, RuleSet, State, Syntax, step};
//! use driftline_storage::{HOUR_MICROS, TimeRange};
//!
//! let file = r#"
//!     [[rule]]
//!     name = "amount-drift"
//!     model = "fraud"
//!     metric = "psi"
//!     window = "1h"
//!     when = "> 0.2"
//! "#;
//! let set = RuleSet::parse(file, Syntax::Toml).expect("no mistake");
//! let window = TimeRange { start: 0, end: HOUR_MICROS };
//! let seen = Observation { value: Some(0.3), samples: 1_000, ..Observation::empty(window) };
//! let now = HOUR_MICROS;
//! let (state, events) = step(&set.rules[0], Some("amount"), &State::default(), &seen, now);
//! assert_eq!(state.state(), AlertState::Firing);
//! assert!(events[0].notified);
//! // The same window again tells nothing new.
//! let (_, events) = step(&set.rules[0], Some("amount"), &state, &seen, now);
//! assert!(events.is_empty());
//! ```
//!
//! Modules stand in layer order: each names only modules above it.

pub mod limits;

mod parallel;
mod mistake;
mod lines;
mod duration;
mod condition;
mod figure;
mod rule;
mod silence;
mod content;
mod reader;
mod parse;
mod reach;
mod address;
mod setting;
mod channel;
mod channel_file;
mod event;
mod template;
mod notice;
mod trial;
pub mod payload;
mod rule_set;
mod diff;
mod observation;
mod history;
mod judge;
mod phase;
mod seen;
mod state;
mod step;
mod graph;
mod models;
mod answers;
mod training;
mod ask;
mod observe;
mod plan;
mod board;
mod check;
mod gather;
mod wanted;
mod back_test;
mod tune;

#[doc(hidden)]
pub mod fuzzing;

pub use address::{MailServer, origin, receiver_url};
pub use answers::Answers;
pub use ask::{Answer, Ask};
pub use back_test::{BackTest, RuleRun, Summary, back_test};
pub use board::{Board, Evaluation, Stepped};
pub use channel::{
    Channel, ChannelKind, Destination, Email, LogLevel, Login, MailTls, PAGERDUTY_URL,
};
pub use check::check;
pub use condition::{Bound, Comparison, Condition, Test};
pub use content::{Change, ContentHash};
pub use diff::{Difference, Edit, diff};
pub use duration::{format_duration, parse_duration};
pub use event::{AlertState, Event, Suppressed};
pub use figure::{ColumnFigure, Figure, Operations, SinceTraining, Volume};
pub use gather::{Cost, Group, baseline, groups};
pub use graph::States;
pub use lines::Lines;
pub use mistake::{Mistake, Mistakes};
pub use models::{KnownReference, Models, Training, last_training};
pub use notice::{Notice, notices};
pub use observation::Observation;
pub use observe::{Seen, observe};
pub use plan::{Due, due, next_due, touched, waits, window_at};
pub use reach::{Reach, is_this_machine, may_reach, reach};
pub use rule::{AlertOn, Measure, NoData, Rule, Severity, Subject};
pub use rule_set::{RuleSet, Syntax};
pub use setting::Setting;
pub use silence::{MatchOp, Matcher, Silence, labels};
pub use state::State;
pub use step::{retire, step, step_as};
pub use template::{Words, render};
pub use training::{Since, TrainingReport, TrainingRequest, TrainingWindow};
pub use trial::trial;
pub use tune::{Tuning, tune};
pub use wanted::{Query, Shares};

#[cfg(test)]
mod tests {
    pub(crate) use crate::rule_set::{RuleSet, Syntax};

    /// A rule of the model `m` with these keys.
    pub(crate) fn rule(keys: &str) -> crate::rule::Rule {
        let text = format!("[[rule]]\nname = \"test\"\nmodel = \"m\"\n{keys}\n");
        let set = RuleSet::parse(&text, Syntax::Toml).unwrap_or_else(|error| panic!("{error}"));
        set.rules.into_iter().next().expect("one rule")
    }
}
