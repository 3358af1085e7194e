ALTER TABLE workflows DROP expected_boots;
ALTER TABLE plans DROP expected_boots;
ALTER TABLE builds DROP evidence;
