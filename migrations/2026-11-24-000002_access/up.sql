-- Credentials of programs and people. A token is valid by its signature; what is here makes it known
-- by name, and revoked. Links and sessions are here only once they are used up or ended.
CREATE TABLE tokens (
    -- The token's jti.
    id uuid CONSTRAINT tokens_pkey PRIMARY KEY,
    kind text NOT NULL CONSTRAINT tokens_kind_check CHECK (kind IN ('token', 'link', 'session')),
    -- What its maker calls it; empty for one that was only ever revoked.
    name text NOT NULL,
    scope text CONSTRAINT tokens_scope_check CHECK (scope IN ('read', 'manage', 'admin')),
    organizations text[] NOT NULL,
    locations text[] NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);
CREATE INDEX tokens_revoked_idx ON tokens (revoked_at) WHERE revoked_at IS NOT NULL;

-- Who did what, when and from where. Ids are UUID v7, so their order is the time's.
CREATE TABLE audit (
    id uuid CONSTRAINT audit_pkey PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    detail text,
    organization text,
    location text,
    address text,
    request_id text NOT NULL
);
CREATE INDEX audit_at_idx ON audit (at);

-- Machines without a token are known by these, where a site allows it.
CREATE INDEX hosts_mac_idx ON hosts (mac) WHERE mac IS NOT NULL;
CREATE INDEX hosts_ip_idx ON hosts (ip) WHERE ip IS NOT NULL;

-- Reports that a build sent beyond its limits.
ALTER TABLE builds ADD limited_reports integer NOT NULL DEFAULT 0, ADD limited_at timestamptz;
