-- The statement checks the viewer (:viewer_id); :reads_all is true for an administrator. Row policies hide
-- other users' rows in addition.

-- name: totals_between
-- The calls, cost, charges and refunds of :user_id from :earliest to before :before. :earliest is the start
-- of a UTC day, :before that of a quarter of an hour. Calls of whole days are counted in their totals,
-- those of the last day one by one.
SELECT coalesce(sum(cost_nano), 0) AS cost_nano,
       coalesce(sum(charged_nano), 0) AS charged_nano,
       coalesce(sum(refunded_nano), 0) AS refunded_nano,
       (SELECT coalesce(sum(calls), 0)
          FROM user_days
         WHERE user_id = :user_id
           AND (user_id = :viewer_id OR :reads_all)
           AND day >= (:earliest::timestamptz AT TIME ZONE 'UTC')::date
           AND day < (:before::timestamptz AT TIME ZONE 'UTC')::date)
       + (SELECT count(*)
            FROM calls
           WHERE user_id = :user_id
             AND (user_id = :viewer_id OR :reads_all)
             AND first_at >= greatest(:earliest::timestamptz, date_trunc('day', :before::timestamptz, 'UTC'))
             AND first_at < :before::timestamptz) AS calls
  FROM user_spend
 WHERE user_id = :user_id
   AND (user_id = :viewer_id OR :reads_all)
   AND quarter >= :earliest::timestamptz
   AND quarter < :before::timestamptz
