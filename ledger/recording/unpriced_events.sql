-- Events without a price, see the table unpriced_events.

-- name: add
-- Adds events. A repeat is found when its identity is stored, after this, and rolls everything back.
INSERT INTO unpriced_events (identity, user_id, call_id, time, type, service, operation, model, unit, amount_nano)
SELECT identity, user_id, call_id, time, type, service, operation, model, unit, amount_nano
FROM json_populate_recordset(NULL::unpriced_events, :rows::text::json)
ON CONFLICT (identity) DO NOTHING

-- name: remove
-- Removes those of :identities that are in the table: voided events, and charges whose fee is recorded.
DELETE FROM unpriced_events WHERE identity = ANY (:identities::uuid[])
