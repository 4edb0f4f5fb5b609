-- Endpoints of vendors' webhooks, and their secrets. The API writes secrets, and reads them only through
-- find_webhook_endpoint, for one endpoint whose id it knows.

-- fragment: endpoint_columns
-- The fields of an endpoint, without secrets.
endpoint_id, provider, name, user_path, call_path, replay_seconds, settings::text, created_by, created_at,
accepted_at, refused_at, refusal

-- name: find
-- The endpoint :endpoint_id with its secrets. The :viewer is set before the function runs.
SELECT e.* FROM set_config('cost_analytics.viewer', :viewer, true), find_webhook_endpoint(:endpoint_id) AS e

-- name: note
-- Stores when :endpoint_id accepted a delivery, or :refusal if it refused one.
SELECT note_webhook(:endpoint_id, :refusal) FROM set_config('cost_analytics.viewer', :viewer, true)

-- name: count_held
-- The number of held events, up to :at_most.
SELECT count_held_events(:at_most) FROM set_config('cost_analytics.viewer', :viewer, true)

-- name: add
-- Stores an endpoint; nothing if there are :limit endpoints already.
INSERT INTO webhook_endpoints (endpoint_id, provider, name, user_path, call_path, replay_seconds, settings, created_by)
SELECT :endpoint_id, :provider, :name, :user_path, :call_path, :replay_seconds, :settings::text::jsonb, :created_by
 WHERE (SELECT count(*) FROM webhook_endpoints) < :limit

-- name: list
-- All endpoints, the newest first, without secrets.
SELECT {{endpoint_columns}}
  FROM webhook_endpoints ORDER BY created_at DESC, endpoint_id

-- name: endpoint
-- The endpoint :endpoint_id, locked to the end of the transaction.
SELECT {{endpoint_columns}}
  FROM webhook_endpoints WHERE endpoint_id = :endpoint_id FOR UPDATE

-- name: list_secrets
-- All secrets without their texts, the newest first.
SELECT secret_id, endpoint_id, created_by, created_at FROM webhook_secrets ORDER BY secret_id DESC

-- name: delete
-- Deletes the endpoint :endpoint_id with its secrets.
DELETE FROM webhook_endpoints WHERE endpoint_id = :endpoint_id

-- name: drop_older_secrets
-- Deletes all secrets of :endpoint_id except the newest :kept.
DELETE FROM webhook_secrets
 WHERE endpoint_id = :endpoint_id
   AND secret_id NOT IN (SELECT secret_id FROM webhook_secrets
                          WHERE endpoint_id = :endpoint_id ORDER BY secret_id DESC LIMIT :kept)

-- name: add_secret
-- Adds a :secret to :endpoint_id.
INSERT INTO webhook_secrets (endpoint_id, secret, created_by) VALUES (:endpoint_id, :secret, :created_by)

-- name: delete_secret
-- Deletes the secret :secret_id of :endpoint_id.
DELETE FROM webhook_secrets WHERE endpoint_id = :endpoint_id AND secret_id = :secret_id
