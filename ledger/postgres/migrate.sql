-- name: lock
-- One migration at a time. Waits without the usual lock timeout.
SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false),
       pg_advisory_lock(hashtext('cost-analytics migrate'))

-- name: unlock
SELECT pg_advisory_unlock(hashtext('cost-analytics migrate'))

-- name: is_being_restored
-- Whether a restore has begun and is not complete.
SELECT to_regnamespace('cost_analytics_restore') IS NOT NULL

-- name: create_history
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: has_history
SELECT to_regclass('schema_migrations') IS NOT NULL

-- name: newest_version
SELECT coalesce(max(version), 0) FROM schema_migrations

-- name: record_version
INSERT INTO schema_migrations (version, name) VALUES (:version, :name)
