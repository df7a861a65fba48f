"""Run shared.distributed with FSDP on CPU processes. accelerate takes FSDP's way on accelerators only; here it is told
that these are some, so that the same wrapping, gathering and saving can be tested without a card."""

import sys

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from shared import distributed

plain = AcceleratorState.__init__


def with_fsdp(self, *args, fsdp_plugin=None, **kwargs):
    """Make the state as ever, then call it FSDP's. All states share what they know; each new one is told again."""
    plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    self.fsdp_plugin = fsdp_plugin or self.__dict__.get("fsdp_plugin")
    if self.distributed_type == DistributedType.MULTI_CPU and self.fsdp_plugin is not None:
        self.distributed_type = DistributedType.FSDP


AcceleratorState.__init__ = with_fsdp
sys.exit(distributed.main())
