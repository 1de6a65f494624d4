"""Mailbox: all that one actor knows of another."""

from typing import Protocol, TypeVar

M_contra = TypeVar("M_contra", contravariant=True)


class Mailbox(Protocol[M_contra]):
    """Takes messages of type ``M_contra``.

    ``tell`` returns at once, may be called from any thread and does not raise. In a Pykka worker
    it is ``TypedRef(self.actor_ref)``; in asyncio code an object that hops to the loop; in a test
    a probe.
    """

    def tell(self, message: M_contra, /) -> None:
        """Hand ``message`` over; it is handled later, in the order of arrival."""
        ...
