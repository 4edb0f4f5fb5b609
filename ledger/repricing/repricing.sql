-- name: no_time_limit
-- A look at a year of costs may take longer than a statement usually may, and wait for corrections.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '60s', true)

-- name: one_at_a_time
-- Whether nobody else applies prices at the moment; held until the connection is closed.
SELECT pg_try_advisory_lock(hashtext('cost-analytics rerate'))

-- name: used
-- Which prices counted for costs from $1 to before $2, of service $3 or of all, for which usage.
SELECT service, operation, model, unit, price_id, min(time) AS first, max(time) AS last
FROM (
    SELECT service, operation, coalesce(model, '') AS model, unit, price_id, time
    FROM call_cost_events
    WHERE type = 'cost.recorded' AND price_id IS NOT NULL
      AND time >= $1 AND time < $2 AND ($3::text IS NULL OR service = $3)
    UNION ALL
    SELECT k.service, k.operation, k.model, k.unit, a.price_id, a.time
    FROM archived_costs AS a JOIN archived_cost_kinds AS k USING (kind_id)
    WHERE a.price_id IS NOT NULL
      AND a.time >= $1 AND a.time < $2 AND ($3::text IS NULL OR k.service = $3)
) AS costs
GROUP BY service, operation, model, unit, price_id

-- name: due
-- The counted costs within the spans $1 to $7, all of them from $8 to before $9, call by call.
SELECT e.user_id, e.call_id, replace(e.identity::text, '-', '') AS identity, e.time, e.service,
       e.operation, coalesce(e.model, '') AS model, e.unit, e.usage, e.cost_nano
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[])
     AS span (service, operation, model, unit, price_id, starts, ends)
JOIN repriceable_costs AS e
  ON (e.service, e.operation, coalesce(e.model, ''), e.unit, e.price_id)
   = (span.service, span.operation, span.model, span.unit, span.price_id)
 AND e.time >= span.starts AND e.time < span.ends
WHERE e.time >= $8 AND e.time < $9
ORDER BY e.user_id, e.call_id, e.identity

-- name: lock_calls
-- Keeps all other writers away from the calls $1 to the end of the transaction.
SELECT FROM calls WHERE call_id = ANY ($1::text[]) ORDER BY call_id FOR NO KEY UPDATE

-- name: counted
-- Those of the costs $1, each in the call beside it in $2, that still count. The metadata of an
-- archived one is in its file only.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::text::uuid[], $2::text::text[]) AS asked (identity, call_id)
)
SELECT replace(e.identity::text, '-', '') AS identity, e.source, e.event_id, e.time, e.user_id, e.call_id,
       e.service, e.operation, e.operation_sent, e.model, e.usage, e.unit, e.unit_cost, e.price_id,
       e.estimated, e.data
FROM asked JOIN counted_costs AS e USING (identity, call_id)
UNION ALL
SELECT replace(a.identity::text, '-', ''), k.source, a.event_id, a.time, c.user_id, a.call_id,
       k.service, k.operation, nullif(k.operation_sent, ''), nullif(k.model, ''), a.usage, k.unit,
       a.unit_cost, a.price_id, a.estimated, NULL
FROM asked
JOIN archived_costs AS a USING (identity, call_id)
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity)

-- name: limits
-- The limits of those of the users $1 who have any.
SELECT user_id, daily_limit_nano, monthly_limit_nano, call_limit_nano,
       daily_limit_version, monthly_limit_version, call_limit_version,
       alert_threshold_percent, thresholds, timezone, auto_cutoff
FROM user_budget_settings
WHERE user_id = ANY ($1::text[])
  AND coalesce(daily_limit_nano, monthly_limit_nano, call_limit_nano) IS NOT NULL

-- name: raised
-- Those of the alerts $1 that exist.
SELECT alert_id FROM budget_alerts WHERE alert_id = ANY ($1::uuid[])

-- name: everything
-- What all calls cost and earned on the UTC days from $1 to $2.
SELECT (SELECT coalesce(sum(cost_nano), 0) FROM user_day_costs WHERE day BETWEEN $1 AND $2) AS cost_nano,
       coalesce(sum(charged_nano), 0) AS charged_nano,
       coalesce(sum(refunded_nano), 0) AS refunded_nano
FROM user_days WHERE day BETWEEN $1 AND $2

-- name: of_users
-- What the calls of the users $3 cost and earned on the UTC days from $1 to $2.
SELECT asked.user_id,
       (SELECT coalesce(sum(c.cost_nano), 0) FROM user_day_costs AS c
         WHERE c.user_id = asked.user_id AND c.day BETWEEN $1 AND $2) AS cost_nano,
       coalesce(sum(d.charged_nano), 0) AS charged_nano,
       coalesce(sum(d.refunded_nano), 0) AS refunded_nano
FROM unnest($3::text[]) AS asked (user_id)
LEFT JOIN user_days AS d ON d.user_id = asked.user_id AND d.day BETWEEN $1 AND $2
GROUP BY asked.user_id
