-- Missing roles, row policies and rights.

-- name: missing_policies
-- Those of the row policies :policies, each on the table at the same index of :relations, that do not
-- exist.
SELECT relation, policy FROM unnest(:relations::text[], :policies::text[]) AS expected (relation, policy)
WHERE NOT EXISTS (
    SELECT FROM pg_policies
    WHERE schemaname = current_schema() AND tablename = relation AND policyname = policy
)

-- name: missing_rights
-- Those of :privileges (names or first letters) that the role at the same index of :roles lacks on the
-- relation in :relations.
SELECT role, privilege, relation
FROM unnest(:relations::text[], :roles::text[], :privileges::text[]) AS expected (relation, role, given)
JOIN (VALUES ('S', 'SELECT'), ('I', 'INSERT'), ('U', 'UPDATE'), ('D', 'DELETE')) AS known (letter, privilege)
  ON letter = left(given, 1)
WHERE to_regclass(relation) IS NOT NULL AND to_regrole(role) IS NOT NULL
  AND NOT has_table_privilege(role, relation, privilege)

-- name: drop_policy
-- The command that drops the :policy of the table :relation, if it exists.
SELECT format('DROP POLICY IF EXISTS %I ON %I', :policy::text, :relation::text)

-- name: foreign_functions
-- Read functions of the API that are not owned by any of the roles :owners: row policies would not
-- apply in them.
SELECT p.proname AS name, r.rolname AS owner
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_roles AS r ON r.oid = p.proowner
WHERE n.nspname = 'cost_analytics_reads' AND r.rolname <> ALL (:owners::text[])
ORDER BY 1
