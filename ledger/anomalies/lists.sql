-- Every statement names the viewer (:viewer_id) beside the user asked for (:user_id); :reads_all is
-- true for an administrator. The row policies would hide other users' rows all the same.

-- name: of_user
-- Anomalies of :user_id before the place :before (null for the latest), at most :most, of a :kind, of
-- a :service, from :first_day to :last_day; null for any.
SELECT seq, data, resolved_at FROM cost_anomalies
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
   AND (:before::bigint IS NULL OR seq < :before)
   AND (:kind::text IS NULL OR kind = :kind)
   AND (:service::text IS NULL OR part = :service AND kind <> 'missing_leg')
   AND day >= coalesce(:first_day::date, '-infinity') AND day <= coalesce(:last_day::date, 'infinity')
 ORDER BY seq DESC
 LIMIT :most

-- name: of_everyone
-- The same of all users, where :user_id is null; for administrators.
SELECT seq, data, resolved_at FROM cost_anomalies
 WHERE :user_id::text IS NULL AND (user_id = :viewer_id OR :reads_all)
   AND (:before::bigint IS NULL OR seq < :before)
   AND (:kind::text IS NULL OR kind = :kind)
   AND (:service::text IS NULL OR part = :service AND kind <> 'missing_leg')
   AND day >= coalesce(:first_day::date, '-infinity') AND day <= coalesce(:last_day::date, 'infinity')
 ORDER BY seq DESC
 LIMIT :most
