//! Values in a file of redb, each behind its crc32, so that a flipped bit is an error and not another
//! value; and redb's errors as ours.

use std::{io, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, ErrorKind, Result};

pub(crate) fn bad_entry(path: &Path, key: &str, what: &str) -> Error {
    Error::corruption(path, 0, format!("entry {key}: {what}"))
}

/// The bytes behind a checksum, if they are what was written.
pub(crate) fn check<'a>(path: &Path, key: &str, value: &'a [u8]) -> Result<&'a [u8]> {
    let bad = |what| bad_entry(path, key, what);
    let (crc, bytes) = value.split_first_chunk::<4>().ok_or_else(|| bad("too short"))?;
    if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) {
        return Err(bad("its checksum does not match"));
    }
    Ok(bytes)
}

/// Bytes behind their checksum.
pub(crate) fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut checked = crc32fast::hash(bytes).to_le_bytes().to_vec();
    checked.extend_from_slice(bytes);
    checked
}

/// The JSON behind a checksum.
pub(crate) fn decode<T: DeserializeOwned>(path: &Path, key: &str, value: &[u8]) -> Result<T> {
    let json = check(path, key, value)?;
    serde_json::from_slice(json).map_err(|error| bad_entry(path, key, &error.to_string()))
}

pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Io, format!("encode a catalog entry: {error}")))
}

/// JSON behind its checksum.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    Ok(with_checksum(&to_json(value)?))
}

/// Turns redb's errors into ours.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T, E: Into<redb::Error>> At<T> for Result<T, E> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|error| match error.into() {
            redb::Error::Io(error) if is_damage(&error) => Error::corruption(path, 0, error),
            redb::Error::Io(error) => Error::io(path, "use", error),
            redb::Error::Corrupted(what) => Error::corruption(path, 0, what),
            error @ (redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }) => Error::corruption(path, 0, error),
            redb::Error::UpgradeRequired(version) => Error::new(
                ErrorKind::FailedPrecondition,
                format!("{} has redb format {version}, which this build lacks", path.display()),
            ),
            error => Error::new(ErrorKind::Io, format!("{}: {error}", path.display())),
        })
    }
}

/// Whether redb says of bytes that they are not its own, or of a file that it is too short.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}
