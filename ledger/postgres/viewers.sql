-- name: begin_reading
-- What follows sees one viewer's rows and can change nothing.
-- It may wait for its reader: no other session waits for its locks.
BEGIN READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = '60s'

-- name: begin_comparing
-- The same, and all that follows sees the same moment.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = '60s'

-- name: begin_writing
BEGIN

-- name: identify
-- Tells the row policies on whose behalf the transaction reads (:signed_viewer).
SELECT set_config('cost_analytics.viewer', :signed_viewer, true)

-- name: commit
COMMIT
