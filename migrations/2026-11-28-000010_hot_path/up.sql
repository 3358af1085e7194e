-- A batch of reports costs PostgreSQL much before its first row is written. A good part of that was reading the
-- text of each check anew for each statement, and unnesting some fifty arrays, each with a table of its own, where
-- five do (docs/profile.md has the measurements).

-- What these said is said by the domain's types, on the way in and on the way out.
ALTER TABLE builds
    DROP CONSTRAINT builds_state_check,
    DROP CONSTRAINT builds_attempt_check,
    DROP CONSTRAINT builds_floor_check,
    DROP CONSTRAINT builds_reported_check;
ALTER TABLE step_runs
    DROP CONSTRAINT step_runs_state_check,
    DROP CONSTRAINT step_runs_percentage_check;
ALTER TABLE reports
    DROP CONSTRAINT reports_status_check,
    DROP CONSTRAINT reports_percentage_check;

-- What the service sends of a batch. A node of another version may send the layout that it knows: so one
-- that changes gets a new number, and the old one goes a version later.
CREATE TYPE build_row_1 AS (
    id uuid, version bigint, state text, attempt integer, floor integer, reported integer, reports integer,
    installed_at timestamptz, ended_at timestamptz, closed_at timestamptz, last_report_at timestamptz,
    last_message text, current_step text, boot_id text, seqs jsonb, marks jsonb, evidence jsonb,
    rejected_reports integer, rejected_label text, rejected_at timestamptz);
CREATE TYPE report_row_1 AS (
    build_id uuid, id uuid, received_at timestamptz, reported_at timestamptz, seq bigint, "position" integer,
    log_bytes integer, attempt smallint, priority smallint, percentage smallint, label text, status text,
    message text, log text, name text, boot_id text, activity boolean);
CREATE TYPE log_row_1 AS (build_id uuid, report_id uuid, cut bigint, text text);
CREATE TYPE run_row_1 AS (
    build_id uuid, attempt integer, label text, name text, priority integer, state text, inferred boolean,
    percentage integer, started_at timestamptz, finished_at timestamptz, attempts integer, message text);
CREATE TYPE run_key_1 AS (build_id uuid, attempt integer, label text);
