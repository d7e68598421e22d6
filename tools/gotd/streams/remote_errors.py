"""What libraries raise that speak to servers, as errors of ours."""

import contextlib
from collections.abc import Callable, Iterator

from gotd.errors import GotdError


@contextlib.contextmanager
def remote_errors(url: str, extra: str, translate: Callable[[Exception], GotdError]) -> Iterator[None]:
    """Raise GotdError in place of what a library raises.

    extra : what pip installs where the library is not there; translate : from its error to ours
    """
    try:
        yield
    except GotdError:
        raise
    except ImportError as error:
        raise GotdError(f"{url}: {error}; pip install {extra}") from error
    except Exception as error:  # of whichever library speaks HTTP
        raise translate(error) from error


def http_status(error: BaseException | None) -> int | None:
    """Return the HTTP status of the answer that a library's error tells of; None where it tells of none."""
    response = getattr(getattr(error, "backend_error", error), "response", None)  # smart_open keeps boto3's
    if isinstance(response, dict):  # as boto3 has it
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(response, "status_code", None)
    return found if isinstance(found, int) else None
