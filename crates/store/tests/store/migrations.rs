//! Migrations up, down and up again.

use diesel::PgConnection;
use milepost_store::migrate;
use milepost_testkit::empty_database;

use crate::sql::{assert_same_lines, lines};

/// Everything of the schema that a migration could leave behind or forget, a line each.
const CATALOG: &str = "
    SELECT line FROM (
        SELECT concat_ws(' ', 'relation', relname, relkind, relpersistence, reloptions::text,
            pg_get_partkeydef(c.oid), pg_get_expr(relpartbound, c.oid), 'of ' || i.inhparent::regclass) AS line
        FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
        WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'I')
        UNION ALL
        SELECT concat_ws(' ', 'column', c.relname || '.' || a.attname, a.attnum,
            format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
            'default ' || pg_get_expr(d.adbin, d.adrelid), 'compression ' || nullif(a.attcompression::text, ''))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('i', 'I')
            AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'index ' || pg_get_indexdef(indexrelid)
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'type ' || typname FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype NOT IN ('b', 'c')
        UNION ALL
        SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT tgisinternal
        UNION ALL
        SELECT 'extension ' || extname FROM pg_extension WHERE extname <> 'plpgsql'
    ) catalog WHERE line !~ '__diesel_schema_migrations' ORDER BY line";

fn catalog(connection: &mut PgConnection) -> Vec<String> {
    lines(connection, CATALOG)
}

#[test]
fn up_down_up_leaves_the_same_catalog_and_down_leaves_nothing() {
    let database = empty_database();
    let mut connection = database.connect();
    let names = migrate::pending(&database.url).unwrap();
    assert_eq!(migrate::run(&database.url).unwrap().len(), names.len());
    let first = catalog(&mut connection);
    assert!(first.len() > 100, "the catalog is looked at: {first:?}");

    migrate::revert_all(&database.url).unwrap();
    let left = catalog(&mut connection);
    assert!(left.is_empty(), "down.sql leaves behind:\n{}", left.join("\n"));
    assert_eq!(migrate::pending(&database.url).unwrap(), names);

    migrate::run(&database.url).unwrap();
    assert_same_lines(("after the first up", &first), ("after down and up", &catalog(&mut connection)));
}

#[test]
fn what_is_applied_is_not_applied_again() {
    let database = empty_database();
    assert!(!migrate::run(&database.url).unwrap().is_empty());
    assert!(migrate::run(&database.url).unwrap().is_empty());
    assert!(migrate::pending(&database.url).unwrap().is_empty());
}

#[test]
fn nodes_that_start_at_once_migrate_once() {
    let database = empty_database();
    let applied = crate::support::at_once(|_| migrate::run(&database.url).unwrap());
    assert_eq!(applied.iter().filter(|names| !names.is_empty()).count(), 1, "{applied:?}");
}

#[test]
fn reports_read_the_same_before_and_after_their_rows_were_laid_out_anew() {
    use diesel::connection::SimpleConnection as _;
    use milepost_domain::Log;

    use crate::support::{
        DONE, FAILED, INIT, folded, in_order, load, open_kickstart, record, report, store, stored,
    };

    let database = milepost_testkit::Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let mut reports = [
        report("get_ks", DONE, 1),
        report("packages", INIT, 2),
        report("packages", FAILED, 3),
        // Known to the registry, but no step of this workflow.
        report("autoinstall", None, 4),
    ];
    reports[0].name = Some("Another name".parse().unwrap());
    reports[0].priority = Some(7);
    reports[1].log = Log::from_bytes(b"short\n");
    reports[2].log = Log::from_bytes(&b"a long log\n".repeat(100));
    record(&store, build, &reports[..3]);
    let _ = store.record(build, &reports[3..], Some(milepost_domain::registry::Mode::Loose)).unwrap();
    let logs = |store: &milepost_store::Store| {
        let log = |id| store.read(|connection| milepost_store::report::log(connection, build, id)).ok();
        reports.iter().map(|report| log(report.id)).collect::<Vec<_>>()
    };
    let before = (stored(&store, build), logs(&store));
    assert_eq!(before.1.iter().flatten().count(), 2);

    let mut connection = database.connect();
    connection
        .batch_execute(include_str!("../../../../migrations/2026-11-24-000020_events/down.sql"))
        .unwrap();
    connection
        .batch_execute(include_str!("../../../../migrations/2026-11-24-000001_rows_of_reports/down.sql"))
        .unwrap();
    let old = lines(
        &mut connection,
        "SELECT concat_ws('|', position, label, name, priority, log_bytes) AS line FROM reports ORDER BY position",
    );
    assert_eq!(old[0], "1|get_ks|Another name|7|0");
    assert!(old[1].starts_with("2|packages|Package installation|") && old[1].ends_with("|6"), "{old:?}");
    connection
        .batch_execute(include_str!("../../../../migrations/2026-11-24-000001_rows_of_reports/up.sql"))
        .unwrap();
    connection.batch_execute(include_str!("../../../../migrations/2026-11-24-000020_events/up.sql")).unwrap();
    assert_eq!((stored(&store, build), logs(&store)), before);
    assert_eq!(in_order(load(&store, build).course), folded(&store, build));
}
