-- name: publish_again
-- Queues the totals of the calls that changed since :since, in rows of :calls_a_row calls. No worker has
-- this name, so any worker publishes them, with the values at that time.
INSERT INTO totals_outbox (worker_id, call_ids, hours)
SELECT 'published again', array_agg(call_id), '{}'
FROM (
    SELECT call_id, row_number() OVER (ORDER BY updated_at) AS rank
    FROM calls
    WHERE user_id IS NOT NULL AND updated_at >= :since
) AS changed
GROUP BY (rank - 1) / :calls_a_row

-- name: is_publishing_again
-- Whether totals queued by publish_again are not in Kafka yet.
SELECT EXISTS (SELECT FROM totals_outbox WHERE worker_id = 'published again')
