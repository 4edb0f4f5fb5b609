-- Archive files that contain erased users.

-- name: pending
-- The files that contain erased users, oldest first.
SELECT s.file, s.manifest, s.month, s.part, array_agg(e.pseudonym ORDER BY e.pseudonym) AS pseudonyms
FROM erased_seals AS e JOIN month_seals AS s USING (seal_id)
GROUP BY s.seal_id ORDER BY s.month, s.part

-- name: erase
-- Replaces all erased users in the loaded month by their pseudonyms.
UPDATE month_events AS e
SET user_id = u.pseudonym, tags = erased_tags(e.tags::jsonb, e.user_id, u.pseudonym)::text,
    data = erased_data(e.type, e.source, e.data, e.user_id, u.pseudonym)
FROM (SELECT user_id, erased_as(user_id) AS pseudonym FROM (SELECT DISTINCT user_id FROM month_events) AS named) AS u
WHERE e.user_id = u.user_id AND u.pseudonym IS NOT NULL

-- name: replaced
-- Stores that :file must be deleted.
INSERT INTO replaced_files (file) VALUES (:file) ON CONFLICT DO NOTHING

-- name: replaced_files
-- The files to delete.
SELECT file FROM replaced_files ORDER BY file

-- name: deleted
-- Removes a deleted :file from the files to delete.
DELETE FROM replaced_files WHERE file = :file
