-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition.

-- name: days
-- The first day of :user_id, and the totals of each UTC day since :since, in order; days without
-- calls and money are left out. Both tables are read along their primary keys. Money is nano-dollars.
WITH parts AS (
    SELECT day, sum(calls) AS calls, 0 AS cost_nano, sum(charged_nano - refunded_nano) AS revenue_nano
      FROM user_days
     WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND day >= :since
     GROUP BY day
    UNION ALL
    SELECT day, 0, sum(cost_nano), 0
      FROM user_day_costs
     WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND day >= :since
     GROUP BY day
), days AS (
    SELECT day, sum(calls) AS calls, sum(cost_nano) AS cost_nano, sum(revenue_nano) AS revenue_nano
      FROM parts
     GROUP BY day
)
SELECT least((SELECT min(day) FROM user_days
               WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)),
             (SELECT min(day) FROM user_day_costs
               WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)))
       AS first_day,
       (SELECT json_agg(json_build_array(day, calls, cost_nano, revenue_nano) ORDER BY day)
          FROM days) AS days
