-- Whether the database can be read by the roles that processes have: roles, row policies and rights.

-- name: missing_policies
-- Those of the row policies $2, each on the table beside it in $1, that the database does not have.
SELECT relation, policy FROM unnest($1::text[], $2::text[]) AS expected (relation, policy)
WHERE NOT EXISTS (
    SELECT FROM pg_policies
    WHERE schemaname = current_schema() AND tablename = relation AND policyname = policy
)

-- name: missing_rights
-- Those of the privileges $3 (names or first letters) that the role beside it in $2 does not have to the relation in $1.
SELECT role, privilege, relation
FROM unnest($1::text[], $2::text[], $3::text[]) AS expected (relation, role, given)
JOIN (VALUES ('S', 'SELECT'), ('I', 'INSERT'), ('U', 'UPDATE'), ('D', 'DELETE')) AS known (letter, privilege)
  ON letter = left(given, 1)
WHERE to_regclass(relation) IS NOT NULL AND to_regrole(role) IS NOT NULL
  AND NOT has_table_privilege(role, relation, privilege)

-- name: drop_policy
-- The command that removes the policy $2 of the table $1, if it is there.
SELECT format('DROP POLICY IF EXISTS %I ON %I', $2::text, $1::text)

-- name: foreign_functions
-- Functions by which the API reads that none of the roles $1 owns: row policies would not hold in them.
SELECT p.proname AS name, r.rolname AS owner
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_roles AS r ON r.oid = p.proowner
WHERE n.nspname = 'cost_analytics_reads' AND r.rolname <> ALL ($1::text[])
ORDER BY 1
