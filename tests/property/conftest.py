"""How long hypothesis searches: long enough to find what matters, short enough for every run.

Every run searches elsewhere, in CI too; what fails is printed with the steps that reproduce it.
`--hypothesis-seed=N` repeats a run, `AGENTD_TEST_EXAMPLES=2000` searches longer.
"""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("AGENTD_TEST_EXAMPLES", "100"))

settings.register_profile(
    "agentd",
    deadline=None,  # a slow machine is no failure
    derandomize=False,
    max_examples=EXAMPLES,
    # Explaining runs the example under a tracer, again and again: below 3.12 that takes longer than
    # a test may, and then nothing is told at all.
    phases=[phase for phase in Phase if phase is not Phase.explain],
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("agentd")
