//! Settings read from where they stand, at the moment they are used.

use std::{fmt, fs::File, io::Read as _};

use driftline_alerts::Setting;

use super::{Failure, limits};

/// The value of a setting. It is never shown, not even for debugging.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    /// A text that is not to be shown.
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The value, for what is sent.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Reads a setting of a channel by its key. A value has one line: a key file or a list of passwords is none,
/// and nobody sends one by its path.
///
/// # Errors
/// `Refuse` if an environment variable is not set, which no waiting changes; `Retry` if a file cannot be
/// read, which may be in the middle of being replaced; `Refuse` if what stands there is no value.
pub(super) async fn read(key: &str, setting: &Setting) -> Result<Secret, Failure> {
    let text = match setting {
        Setting::Plain(text) => text.clone(),
        Setting::Env(name) => std::env::var(name).map_err(|_| {
            let text = "is not set in the environment of this process, or is no text";
            Failure::refuse(format!("{key}: {name} {text}"))
        })?,
        Setting::File(path) => {
            // A file may lie on a disk that hangs.
            let owned = path.clone();
            let read = tokio::task::spawn_blocking(move || read_file(&owned)).await;
            let read = read.map_err(|error| error.to_string()).and_then(|read| read);
            read.map_err(|problem| Failure::retry(format!("{key}: {path}: {problem}")))?
        }
    };
    let place = || match setting {
        Setting::Plain(_) => key.to_owned(),
        Setting::Env(name) | Setting::File(name) => format!("{key}: {name}"),
    };
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        return Err(Failure::refuse(format!("{}: is empty", place())));
    }
    if value.chars().any(char::is_control) {
        let text = "has more than one line, or control characters; a value is one line";
        return Err(Failure::refuse(format!("{}: {text}", place())));
    }
    Ok(Secret(value.to_owned()))
}

fn read_file(path: &str) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    // A pipe or a device never ends.
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = limits::SECRET_BYTES_MAX;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("has more than {most} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_is_one_line_from_where_the_setting_says() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |text: &[u8]| {
            let path = directory.path().join("secret");
            std::fs::write(&path, text).expect("written");
            Setting::File(path.display().to_string())
        };
        let value = |setting: Setting| async move {
            read("secret", &setting).await.map(|secret| secret.expose().to_owned())
        };
        assert_eq!(value(Setting::Plain("a".to_owned())).await, Ok("a".to_owned()));
        for text in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            assert_eq!(value(file(text.as_bytes())).await, Ok("hunter2".to_owned()));
        }
        for text in ["\n", "", "a\nb", "a\n\n", "\u{0}"] {
            let failure = value(file(text.as_bytes())).await.expect_err(text);
            assert!(matches!(failure, Failure::Refuse { .. }), "{text:?}: {failure:?}");
        }
        for text in [&[0xff][..], &[b'a'; 5_000]] {
            let failure = value(file(text)).await.expect_err("no text, or too long");
            assert!(matches!(failure, Failure::Retry { .. }), "{failure:?}");
        }
        let gone = Setting::File(directory.path().join("gone").display().to_string());
        assert!(matches!(value(gone).await, Err(Failure::Retry { .. })));
        let folder = Setting::File(directory.path().display().to_string());
        assert!(value(folder).await.expect_err("a folder").why().ends_with("is no file"));
        let env = Setting::Env("PATH".to_owned());
        assert_eq!(value(env).await, Ok(std::env::var("PATH").expect("set")));
        let unset = value(Setting::Env("DRIFTLINE_NOT_SET".to_owned())).await.expect_err("unset");
        assert!(unset.why().starts_with("secret: DRIFTLINE_NOT_SET is not set"), "{unset:?}");
    }

    #[tokio::test]
    async fn a_secret_is_not_shown() {
        let secret = read("secret", &Setting::Plain("hunter2".to_owned())).await.expect("read");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
