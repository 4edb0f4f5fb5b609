-- The ledger's epoch, which rises when totals are replaced by a restore or a rebuild.

-- name: current
-- The current epoch, and whether its totals are published; no row during a restore.
SELECT epoch, published_at IS NOT NULL AS is_published FROM ledger_epochs ORDER BY epoch DESC LIMIT 1

-- name: all
-- Every epoch, the oldest first.
SELECT epoch, raised_at, reason, published_at, journal_read_at FROM ledger_epochs ORDER BY epoch

-- name: raise
-- Adds an epoch for a :reason, and returns it: above every stored one and :above, and never below the
-- seconds since 2026, so that two restores of one backup have different ones. If :keeps_deliveries, all
-- deliveries are known and the journal need not be read. Concurrent raises wait for each other; writers
-- do not wait.
WITH turn AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtext('cost-analytics epoch')) AS taken
)
INSERT INTO ledger_epochs (epoch, reason, raised_at, journal_read_at)
SELECT greatest(
           coalesce((SELECT max(epoch) FROM ledger_epochs), 0) + 1,
           :above::bigint + 1,
           extract(epoch FROM clock_timestamp() - timestamptz '2026-01-01 00:00:00Z')::bigint
       ), :reason, clock_timestamp(), CASE WHEN :keeps_deliveries::boolean THEN clock_timestamp() END
FROM turn
RETURNING epoch

-- name: mark_published
-- Stores that all totals of :epoch are published.
UPDATE ledger_epochs SET published_at = clock_timestamp() WHERE epoch = :epoch

-- name: lock_totals_topic
-- Locks the totals topic for this session; false if another session has the lock.
SELECT pg_try_advisory_lock(hashtext('cost-analytics totals topic'))
