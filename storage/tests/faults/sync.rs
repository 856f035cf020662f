//! A failed sync stops all writes until the database is reopened, and is never tried again.

use driftline_sim::{Call, Fault, Unsynced, When};
use driftline_storage::ErrorKind;

use crate::fixture::{Disk, labels, rows};

#[test]
fn after_a_failed_sync_of_the_log_nothing_is_written_until_reopening() {
    for fault in [Fault::Io, Fault::NoSpace, Fault::SyncLosesSeen, Fault::SyncLosesUnseen] {
        for good in 0..4 {
            let mut disk = Disk::new(u64::from(good));
            let db = disk.create();
            disk.vfs.fail(When::nth(Call::Sync, good.into()).at(".wal"), fault);
            for batch in 0..good {
                disk.predict(&db, 0, &rows(batch * 3..batch * 3 + 3)).unwrap();
            }
            disk.predict(&db, 0, &rows(20..23)).unwrap_err();
            let syncs = disk.vfs.count(Call::Sync);
            let writes = disk.vfs.count(Call::Write);
            for _ in 0..3 {
                let error = disk.predict(&db, 0, &rows(30..33)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
                assert_eq!(disk.label(&db, &labels(0..3, 1, 1)).unwrap_err().kind(), error.kind());
                assert_eq!(db.seal().unwrap_err().kind(), error.kind());
                assert_eq!(db.check_writable().unwrap_err().kind(), error.kind());
            }
            assert_eq!((disk.vfs.count(Call::Sync), disk.vfs.count(Call::Write)), (syncs, writes));
            disk.check(&db);
            drop(db);
            disk.vfs = disk.vfs.crash(Unsynced::Lost);
            let db = disk.open().unwrap();
            disk.check(&db);
            disk.predict(&db, 0, &rows(20..23)).unwrap();
            disk.check(&db);
        }
    }
}
