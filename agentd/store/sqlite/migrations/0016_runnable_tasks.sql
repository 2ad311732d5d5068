-- The tasks that hand out nodes, by their age, whenever they got these nodes: no other is looked at.
ALTER TABLE queue ADD COLUMN registered_seq INTEGER NOT NULL DEFAULT 0;

UPDATE queue
SET registered_seq = (SELECT registered_seq FROM tasks WHERE tasks.task_id = queue.task_id);

DROP INDEX queue_tasks;
CREATE INDEX queue_tasks ON queue (registered_seq) WHERE hands_out;
