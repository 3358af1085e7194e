//! The same month for the naive reference: a plain table with a bigserial key.

use super::DAYS;
use crate::{database::Database, failure::Result, stop, world::NAIVE};

/// The naive reference's month of reports.
pub(crate) const STORED: &str = "stored_naive";

/// Makes up as many reports, in the order in which they came.
pub(crate) fn reports(database: &Database, count: u64) -> Result<()> {
    database.copy(NAIVE, STORED)?;
    let days = u64::from(DAYS);
    for day in 0..days {
        stop::check()?;
        let (first, last) = (count * day / days, count * (day + 1) / days);
        let sql = format!(
            "INSERT INTO reports (build_id, label, status, percentage, message, logs, received_at)
             SELECT naive_build(n / 100 + 1), 'packages', NULL, n % 100, NULL,
                 '2026-11-24T10:11:12.131Z_anaconda_dnf_Installing_kernel-core-5.14.0-427.13.1.el9_4.x86_64_412_of_893',
                 date_trunc('day', now(), 'UTC') - interval '{days} days' + n * (interval '{days} days' / {count})
             FROM generate_series({first}, {last} - 1) n"
        );
        database.execute(STORED, &sql)?;
    }
    database.execute(STORED, "VACUUM ANALYZE reports")
}
