-- For administrators only: :reads_all is true for one, and without it nothing is found. Row policies hide
-- everything in addition.

-- name: top
-- The first :limit users, personas, services or days (:by) of the days :first_day to :last_day, both
-- included, in the order of :sort (cost, charged, profit, calls or name), with their number and the
-- cost of all of them. Calls without a persona count as :unknown_persona. A service has a cost only.
-- Money is nano-dollars.
WITH parts AS (
    SELECT user_id AS name, calls, duration_ms, charged_nano, refunded_nano, 0 AS cost_nano
      FROM user_days
     WHERE :reads_all AND :by::text = 'user' AND day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT user_id, 0, 0, 0, 0, cost_nano
      FROM user_day_costs
     WHERE :reads_all AND :by = 'user' AND day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT coalesce(nullif(persona_id, ''), :unknown_persona), calls, duration_ms, charged_nano, refunded_nano, 0
      FROM user_days
     WHERE :reads_all AND :by = 'persona' AND day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT coalesce(nullif(persona_id, ''), :unknown_persona), 0, 0, 0, 0, cost_nano
      FROM user_day_costs
     WHERE :reads_all AND :by = 'persona' AND day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT day::text COLLATE "C", calls, duration_ms, charged_nano, refunded_nano, 0
      FROM everyone_days
     WHERE :reads_all AND :by = 'day' AND day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT CASE :by WHEN 'day' THEN day::text COLLATE "C" ELSE service END, 0, 0, 0, 0, cost_nano
      FROM everyone_day_costs
     WHERE :reads_all AND :by IN ('day', 'service') AND day BETWEEN :first_day AND :last_day
), sums AS (
    SELECT name, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano,
           sum(cost_nano) AS cost_nano
      FROM parts
     GROUP BY name
    HAVING sum(calls) <> 0 OR sum(cost_nano) <> 0 OR sum(charged_nano) <> 0 OR sum(refunded_nano) <> 0
)
SELECT name, calls, duration_ms, charged_nano, refunded_nano, cost_nano,
       count(*) OVER () AS found, sum(cost_nano) OVER () AS all_cost_nano
  FROM sums
 ORDER BY CASE :sort::text
              WHEN 'cost' THEN cost_nano
              WHEN 'charged' THEN charged_nano
              WHEN 'profit' THEN charged_nano - refunded_nano - cost_nano
              WHEN 'calls' THEN calls
          END * CASE WHEN :descending THEN -1 ELSE 1 END,
          CASE WHEN :sort = 'name' AND :descending THEN name END DESC,
          name
 LIMIT :limit
