-- What a batch writes thousands of times a second becomes cheaper to write.

ALTER TABLE calls
    ALTER COLUMN costs DROP DEFAULT,
    ALTER COLUMN costs TYPE text USING costs::text,
    ALTER COLUMN costs SET DEFAULT '{}';
COMMENT ON COLUMN calls.costs IS
    'JSON: nano-dollars by UTC day and service, the call''s own contribution to user_day_costs. Text, because it is rewritten with most events and seldom read into.';

-- Compressing these lists cost more than writing them; a row lives for about a second.
ALTER TABLE totals_outbox ALTER COLUMN call_ids SET STORAGE EXTERNAL;

CREATE FUNCTION as_texts(joined text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE left(joined, 1)
        WHEN '{' THEN joined::text[]
        ELSE string_to_array(substr(joined, 2), left(joined, 1))
    END;
COMMENT ON FUNCTION as_texts IS
    'A column of a batch: values behind the separator that begins the text, or the literal of an array.';
