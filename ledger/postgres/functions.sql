-- Functions that read for a viewer in one round trip. Braces are placeholders for names and types that
-- `functions.py` fills in; all of them come from our own files and from PostgreSQL.

-- name: definition
-- A function that runs a statement for the viewer in its last parameter. It is owned by a role that row
-- policies restrict; being STABLE, it cannot change anything.
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

-- name: versioned_definition
-- The same for a report with a version. If the known version is current, the row has the version only.
-- Both statements read one snapshot, because the function is STABLE.
CREATE FUNCTION {name}({parameters}) RETURNS TABLE ({columns})
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $report$
#variable_conflict use_column
BEGIN
    PERFORM set_config('cost_analytics.viewer', ${viewer}, true);
    IF ${known_version} <> '' THEN
        SELECT current.version INTO version FROM (
{version}
) AS current;
        IF version = ${known_version} THEN
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY
{statement}
;
END
$report$

-- name: call
-- The statement that calls the function.
SELECT * FROM {name}({arguments})

-- name: create_schema
-- Creates the schema of the functions, which the API may use.
CREATE SCHEMA IF NOT EXISTS cost_analytics_reads;
GRANT USAGE ON SCHEMA cost_analytics_reads TO cost_analytics_api_rights

-- name: type_names
-- The names of the types :oids, in their order.
SELECT format_type(type, NULL) AS name FROM unnest(:oids::oid[]) WITH ORDINALITY AS requested (type,
                                                   ordinality) ORDER BY ordinality

-- name: quoted
-- The names :names quoted as identifiers, in their order.
SELECT quote_ident(name) AS name FROM unnest(:names::text[]) WITH ORDINALITY AS requested (name,
                                             ordinality) ORDER BY ordinality

-- name: installed
-- The existing functions: the digest of their definition, the release that superseded them, and their
-- owner.
SELECT p.proname AS name, p.oid::regprocedure::text AS signature, f.digest, f.superseded_by, pg_get_userbyid(p.proowner) AS owner
  FROM pg_proc AS p LEFT JOIN read_functions AS f ON f.name = p.proname
 WHERE p.pronamespace = to_regnamespace('cost_analytics_reads')

-- name: installed_count
-- How many of the functions :names exist.
SELECT count(DISTINCT proname) FROM pg_proc
 WHERE pronamespace = to_regnamespace('cost_analytics_reads') AND proname = ANY (:names::text[])

-- name: drop
-- Drops a function.
DROP FUNCTION {signature}

-- name: remove
-- Deletes the entry of the dropped function :name.
DELETE FROM read_functions WHERE name = :name

-- name: allow_ownership
-- Lets a role create functions, without which it cannot become the owner of one.
GRANT CREATE ON SCHEMA cost_analytics_reads TO {owner}

-- name: disallow_ownership
-- Revokes it, so that the role can create nothing later.
REVOKE CREATE ON SCHEMA cost_analytics_reads FROM {owner}

-- name: set_owner
-- Restricts the function to the API, and makes the restricted role its owner.
REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {signature} TO cost_analytics_api_rights;
ALTER FUNCTION {signature} OWNER TO {owner}

-- name: store_digest
-- Stores the :digest of the function :name.
INSERT INTO read_functions (name, digest) VALUES (:name, :digest)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, installed_at = now(), superseded_by = NULL

-- name: supersede
-- Marks the function :name as unused by the release with the functions :release; the previous release
-- may still use it.
UPDATE read_functions SET superseded_by = :release WHERE name = :name

-- name: restore
-- Marks the function :name as used again, after a return to its release.
UPDATE read_functions SET superseded_by = NULL WHERE name = :name AND superseded_by IS NOT NULL
