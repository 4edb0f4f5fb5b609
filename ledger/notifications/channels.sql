-- Every statement names the viewer (:viewer_id) beside the user asked for (:user_id); :reads_all is
-- true for an administrator. The row policies would hide other users' rows all the same.

-- name: turn
-- Changes of one user's channels wait for each other, to the end of the transaction: limits on how
-- many there are hold under parallel requests too.
SELECT pg_advisory_xact_lock(7201904, hashtext(:user_id))

-- name: list
-- The channels of :user_id, in the order in which they were made.
SELECT channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures
FROM notice_channels
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
ORDER BY created_at, channel_id

-- name: one
-- The channel :channel_id of :user_id.
SELECT channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures
FROM notice_channels
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: create
-- Adds a channel of :user_id with :type and :address, and for webhooks a :secret.
INSERT INTO notice_channels (user_id, type, address, secret)
SELECT :user_id, :type, :address, :secret WHERE :user_id = :viewer_id OR :reads_all
RETURNING channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures

-- name: remove
-- Removes :channel_id of :user_id, with its code; its deliveries stay on record.
DELETE FROM notice_channels
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
RETURNING channel_id::text

-- name: set_code
-- Stores the :digest of the code that verifies :channel_id of :user_id, for :seconds seconds; the code
-- before it is void.
INSERT INTO notice_codes AS c (channel_id, user_id, digest, expires_at)
SELECT :channel_id::text::uuid, :user_id, :digest::bytea, now() + make_interval(secs => :seconds)
WHERE :user_id = :viewer_id OR :reads_all
ON CONFLICT (channel_id) DO UPDATE
SET digest = excluded.digest, expires_at = excluded.expires_at, guesses = 0

-- name: code
-- The digest of the code of :channel_id of :user_id that has not expired, and how often it was
-- guessed wrong.
SELECT digest, guesses FROM notice_codes
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
  AND channel_id = :channel_id::text::uuid AND expires_at > now()

-- name: count_guess
-- Counts a wrong code that was tried for :channel_id of :user_id.
UPDATE notice_codes SET guesses = guesses + 1
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: drop_code
-- Removes the code of :channel_id of :user_id, which was used.
DELETE FROM notice_codes
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: verify
-- Marks :channel_id of :user_id as verified.
UPDATE notice_channels
SET state = 'verified', reason = NULL, verified_at = now(), failures = 0, paused_until = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
RETURNING channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures

-- name: resume
-- Ends a pause of :channel_id of :user_id: its owner asked for a message.
UPDATE notice_channels SET paused_until = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: recent
-- How many messages of :kind were asked for by :user_id in the last :seconds seconds, and how many
-- seconds ago the last one to :channel_id; null for never.
SELECT count(*) FILTER (WHERE created_at > now() - make_interval(secs => :seconds::integer)) AS asked,
       extract(epoch FROM now() - max(created_at) FILTER (WHERE channel_id = :channel_id::text::uuid))::integer AS ago_seconds
FROM notice_deliveries
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND kind = :kind
  AND created_at > now() - make_interval(secs => greatest(:seconds::integer, 3600))

-- name: ask
-- Asks for a message of :kind to :channel_id of :user_id; a verification has a :code.
INSERT INTO notice_deliveries (channel_id, user_id, kind, code)
SELECT :channel_id::text::uuid, :user_id, :kind, :code WHERE :user_id = :viewer_id OR :reads_all
RETURNING delivery_id::text

-- name: supersede
-- Verifications of :channel_id of :user_id that were not sent yet have a code that is void by now.
UPDATE notice_deliveries
SET state = 'skipped', reason = 'A newer code was asked for.', code = NULL, next_attempt_at = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
  AND kind = 'verification' AND state = 'pending'

-- name: withdraw
-- Nothing more is sent to :channel_id of :user_id, which was removed.
UPDATE notice_deliveries
SET state = 'skipped', reason = 'The channel was removed.', code = NULL, next_attempt_at = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
  AND channel_id = :channel_id::text::uuid AND state = 'pending'

-- name: deliveries
-- The newest :most deliveries to :channel_id of :user_id before number :before, each with its
-- attempts.
SELECT d.seq, d.delivery_id::text, d.kind, d.state, d.reason, d.created_at, d.next_attempt_at, d.delivered_at,
       CASE WHEN d.kind = 'alert' THEN d.subject_id::text END AS alert_id,
       (SELECT json_agg(json_build_object('number', a.number, 'at', a.at, 'duration_ms', a.duration_ms,
                                          'outcome', coalesce(a.outcome, 'under way'),
                                          'status', a.status, 'error', a.error) ORDER BY a.number)
        FROM notice_attempts AS a WHERE a.delivery_id = d.delivery_id
        AND (a.user_id = :viewer_id OR :reads_all))::text AS tried
FROM notice_deliveries AS d
WHERE d.user_id = :user_id AND (d.user_id = :viewer_id OR :reads_all)
  AND d.channel_id = :channel_id::text::uuid AND d.seq < :before
ORDER BY d.seq DESC LIMIT :most
