-- Hosts, found by Foreman's id first and by name otherwise. A host whose name another one took
-- over (renamed in Foreman) is retired: it keeps its history and gives up its name.
CREATE TABLE hosts (
    id uuid CONSTRAINT hosts_pkey PRIMARY KEY,
    name text NOT NULL,
    foreman_id bigint CONSTRAINT hosts_foreman_id_key UNIQUE,
    mac text,
    ip text,
    organization text,
    location text,
    hostgroup text,
    operatingsystem text,
    model text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE UNIQUE INDEX hosts_name_key ON hosts (name) WHERE retired_at IS NULL;

-- What builds were expected to pass when they were opened; equal plans are kept once.
CREATE TABLE plans (
    digest bytea CONSTRAINT plans_pkey PRIMARY KEY,
    steps jsonb NOT NULL
);

-- Small and hot: every report updates one row, so leave room for HOT updates.
CREATE TABLE builds (
    id uuid CONSTRAINT builds_pkey PRIMARY KEY,
    host_id uuid NOT NULL CONSTRAINT builds_host_id_fkey REFERENCES hosts ON DELETE CASCADE,
    workflow text NOT NULL,
    plan bytea NOT NULL CONSTRAINT builds_plan_fkey REFERENCES plans,
    state text NOT NULL CONSTRAINT builds_state_check CHECK (state IN (
        'pending', 'running', 'failed', 'installed', 'completed', 'canceled', 'superseded', 'expired')),
    attempt integer NOT NULL CONSTRAINT builds_attempt_check CHECK (attempt >= 1),
    -- Basis points, as every percentage here.
    floor integer NOT NULL CONSTRAINT builds_floor_check CHECK (floor BETWEEN 0 AND 10000),
    reported integer CONSTRAINT builds_reported_check CHECK (reported BETWEEN 0 AND 10000),
    reports integer NOT NULL,
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    installed_at timestamptz,
    ended_at timestamptz,
    closed_at timestamptz,
    last_report_at timestamptz,
    last_message text,
    current_step text,
    boot_id text,
    -- The highest seq of each boot: {"<boot id>": 17}.
    seqs jsonb NOT NULL DEFAULT '{}',
    -- What befell the build otherwise than by a report: [{"event": "cancel", "at": "..."}].
    marks jsonb NOT NULL DEFAULT '[]',
    rejected_reports integer NOT NULL DEFAULT 0,
    rejected_label text,
    rejected_at timestamptz,
    version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX builds_host_id_idx ON builds (host_id, id DESC);
CREATE INDEX builds_open_idx ON builds (id DESC) WHERE ended_at IS NULL;
CREATE INDEX builds_ended_at_idx ON builds (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX builds_plan_idx ON builds (plan);

CREATE TABLE step_runs (
    build_id uuid NOT NULL,
    attempt integer NOT NULL,
    label text NOT NULL,
    name text,
    priority integer,
    state text NOT NULL CONSTRAINT step_runs_state_check CHECK (state IN ('running', 'done', 'failed')),
    inferred boolean NOT NULL,
    percentage integer CONSTRAINT step_runs_percentage_check CHECK (percentage BETWEEN 0 AND 10000),
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    attempts integer NOT NULL,
    message text,
    CONSTRAINT step_runs_pkey PRIMARY KEY (build_id, attempt, label)
);

-- Partitioned by the time-ordered build id: all reports of a build lie together, a repeat is
-- caught by the key, and old ones go by dropping a partition. No foreign key on this path.
CREATE TABLE reports (
    build_id uuid NOT NULL,
    id uuid NOT NULL,
    -- The server's order within the build, from 1.
    position integer NOT NULL,
    attempt integer NOT NULL,
    label text NOT NULL,
    name text,
    priority integer,
    status text CONSTRAINT reports_status_check CHECK (status IN ('init', 'done', 'failed')),
    percentage integer CONSTRAINT reports_percentage_check CHECK (percentage BETWEEN 0 AND 10000),
    message text,
    seq bigint,
    boot_id text,
    reported_at timestamptz,
    received_at timestamptz NOT NULL,
    -- Size of the log that is kept with it in report_logs; 0 for none.
    log_bytes integer NOT NULL DEFAULT 0,
    CONSTRAINT reports_pkey PRIMARY KEY (build_id, id)
) PARTITION BY RANGE (build_id);
CREATE TABLE reports_default PARTITION OF reports DEFAULT;

-- Large and seldom read, so apart from the hot rows.
CREATE TABLE report_logs (
    build_id uuid NOT NULL,
    report_id uuid NOT NULL,
    -- How many bytes were cut from its front.
    cut bigint NOT NULL,
    text text COMPRESSION lz4 NOT NULL,
    CONSTRAINT report_logs_pkey PRIMARY KEY (build_id, report_id)
) PARTITION BY RANGE (build_id);
CREATE TABLE report_logs_default PARTITION OF report_logs DEFAULT;

-- A credential is kept as its SHA-256 only.
CREATE TABLE credentials (
    hash bytea CONSTRAINT credentials_pkey PRIMARY KEY,
    build_id uuid NOT NULL CONSTRAINT credentials_build_id_fkey REFERENCES builds ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX credentials_build_id_idx ON credentials (build_id);

CREATE TABLE steps (
    label text CONSTRAINT steps_pkey PRIMARY KEY,
    owner text NOT NULL,
    name text NOT NULL,
    description text,
    priority integer NOT NULL CONSTRAINT steps_priority_check CHECK (priority BETWEEN 0 AND 10000),
    weight_seconds integer NOT NULL CONSTRAINT steps_weight_seconds_check CHECK (weight_seconds BETWEEN 0 AND 604800),
    timeout_seconds integer NOT NULL CONSTRAINT steps_timeout_seconds_check CHECK (timeout_seconds BETWEEN 1 AND 604800)
);

CREATE TABLE workflows (
    name text CONSTRAINT workflows_pkey PRIMARY KEY,
    owner text NOT NULL,
    title text NOT NULL,
    description text,
    registry text CONSTRAINT workflows_registry_check CHECK (registry IN ('strict', 'loose')),
    steps jsonb NOT NULL
);
