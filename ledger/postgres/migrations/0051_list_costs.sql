-- What a cost would be at our own prices, where the event has the vendor's. The previous release leaves it null.

ALTER TABLE call_cost_events ADD COLUMN list_cost_nano bigint;
COMMENT ON COLUMN call_cost_events.list_cost_nano IS
    'Of a cost with its own totalCost: its quantities at the catalogue''s prices when it was recorded; null if the catalogue had no price for all of them.';
