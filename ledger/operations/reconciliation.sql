-- Counts the same money in four places, for administrators only: nothing is found unless :reads_all is
-- true. Row policies hide everything in addition. The span is from :since to before :until, both midnights
-- in UTC.

-- name: from_events
-- Sums of the recorded events of the span, by UTC day; archived ones through the seals of their months.
-- A call counts on the day of its first event, with its share of infrastructure; roundings of
-- legs and a default charge on the day of its last end.
--
-- The plan must not depend on estimates. A lateral aggregate reads each call once. The full join prevents
-- a nested loop over voids: PostgreSQL implements it only as a hash or merge join.
WITH moved AS MATERIALIZED (
    SELECT identity, call_id, type, time, cost_nano, amount_nano
      FROM call_cost_events
     WHERE :reads_all AND time >= :since AND time < :until AND type <> 'call.settled'
), sealed AS MATERIALIZED (
    SELECT c.*
      FROM sealed_calls AS c JOIN month_seals AS s USING (seal_id)
     WHERE :reads_all AND s.month >= date_trunc('month', :since AT TIME ZONE 'UTC')
       AND s.month < :until AT TIME ZONE 'UTC'
), seen AS (
    SELECT call_id, min(first_at) AS first_at, max(ended_at) AS ended_at
      FROM (SELECT call_id, time AS first_at, CASE WHEN type = 'call.ended' THEN time END AS ended_at FROM moved
            UNION ALL
            SELECT call_id, CASE WHEN first_at >= :since AND first_at < :until THEN first_at END, NULL FROM sealed
            UNION ALL
            SELECT c.call_id, NULL, f.time
              FROM sealed AS c, jsonb_to_recordset(c.facts) AS f (type text, time timestamptz)
             WHERE f.type = 'call.ended' AND f.time >= :since AND f.time < :until) AS parts
     GROUP BY call_id
), called AS MATERIALIZED (
    SELECT seen.call_id,
           CASE WHEN own.is_older OR archived.is_older THEN NULL ELSE seen.first_at END AS first_at,
           CASE WHEN own.ends_later OR archived.ends_later THEN NULL ELSE seen.ended_at END AS ended_at,
           CASE WHEN archived.version > coalesce(own.version, 0) THEN archived.decision
                ELSE own.decision END::jsonb AS decision,
           own.voids || archived_voids.voids AS voids
      FROM seen,
           LATERAL (SELECT coalesce(bool_or(e.type <> 'call.settled' AND e.time < :since), false) AS is_older,
                           coalesce(bool_or(e.type = 'call.ended' AND e.time >= :until), false) AS ends_later,
                           max(v.version) AS version,
                           (array_agg(e.data ORDER BY v.version DESC) FILTER (WHERE e.type = 'call.settled'))[1] AS decision,
                           array_agg(e.voids) FILTER (WHERE e.type = 'cost.voided') AS voids
                      FROM call_cost_events AS e,
                           LATERAL (SELECT CASE WHEN e.type = 'call.settled'
                                                THEN (e.data::jsonb ->> 'version')::bigint END AS version) AS v
                     WHERE :reads_all AND e.call_id = seen.call_id) AS own,
           LATERAL (SELECT coalesce(bool_or(e.first_at < :since), false) AS is_older,
                           coalesce(bool_or(f.type = 'call.ended' AND f.time >= :until), false) AS ends_later,
                           max(v.version) AS version,
                           (array_agg(f.data ORDER BY v.version DESC) FILTER (WHERE f.type = 'call.settled'))[1] AS decision
                      FROM sealed_calls AS e
                           LEFT JOIN LATERAL jsonb_to_recordset(e.facts) AS f (type text, time timestamptz, data text) ON true,
                           LATERAL (SELECT CASE WHEN f.type = 'call.settled'
                                                THEN (f.data::jsonb ->> 'version')::bigint END AS version) AS v
                     WHERE :reads_all AND e.call_id = seen.call_id) AS archived,
           LATERAL (SELECT array_agg(v.voids) AS voids
                      FROM sealed_voids AS v
                     WHERE :reads_all AND v.call_id = seen.call_id) AS archived_voids
), voided AS MATERIALIZED (
    SELECT DISTINCT call_id, identity FROM called, unnest(voids) AS identity
), counted AS (
    SELECT m.time AS at, m.cost_nano
      FROM (SELECT * FROM moved WHERE type = 'cost.recorded') AS m
      FULL JOIN voided AS v ON v.call_id = m.call_id AND v.identity = m.identity
     WHERE v.call_id IS NULL
), postings AS (
    SELECT first_at AS at, 1 AS calls, 0::bigint AS cost_nano, 0::bigint AS charged_nano, 0::bigint AS refunded_nano
      FROM called WHERE first_at IS NOT NULL
    UNION ALL
    SELECT at, 0, cost_nano, 0, 0 FROM counted
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
      FROM voided AS v,
           LATERAL (SELECT time, cost_nano
                      FROM archived_costs
                     WHERE call_id = v.call_id AND identity = v.identity
                    OFFSET 0) AS a
     WHERE a.time >= :since AND a.time < :until
    UNION ALL
    SELECT first_at, 0, share.value::bigint, 0, 0
      FROM called, jsonb_each_text(decision -> 'infrastructure') AS share WHERE first_at IS NOT NULL
    UNION ALL
    SELECT ended_at, 0, rounding.nano, 0, 0
      FROM called, jsonb_to_recordset(decision -> 'roundings') AS rounding (nano bigint) WHERE ended_at IS NOT NULL
    UNION ALL
    SELECT ended_at, 0, (decision ->> 'defaultFee')::bigint, (decision ->> 'defaultCharge')::bigint, 0
      FROM called WHERE ended_at IS NOT NULL AND decision IS NOT NULL
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

-- name: listed
-- Costs with the vendor's own price in the span, by UTC day and service: their sum, and the sum of the same
-- quantities at our prices. Only costs that have both, and that no event voids.
SELECT utc_day(e.time) AS day, e.service, count(*)::bigint AS costs, sum(e.cost_nano) AS reported_nano,
       sum(e.list_cost_nano) AS listed_nano
  FROM call_cost_events AS e
 WHERE :reads_all AND e.time >= :since AND e.time < :until AND e.list_cost_nano IS NOT NULL
   AND NOT EXISTS (SELECT FROM call_cost_events AS v
                    WHERE v.call_id = e.call_id AND v.type = 'cost.voided' AND v.voids = e.identity)
 GROUP BY utc_day(e.time), e.service
 ORDER BY utc_day(e.time), e.service
