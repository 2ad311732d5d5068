"""The process: socket, connections, the writer and its batches, the lease sweeper, start and stop."""
