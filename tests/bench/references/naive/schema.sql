-- What one writes down first: a row a report with everything in it, and a row a build with its state.

CREATE TABLE builds (
    id uuid PRIMARY KEY,
    label text NOT NULL,
    status text,
    percentage integer,
    reports integer NOT NULL DEFAULT 0,
    last_report_at timestamptz
) WITH (fillfactor = 80);

CREATE TABLE credentials (
    hash bytea PRIMARY KEY,
    build_id uuid NOT NULL REFERENCES builds,
    expires_at timestamptz NOT NULL
);

CREATE TABLE reports (
    id bigserial PRIMARY KEY,
    build_id uuid NOT NULL,
    label text NOT NULL,
    status text,
    percentage integer,
    message text,
    logs text,
    received_at timestamptz NOT NULL
);
CREATE INDEX reports_build_id_idx ON reports (build_id, id);
-- Nearly free, and old rows are found by it.
CREATE INDEX reports_received_at_idx ON reports USING brin (received_at);

-- The id of the nth build.
CREATE FUNCTION naive_build(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql
RETURN ('0193b000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;
