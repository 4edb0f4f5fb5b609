-- The list of events without a price.

-- name: add
-- Adds the events of :rows. A repeated event, found later in the transaction, rolls it back.
INSERT INTO unpriced_events (identity, user_id, call_id, time, type, service, operation, model, unit, amount_nano)
SELECT identity, user_id, call_id, time, type, service, operation, model, unit, amount_nano
FROM json_populate_recordset(NULL::unpriced_events, :rows::text::json)
ON CONFLICT (identity) DO NOTHING

-- name: remove
-- Removes :identities: voided events, and charges whose fee is recorded.
DELETE FROM unpriced_events WHERE identity = ANY (:identities::uuid[])
