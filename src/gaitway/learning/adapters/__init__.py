"""Other libraries' environment interfaces over ours, a file each, so that none needs another's library."""
