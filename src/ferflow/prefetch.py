"""Work that threads do ahead of whoever takes it, in order and with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ordered_map(items: Iterable[Item], work: Callable[[Item], Made], threads: int) -> Iterator[Made]:
    """`work` of each of `items`, in the order of `items`, made by `threads` threads.

    No more than twice as many as there are threads are made and not yet taken. What `work` raises is raised
    in its turn. Whoever stops taking leaves no thread behind.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
