-- fragment: proposals
-- Proposals with the price in force without them.
SELECT p.*, f.price_usd AS in_force_usd, f.per_units AS in_force_per,
       f.effective_from AS in_force_from, f.source AS in_force_source,
       f.minimum_seconds AS in_force_minimum, f.increment_seconds AS in_force_increment
FROM price_proposals AS p
JOIN service_prices AS f ON f.price_id = p.in_force_price_id

-- name: pending
-- Pending proposals of :service or of all, with the price in force without them.
{{proposals}}
WHERE p.state = 'pending' AND (:service::text IS NULL OR p.service = :service)
ORDER BY p.proposal_id

-- name: proposal
-- The proposal :proposal_id, with the price in force without it.
{{proposals}}
WHERE p.proposal_id = :proposal_id

-- name: lock
-- Locks a proposal, so that it is decided once.
SELECT FROM price_proposals WHERE proposal_id = :proposal_id FOR UPDATE

-- name: known
-- The newest earlier proposal of the same price. For a row of the source :refreshed_by: one of this source, pending or
-- rejected while :in_force_price_id was in force. For any other row: a pending one with the same :effective_from.
SELECT proposal_id, state
FROM price_proposals
WHERE (service, class, operation, model, unit) = (:service, :class, :operation, :model, :unit)
  AND price_usd * :per_units::bigint = :price_usd::numeric * per_units
  AND (minimum_seconds, increment_seconds) = (:minimum_seconds::integer, :increment_seconds::integer)
  AND (set_by = :refreshed_by::text
       OR :refreshed_by::text IS NULL AND effective_from = :effective_from::timestamptz)
  AND (state = 'pending'
       OR state = 'rejected' AND :refreshed_by::text IS NOT NULL
          AND in_force_price_id = :in_force_price_id::integer)
ORDER BY proposal_id DESC
LIMIT 1

-- name: propose
-- Inserts a proposal.
INSERT INTO price_proposals (service, class, operation, model, unit, price_usd, per_units, effective_from, source,
                             minimum_seconds, increment_seconds, retires_on, is_deprecated, source_url,
                             source_date, set_by, in_force_price_id)
VALUES (:service, :class, :operation, :model, :unit, :price_usd, :per_units, :effective_from, :source,
        :minimum_seconds, :increment_seconds, :retires_on, :is_deprecated,
        :source_url, :source_date, :set_by, :in_force_price_id)
RETURNING proposal_id, state

-- name: replace
-- Replaces earlier proposals of :set_by for the keys :service to :unit, except the proposals :kept.
UPDATE price_proposals AS p
SET state = 'replaced', decided_at = now(), decided_by = :set_by
FROM unnest(:service::text[], :operation::text[], :model::text[], :unit::text[]) AS requested (service,
            operation, model, unit)
WHERE (p.service, p.operation, p.model, p.unit) = (requested.service, requested.operation, requested.model, requested.unit)
  AND p.state = 'pending' AND p.set_by = :set_by AND p.proposal_id <> ALL (:kept::integer[])

-- name: replace_known
-- Replaces proposals of the keys :service to :unit whose price is already in force, entered by :entered_by.
UPDATE price_proposals AS p
SET state = 'replaced', decided_at = now(), decided_by = :entered_by
FROM unnest(:service::text[], :operation::text[], :model::text[], :unit::text[]) AS entered (service,
            operation, model, unit)
WHERE (p.service, p.operation, p.model, p.unit)
    = (entered.service, entered.operation, entered.model, entered.unit)
  AND p.state = 'pending'
  AND (
      SELECT s.price_usd * p.per_units = p.price_usd * s.per_units
             AND (s.minimum_seconds, s.increment_seconds) = (p.minimum_seconds, p.increment_seconds)
        FROM service_prices AS s
       WHERE (s.service, s.operation, s.model, s.unit) = (p.service, p.operation, p.model, p.unit)
         AND s.effective_from <= p.effective_from
       ORDER BY s.effective_from DESC
       LIMIT 1)

-- name: decide
-- Stores the :decision by :decided_by, and the row of the catalogue that an approved price became.
UPDATE price_proposals AS p
SET state = :decision, decided_at = now(), decided_by = :decided_by,
    price_id = CASE WHEN :decision = 'approved' THEN (
        SELECT s.price_id FROM service_prices AS s
        WHERE (s.service, s.operation, s.model, s.unit, s.effective_from)
            = (p.service, p.operation, p.model, p.unit, p.effective_from)
    ) END
WHERE proposal_id = :proposal_id
