"""Downloads several addresses at once."""

import asyncio


async def download_all(fetch, addresses, limit=4):
    """The result of ``await fetch(address)`` for each address.

    Args:
        fetch: async function of one address.
        addresses: what to fetch; repetitions are fetched once.
        limit: how many fetches may be under way at a time.

    Returns:
        A dict of address and content, or the Exception that fetching it raised.
    """
    wanted = list(dict.fromkeys(addresses))

    async def one(address):
        async with asyncio.Semaphore(limit):
            return await fetch(address)

    contents = await asyncio.gather(*(one(address) for address in wanted), return_exceptions=True)
    return dict(zip(wanted, contents, strict=True))
