//! A progress bar on a terminal's standard error; nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Bytes read of a file.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for a file of a known size, a spinner for a stream.
    pub fn new(name: &str, bytes_total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(bytes_total, ProgressDrawTarget::stderr());
        let template = if bytes_total.is_some() {
            "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} eta {eta}"
        } else {
            "{msg} {spinner} {bytes} {bytes_per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// A bar for a number of steps.
    pub fn steps(name: &str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(name.to_owned());
        Self(bar)
    }

    /// A spinner that counts steps whose number is not known before.
    pub fn open_end(name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {pos}") {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Takes note of how many steps there are.
    pub fn set_total(&self, total: u64) {
        self.0.set_length(total);
    }

    /// Moves the bar to a number of bytes or steps.
    pub fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Takes the bar away: the summary says what there is to say.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
