ALTER TABLE step_runs RESET (fillfactor);

ALTER TABLE reports RENAME TO reports_after;
ALTER TABLE reports_after RENAME CONSTRAINT reports_pkey TO reports_after_pkey;
ALTER TABLE reports_default RENAME TO reports_after_default;
ALTER TABLE reports_after_default RENAME CONSTRAINT reports_default_pkey TO reports_after_default_pkey;

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

INSERT INTO reports (build_id, id, position, attempt, label, name, priority, status, percentage, message, seq,
    boot_id, reported_at, received_at, log_bytes)
SELECT r.build_id, r.id, r.position, r.attempt, r.label, COALESCE(r.name, step ->> 'name'),
    COALESCE(r.priority, (step ->> 'priority')::integer), r.status, r.percentage, r.message, r.seq, r.boot_id,
    r.reported_at, r.received_at, COALESCE(r.log_bytes, octet_length(r.log), 0)
FROM reports_after r
LEFT JOIN builds b ON b.id = r.build_id
LEFT JOIN plans p ON p.digest = b.plan
LEFT JOIN LATERAL (
    SELECT step FROM jsonb_array_elements(p.steps) step WHERE step ->> 'label' = r.label LIMIT 1
) planned ON true;
INSERT INTO report_logs (build_id, report_id, cut, text)
SELECT build_id, id, 0, log FROM reports_after WHERE log IS NOT NULL;
DROP TABLE reports_after;
