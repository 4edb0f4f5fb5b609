-- Transactions on behalf of a viewer.

-- name: begin_reading
-- Begins a read-only transaction. It may stay idle while its client reads: it holds no locks that
-- other sessions wait for.
BEGIN READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = '60s'

-- name: begin_snapshot
-- The same, and all statements read one snapshot.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = '60s'

-- name: begin_writing
-- Begins a read-write transaction.
BEGIN

-- name: identify
-- Sets the viewer (:signed_viewer) for row policies.
SELECT set_config('cost_analytics.viewer', :signed_viewer, true)

-- name: commit
-- Ends the transaction and keeps its changes.
COMMIT

-- name: rollback
-- Ends the transaction and drops its changes.
ROLLBACK
