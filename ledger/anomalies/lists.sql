-- Every statement names the viewer ($2) beside the user asked for ($1); $3 is true for an
-- administrator. The row policies would hide other users' rows all the same.

-- name: of_user
-- Anomalies of user $1 before the place $4 (null for the latest), at most $9, of the kind $5, of
-- service $6, from the day $7 to the day $8; null for any.
SELECT seq, data, resolved_at FROM cost_anomalies
 WHERE user_id = $1 AND (user_id = $2 OR $3) AND ($4::bigint IS NULL OR seq < $4)
   AND ($5::text IS NULL OR kind = $5)
   AND ($6::text IS NULL OR part = $6 AND kind <> 'missing_leg')
   AND day >= coalesce($7::date, '-infinity') AND day <= coalesce($8::date, 'infinity')
 ORDER BY seq DESC
 LIMIT $9

-- name: of_everyone
-- The same of all users, where $1 is null; for administrators.
SELECT seq, data, resolved_at FROM cost_anomalies
 WHERE $1::text IS NULL AND (user_id = $2 OR $3) AND ($4::bigint IS NULL OR seq < $4)
   AND ($5::text IS NULL OR kind = $5)
   AND ($6::text IS NULL OR part = $6 AND kind <> 'missing_leg')
   AND day >= coalesce($7::date, '-infinity') AND day <= coalesce($8::date, 'infinity')
 ORDER BY seq DESC
 LIMIT $9
