-- The login of this session.

-- name: privileged_login
-- What this session's role is, a superuser or the owner of the tables, and its name; nothing for any other role.
SELECT format('%s %s', CASE WHEN rolsuper THEN 'the superuser' ELSE 'the owner of the tables,' END, rolname)
  FROM pg_roles AS r
 WHERE rolname = session_user
   AND (rolsuper OR EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('calls') AND relowner = r.oid))

-- name: has_viewer_keys
-- Whether the schema with the keys of viewers exists.
SELECT to_regclass('viewer_keys') IS NOT NULL

-- name: signed
-- The viewer of this transaction; an error unless a key of the server has signed it.
SELECT viewer()

-- name: keep_alive
-- Does nothing, which restarts the timeout of an idle transaction.
SELECT

-- name: time
-- The time now, also within a transaction.
SELECT clock_timestamp()
