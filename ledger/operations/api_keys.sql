-- Keys of services.

-- name: find
-- The key with the :digest that is not revoked. The :viewer is set before the function runs.
SELECT k.* FROM set_config('cost_analytics.viewer', :viewer, true), find_api_key(:digest) AS k

-- name: add
-- Stores a key by its :digest; nothing if the :service has :limit active keys already.
INSERT INTO api_keys (digest, hint, service, scopes, created_by)
SELECT :digest, :hint, :service, :scopes, :created_by
 WHERE (SELECT count(*) FROM api_keys WHERE service = :service AND revoked_at IS NULL) < :limit
RETURNING key_id, hint, service, scopes, created_by, created_at, revoked_by, revoked_at

-- name: list
-- Up to :limit keys: the active ones first, then the newest.
SELECT key_id, hint, service, scopes, created_by, created_at, revoked_by, revoked_at FROM api_keys
 ORDER BY revoked_at IS NOT NULL, key_id DESC LIMIT :limit

-- name: revoke
-- Revokes the key :key_id.
UPDATE api_keys SET revoked_by = :revoked_by, revoked_at = now()
 WHERE key_id = :key_id AND revoked_at IS NULL

-- name: key
-- The key :key_id.
SELECT key_id, hint, service, scopes, created_by, created_at, revoked_by, revoked_at FROM api_keys
 WHERE key_id = :key_id
