-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition.

-- name: of_user
-- Up to :limit anomalies of :user_id before the position :before (null for the latest), of a :kind, of
-- a :service, from :first_day to :last_day; null for any.
SELECT seq, data, resolved_at FROM cost_anomalies
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
   AND (:before::bigint IS NULL OR seq < :before)
   AND (:kind::text IS NULL OR kind = :kind)
   AND (:service::text IS NULL OR part = :service AND kind <> 'missing_leg')
   AND day >= coalesce(:first_day::date, '-infinity') AND day <= coalesce(:last_day::date, 'infinity')
 ORDER BY seq DESC
 LIMIT :limit

-- name: of_everyone
-- The same for all users, with :user_id null; for administrators.
SELECT seq, data, resolved_at FROM cost_anomalies
 WHERE :user_id::text IS NULL AND (user_id = :viewer_id OR :reads_all)
   AND (:before::bigint IS NULL OR seq < :before)
   AND (:kind::text IS NULL OR kind = :kind)
   AND (:service::text IS NULL OR part = :service AND kind <> 'missing_leg')
   AND day >= coalesce(:first_day::date, '-infinity') AND day <= coalesce(:last_day::date, 'infinity')
 ORDER BY seq DESC
 LIMIT :limit
