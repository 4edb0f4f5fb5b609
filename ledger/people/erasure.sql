-- Erases users. The functions are in migration 0059: all writers wait while they run.

-- name: limits
-- No limit of time, but a short wait for locks, because writers may wait for this transaction at the same time.
SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '500ms', true)

-- name: erase
-- Erases :user_id in the name of :author, under :pseudonym unless the user has one.
SELECT erase_user(:user_id, :pseudonym, :author, :now)

-- name: is_named
-- Whether a refused record or a message that is not in Kafka yet is about :user_id.
SELECT EXISTS (SELECT FROM dead_letters WHERE {{people/export.letter_of_user}})
    OR EXISTS (SELECT FROM outbox WHERE aggregateid = :user_id)

-- name: key
-- The key of the digest :digest of :user_id.
SELECT key FROM erasure_keys WHERE sha256(key || convert_to(:user_id, 'UTF8')) = :digest

-- name: identifiers
-- How many call ids, event ids, sources and personas of :pseudonym contain :user_id.
SELECT (SELECT count(*) FROM calls WHERE user_id = :pseudonym AND strpos(call_id, :user_id) > 0) AS "callIds",
       count(*) FILTER (WHERE strpos(e.event_id, :user_id) > 0) AS "eventIds",
       count(*) FILTER (WHERE strpos(e.source, :user_id) > 0) AS "sources",
       count(*) FILTER (WHERE strpos(e.persona_id, :user_id) > 0) AS "personaIds"
FROM calls AS c JOIN call_cost_events AS e USING (call_id)
WHERE c.user_id = :pseudonym

-- name: pending_archives
-- The archive files that still contain the former identity of :pseudonym.
SELECT to_char(month, 'YYYY-MM') AS month, part, file
FROM erased_seals JOIN month_seals USING (seal_id) WHERE pseudonym = :pseudonym ORDER BY 1, 2

-- name: store_receipt
-- Stores the :receipt of the erasure of :pseudonym.
UPDATE erased_users SET receipt = :receipt WHERE pseudonym = :pseudonym

-- name: receipts
-- The receipts of all erasures, oldest first.
SELECT receipt FROM erased_users WHERE receipt <> '{}' ORDER BY erased_at

-- name: users
-- The users that tables name; a user may be returned several times.
SELECT users_named() AS user_id

-- name: counted_users
-- Users with events or totals.
SELECT users_counted() AS user_id

-- name: note
-- Stores an erasure of the journal.
SELECT note_erasure(:key, :digest, :pseudonym, :erased_at)

-- name: relink
-- Makes the seal of :old_file name :new_file; returns whether there is such a seal.
SELECT relink_archive(:old_file, :new_file, :manifest, :pseudonyms::text[])
