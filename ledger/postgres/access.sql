-- Whether the database can be read by the roles that processes have: roles, row policies and rights.

-- name: missing_policies
-- Those of the row policies :policies, each on the table beside it in :relations, that the database does not
-- have.
SELECT relation, policy FROM unnest(:relations::text[], :policies::text[]) AS expected (relation, policy)
WHERE NOT EXISTS (
    SELECT FROM pg_policies
    WHERE schemaname = current_schema() AND tablename = relation AND policyname = policy
)

-- name: missing_rights
-- Those of :privileges (names or first letters) that the role beside it in :roles does not have to
-- the relation in :relations.
SELECT role, privilege, relation
FROM unnest(:relations::text[], :roles::text[], :privileges::text[]) AS expected (relation, role, given)
JOIN (VALUES ('S', 'SELECT'), ('I', 'INSERT'), ('U', 'UPDATE'), ('D', 'DELETE')) AS known (letter, privilege)
  ON letter = left(given, 1)
WHERE to_regclass(relation) IS NOT NULL AND to_regrole(role) IS NOT NULL
  AND NOT has_table_privilege(role, relation, privilege)

-- name: drop_policy
-- The command that removes the :policy of the table :relation, if it is there.
SELECT format('DROP POLICY IF EXISTS %I ON %I', :policy::text, :relation::text)

-- name: foreign_functions
-- Functions by which the API reads that none of the roles :owners owns: row policies would not hold
-- in them.
SELECT p.proname AS name, r.rolname AS owner
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_roles AS r ON r.oid = p.proowner
WHERE n.nspname = 'cost_analytics_reads' AND r.rolname <> ALL (:owners::text[])
ORDER BY 1
