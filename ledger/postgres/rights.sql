-- Brings roles and rights into line with `grants.sql`. A command cannot take parameters, so these
-- statements write the commands, with every name quoted.

-- name: missing_roles
-- Those of :roles that the server does not have.
SELECT name FROM unnest(:roles::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)

-- name: may_create_roles
-- Whether this session may create roles.
SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user

-- name: create_role
-- The command that creates :role, which cannot log in; another database may be faster.
SELECT format('DO $$ BEGIN CREATE ROLE %I NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$',
              :role::text)

-- name: grant_membership
-- The command that lets the role :member have the rights of :role.
SELECT format('GRANT %I TO %I', :role::text, :member::text)

-- name: relations
-- The tables and views of our schema, without partitions.
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
ORDER BY relname

-- name: revoke_all
-- The command that takes all rights to :relation from :roles.
SELECT format('REVOKE ALL ON %I FROM %s', :relation::text,
              (SELECT string_agg(quote_ident(name), ', ') FROM unnest(:roles::text[]) AS name))

-- name: grant_table
-- The command that gives :role the rights :letters, such as SIU, to :relation.
SELECT format('GRANT %s ON %I TO %I',
              (SELECT string_agg(privilege, ', ')
                 FROM (VALUES ('S', 'SELECT'), ('I', 'INSERT'), ('U', 'UPDATE'), ('D', 'DELETE')) AS known (letter, privilege)
                WHERE strpos(:letters::text, letter) > 0),
              :relation::text, :role::text)

-- name: grant_columns
-- The command that gives :role the :privilege to :columns of :relation.
SELECT format('GRANT %s (%s) ON %I TO %I', :privilege::text, :columns::text, :relation::text, :role::text)

-- name: creates_reader
-- What the first migration does about roles. They belong to the server, not to the database, and
-- exist before it runs; `migrate` itself may create none.
DO $$ BEGIN
    CREATE ROLE cost_analytics_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT cost_analytics_reader TO CURRENT_USER;
