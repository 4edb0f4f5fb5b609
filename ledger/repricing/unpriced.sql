-- Statements for pricing events without a price.

-- name: one_at_a_time
-- Locks the pricing until the transaction ends; false if another session has the lock.
SELECT pg_try_advisory_xact_lock(hashtext('cost-analytics unpriced'))

-- name: kinds
-- The first :limit kinds of usage after (:type … :unit), each with the time of its newest event. Each kind costs one
-- search of the index, however many events it has.
WITH RECURSIVE kind AS (
    (SELECT type, service, operation, model, unit
     FROM unpriced_events
     WHERE (type, service, operation, model, unit)
         > (:type::text, :service::text, :operation::text, :model::text, :unit::text)
     ORDER BY type, service, operation, model, unit LIMIT 1)
    UNION ALL
    SELECT next.* FROM kind, LATERAL (
        SELECT u.type, u.service, u.operation, u.model, u.unit
        FROM unpriced_events AS u
        WHERE (u.type, u.service, u.operation, u.model, u.unit)
            > (kind.type, kind.service, kind.operation, kind.model, kind.unit)
        ORDER BY u.type, u.service, u.operation, u.model, u.unit LIMIT 1
    ) AS next
)
SELECT type, service, operation, model, unit,
       (SELECT max(time) FROM unpriced_events AS u
        WHERE (u.type, u.service, u.operation, u.model, u.unit)
            = (kind.type, kind.service, kind.operation, kind.model, kind.unit)) AS newest
FROM kind LIMIT :limit

-- name: page
-- Up to :limit events of a kind after (:time, :identity), in this order.
SELECT replace(identity::text, '-', '') AS identity, call_id, user_id, time, service, amount_nano
FROM unpriced_events
WHERE (type, service, operation, model, unit)
    = (:type::text, :service::text, :operation::text, :model::text, :unit::text)
  AND (time, identity) > (:time::timestamptz, :identity::uuid)
ORDER BY time, identity LIMIT :limit

-- name: still_unpriced
-- Those of :identities that still lack a price.
SELECT replace(identity::text, '-', '') AS identity FROM unpriced_events WHERE identity = ANY (:identities::uuid[])
