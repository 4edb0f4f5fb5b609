-- The history of the schema, and the lock of `migrate`.

-- name: lock
-- Locks migrations for this session, and waits for the lock without the usual time limits.
SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false),
       pg_advisory_lock(hashtext('cost-analytics migrate'))

-- name: unlock
-- Releases the lock.
SELECT pg_advisory_unlock(hashtext('cost-analytics migrate'))

-- name: is_being_restored
-- Whether a restore has begun and is not complete.
SELECT to_regnamespace('cost_analytics_restore') IS NOT NULL

-- name: create_history
-- Creates the table of applied migrations.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: has_history
-- Whether that table exists.
SELECT to_regclass('schema_migrations') IS NOT NULL

-- name: newest_version
-- The version of the last applied migration; 0 if there is none.
SELECT coalesce(max(version), 0) FROM schema_migrations

-- name: record_version
-- Stores that the migration :name to :version is applied.
INSERT INTO schema_migrations (version, name) VALUES (:version, :name)
