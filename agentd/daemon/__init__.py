"""The process: socket, connections, the writer and its batches, the sweeper, start and stop."""
