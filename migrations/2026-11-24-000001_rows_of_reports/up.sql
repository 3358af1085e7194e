-- Rows of reports as small as they can be: what a build's plan says of a step is not said again, a
-- short log lies in the row of its report, which saves a row and a key of its own, and the columns
-- stand so that nothing is padded.
ALTER TABLE reports RENAME TO reports_before;
ALTER TABLE reports_before RENAME CONSTRAINT reports_pkey TO reports_before_pkey;
ALTER TABLE reports_default RENAME TO reports_before_default;
ALTER TABLE reports_before_default RENAME CONSTRAINT reports_default_pkey TO reports_before_default_pkey;

CREATE TABLE reports (
    build_id uuid NOT NULL,
    id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    reported_at timestamptz,
    seq bigint,
    -- The server's order within the build, from 1.
    position integer NOT NULL,
    -- Size of a long log, which is kept in report_logs.
    log_bytes integer,
    attempt smallint NOT NULL,
    -- As the plan of the build has it, unless the report said otherwise.
    priority smallint,
    percentage smallint CONSTRAINT reports_percentage_check CHECK (percentage BETWEEN 0 AND 10000),
    label text NOT NULL,
    status text CONSTRAINT reports_status_check CHECK (status IN ('init', 'done', 'failed')),
    message text,
    -- A short log that came whole.
    log text COMPRESSION lz4,
    -- As the plan of the build has it, unless the report said otherwise.
    name text,
    boot_id text,
    CONSTRAINT reports_pkey PRIMARY KEY (build_id, id)
) PARTITION BY RANGE (build_id);
CREATE TABLE reports_default PARTITION OF reports DEFAULT;

-- Into the default partition; the service moves each day to where it belongs.
INSERT INTO reports (build_id, id, received_at, reported_at, seq, position, log_bytes, attempt, priority,
    percentage, label, status, message, name, boot_id)
SELECT build_id, id, received_at, reported_at, seq, position, NULLIF(log_bytes, 0), LEAST(attempt, 32767),
    priority, percentage, label, status, message, name, boot_id
FROM reports_before;
DROP TABLE reports_before;

-- A step is updated when it ends: with room in the page its index needs no new entry.
ALTER TABLE step_runs SET (fillfactor = 80);
