"""Makes methods of the functions in `requests`.

The rule this file keeps: help and signature of a method are those of the function that builds its
request, so that the two clients cannot disagree with it or with each other.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


def bind(method: Method, build: Callable[..., Any]) -> Method:
    """The method, with the name, the help and the parameters of `build`."""
    signature = inspect.signature(build)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    result = signature.return_annotation.__args__[0]
    signature = signature.replace(
        parameters=[this, *signature.parameters.values()], return_annotation=result
    )
    method.__name__ = build.__name__
    method.__doc__ = build.__doc__
    vars(method)["__signature__"] = signature
    return method
