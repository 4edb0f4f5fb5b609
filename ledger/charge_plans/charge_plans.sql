-- Charge plans. Plans are only added, one transaction after another, so their ids increase in the order of commits.

-- name: plans
-- All charge plans.
SELECT plan_id, user_id, persona_id, tag_key, tag_value, effective_from, kind,
       amount_nano, minimum_seconds, increment_seconds, included_minutes, markup_ppm
FROM charge_plans

-- name: list
-- All charge plans with their state at time :at, ordered by scope, the least specific first.
SELECT plan_id, user_id, persona_id, tag_key, tag_value, effective_from, kind,
       amount_nano, minimum_seconds, increment_seconds, included_minutes, markup_ppm, source, set_by, created_at,
       CASE
           WHEN effective_from > :at THEN 'future'
           WHEN effective_from = max(effective_from) FILTER (WHERE effective_from <= :at)
               OVER (PARTITION BY user_id, persona_id, tag_key, tag_value) THEN 'in force'
           ELSE 'past'
       END AS state
FROM charge_plans
ORDER BY user_id, persona_id, tag_key, tag_value, effective_from

-- name: one_at_a_time
-- Lets one transaction at a time add plans.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics charge plans'))

-- name: add
-- Inserts the rows of :plans, a JSON list, that are new; :set_by is who enters them.
INSERT INTO charge_plans (user_id, persona_id, tag_key, tag_value, effective_from, kind, amount_nano, minimum_seconds,
                          increment_seconds, included_minutes, markup_ppm, source, set_by)
SELECT user_id, persona_id, tag_key, tag_value, effective_from, kind, amount_nano, minimum_seconds,
       increment_seconds, included_minutes, markup_ppm, source, :set_by
FROM json_populate_recordset(NULL::charge_plans, :plans::text::json)
ON CONFLICT (user_id, persona_id, tag_key, tag_value, effective_from) DO NOTHING
