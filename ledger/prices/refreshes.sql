-- name: one_at_a_time
-- Whether nobody else looks at sources of prices; held until the connection is closed.
SELECT pg_try_advisory_lock(hashtext('cost-analytics price refresh'))

-- name: seen_since
-- Whether source $1 was read successfully since $2.
SELECT EXISTS (SELECT FROM price_refreshes WHERE source = $1 AND outcome = 'done' AND started_at >= $2)

-- name: note
-- What a look at source $1, begun at $2, came to.
INSERT INTO price_refreshes (source, started_at, finished_at, outcome, verified, added, proposed, error)
VALUES ($1, $2, clock_timestamp(), CASE WHEN $6::text IS NULL THEN 'done' ELSE 'failed' END, $3, $4, $5, $6)
