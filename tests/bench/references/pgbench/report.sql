-- The shortest way for one report that PostgreSQL has: one statement, which is one transaction.
\set build random(1, 1000)
\set percentage random(0, 100)
WITH state AS (
    UPDATE builds
    SET label = 'packages', status = NULL, percentage = :percentage, reports = reports + 1, last_report_at = now()
    WHERE id = naive_build(:build)
)
INSERT INTO reports (build_id, label, status, percentage, message, logs, received_at)
VALUES (naive_build(:build), 'packages', NULL, :percentage, NULL,
    '2026-11-24T10:11:12.131Z_anaconda_dnf_Installing_kernel-core-5.14.0-427.13.1.el9_4.x86_64_412_of_893', now());
