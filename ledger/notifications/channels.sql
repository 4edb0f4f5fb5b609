-- Every statement names the viewer beside the user asked for; the parameter after the viewer is
-- true for an administrator. The row policies would hide other users' rows all the same.

-- name: turn
-- Changes of one user's channels wait for each other, to the end of the transaction: limits on how
-- many there are hold under parallel requests too.
SELECT pg_advisory_xact_lock(7201904, hashtext($1))

-- name: list
-- The channels of user $1, in the order in which they were made.
SELECT channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures
FROM notice_channels
WHERE user_id = $1 AND (user_id = $2 OR $3)
ORDER BY created_at, channel_id

-- name: one
-- Channel $4 of user $1.
SELECT channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures
FROM notice_channels
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid

-- name: create
-- A new channel of user $1: type $4, address $5, and for webhooks the secret $6.
INSERT INTO notice_channels (user_id, type, address, secret)
SELECT $1, $4, $5, $6 WHERE $1 = $2 OR $3
RETURNING channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures

-- name: remove
-- Takes channel $4 of user $1 away, with its code; its deliveries stay on record.
DELETE FROM notice_channels
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid
RETURNING channel_id::text

-- name: set_code
-- Keeps the digest $5 of the code that verifies channel $4 of user $1, for $6 seconds; the code
-- before it is void.
INSERT INTO notice_codes AS c (channel_id, user_id, digest, expires_at)
SELECT $4::text::uuid, $1, $5::bytea, now() + make_interval(secs => $6)
WHERE $1 = $2 OR $3
ON CONFLICT (channel_id) DO UPDATE
SET digest = excluded.digest, expires_at = excluded.expires_at, guesses = 0

-- name: code
-- The digest of the code of channel $4 of user $1 that has not expired, and how often it was
-- guessed wrong.
SELECT digest, guesses FROM notice_codes
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid AND expires_at > now()

-- name: count_guess
-- A wrong code was tried for channel $4 of user $1.
UPDATE notice_codes SET guesses = guesses + 1
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid

-- name: drop_code
-- The code of channel $4 of user $1 has done its work.
DELETE FROM notice_codes
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid

-- name: verify
-- Channel $4 of user $1 may be used from now on.
UPDATE notice_channels
SET state = 'verified', reason = NULL, verified_at = now(), failures = 0, paused_until = NULL
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid
RETURNING channel_id::text, type, address, state, reason, created_at, verified_at, delivered_at, failures

-- name: resume
-- Whatever paused channel $4 of user $1, its owner wants something sent there now.
UPDATE notice_channels SET paused_until = NULL
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid

-- name: recent
-- How many messages of kind $4 were asked for by user $1 in the last $6 seconds, and how many
-- seconds ago the last one to channel $5; null for never.
SELECT count(*) FILTER (WHERE created_at > now() - make_interval(secs => $6::integer)) AS asked,
       extract(epoch FROM now() - max(created_at) FILTER (WHERE channel_id = $5::text::uuid))::integer AS ago_seconds
FROM notice_deliveries
WHERE user_id = $1 AND (user_id = $2 OR $3) AND kind = $4
  AND created_at > now() - make_interval(secs => greatest($6::integer, 3600))

-- name: ask
-- Asks for a message of kind $5 to channel $4 of user $1; of a verification $6 is the code.
INSERT INTO notice_deliveries (channel_id, user_id, kind, code)
SELECT $4::text::uuid, $1, $5, $6 WHERE $1 = $2 OR $3
RETURNING delivery_id::text

-- name: supersede
-- Verifications of channel $4 of user $1 that were not sent yet have a code that is void by now.
UPDATE notice_deliveries
SET state = 'skipped', reason = 'A newer code was asked for.', code = NULL, next_attempt_at = NULL
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid
  AND kind = 'verification' AND state = 'pending'

-- name: withdraw
-- Nothing more is sent to channel $4 of user $1, which was removed.
UPDATE notice_deliveries
SET state = 'skipped', reason = 'The channel was removed.', code = NULL, next_attempt_at = NULL
WHERE user_id = $1 AND (user_id = $2 OR $3) AND channel_id = $4::text::uuid AND state = 'pending'

-- name: deliveries
-- The newest $6 deliveries to channel $4 of user $1 before number $5, each with its attempts.
SELECT d.seq, d.delivery_id::text, d.kind, d.state, d.reason, d.created_at, d.next_attempt_at, d.delivered_at,
       CASE WHEN d.kind = 'alert' THEN d.subject_id::text END AS alert_id,
       (SELECT json_agg(json_build_object('number', a.number, 'at', a.at, 'duration_ms', a.duration_ms,
                                          'outcome', coalesce(a.outcome, 'under way'),
                                          'status', a.status, 'error', a.error) ORDER BY a.number)
        FROM notice_attempts AS a WHERE a.delivery_id = d.delivery_id AND (a.user_id = $2 OR $3))::text AS tried
FROM notice_deliveries AS d
WHERE d.user_id = $1 AND (d.user_id = $2 OR $3) AND d.channel_id = $4::text::uuid AND d.seq < $5
ORDER BY d.seq DESC LIMIT $6
