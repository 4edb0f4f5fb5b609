-- Counts the same money in four places. For administrators only: :reads_all is true for one, and
-- without it nothing is found. Row policies hide everything in addition. The span is from :since to
-- before :until, both midnights in UTC.

-- name: from_events
-- Sums of the recorded events of the span, by UTC day; archived ones through the seals of their months.
-- A call counts on the day of its first event, with its share of infrastructure; a default charge on
-- the day of its last end.
WITH moved AS MATERIALIZED (
    SELECT identity, call_id, type, time, cost_nano, amount_nano
      FROM call_cost_events
     WHERE :reads_all AND time >= :since AND time < :until AND type <> 'call.settled'
), sealed AS MATERIALIZED (
    SELECT c.*
      FROM sealed_calls AS c JOIN month_seals AS s USING (seal_id)
     WHERE :reads_all AND s.month >= date_trunc('month', :since AT TIME ZONE 'UTC')
       AND s.month < :until AT TIME ZONE 'UTC'
), begun AS MATERIALIZED (
    SELECT call_id, min(at) AS at
      FROM (SELECT call_id, time AS at FROM moved
            UNION ALL
            SELECT call_id, first_at FROM sealed WHERE first_at >= :since AND first_at < :until) AS m
     WHERE NOT EXISTS (SELECT FROM call_cost_events AS e
                        WHERE e.call_id = m.call_id AND e.time < :since AND e.type <> 'call.settled')
       AND NOT EXISTS (SELECT FROM sealed_calls AS e WHERE e.call_id = m.call_id AND e.first_at < :since)
     GROUP BY call_id
), ended AS MATERIALIZED (
    SELECT call_id, max(at) AS at
      FROM (SELECT call_id, time AS at FROM moved WHERE type = 'call.ended'
            UNION ALL
            SELECT c.call_id, f.time
              FROM sealed AS c, jsonb_to_recordset(c.facts) AS f (type text, time timestamptz)
             WHERE f.type = 'call.ended' AND f.time >= :since AND f.time < :until) AS m
     WHERE NOT EXISTS (SELECT FROM call_cost_events AS e
                        WHERE e.call_id = m.call_id AND e.time >= :until AND e.type = 'call.ended')
       AND NOT EXISTS (SELECT
                         FROM sealed_calls AS e, jsonb_to_recordset(e.facts) AS f (type text, time timestamptz)
                        WHERE e.call_id = m.call_id AND f.type = 'call.ended' AND f.time >= :until)
     GROUP BY call_id
), decided AS MATERIALIZED (
    SELECT DISTINCT ON (call_id) call_id, data::jsonb AS decision
      FROM (SELECT call_id, data FROM call_cost_events WHERE :reads_all AND type = 'call.settled'
            UNION ALL
            SELECT call_id, data FROM sealed_decisions WHERE :reads_all) AS decisions
     WHERE call_id IN (SELECT call_id FROM begun UNION ALL SELECT call_id FROM ended)
     ORDER BY call_id, (data::jsonb ->> 'version')::bigint DESC
), postings AS (
    SELECT at, 1 AS calls, 0::bigint AS cost_nano, 0::bigint AS charged_nano, 0::bigint AS refunded_nano
      FROM begun
    UNION ALL
    SELECT time, 0, cost_nano, 0, 0
      FROM moved AS m
     WHERE type = 'cost.recorded'
       AND NOT EXISTS (SELECT FROM call_cost_events AS v
                        WHERE v.call_id = m.call_id AND v.type = 'cost.voided' AND v.voids = m.identity)
       AND NOT EXISTS (SELECT FROM sealed_voids AS v WHERE v.call_id = m.call_id AND v.voids = m.identity)
    UNION ALL
    SELECT time, 0, cost_nano, amount_nano, 0 FROM moved WHERE type = 'call.charged'
    UNION ALL
    SELECT time, 0, 0, 0, amount_nano FROM moved WHERE type = 'call.refunded'
    UNION ALL
    SELECT days.key::date AT TIME ZONE 'UTC', 0, costs.value::bigint, 0, 0
      FROM sealed AS c, jsonb_each(c.costs) AS days, jsonb_each_text(days.value) AS costs
     WHERE days.key::date >= utc_day(:since) AND days.key::date < utc_day(:until)
    UNION ALL
    SELECT days.key::date AT TIME ZONE 'UTC', 0, 0, (days.value ->> 0)::bigint, (days.value ->> 1)::bigint
      FROM sealed AS c, jsonb_each(c.charges) AS days
     WHERE days.key::date >= utc_day(:since) AND days.key::date < utc_day(:until)
    UNION ALL
    SELECT a.time, 0, -a.cost_nano, 0, 0
      FROM archived_costs AS a
     WHERE :reads_all AND a.time >= :since AND a.time < :until
       AND (EXISTS (SELECT FROM call_cost_events AS v
                     WHERE v.call_id = a.call_id AND v.type = 'cost.voided' AND v.voids = a.identity)
            OR EXISTS (SELECT FROM sealed_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity))
    UNION ALL
    SELECT begun.at, 0, share.value::bigint, 0, 0
      FROM begun JOIN decided USING (call_id), jsonb_each_text(decision -> 'infrastructure') AS share
    UNION ALL
    SELECT ended.at, 0, (decision ->> 'defaultFee')::bigint, (decision ->> 'defaultCharge')::bigint, 0
      FROM ended JOIN decided USING (call_id)
)
SELECT utc_day(at) AS day, sum(calls)::bigint AS calls, sum(cost_nano) AS cost_nano,
       sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
  FROM postings
 GROUP BY utc_day(at)

-- name: from_calls
-- Sums of the running totals of calls, by UTC day.
SELECT day, sum(calls)::bigint AS calls, sum(cost_nano) AS cost_nano,
       sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
  FROM (SELECT utc_day(first_at) AS day, 1 AS calls, 0::numeric AS cost_nano,
               0::numeric AS charged_nano, 0::numeric AS refunded_nano
          FROM calls WHERE :reads_all AND user_id IS NOT NULL AND first_at >= :since AND first_at < :until
        UNION ALL
        SELECT days.key::date, 0, costs.value::numeric, 0, 0
          FROM calls, jsonb_each(costs::jsonb) AS days, jsonb_each_text(days.value) AS costs
         WHERE :reads_all AND user_id IS NOT NULL AND first_at < :until
        UNION ALL
        SELECT days.key::date, 0, 0, (days.value ->> 0)::numeric, (days.value ->> 1)::numeric
          FROM calls, jsonb_each(charges) AS days
         WHERE :reads_all AND user_id IS NOT NULL AND first_at < :until) AS postings
 WHERE day >= utc_day(:since) AND day < utc_day(:until)
 GROUP BY day

-- name: from_user_days
-- Sums of the running totals of users' days, by UTC day.
SELECT day, sum(calls)::bigint AS calls, sum(cost_nano) AS cost_nano,
       sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
  FROM (SELECT day, calls, 0::numeric AS cost_nano, charged_nano, refunded_nano FROM user_days
         WHERE :reads_all AND day >= utc_day(:since) AND day < utc_day(:until)
        UNION ALL
        SELECT day, 0, cost_nano, 0, 0 FROM user_day_costs
         WHERE :reads_all AND day >= utc_day(:since) AND day < utc_day(:until)) AS days
 GROUP BY day

-- name: from_everyone
-- Sums of the running totals over all users, by UTC day.
SELECT day, sum(calls)::bigint AS calls, sum(cost_nano) AS cost_nano,
       sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
  FROM (SELECT day, calls, 0::numeric AS cost_nano, charged_nano, refunded_nano FROM everyone_days
         WHERE :reads_all AND day >= utc_day(:since) AND day < utc_day(:until)
        UNION ALL
        SELECT day, 0, cost_nano, 0, 0 FROM everyone_day_costs
         WHERE :reads_all AND day >= utc_day(:since) AND day < utc_day(:until)) AS days
 GROUP BY day

-- name: archived
-- The number of archived events in the months of the span; no row if there are none.
SELECT sum(events)::bigint
  FROM month_seals
 WHERE :reads_all AND month >= date_trunc('month', :since AT TIME ZONE 'UTC')
   AND month < :until AT TIME ZONE 'UTC'
HAVING count(*) > 0

-- name: billed
-- What vendors billed for the span, by UTC day and service, and what was recorded; a quantity only if
-- every line of the day has one.
SELECT b.day, b.service, b.quantity, b.billed_nano, b.bills, coalesce(r.recorded_nano, 0) AS recorded_nano
  FROM (SELECT l.day, l.service, CASE WHEN count(*) = count(quantity) THEN sum(quantity) END AS quantity,
               sum(amount_nano) AS billed_nano, array_agg(DISTINCT name ORDER BY name) AS bills
          FROM vendor_bill_lines AS l
          JOIN vendor_bills USING (bill_id)
         WHERE :reads_all AND withdrawn_at IS NULL AND l.day >= utc_day(:since) AND l.day < utc_day(:until)
         GROUP BY l.day, l.service) AS b
  LEFT JOIN (SELECT day, service, sum(cost_nano) AS recorded_nano
               FROM everyone_day_costs
              WHERE :reads_all AND day >= utc_day(:since) AND day < utc_day(:until)
              GROUP BY day, service) AS r USING (day, service)
 ORDER BY b.day, b.service
