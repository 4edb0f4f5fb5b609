-- Sessions of workers whose process is frozen in the middle of a statement, which no limit on idle transactions ends.

-- name: waiting
-- Sessions of other workers that wait for their client in the middle of a statement: which statement, and how many
-- bytes of a COPY it has taken.
SELECT s.pid, s.query_start AS statement, coalesce(c.bytes_processed, 0) AS bytes
FROM pg_stat_activity AS s LEFT JOIN pg_stat_progress_copy AS c USING (pid)
WHERE s.datname = current_database() AND s.usename = current_user
  AND s.application_name = current_setting('application_name')
  AND s.pid <> pg_backend_pid() AND s.state = 'active' AND s.wait_event IN ('ClientRead', 'ClientWrite')

-- name: end
-- Ends the session :pid if it still performs the statement that began at :began_at.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = :pid AND query_start = :began_at AND state = 'active'
