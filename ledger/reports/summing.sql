-- Sums of the calls of all users by period, which `grouping.sql` reads. One worker at a time computes them.

-- name: lock_summing
-- Whether this process computes the sums, until its connection is closed.
SELECT pg_try_advisory_lock(hashtext('cost-analytics period sums'))

-- name: combine_marks
-- Leaves one mark of each hour, and none of hours that are not summed: their changes are visible to all
-- later transactions.
WITH marks AS (DELETE FROM changed_hours RETURNING hour, changed_at)
INSERT INTO changed_hours (hour, changed_at)
SELECT hour, max(changed_at)
  FROM marks
 WHERE hour = '-infinity' OR EXISTS (SELECT FROM summed_periods AS p WHERE hour >= p.starts AND hour < p.ends)
 GROUP BY hour

-- name: all_changed
-- Whether every call may have changed.
SELECT EXISTS (SELECT FROM changed_hours WHERE hour = '-infinity')

-- name: forget_all
-- Deletes all sums, and the marks of which this transaction sees the changes.
WITH marks AS (DELETE FROM changed_hours)
DELETE FROM summed_periods

-- name: periods
-- The summed periods in order, and when a call of each last changed since.
SELECT starts, ends,
       (SELECT max(changed_at) FROM changed_hours AS h WHERE h.hour >= p.starts AND h.hour < p.ends) AS changed_at
  FROM summed_periods AS p
 ORDER BY starts

-- name: first_day
-- The day of the first call before all periods; null if there is none.
SELECT date_trunc('day', min(first_at), 'UTC')
  FROM calls
 WHERE user_id IS NOT NULL AND first_at < coalesce((SELECT min(starts) FROM summed_periods), 'infinity')

-- name: no_usual_limits
-- Raises the limits of time and memory: a day of many calls takes longer than a usual statement.
SELECT set_config('statement_timeout', '600s', true), set_config('work_mem', '64MB', true)

-- name: forget_period
-- Deletes the periods from :starts to before :ends, and the marks of which this transaction sees the changes.
WITH marks AS (DELETE FROM changed_hours WHERE hour >= :starts AND hour < :ends)
DELETE FROM summed_periods WHERE starts >= :starts AND starts < :ends

-- name: tag_keys
-- The :keys_max keys of tags with the fewest values among the calls of a period, at most :values_max each;
-- the fewest first. `all_keys` is the number of all keys.
WITH keys AS (
    SELECT tag.key, count(DISTINCT tag.value) AS number
      FROM calls, jsonb_each_text(tags) AS tag
     WHERE first_at >= :starts AND first_at < :ends AND user_id IS NOT NULL
     GROUP BY tag.key
)
SELECT (SELECT count(*) FROM keys) AS all_keys, coalesce(array_agg(key ORDER BY number, key COLLATE "C"), '{}') AS kept
  FROM (SELECT * FROM keys WHERE number <= :values_max ORDER BY number, key COLLATE "C" LIMIT :keys_max) AS few

-- name: combinations
-- The number of combinations of a persona and of the tags :tag_keys (null for all) in a period.
SELECT count(*)
  FROM (SELECT DISTINCT persona_id, {{kept_tags}} AS tags
          FROM calls AS c
         WHERE first_at >= :starts AND first_at < :ends AND user_id IS NOT NULL) AS combinations

-- name: add_period
-- Adds the period from :starts to before :ends, whose sums distinguish the tags :tag_keys; null for all.
INSERT INTO summed_periods (starts, ends, tag_keys) VALUES (:starts, :ends, :tag_keys::text[])

-- name: add_sums
-- Adds the sums of the calls from :starts to before :ends, by the definition of `grouping.sql`.
WITH selected AS NOT MATERIALIZED (
    SELECT call_id, coalesce(persona_id, '') AS persona_id, {{kept_tags}} AS value,
           costs, charges, roundings, duration_ms, first_at, ended_at
      FROM calls AS c
     WHERE first_at >= :starts AND first_at < :ends AND user_id IS NOT NULL
), named AS MATERIALIZED (
    {{reports/grouping.named_costs}}
), posted AS (
    {{reports/grouping.posted_costs}}
), counted AS (
    {{reports/grouping.counted_calls}}
), costs AS (
    SELECT persona_id, value, day, array_agg(service ORDER BY service, model) AS services,
           array_agg(model ORDER BY service, model) AS models, array_agg(nano ORDER BY service, model) AS nanos
      FROM (SELECT persona_id, value, day, service, model, sum(cost_nano) AS nano
              FROM posted GROUP BY persona_id, value, day, service, model) AS of_models
     GROUP BY persona_id, value, day
), days AS (
    SELECT persona_id, value, day, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
      FROM counted GROUP BY persona_id, value, day
)
INSERT INTO period_sums (starts, day, persona_id, tags, calls, duration_ms, charged_nano, refunded_nano,
                         services, models, cost_nanos)
SELECT :starts, day, persona_id, value, calls, duration_ms, charged_nano, refunded_nano, services, models, nanos
  FROM days FULL JOIN costs USING (persona_id, value, day)
 ORDER BY day

-- fragment: kept_tags
-- The tags of a call that the sums distinguish.
CASE WHEN :tag_keys::text[] IS NULL THEN coalesce(c.tags, '{}')
                ELSE (SELECT coalesce(jsonb_object_agg(key, tag.value), '{}') FROM jsonb_each(c.tags) AS tag
                       WHERE key = ANY (:tag_keys::text[])) END
