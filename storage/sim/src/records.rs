//! What the ledger must hold, kept in plain maps.
//!
//! A change that was acknowledged is there, each is there whole or not at all, and one that failed is
//! not there as long as the same process says anything; after the next opening it may be.

use std::{collections::BTreeMap, ops::Bound};

use driftline_storage::{Db, Error, LedgerChange};

use crate::view::Trouble;

/// The tables of records.
pub const TABLES: [&str; 3] = ["outbox", "states", "states\0of"];

/// A record by the place of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpec {
    /// Place of the table.
    pub table: usize,
    /// Its key.
    pub key: u8,
    /// Bytes of its value.
    pub bytes: u16,
    /// What the value follows from.
    pub salt: u8,
}

/// A change of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordsChange {
    /// Records to put.
    pub put: Vec<RecordSpec>,
    /// Table and key of records to remove.
    pub remove: Vec<(usize, u8)>,
}

impl RecordSpec {
    fn value(self) -> Vec<u8> {
        (0..self.bytes).map(|n| self.salt.wrapping_add((n / 7) as u8)).collect()
    }
}

/// Records by table and key.
type Records = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

fn changed(records: &Records, change: &RecordsChange) -> Records {
    let mut records = records.clone();
    for (table, key) in &change.remove {
        records.remove(&(*table, vec![*key]));
    }
    for spec in &change.put {
        records.insert((spec.table, vec![spec.key]), spec.value());
    }
    records
}

fn read(db: &Db) -> Result<Records, Error> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    let mut records = Records::new();
    for (place, table) in TABLES.iter().enumerate() {
        let found = db.ledger().scan(table, all, false, usize::MAX)?;
        records.extend(found.into_iter().map(|(key, value)| ((place, key), value)));
    }
    Ok(records)
}

/// What the ledger of a database may hold.
#[derive(Debug, Clone)]
pub struct Ledgers {
    /// What it may say now; one, unless nobody has looked since an opening.
    now: Vec<Records>,
    /// What it may say as well after the next opening.
    later: Vec<Records>,
}

impl Default for Ledgers {
    fn default() -> Self {
        Self { now: vec![Records::new()], later: Vec::new() }
    }
}

impl Ledgers {
    /// The database was opened again.
    pub fn reopened(&mut self) {
        for records in self.later.drain(..) {
            if !self.now.contains(&records) {
                self.now.push(records);
            }
        }
    }

    /// Makes a change.
    ///
    /// # Errors
    /// What the database gave.
    pub fn change(&mut self, db: &Db, change: &RecordsChange) -> Result<(), Error> {
        let with: Vec<Records> = self.now.iter().map(|records| changed(records, change)).collect();
        let put = |spec: &RecordSpec| (TABLES[spec.table].to_owned(), vec![spec.key], spec.value());
        let remove = |(table, key): &(usize, u8)| (TABLES[*table].to_owned(), vec![*key]);
        let asked = LedgerChange {
            put: change.put.iter().map(put).collect(),
            remove: change.remove.iter().map(remove).collect(),
        };
        match db.ledger().commit(&asked) {
            Ok(()) => {
                self.now = with;
                self.later.clear();
                Ok(())
            }
            Err(error) => {
                self.later.extend(with);
                Err(error)
            }
        }
    }

    /// Reads everything and keeps what agrees.
    ///
    /// # Errors
    /// What the database gave, or that it holds what it must not.
    pub fn check(&mut self, db: &Db) -> Result<(), Trouble> {
        let found = read(db)?;
        if !self.now.contains(&found) {
            let keys = |records: &Records| {
                let key = |((table, key), value): (&(usize, Vec<u8>), &Vec<u8>)| {
                    format!("{:?}/{key:?}:{}*{:?}", TABLES[*table], value.len(), value.first())
                };
                records.iter().map(key).collect::<Vec<_>>().join(" ")
            };
            let wanted: Vec<String> = self.now.iter().map(keys).collect();
            let text = format!("the ledger holds {}, not {}", keys(&found), wanted.join(" or "));
            return Err(Trouble::Wrong(text));
        }
        self.now = vec![found];
        self.later.clear();
        Ok(())
    }
}
