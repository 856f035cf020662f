//! Cuts rows into messages that every gRPC library takes.

use driftline_storage::Result;
use prost::Message;

use crate::wire::PORTABLE_MESSAGE_BYTES;

/// Rows of one message: some 1 MiB of 20 numbers each.
const MESSAGE_ROWS: usize = 8_192;
/// Bytes of one batch, which leaves room for what is around it.
const BATCH_BYTES: usize = PORTABLE_MESSAGE_BYTES - (64 << 10);

/// Builds messages of so many rows in order and hands each on, until one is not taken: `send`
/// returns whether to go on.
///
/// # Errors
/// What `send` gives.
pub(super) fn each<M: Message>(
    rows: usize,
    build: impl Fn(&[u32]) -> M,
    mut send: impl FnMut(M) -> Result<bool>,
) -> Result<()> {
    let mut start = 0;
    let mut length = MESSAGE_ROWS;
    while start < rows {
        let end = rows.min(start + length);
        // Batches and references are far below 2^32 rows.
        let picked: Vec<u32> = (start..end).filter_map(|row| u32::try_from(row).ok()).collect();
        let message = build(&picked);
        if message.encoded_len() > BATCH_BYTES && picked.len() > 1 {
            length = picked.len() / 2;
            continue;
        }
        if !send(message)? {
            return Ok(());
        }
        start = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use driftline_proto::v1::NumericColumn;

    use super::*;

    #[test]
    fn messages_cover_all_rows_in_order_and_stay_small() {
        let rows = 20_000_u32;
        let fat = |rows: &[u32]| NumericColumn {
            values: rows.iter().map(|row| f64::from(*row)).collect(),
            validity: vec![0; rows.len() * 1_000],
        };
        let mut seen = Vec::new();
        each(rows as usize, fat, |message| {
            assert!(message.encoded_len() < PORTABLE_MESSAGE_BYTES);
            seen.extend(message.values);
            Ok(true)
        })
        .expect("sends");
        assert_eq!(seen, (0..rows).map(f64::from).collect::<Vec<_>>());
    }
}
