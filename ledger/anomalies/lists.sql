-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition.

-- fragment: columns
-- What a list says about an anomaly.
a.seq, a.occurred_at, a.data, a.resolved_at, d.reason, d.dismissed_by, d.dismissed_at

-- fragment: with_dismissals
-- Anomalies, with their dismissals.
cost_anomalies AS a
  LEFT JOIN anomaly_dismissals AS d USING (anomaly_id, user_id)

-- fragment: on_page
-- The filters, the position and the order of a page.
(user_id = :viewer_id OR :reads_all)
   AND a.occurred_at <= coalesce(:after_time::timestamptz, 'infinity')
   AND (:after_time::timestamptz IS NULL OR (a.occurred_at, a.seq) < (:after_time, :after_seq::bigint))
   AND (:kind::text IS NULL OR a.kind = :kind)
   AND (:service::text IS NULL OR a.part = :service AND a.kind <> 'missing_leg')
   AND a.day >= coalesce(:first_day::date, '-infinity') AND a.day <= coalesce(:last_day::date, 'infinity')
   AND (:is_dismissed::boolean IS NULL OR (d.reason IS NOT NULL) = :is_dismissed)
 ORDER BY a.occurred_at DESC, a.seq DESC
 LIMIT :limit

-- name: of_user
-- Up to :limit anomalies of :user_id, latest first, after the anomaly :after_seq of :after_time (null for
-- the first page), of a :kind, of a :service, from :first_day to :last_day, and dismissed or not as
-- :is_dismissed; null for any.
SELECT {{columns}}
  FROM {{with_dismissals}}
 WHERE user_id = :user_id AND {{on_page}}

-- name: of_everyone
-- The same for all users, with :user_id null; for administrators.
SELECT {{columns}}
  FROM {{with_dismissals}}
 WHERE :user_id::text IS NULL AND {{on_page}}

-- name: of_id
-- The anomaly :anomaly_id of :user_id with the costs of its chart, in nano-dollars. For a call, `call_costs`
-- by UTC day and service. For a day, `day_costs` by UTC day, from :window_days days before it, of the
-- anomaly's service or of all services whose cost depends on usage; `explained_nano` is what unusually
-- expensive calls of that day cost above the usual, which is not part of the day's anomaly.
SELECT {{columns}}, a.day,
       (SELECT c.costs FROM calls AS c
         WHERE a.kind <> 'day_spike' AND c.call_id = a.subject AND c.user_id = a.user_id
           AND (c.user_id = :viewer_id OR :reads_all)) AS call_costs,
       (SELECT json_object_agg(s.day, s.nano)
          FROM (SELECT c.day, sum(c.cost_nano)::bigint AS nano
                  FROM user_day_costs AS c, cost_class_of(c.service) AS k
                 WHERE a.kind = 'day_spike' AND c.user_id = a.user_id
                   AND (c.user_id = :viewer_id OR :reads_all)
                   AND c.day BETWEEN a.day - :window_days::integer AND a.day
                   AND k.class = 'api' AND a.part IN ('', c.service)
                 GROUP BY c.day) AS s) AS day_costs,
       (SELECT min(u.day) FROM user_days AS u
         WHERE u.user_id = a.user_id AND (u.user_id = :viewer_id OR :reads_all)
           AND u.calls > 0) AS first_day,
       (SELECT coalesce(sum(o.observed_nano - o.expected_nano), 0)::bigint
          FROM cost_anomalies AS o
         WHERE o.user_id = a.user_id AND (o.user_id = :viewer_id OR :reads_all)
           AND o.day = a.day AND o.kind = 'call_spike' AND o.resolved_at IS NULL
           AND a.part IN ('', o.part)) AS explained_nano
  FROM {{with_dismissals}}
 WHERE anomaly_id = :anomaly_id::uuid AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
