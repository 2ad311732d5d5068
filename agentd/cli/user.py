"""Who types: the name that stands beside what a person says."""

import getpass


def user_name() -> str:
    """The user's name, where there is one: not every container gives its user one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "anonymous"
