-- Every statement names the viewer ($2) beside the user asked for ($1); $3 is true for an
-- administrator. The row policies would hide other users' rows all the same.

-- name: settings
-- What user $1 set.
SELECT user_id, daily_limit_nano, monthly_limit_nano, call_limit_nano,
       daily_limit_version, monthly_limit_version, call_limit_version,
       alert_threshold_percent, thresholds, timezone, auto_cutoff
  FROM user_budget_settings
 WHERE user_id = $1 AND (user_id = $2 OR $3)

-- name: lock_settings
-- The same, locked against batches of the user's events and other changes.
SELECT user_id, daily_limit_nano, monthly_limit_nano, call_limit_nano,
       daily_limit_version, monthly_limit_version, call_limit_version,
       alert_threshold_percent, thresholds, timezone, auto_cutoff
  FROM user_budget_settings
 WHERE user_id = $1 AND (user_id = $2 OR $3)
   FOR NO KEY UPDATE

-- name: open_settings
-- Makes the row to be locked, where user $1 has none.
INSERT INTO user_budget_settings (user_id)
SELECT $1 WHERE $1 = $2 OR $3
    ON CONFLICT DO NOTHING

-- name: change_settings
-- Writes the settings of user $1 whole.
UPDATE user_budget_settings
   SET daily_limit_nano = $4, monthly_limit_nano = $5, call_limit_nano = $6,
       daily_limit_version = $7, monthly_limit_version = $8, call_limit_version = $9,
       alert_threshold_percent = $10, thresholds = $11, timezone = $12, auto_cutoff = $13,
       updated_at = now()
 WHERE user_id = $1 AND (user_id = $2 OR $3)

-- name: spend_by_charge
-- What user $1 was charged, refunds taken off: in the day from $4 to before $5 and in the month
-- from $6 to before $7. Nano-dollars.
SELECT coalesce(sum(charged_nano - refunded_nano) FILTER (WHERE quarter >= $4 AND quarter < $5), 0) AS day_nano,
       coalesce(sum(charged_nano - refunded_nano), 0) AS month_nano
  FROM user_spend
 WHERE user_id = $1 AND (user_id = $2 OR $3) AND quarter >= $6 AND quarter < $7

-- name: spend_by_cost
-- The same where the spend of a user is what the calls cost.
SELECT coalesce(sum(cost_nano) FILTER (WHERE quarter >= $4 AND quarter < $5), 0) AS day_nano,
       coalesce(sum(cost_nano), 0) AS month_nano
  FROM user_spend
 WHERE user_id = $1 AND (user_id = $2 OR $3) AND quarter >= $6 AND quarter < $7

-- name: active_calls
-- The calls of user $1 that go on and began after $4, newest first, at most $5.
SELECT call_id, user_id, first_at, costs::text AS costs
  FROM calls
 WHERE user_id = $1 AND (user_id = $2 OR $3) AND first_at > $4 AND status = 'active'
 ORDER BY first_at DESC
 LIMIT $5

-- name: default_charge
-- What a call is charged by default at present, in nano-dollars; nothing where no price is known.
SELECT round(price_usd * 1000000000 / per_units)::bigint AS nano
  FROM service_prices
 WHERE class = 'revenue' AND effective_from <= now()
 ORDER BY effective_from DESC, price_id DESC
 LIMIT 1

-- name: standing
-- Where user $1 stands, in one row. What the user set, null where there is nothing. The spend, in
-- nano-dollars, by cost where $4 says so and else by charge: in the day from $5 to before $6 and in
-- the month from $7 to before $8. The calls that go on and began after $9, newest first, at most
-- $10, and what a call is charged by default. The latest alerts that were not late, at most $11,
-- and the channels, oldest first.
SELECT settings.user_id, daily_limit_nano, monthly_limit_nano, call_limit_nano,
       daily_limit_version, monthly_limit_version, call_limit_version,
       alert_threshold_percent, thresholds, timezone, auto_cutoff,
       spend.day_nano, spend.month_nano,
       (SELECT json_agg(json_build_array(first_at, costs::json, expected_duration_ms))
          FROM (SELECT first_at, costs, expected_duration_ms
                  FROM calls
                 WHERE user_id = $1 AND (user_id = $2 OR $3) AND first_at > $9 AND status = 'active'
                 ORDER BY first_at DESC
                 LIMIT $10) AS active) AS active_calls,
       (SELECT round(price_usd * 1000000000 / per_units)::bigint
          FROM service_prices
         WHERE class = 'revenue' AND effective_from <= now()
         ORDER BY effective_from DESC, price_id DESC
         LIMIT 1) AS default_charge_nano,
       ARRAY(SELECT data
               FROM budget_alerts
              WHERE user_id = $1 AND (user_id = $2 OR $3) AND NOT late
              ORDER BY seq DESC
              LIMIT $11) AS alerts,
       (SELECT json_agg(json_build_object(
                   'channelId', channel_id, 'type', type, 'address', address, 'state', state,
                   'reason', reason, 'createdAt', created_at, 'verifiedAt', verified_at,
                   'deliveredAt', delivered_at, 'failures', failures)
                   ORDER BY created_at, channel_id)
          FROM notice_channels
         WHERE user_id = $1 AND (user_id = $2 OR $3)) AS channels
  FROM (SELECT coalesce(sum(nano) FILTER (WHERE quarter >= $5 AND quarter < $6), 0) AS day_nano,
               coalesce(sum(nano), 0) AS month_nano
          FROM user_spend,
               LATERAL (SELECT CASE WHEN $4 THEN cost_nano ELSE charged_nano - refunded_nano END) AS basis (nano)
         WHERE user_id = $1 AND (user_id = $2 OR $3) AND quarter >= $7 AND quarter < $8) AS spend
  LEFT JOIN user_budget_settings AS settings
         ON settings.user_id = $1 AND (settings.user_id = $2 OR $3)

-- name: alerts_page
-- Alerts of user $1 before the place $4 (null for the latest), at most $5, the late ones too.
SELECT seq, data FROM budget_alerts
 WHERE user_id = $1 AND (user_id = $2 OR $3) AND ($4::bigint IS NULL OR seq < $4)
 ORDER BY seq DESC
 LIMIT $5

-- name: held
-- What calls of user $1 hold at the moment $4, call $5 itself left out; where $6 says that spend is
-- what calls cost, without what they have cost so far, which is spent. Nano-dollars.
SELECT coalesce(sum(greatest(0, h.spend_nano - so_far.nano)), 0)
  FROM budget_holds AS h
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(cost.value::numeric), 0) AS nano
         FROM calls AS c, jsonb_each(c.costs::jsonb) AS day, jsonb_each_text(day.value) AS cost
        WHERE $6 AND c.call_id = h.call_id AND c.user_id = h.user_id) AS so_far
 WHERE h.user_id = $1 AND (h.user_id = $2 OR $3) AND h.expires_at > $4 AND h.call_id <> $5

-- name: hold
-- Holds $5 nano-dollars for call $4 of user $1 until $6, in place of what it held before.
INSERT INTO budget_holds AS h (user_id, call_id, spend_nano, expires_at)
SELECT $1, $4, $5, $6 WHERE $1 = $2 OR $3
    ON CONFLICT (user_id, call_id) DO UPDATE
   SET spend_nano = excluded.spend_nano, expires_at = excluded.expires_at, held_at = now()

-- name: drop_hold
-- Call $4 of user $1 holds nothing any more.
DELETE FROM budget_holds WHERE user_id = $1 AND (user_id = $2 OR $3) AND call_id = $4

-- name: drop_expired_holds
-- Clears away what expired before $4.
DELETE FROM budget_holds WHERE user_id = $1 AND (user_id = $2 OR $3) AND expires_at <= $4

-- name: call_state
-- The status of call $4 of user $1, whether it was charged, and what it has cost so far.
SELECT status, charge_count > 0 AS charged,
       (SELECT coalesce(sum(cost.value::numeric), 0)
          FROM jsonb_each(costs::jsonb) AS day, jsonb_each_text(day.value) AS cost) AS cost_nano
  FROM calls
 WHERE call_id = $4 AND user_id = $1 AND (user_id = $2 OR $3)

-- name: past_calls
-- What the calls of user $1 cost since the UTC day $4, in nano-dollars, and how long they took.
SELECT (SELECT coalesce(sum(cost_nano), 0) FROM user_day_costs
         WHERE user_id = $1 AND (user_id = $2 OR $3) AND day >= $4) AS cost_nano,
       (SELECT coalesce(sum(duration_ms), 0)::bigint FROM user_days
         WHERE user_id = $1 AND (user_id = $2 OR $3) AND day >= $4) AS duration_ms
