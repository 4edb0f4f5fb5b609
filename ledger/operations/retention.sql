-- Removes old records. A statement named after a subject removes a batch: up to :limit rows older than :before.

-- name: lock_retention
-- Whether no other process runs retention; the lock lasts as long as the connection.
SELECT pg_try_advisory_lock(hashtext('cost-analytics retention'))

-- name: is_due
-- Whether no run has ended within the last :interval_seconds seconds.
SELECT coalesce(max(ran_at) < now() - make_interval(secs => :interval_seconds), true) FROM retention_progress

-- name: store_progress
-- Adds :removed rows of :subject to those removed, and stores where the next run continues.
INSERT INTO retention_progress AS p (subject, removed, position) VALUES (:subject, :removed, :position)
ON CONFLICT (subject) DO UPDATE
SET removed = p.removed + excluded.removed, position = excluded.position, ran_at = now()

-- name: position
-- Where the next run on :subject continues.
SELECT position FROM retention_progress WHERE subject = :subject

-- name: dead_letters
-- Refused records, replayed or not.
DELETE FROM dead_letters WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM dead_letters WHERE refused_at < :before ORDER BY refused_at LIMIT :limit))

-- name: price_proposals
-- Decided proposals; pending ones stay.
DELETE FROM price_proposals WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM price_proposals WHERE decided_at < :before LIMIT :limit))

-- name: price_refreshes
-- The log of refreshes.
DELETE FROM price_refreshes WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM price_refreshes WHERE started_at < :before LIMIT :limit))

-- name: alerts
-- Checks the first :limit alerts only, which are the oldest.
DELETE FROM budget_alerts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM (SELECT ctid, triggered_at FROM budget_alerts ORDER BY seq LIMIT :limit) AS oldest
    WHERE triggered_at < :before))

-- name: cutoffs
-- Requests to end calls that reached their limit.
DELETE FROM call_cutoffs WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM call_cutoffs WHERE requested_at < :before LIMIT :limit))

-- name: commands
-- Checks the first :limit commands only, which are the oldest, and removes them with their attempts.
DELETE FROM call_commands WHERE command_id = ANY (ARRAY(
    SELECT command_id FROM (SELECT command_id, created_at FROM call_commands ORDER BY seq LIMIT :limit) AS oldest
    WHERE created_at < :before))

-- name: anomalies
-- Checks the first :limit anomalies only, which are the oldest.
DELETE FROM cost_anomalies WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM (SELECT ctid, detected_at FROM cost_anomalies ORDER BY seq LIMIT :limit) AS oldest
    WHERE detected_at < :before))

-- name: notifications
-- Finished deliveries with their attempts.
DELETE FROM notice_deliveries WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM notice_deliveries
    WHERE created_at < :before AND state IN ('delivered', 'failed', 'skipped') ORDER BY seq LIMIT :limit))

-- name: span_costs
-- Costs of spans.
DELETE FROM span_costs WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM span_costs WHERE recorded_at < :before ORDER BY recorded_at LIMIT :limit))

-- name: attached_traces
-- Declared traces.
DELETE FROM attached_traces WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM attached_traces WHERE recorded_at < :before ORDER BY recorded_at LIMIT :limit))

-- name: identity_pages
-- The number of pages of the identities.
SELECT pg_relation_size('event_identities') / current_setting('block_size')::integer

-- name: identities
-- The identities on the pages from :first_page to before :next_page that were recorded before :before.
DELETE FROM event_identities
WHERE ctid >= format('(%s,0)', :first_page::bigint)::tid
  AND ctid < format('(%s,0)', :next_page::bigint)::tid AND recorded_at < :before

-- name: expire_costs
-- Marks seals whose events were all recorded before :before: voids find no cost of them any more.
UPDATE month_seals SET costs_expired_at = now() WHERE costs_expired_at IS NULL
AND last_recorded_at < :before

-- name: expired_seals
-- The seals whose costs are still to be removed.
SELECT seal_id FROM month_seals WHERE costs_expired_at IS NOT NULL AND costs_removed_at IS NULL ORDER BY seal_id

-- name: lock_expired_costs
-- Locks up to :limit costs of :seal_id, except voided ones, corrections (:source) and those without a price. It
-- waits for voids that are being recorded; a later void does not find the cost.
SELECT call_id, identity FROM archived_costs AS a
WHERE seal_id = :seal_id AND coalesce(price_id, 1) > 0
  AND kind_id NOT IN (SELECT kind_id FROM archived_cost_kinds WHERE source = :source)
  AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity)
LIMIT :limit
FOR UPDATE OF a

-- name: remove_expired_costs
-- Deletes those of the locked costs :identities, each of the call at the same index of :call_ids, that
-- were not voided meanwhile.
DELETE FROM archived_costs AS a USING unnest(:identities::uuid[],
                                             :call_ids::text[]) AS locked (identity, call_id)
WHERE a.call_id = locked.call_id AND a.identity = locked.identity
  AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity)

-- name: costs_removed
-- Stores that nothing of :seal_id is left to remove.
UPDATE month_seals SET costs_removed_at = now() WHERE seal_id = :seal_id

-- name: ended_calls
-- Of the next :limit calls after :after, by id: their number, the last one, and those that ended and last
-- changed from :since to before :until, with their versions.
SELECT count(*) AS seen, max(call_id) AS last,
       coalesce(array_agg(call_id) FILTER (WHERE ended), '{}') AS call_ids,
       coalesce(array_agg(version) FILTER (WHERE ended), '{}') AS versions
FROM (
    SELECT call_id, version, status <> 'active' AND updated_at >= :since AND updated_at < :until AS ended
    FROM calls WHERE call_id > :after ORDER BY call_id LIMIT :limit
) AS next

-- name: publish_changed
-- Queues the totals of those of :call_ids that changed since they had the :versions: their newest total
-- may have been published before the tombstone.
INSERT INTO totals_outbox (worker_id, call_ids, hours)
SELECT 'retention', array_agg(c.call_id), '{}'
FROM unnest(:call_ids::text[], :versions::bigint[]) AS published (call_id, version)
JOIN calls AS c ON c.call_id = published.call_id AND c.version <> published.version
HAVING count(*) > 0
