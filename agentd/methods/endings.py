"""CompleteNode and FailNode."""

from agentd import decide
from agentd.methods.events import show_event_id
from agentd.methods.method import Command
from agentd.methods.state import load_node_to_charge

COMPLETE_NODE = Command(load_node_to_charge, decide.complete_node, show_event_id)
FAIL_NODE = Command(load_node_to_charge, decide.fail_node, show_event_id)
