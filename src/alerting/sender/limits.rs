//! Bounds of delivery, with their units and reasons.

use std::time::Duration;

/// Bytes of an answer that are read; what comes after them is not waited for.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long the rest of an answer is waited for once its status is known: what it says is of use, and
/// a connection whose answer was read to its end is used again.
pub(super) const ANSWER_REST: Duration = Duration::from_secs(1);
/// Characters of an answer that a failure tells.
pub(super) const EXCERPT_CHARACTERS_MAX: usize = 200;
/// Bytes that a mail server may send in one delivery, the handshake of TLS included.
pub(super) const MAIL_ANSWER_BYTES_MAX: usize = 256 << 10;
/// Bytes of a file that has a secret.
pub(super) const SECRET_BYTES_MAX: u64 = 4 << 10;
/// The longest wait that a receiver may ask for.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Connections to one host that are kept, and for how long.
pub(super) const IDLE_CONNECTIONS_MAX: usize = 2;
/// For how long: receivers close theirs after a minute or two.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Bytes of a piece of a URL that may be a secret.
pub(super) const SECRET_PIECE_BYTES_MIN: usize = 6;
