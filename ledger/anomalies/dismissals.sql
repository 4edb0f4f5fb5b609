-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition.

-- name: dismiss
-- Dismisses the anomaly :anomaly_id of :user_id with a :reason. With the same reason it changes nothing;
-- another reason replaces the dismissal.
INSERT INTO anomaly_dismissals AS d (anomaly_id, user_id, reason, dismissed_by)
SELECT anomaly_id, user_id, :reason, :viewer_id FROM cost_anomalies
 WHERE anomaly_id = :anomaly_id::uuid AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
    ON CONFLICT (anomaly_id) DO UPDATE
   SET reason = excluded.reason, dismissed_by = excluded.dismissed_by, dismissed_at = excluded.dismissed_at
 WHERE d.reason <> excluded.reason

-- name: undo
-- Removes the dismissal of the anomaly :anomaly_id of :user_id.
DELETE FROM anomaly_dismissals
 WHERE anomaly_id = :anomaly_id::uuid AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)

-- name: dismissed
-- The anomaly :anomaly_id of :user_id with its dismissal.
SELECT {{anomalies/lists.columns}}
  FROM {{anomalies/lists.with_dismissals}}
 WHERE anomaly_id = :anomaly_id::uuid AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
