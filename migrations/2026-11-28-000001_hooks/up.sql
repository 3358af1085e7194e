-- What others were told of each build last: written in the transaction that writes what they are to be told, so
-- that nothing is told twice or never. A row is there from the opening on, so that a build is found that comes
-- and goes between two looks.
CREATE TABLE told (
    build_id uuid CONSTRAINT told_pkey PRIMARY KEY
        CONSTRAINT told_build_id_fkey REFERENCES builds ON DELETE CASCADE,
    -- Whether it went on, as far as was told.
    is_open boolean NOT NULL,
    -- Absent: nothing was told yet.
    state text CONSTRAINT told_state_check CHECK (state IN (
        'pending', 'running', 'failed', 'installed', 'completed', 'canceled', 'superseded', 'expired')),
    attempt integer NOT NULL,
    signals text[] NOT NULL
);
CREATE INDEX told_open_idx ON told (build_id) WHERE is_open;
-- What came before is no news.
INSERT INTO told SELECT id, ended_at IS NULL, state, attempt, '{}' FROM builds;

-- The one that looks, and when it last did.
CREATE TABLE sweeper (
    is_only boolean CONSTRAINT sweeper_pkey PRIMARY KEY CONSTRAINT sweeper_is_only_check CHECK (is_only),
    ran_at timestamptz NOT NULL
);

-- What is to be told, word by word. Ids are UUID v7, so their order is the time's.
CREATE TABLE outbox (
    id uuid CONSTRAINT outbox_pkey PRIMARY KEY,
    -- Absent: it is about no build.
    build_id uuid,
    topic text NOT NULL,
    at timestamptz NOT NULL,
    body text NOT NULL
);

-- Who is to be told what.
CREATE TABLE hooks (
    id uuid CONSTRAINT hooks_pkey PRIMARY KEY,
    name text NOT NULL,
    url text NOT NULL,
    format text NOT NULL CONSTRAINT hooks_format_check CHECK (format IN ('standard', 'slack')),
    events text[] NOT NULL,
    search text,
    organizations text[] NOT NULL,
    locations text[] NOT NULL,
    secret text NOT NULL,
    -- The one before, which signs as well until then.
    old_secret text,
    old_secret_until timestamptz,
    is_enabled boolean NOT NULL,
    disabled_reason text,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    -- Nothing was taken since then.
    failing_since timestamptz,
    failures integer NOT NULL,
    -- A node is at it until then, or it rests after a failure.
    busy_until timestamptz NOT NULL
);

CREATE TABLE deliveries (
    hook_id uuid NOT NULL CONSTRAINT deliveries_hook_id_fkey REFERENCES hooks ON DELETE CASCADE,
    event_id uuid NOT NULL CONSTRAINT deliveries_event_id_fkey REFERENCES outbox ON DELETE CASCADE,
    state text NOT NULL CONSTRAINT deliveries_state_check CHECK (state IN ('pending', 'delivered', 'failed')),
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    attempted_at timestamptz,
    -- What was answered, if anything was.
    status integer,
    error text,
    CONSTRAINT deliveries_pkey PRIMARY KEY (hook_id, event_id)
);
CREATE INDEX deliveries_event_id_idx ON deliveries (event_id);
CREATE INDEX deliveries_pending_idx ON deliveries (hook_id, due_at) WHERE state = 'pending';
