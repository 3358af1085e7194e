DROP INDEX builds_unlearned_idx;
ALTER TABLE builds DROP is_learned;
DROP TABLE timings;
