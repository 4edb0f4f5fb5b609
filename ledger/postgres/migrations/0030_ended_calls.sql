-- The last ended calls of a persona, whatever their status: what its calls usually last and cost.
-- The previous release reads by calls_completed, which therefore stays.

CREATE INDEX calls_ended ON calls (persona_id, ended_at DESC) WHERE status <> 'active';
