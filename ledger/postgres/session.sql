-- The login of this session.

-- name: privileged_login
-- The role's name and its excessive power; nothing for any other role.
SELECT format('%s %s', CASE WHEN rolsuper THEN 'the superuser' ELSE 'the owner of the tables,' END, rolname)
  FROM pg_roles AS r
 WHERE rolname = session_user
   AND (rolsuper OR EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('calls') AND relowner = r.oid))

-- name: keeps_keys
-- Whether the schema with the keys of viewers exists.
SELECT to_regclass('viewer_keys') IS NOT NULL

-- name: sign
SELECT set_config('cost_analytics.viewer', :token, true)

-- name: signed
-- Fails unless a key of the server has signed the viewer.
SELECT viewer()

-- name: keep_alive
-- Does nothing, which restarts the timeout of an idle transaction.
SELECT

-- name: time
SELECT clock_timestamp()
