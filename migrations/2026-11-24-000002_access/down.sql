ALTER TABLE builds DROP limited_at, DROP limited_reports;
DROP INDEX hosts_ip_idx;
DROP INDEX hosts_mac_idx;
DROP TABLE audit;
DROP TABLE tokens;
