-- Notices of all users.

-- name: add
-- Inserts notices; existing ones stay unchanged.
INSERT INTO notices (notice_id, user_id, kind, is_urgent, content)
SELECT * FROM unnest(:notice_ids::uuid[], :user_ids::text[], :kinds::text[], :is_urgent::boolean[], :contents::text[])
ON CONFLICT (notice_id) DO NOTHING
