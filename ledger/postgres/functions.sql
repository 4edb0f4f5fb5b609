-- Functions that read for a viewer in one round trip. Braces stand for names and types that
-- `functions.py` fills in; all of them come from our own files and from PostgreSQL itself.

-- name: definition
-- A function that runs a report for the viewer in its last parameter. It belongs to a role that row
-- policies restrict; being STABLE, it can change nothing.
CREATE FUNCTION {name}({parameters}) RETURNS TABLE ({columns})
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $report$
#variable_conflict use_column
BEGIN
    PERFORM set_config('cost_analytics.viewer', ${viewer}, true);
    RETURN QUERY
{statement}
;
END
$report$

-- name: call
-- How the API calls it.
SELECT * FROM {name}({arguments})

-- name: create_schema
CREATE SCHEMA IF NOT EXISTS cost_analytics_reads;
GRANT USAGE ON SCHEMA cost_analytics_reads TO cost_analytics_api_rights

-- name: type_names
-- The names of the types :oids, in their order.
SELECT format_type(type, NULL) AS name FROM unnest(:oids::oid[]) WITH ORDINALITY AS asked (type,
                                                   place) ORDER BY place

-- name: quoted
-- The names :names as SQL spells them, in their order.
SELECT quote_ident(name) AS name FROM unnest(:names::text[]) WITH ORDINALITY AS asked (name,
                                             place) ORDER BY place

-- name: installed
-- The functions that are there: with the digest they were made from, what took their place, and
-- whether they still belong to the role that policies restrict.
SELECT p.proname AS name, p.oid::regprocedure::text AS signature, f.digest, f.superseded_by, pg_get_userbyid(p.proowner) AS owner
  FROM pg_proc AS p LEFT JOIN read_functions AS f ON f.name = p.proname
 WHERE p.pronamespace = to_regnamespace('cost_analytics_reads')

-- name: installed_count
-- How many of the functions :names are there.
SELECT count(DISTINCT proname) FROM pg_proc
 WHERE pronamespace = to_regnamespace('cost_analytics_reads') AND proname = ANY (:names::text[])

-- name: drop
DROP FUNCTION {signature}

-- name: forget
DELETE FROM read_functions WHERE name = :name

-- name: let_own
-- A role must be allowed to create functions at the moment in which it is given one.
GRANT CREATE ON SCHEMA cost_analytics_reads TO {owner}

-- name: let_own_no_more
REVOKE CREATE ON SCHEMA cost_analytics_reads FROM {owner}

-- name: hand_over
-- Lets the API alone call the function, and hands it to the role that policies restrict.
REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {signature} TO cost_analytics_api_rights;
ALTER FUNCTION {signature} OWNER TO {owner}

-- name: note
-- Notes the :digest of the function :name.
INSERT INTO read_functions (name, digest) VALUES (:name, :digest)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, installed_at = now(), superseded_by = NULL

-- name: supersede
-- Notes that the release with the functions :release does not use the function :name: the release
-- before may.
UPDATE read_functions SET superseded_by = :release WHERE name = :name

-- name: use_again
UPDATE read_functions SET superseded_by = NULL WHERE name = :name AND superseded_by IS NOT NULL
