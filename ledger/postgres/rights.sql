-- Makes roles and rights agree with `grants.sql`. Commands cannot take parameters, so these statements
-- return the commands, with every name quoted.

-- name: missing_roles
-- Those of :roles that do not exist.
SELECT name FROM unnest(:roles::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)

-- name: may_create_roles
-- Whether this session may create roles.
SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user

-- name: create_role
-- The command that creates :role without a login; another database's migration may create it first.
SELECT format('DO $$ BEGIN CREATE ROLE %I NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$',
              :role::text)

-- name: grant_membership
-- The command that makes the role :member a member of :role.
SELECT format('GRANT %I TO %I', :role::text, :member::text)

-- name: relations
-- The tables and views of our schema, without partitions.
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
ORDER BY relname

-- name: revoke_all
-- The command that revokes all rights of :roles on :relation.
SELECT format('REVOKE ALL ON %I FROM %s', :relation::text,
              (SELECT string_agg(quote_ident(name), ', ') FROM unnest(:roles::text[]) AS name))

-- name: grant_table
-- The command that grants :role the rights :letters, such as SIU, on :relation.
SELECT format('GRANT %s ON %I TO %I',
              (SELECT string_agg(privilege, ', ')
                 FROM (VALUES ('S', 'SELECT'), ('I', 'INSERT'), ('U', 'UPDATE'), ('D', 'DELETE')) AS known (letter, privilege)
                WHERE strpos(:letters::text, letter) > 0),
              :relation::text, :role::text)

-- name: grant_columns
-- The command that grants :role the :privilege on :columns of :relation.
SELECT format('GRANT %s (%s) ON %I TO %I', :privilege::text, :columns::text, :relation::text, :role::text)

-- name: creates_reader
-- The first migration's statements about roles. Roles belong to the server and exist before it runs;
-- `migrate` may lack the right to create them.
DO $$ BEGIN
    CREATE ROLE cost_analytics_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT cost_analytics_reader TO CURRENT_USER;
