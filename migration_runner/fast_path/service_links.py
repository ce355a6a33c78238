"""The variables that Kubernetes sets in every pod for a Service, such as one named `migrate`.

https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
They look like settings of the runner, and are none. A Service is known by its whole set: a single
variable with such a name can be a typo.
"""

_PROTOCOLS = ("tcp", "udp", "sctp")
_PARTS = ("PROTO", "PORT", "ADDR")


def service_links(environment: dict[str, str]) -> list[str]:
    """Return the names of these variables."""
    return [
        name
        for service in _services(environment)
        for name, value in environment.items()
        if name.startswith(f"{service}_") and _is_link(name[len(service) + 1 :], value)
    ]


def _services(environment: dict[str, str]) -> list[str]:
    found = []
    for name, value in environment.items():
        if not name.endswith("_PORT") or value.partition("://")[0] not in _PROTOCOLS:
            continue
        service = name.removesuffix("_PORT")
        port = environment.get(f"{service}_SERVICE_PORT", "")
        if f"{service}_SERVICE_HOST" in environment and port.isdecimal():
            found.append(service)
    return found


def _is_link(name: str, value: str) -> bool:
    """Whether a variable, without its Service's name, is one of a Service's."""
    if name in ("PORT", "SERVICE_HOST", "SERVICE_PORT"):
        return True
    if name.startswith("SERVICE_PORT_"):
        # A port that has a name.
        return value.isdecimal()
    port, *rest = name.split("_")
    if port != "PORT" or len(rest) not in (2, 3):
        return False
    number, protocol, *part = rest
    named = protocol.lower() in _PROTOCOLS and protocol.isupper()
    return number.isdecimal() and named and (not part or part[0] in _PARTS)
