-- The one definition of a user's spend: the cost, or the charges minus refunds. PostgreSQL inlines it.

CREATE FUNCTION spend_nano(spend user_spend, by_cost boolean) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN by_cost THEN spend.cost_nano ELSE spend.charged_nano - spend.refunded_nano END;
