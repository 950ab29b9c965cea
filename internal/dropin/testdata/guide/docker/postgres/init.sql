CREATE TABLE IF NOT EXISTS costs (id serial PRIMARY KEY, model text NOT NULL, cents integer NOT NULL);
INSERT INTO costs (model, cents) VALUES ('small', 3), ('large', 39);
