-- For administrators only: :reads_all is true for one, and without it nothing is found. Row policies hide
-- everything in addition.

-- name: everyone
-- The totals of all users from :first_day to :last_day, both included, by day, and each service's class;
-- the same for the days :compared_from to :compared_to; the number of users: total, new and active; and the
-- number of events without a price.
WITH day_sums AS (
    SELECT day, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
      FROM everyone_days
     WHERE :reads_all
       AND day BETWEEN least(:first_day::date, :compared_from::date)
                   AND greatest(:last_day::date, :compared_to::date)
     GROUP BY day
), day_costs AS (
    SELECT day, service, sum(cost_nano) AS cost_nano
      FROM everyone_day_costs
     WHERE :reads_all
       AND day BETWEEN least(:first_day::date, :compared_from::date)
                   AND greatest(:last_day::date, :compared_to::date)
     GROUP BY day, service
), daily AS (
    SELECT day, coalesce(calls, 0) AS calls, coalesce(duration_ms, 0) AS duration_ms,
           coalesce(charged_nano, 0) AS charged_nano, coalesce(refunded_nano, 0) AS refunded_nano,
           coalesce(costs, '{}') AS costs
      FROM day_sums
      FULL JOIN (SELECT day, json_object_agg(service, cost_nano) AS costs
                   FROM day_costs GROUP BY day) AS costs USING (day)
), users AS (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE first_day >= :first_day) AS began,
           count(*) FILTER (WHERE days && daterange(:first_day::date, :last_day::date, '[]')) AS active
      FROM user_activity
     WHERE :reads_all AND first_day <= :last_day
)
SELECT users.total, users.began, users.active,
       (SELECT count(*)
          FROM unpriced_events
         WHERE :reads_all
           AND time >= :first_day::date::timestamp AT TIME ZONE 'UTC'
           AND time < (:last_day::date + 1)::timestamp AT TIME ZONE 'UTC') AS unpriced_events,
       (SELECT json_agg(json_build_object(
                   'day', day, 'calls', calls, 'durationMs', duration_ms,
                   'chargedNano', charged_nano, 'refundedNano', refunded_nano, 'costs', costs)
               ORDER BY day)
          FROM daily) AS daily,
       (SELECT json_object_agg(s.service, k.class)
          FROM (SELECT DISTINCT service FROM day_costs) AS s,
               cost_class_of(s.service) AS k) AS classes
  FROM users
