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
       charge_count, default_charge_nano, default_fee_nano, charge_plan::text, rerated_nano, roundings::text,
       estimated_count, event_count, held_count, tags::text, tagged_by::text, version, updated_at
  FROM calls
 WHERE call_id = ANY (:call_ids::text[])
   AND user_id IS NOT NULL

-- name: usual_calls
-- For each of :personas, sums of its last :calls_max ended calls: of all users, with `user_id` null, and of
-- each user if there are at most :users_min `users`. Durations are milliseconds. For the calls that announced
-- a duration, `announced_ms` is what they lasted, and `expected_ms` what they announced. Spreads are standard
-- deviations, in thousandths of the mean, of the cost of a call and of the cost per announced millisecond,
-- both without :once_services. `services` is [users, calls, nano-dollars] by service, as JSON. Personas
-- without calls are left out.
SELECT requested.persona_id, sums.users, sums.user_id, sums.calls, sums.duration_ms, sums.spread_permille,
       sums.announced_ms, sums.expected_ms, sums.announced_spread_permille, sums.services
  FROM unnest(:personas::text[]) AS requested (persona_id),
       LATERAL (
           WITH recent AS MATERIALIZED (
               SELECT call_id, user_id, duration_ms, nullif(expected_duration_ms, 0) AS expected_ms, costs
                 FROM calls
                WHERE persona_id = requested.persona_id COLLATE "C"
                  AND status <> 'active' AND status <> 'abandoned'
                  AND user_id IS NOT NULL
                ORDER BY ended_at DESC
                LIMIT :calls_max),
           by_call AS MATERIALIZED (
               SELECT call_id, user_id, cost.key AS service, sum(cost.value::bigint) AS nano
                 FROM recent, jsonb_each(costs::jsonb) AS day, jsonb_each_text(day.value) AS cost
                GROUP BY call_id, user_id, cost.key
               HAVING sum(cost.value::bigint) > 0),
           running AS (
               SELECT call_id, sum(nano) AS nano
                 FROM by_call
                WHERE service <> ALL (:once_services::text[])
                GROUP BY call_id),
           lengths AS (
               SELECT user_id, count(*) AS calls, count(*) OVER () - 1 AS users,
                      sum(duration_ms)::bigint AS duration_ms,
                      coalesce(1000 * stddev_pop(nano) / nullif(avg(nano), 0), 0)::bigint AS spread_permille,
                      coalesce(sum(duration_ms) FILTER (WHERE expected_ms IS NOT NULL), 0)::bigint AS announced_ms,
                      coalesce(sum(expected_ms), 0)::bigint AS expected_ms,
                      coalesce(1000 * stddev_pop(nano / expected_ms)
                               / nullif(avg(nano / expected_ms), 0), 0)::bigint AS announced_spread_permille
                 FROM recent
                 LEFT JOIN running USING (call_id)
                GROUP BY GROUPING SETS ((user_id), ())),
           by_service AS (
               SELECT user_id, service, count(DISTINCT user_id) AS users, count(*) AS calls,
                      sum(nano)::bigint AS nano
                 FROM by_call
                GROUP BY GROUPING SETS ((user_id, service), (service)))
           SELECT l.*, coalesce((SELECT jsonb_object_agg(service, jsonb_build_array(s.users, s.calls, s.nano))
                                   FROM by_service AS s
                                  WHERE s.user_id IS NOT DISTINCT FROM l.user_id), '{}')::text AS services
             FROM lengths AS l) AS sums
 WHERE sums.users > 0
   AND (sums.user_id IS NULL OR sums.users <= :users_min)
 ORDER BY requested.persona_id

-- name: default_charge_prices
-- The prices that decide the default charge of a completed call, and the processors' fees.
SELECT price_id, service, class, operation, model, unit, price_usd, per_units, effective_from
  FROM service_prices
 WHERE class IN ('revenue', 'transaction')

-- name: charge_plans
-- All charge plans, as a JSON list.
SELECT json_agg(json_build_array(
           plan_id, json_build_array(user_id, persona_id, tag_key, tag_value), effective_from,
           json_build_object('kind', kind, 'amountNano', amount_nano, 'minimumSeconds', minimum_seconds,
                             'incrementSeconds', increment_seconds, 'includedMinutes', included_minutes,
                             'markupPpm', markup_ppm)))::text AS plans FROM charge_plans

-- name: once_services
-- The services whose costs are paid once per call, whatever its duration.
SELECT service FROM service_prices WHERE class IN ('infrastructure', 'transaction')
UNION
SELECT processor FROM payment_processors, cost_class_of(processor) AS k WHERE k.class = 'transaction'
