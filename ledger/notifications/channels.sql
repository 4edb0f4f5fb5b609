-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition.

-- fragment: channel_columns
-- The fields of a channel.
channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures,
kinds_of(kinds) AS kinds, quiet_hours::text

-- name: lock
-- Serializes changes of a user's channels to the end of the transaction, so that limits on their
-- number also hold for concurrent requests.
SELECT pg_advisory_xact_lock(7201904, hashtext(:user_id))

-- name: list
-- The channels of :user_id, oldest first.
SELECT {{channel_columns}} FROM notice_channels
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
ORDER BY created_at, channel_id

-- name: one
-- The channel :channel_id of :user_id.
SELECT {{channel_columns}} FROM notice_channels
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: create
-- Inserts a channel of :user_id with :type and :address that gets :kinds, and for webhooks a :secret.
INSERT INTO notice_channels (user_id, type, address, secret, kinds)
SELECT :user_id, :type, :address, :secret, kinds_from_now(:kinds::text[], '{}') WHERE :user_id = :viewer_id OR :reads_all
RETURNING {{channel_columns}}

-- name: change_kinds
-- Sets the kinds of :channel_id of :user_id to :kinds; new ones begin now.
UPDATE notice_channels SET kinds = kinds_from_now(:kinds::text[], kinds)
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
RETURNING {{channel_columns}}

-- name: change_quiet_hours
-- Sets the :quiet_hours of :channel_id of :user_id, JSON; messages that wait for the end of the previous
-- quiet hours are checked again.
WITH released AS (
    UPDATE notice_deliveries SET next_attempt_at = now()
    WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
      AND state = 'pending' AND deferred_until > now()
)
UPDATE notice_channels SET quiet_hours = :quiet_hours::text::jsonb
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
RETURNING {{channel_columns}}

-- name: remove
-- Removes :channel_id of :user_id with its code; its deliveries are kept.
DELETE FROM notice_channels
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
RETURNING channel_id::text

-- name: set_code
-- Stores the :digest of the code that verifies :channel_id of :user_id, for :seconds seconds; replaces
-- an earlier code.
INSERT INTO notice_codes AS c (channel_id, user_id, digest, expires_at)
SELECT :channel_id::text::uuid, :user_id, :digest::bytea, now() + make_interval(secs => :seconds)
WHERE :user_id = :viewer_id OR :reads_all
ON CONFLICT (channel_id) DO UPDATE
SET digest = excluded.digest, expires_at = excluded.expires_at, guesses = 0

-- name: code
-- The digest of the valid code of :channel_id of :user_id, and the number of wrong guesses.
SELECT digest, guesses FROM notice_codes
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
  AND channel_id = :channel_id::text::uuid AND expires_at > now()

-- name: count_guess
-- Counts a wrong code for :channel_id of :user_id.
UPDATE notice_codes SET guesses = guesses + 1
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: drop_code
-- Removes the used code of :channel_id of :user_id.
DELETE FROM notice_codes
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: verify
-- Marks :channel_id of :user_id as verified.
UPDATE notice_channels
SET state = 'verified', reason = NULL, verified_at = now(), failures = 0, paused_until = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
RETURNING {{channel_columns}}

-- name: resume
-- Ends the pause after failures of :channel_id of :user_id, because its owner requested a message.
UPDATE notice_channels SET paused_until = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid

-- name: recent
-- The number of messages of :kind that :user_id requested in the last :seconds seconds, and the
-- seconds since the last one to :channel_id; null for never.
SELECT count(*) FILTER (WHERE created_at > now() - make_interval(secs => :seconds::integer)) AS requests,
       extract(epoch FROM now() - max(created_at) FILTER (WHERE channel_id = :channel_id::text::uuid))::integer AS ago_seconds
FROM notice_deliveries
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND kind = :kind
  AND created_at > now() - make_interval(secs => greatest(:seconds::integer, 3600))

-- name: request
-- Queues a message of :kind to :channel_id of :user_id; a verification has a :code.
INSERT INTO notice_deliveries (channel_id, user_id, kind, code)
SELECT :channel_id::text::uuid, :user_id, :kind, :code WHERE :user_id = :viewer_id OR :reads_all
RETURNING delivery_id::text

-- name: supersede
-- Skips pending verifications of :channel_id of :user_id, whose code is no longer valid.
UPDATE notice_deliveries
SET state = 'skipped', reason = 'A newer code was requested.', code = NULL, next_attempt_at = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND channel_id = :channel_id::text::uuid
  AND kind = 'verification' AND state = 'pending'

-- name: withdraw
-- Skips pending messages to the removed channel :channel_id of :user_id.
UPDATE notice_deliveries
SET state = 'skipped', reason = 'The channel was removed.', code = NULL, next_attempt_at = NULL
WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
  AND channel_id = :channel_id::text::uuid AND state = 'pending'

-- name: deliveries
-- The newest :limit deliveries to :channel_id of :user_id before number :before, each with its
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
ORDER BY d.seq DESC LIMIT :limit
