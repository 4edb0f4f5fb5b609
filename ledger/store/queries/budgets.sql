-- Every statement names the viewer ($2) beside the user asked for ($1); $3 is true for an
-- administrator. The row policies would hide other users' rows all the same.

-- name: standing_by_charge
-- The budget of user $1, and what the user was charged, refunds taken off, on the day $4 and in
-- the calendar month from $5 to before $6. Money is nano-dollars.
SELECT b.daily_limit_nano, b.monthly_limit_nano, b.alert_threshold_percent, s.today_nano, s.month_nano
  FROM (SELECT coalesce(sum(charged_nano - refunded_nano) FILTER (WHERE day = $4), 0) AS today_nano,
               coalesce(sum(charged_nano - refunded_nano), 0) AS month_nano
          FROM user_days
         WHERE user_id = $1
           AND (user_id = $2 OR $3)
           AND day >= $5
           AND day < $6) AS s
  LEFT JOIN user_budget_settings AS b ON b.user_id = $1 AND (b.user_id = $2 OR $3)

-- name: standing_by_cost
-- The same where the spend of a user is what the calls cost.
SELECT b.daily_limit_nano, b.monthly_limit_nano, b.alert_threshold_percent, s.today_nano, s.month_nano
  FROM (SELECT coalesce(sum(cost_nano) FILTER (WHERE day = $4), 0) AS today_nano,
               coalesce(sum(cost_nano), 0) AS month_nano
          FROM user_day_costs
         WHERE user_id = $1
           AND (user_id = $2 OR $3)
           AND day >= $5
           AND day < $6) AS s
  LEFT JOIN user_budget_settings AS b ON b.user_id = $1 AND (b.user_id = $2 OR $3)

-- name: change
-- Changes the settings of user $1, whose flag says that they are to change: $4 the daily limit to
-- $5, $6 the monthly limit to $7, $8 the threshold to $9. A user without settings has the
-- threshold $10.
INSERT INTO user_budget_settings AS b
       (user_id, daily_limit_nano, monthly_limit_nano, alert_threshold_percent)
SELECT $1, $5::bigint, $7::bigint, CASE WHEN $8 THEN $9::numeric ELSE $10::numeric END
 WHERE $1 = $2 OR $3
    ON CONFLICT (user_id) DO UPDATE
   SET daily_limit_nano = CASE WHEN $4 THEN $5 ELSE b.daily_limit_nano END,
       monthly_limit_nano = CASE WHEN $6 THEN $7 ELSE b.monthly_limit_nano END,
       alert_threshold_percent = CASE WHEN $8 THEN $9::numeric ELSE b.alert_threshold_percent END,
       updated_at = now()
