//! The daily partitions of `reports` and `report_logs`: which there are, and how they are made.
//!
//! The rule it protects: a report finds its place before it comes, and nobody who brings one waits
//! long for that. Partitions are made days ahead, one short transaction each; what came while there
//! was none lies in the default partition, which is a net and is emptied again.

use std::ops::Range;

use chrono::{Days, NaiveDate, NaiveTime};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types};
use milepost_domain::Time;
use uuid::Uuid;

use crate::{Error, Result};

/// How many days after today have partitions unless somebody asks for more: enough for a weekend
/// without housekeeping.
pub const DAYS_AHEAD: u32 = 3;
/// With more rows than these in the default partition, a day stays there: moving them would keep
/// reports waiting.
pub const MOVED_MAX: i64 = 20_000;

/// Any constant will do, as long as every version takes the same.
const LOCK: &str = "SELECT pg_advisory_lock(hashtext('milepost partitions'))";
const UNLOCK: &str = "SELECT pg_advisory_unlock(hashtext('milepost partitions'))";
/// How often a short transaction is tried while others hold what it needs.
const TRIES: usize = 3;

/// A table that is partitioned by the day on which its builds were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Reports,
    Logs,
}

impl Table {
    pub(crate) const ALL: [Self; 2] = [Self::Reports, Self::Logs];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reports => "reports",
            Self::Logs => "report_logs",
        }
    }

    /// What catches rows for which there is no partition.
    pub(crate) const fn default(self) -> &'static str {
        match self {
            Self::Reports => "reports_default",
            Self::Logs => "report_logs_default",
        }
    }

    /// The partition of a day, for example `reports_20261124`.
    pub(crate) fn partition(self, day: NaiveDate) -> String {
        format!("{}_{}", self.name(), day.format("%Y%m%d"))
    }

    /// The day of a partition that is ours: by its name, and by its bounds too.
    fn day(self, name: &str, bound: &str) -> Option<NaiveDate> {
        let digits = name.strip_prefix(self.name())?.strip_prefix('_')?;
        let day = NaiveDate::parse_from_str(digits, "%Y%m%d").ok()?;
        (self.partition(day) == name && for_values(day) == bound).then_some(day)
    }
}

/// The ids of the builds that were opened on a day: the first 48 bits are its milliseconds.
#[must_use]
pub fn bounds(day: NaiveDate) -> Range<Uuid> {
    let next = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    first_id(day)..first_id(next)
}

/// No id of a build that was opened on that day or later sorts before this.
pub(crate) fn first_id(day: NaiveDate) -> Uuid {
    id_at(day.and_time(NaiveTime::MIN).and_utc())
}

/// The lowest id that something can have that is made at that time.
pub(crate) fn id_at(time: Time) -> Uuid {
    let millis = time.timestamp_millis();
    // Before 1970 and after the year 10889 nothing can be told apart.
    let millis = u128::try_from(millis).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(millis << 80)
}

/// As PostgreSQL prints the bounds of a partition.
fn for_values(day: NaiveDate) -> String {
    let Range { start, end } = bounds(day);
    format!("FOR VALUES FROM ('{start}') TO ('{end}')")
}

/// What was left as it is, and why; the next time may do better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The partition.
    pub partition: String,
    /// A part of a sentence, for people.
    pub why: String,
}

/// What [`ensure`] came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ensured {
    /// The partitions that were made.
    pub made: Vec<String>,
    /// How many rows were moved to them from the default partitions.
    pub moved: u64,
    /// Those that could not be made; their rows go to the default partition.
    pub left: Vec<Left>,
}

/// Makes the partitions of yesterday (for builds that were opened before midnight), of today, and
/// of so many days ahead, where they are missing. Several nodes may do it at once. Not to be called
/// within a transaction.
///
/// # Errors
/// When the database cannot be reached, or another node keeps at it.
pub fn ensure(connection: &mut PgConnection, now: Time, days_ahead: u32) -> Result<Ensured> {
    let today = now.date_naive();
    let first = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let last = today.checked_add_days(Days::new(days_ahead.into())).unwrap_or(today);
    let wanted: Vec<NaiveDate> = first.iter_days().take_while(|day| *day <= last).collect();
    alone(connection, |connection| {
        let mut ensured = Ensured::default();
        for table in Table::ALL {
            let existing = days(connection, table)?;
            let missing = wanted.iter().copied().filter(|day| !existing.contains(day));
            make(connection, table, missing, &mut ensured)?;
        }
        Ok(ensured)
    })
}

fn make(
    connection: &mut PgConnection,
    table: Table,
    missing: impl Iterator<Item = NaiveDate>,
    ensured: &mut Ensured,
) -> Result<()> {
    let mut is_busy = false;
    for day in missing {
        let partition = table.partition(day);
        if is_busy {
            // Each further try would only make new reports wait.
            ensured.left.push(Left { partition, why: format!("{} is in use", table.name()) });
            continue;
        }
        match shortly(connection, |connection| attach(connection, table, day)) {
            Ok(Attached::New { moved }) => {
                ensured.moved += moved;
                ensured.made.push(partition);
            }
            Ok(Attached::TooManyRows) => {
                let why = format!("more than {MOVED_MAX} rows of it lie in {}, and stay", table.default());
                ensured.left.push(Left { partition, why });
            }
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(error) => {
                is_busy = matches!(error, Error::Interrupted(_));
                ensured.left.push(Left { partition, why: why(&error) });
            }
        }
    }
    Ok(())
}

/// Why something could not be done, as a part of a sentence.
pub(crate) fn why(error: &Error) -> String {
    match error {
        Error::Interrupted(_) => "somebody is using it".to_owned(),
        other => other.to_string(),
    }
}

#[derive(QueryableByName)]
struct Child {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Text)]
    bound: String,
}

/// The days that have a partition, in order. Partitions that somebody else made are not ours to
/// judge or to drop.
pub(crate) fn days(connection: &mut PgConnection, table: Table) -> Result<Vec<NaiveDate>> {
    let children: Vec<Child> = sql_query(format!(
        "SELECT relname::text AS name, coalesce(pg_get_expr(relpartbound, c.oid), '') AS bound
         FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
         WHERE inhparent = '{}'::regclass ORDER BY relname",
        table.name()
    ))
    .load(connection)?;
    Ok(children.iter().filter_map(|child| table.day(&child.name, &child.bound)).collect())
}

enum Attached {
    New { moved: u64 },
    TooManyRows,
}

/// Makes the partition of a day beside the table, fills it, and attaches it.
fn attach(connection: &mut PgConnection, table: Table, day: NaiveDate) -> Result<Attached> {
    let (whole, default, name) = (table.name(), table.default(), table.partition(day));
    let Range { start, end } = bounds(day);
    let range = format!("build_id >= '{start}' AND build_id < '{end}'");
    let mut run = |sql: &str| Ok::<_, Error>(sql_query(sql).execute(connection)?);
    // What the rows that are moved below have to be looked through for.
    run("SET LOCAL statement_timeout = '5s'")?;
    // The CHECK tells ATTACH that no row needs to be looked at; it goes again below, since the
    // bounds say the same. Names of the other constraints: see `constraint::meaning`.
    run(&format!("CREATE TABLE {name} (LIKE {whole} INCLUDING ALL, CONSTRAINT {name}_day CHECK ({range}))"))?;
    if let Some(parameters) = storage_parameters(connection, default)? {
        sql_query(format!("ALTER TABLE {name} SET ({parameters})")).execute(connection)?;
    }
    let caught = caught(connection, default, &range)?;
    if caught > MOVED_MAX {
        // The empty table goes with the transaction.
        sql_query(format!("DROP TABLE {name}")).execute(connection)?;
        return Ok(Attached::TooManyRows);
    }
    let mut run = |sql: &str| Ok::<_, Error>(sql_query(sql).execute(connection)?);
    if caught > 0 {
        // Rows that move must not be missed by whoever has planned to read the default partition,
        // so nobody may have planned anything. Otherwise writers to other days go on.
        run(&format!("LOCK TABLE ONLY {whole} IN ACCESS EXCLUSIVE MODE"))?;
    }
    // In the order of ATTACH itself, so that nobody waits for us while we wait for them.
    run(&format!("LOCK TABLE ONLY {whole} IN SHARE UPDATE EXCLUSIVE MODE"))?;
    run(&format!("LOCK TABLE ONLY {default} IN ACCESS EXCLUSIVE MODE"))?;
    let moved = run(&format!(
        "WITH moved AS (DELETE FROM ONLY {default} WHERE {range} RETURNING *)
         INSERT INTO {name} SELECT * FROM moved"
    ))?;
    if moved > 0 && caught == 0 {
        return Err(Error::Interrupted(format!("{default} got a row of {day} just now")));
    }
    run(&format!("ALTER TABLE {whole} ATTACH PARTITION {name} {}", for_values(day)))?;
    run(&format!("ALTER TABLE {name} DROP CONSTRAINT {name}_day"))?;
    Ok(Attached::New { moved: u64::try_from(moved).unwrap_or(0) })
}

/// How many rows of a range lie in a default partition; more than [`MOVED_MAX`] are not counted.
fn caught(connection: &mut PgConnection, default: &str, range: &str) -> Result<i64> {
    number(
        connection,
        &format!(
            "SELECT count(*) AS number FROM (SELECT FROM ONLY {default} WHERE {range} LIMIT {}) caught",
            MOVED_MAX + 1
        ),
    )
}

#[derive(QueryableByName)]
struct Parameters {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    parameters: Option<String>,
}

/// The storage parameters of a table and of its TOAST table, which `LIKE` does not copy and a
/// partitioned table cannot have: those of the default partition are those of all.
fn storage_parameters(connection: &mut PgConnection, table: &str) -> Result<Option<String>> {
    let found: Parameters = sql_query(format!(
        "SELECT string_agg(format('%s%I = %L', prefix, option_name, option_value), ', ') AS parameters
         FROM (SELECT '' AS prefix, reloptions FROM pg_class WHERE oid = '{table}'::regclass
             UNION ALL
             SELECT 'toast.', toast.reloptions FROM pg_class own JOIN pg_class toast
                 ON toast.oid = own.reltoastrelid WHERE own.oid = '{table}'::regclass) own,
             pg_options_to_table(reloptions)"
    ))
    .get_result(connection)?;
    Ok(found.parameters)
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = sql_types::BigInt)]
    number: i64,
}

/// The column `number` of one row.
pub(crate) fn number(connection: &mut PgConnection, sql: &str) -> Result<i64> {
    Ok(sql_query(sql).get_result::<Number>(connection)?.number)
}

/// Does something while no other node changes partitions or retires what is in them.
pub(crate) fn alone<T>(
    connection: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T>,
) -> Result<T> {
    connection.transaction(|connection| {
        sql_query("SET LOCAL lock_timeout = '10s'").execute(connection)?;
        // Of the session: it stays beyond this transaction.
        sql_query(LOCK).execute(connection).map_err(|error| match error.into() {
            Error::Interrupted(_) => Error::Interrupted("another node keeps at the partitions".to_owned()),
            other => other,
        })
    })?;
    let answer = work(connection);
    let unlocked = sql_query(UNLOCK).execute(connection);
    let answer = answer?;
    unlocked?;
    Ok(answer)
}

/// Does something in a transaction of its own that waits for nobody long: whoever comes after it
/// waits for it. Tried again a few times; in between the others pass.
pub(crate) fn shortly<T>(
    connection: &mut PgConnection,
    mut work: impl FnMut(&mut PgConnection) -> Result<T>,
) -> Result<T> {
    let mut tries = 0;
    loop {
        tries += 1;
        let answer = connection.transaction(|connection| {
            sql_query("SET LOCAL lock_timeout = '500ms'").execute(connection)?;
            work(connection)
        });
        match answer {
            Err(Error::Interrupted(why)) if tries < TRIES => log::debug!("tried again: {why}"),
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_with_its_milliseconds_and_zeros() {
        let bounds = bounds(day("2026-11-24"));
        assert_eq!(bounds.start.to_string(), "01a20ada-2c00-0000-0000-000000000000");
        assert_eq!(first_id(day("1969-12-31")), Uuid::nil());
        assert!(first_id(NaiveDate::MAX) > first_id(day("2999-01-01")));
    }

    #[test]
    fn only_a_partition_with_our_name_and_our_bounds_is_ours() {
        let (today, tomorrow) = (day("2026-11-24"), day("2026-11-25"));
        let own = for_values(today);
        assert_eq!(Table::Reports.day("reports_20261124", &own), Some(today));
        assert_eq!(Table::Logs.day("report_logs_20261124", &own), Some(today));
        for (name, bound) in [
            ("reports_default", "DEFAULT"),
            ("reports_20261124", for_values(tomorrow).as_str()),
            ("reports_2026112", own.as_str()),
            ("reports_20261131", own.as_str()),
            ("report_logs_20261124", own.as_str()),
        ] {
            assert_eq!(Table::Reports.day(name, bound), None, "{name} {bound}");
        }
    }
}
