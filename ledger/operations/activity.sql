-- What happens at the moment, for `cost-analytics top`: for all users, read as an operator.

-- name: active_calls
-- Up to :limit active calls, latest started first, with their recorded cost in nano-dollars. A call
-- is active while it has not ended and was updated after :updated_after.
SELECT call_id, user_id, persona_id, first_at,
       (SELECT coalesce(sum(cost.value::bigint), 0)::bigint
          FROM jsonb_each(costs::jsonb) AS day, jsonb_each_text(day.value) AS cost) AS cost_nano,
       event_count, clock_timestamp() AS read_at
  FROM calls
 WHERE status = 'active'
   AND user_id IS NOT NULL
   AND updated_at > :updated_after
 ORDER BY first_at DESC
 LIMIT :limit

-- name: alerts
-- The :limit newest alerts.
SELECT triggered_at, user_id, type, period, threshold_percent, late
  FROM budget_alerts ORDER BY seq DESC LIMIT :limit
