"""Documents of tasks, as people write them, for the tests of the command line."""

DIAMOND = """\
goal: Ship it
context: {branch: main}
nodes:
  - name: plan
  - name: build
    dependencies: [plan]
    payload: {command: make}
  - name: docs
    dependencies: [plan]
  - name: publish
    dependencies: [build, docs]
"""
