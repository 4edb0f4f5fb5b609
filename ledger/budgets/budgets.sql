-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition.

-- fragment: limit_columns
-- The columns that `limits_of` reads, except for the user.
daily_limit_nano, monthly_limit_nano, call_limit_nano,
       daily_limit_version, monthly_limit_version, call_limit_version,
       alert_threshold_percent, thresholds, timezone, auto_cutoff, call_steps::text AS call_steps, budgets::text AS budgets,
       credit_review_at IS NOT NULL AS has_credit

-- name: settings
-- The settings of :user_id.
SELECT user_id, {{limit_columns}}
  FROM user_budget_settings
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: lock_settings
-- The same, locked against batches of the user's events and other changes.
SELECT user_id, {{limit_columns}}
  FROM user_budget_settings
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
   FOR NO KEY UPDATE

-- name: open_settings
-- Inserts a row that can be locked, if :user_id has none.
INSERT INTO user_budget_settings (user_id)
SELECT :user_id WHERE :user_id = :viewer_id OR :reads_all
    ON CONFLICT DO NOTHING

-- name: change_settings
-- Replaces the settings of :user_id, except for scoped budgets.
UPDATE user_budget_settings
   SET daily_limit_nano = :daily_nano, monthly_limit_nano = :monthly_nano, call_limit_nano = :call_nano,
       daily_limit_version = :daily_version, monthly_limit_version = :monthly_version,
       call_limit_version = :call_version,
       alert_threshold_percent = :warning_percent, thresholds = :thresholds,
       timezone = :timezone, auto_cutoff = :auto_cutoff, call_steps = :call_steps::text::jsonb,
       updated_at = now()
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: change_budgets
-- Replaces the scoped budgets of :user_id, and when the first raise ends; null for none.
UPDATE user_budget_settings SET budgets = :budgets::text::jsonb, raise_ends_at = :raise_ends_at, updated_at = now()
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: lock_ended_raise
-- Locks the settings of one user with a raise that is over at :now and that no other session has locked.
SELECT user_id, {{limit_columns}}
  FROM user_budget_settings
 WHERE raise_ends_at <= :now
 ORDER BY raise_ends_at
 LIMIT 1
   FOR NO KEY UPDATE SKIP LOCKED

-- name: active_calls
-- The active calls of :user_id that began after :since, newest first, at most :limit.
SELECT call_id, user_id, first_at, costs::text AS costs, persona_id, tags::text AS tags
  FROM calls
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND first_at > :since
   AND status = 'active'
 ORDER BY first_at DESC
 LIMIT :limit

-- name: budget_status
-- The budget of :user_id, in one row. The user's settings, null if there are none. The spend in
-- nano-dollars, by cost if :by_cost, else by charge: in the day from :day_start to before :day_end and
-- in the month from :month_start to before :month_end. The active calls that began after :since,
-- newest first, at most :calls_max, the default charge of a call, null without one, and the charge
-- plans that may apply to the user. The latest alerts that are not late, at most :alerts_max, and the channels, oldest first.
SELECT settings.user_id, {{limit_columns}},
       spend.day_nano, spend.month_nano,
       (SELECT json_agg(json_build_array(first_at, costs::json, expected_duration_ms, persona_id, coalesce(tags, '{}')))
          FROM (SELECT first_at, costs, expected_duration_ms, persona_id, tags
                  FROM calls
                 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
                   AND first_at > :since AND status = 'active'
                 ORDER BY first_at DESC
                 LIMIT :calls_max) AS active) AS active_calls,
       (SELECT round(price_usd * 1000000000 / per_units)::bigint
          FROM service_prices
         WHERE class = 'revenue' AND effective_from <= now()
         ORDER BY effective_from DESC, price_id DESC
         LIMIT 1) AS default_charge_nano,
       (SELECT json_agg(json_build_array(
                   plan_id, json_build_array(user_id, persona_id, tag_key, tag_value), effective_from,
                   json_build_object('kind', kind, 'amountNano', amount_nano, 'minimumSeconds', minimum_seconds,
                                     'incrementSeconds', increment_seconds, 'includedMinutes', included_minutes,
                                     'markupPpm', markup_ppm)))
          FROM charge_plans
         WHERE user_id IN ('', :user_id) AND (user_id IN ('', :viewer_id) OR :reads_all)) AS charge_plans,
       ARRAY(SELECT alert_with_read_time(data, read_at)
               FROM budget_alerts AS a
               LEFT JOIN alert_reads AS r USING (alert_id, user_id)
              WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND NOT late
              ORDER BY seq DESC
              LIMIT :alerts_max) AS alerts,
       (SELECT json_agg(json_build_object(
                   'channelId', channel_id, 'type', type, 'address', address, 'state', state,
                   'reason', reason, 'createdAt', created_at, 'verifiedAt', verified_at,
                   'deliveredAt', delivered_at, 'failures', failures, 'kinds', kinds_of(kinds),
                   'quietHours', quiet_hours)
                   ORDER BY created_at, channel_id)
          FROM notice_channels
         WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)) AS channels
  FROM (SELECT coalesce(sum(spend_nano(s, :by_cost)) FILTER (WHERE quarter >= :day_start
                                                           AND quarter < :day_end), 0) AS day_nano,
               coalesce(sum(spend_nano(s, :by_cost)), 0) AS month_nano
          FROM user_spend AS s
         WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
           AND quarter >= :month_start AND quarter < :month_end) AS spend
  LEFT JOIN user_budget_settings AS settings
         ON settings.user_id = :user_id AND (settings.user_id = :viewer_id OR :reads_all)

-- name: alerts_page
-- Up to :limit alerts of :user_id before the position :before (null for the latest), including late
-- ones, of a limit's :type, and read or unread as :is_read; null for any.
SELECT seq, alert_with_read_time(data, read_at) AS data
  FROM budget_alerts
  LEFT JOIN alert_reads USING (alert_id, user_id)
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
   AND (:before::bigint IS NULL OR seq < :before)
   AND (:type::text IS NULL OR type = :type)
   AND (:is_read::boolean IS NULL OR (read_at IS NOT NULL) = :is_read)
 ORDER BY seq DESC
 LIMIT :limit

-- name: alert
-- The alert :alert_id of :user_id.
SELECT alert_with_read_time(data, read_at)
  FROM budget_alerts
  LEFT JOIN alert_reads USING (alert_id, user_id)
 WHERE alert_id = :alert_id::uuid AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: mark_alert_read
-- Marks the alert :alert_id of :user_id as read; it keeps the time of the first marking.
INSERT INTO alert_reads (alert_id, user_id)
SELECT alert_id, user_id FROM budget_alerts
 WHERE alert_id = :alert_id::uuid AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
    ON CONFLICT (alert_id) DO NOTHING

-- name: mark_alert_unread
-- Marks the alert :alert_id of :user_id as unread.
DELETE FROM alert_reads
 WHERE alert_id = :alert_id::uuid AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: committed
-- What calls of :user_id may still spend at :now, in nano-dollars. `others_nano` is the sum for calls other than
-- :call_id. `held_nano` is the hold of :call_id, and `reserved_nano` its reservations for costs other than :identities.
-- A reservation draws on the hold of its call. It has ended if its cost is counted or its call has ended. If :by_cost,
-- a hold excludes the cost of the call so far, which is spent already; else reservations are part of the hold.
-- `counted` are those of :identities that are counted already. If :by_call, `others` lists the other calls with their
-- persona and tags: those of the events, or else of the hold. `held_persona` and `held_tags` are those of the hold of
-- :call_id.
WITH held AS (
    SELECT h.call_id, greatest(0, h.spend_nano - so_far.nano) AS nano, h.persona_id, h.tags
      FROM budget_holds AS h
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(cost.value::numeric), 0) AS nano
             FROM calls AS c, jsonb_each(c.costs::jsonb) AS day, jsonb_each_text(day.value) AS cost
            WHERE :by_cost AND c.call_id = h.call_id AND c.user_id = h.user_id) AS so_far
     WHERE h.user_id = :user_id AND (h.user_id = :viewer_id OR :reads_all) AND h.expires_at > :now
), open_reservations AS MATERIALIZED (
    SELECT r.*
      FROM cost_reservations AS r
      LEFT JOIN calls AS c ON c.call_id = r.call_id AND c.user_id = r.user_id
     WHERE r.user_id = :user_id AND (r.user_id = :viewer_id OR :reads_all) AND r.expires_at > :now
       AND coalesce(c.status, 'active') = 'active'
), counted AS MATERIALIZED (
    SELECT counted_costs_among(ARRAY(SELECT identity FROM open_reservations) || :identities::uuid[]) AS identity
), reserved AS (
    SELECT call_id, sum(amount_nano) AS nano
      FROM open_reservations
     WHERE identity NOT IN (SELECT identity FROM counted)
       AND NOT (call_id = :call_id AND identity = ANY (:identities::uuid[]))
     GROUP BY call_id
), of_calls AS (
    SELECT call_id, coalesce(h.nano, 0) AS held, coalesce(r.nano, 0) AS reserved, h.persona_id, h.tags
      FROM held AS h FULL JOIN reserved AS r USING (call_id)
)
SELECT coalesce(sum(CASE WHEN :by_cost THEN greatest(held, reserved) ELSE held END)
                FILTER (WHERE call_id <> :call_id), 0) AS others_nano,
       coalesce(sum(held) FILTER (WHERE call_id = :call_id), 0) AS held_nano,
       coalesce(sum(reserved) FILTER (WHERE call_id = :call_id), 0) AS reserved_nano,
       ARRAY(SELECT identity::text FROM counted WHERE identity = ANY (:identities::uuid[])) AS counted,
       max(persona_id) FILTER (WHERE call_id = :call_id) AS held_persona,
       max(tags::text) FILTER (WHERE call_id = :call_id) AS held_tags,
       CASE WHEN :by_call THEN (
           SELECT json_agg(json_build_array(
                      CASE WHEN :by_cost THEN greatest(o.held, o.reserved) ELSE o.held END,
                      coalesce(c.persona_id, o.persona_id),
                      coalesce(o.tags, '{}') || coalesce(c.tags, '{}')))
             FROM of_calls AS o LEFT JOIN calls AS c ON c.call_id = o.call_id AND c.user_id = :user_id
            WHERE o.call_id <> :call_id) END::text AS others
  FROM of_calls

-- name: hold
-- Holds :spend_nano nano-dollars for :call_id of :user_id until :until; replaces an earlier hold. The persona and the
-- tags are those that the call is expected to have.
INSERT INTO budget_holds AS h (user_id, call_id, spend_nano, expires_at, persona_id, tags)
SELECT :user_id, :call_id, :spend_nano, :until, :persona_id, :tags::text::jsonb
 WHERE :user_id = :viewer_id OR :reads_all
    ON CONFLICT (user_id, call_id) DO UPDATE
   SET spend_nano = excluded.spend_nano, expires_at = excluded.expires_at, held_at = now(),
       persona_id = excluded.persona_id, tags = excluded.tags

-- name: raise_hold
-- Holds at least :spend_nano nano-dollars for :call_id of :user_id at least until :until.
INSERT INTO budget_holds AS h (user_id, call_id, spend_nano, expires_at)
SELECT :user_id, :call_id, :spend_nano, :until WHERE :user_id = :viewer_id OR :reads_all
    ON CONFLICT (user_id, call_id) DO UPDATE
   SET spend_nano = greatest(h.spend_nano, excluded.spend_nano),
       expires_at = greatest(h.expires_at, excluded.expires_at)

-- name: reserve
-- Reserves :amounts nano-dollars, each above 0, for the costs :identities of :call_id of :user_id until
-- :until; replaces earlier reservations for them. Deletes those of the costs :cancelled, and those of
-- the user that expired before :now, whose costs are counted or whose calls have ended.
WITH ended AS (
    DELETE FROM cost_reservations AS r
     WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
       AND NOT (call_id = :call_id AND identity = ANY (:identities::uuid[]))
       AND (expires_at <= :now
            OR (call_id = :call_id AND identity = ANY (:cancelled::uuid[]))
            OR identity IN (SELECT counted_costs_among(ARRAY(
                   SELECT identity FROM cost_reservations WHERE user_id = :user_id)))
            OR EXISTS (SELECT FROM calls AS c
                        WHERE c.call_id = r.call_id AND c.user_id = :user_id AND c.status <> 'active'))
)
INSERT INTO cost_reservations AS r (user_id, call_id, identity, amount_nano, expires_at)
SELECT :user_id, :call_id, cost.identity, cost.amount_nano, :until
  FROM unnest(:identities::uuid[], :amounts::bigint[]) AS cost (identity, amount_nano)
 WHERE :user_id = :viewer_id OR :reads_all
    ON CONFLICT (user_id, call_id, identity) DO UPDATE
   SET amount_nano = excluded.amount_nano, expires_at = excluded.expires_at, reserved_at = now()

-- name: drop_hold
-- Removes the hold of :call_id of :user_id.
DELETE FROM budget_holds WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
AND call_id = :call_id

-- name: drop_expired_holds
-- Removes the holds that expired before :now.
DELETE FROM budget_holds WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
AND expires_at <= :now

-- name: call_state
-- The status of :call_id of :user_id, when it began, whether it was charged, its persona, tags and cost so far.
SELECT status, first_at, charge_count > 0 AS charged, persona_id, tags::text AS tags,
       (SELECT coalesce(sum(cost.value::numeric), 0)
          FROM jsonb_each(costs::jsonb) AS day, jsonb_each_text(day.value) AS cost) AS cost_nano
  FROM calls
 WHERE call_id = :call_id AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: past_calls
-- The cost of the calls of :user_id since the UTC :since_day, in nano-dollars, and their duration.
SELECT (SELECT coalesce(sum(cost_nano), 0) FROM user_day_costs
         WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
           AND day >= :since_day) AS cost_nano,
       (SELECT coalesce(sum(duration_ms), 0)::bigint FROM user_days
         WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
           AND day >= :since_day) AS duration_ms
