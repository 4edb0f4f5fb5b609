-- Totals of personas and tags with a budget.

-- name: recorded
-- What the recorded events of :call_ids, archived ones included, add to spend since :since, by quarter of an hour.
WITH requested AS MATERIALIZED (
    SELECT call_id FROM unnest(:call_ids::text[]) AS requested (call_id)
), voided AS MATERIALIZED (
    SELECT DISTINCT v.call_id, v.voids
    FROM requested AS r CROSS JOIN LATERAL (
        SELECT e.call_id, e.voids FROM call_cost_events AS e WHERE e.call_id = r.call_id AND e.type = 'cost.voided'
        OFFSET 0 -- call by call, through the index
    ) AS v
    UNION
    SELECT call_id, voids FROM requested JOIN sealed_voids USING (call_id)
), event AS (
    SELECT e.*
    FROM requested AS r CROSS JOIN LATERAL (
        SELECT e.call_id, e.identity, e.type, e.time, e.cost_nano, e.amount_nano
        FROM call_cost_events AS e
        WHERE e.call_id = r.call_id AND e.time >= :since AND e.type IN ('cost.recorded', 'call.charged', 'call.refunded')
        OFFSET 0
    ) AS e
), posting AS (
    SELECT call_id, time AS at, cost_nano, 0::bigint AS charged_nano, 0::bigint AS refunded_nano
    FROM event
    WHERE type = 'cost.recorded'
      AND NOT EXISTS (SELECT FROM voided AS v WHERE v.call_id = event.call_id AND v.voids = event.identity)
    UNION ALL
    SELECT call_id, time, cost_nano, amount_nano, 0 FROM event WHERE type = 'call.charged'
    UNION ALL
    SELECT call_id, time, 0, 0, amount_nano FROM event WHERE type = 'call.refunded'
    UNION ALL
    SELECT call_id, s.key::timestamptz, (s.value ->> 0)::bigint, (s.value ->> 1)::bigint, (s.value ->> 2)::bigint
    FROM requested JOIN sealed_calls USING (call_id), jsonb_each(spend) AS s
    UNION ALL
    SELECT call_id, a.time, -a.cost_nano, 0, 0
    FROM voided AS v JOIN archived_costs AS a USING (call_id) WHERE a.identity = v.voids
)
SELECT call_id, quarter_hour(at) AS quarter, sum(cost_nano)::bigint AS cost_nano,
       sum(charged_nano)::bigint AS charged_nano, sum(refunded_nano)::bigint AS refunded_nano
FROM posting WHERE at >= :since
GROUP BY call_id, quarter_hour(at)

-- fragment: spend_of_windows
-- The spend of each window from :starts to before :ends, by cost if :by_cost, else by charge.
SELECT coalesce(spent.nano, 0) AS nano
FROM unnest(:window_users::text[], :window_dimensions::text[], :window_values::text[],
            :starts::timestamptz[], :ends::timestamptz[])
     WITH ORDINALITY AS w (user_id, dimension, value, starts, ends, ordinality)
CROSS JOIN LATERAL (
    SELECT sum(CASE WHEN :by_cost THEN cost_nano ELSE charged_nano - refunded_nano END) AS nano
    FROM scope_spend AS s
    WHERE s.user_id = w.user_id AND s.dimension = w.dimension AND s.value = w.value
      AND s.quarter >= w.starts AND s.quarter < w.ends
) AS spent
ORDER BY w.ordinality

-- name: move
-- Adds to the totals of scopes, in the given order, which is sorted by key. Returns the spend of each window before this
-- statement, from :starts to before :ends, by cost if :by_cost, else by charge.
WITH moved AS (
    INSERT INTO scope_spend AS s (user_id, dimension, value, quarter, cost_nano, charged_nano, refunded_nano)
    SELECT user_id, dimension, value, quarter, cost_nano, charged_nano, refunded_nano
    FROM unnest(:users::text[], :dimensions::text[], :values::text[], :quarters::timestamptz[],
                :costs::bigint[], :charges::bigint[], :refunds::bigint[])
         AS t (user_id, dimension, value, quarter, cost_nano, charged_nano, refunded_nano)
    ON CONFLICT (user_id, dimension, value, quarter, slot)
    DO UPDATE SET cost_nano = s.cost_nano + excluded.cost_nano,
                  charged_nano = s.charged_nano + excluded.charged_nano,
                  refunded_nano = s.refunded_nano + excluded.refunded_nano
)
{{spend_of_windows}}

-- name: spent
-- The spend of each window from :starts to before :ends, by cost if :by_cost, else by charge.
{{spend_of_windows}}

-- name: calls_of_scope
-- The calls of :user_id that changed since :since, with the persona :value, or with that value of the tag :tag_key. The
-- time of an event may be ten minutes later than its change of the call.
SELECT call_id, first_at, ended_at, infrastructure::text AS infrastructure, roundings::text AS roundings,
       default_charge_nano, default_fee_nano
  FROM calls
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
   AND updated_at >= :since::timestamptz - interval '1 hour'
   AND CASE WHEN :tag_key = '' THEN persona_id = :value ELSE tags ->> :tag_key = :value END

-- name: clear_scope
-- Deletes the totals of a scope of :user_id.
DELETE FROM scope_spend
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND dimension = :dimension AND value = :value

-- name: fill_scope
-- Inserts the totals of a scope of :user_id.
INSERT INTO scope_spend (user_id, dimension, value, quarter, cost_nano, charged_nano, refunded_nano)
SELECT :user_id, :dimension, :value, quarter, cost_nano, charged_nano, refunded_nano
  FROM unnest(:quarters::timestamptz[], :costs::bigint[], :charges::bigint[], :refunds::bigint[])
       AS t (quarter, cost_nano, charged_nano, refunded_nano)
 WHERE :user_id = :viewer_id OR :reads_all
