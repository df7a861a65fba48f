"""Run shared.distributed with FSDP on CPU processes. accelerate takes FSDP's way on accelerators only; here it is told
that these are some, so that the same wrapping, gathering and saving can be tested without a card."""

import sys

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from shared import distributed

plain = AcceleratorState.__init__


def with_fsdp(self, *args, fsdp_plugin=None, **kwargs):
    """Make the state as ever, then call it FSDP's."""
    plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if self.distributed_type == DistributedType.MULTI_CPU and fsdp_plugin is not None:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin


AcceleratorState.__init__ = with_fsdp
sys.exit(distributed.main())
