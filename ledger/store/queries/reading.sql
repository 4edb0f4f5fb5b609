-- name: begin_reading
-- What follows sees one viewer's rows and can change nothing.
BEGIN READ ONLY

-- name: begin_comparing
-- The same, and all that follows sees the same moment.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: begin_writing
BEGIN

-- name: identify
-- Takes the restricted role, and tells the row policies who is looking, to the end of the
-- transaction. $1 is the viewer, $2 is 'on' for an administrator.
SELECT set_config('role', 'cost_analytics_reader', true),
       set_config('cost_analytics.reader', $1, true),
       set_config('cost_analytics.reads_all', $2, true)

-- name: commit
COMMIT
