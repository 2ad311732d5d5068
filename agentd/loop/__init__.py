"""The multi-agent loop: four agents, a chat endpoint, and workers that may die.

The rule this room keeps: what is known of a run is in the journal and in the artifacts, never in a
process of the loop. So any worker takes over from any other, and a loop that was killed is resumed.

settings    what can be set: flags, environment, env file
secret      the key, which shows itself to nobody
agents      the four agents and the graph of their nodes
prompts     from an acquired node to the messages for the model
chat        one request to an OpenAI-compatible endpoint
completion  what the body of an answer is worth
failures    those that are transient, and those that are permanent
retries     how often to try again, and how long to wait for that
decoding    of the journal's JSON what the loop looks at
result      what a node is completed with
artifacts   files that are there as a whole or not at all
handler     the work on one node
worker      a worker process
process     one such process, as the loop sees it
pool        the worker processes of one run
report      who does what, told from the journal
run         a task from its registration to its artifacts
offline     a chat endpoint on loopback with scripted answers
script      those answers
"""
