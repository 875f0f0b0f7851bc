"""``python -m creatorflow_testkit.replica package.module:Class`` prints the provenance table of a replica."""

from __future__ import annotations

import sys

from creatorflow_testkit.replica.provenance import provenance_table
from creatorflow_testkit.sandbox.loading import load_replica

if __name__ == "__main__":
    sys.stdout.write(provenance_table(type(load_replica(sys.argv[1]))))
