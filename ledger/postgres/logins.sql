-- Creates login roles. Commands cannot take parameters, so these statements return the commands, with
-- every name and text quoted. Run by an administrator of the server.

-- name: lock
-- One process at a time on this server: roles belong to all of its databases.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics roles'))

-- name: known_login
-- The role :login, if it exists, and whether it has more rights than our logins may have.
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication AS is_powerful
  FROM pg_roles WHERE rolname = :login

-- name: create_login
-- The command that creates :login with the password :verifier.
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :login::text, :verifier::text)

-- name: change_password
-- The command that gives :login the password :verifier.
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :login::text, :verifier::text)

-- name: bypass_policies
-- The command that lets :login see the rows of all users, which COPY also needs.
SELECT format('ALTER ROLE %I BYPASSRLS', :login::text)

-- name: grant_rights
-- The command that gives :login the rights of :role.
SELECT format('GRANT %I TO %I', :role::text, :login::text)

-- name: grant_ownership
-- The command that lets :login create functions owned by :role, without having its rights.
SELECT format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', :role::text, :login::text)

-- name: act_as
-- The command that lets this administrator act as :login, which a superuser may anyway.
SELECT format('GRANT %I TO CURRENT_USER', :login::text) FROM pg_roles WHERE rolname = current_user
AND NOT rolsuper

-- name: close_database
-- The command that restricts this database to named roles.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database())

-- name: open_database
-- The command that lets :logins connect to this database.
SELECT format('GRANT CONNECT ON DATABASE %I TO %s', current_database(),
              (SELECT string_agg(quote_ident(name), ', ') FROM unnest(:logins::text[]) AS name))

-- name: allow_temporary_tables
-- The command that lets :login create temporary tables, which `archive` needs.
SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), :login::text)

-- name: allow_schemas
-- The command that lets :login create schemas in this database.
SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), :login::text)

-- name: allow_tables
-- The command that lets :login create tables in our schema.
SELECT format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', current_schema(), :login::text)

-- name: open_schema
-- The command that lets :roles use our schema.
SELECT format('GRANT USAGE ON SCHEMA %I TO %s', current_schema(),
              (SELECT string_agg(quote_ident(name), ', ') FROM unnest(:roles::text[]) AS name))

-- name: allow_quiet
-- The command that lets :roles suppress expected errors in the server's log, which only a superuser
-- may allow.
SELECT format('GRANT SET ON PARAMETER log_min_messages TO %s',
              (SELECT string_agg(quote_ident(name), ', ') FROM unnest(:roles::text[]) AS name))
FROM pg_roles WHERE rolname = current_user AND rolsuper

-- name: foreign_objects
-- The commands that make the login :owner the owner of our tables, views, functions and schema.
SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, :owner::text) AS command
  FROM pg_class AS c
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
   AND pg_get_userbyid(c.relowner) <> :owner
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, :owner::text)
  FROM pg_proc AS p
 WHERE p.pronamespace = current_schema()::regnamespace AND pg_get_userbyid(p.proowner) <> :owner
UNION ALL
SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, :owner::text)
  FROM pg_namespace WHERE nspname = 'cost_analytics_reads' AND pg_get_userbyid(nspowner) <> :owner

-- name: set_role
-- Continues as the role :login.
SELECT set_config('role', :login, false)

-- name: reset_role
-- Continues as the administrator.
SELECT set_config('role', 'none', false)

-- name: has_key
-- Whether :login has a key.
SELECT EXISTS (SELECT FROM viewer_keys WHERE login = :login)

-- name: add_key
-- Stores the :inner_pad and :outer_pad of the key of :login.
INSERT INTO viewer_keys (login, inner_pad, outer_pad) VALUES (:login, :inner_pad, :outer_pad)
ON CONFLICT (login, inner_pad) DO UPDATE SET created_at = now()

-- name: drop_old_keys
-- Deletes all keys of :login except the newest two: a running process may sign with the older one.
DELETE FROM viewer_keys AS k
 WHERE login = :login AND (SELECT count(*) FROM viewer_keys AS n WHERE n.login = k.login
   AND n.created_at > k.created_at) >= 2
