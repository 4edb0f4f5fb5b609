-- Global budgets: their totals by UTC day, and the lock under which they are decided. Triggers of users' days keep the
-- totals of all users and of services, `tags.sql` those of tags.

-- name: spent
-- The spend of each window of whole UTC days, from :first_days to before :end_days: the cost of the service :values if
-- :dimensions is service; else that of a tag or of all users, by cost if :by_cost, else by charge.
SELECT coalesce(CASE
           WHEN w.dimension = 'service' THEN (
               SELECT sum(cost_nano) FROM everyone_day_costs
                WHERE day >= w.first AND day < w.before AND service = w.value)
           WHEN w.dimension LIKE 'tag.%' THEN (
               SELECT sum(CASE WHEN :by_cost THEN cost_nano ELSE charged_nano - refunded_nano END)
                 FROM tag_days JOIN tag_scopes USING (scope_id)
                WHERE tag_key = substr(w.dimension, 5) AND tag_scopes.value = w.value AND NOT has_ended
                  AND day >= w.first AND day < w.before)
           WHEN :by_cost THEN (
               SELECT sum(cost_nano) FROM everyone_day_costs WHERE day >= w.first AND day < w.before)
           ELSE (
               SELECT sum(charged_nano - refunded_nano) FROM everyone_days WHERE day >= w.first AND day < w.before)
       END, 0) AS nano
FROM unnest(:dimensions::text[], :values::text[], :first_days::date[], :end_days::date[])
     WITH ORDINALITY AS w (dimension, value, first, before, ordinality)
ORDER BY w.ordinality

-- name: spent_since
-- The spend of all users since :since, by cost if :by_cost, else by charge. Only users with spend on the UTC day
-- :first_day or later are looked up, each by key: most users of a ledger have none.
SELECT coalesce(sum(spent.nano), 0) AS nano
FROM (
    SELECT user_id FROM user_days WHERE day >= :first_day
    UNION
    SELECT user_id FROM user_day_costs WHERE day >= :first_day
) AS u
CROSS JOIN LATERAL (
    SELECT sum(spend_nano(s, :by_cost)) AS nano FROM user_spend AS s
    WHERE s.user_id = u.user_id AND s.quarter >= :since
) AS spent

-- name: costs
-- The cost of all users on the UTC days from :first_day to before :end_day, by service.
SELECT service, sum(cost_nano)::bigint AS nano FROM everyone_day_costs
 WHERE day >= :first_day AND day < :end_day GROUP BY service

-- name: lock_review
-- Locks the settings of global budgets, unless another session has them locked or a review was stored after :before.
SELECT user_id, {{budgets/budgets.limit_columns}}, reviewed_at,
       EXISTS (SELECT FROM tag_scopes) OR EXISTS (SELECT FROM changed_calls) AS has_tags
  FROM user_budget_settings
 WHERE user_id = '' AND (budgets IS NOT NULL OR EXISTS (SELECT FROM tag_scopes)) AND (reviewed_at IS NULL OR reviewed_at <= :before)
   FOR NO KEY UPDATE SKIP LOCKED

-- name: store_review
-- Stores that the global budgets were decided at :now.
UPDATE user_budget_settings SET reviewed_at = :now WHERE user_id = ''

-- name: held
-- What the calls of all users may still spend at :now, in nano-dollars; `committed` in budgets.sql is the same for a user.
-- For each of :tag_keys and :values: the sum of the calls with this tag, or of all calls if the key is empty.
WITH held AS (
    SELECT h.user_id, h.call_id, greatest(0, h.spend_nano - so_far.nano) AS nano, h.tags
      FROM budget_holds AS h
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(cost.value::numeric), 0) AS nano
             FROM calls AS c, jsonb_each(c.costs::jsonb) AS day, jsonb_each_text(day.value) AS cost
            WHERE :by_cost AND c.call_id = h.call_id AND c.user_id = h.user_id) AS so_far
     WHERE h.expires_at > :now
), open_reservations AS MATERIALIZED (
    SELECT r.*
      FROM cost_reservations AS r
      LEFT JOIN calls AS c ON c.call_id = r.call_id AND c.user_id = r.user_id
     WHERE :by_cost AND r.expires_at > :now AND coalesce(c.status, 'active') = 'active'
), reserved AS (
    SELECT user_id, call_id, sum(amount_nano) AS nano
      FROM open_reservations
     WHERE identity NOT IN (SELECT counted_costs_among(ARRAY(SELECT identity FROM open_reservations)))
     GROUP BY user_id, call_id
), of_calls AS MATERIALIZED (
    SELECT greatest(coalesce(h.nano, 0), coalesce(r.nano, 0)) AS nano,
           coalesce(h.tags, '{}') || coalesce(c.tags, '{}') AS tags
      FROM held AS h
      FULL JOIN reserved AS r USING (user_id, call_id)
      LEFT JOIN calls AS c USING (user_id, call_id)
)
SELECT (SELECT coalesce(sum(nano), 0)::bigint FROM of_calls AS o WHERE w.tag_key = '' OR o.tags ->> w.tag_key = w.value) AS nano
  FROM unnest(:tag_keys::text[], :values::text[]) WITH ORDINALITY AS w (tag_key, value, ordinality)
 ORDER BY w.ordinality
