-- Reads of late prices: the costs that they change, and the data of the report.

-- name: no_time_limit
-- Removes the time limit of statements, which may read a year of costs, and raises that of an idle transaction, which
-- waits for corrections.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '60s', true)

-- name: one_at_a_time
-- Locks the correction for this session until it ends; false if another session has the lock.
SELECT pg_try_advisory_lock(hashtext('cost-analytics rerate'))

-- name: used
-- The prices that costs from :since to before :until were recorded at, of :service or of all, by kind of usage.
SELECT service, operation, model, unit, price_id, min(time) AS first, max(time) AS last
FROM (
    SELECT service, operation, coalesce(model, '') AS model, unit, price_id, time
    FROM call_cost_events
    WHERE type = 'cost.recorded' AND price_id IS NOT NULL AND usages IS NULL
      AND time >= :since AND time < :until AND (:service::text IS NULL OR service = :service)
    UNION ALL
    SELECT e.service, e.operation, coalesce(e.model, ''), of_unit.unit, of_unit.price_id, e.time
    FROM call_cost_events AS e, jsonb_to_recordset(e.usages) AS of_unit (unit text, price_id integer)
    WHERE e.type = 'cost.recorded' AND of_unit.price_id IS NOT NULL
      AND e.time >= :since AND e.time < :until AND (:service::text IS NULL OR e.service = :service)
    UNION ALL
    SELECT k.service, k.operation, k.model, of_unit.unit, of_unit.price_id, a.time
    FROM archived_costs AS a JOIN archived_cost_kinds AS k USING (kind_id),
         jsonb_to_recordset(a.usages) AS of_unit (unit text, price_id integer)
    WHERE of_unit.price_id IS NOT NULL
      AND a.time >= :since AND a.time < :until AND (:service::text IS NULL OR k.service = :service)
    UNION ALL
    SELECT k.service, k.operation, k.model, k.unit, a.price_id, a.time
    FROM archived_costs AS a JOIN archived_cost_kinds AS k USING (kind_id)
    WHERE a.price_id IS NOT NULL AND a.usages IS NULL
      AND a.time >= :since AND a.time < :until AND (:service::text IS NULL OR k.service = :service)
) AS costs
GROUP BY service, operation, model, unit, price_id

-- name: due
-- The counted costs within the spans :services to :ends, all of them from :since to before :until,
-- call by call. A request with several quantities is within a span if one of them is.
WITH span AS MATERIALIZED (
    SELECT * FROM unnest(:services::text[], :operations::text[], :models::text[], :units::text[],
                         :price_ids::integer[], :starts::timestamptz[], :ends::timestamptz[])
                  AS span (service, operation, model, unit, price_id, starts, ends)
), due AS (
    SELECT e.*
    FROM span JOIN repriceable_costs AS e
      ON (e.service, e.operation, coalesce(e.model, ''), e.unit, e.price_id)
       = (span.service, span.operation, span.model, span.unit, span.price_id)
     AND e.time >= span.starts AND e.time < span.ends
    WHERE e.time >= :since AND e.time < :until
    UNION ALL
    SELECT e.*
    FROM repriceable_costs AS e
    WHERE e.time >= :since AND e.time < :until AND e.usages IS NOT NULL
      AND EXISTS (
          SELECT FROM jsonb_to_recordset(e.usages) AS of_unit (unit text, price_id integer)
          JOIN span ON (e.service, e.operation, coalesce(e.model, ''), of_unit.unit, of_unit.price_id)
                     = (span.service, span.operation, span.model, span.unit, span.price_id)
                   AND e.time >= span.starts AND e.time < span.ends)
)
SELECT user_id, call_id, replace(identity::text, '-', '') AS identity, time, service, operation,
       coalesce(model, '') AS model, unit, usage, cost_nano, price_id, price_context, usages,
       basis_nano, basis_prices::text, leg_id
FROM due
ORDER BY user_id, call_id, identity

-- name: leg_pieces
-- The pieces of legs of :call_id, with their prices.
SELECT replace(l.identity::text, '-', '') AS identity, l.call_id, l.service, l.operation, l.model, l.leg_id, l.time,
       CASE WHEN l.is_audio THEN 'audio_seconds' ELSE 'seconds' END AS unit, l.seconds AS quantity, l.cost_nano,
       {{recording/recording.leg_prices}}
FROM leg_pieces AS l
LEFT JOIN service_prices AS p USING (price_id)
LEFT JOIN service_prices AS b ON b.price_id = nullif(l.basis_price_id, l.price_id)
WHERE l.call_id = :call_id

-- name: lock_calls
-- Locks :call_ids against all other writers to the end of the transaction.
SELECT FROM calls WHERE call_id = ANY (:call_ids::text[]) ORDER BY call_id FOR NO KEY UPDATE

-- name: counted
-- The costs among :identities, each of the call in :call_ids at the same index, that still count. The
-- metadata of an archived cost is only in its file.
WITH requested AS MATERIALIZED (
    SELECT * FROM unnest(:identities::uuid[], :call_ids::text[]) AS requested (identity, call_id)
), event AS MATERIALIZED (
    SELECT e.*
    FROM (SELECT DISTINCT call_id FROM requested) AS requested, LATERAL (
        SELECT * FROM call_cost_events AS e
        WHERE e.call_id = requested.call_id AND e.type IN ('cost.recorded', 'cost.voided')
        OFFSET 0 -- call by call, through the index, whatever the planner believes
    ) AS e
), voided AS MATERIALIZED (
    SELECT call_id, voids FROM event WHERE voids IS NOT NULL
    UNION ALL
    SELECT call_id, voids FROM sealed_voids WHERE call_id = ANY (:call_ids::text[])
)
SELECT replace(e.identity::text, '-', '') AS identity, e.source, e.event_id, e.time, e.user_id, e.call_id,
       e.service, e.operation, e.operation_sent, e.model, e.usage, e.unit, e.unit_cost, e.price_id,
       e.estimated, e.data, e.price_context, e.usages, charge_basis_nano(e.source, e.data, e.cost_nano) AS basis_nano,
       charge_basis_prices(e.source, e.data, e.unit)::text AS basis_prices, e.leg_id
FROM requested JOIN event AS e USING (identity, call_id)
WHERE e.type = 'cost.recorded' AND (e.call_id, e.identity) NOT IN (SELECT call_id, voids FROM voided)
UNION ALL
SELECT replace(a.identity::text, '-', ''), k.source, a.event_id, a.time, c.user_id, a.call_id,
       k.service, k.operation, nullif(k.operation_sent, ''), nullif(k.model, ''), a.usage, nullif(k.unit, ''),
       a.unit_cost, a.price_id, a.estimated, NULL, a.price_context, a.usages, coalesce(a.basis_nano, a.cost_nano),
       a.basis_prices::text, a.leg_id
FROM requested
JOIN archived_costs AS a USING (identity, call_id)
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE (a.call_id, a.identity) NOT IN (SELECT call_id, voids FROM voided)

-- name: limits
-- The limits of those of :user_ids that have any.
SELECT user_id, {{budgets/budgets.limit_columns}}
FROM user_budget_settings
WHERE user_id = ANY (:user_ids::text[])
  AND (coalesce(daily_limit_nano, monthly_limit_nano, call_limit_nano) IS NOT NULL OR budgets IS NOT NULL)

-- name: raised
-- Those of :alert_ids that exist.
SELECT alert_id FROM budget_alerts WHERE alert_id = ANY (:alert_ids::uuid[])

-- name: earnings
-- The cost, charges and refunds of all users on the UTC days from :first to :last.
SELECT (SELECT coalesce(sum(cost_nano), 0) FROM user_day_costs WHERE day BETWEEN :first AND :last) AS cost_nano,
       coalesce(sum(charged_nano), 0) AS charged_nano,
       coalesce(sum(refunded_nano), 0) AS refunded_nano
FROM user_days WHERE day BETWEEN :first AND :last

-- name: user_earnings
-- The cost, charges and refunds of :user_ids on the UTC days from :first to :last.
SELECT requested.user_id,
       (SELECT coalesce(sum(c.cost_nano), 0) FROM user_day_costs AS c
         WHERE c.user_id = requested.user_id AND c.day BETWEEN :first AND :last) AS cost_nano,
       coalesce(sum(d.charged_nano), 0) AS charged_nano,
       coalesce(sum(d.refunded_nano), 0) AS refunded_nano
FROM unnest(:user_ids::text[]) AS requested (user_id)
LEFT JOIN user_days AS d ON d.user_id = requested.user_id AND d.day BETWEEN :first AND :last
GROUP BY requested.user_id
