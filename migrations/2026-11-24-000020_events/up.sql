-- What programs send by themselves: which events mean which step is part of a workflow, and of the plan of each build.
ALTER TABLE workflows ADD COLUMN events jsonb NOT NULL DEFAULT '[]';
ALTER TABLE plans ADD COLUMN events jsonb NOT NULL DEFAULT '[]';

-- Absent in a report; false in an event that is the report of a step, true in one that is none.
ALTER TABLE reports ADD COLUMN activity boolean;
