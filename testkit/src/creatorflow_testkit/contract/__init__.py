"""The contract of platform adapters as tests: the real engine, the real adapter, a replica of the platform.

Subclass ``PlatformAdapterContract`` in a test file; ``docs/writing-a-platform.md`` shows it step by step.
"""

from creatorflow_testkit.contract.kit import PlatformAdapterContract
from creatorflow_testkit.contract.pictures import sample_png

__all__ = ["PlatformAdapterContract", "sample_png"]
