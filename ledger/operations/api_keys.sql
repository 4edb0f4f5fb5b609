-- Keys of services.

-- fragment: key_columns
-- The fields of a key, without its digest.
key_id, hint, service, scopes, created_by, created_at, revoked_by, revoked_at, accepted_at, accepted_call_id, refused_at,
refusal

-- name: find
-- The key with the :digest. The :viewer is set before the function runs.
SELECT k.* FROM set_config('cost_analytics.viewer', :viewer, true), look_up_api_key(:digest) AS k

-- name: note
-- Stores that the key :key_id reported events of :call_id, or the :refusal. The :viewer is set before the function runs.
SELECT note_key_report(:key_id, :call_id, :refusal) FROM set_config('cost_analytics.viewer', :viewer, true)

-- name: add
-- Stores a key by its :digest; nothing if the :service has :limit active keys already.
INSERT INTO api_keys (digest, hint, service, scopes, created_by)
SELECT :digest, :hint, :service, :scopes, :created_by
 WHERE (SELECT count(*) FROM api_keys WHERE service = :service AND revoked_at IS NULL) < :limit
RETURNING {{key_columns}}

-- name: list
-- Up to :limit keys: the active ones first, then the newest.
SELECT {{key_columns}}
  FROM api_keys
 ORDER BY revoked_at IS NOT NULL, key_id DESC LIMIT :limit

-- name: unconfirmed
-- Active keys that are older than the last restore or recovery, and were not confirmed since.
SELECT {{key_columns}}
  FROM api_keys
 WHERE revoked_at IS NULL
   AND greatest(created_at, confirmed_at) < (SELECT max(raised_at) FROM ledger_epochs WHERE reason <> 'rebuild')
 ORDER BY key_id

-- name: confirm
-- Confirms those of :key_ids that are active; returns them.
UPDATE api_keys SET confirmed_at = clock_timestamp()
 WHERE key_id = ANY (:key_ids::integer[]) AND revoked_at IS NULL
RETURNING key_id

-- name: may_read
-- Whether the login of this session may read keys.
SELECT has_table_privilege('api_keys', 'SELECT')

-- name: revoke
-- Revokes the key :key_id.
UPDATE api_keys SET revoked_by = :revoked_by, revoked_at = now()
 WHERE key_id = :key_id AND revoked_at IS NULL

-- name: key
-- The key :key_id.
SELECT {{key_columns}}
  FROM api_keys
 WHERE key_id = :key_id

-- name: reported_call
-- The call :call_id: its user, status, numbers of counted and of held events, and cost; nothing if none of its events
-- was recorded.
SELECT call_id, user_id, status, event_count, held_count,
       (SELECT coalesce(sum(cost.value::bigint), 0)::bigint
          FROM jsonb_each(costs::jsonb) AS day, jsonb_each_text(day.value) AS cost) AS cost_nano
  FROM calls
 WHERE call_id = :call_id AND version > 0

-- name: refused_event
-- The newest refused event that names :call_id, since :since.
SELECT code, message, refused_at FROM newest_refusal(:call_id, :since)
