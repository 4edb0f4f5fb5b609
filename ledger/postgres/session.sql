-- Who this session is.

-- name: powerful_login
-- How the role is called and why it is more than a process needs; nothing for one that is not.
SELECT format('%s %s', CASE WHEN rolsuper THEN 'the superuser' ELSE 'the owner of the tables,' END, rolname)
  FROM pg_roles AS r
 WHERE rolname = session_user
   AND (rolsuper OR EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('calls') AND relowner = r.oid))

-- name: keeps_keys
-- Whether the schema is there that keeps the keys of viewers.
SELECT to_regclass('viewer_keys') IS NOT NULL

-- name: sign
SELECT set_config('cost_analytics.viewer', :token, true)

-- name: signed
-- Raises where no key of the server has signed the viewer.
SELECT viewer()

-- name: keep_alive
-- Does nothing: the limit on an idle transaction begins again.
SELECT

-- name: time
SELECT clock_timestamp()
