-- Whose signals nobody wants to hear of, until when, and why: of one host, or of those that a search finds.
CREATE TABLE mutes (
    id uuid CONSTRAINT mutes_pkey PRIMARY KEY,
    host_id uuid CONSTRAINT mutes_host_id_fkey REFERENCES hosts ON DELETE CASCADE,
    search text,
    until timestamptz NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    -- What whoever made it was bound to: a search mutes nothing beyond that.
    organizations text[] NOT NULL,
    locations text[] NOT NULL,
    CONSTRAINT mutes_subject_check CHECK ((host_id IS NULL) <> (search IS NULL))
);
CREATE INDEX mutes_host_id_idx ON mutes (host_id);
