"""`nearfield setup`: from a few questions to a configuration that is right (docs/setup.md).

    interview = Interview(facts, present)
    while (step := interview.step) is not None: ...          # ask, tell `interview.answer(text)`

Questions and decisions are sans-IO; terminals, cards and files are the command's (device/cli/setup_command.py).
"""
