-- Statements of requests check the viewer (:viewer_id) beside the users; :reads_all is true for an administrator and
-- for processes that act for all users.

-- name: insert_events
-- Inserts grants and voids of grants; those that exist stay.
INSERT INTO credit_events (identity, source, event_id, type, time, user_id, amount_nano, starts_at, ends_at, expires_at,
                           priority, reason, voids)
SELECT * FROM unnest(:identities::uuid[], :sources::text[], :event_ids::text[], :types::text[], :times::timestamptz[],
                     :user_ids::text[], :amounts::bigint[], :starts::timestamptz[], :ends::timestamptz[],
                     :expiries::timestamptz[], :priorities::integer[], :notes::text[], :voided::uuid[])
ON CONFLICT (identity) DO NOTHING

-- name: plan_review
-- Stores for :user_ids when, after :now, their next grant ends or may be due for a warning before its end: no event
-- announces either.
UPDATE user_budget_settings AS s
SET credit_review_at = coalesce((
    SELECT min(t.at) FROM valid_grants AS g,
           LATERAL (VALUES (g.ends_at), (g.ends_at - make_interval(days => s.low_balance_days::integer))) AS t (at)
    WHERE g.user_id = s.user_id AND t.at > :now), 'infinity')
WHERE s.user_id = ANY (:user_ids::text[])

-- name: lock_due
-- Locks and returns up to :limit users whose balance is to be reviewed at :now, except those of running batches.
SELECT user_id FROM user_budget_settings
WHERE credit_review_at <= :now
ORDER BY credit_review_at
LIMIT :limit
FOR NO KEY UPDATE SKIP LOCKED

-- name: refunded_calls
-- The calls of :user_ids with refunds.
SELECT c.call_id
FROM unnest(:user_ids::text[]) AS requested (user_id)
JOIN calls AS c USING (user_id)
WHERE jsonb_path_exists(c.charges::jsonb, '$.*[1] ? (@ > 0)')

-- name: drop_returns
-- Deletes what the refunds of :call_ids returned.
DELETE FROM credit_returns WHERE call_id = ANY (:call_ids::text[])

-- name: put_returns
-- Inserts what the refunds of :call_ids return: they undo the charges of their call, the last one first.
WITH postings AS (
    SELECT e.call_id, quarter_hour(e.time) AS quarter,
           CASE WHEN e.type = 'call.charged' THEN e.amount_nano ELSE 0 END AS charged,
           CASE WHEN e.type = 'call.refunded' THEN e.amount_nano ELSE 0 END AS refunded
    FROM unnest(:call_ids::text[]) AS requested (call_id), LATERAL (
        SELECT * FROM call_cost_events AS e
        WHERE e.call_id = requested.call_id AND e.type IN ('call.charged', 'call.refunded')
        OFFSET 0 -- call by call, through the index, whatever the planner believes
    ) AS e
    UNION ALL
    SELECT s.call_id, s.quarter, s.charged_nano, s.refunded_nano
    FROM unnest(:call_ids::text[]) AS requested (call_id) JOIN sealed_charges AS s USING (call_id)
    UNION ALL
    SELECT c.call_id, quarter_hour(c.ended_at), c.default_charge_nano, 0
    FROM unnest(:call_ids::text[]) AS requested (call_id) JOIN calls AS c USING (call_id)
    WHERE c.default_charge_nano <> 0
), quarters AS (
    SELECT call_id, quarter, sum(charged) AS charged,
           sum(sum(refunded)) OVER (PARTITION BY call_id) AS refunded,
           coalesce(sum(sum(charged)) OVER (PARTITION BY call_id ORDER BY quarter DESC
                                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
    FROM postings GROUP BY call_id, quarter
)
INSERT INTO credit_returns (user_id, call_id, quarter, nano)
SELECT c.user_id, q.call_id, q.quarter, least(q.charged, q.refunded - q.later)
FROM quarters AS q JOIN calls AS c USING (call_id)
WHERE q.charged > 0 AND q.refunded > q.later AND c.user_id IS NOT NULL

-- name: accounts
-- The grants of :user_ids that are not voided; the amounts at which each user is warned, null for the default; the days
-- before the end of the balance, and whether it was found to end within them, and how often.
SELECT s.user_id, s.low_balance_nano, s.low_balance_days, s.balance_ends_soon, s.balance_crossings,
       (SELECT json_agg(json_build_array(g.identity, g.amount_nano, g.starts_at, g.ends_at, g.priority, g.time))
          FROM valid_grants AS g WHERE g.user_id = s.user_id) AS grants
FROM user_budget_settings AS s
WHERE s.user_id = ANY (:user_ids::text[]) AND (s.user_id = :viewer_id OR :reads_all)

-- name: drawn
-- What each of :user_ids was charged from :starts to before :ends, less what refunds returned of it, by index: whole
-- UTC days from users' days, the rest by quarters of an hour.
WITH requested AS (
    SELECT t.*, (utc_day(t.starts - interval '1 microsecond') + 1) AS first_day,
           greatest(utc_day(t.starts - interval '1 microsecond') + 1, utc_day(t.ends)) AS end_day
    FROM unnest(:user_ids::text[], :starts::timestamptz[], :ends::timestamptz[])
         WITH ORDINALITY AS t (user_id, starts, ends, ordinality)
    WHERE t.user_id = :viewer_id OR :reads_all
)
SELECT r.ordinality, days.nano + quarters.nano - returned.nano AS nano
FROM requested AS r
CROSS JOIN LATERAL (
    SELECT coalesce(sum(d.charged_nano), 0) AS nano FROM user_days AS d
    WHERE d.user_id = r.user_id AND d.day >= r.first_day AND d.day < r.end_day
) AS days
CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.charged_nano), 0) AS nano
    FROM (VALUES (r.starts, least(r.ends, r.first_day::timestamp AT TIME ZONE 'UTC')),
                 (greatest(r.starts, r.end_day::timestamp AT TIME ZONE 'UTC'), r.ends)) AS edge (starts, ends)
    JOIN user_spend AS s ON s.user_id = r.user_id AND s.quarter >= edge.starts AND s.quarter < edge.ends
) AS quarters
CROSS JOIN LATERAL (
    SELECT coalesce(sum(t.nano), 0) AS nano FROM credit_returns AS t
    WHERE t.user_id = r.user_id AND t.quarter >= r.starts AND t.quarter < r.ends
) AS returned
ORDER BY r.ordinality

-- name: raise
-- Inserts alerts of a low balance, and returns the indexes of the new ones, from 1.
WITH requested AS (
    SELECT * FROM unnest(:alert_ids::uuid[], :user_ids::text[], :thresholds::bigint[], :grant_ids::uuid[],
                         :triggered_at::timestamptz[], :data::text[])
                  WITH ORDINALITY AS t (alert_id, user_id, threshold_nano, grant_id, triggered_at, data, ordinality)
), raised AS (
    INSERT INTO balance_alerts (alert_id, user_id, threshold_nano, grant_id, triggered_at, data)
    SELECT alert_id, user_id, threshold_nano, grant_id, triggered_at, data FROM requested ORDER BY ordinality
    ON CONFLICT (user_id, threshold_nano, grant_id) DO NOTHING
    RETURNING alert_id
)
SELECT ordinality FROM requested JOIN raised USING (alert_id) ORDER BY ordinality

-- name: store_ends_soon
-- Stores for each of :user_ids whether the balance ends soon; one that newly does is a crossing.
UPDATE user_budget_settings AS s
SET balance_ends_soon = n.ends_soon, balance_crossings = s.balance_crossings + n.ends_soon::integer
FROM unnest(:user_ids::text[], :ends_soon::boolean[]) AS n (user_id, ends_soon)
WHERE s.user_id = n.user_id AND s.balance_ends_soon <> n.ends_soon

-- name: raise_ending_alerts
-- Inserts alerts that a balance ends soon, and returns the indexes of the new ones, from 1.
WITH requested AS (
    SELECT * FROM unnest(:alert_ids::uuid[], :user_ids::text[], :triggered_at::timestamptz[], :data::text[])
                  WITH ORDINALITY AS t (alert_id, user_id, triggered_at, data, ordinality)
), raised AS (
    INSERT INTO balance_ending_alerts (alert_id, user_id, triggered_at, data)
    SELECT alert_id, user_id, triggered_at, data FROM requested ORDER BY ordinality
    ON CONFLICT (alert_id) DO NOTHING
    RETURNING alert_id
)
SELECT ordinality FROM requested JOIN raised USING (alert_id) ORDER BY ordinality

-- name: held
-- The charges that are held at :now for calls of :user_id: the sum for calls other than :call_id, and that of :call_id.
-- If :by_cost, the spend of a hold is a cost.
SELECT coalesce(sum(nano) FILTER (WHERE call_id <> :call_id), 0) AS others_nano,
       coalesce(sum(nano) FILTER (WHERE call_id = :call_id), 0) AS held_nano
FROM (
    SELECT call_id, coalesce(charge_nano, CASE WHEN :by_cost THEN 0 ELSE spend_nano END) AS nano
    FROM budget_holds
    WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND expires_at > :now
) AS holds

-- name: raise_held_charge
-- Holds at least :charge_nano for :call_id of :user_id, which has a hold.
UPDATE budget_holds SET charge_nano = greatest(charge_nano, :charge_nano::bigint)
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND call_id = :call_id

-- name: grants
-- Up to :limit grants of :user_id, the latest first, with the reason if they are voided.
SELECT g.identity::text AS grant_id, g.source, g.event_id, g.amount_nano, g.priority, g.time, g.expires_at, g.starts_at,
       g.ends_at, g.reason AS note, v.reason AS void_reason
FROM credit_events AS g
LEFT JOIN LATERAL (
    SELECT reason FROM credit_events AS v
    WHERE v.user_id = g.user_id AND v.voids = g.identity ORDER BY time, identity LIMIT 1
) AS v ON true
WHERE g.user_id = :user_id AND (g.user_id = :viewer_id OR :reads_all) AND g.type = 'credit.granted'
ORDER BY g.time DESC, g.identity DESC
LIMIT :limit

-- name: low_balance
-- The balances at which :user_id is warned, null for the default, and the days before the end, null for no such warning.
SELECT low_balance_nano, low_balance_days FROM user_budget_settings
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: change_low_balance
-- Replaces the balances at which :user_id is warned, if :has_amounts, and the days before the end, if :has_days.
-- Another number of days resets `balance_ends_soon`. A worker reviews the balance soon.
INSERT INTO user_budget_settings AS s (user_id, low_balance_nano, low_balance_days)
SELECT :user_id, :amounts::bigint[], :days::smallint WHERE :user_id = :viewer_id OR :reads_all
ON CONFLICT (user_id) DO UPDATE SET
    low_balance_nano = CASE WHEN :has_amounts::boolean THEN excluded.low_balance_nano ELSE s.low_balance_nano END,
    low_balance_days = CASE WHEN :has_days::boolean THEN excluded.low_balance_days ELSE s.low_balance_days END,
    balance_ends_soon = s.balance_ends_soon
                        AND (NOT :has_days::boolean OR excluded.low_balance_days IS NOT DISTINCT FROM s.low_balance_days),
    credit_review_at = CASE WHEN s.credit_review_at IS NOT NULL THEN least(s.credit_review_at, :now::timestamptz) END,
    updated_at = now()

-- name: alerts
-- The latest :limit alerts of a low balance of :user_id.
SELECT data FROM balance_alerts
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
ORDER BY triggered_at DESC, threshold_nano
LIMIT :limit

-- name: ending_alerts
-- The latest :limit alerts that the balance of :user_id ends soon.
SELECT data FROM balance_ending_alerts
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
ORDER BY triggered_at DESC
LIMIT :limit
