//! The signature of a webhook: HMAC with SHA-256 (RFC 2104) of the time and the body, so that a receiver
//! knows who sent it, that it is whole, and that nobody kept it to send it again.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signature of a body that is sent at a time, in seconds since 1970: of the time in digits, a dot
/// and the body, as 64 hexadecimal digits.
pub fn sign(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length; were one refused, the empty signature is one that nobody accepts.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The header that goes along: the time and the signature, of version 1.
pub fn signature(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    format!("t={seconds},v1={}", sign(secret, seconds, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_other_programs_make_of_the_same() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac hunter2
        let want = "56b25cbf563812b38800e5f4dd1febfde087d36841155e70b3aa285517e1570a";
        assert_eq!(sign(b"hunter2", 1_700_000_000, b"{\"a\":1}"), want);
        assert_eq!(
            signature(b"hunter2", 1_700_000_000, b"{\"a\":1}"),
            format!("t=1700000000,v1={want}")
        );
        // A key longer than a block is hashed first.
        let want = "243c2f8200e1d4ee892e7a7ded377a65e2beb1c64b997c54b8b0f516216d4b0f";
        assert_eq!(sign(&[b'k'; 100], 0, b""), want);
    }
}
