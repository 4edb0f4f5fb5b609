-- Statements of the processes that deliver notifications, for all users.

-- fragment: lacks_alert
-- The alert a is not late, and has no delivery to its user's channel c, which got alerts when it was raised.
NOT a.late AND c.state = 'verified' AND c.verified_at <= a.triggered_at
AND (c.kinds ->> 'alert')::timestamptz <= a.triggered_at
AND NOT EXISTS (SELECT FROM notice_deliveries AS d
                WHERE d.channel_id = c.channel_id AND d.kind = 'alert' AND d.subject_id = a.alert_id)

-- name: queue
-- Inserts the deliveries of :alert_ids, and of the same users' earlier alerts of the last :seconds_back
-- seconds. Existing ones stay unchanged. The `seq` of a channel's deliveries follows the order of its alerts.
INSERT INTO notice_deliveries (channel_id, user_id, kind, subject_id)
SELECT c.channel_id, c.user_id, 'alert', a.alert_id
FROM (SELECT user_id, max(seq) AS seq FROM budget_alerts
      WHERE alert_id = ANY (:alert_ids::uuid[]) GROUP BY user_id) AS raised
JOIN budget_alerts AS a ON a.user_id = raised.user_id AND a.seq <= raised.seq
JOIN notice_channels AS c ON c.user_id = a.user_id
WHERE (a.alert_id = ANY (:alert_ids::uuid[])
       OR a.triggered_at > now() - make_interval(secs => :seconds_back))
  AND {{lacks_alert}}
ORDER BY a.seq
ON CONFLICT (channel_id, kind, subject_id) DO NOTHING

-- name: sweep
-- Inserts up to :limit missing deliveries of alerts of the last :seconds_back seconds.
INSERT INTO notice_deliveries (channel_id, user_id, kind, subject_id)
SELECT c.channel_id, c.user_id, 'alert', a.alert_id
FROM budget_alerts AS a JOIN notice_channels AS c USING (user_id)
WHERE a.triggered_at > now() - make_interval(secs => :seconds_back)
  AND {{lacks_alert}}
ORDER BY a.seq LIMIT :limit
ON CONFLICT (channel_id, kind, subject_id) DO NOTHING

-- name: sweep_anomalies
-- Inserts up to :limit missing deliveries of open anomalies of the last :seconds_back seconds: to each
-- verified channel of the user that got anomalies when the anomaly was detected.
INSERT INTO notice_deliveries (channel_id, user_id, kind, subject_id)
SELECT c.channel_id, c.user_id, 'anomaly', a.anomaly_id
FROM cost_anomalies AS a JOIN notice_channels AS c USING (user_id)
WHERE a.resolved_at IS NULL AND a.detected_at > now() - make_interval(secs => :seconds_back)
  AND c.state = 'verified' AND c.verified_at <= a.detected_at
  AND (c.kinds ->> 'anomaly')::timestamptz <= a.detected_at
  AND NOT EXISTS (SELECT FROM notice_deliveries AS d
                  WHERE d.channel_id = c.channel_id AND d.kind = 'anomaly' AND d.subject_id = a.anomaly_id)
ORDER BY a.seq LIMIT :limit
ON CONFLICT (channel_id, kind, subject_id) DO NOTHING

-- name: queue_notices
-- Inserts the deliveries of up to :limit new notices: to each verified channel of the user that got
-- their kind when they were written.
WITH taken AS (
    SELECT notice_id FROM notices WHERE queued_at IS NULL ORDER BY seq LIMIT :limit FOR UPDATE SKIP LOCKED
), queued AS (
    UPDATE notices AS n SET queued_at = now() FROM taken WHERE n.notice_id = taken.notice_id
    RETURNING n.*
)
INSERT INTO notice_deliveries (channel_id, user_id, kind, subject_id)
SELECT c.channel_id, c.user_id, n.kind, n.notice_id
FROM queued AS n JOIN notice_channels AS c USING (user_id)
WHERE c.state = 'verified' AND c.verified_at <= n.created_at AND (c.kinds ->> n.kind)::timestamptz <= n.created_at
ORDER BY n.seq
ON CONFLICT (channel_id, kind, subject_id) DO NOTHING

-- name: lock_claims
-- Serializes claims, so that each one sees those before it; the setting says that this release knows all
-- kinds.
SELECT pg_advisory_xact_lock(7201905), set_config('cost_analytics.claims', 'kinds', true)

-- name: release
-- Releases deliveries whose claim has expired, and marks their attempts as interrupted. After
-- :claims_max attempts they fail, because they probably cause the interruptions.
WITH expired AS (
    UPDATE notice_deliveries
    SET state = CASE WHEN attempts < :claims_max THEN 'pending' ELSE 'failed' END,
        next_attempt_at = CASE WHEN attempts < :claims_max THEN now() END,
        code = CASE WHEN attempts < :claims_max THEN code END,
        reason = CASE WHEN attempts >= :claims_max THEN 'Interrupted too often.' END,
        claimed_until = NULL
    WHERE state = 'delivering' AND claimed_until <= now()
    RETURNING delivery_id, attempts
)
UPDATE notice_attempts AS a SET outcome = 'interrupted'
FROM expired WHERE a.delivery_id = expired.delivery_id AND a.number = expired.attempts AND a.outcome IS NULL

-- name: skip
-- Skips deliveries that must not be sent any more: to channels that are removed, unverified or
-- disabled, or no longer get this kind; codes and tests older than :code_seconds seconds; messages
-- raised, or deferred by quiet hours, more than :old_seconds seconds before their first attempt.
WITH due AS (
    SELECT d.delivery_id,
           CASE WHEN c.channel_id IS NULL THEN 'The channel was removed.'
                WHEN d.kind <> 'verification' AND c.state = 'disabled' THEN 'The channel is disabled.'
                WHEN d.kind <> 'verification' AND c.state <> 'verified' THEN 'The channel is not verified.'
                WHEN d.kind IN ('verification', 'test')
                AND d.created_at < now() - make_interval(secs => :code_seconds) THEN 'It could not be sent in time.'
                WHEN d.kind NOT IN ('verification', 'test') AND NOT c.kinds ? d.kind
                THEN 'The channel no longer gets this kind.'
                WHEN d.attempts = 0
                AND greatest(a.triggered_at, y.detected_at, n.created_at, d.deferred_until) < now() - make_interval(secs => :old_seconds)
                THEN 'The ' || CASE WHEN d.kind = 'alert' THEN 'alert' ELSE 'message' END || ' was too old when it could be sent.'
                WHEN d.attempts = 0 AND y.resolved_at IS NOT NULL THEN 'The anomaly was resolved.'
           END AS reason
    FROM notice_deliveries AS d
    LEFT JOIN notice_channels AS c USING (channel_id)
    LEFT JOIN budget_alerts AS a ON d.kind = 'alert' AND a.alert_id = d.subject_id
    LEFT JOIN cost_anomalies AS y ON d.kind = 'anomaly' AND y.anomaly_id = d.subject_id
    LEFT JOIN notices AS n ON n.kind = d.kind AND n.notice_id = d.subject_id
    WHERE d.state = 'pending' AND d.next_attempt_at <= now()
)
UPDATE notice_deliveries AS d
SET state = 'skipped', reason = due.reason, code = NULL, next_attempt_at = NULL
FROM due
WHERE d.delivery_id = due.delivery_id AND d.state = 'pending' AND due.reason IS NOT NULL

-- name: now
-- The time of the transaction.
SELECT now()

-- name: quiet_times
-- The different quiet hours, with their time zones, of channels with due messages.
SELECT DISTINCT c.quiet_hours ->> 'start', c.quiet_hours ->> 'end',
       coalesce(c.quiet_hours ->> 'timezone', s.timezone, 'UTC')
FROM notice_deliveries AS d
JOIN notice_channels AS c USING (channel_id)
LEFT JOIN user_budget_settings AS s ON s.user_id = c.user_id
WHERE d.state = 'pending' AND d.next_attempt_at <= now() AND c.quiet_hours IS NOT NULL
  AND d.kind NOT IN ('verification', 'test')

-- name: defer
-- Defers due messages of channels with quiet hours from :starts to :ends in :zones until :untils, each at
-- the same index. Alerts of limits that are reached, and urgent notices, are not deferred.
UPDATE notice_deliveries AS d SET next_attempt_at = q.until, deferred_until = q.until
FROM unnest(:starts::text[], :ends::text[], :zones::text[], :untils::timestamptz[]) AS q (starts, ends, zone, until),
     notice_channels AS c
LEFT JOIN user_budget_settings AS s ON s.user_id = c.user_id
WHERE d.channel_id = c.channel_id AND d.state = 'pending' AND d.next_attempt_at <= now()
  AND d.kind NOT IN ('verification', 'test')
  AND c.quiet_hours ->> 'start' = q.starts AND c.quiet_hours ->> 'end' = q.ends
  AND coalesce(c.quiet_hours ->> 'timezone', s.timezone, 'UTC') = q.zone
  AND NOT EXISTS (SELECT FROM budget_alerts AS a
                  WHERE d.kind = 'alert' AND a.alert_id = d.subject_id AND a.threshold_percent >= 100)
  AND NOT EXISTS (SELECT FROM notices AS n WHERE n.notice_id = d.subject_id AND n.kind = d.kind AND n.is_urgent)

-- name: claim
-- Claims due deliveries for :lease_seconds seconds and stores the start of an attempt: one per channel,
-- up to :limit in total and up to :failing_max to channels that failed last time. The alerts of a
-- channel are sent in order: one that waits for its next attempt holds back later ones until it is
-- :order_seconds seconds old. Codes and tests are sent first, then alerts, then other messages. Nothing is
-- claimed before a restored ledger has read the delivery journal.
WITH free AS (
    SELECT DISTINCT ON (d.channel_id) d.delivery_id, d.next_attempt_at, c.failures > 0 AS failing
    FROM notice_deliveries AS d
    JOIN notice_channels AS c USING (channel_id)
    WHERE d.state = 'pending' AND d.next_attempt_at <= now()
      AND (SELECT journal_read_at IS NOT NULL FROM ledger_epochs ORDER BY epoch DESC LIMIT 1)
      AND (c.paused_until IS NULL OR c.paused_until <= now())
      AND NOT EXISTS (SELECT FROM notice_deliveries AS b
                      WHERE b.channel_id = d.channel_id AND b.state = 'delivering')
      AND (d.kind <> 'alert' OR NOT EXISTS (
          SELECT FROM notice_deliveries AS b
          WHERE b.channel_id = d.channel_id AND b.kind = 'alert' AND b.state = 'pending'
            AND b.seq < d.seq AND coalesce(b.deferred_until, '-infinity') <= now() AND b.created_at > now() - make_interval(secs => :order_seconds)))
    ORDER BY d.channel_id, d.kind NOT IN ('verification', 'test'), d.kind <> 'alert', d.seq
), ranked AS (
    SELECT delivery_id, next_attempt_at, failing,
           row_number() OVER (PARTITION BY failing ORDER BY next_attempt_at, delivery_id) AS rank
    FROM free
), chosen AS (
    SELECT delivery_id FROM ranked
    WHERE NOT failing OR rank <= :failing_max
    ORDER BY failing, next_attempt_at, delivery_id LIMIT :limit
), taken AS (
    UPDATE notice_deliveries AS d
    SET state = 'delivering', attempts = attempts + 1,
        claimed_until = now() + make_interval(secs => :lease_seconds)
    FROM chosen WHERE d.delivery_id = chosen.delivery_id
    RETURNING d.*
), noted AS (
    INSERT INTO notice_attempts (delivery_id, number, user_id, at)
    SELECT delivery_id, attempts, user_id, clock_timestamp() FROM taken
)
SELECT t.delivery_id::text, t.attempts AS number, t.channel_id::text, t.user_id, t.kind, t.code, t.created_at,
       c.type, c.address, c.secret, c.unsubscribe_token::text, c.failures,
       coalesce(a.data, y.data, n.content) AS content, t.subject_id::text
FROM taken AS t
JOIN notice_channels AS c USING (channel_id)
LEFT JOIN budget_alerts AS a ON t.kind = 'alert' AND a.alert_id = t.subject_id
LEFT JOIN cost_anomalies AS y ON t.kind = 'anomaly' AND y.anomaly_id = t.subject_id
LEFT JOIN notices AS n ON n.kind = t.kind AND n.notice_id = t.subject_id

-- name: delivered
-- Stores the success of :delivery_id in attempt :number, which took :duration_ms ms, to :channel_id,
-- with the response :status; it is in the journal if :is_journaled. Overrides any other outcome of the
-- attempt.
WITH attempt AS (
    UPDATE notice_attempts SET outcome = 'delivered', duration_ms = :duration_ms, status = :status
    WHERE delivery_id = :delivery_id::text::uuid AND number = :number
), channel AS (
    UPDATE notice_channels SET failures = 0, paused_until = NULL, delivered_at = now()
    WHERE channel_id = :channel_id::text::uuid
)
UPDATE notice_deliveries
SET state = 'delivered', delivered_at = now(), reason = NULL, code = NULL, claimed_until = NULL, next_attempt_at = NULL,
    journaled_at = CASE WHEN :is_journaled::boolean THEN now() END
WHERE delivery_id = :delivery_id::text::uuid AND state <> 'delivered'

-- name: attempt_failed
-- Stores the failure of attempt :number of :delivery_id after :duration_ms ms, with its :outcome, the
-- response's :status and the :error.
UPDATE notice_attempts SET outcome = :outcome, duration_ms = :duration_ms, status = :status, error = :error
WHERE delivery_id = :delivery_id::text::uuid AND number = :number

-- name: postpone
-- Schedules the next attempt of :delivery_id in :delay_ms ms, if :number is still its last attempt;
-- pauses :channel_id for :pause_ms ms.
WITH own AS (
    UPDATE notice_deliveries
    SET state = 'pending', claimed_until = NULL,
        next_attempt_at = now() + make_interval(secs => :delay_ms / 1000.0)
    WHERE delivery_id = :delivery_id::text::uuid AND attempts = :number AND state = 'delivering'
    RETURNING channel_id
)
UPDATE notice_channels AS c
SET failures = failures + 1, paused_until = now() + make_interval(secs => :pause_ms / 1000.0)
FROM own WHERE c.channel_id = own.channel_id AND c.channel_id = :channel_id::text::uuid

-- name: give_up
-- Marks :delivery_id as failed for a :reason, if :number is still its last attempt, and counts a
-- failure of :channel_id.
WITH own AS (
    UPDATE notice_deliveries
    SET state = 'failed', reason = :reason, code = NULL, claimed_until = NULL, next_attempt_at = NULL
    WHERE delivery_id = :delivery_id::text::uuid AND attempts = :number AND state = 'delivering'
    RETURNING channel_id
)
UPDATE notice_channels AS c SET failures = failures + 1
FROM own WHERE c.channel_id = own.channel_id AND c.channel_id = :channel_id::text::uuid

-- name: disable
-- Disables :channel_id for a :reason, if :is_certain or if it accepted nothing since :delivery_id was
-- created.
UPDATE notice_channels AS c SET state = 'disabled', reason = :reason
FROM notice_deliveries AS d
WHERE c.channel_id = :channel_id::text::uuid AND d.delivery_id = :delivery_id::text::uuid
  AND c.state = 'verified'
  AND (:is_certain OR c.delivered_at IS NULL OR c.delivered_at < d.created_at)
RETURNING c.channel_id::text

-- name: prune_notices
-- Deletes up to :limit notices written more than :days days ago.
DELETE FROM notices WHERE seq IN (
    SELECT seq FROM notices WHERE created_at < now() - make_interval(days => :days) ORDER BY created_at LIMIT :limit
)

-- name: backlog
-- The number of due deliveries, and for how many seconds the first of them has been due.
SELECT count(*) AS waiting,
       coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0)::integer AS overdue_seconds
FROM notice_deliveries WHERE state = 'pending' AND next_attempt_at <= now()
