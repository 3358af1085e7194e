DROP TYPE build_row_1, report_row_1, log_row_1, run_row_1, run_key_1;
ALTER TABLE builds
    ADD CONSTRAINT builds_state_check CHECK (state IN (
        'pending', 'running', 'failed', 'installed', 'completed', 'canceled', 'superseded', 'expired')),
    ADD CONSTRAINT builds_attempt_check CHECK (attempt >= 1),
    ADD CONSTRAINT builds_floor_check CHECK (floor BETWEEN 0 AND 10000),
    ADD CONSTRAINT builds_reported_check CHECK (reported BETWEEN 0 AND 10000);
ALTER TABLE step_runs
    ADD CONSTRAINT step_runs_state_check CHECK (state IN ('running', 'done', 'failed')),
    ADD CONSTRAINT step_runs_percentage_check CHECK (percentage BETWEEN 0 AND 10000);
ALTER TABLE reports
    ADD CONSTRAINT reports_status_check CHECK (status IN ('init', 'done', 'failed')),
    ADD CONSTRAINT reports_percentage_check CHECK (percentage BETWEEN 0 AND 10000);
