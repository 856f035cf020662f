//! The log as a channel.

use driftline_alerts::{LogLevel, Notice, payload};

use super::Delivered;

/// Writes a notice as one event of the log.
pub(super) fn write(level: LogLevel, notice: &Notice) -> Delivered {
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(
                target: "driftline::alerts",
                id = notice.id,
                dedup_key = notice.event.dedup_key,
                rule = notice.event.rule,
                state = notice.event.state.name(),
                severity = notice.severity.name(),
                model = notice.model,
                feature = notice.event.feature,
                value = notice.event.value,
                condition = notice.event.condition,
                "{}",
                payload::title(notice)
            )
        };
    }
    match level {
        LogLevel::Error => event!(error),
        LogLevel::Warn => event!(warn),
        LogLevel::Info => event!(info),
    }
    Delivered { detail: "written to the log".to_owned() }
}
