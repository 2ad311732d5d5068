-- Nodes that wait for nodes added later.
ALTER TABLE nodes ADD COLUMN dependencies_seq INTEGER;
