//! How answers are shown: tables for people, JSON and CSV for programs.
//!
//! Each renderer writes to what it is given and hands back its I/O errors, so that a closed pipe
//! ends a command quietly. Tables round, shorten and colour; JSON and CSV hold every number in the
//! shortest form that reads back as itself.

mod alert_history;
mod alert_state;
mod alerts;
mod back_test;
mod agreement;
mod channels;
mod arrivals;
mod chart;
mod comparison;
mod distribution;
mod drift;
mod fairness;
mod forest;
mod import;
mod inspection;
mod machine;
mod maintenance;
mod missing;
mod models;
mod notices;
mod operations;
mod performance;
mod quality;
mod reads;
mod references;
mod series;
mod slice;
mod rule_diff;
mod rule_status;
mod rules;
mod silences;
mod stats;
mod table;
mod timeline;
mod tuning;

use std::io::{self, IsTerminal as _};

pub use agreement::agreement;
pub use alert_history::{ShownHistory, alert_history};
pub use alerts::{acknowledged, alert, alerts, unacknowledged};
pub use arrivals::arrivals;
pub use back_test::back_test;
pub use channels::{Tried, tried_channel};
pub use comparison::comparison;
pub use distribution::distribution;
pub use drift::drift;
pub use fairness::fairness;
pub use import::{ImportReport, Imported, RefusedRow, import};
pub use inspection::inspection;
pub use maintenance::{Deleted, compacted, deleted, verified};
pub use models::{model, models, retention, slices, tags};
pub use notices::{dead_letters, letters_done, outbox};
pub use operations::operations;
pub use performance::performance;
pub use quality::quality;
pub use references::{reference, references};
pub use rule_diff::{applied, exported, rule_diff};
pub use rule_status::{rule_list, rule_status};
pub use rules::{CheckedRules, checked_rules};
pub use series::{series, series_list};
pub use silences::{silence, silences};
pub use stats::{all_stats, model_stats};
pub use tuning::tunings;

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and charts for people; may change between releases
    #[default]
    Table,
    /// One JSON object on one line
    Json,
    /// CSV of RFC 4180 with a header
    Csv,
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour.
    pub color: bool,
    /// Columns of the terminal; 0 if there is none, and then nothing is wrapped.
    pub width: usize,
    /// Whether bars may be drawn with block characters.
    pub unicode: bool,
}

impl Style {
    /// No colour and no wrapping, for files, pipes and tests.
    pub const PLAIN: Self = Self { color: false, width: 0, unicode: true };

    /// The style of this process's standard output: colour only on a terminal without `NO_COLOR`,
    /// block characters unless the locale says that they cannot be shown.
    pub fn detect(stdout: &io::Stdout) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let terminal = stdout.is_terminal();
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let width = if terminal { table::terminal_width() } else { 0 };
        Self {
            color: terminal && !dumb && set("NO_COLOR").is_none(),
            width,
            unicode: shows_blocks(locale.as_deref()),
        }
    }
}

/// Only the plain C locale is taken at its word: containers often have none at all and show UTF-8.
fn shows_blocks(locale: Option<&str>) -> bool {
    locale.is_none_or(|locale| !matches!(locale, "C" | "POSIX"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a renderer writes.
    pub(super) fn text(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        render(&mut out).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_locale_that_knows_only_ascii_gets_ascii() {
        assert!(shows_blocks(None));
        assert!(shows_blocks(Some("de_DE.UTF-8")));
        assert!(shows_blocks(Some("C.UTF-8")));
        assert!(!shows_blocks(Some("C")));
        assert!(!shows_blocks(Some("POSIX")));
    }
}
