-- What the reports of a build show beside its steps, and signals are made of: boots of the installer, the
-- difference of the clocks, reports that never came. Empty for most, and small for all.
ALTER TABLE builds ADD evidence jsonb NOT NULL DEFAULT '{}';

-- How often the machine boots before it is installed: once, unless a workflow says otherwise.
ALTER TABLE plans ADD expected_boots integer NOT NULL DEFAULT 1
    CONSTRAINT plans_expected_boots_check CHECK (expected_boots BETWEEN 1 AND 50);
ALTER TABLE workflows ADD expected_boots integer
    CONSTRAINT workflows_expected_boots_check CHECK (expected_boots BETWEEN 1 AND 50);
