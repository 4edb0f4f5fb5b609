-- How far the clocks of workers are from this server's, which they judge events by.

ALTER TABLE stream_workers ADD COLUMN clock_skew_ms bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN stream_workers.clock_skew_ms IS 'By how many milliseconds the clock of the worker''s host was ahead of this server''s at the last heartbeat.';
