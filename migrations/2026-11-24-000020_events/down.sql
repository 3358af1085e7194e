-- What came before knows nothing below a step, and would make a step of each.
DELETE FROM report_logs l USING reports r WHERE r.build_id = l.build_id AND r.id = l.report_id AND r.activity;
DELETE FROM reports WHERE activity;
ALTER TABLE reports DROP COLUMN activity;
ALTER TABLE plans DROP COLUMN events;
ALTER TABLE workflows DROP COLUMN events;
