-- Which service may send events of a source over HTTP: the first that did, until an operator decides
-- otherwise. Emitters that write to Kafka themselves are bound by Kafka's own access lists.

CREATE TABLE event_sources (
    source text COLLATE "C" PRIMARY KEY,
    subject text COLLATE "C" NOT NULL,
    owned_since timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX event_sources_of_subject ON event_sources (subject);
