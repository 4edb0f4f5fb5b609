-- The delivery journal: a topic with all deliveries, which a restored ledger reads.

-- name: epoch_to_read
-- The current epoch if the journal was not read for it. No row during a restore.
SELECT CASE WHEN journal_read_at IS NULL THEN epoch END AS unread FROM ledger_epochs ORDER BY epoch DESC LIMIT 1

-- name: mark_delivered
-- Inserts deliveries of the journal, or marks existing ones as delivered.
INSERT INTO notice_deliveries AS d (delivery_id, channel_id, user_id, kind, subject_id, state, attempts,
                                    created_at, next_attempt_at, delivered_at, journaled_at)
SELECT delivery_id, channel_id, user_id, kind, subject_id, 'delivered', 1, created_at, NULL, delivered_at, now()
FROM unnest(:delivery_ids::uuid[], :channel_ids::uuid[], :user_ids::text[], :kinds::text[],
            :subject_ids::uuid[], :created_at::timestamptz[], :delivered_at::timestamptz[])
     AS j (delivery_id, channel_id, user_id, kind, subject_id, created_at, delivered_at)
ON CONFLICT (channel_id, kind, subject_id) DO UPDATE
SET state = 'delivered', delivered_at = EXCLUDED.delivered_at, journaled_at = EXCLUDED.journaled_at,
    reason = NULL, code = NULL, claimed_until = NULL, next_attempt_at = NULL
WHERE d.state <> 'delivered'

-- name: mark_read
-- Stores that the journal was read for :epoch.
UPDATE ledger_epochs SET journal_read_at = clock_timestamp() WHERE epoch = :epoch

-- name: unjournaled
-- Up to :limit deliveries that are not known to be in the journal, oldest first.
SELECT delivery_id::text, channel_id::text, user_id, kind, subject_id::text, created_at, delivered_at
FROM notice_deliveries WHERE state = 'delivered' AND journaled_at IS NULL
ORDER BY delivered_at LIMIT :limit

-- name: mark_journaled
-- Stores that the deliveries :delivery_ids are in the journal.
UPDATE notice_deliveries SET journaled_at = now() WHERE delivery_id = ANY (:delivery_ids::uuid[])
