-- Reads of the live feed, for all users: it sends each call to its owner and to administrators only. A
-- call is active while it has not ended and was updated after :updated_after.

-- name: active_versions
-- The ledger's epoch, and the versions of up to :limit active calls, latest started first; one row
-- without a call if there are none.
SELECT epoch, call_id, version
  FROM (SELECT max(epoch) AS epoch FROM ledger_epochs) AS ledger
  LEFT JOIN (SELECT call_id, version
               FROM calls
              WHERE status = 'active'
                AND user_id IS NOT NULL
                AND updated_at > :updated_after
              ORDER BY first_at DESC
              LIMIT :limit) AS active ON true

-- name: active_versions_of
-- The same for the active calls of :user_ids, up to :limit.
SELECT epoch, call_id, version
  FROM (SELECT max(epoch) AS epoch FROM ledger_epochs) AS ledger
  LEFT JOIN (SELECT call_id, version
               FROM calls
              WHERE status = 'active'
                AND user_id = ANY (:user_ids::text[])
                AND updated_at > :updated_after
              ORDER BY first_at DESC
              LIMIT :limit) AS active ON true

-- name: calls
-- The ledger's epoch, and :call_ids as last committed.
SELECT (SELECT max(epoch) FROM ledger_epochs) AS epoch, call_id, user_id, persona_id, status, direction, expected_duration_ms, duration_ms,
       first_at, started_at, started_by, persona_at, persona_by, ended_at, ended_by,
       costs::text, charges::text, infrastructure::text, pending_voids::text,
       charge_count, default_charge_nano, default_fee_nano,
       estimated_count, event_count, held_count, version, updated_at
  FROM calls
 WHERE call_id = ANY (:call_ids::text[])
   AND user_id IS NOT NULL

-- name: durations
-- The durations of calls with each of :personas, in milliseconds: the sum of the last :calls_max
-- completed calls, by `users` users, and the sums of each user if there are at most :users_min users.
-- `user_id` is null in the sum of all. Personas without calls are left out.
SELECT asked.persona_id, recent.users, recent.user_id, recent.calls, recent.duration_ms
  FROM unnest(:personas::text[]) AS asked (persona_id),
       LATERAL (SELECT user_id, count(*) AS calls, sum(duration_ms)::bigint AS duration_ms,
                       count(*) OVER () - 1 AS users
                  FROM (SELECT user_id, duration_ms
                          FROM calls
                         WHERE persona_id = asked.persona_id COLLATE "C"
                           AND status = 'completed'
                           AND user_id IS NOT NULL
                         ORDER BY ended_at DESC
                         LIMIT :calls_max) AS last_ones
                 GROUP BY GROUPING SETS ((user_id), ())) AS recent
 WHERE recent.users > 0
   AND (recent.user_id IS NULL OR recent.users <= :users_min)
 ORDER BY asked.persona_id

-- name: once_services
-- The services whose costs are paid once per call, whatever its duration.
SELECT service FROM service_prices WHERE class IN ('infrastructure', 'transaction')
UNION
SELECT processor FROM payment_processors, cost_class_of(processor) AS k WHERE k.class = 'transaction'
