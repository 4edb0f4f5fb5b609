-- The schedule of messages, and the data of those that are due, for all users.

-- name: lock_schedule_rows
-- Locks the adding of rows until the transaction ends; false if another session has the lock.
SELECT pg_try_advisory_xact_lock(hashtext('cost-analytics enrolment'))

-- name: add_schedule_rows
-- Adds each of :kinds that a verified channel gets to the schedule of its user.
INSERT INTO notice_schedule (kind, user_id)
SELECT DISTINCT k.name, c.user_id
FROM notice_channels AS c, unnest(:kinds::text[]) AS k (name)
WHERE c.state = 'verified' AND c.kinds ? k.name
  AND NOT EXISTS (SELECT FROM notice_schedule AS s WHERE s.kind = k.name AND s.user_id = c.user_id)
ON CONFLICT (kind, user_id) DO NOTHING

-- name: take
-- Locks up to :limit due rows, and returns them: whether they are new, whether a verified channel gets them, and the
-- user's time zone. None after a restore, until the events since the backup are counted and the journal of deliveries
-- is read: before that totals are incomplete, and it is not known what was sent.
WITH due AS (
    SELECT kind, user_id, due_at FROM notice_schedule
    WHERE due_at <= now()
      AND (SELECT published_at IS NOT NULL AND journal_read_at IS NOT NULL
             FROM ledger_epochs ORDER BY epoch DESC LIMIT 1)
    ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
)
SELECT due.kind, due.user_id, due.due_at = '-infinity' AS is_new,
       EXISTS (SELECT FROM notice_channels AS c
               WHERE c.user_id = due.user_id AND c.state = 'verified' AND c.kinds ? due.kind) AS is_wanted,
       coalesce((SELECT timezone FROM user_budget_settings AS b WHERE b.user_id = due.user_id), 'UTC') AS zone
FROM due

-- name: reschedule
-- Sets when :kinds of :user_ids are due next.
UPDATE notice_schedule AS s SET due_at = n.due_at
FROM unnest(:kinds::text[], :user_ids::text[], :due_at::timestamptz[]) AS n (kind, user_id, due_at)
WHERE s.kind = n.kind AND s.user_id = n.user_id

-- name: drop
-- Removes :kinds of :user_ids, which no channel gets any more.
DELETE FROM notice_schedule AS s
USING unnest(:kinds::text[], :user_ids::text[]) AS n (kind, user_id)
WHERE s.kind = n.kind AND s.user_id = n.user_id

-- name: digest_totals
-- For each of :user_ids, in their order: the money from :starts to before :ends and from :before to before :starts, in
-- nano-dollars, and the numbers of calls that began then.
SELECT coalesce(m.cost, 0) AS cost, coalesce(m.charged, 0) AS charged, coalesce(m.refunded, 0) AS refunded,
       coalesce(m.cost_before, 0) AS cost_before, coalesce(m.charged_before, 0) AS charged_before,
       (SELECT count(*) FROM calls AS c
         WHERE c.user_id = r.user_id AND c.first_at >= r.starts AND c.first_at < r.ends) AS calls,
       (SELECT count(*) FROM calls AS c
         WHERE c.user_id = r.user_id AND c.first_at >= r.before AND c.first_at < r.starts) AS calls_before
FROM unnest(:user_ids::text[], :before::timestamptz[], :starts::timestamptz[], :ends::timestamptz[])
     WITH ORDINALITY AS r (user_id, before, starts, ends, number)
LEFT JOIN LATERAL (
    SELECT sum(cost_nano) FILTER (WHERE quarter >= r.starts) AS cost,
           sum(charged_nano) FILTER (WHERE quarter >= r.starts) AS charged,
           sum(refunded_nano) FILTER (WHERE quarter >= r.starts) AS refunded,
           sum(cost_nano) FILTER (WHERE quarter < r.starts) AS cost_before,
           sum(charged_nano) FILTER (WHERE quarter < r.starts) AS charged_before
    FROM user_spend AS s WHERE s.user_id = r.user_id AND s.quarter >= r.before AND s.quarter < r.ends
) AS m ON true
ORDER BY r.number

-- name: monthly_limits
-- The settings of :user_ids with a monthly limit, and their last message about a forecast.
SELECT b.user_id, {{budgets/budgets.limit_columns}},
       (SELECT n.content FROM notices AS n WHERE n.user_id = b.user_id AND n.kind = 'forecast'
        ORDER BY n.seq DESC LIMIT 1) AS last_content
FROM user_budget_settings AS b
WHERE b.user_id = ANY (:user_ids::text[]) AND b.monthly_limit_nano IS NOT NULL

-- name: sent_before_restore
-- Those of the messages :notice_ids about forecasts of :user_ids that were delivered but are not in the ledger, because
-- it was restored from an older backup.
SELECT DISTINCT d.subject_id
FROM unnest(:user_ids::text[], :notice_ids::uuid[]) AS r (user_id, notice_id)
JOIN notice_deliveries AS d ON d.user_id = r.user_id AND d.subject_id = r.notice_id AND d.kind = 'forecast'
WHERE NOT EXISTS (SELECT FROM notices AS n WHERE n.notice_id = r.notice_id)

-- name: unpriced_kinds
-- Up to :limit kinds of usage without a price, those with most events first, with the numbers of events and users
-- and the time of the first event.
SELECT service, operation, model, unit, count(*) AS events, count(DISTINCT user_id) AS users, min(time) AS first_at
FROM unpriced_events GROUP BY type, service, operation, model, unit
ORDER BY events DESC, service, operation, model, unit LIMIT :limit
