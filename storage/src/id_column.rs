//! Prediction ids of a batch or chunk, in memory.
//!
//! Most senders use UUIDs, so a column whose ids are all canonical UUIDs (36 characters, lower
//! case) holds sixteen bytes each; the first other id turns the column into texts for good. Readers
//! see text either way. An id is known on disk by the hash of its canonical text, whatever form the
//! column has.

use std::{fmt, iter::FusedIterator, ops::Deref};

use xxhash_rust::xxh3::xxh3_64;

use crate::limits;

/// Bytes of a canonical UUID as text.
const UUID_TEXT_BYTES: usize = 36;
/// Where each byte of a UUID stands in its text, as two hexadecimal digits.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
/// Where the text has hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
/// Value of each lower-case hexadecimal digit; other bytes have a high bit set.
const NIBBLES: [u8; 256] = nibbles();
/// The two digits of each byte.
const DIGITS: [[u8; 2]; 256] = digits();

const fn nibbles() -> [u8; 256] {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
}

const fn digits() -> [[u8; 2]; 256] {
    let mut table = [[0; 2]; 256];
    let mut value = 0;
    while value < 256 {
        let digits = b"0123456789abcdef";
        table[value] = [digits[value >> 4], digits[value & 15]];
        value += 1;
    }
    table
}

/// The bytes of a canonical UUID; `None` for any other text.
pub fn parse_uuid(id: &[u8]) -> Option<[u8; 16]> {
    let id: &[u8; UUID_TEXT_BYTES] = id.try_into().ok()?;
    let mut uuid = [0; 16];
    let mut seen = 0;
    for (byte, place) in uuid.iter_mut().zip(PLACES) {
        let (high, low) = (NIBBLES[id[place] as usize], NIBBLES[id[place + 1] as usize]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    let whole = seen < 16 && HYPHENS.iter().all(|place| id[*place] == b'-');
    whole.then_some(uuid)
}

fn uuid_text(uuid: &[u8; 16]) -> [u8; UUID_TEXT_BYTES] {
    let mut text = [b'-'; UUID_TEXT_BYTES];
    for (byte, place) in uuid.iter().zip(PLACES) {
        [text[place], text[place + 1]] = DIGITS[*byte as usize];
    }
    text
}

/// The hash that stands for an id on disk: XXH3 of its text, 64 bits, seed 0.
pub fn id_hash(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

/// The hash of the id that a UUID is.
pub fn uuid_hash(uuid: &[u8; 16]) -> u64 {
    xxh3_64(&uuid_text(uuid))
}

/// An id of a column; it derefs to its text.
#[derive(Clone, Copy)]
pub struct Id<'a>(Text<'a>);

#[derive(Clone, Copy)]
enum Text<'a> {
    Uuid([u8; UUID_TEXT_BYTES]),
    Other(&'a str),
}

impl Id<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Hexadecimal digits and hyphens are ASCII.
            Text::Uuid(text) => std::str::from_utf8(text).unwrap_or_default(),
            Text::Other(text) => text,
        }
    }
}

impl Deref for Id<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Id<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Id<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Id<'_> {}

impl PartialEq<str> for Id<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Id<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

/// Prediction ids, one after the other.
#[derive(Clone)]
pub struct Ids(Form);

#[derive(Clone)]
enum Form {
    Uuids(Vec<[u8; 16]>),
    Texts(Texts),
}

/// Ids of any text. They lie as they do in the log: one run of bytes.
#[derive(Clone, Default)]
struct Texts {
    bytes: Vec<u8>,
    /// End of each id in `bytes`.
    ends: Vec<u32>,
}

impl Texts {
    fn with_capacity(rows: usize) -> Self {
        let bytes = Vec::with_capacity(rows * UUID_TEXT_BYTES);
        Self { bytes, ends: Vec::with_capacity(rows) }
    }

    fn push(&mut self, id: &[u8]) -> bool {
        let Ok(end) = u32::try_from(self.bytes.len() + id.len()) else { return false };
        self.bytes.extend_from_slice(id);
        self.ends.push(end);
        true
    }

    fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)? as usize;
        let start = if row == 0 { 0 } else { *self.ends.get(row - 1)? as usize };
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }
}

impl Default for Ids {
    fn default() -> Self {
        Self(Form::Uuids(Vec::new()))
    }
}

impl From<Vec<[u8; 16]>> for Ids {
    fn from(uuids: Vec<[u8; 16]>) -> Self {
        Self(Form::Uuids(uuids))
    }
}

impl Ids {
    /// A column with room for rows of UUIDs.
    pub fn with_capacity(rows: usize) -> Self {
        Self(Form::Uuids(Vec::with_capacity(rows)))
    }

    /// Appends an id. Returns whether it was taken: ids have 1 to [`limits::ID_BYTES_MAX`] bytes.
    pub fn push(&mut self, id: &str) -> bool {
        if id.is_empty() || id.len() > limits::ID_BYTES_MAX {
            return false;
        }
        if let Form::Uuids(uuids) = &mut self.0
            && let Some(uuid) = parse_uuid(id.as_bytes())
        {
            uuids.push(uuid);
            return true;
        }
        self.texts().push(id.as_bytes())
    }

    /// Appends the id that a UUID is.
    pub fn push_uuid(&mut self, uuid: [u8; 16]) -> bool {
        match &mut self.0 {
            Form::Uuids(uuids) => {
                uuids.push(uuid);
                true
            }
            Form::Texts(texts) => texts.push(&uuid_text(&uuid)),
        }
    }

    /// The ids as texts from now on.
    fn texts(&mut self) -> &mut Texts {
        if let Form::Uuids(uuids) = &self.0 {
            let mut texts = Texts::with_capacity(uuids.len() + 1);
            for uuid in uuids {
                texts.push(&uuid_text(uuid));
            }
            self.0 = Form::Texts(texts);
        }
        match &mut self.0 {
            Form::Texts(texts) => texts,
            Form::Uuids(_) => unreachable!("the form was changed above"),
        }
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Uuids(uuids) => uuids.len(),
            Form::Texts(texts) => texts.ends.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the ids, if the column holds UUIDs.
    pub fn uuids(&self) -> Option<&[[u8; 16]]> {
        match &self.0 {
            Form::Uuids(uuids) => Some(uuids),
            Form::Texts(_) => None,
        }
    }

    /// The id of a row.
    pub fn get(&self, row: usize) -> Option<Id<'_>> {
        Some(Id(match &self.0 {
            Form::Uuids(uuids) => Text::Uuid(uuid_text(uuids.get(row)?)),
            Form::Texts(texts) => Text::Other(texts.get(row)?),
        }))
    }

    /// The ids in row order.
    pub fn iter(&self) -> impl FusedIterator<Item = Id<'_>> {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    /// The hash of each id.
    pub fn hashes(&self) -> Vec<u64> {
        match &self.0 {
            Form::Uuids(uuids) => uuids.iter().map(uuid_hash).collect(),
            Form::Texts(_) => self.iter().map(|id| id_hash(&id)).collect(),
        }
    }

    /// The ids of a selection of rows, in its order.
    pub fn take(&self, rows: &[u32]) -> Self {
        match &self.0 {
            Form::Uuids(uuids) => rows
                .iter()
                .filter_map(|row| uuids.get(*row as usize))
                .copied()
                .collect::<Vec<_>>()
                .into(),
            Form::Texts(texts) => {
                let mut taken = Texts::with_capacity(rows.len());
                for id in rows.iter().filter_map(|row| texts.get(*row as usize)) {
                    taken.push(id.as_bytes());
                }
                Self(Form::Texts(taken))
            }
        }
    }

    /// Appends all ids of another column.
    pub fn append(&mut self, other: &Self) {
        match &other.0 {
            Form::Uuids(theirs) => match &mut self.0 {
                Form::Uuids(mine) => mine.extend_from_slice(theirs),
                Form::Texts(mine) => theirs.iter().for_each(|uuid| {
                    mine.push(&uuid_text(uuid));
                }),
            },
            Form::Texts(theirs) => {
                let mine = self.texts();
                let Ok(start) = u32::try_from(mine.bytes.len()) else { return };
                if u32::try_from(mine.bytes.len() + theirs.bytes.len()).is_ok() {
                    mine.bytes.extend_from_slice(&theirs.bytes);
                    mine.ends.extend(theirs.ends.iter().map(|end| end + start));
                }
            }
        }
    }

    /// Makes room for more rows.
    pub fn reserve(&mut self, rows: usize) {
        match &mut self.0 {
            Form::Uuids(uuids) => uuids.reserve(rows),
            Form::Texts(texts) => texts.ends.reserve(rows),
        }
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::Uuids(uuids) => uuids.len() * 16,
            Form::Texts(texts) => texts.bytes.len() + texts.ends.len() * 4,
        }
    }
}

impl PartialEq for Ids {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Uuids(mine), Form::Uuids(theirs)) => mine == theirs,
            _ => self.len() == other.len() && self.iter().eq(other.iter()),
        }
    }
}

impl Eq for Ids {}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Ids {
    fn from_iter<I: IntoIterator<Item = S>>(iter: I) -> Self {
        let mut ids = Self::default();
        for id in iter {
            ids.push(id.as_ref());
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UUIDS: [&str; 3] = [
        "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ];

    fn texts(ids: &Ids) -> Vec<String> {
        ids.iter().map(|id| id.to_string()).collect()
    }

    #[test]
    fn only_canonical_uuids_are_held_as_bytes() {
        let ids = Ids::from_iter(UUIDS);
        assert_eq!((ids.bytes(), texts(&ids)), (48, UUIDS.map(str::to_owned).to_vec()));
        for other in [
            "67E55044-10b1-426f-9247-bb680e5fe0c8",
            "67e55044-10b1-426f-9247-bb680e5fe0cg",
            "67e5504410b1426f9247bb680e5fe0c8",
            "67e55044a10b1-426f-9247-bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c}",
            "67e55044-10b1-426f-9247-bb680e5fe0c8 ",
            "é7e55044-10b1-426f-9247-bb680e5fe0c",
        ] {
            let mut ids = ids.clone();
            assert!(ids.push(other) && ids.uuids().is_none(), "{other}");
            assert_eq!(texts(&ids)[..3], UUIDS, "those before it stay");
            assert_eq!(ids.get(3).expect("a row"), other);
        }
    }

    #[test]
    fn ids_outside_their_bounds_are_not_taken() {
        let mut ids = Ids::default();
        assert!(!ids.push(""));
        assert!(!ids.push(&"x".repeat(limits::ID_BYTES_MAX + 1)));
        assert!(ids.push(&"x".repeat(limits::ID_BYTES_MAX)));
        assert!(ids.push("b"));
        assert_eq!(ids.get(1).expect("a row"), "b");
    }

    fn any_id() -> impl Strategy<Value = String> {
        prop_oneof![any::<[u8; 16]>().prop_map(|b| uuid_to_string(&b)), "[a-zé0-9-]{1,40}"]
    }

    fn uuid_to_string(uuid: &[u8; 16]) -> String {
        uuid::Uuid::from_bytes(*uuid).hyphenated().to_string()
    }

    proptest! {
        #[test]
        fn the_form_of_a_column_shows_nowhere(
            mine in proptest::collection::vec(any_id(), 0..5),
            theirs in proptest::collection::vec(any_id(), 0..5),
            rows in proptest::collection::vec(0_u32..12, 0..8),
        ) {
            let mut ids = Ids::from_iter(&mine);
            ids.append(&Ids::from_iter(&theirs));
            let all: Vec<String> = mine.into_iter().chain(theirs).collect();
            prop_assert_eq!(&texts(&ids), &all);
            prop_assert_eq!(ids.hashes(), all.iter().map(|id| id_hash(id)).collect::<Vec<_>>());
            let taken: Vec<String> =
                rows.iter().filter_map(|row| all.get(*row as usize)).cloned().collect();
            prop_assert_eq!(&texts(&ids.take(&rows)), &taken);
            prop_assert_eq!(ids.take(&rows), Ids::from_iter(&taken));
        }
    }
}
