"""Ray: joining or starting a cluster, its division among workers, and work spread over it."""
