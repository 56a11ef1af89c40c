"""Hydra's globals, set aside while a command line is composed.

Whoever calls may be a Hydra program itself.
"""

import contextlib
import logging
from collections.abc import Iterator

# Configs that Hydra itself puts into its store.
HYDRA_CONFIGS = ("hydra", "_dummy_empty_config_.yaml")


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Give Hydra fresh globals within, and put the caller's back, also after an error."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.singleton import Singleton
    from hydra.core.utils import JobRuntime
    from hydra.version import VersionBase
    from omegaconf.basecontainer import BaseContainer

    configs = ConfigStore.instance()
    root = logging.getLogger()
    callers = {
        kind: Singleton._instances.pop(kind, None)
        for kind in (GlobalHydra, HydraConfig, JobRuntime, VersionBase)
    }
    repository = configs.repo
    resolvers = dict(BaseContainer._resolvers)
    level = root.level
    handlers = root.handlers[:]
    configs.repo = {name: node for name, node in repository.items() if name in HYDRA_CONFIGS}
    try:
        yield
    finally:
        for kind, instance in callers.items():
            Singleton._instances.pop(kind, None)
            if instance is not None:
                Singleton._instances[kind] = instance
        configs.repo = repository
        BaseContainer._resolvers.clear()
        BaseContainer._resolvers.update(resolvers)
        root.setLevel(level)
        root.handlers[:] = handlers
