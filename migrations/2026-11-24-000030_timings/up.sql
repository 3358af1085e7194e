-- How long the steps of one kind of build take. A row holds all steps of its kind, because their times
-- stand side by side: the n-th from the end of each belong to one build.
CREATE TABLE timings (
    workflow text NOT NULL,
    -- Empty for those of any.
    hostgroup text NOT NULL,
    model text NOT NULL,
    -- [{"label": "packages", "recent": [412000, null]}], milliseconds; empty when it was forgotten.
    steps jsonb NOT NULL,
    -- The highest is of what was learned last, so that a node reads only what it does not know.
    revision bigint NOT NULL,
    CONSTRAINT timings_pkey PRIMARY KEY (workflow, hostgroup, model)
);
CREATE INDEX timings_revision_idx ON timings (revision);

-- Whether what the build can teach has been learned. It is no part of the build, and has no version.
ALTER TABLE builds ADD is_learned boolean NOT NULL DEFAULT false;
CREATE INDEX builds_unlearned_idx ON builds (ended_at, id) WHERE state = 'completed' AND NOT is_learned;
