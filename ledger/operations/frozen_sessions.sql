-- Sessions of frozen workers, which the limit on idle transactions does not end, or not in time.

-- name: mark
-- Marks this session as one of the worker :worker_id, until it is closed.
SELECT pg_advisory_lock_shared(7201906, hashtext(:worker_id))

-- name: blocking_workers
-- Other workers with open transactions, or with a lock that admits one process at a time: the start of their newest
-- statement in any session, and the bytes that their COPYs have sent.
WITH locks AS MATERIALIZED (
    SELECT pid, classid, objid, objsubid
    FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT l.objid::bigint AS worker, max(s.query_start) AS newest_statement_at, coalesce(sum(c.bytes_processed), 0)::bigint AS bytes
FROM locks AS l JOIN pg_stat_activity AS s USING (pid) LEFT JOIN pg_stat_progress_copy AS c USING (pid)
WHERE l.classid = 7201906 AND l.objsubid = 2
GROUP BY l.objid
HAVING bool_or(s.xact_start IS NOT NULL OR s.pid IN (SELECT pid FROM locks WHERE objsubid = 1))
   AND NOT bool_or(s.pid = pg_backend_pid())

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
