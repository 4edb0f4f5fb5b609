-- name: pending
-- What waits for approval, of service $1 or of all, beside the price that is in force without it.
SELECT p.*, f.price_usd AS in_force_usd, f.per_units AS in_force_per,
       f.effective_from AS in_force_from, f.source AS in_force_source
FROM price_proposals AS p
JOIN service_prices AS f ON f.price_id = p.in_force_price_id
WHERE p.state = 'pending' AND ($1::text IS NULL OR p.service = $1)
ORDER BY p.proposal_id

-- name: proposal
-- One proposal, likewise.
SELECT p.*, f.price_usd AS in_force_usd, f.per_units AS in_force_per,
       f.effective_from AS in_force_from, f.source AS in_force_source
FROM price_proposals AS p
JOIN service_prices AS f ON f.price_id = p.in_force_price_id
WHERE p.proposal_id = $1

-- name: lock
-- Keeps two people from deciding at once.
SELECT FROM price_proposals WHERE proposal_id = $1 FOR UPDATE

-- name: known
-- The same price proposed before and not replaced: by the source $8 for whatever moment, by people
-- ($8 is null) for the moment $9; what was rejected counts beside the same price in force, $10.
SELECT proposal_id, state
FROM price_proposals
WHERE (service, class, operation, model, unit) = ($1, $2, $3, $4, $5)
  AND price_usd * $7::bigint = $6::numeric * per_units
  AND (set_by = $8::text OR $8::text IS NULL AND effective_from = $9::timestamptz)
  AND (state = 'pending' OR state = 'rejected' AND $8::text IS NOT NULL AND in_force_price_id = $10::integer)
ORDER BY proposal_id DESC
LIMIT 1

-- name: propose
-- Lets a price wait.
INSERT INTO price_proposals (service, class, operation, model, unit, price_usd, per_units, effective_from, source,
                             set_by, in_force_price_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
RETURNING proposal_id, state

-- name: replace
-- What $6 proposed before for the keys $1 to $4 no longer holds, but for the proposals $5.
UPDATE price_proposals AS p
SET state = 'replaced', decided_at = now(), decided_by = $6
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS said (service, operation, model, unit)
WHERE (p.service, p.operation, p.model, p.unit) = (said.service, said.operation, said.model, said.unit)
  AND p.state = 'pending' AND p.set_by = $6 AND p.proposal_id <> ALL ($5::integer[])

-- name: replace_known
-- Of the keys $1 to $4, proposals that the catalogue has made superfluous: without them the same price
-- is in force at their moment. $5 is who entered it.
UPDATE price_proposals AS p
SET state = 'replaced', decided_at = now(), decided_by = $5
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS entered (service, operation, model, unit)
WHERE (p.service, p.operation, p.model, p.unit)
    = (entered.service, entered.operation, entered.model, entered.unit)
  AND p.state = 'pending'
  AND (
      SELECT s.price_usd * p.per_units = p.price_usd * s.per_units
        FROM service_prices AS s
       WHERE (s.service, s.operation, s.model, s.unit) = (p.service, p.operation, p.model, p.unit)
         AND s.effective_from <= p.effective_from
       ORDER BY s.effective_from DESC
       LIMIT 1)

-- name: decide
-- Notes the decision $2 by $3, and which row of the catalogue an approved price became.
UPDATE price_proposals AS p
SET state = $2, decided_at = now(), decided_by = $3,
    price_id = CASE WHEN $2 = 'approved' THEN (
        SELECT s.price_id FROM service_prices AS s
        WHERE (s.service, s.operation, s.model, s.unit, s.effective_from)
            = (p.service, p.operation, p.model, p.unit, p.effective_from)
    ) END
WHERE proposal_id = $1
