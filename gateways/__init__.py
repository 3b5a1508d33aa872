"""Payment gateways' protocols: bytes in, facts out.

Nothing here knows the hub, its web framework, its database or its queue, and nothing here sends: a gateway builds requests and
reads answers, the caller sends, times and redacts them. `simulator/` is the other side of every protocol.
"""
