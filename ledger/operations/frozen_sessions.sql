-- Sessions of frozen workers, which the limit on idle transactions does not end in time.

-- name: mark
-- Marks this session as one of the worker :worker_id, until it is closed.
SELECT pg_advisory_lock_shared(7201906, hashtext(:worker_id))

-- name: open_transactions
-- Other workers with open transactions, the start of their newest statement in any session, and the
-- bytes that their COPYs have sent.
SELECT l.objid::bigint AS worker, max(s.query_start) AS newest_statement_at, coalesce(sum(c.bytes_processed), 0)::bigint AS bytes
FROM pg_locks AS l JOIN pg_stat_activity AS s USING (pid) LEFT JOIN pg_stat_progress_copy AS c USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = 7201906 AND l.objsubid = 2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY l.objid
HAVING bool_or(s.xact_start IS NOT NULL) AND NOT bool_or(s.pid = pg_backend_pid())

-- name: end
-- Ends all sessions of the :worker, unless it has started a statement since :newest_statement_at; returns their number.
SELECT count(pg_terminate_backend(pid))
FROM (
    SELECT s.pid, max(s.query_start) OVER () AS newest_statement_at
    FROM pg_locks AS l JOIN pg_stat_activity AS s USING (pid)
    WHERE l.locktype = 'advisory' AND l.classid = 7201906 AND l.objsubid = 2 AND l.objid = :worker::bigint::oid
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    OFFSET 0
) AS sessions
WHERE newest_statement_at <= :newest_statement_at
