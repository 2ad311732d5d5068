-- Nodes that are added later, that are gates, that have checkpoints, and that locks are in the way of.
ALTER TABLE nodes ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN gate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN checkpoint_seq INTEGER;
ALTER TABLE nodes ADD COLUMN locks_in_way INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN locks_held INTEGER NOT NULL DEFAULT 0;

UPDATE nodes SET batch = added_seq - position;

DROP INDEX nodes_queue;
CREATE INDEX nodes_queue ON nodes (task_id, demand, rank, added_seq)
WHERE status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL AND gate = 0 AND locks_in_way = 0;
