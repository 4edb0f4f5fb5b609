-- name: lock
-- Takes the lock of price refreshes until the connection is closed; false if another session has it.
SELECT pg_try_advisory_lock(hashtext('cost-analytics price refresh'))

-- name: was_read_since
-- Whether :source was read successfully since :since.
SELECT EXISTS (SELECT FROM price_refreshes WHERE source = :source AND outcome = 'done'
AND started_at >= :since)

-- name: store_attempt
-- Inserts the result of a refresh from :source, begun at :started_at.
INSERT INTO price_refreshes (source, started_at, finished_at, outcome, verified, added, proposed, error)
VALUES (:source, :started_at, clock_timestamp(), CASE WHEN :error::text IS NULL THEN 'done' ELSE 'failed' END,
        :verified, :added, :proposed, :error)

-- name: sources
-- The sources tried since :since: their last attempt and its error, and the last successful one since then.
SELECT DISTINCT ON (source) source AS name, started_at AS tried_at, error,
       max(started_at) FILTER (WHERE outcome = 'done') OVER (PARTITION BY source) AS read_at
FROM price_refreshes
WHERE started_at >= :since
ORDER BY source, started_at DESC, refresh_id DESC
