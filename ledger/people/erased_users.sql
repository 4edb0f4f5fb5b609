-- The erased users, for writers.

-- name: erased_users
-- The generation of the newest erasure, 0 if there is none; the digest and pseudonym of each erased user; and the
-- keys of the digests.
SELECT coalesce(max(generation), 0) AS generation,
       coalesce(array_agg(digest ORDER BY generation), '{}') AS digests,
       coalesce(array_agg(pseudonym ORDER BY generation), '{}') AS pseudonyms,
       (SELECT coalesce(array_agg(key ORDER BY created_at, key), '{}') FROM erasure_keys) AS keys
FROM erased_users
